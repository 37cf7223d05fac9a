/* Up: from what is asked for to a desired world whose names, addresses and images are settled. */
#include "base/memory.h"
#include "engine/engine_prepare.h"
#include "engine/plan_graph.h"
#include "engine/world_network.h"

/* Adds what another stack is wanted to be and is perhaps not yet. */
static void borrow_taken(struct world *to, struct map *cuniks, struct map *networks,
                         const struct world *from)
{
    for (size_t i = 0; i < from->n_cuniks; i++)
        if (cunik_map_add(cuniks, from->cuniks[i].name, to))
            *ARRAY_APPEND(to->cuniks, to->n_cuniks) = from->cuniks[i];
    for (size_t i = 0; i < from->n_networks; i++)
        if (!from->networks[i].external && cunik_map_add(networks, from->networks[i].name, to))
            *ARRAY_APPEND(to->networks, to->n_networks) = from->networks[i];
}

/* What will be there beside the desired world, for the assignment: what was observed, less what is
 * about to go, and what other requests are about to take. It borrows. */
static void neighbours(const struct engine *e, const struct slot *s, const struct request *r,
                       const struct world *observed, const struct world *desired,
                       const bool *in_scope, struct world *ret)
{
    _cleanup_map_ struct map wanted = {0}, services = {0}, seen = {0}, nets = {0};

    for (size_t i = 0; i < desired->n_cuniks; i++) {
        cunik_map_add(&wanted, desired->cuniks[i].name, ret);
        cunik_map_set(&services, desired->cuniks[i].service, in_scope[i] ? ret : NULL);
    }
    for (size_t i = 0; i < desired->services.n; i++)
        cunik_map_add(&services, desired->services.items[i], ret);
    for (size_t i = 0; i < observed->n_cuniks; i++) {
        const struct world_cunik *c = &observed->cuniks[i];
        bool goes = cunik_prepare_is_of(c->stack, s) && !cunik_map_has(&wanted, c->name) &&
                    ((r->remove_orphans && !*c->one_off &&
                      !cunik_strv_has(&desired->inactive, c->service)) ||
                     cunik_map_get(&services, c->service));
        if (!goes && cunik_map_add(&seen, c->name, ret))
            *ARRAY_APPEND(ret->cuniks, ret->n_cuniks) = *c;
    }
    for (size_t i = 0; i < observed->n_networks; i++)
        if (cunik_map_add(&nets, observed->networks[i].name, ret))
            *ARRAY_APPEND(ret->networks, ret->n_networks) = observed->networks[i];
    for (size_t i = 0; i < e->slots.n; i++) {
        const struct slot *other = e->slots.entries[i].value;
        if (other == s)
            continue;
        borrow_taken(ret, &seen, &nets, &other->desired);
        if (other->reserved)
            borrow_taken(ret, &seen, &nets, other->reserved);
    }
}

/* Which cuniks of the desired world a request is about. */
static int find_scope(const struct request *r, const struct world *desired, bool **ret,
                      struct error **err)
{
    struct plan_graph g;
    int e = cunik_plan_graph_init(&g, desired, r->stack, true, err);

    if (e < 0)
        return e;
    _cleanup_free_ bool *services = cunik_calloc(g.n, sizeof(*services));
    bool *cuniks = cunik_calloc(desired->n_cuniks, sizeof(*cuniks));
    for (size_t i = 0; i < g.n; i++)
        services[i] = cunik_request_names_service(r, g.names[i]);
    if (!r->no_dependencies)
        cunik_plan_graph_close(&g, services);
    for (size_t i = 0; i < g.n; i++)
        for (size_t k = g.member_first[i]; k < g.member_first[i + 1]; k++)
            cuniks[g.members[k]] = services[i];
    cunik_plan_graph_done(&g);
    *ret = cuniks;
    return 0;
}

/* A network that the request is not about stays what it was: the host keeps it so. */
static void merge_networks(const struct world *desired, const bool *in_scope,
                           const struct world *last, struct world *ret)
{
    for (size_t i = 0; i < desired->n_networks; i++) {
        const struct world_network *n = &desired->networks[i];
        const struct world_network *old = cunik_world_network(last, n->name);
        bool meant = !old, used = false;
        for (size_t k = 0; k < desired->n_cuniks && !meant; k++) {
            bool is_on = cunik_world_is_on(&desired->cuniks[k], n->name);
            meant = is_on && in_scope[k];
            used = used || is_on;
        }
        cunik_prepare_add_network(ret, meant || !used ? n : old);
    }
}

