/* From a request to a plan: what is there, what is wanted, and what lies between. */
#include "engine/engine_prepare.h"

#include "base/memory.h"

/* This very copy of it. What was made for one purpose is not done again unless it is meant. */
static bool named_copy(const struct request *r, const struct world_cunik *c)
{
    bool again = r->action == ACTION_START || r->action == ACTION_RESTART;

    if (*c->one_off && again && !r->services.n)
        return false;
    return cunik_request_names(r, c);
}

void cunik_prepare_add_cunik(struct world *w, const struct world_cunik *c, enum cunik_state state)
{
    struct world_cunik *copy = ARRAY_APPEND(w->cuniks, w->n_cuniks);

    cunik_world_cunik_copy(copy, c);
    copy->status.state = state;
}

void cunik_prepare_add_network(struct world *w, const struct world_network *n)
{
    cunik_world_network_copy(ARRAY_APPEND(w->networks, w->n_networks), n);
}

void cunik_prepare_last_wish(const struct slot *s, const struct world *observed, struct world *ret)
{
    if (s->known) {
        cunik_world_copy(ret, &s->desired);
        return;
    }
    for (size_t i = 0; i < observed->n_networks; i++)
        if (cunik_prepare_is_of(observed->networks[i].stack, s))
            cunik_prepare_add_network(ret, &observed->networks[i]);
    for (size_t i = 0; i < observed->n_cuniks; i++)
        if (cunik_prepare_is_of(observed->cuniks[i].stack, s))
            cunik_prepare_add_cunik(ret, &observed->cuniks[i],
                                    cunik_state_is_active(observed->cuniks[i].status.state)
                                        ? CUNIK_RUNNING
                                        : CUNIK_EXITED);
    cunik_engine_add_foreign(ret, observed);
}

/* All but up work on what is there */

static bool has_network(const struct world *w, const char *name)
{
    return cunik_world_network(w, name) != NULL;
}

static void prepare_existing(struct engine *e, struct slot *s, const struct request *r,
                             struct prepared *p)
{
    bool stop = r->action == ACTION_STOP || r->action == ACTION_KILL;
    enum cunik_state wanted = stop ? CUNIK_EXITED : CUNIK_RUNNING;

    pthread_mutex_lock(&e->worlds);
    cunik_prepare_last_wish(s, &p->observed, &p->stored);
    pthread_mutex_unlock(&e->worlds);
    for (size_t i = 0; i < p->stored.n_networks; i++)
        cunik_prepare_add_network(&p->desired, &p->stored.networks[i]);
    for (size_t i = 0; i < p->observed.n_networks; i++)
        if (cunik_prepare_is_of(p->observed.networks[i].stack, s) &&
            !has_network(&p->desired, p->observed.networks[i].name))
            cunik_prepare_add_network(&p->desired, &p->observed.networks[i]);
    for (size_t i = 0; i < p->observed.n_cuniks; i++) {
        const struct world_cunik *c = &p->observed.cuniks[i];
        if (!cunik_prepare_is_of(c->stack, s))
            continue;
        cunik_prepare_add_cunik(&p->desired, c,
                                named_copy(r, c)                         ? wanted
                                : cunik_state_is_active(c->status.state) ? CUNIK_RUNNING
                                                                         : CUNIK_EXITED);
    }
    cunik_engine_add_foreign(&p->desired, &p->observed);
    for (size_t i = 0; i < p->stored.n_cuniks; i++)
        if (named_copy(r, &p->stored.cuniks[i]))
            p->stored.cuniks[i].status.state = wanted;
    p->options.existing = true;
    p->options.start = r->action == ACTION_START;
    p->options.restart = r->action == ACTION_RESTART;
    p->options.kill = r->action == ACTION_KILL;
}

static int prepare_down(struct engine *e, struct slot *s, const struct request *r,
                        struct prepared *p, struct error **err)
{
    p->options.down = true;
    p->options.volumes = r->volumes;
    int e_ = cunik_engine_find_spared(s, r, &p->observed, &p->spared, err);
    p->options.spared = p->spared;
    if (e_ < 0 || (!r->services.n && !r->cuniks.n && !p->spared.n))
        return e_;
    _cleanup_world_ struct world last = {0};
    pthread_mutex_lock(&e->worlds);
    cunik_prepare_last_wish(s, &p->observed, &last);
    pthread_mutex_unlock(&e->worlds);
    for (size_t i = 0; i < last.n_networks; i++)
        cunik_prepare_add_network(&p->stored, &last.networks[i]);
    for (size_t i = 0; i < last.n_cuniks; i++)
        if (!named_copy(r, &last.cuniks[i]) || cunik_strv_has(&p->spared, last.cuniks[i].name))
            cunik_prepare_add_cunik(&p->stored, &last.cuniks[i], last.cuniks[i].status.state);
    return 0;
}

