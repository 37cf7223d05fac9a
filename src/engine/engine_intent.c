/* What a request was about to stop outlives the engine.
 *
 * A guest that powers off because it was asked to looks like one that has ended by itself, well,
 * and is left alone. So before anything is stopped (to be started again, recreated, or because a
 * network goes from under it) the stack's wish says of it that it was `destroyed`; an engine that
 * comes back takes an end of such a guest for what it was. When the request is over the mark goes,
 * but for those that did stay stopped.
 */
#include <string.h>

#include "base/log.h"
#include "base/memory.h"
#include "engine/engine_internal.h"

static bool stops(const struct plan_step *s)
{
    return s->kind == PLAN_CUNIK && s->verb != PLAN_CREATE && s->verb != PLAN_UPDATE &&
           s->verb != PLAN_REMOVE;
}

void cunik_engine_mark(struct prepared *p)
{
    _cleanup_map_ struct map stopped = {0};

    for (size_t i = 0; i < p->plan.n; i++)
        if (stops(&p->plan.steps[i]))
            cunik_map_add(&stopped, p->plan.steps[i].name, p);
    for (size_t i = 0; stopped.n && i < p->stored.n_cuniks; i++)
        if (cunik_map_has(&stopped, p->stored.cuniks[i].name))
            p->stored.cuniks[i].status.end = END_DESTROYED;
}

bool cunik_engine_is_marked(const struct world_cunik *stored)
{
    return stored && stored->status.end == END_DESTROYED;
}

static bool stays_stopped(struct engine *e, const char *name)
{
    struct live l;

    cunik_registry_look(&e->registry, name, &l);
    free(l.reason);
    return l.stopped || (l.state != CUNIK_ABSENT && !l.wanted);
}

void cunik_engine_unmark(struct engine *e, struct slot *s)
{
    _cleanup_error_ struct error *err = NULL;
    size_t n = 0;
    int r = 0;

    pthread_mutex_lock(&e->worlds);
    for (size_t i = 0; i < s->desired.n_cuniks; i++) {
        struct world_cunik *c = &s->desired.cuniks[i];
        if (!cunik_engine_is_marked(c) || stays_stopped(e, c->name))
            continue;
        c->status.end = END_NONE;
        n++;
    }
    if (n && s->known)
        r = e->host.ops->state_write(e->host.ctx, s->stack, &s->desired, &err);
    pthread_mutex_unlock(&e->worlds);
    /* The mark that stays does no more than have a one-shot started once too often. */
    if (r < 0)
        cunik_log(LOG_LEVEL_WARNING, "the wish for stack '%s': %s", s->stack,
                  err ? err->message : strerror(-r));
}
