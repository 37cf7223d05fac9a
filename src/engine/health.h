/* Health probes: TCP, HTTP, LOG, CMD and CMD-SHELL, from the host, many at once in one thread.
 *
 * While a target is starting, a failed probe is tried again within milliseconds (backing off to
 * start_interval at most), so that a guest is known to be ready as soon as it is. From then on
 * probes come every `interval`; `retries` failures in a row outside of start_period make it
 * unhealthy. One thread sleeps in epoll_wait on sockets, a timerfd, inotify (LOG) and pidfds (CMD):
 * with nothing to do it uses no CPU.
 *
 * While a target is starting a failure counts once per interval only, from the end of start_period
 * on: it becomes unhealthy after start_period + retries * interval, however often it was asked. A
 * LOG target that has matched is healthy until it is added anew. Commands run on the host as the
 * engine's user, in a process group that is killed at the timeout and when they end, 32 at once;
 * their environment is the engine's own (without its CUNIK_* variables) with CUNIK_NAME,
 * CUNIK_STACK, CUNIK_SERVICE, CUNIK_ADDRESS (of the first interface), CUNIK_ADDRESSES (all, with
 * blanks between them) and CUNIK_ADDRESS_NETWORK for each network (capitals, digits and
 * underscores). What tests look like: probe_test.h.
 */
#pragma once

#include "engine/world.h"

/* The times and retries of a test that says none, Docker's; it has no test. */
extern const struct world_health cunik_health_usual;
/* Gives *to that test, with those times. */
void cunik_health_set_test(struct world_health *to, const struct strv *test);

struct prober;

/* Called from the prober's thread whenever a target's health or its last failure changes. It may
 * call the functions below. A call that was under way when a target was removed or added anew may
 * still end after that: who must know for certain asks cunik_prober_health(). */
typedef void cunik_health_changed(void *ctx, const char *name, enum cunik_health health,
                                  const char *reason);

int cunik_prober_create(cunik_health_changed *changed, void *ctx, struct prober **ret,
                        struct error **err);
void cunik_prober_destroy(struct prober *p);

/* Begins probing a cunik that has just been started (again). A cunik of that name that is being
 * probed is replaced. address: of its first interface ("" = none: TCP and HTTP are then unhealthy
 * with that reason); console: path of its console file, for LOG, from byte console_offset on. */
void cunik_prober_add(struct prober *p, const struct world_cunik *c, const char *address,
                      const char *console, uint64_t console_offset);
void cunik_prober_remove(struct prober *p, const char *name);
/* What is known now: HEALTH_STARTING from the return of cunik_prober_add() on, HEALTH_NONE for a
 * name that is not probed. *ret_reason, when not NULL, is the caller's. */
enum cunik_health cunik_prober_health(struct prober *p, const char *name, char **ret_reason);

/* A test that cannot work is a mistake of the stack file: ERROR_INVALID says what is wrong
 * (unknown kind, bad port, bad URL, bad regular expression). Pure. */
int cunik_health_check_test(const struct strv *test, struct error **err);