/* What to write down: the wish, and of what it is not about the one before it. */
static void merge_wish(const struct slot *s, const struct world *desired, const bool *in_scope,
                       const struct world *observed, struct world *ret)
{
    _cleanup_map_ struct map before = {0}, there = {0};
    _cleanup_world_ struct world last = {0};

    cunik_prepare_last_wish(s, observed, &last);
    for (size_t i = 0; i < last.n_cuniks; i++)
        cunik_map_add(&before, last.cuniks[i].name, &last.cuniks[i]);
    for (size_t i = 0; i < observed->n_cuniks; i++)
        cunik_map_add(&there, observed->cuniks[i].name, &observed->cuniks[i]);
    merge_networks(desired, in_scope, &last, ret);
    for (size_t i = 0; i < desired->n_cuniks; i++) {
        const struct world_cunik *c = &desired->cuniks[i];
        const struct world_cunik *old = cunik_map_get(&before, c->name);
        const struct world_cunik *now = cunik_map_get(&there, c->name);
        if (!in_scope[i]) {
            if (old)
                cunik_prepare_add_cunik(ret, old, old->status.state);
        } else if (c->status.state == CUNIK_CREATED && now &&
                   cunik_state_is_active(now->status.state)) {
            cunik_prepare_add_cunik(ret, c, CUNIK_RUNNING);
        } else {
            cunik_prepare_add_cunik(ret, c, c->status.state);
        }
    }
    cunik_strv_copy(&ret->services, &desired->services);
    cunik_strv_copy(&ret->inactive, &desired->inactive);
}

static void note_names(struct map *latest, const struct world *w, const struct slot *without)
{
    for (size_t i = 0; i < w->n_cuniks; i++)
        if (!cunik_prepare_is_of(w->cuniks[i].stack, without))
            cunik_map_set(latest, w->cuniks[i].name, &w->cuniks[i]);
}

/* No two are called the same, however near to each other they were renamed: what others are wanted
 * to be is newer than what was observed. */
static int check_called(const struct engine *e, const struct slot *s, const struct prepared *p,
                        const bool *in_scope, struct error **err)
{
    _cleanup_map_ struct map latest = {0}, called = {0};

    note_names(&latest, &p->observed, s);
    for (size_t i = 0; i < e->slots.n; i++) {
        const struct slot *other = e->slots.entries[i].value;
        note_names(&latest, &other->desired, s);
        if (other->reserved)
            note_names(&latest, other->reserved, s);
    }
    for (size_t i = 0; i < latest.n; i++)
        cunik_map_add(&called, cunik_world_called(latest.entries[i].value),
                      latest.entries[i].value);
    for (size_t i = 0; i < p->desired.n_cuniks; i++) {
        const struct world_cunik *c = &p->desired.cuniks[i];
        const struct world_cunik *other =
            in_scope[i] ? cunik_map_get(&called, cunik_world_called(c)) : NULL;
        if (other && (*c->called || *other->called))
            return cunik_error_set(err, ERROR_CONFLICT,
                                   "the name '%s' is taken by a cunik of stack '%s'",
                                   cunik_world_called(c), other->stack);
    }
    return 0;
}

static int assign(struct engine *e, struct slot *s, const struct request *r, bool reserve,
                  const bool *in_scope, struct prepared *p, struct error **err)
{
    struct world beside = {0};
    struct host_facts facts = {0};

    pthread_mutex_lock(&e->worlds);
    neighbours(e, s, r, &p->observed, &p->desired, in_scope, &beside);
    int e_ = check_called(e, s, p, in_scope, err);
    if (e_ == 0)
        e_ = cunik_engine_check_networks(e, s, &p->desired, err);
    if (e_ == 0)
        e_ = e->host.ops->facts(e->host.ctx, &facts, err);
    if (e_ == 0)
        e_ = cunik_assign(&p->desired, &beside, &facts, err);
    if (e_ == 0 && reserve)
        s->reserved = &p->desired;
    pthread_mutex_unlock(&e->worlds);
    free(beside.cuniks);
    free(beside.networks);
    return e_;
}

/* In a stack's turn, so that of two who make the same one does. */
static int check_new(const struct slot *s, const struct prepared *p, struct error **err)
{
    for (size_t i = 0; i < p->observed.n_cuniks; i++)
        if (cunik_prepare_is_of(p->observed.cuniks[i].stack, s))
            return cunik_error_set(err, ERROR_CONFLICT, "the name '%s' is taken by cunik '%s'",
                                   s->stack, cunik_world_called(&p->observed.cuniks[i]));
    return 0;
}

int cunik_prepare_up(struct engine *e, struct slot *s, const struct request *r, bool reserve,
                     struct prepared *p, struct error **err)
{
    _cleanup_free_ bool *in_scope = NULL;

    cunik_world_copy(&p->desired, &r->desired);
    for (size_t i = 0; i < p->desired.n_cuniks; i++)
        p->desired.cuniks[i].status.state = r->no_start ? CUNIK_CREATED : CUNIK_RUNNING;
    int e_ = r->only_new ? check_new(s, p, err) : 0;
    if (e_ == 0 && r->only_there)
        e_ = cunik_engine_keep_states(r, &p->observed, &p->desired, err);
    if (e_ == 0)
        e_ = find_scope(r, &p->desired, &in_scope, err);
    pthread_rwlock_rdlock(&e->taking);
    if (e_ == 0)
        e_ = cunik_engine_use_images(e, &p->desired, in_scope, err);
    if (e_ == 0)
        e_ = assign(e, s, r, reserve, in_scope, p, err);
    pthread_rwlock_unlock(&e->taking);
    if (e_ < 0)
        return e_;
    pthread_mutex_lock(&e->worlds);
    merge_wish(s, &p->desired, in_scope, &p->observed, &p->stored);
    pthread_mutex_unlock(&e->worlds);
    p->options.recreate = r->recreate;
    p->options.remove_orphans = r->remove_orphans;
    return 0;
}
