/* Going back to what a stack was before a request that has failed.
 *
 * What was there is the desired world now: every cunik as its label said, with its addresses, and
 * in the state it had. So going back is planned and carried out like anything else, also where the
 * request got no further than its first step.
 */
#include <string.h>

#include "base/memory.h"
#include "engine/engine_internal.h"

void cunik_engine_remember(struct engine *e, struct slot *s, struct wish_before *ret)
{
    *ret = (struct wish_before){0};
    pthread_mutex_lock(&e->worlds);
    cunik_world_copy(&ret->desired, &s->desired);
    ret->known = s->known;
    pthread_mutex_unlock(&e->worlds);
}

static bool of(const char *stack, const struct slot *s)
{
    return strcmp(stack, s->stack) == 0;
}

static void add_network(struct world *w, const struct world_network *n)
{
    if (n && !cunik_world_network(w, n->name))
        cunik_world_network_copy(ARRAY_APPEND(w->networks, w->n_networks), n);
}

/* Its networks; those that others make are known from the wishes. */
static void add_networks_of(struct world *w, const struct world_cunik *c,
                            const struct wish_before *before, const struct prepared *p)
{
    for (size_t i = 0; i < c->n_interfaces; i++) {
        add_network(w, cunik_world_network(&before->desired, c->interfaces[i].network));
        add_network(w, cunik_world_network(&p->desired, c->interfaces[i].network));
    }
}

/* What did not run is to be there and not to run: stopped as it is, or made and not started. */
static enum cunik_state state_wanted(const struct world_cunik *was, const struct world_cunik *is)
{
    _cleanup_strv_ struct strv recreate = {0}, update = {0};

    if (cunik_state_is_active(was->status.state))
        return CUNIK_RUNNING;
    if (!is)
        return CUNIK_CREATED;
    cunik_world_cunik_diff(is, was, &recreate, &update);
    return recreate.n ? CUNIK_CREATED : CUNIK_EXITED;
}

static void describe(const struct slot *s, const struct prepared *p,
                     const struct wish_before *before, const struct world *now, struct world *ret)
{
    for (size_t i = 0; i < p->observed.n_networks; i++)
        if (of(p->observed.networks[i].stack, s))
            add_network(ret, &p->observed.networks[i]);
    for (size_t i = 0; i < p->observed.n_cuniks; i++) {
        const struct world_cunik *was = &p->observed.cuniks[i];
        if (!of(was->stack, s))
            continue;
        struct world_cunik *c = ARRAY_APPEND(ret->cuniks, ret->n_cuniks);
        cunik_world_cunik_copy(c, was);
        c->status.state = state_wanted(was, cunik_world_cunik(now, was->name));
        add_networks_of(ret, c, before, p);
    }
}

/* The wish of before; of a stack that nobody had written down, what was there. */
static int wish_again(struct engine *e, struct slot *s, const struct wish_before *before,
                      struct prepared *back, struct error **err)
{
    bool known = before->known || back->desired.n_cuniks || back->desired.n_networks;
    struct world others = {0};

    cunik_world_copy(&back->stored, before->known ? &before->desired : &back->desired);
    int r = e->host.ops->state_write(e->host.ctx, s->stack, known ? &back->stored : NULL, err);
    pthread_mutex_lock(&e->worlds);
    cunik_engine_settle(s, &back->stored, &others, known && r == 0);
    pthread_mutex_unlock(&e->worlds);
    return r;
}

static int go_back(struct engine *e, struct slot *s, const struct prepared *p,
                   const struct wish_before *before, const struct event_sink *sink,
                   struct error **err)
{
    struct prepared back = {.options = {.stack = s->stack, .remove_orphans = true}};
    const struct strv none = {0};
    int r = cunik_engine_observe(e, &back.observed, err);

    if (r == 0) {
        describe(s, p, before, &back.observed, &back.desired);
        back.whole = !back.desired.n_cuniks && !back.desired.n_networks;
        r = cunik_plan_make(&back.observed, &back.desired, &back.options, &back.plan, err);
    }
    if (r == 0)
        r = wish_again(e, s, before, &back, err);
    if (r == 0) {
        cunik_engine_hold(e, &back.plan, true);
        cunik_engine_emit_plan(e, &back, sink, &none);
        r = cunik_engine_run_plan(e, &back, NULL, sink, NULL, CLOCK_NEVER, err);
        cunik_engine_hold(e, &back.plan, false);
    }
    cunik_engine_prepared_done(&back);
    return r;
}

void cunik_engine_go_back(struct engine *e, struct slot *s, const struct prepared *p,
                          const struct wish_before *before, const struct event_sink *sink,
                          struct error **err)
{
    _cleanup_error_ struct error *why = NULL, *first = TAKE_PTR(*err);

    cunik_engine_warn(e, sink, s->stack, "going back to what the stack was before");
    if (go_back(e, s, p, before, sink, &why) < 0)
        cunik_error_set(err, first->code, "%s\ngoing back has failed as well: %s", first->message,
                        why ? why->message : "failed");
    else
        cunik_error_set(err, first->code, "%s\nthe stack is what it was before", first->message);
}
