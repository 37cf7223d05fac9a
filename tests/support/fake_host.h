/* A host in memory: plays bridges, taps, names, rules, domains and the state folder, records what
 * is done to it, and can fail, die, dawdle and be interfered with. It is strict where the real host
 * is: a guest does not start without its taps, a tap needs its bridge, a running domain cannot be
 * undefined.
 */
#pragma once

#include <stdbool.h>

#include "engine/host.h"

struct fake_host;

struct fake_host *fake_host_create(void);
void fake_host_destroy(struct fake_host *f);
DEFINE_CLEANUP(struct fake_host *, fake_host_destroy)
#define _cleanup_fake_host_ _cleanup_(fake_host_destroyp)

/* The table to give to the engine; valid as long as f is. */
const struct host *fake_host_table(struct fake_host *f);

/* Called whenever a domain's state changes by itself or by interference, without locks held. */
void fake_host_on_change(struct fake_host *f, void (*changed)(void *ctx, const char *name),
                         void *ctx);

/* What it knows of itself for cunik_assign(): to be changed before it is used. */
struct host_facts *fake_host_facts(struct fake_host *f);

/* The k-th changing operation from now on (from 1; 0 = none) fails: without its effect, or with it
 * when `after`. With `dead` all that follow fail as well, until the next call. */
void fake_host_fail_at(struct fake_host *f, size_t k, bool after, bool dead);
/* The k-th is where this process ends, by SIGKILL, before or after its effect; what is then on the
 * host is written to fd, for another process's host. */
void fake_host_kill_at(struct fake_host *f, size_t k, bool after, int fd);
/* The same without waiting for an operation any more. */
void fake_host_kill_now(struct fake_host *f);
void fake_host_revive(struct fake_host *f, const char *text);
/* Every operation of this name on this thing fails until called with fail = false, such as
 * ("domain_start", "demo-web-1"). */
void fake_host_fail_on(struct fake_host *f, const char *operation, const char *thing, bool fail);
/* The next operation of this name on this thing, or "observe" on "", is met by `met`, once: before
 * it has begun; a look when it has seen what it gives back. In its thread, without locks held. */
void fake_host_meet(struct fake_host *f, const char *operation, const char *thing,
                    void (*met)(void *ctx), void *ctx);
/* Changing operations so far. */
size_t fake_host_operations(const struct fake_host *f);
/* How long each changing operation takes. */
void fake_host_set_latency(struct fake_host *f, int64_t ns);

/* "domain_start demo-web-1" for each changing operation that was tried, in order. */
void fake_host_log(struct fake_host *f, struct strv *ret);
void fake_host_log_clear(struct fake_host *f);
/* Whether the log has this line, and its place; SIZE_MAX when not. */
size_t fake_host_log_find(struct fake_host *f, const char *line);
/* The most domain_start calls under way at once. */
size_t fake_host_most_starts(const struct fake_host *f);

/* Guests. A guest of a service that "exits" ends right after each start with that code; -1 = runs
 * on. A deaf one does not hear a request to power off. */
void fake_host_exits(struct fake_host *f, const char *service, int64_t code);
void fake_host_set_deaf(struct fake_host *f, const char *service);
/* Ends a running guest. */
void fake_host_end(struct fake_host *f, const char *name, enum cunik_end end, int64_t exit_code);
bool fake_host_runs(struct fake_host *f, const char *name);
/* How often a domain was started. */
size_t fake_host_starts(struct fake_host *f, const char *name);

/* All kernels are built anew: their files are others now. */
void fake_host_rebuild(struct fake_host *f);
/* Which build a cunik's guest is of, from 0. */
int64_t fake_host_build(struct fake_host *f, const char *name);

/* Interference. */
void fake_host_vanish_domain(struct fake_host *f, const char *name);
void fake_host_change_domain(struct fake_host *f, const char *name, const char *what);
void fake_host_delete_tap(struct fake_host *f, const char *link);
void fake_host_unplug_tap(struct fake_host *f, const char *link);
void fake_host_delete_bridge(struct fake_host *f, const char *network);
void fake_host_kill_names(struct fake_host *f, const char *network);
void fake_host_flush_rules(struct fake_host *f);
/* The host starts anew: domains are defined and ended, links, names and rules are gone. */
void fake_host_reboot(struct fake_host *f);

/* All that is there: "domain demo-web-1 running", "tap ckt…", "bridge …", "names …", "rule …",
 * "state demo", sorted. */
void fake_host_inventory(struct fake_host *f, struct strv *ret);
/* What the engine did that a real host would have suffered from (a guest started before its ports
 * were in the rules, a bridge removed under a running guest): must stay empty. */
void fake_host_violations(struct fake_host *f, struct strv *ret);
