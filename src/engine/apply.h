/* Carrying a plan out: independent steps at once, each when all it waits for is so far.
 *
 * A step that fails undoes what it made itself; what requires it is skipped, the rest goes on, and
 * the error names every failure with its cause. Waiting for health or for an end takes no thread:
 * the step is put aside until the registry says so.
 *
 * Besides the plan's steps there are jobs of its own: the rule set, once, when the networks are
 * there and before any guest starts (or, when none starts, at the end); when a whole stack goes,
 * taking all its links away in one message when the last guest has ended; and for each copy that an
 * update recreates its turn, which no worker does (apply_updates.c).
 *
 * Within a step what tells of a thing (a domain's label, a bridge) is made first and removed last,
 * so that whatever a death leaves behind is seen by the next look.
 */
#pragma once

#include <stdbool.h>

#include "engine/clock.h"
#include "engine/event.h"
#include "engine/host.h"
#include "engine/plan.h"
#include "engine/registry.h"

struct apply_settings {
    const struct host *host;
    const struct engine_clock *clock;
    struct registry *registry;
    const char *stack;
    const struct plan *plan;
    const struct world *actual; /* as planned with; cuniks and networks that go are taken from it */
    const struct world *desired; /* what is made is taken from it */
    bool whole;                  /* the stack goes: its links in one message */
    bool kill;                   /* no asking to power off */
    enum plan_pace pace;         /* as planned with */
    int64_t grace_ns;            /* replaces each cunik's own; -1 = theirs */
    size_t parallel;             /* steps at once; 0 = 32 */
    int64_t deadline_ns;         /* of the clock: for conditions; CLOCK_NEVER = none */
    const _Atomic bool *cancel;  /* may be NULL */
    /* The engine's side. */
    void *ctx;
    int (*rules)(void *ctx, struct error **err);
    int (*start)(void *ctx, const struct world_cunik *c, struct error **err);
    int (*stop)(void *ctx, const struct world_cunik *c, bool kill, int64_t grace_ns,
                struct error **err);
    /* A volume that nobody has; one that is gone is no error. */
    int (*volume_remove)(void *ctx, const char *name, struct error **err);
    /* It has been updated in place. */
    void (*updated)(void *ctx, const struct world_cunik *c, const struct world_cunik *old);
    /* The update of a service has failed, and is to be undone when all else is over. */
    void (*roll_back)(void *ctx, const char *service);
    /* Who waits to end the service, so that its update is not to be waited for; NULL = nobody. */
    char *(*ended_by)(void *ctx, const char *service);
    /* A cunik's step is over: it is nobody's until its next one. */
    void (*released)(void *ctx, const char *name);
    void (*emit)(void *ctx, const struct event *e);
};

struct apply;

/* The settings, and what they point to, are borrowed until the end. */
struct apply *cunik_apply_create(const struct apply_settings *settings);
/* Runs everything; ERROR_CANCELLED when *cancel became true, ERROR_TIMEOUT when a condition was not
 * met, or a copy had not proved well, by the deadline. To be called once. */
int cunik_apply_run(struct apply *a, struct error **err);
/* The registry's entry `name` has changed (NULL: look at *cancel). From any thread. */
void cunik_apply_poke(struct apply *a, const char *name);
void cunik_apply_destroy(struct apply *a);