/* What of the stack is there, is not wanted and stays all the same. */
static void find_others(const struct slot *s, struct prepared *p)
{
    _cleanup_map_ struct map gone = {0}, wanted = {0};

    for (size_t i = 0; i < p->plan.n; i++)
        if (p->plan.steps[i].verb == PLAN_REMOVE && p->plan.steps[i].kind != PLAN_VOLUME)
            cunik_map_add(&gone, p->plan.steps[i].name, p);
    for (size_t i = 0; i < p->stored.n_cuniks; i++)
        cunik_map_add(&wanted, p->stored.cuniks[i].name, p);
    for (size_t i = 0; i < p->stored.n_networks; i++)
        cunik_map_add(&wanted, p->stored.networks[i].name, p);
    for (size_t i = 0; i < p->observed.n_cuniks; i++) {
        const struct world_cunik *c = &p->observed.cuniks[i];
        if (cunik_prepare_is_of(c->stack, s) && !cunik_map_has(&gone, c->name) &&
            !cunik_map_has(&wanted, c->name))
            cunik_prepare_add_cunik(&p->others, c,
                                    cunik_state_is_active(c->status.state) ? CUNIK_RUNNING
                                                                           : CUNIK_EXITED);
    }
    for (size_t i = 0; i < p->observed.n_networks; i++) {
        const struct world_network *n = &p->observed.networks[i];
        if (cunik_prepare_is_of(n->stack, s) && !cunik_map_has(&gone, n->name) &&
            !cunik_map_has(&wanted, n->name))
            cunik_prepare_add_network(&p->others, n);
    }
}

/* Whether nothing of the stack stays. */
static bool takes_all(const struct request *r, const struct prepared *p)
{
    return r->action == ACTION_DOWN && !r->services.n && !r->cuniks.n && !p->spared.n &&
           !p->others.n_networks && !p->others.n_cuniks;
}

int cunik_engine_prepare(struct engine *e, struct slot *s, const struct request *r, bool reserve,
                         struct prepared *ret, struct error **err)
{
    struct prepared p = {
        .options = {.stack = s->stack, .services = r->services, .cuniks = r->cuniks}};
    int e_ = cunik_request_check(r, err);

    if (e_ == 0)
        e_ = cunik_engine_observe(e, &p.observed, err);
    if (e_ == 0) {
        p.options.no_dependencies = r->no_dependencies;
        if (r->action == ACTION_UP)
            e_ = cunik_prepare_up(e, s, r, reserve, &p, err);
        else if (r->action == ACTION_DOWN)
            e_ = prepare_down(e, s, r, &p, err);
        else
            prepare_existing(e, s, r, &p);
    }
    if (e_ == 0 && (p.desired.n_volumes || p.options.volumes != PLAN_VOLUMES_STAY))
        e_ = cunik_engine_see_volumes(e, &p.observed, &p.options.volumes_seen, err);
    if (e_ == 0)
        e_ = cunik_engine_plan_beside(e, s, reserve, &p, err);
    if (e_ < 0) {
        if (reserve)
            cunik_engine_unreserve(e, s);
        cunik_engine_prepared_done(&p);
        return e_;
    }
    find_others(s, &p);
    p.whole = takes_all(r, &p);
    *ret = p;
    if (reserve) {
        pthread_mutex_lock(&e->worlds);
        s->reserved = r->action == ACTION_UP ? &ret->desired : NULL;
        s->found = &ret->observed;
        pthread_mutex_unlock(&e->worlds);
    }
    return 0;
}

void cunik_engine_unreserve(struct engine *e, struct slot *s)
{
    pthread_mutex_lock(&e->worlds);
    s->reserved = s->found = NULL;
    cunik_strv_done(&s->leaving);
    pthread_mutex_unlock(&e->worlds);
}

void cunik_engine_prepared_done(struct prepared *p)
{
    cunik_world_done(&p->observed);
    cunik_world_done(&p->desired);
    cunik_world_done(&p->stored);
    cunik_world_done(&p->others);
    cunik_plan_done(&p->plan);
    cunik_strv_done(&p->spared);
    cunik_strv_done(&p->rollback);
}
