/* The supervisor's own parts: supervise.c (its thread, and threads for work that takes time),
 * supervise_look.c (what it sees), supervise_restart.c, supervise_repair.c (drift) and
 * supervise_names.c. */
#pragma once

#include "base/time.h"
#include "engine/engine_internal.h"

#define SUPERVISE_AGAIN_NS NS_PER_SECOND /* after a look that failed */

/* Work for a thread of its own; whoever does it frees it. */
struct errand {
    struct engine *e;
    struct slot *slot;
    struct world_cunik cunik; /* of a restart */
};

/* Starts the thread, which has been counted in e->threads; false when there is none to be had. */
bool cunik_supervise_send(struct engine *e, struct slot *s, void *(*work)(void *),
                          struct errand *errand);
/* The last thing a thread does with the engine. */
void cunik_supervise_return(struct engine *e);
/* Has the supervisor look at the host after that time. */
void cunik_supervise_look_again(struct engine *e, int64_t after_ns);

/* The wait after `backoff`: it doubles from `first` on, up to a minute. */
static inline int64_t cunik_supervise_backoff(int64_t backoff, int64_t first)
{
    const int64_t most = 60 * NS_PER_SECOND;

    return backoff == 0 ? first : backoff > most / 2 ? most : backoff * 2;
}

/* What follows from what was seen when `seq` was the registry's last change; true: of some cunik
 * something newer is known, so that one has to look once more. */
bool cunik_supervise_follow(struct engine *e, const struct world *w, uint64_t seq);

/* Restarts what is due; and the earliest that is due after `now`: what is due already waits for
 * somebody who will wake us. */
void cunik_supervise_restart(struct engine *e, int64_t now);
int64_t cunik_supervise_next_restart(struct engine *e, int64_t now);
/* After an end, or a start that failed; with the registry's lock held. */
void cunik_supervise_plan_restart(struct engine *e, struct registry_cunik *c);

/* Takes the names of what is unhealthy away where its network asks for that, and gives them back;
 * w is what was seen when `seq` was the registry's last change. */
void cunik_supervise_names(struct engine *e, const struct world *w, uint64_t seq);

/* Has the stacks that have drifted from what they should be repaired; w is what was seen. */
void cunik_supervise_repair(struct engine *e, const struct world *w);
