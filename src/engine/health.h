/* Health probes: TCP, HTTP, LOG, CMD and CMD-SHELL, from the host, many at once in one thread.
 *
 * While a target is starting, a failed probe is tried again within milliseconds (backing off to
 * start_interval at most), so that a guest is known to be ready as soon as it is. From then on
 * probes come every `interval`; `retries` failures in a row outside of start_period make it
 * unhealthy. One thread sleeps in epoll_wait on sockets, a timerfd, inotify (LOG) and pidfds (CMD):
 * with nothing to do it uses no CPU.
 */
#pragma once

#include "engine/world.h"

struct prober;

/* Called from the prober's thread whenever a target's health or its last failure changes. */
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

/* A test that cannot work is a mistake of the stack file: ERROR_INVALID says what is wrong
 * (unknown kind, bad port, bad URL, bad regular expression). Pure. */
int cunik_health_check_test(const struct strv *test, struct error **err);
