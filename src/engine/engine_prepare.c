/* From a request to a plan: what is there, what is wanted, and what lies between. */
#include <string.h>

#include "base/memory.h"
#include "engine/engine_internal.h"
#include "engine/plan_graph.h"

static bool active(const struct world_cunik *c)
{
    return cunik_state_is_active(c->status.state);
}

static bool of(const char *stack, const struct slot *s)
{
    return strcmp(stack, s->stack) == 0;
}

static bool named(const struct request *r, const char *service)
{
    return !r->services.n || cunik_strv_has(&r->services, service);
}

/* This very copy of it. What was made for one purpose is not done again unless it is meant. */
static bool named_copy(const struct request *r, const struct world_cunik *c)
{
    bool again = r->action == ACTION_START || r->action == ACTION_RESTART;

    if (c->one_off && again && !r->services.n)
        return false;
    return named(r, c->service) && (!r->cuniks.n || cunik_strv_has(&r->cuniks, c->name));
}

static void add_cunik(struct world *w, const struct world_cunik *c, enum cunik_state state)
{
    struct world_cunik *copy = ARRAY_APPEND(w->cuniks, w->n_cuniks);

    cunik_world_cunik_copy(copy, c);
    copy->status.state = state;
}

static void add_network(struct world *w, const struct world_network *n)
{
    cunik_world_network_copy(ARRAY_APPEND(w->networks, w->n_networks), n);
}

/* What the stack is wanted to be, as far as is known: its last wish, or what is there. */
static void last_wish(const struct slot *s, const struct world *observed, struct world *ret)
{
    if (s->known) {
        cunik_world_copy(ret, &s->desired);
        return;
    }
    for (size_t i = 0; i < observed->n_networks; i++)
        if (of(observed->networks[i].stack, s))
            add_network(ret, &observed->networks[i]);
    for (size_t i = 0; i < observed->n_cuniks; i++)
        if (of(observed->cuniks[i].stack, s))
            add_cunik(ret, &observed->cuniks[i],
                      active(&observed->cuniks[i]) ? CUNIK_RUNNING : CUNIK_EXITED);
    cunik_engine_add_foreign(ret, observed);
}

/* Up */

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
        bool goes = of(c->stack, s) && !cunik_map_has(&wanted, c->name) &&
                    ((r->remove_orphans && !c->one_off &&
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
        services[i] = named(r, g.names[i]);
    if (!r->no_dependencies)
        cunik_plan_graph_close(&g, services);
    for (size_t i = 0; i < g.n; i++)
        for (size_t k = g.member_first[i]; k < g.member_first[i + 1]; k++)
            cuniks[g.members[k]] = services[i];
    cunik_plan_graph_done(&g);
    *ret = cuniks;
    return 0;
}

/* What to write down: the wish, and of what it is not about the one before it. */
static void merge_wish(const struct slot *s, const struct world *desired, const bool *in_scope,
                       const struct world *observed, struct world *ret)
{
    _cleanup_map_ struct map before = {0}, there = {0};
    _cleanup_world_ struct world last = {0};

    last_wish(s, observed, &last);
    for (size_t i = 0; i < last.n_cuniks; i++)
        cunik_map_add(&before, last.cuniks[i].name, &last.cuniks[i]);
    for (size_t i = 0; i < observed->n_cuniks; i++)
        cunik_map_add(&there, observed->cuniks[i].name, &observed->cuniks[i]);
    for (size_t i = 0; i < desired->n_networks; i++)
        add_network(ret, &desired->networks[i]);
    for (size_t i = 0; i < desired->n_cuniks; i++) {
        const struct world_cunik *c = &desired->cuniks[i];
        const struct world_cunik *old = cunik_map_get(&before, c->name);
        const struct world_cunik *now = cunik_map_get(&there, c->name);
        if (!in_scope[i]) {
            if (old)
                add_cunik(ret, old, old->status.state);
        } else if (c->status.state == CUNIK_CREATED && now && active(now)) {
            add_cunik(ret, c, CUNIK_RUNNING);
        } else {
            add_cunik(ret, c, c->status.state);
        }
    }
    cunik_strv_copy(&ret->services, &desired->services);
    cunik_strv_copy(&ret->inactive, &desired->inactive);
}

static void note_names(struct map *latest, const struct world *w, const struct slot *without)
{
    for (size_t i = 0; i < w->n_cuniks; i++)
        if (!of(w->cuniks[i].stack, without))
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
        if (of(p->observed.cuniks[i].stack, s))
            return cunik_error_set(err, ERROR_CONFLICT, "the name '%s' is taken by cunik '%s'",
                                   s->stack, cunik_world_called(&p->observed.cuniks[i]));
    return 0;
}

static int prepare_up(struct engine *e, struct slot *s, const struct request *r, bool reserve,
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

/* The others work on what is there */

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
    last_wish(s, &p->observed, &p->stored);
    pthread_mutex_unlock(&e->worlds);
    for (size_t i = 0; i < p->stored.n_networks; i++)
        add_network(&p->desired, &p->stored.networks[i]);
    for (size_t i = 0; i < p->observed.n_networks; i++)
        if (of(p->observed.networks[i].stack, s) &&
            !has_network(&p->desired, p->observed.networks[i].name))
            add_network(&p->desired, &p->observed.networks[i]);
    for (size_t i = 0; i < p->observed.n_cuniks; i++) {
        const struct world_cunik *c = &p->observed.cuniks[i];
        if (!of(c->stack, s))
            continue;
        add_cunik(&p->desired, c,
                  named_copy(r, c) ? wanted
                  : active(c)      ? CUNIK_RUNNING
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
    last_wish(s, &p->observed, &last);
    pthread_mutex_unlock(&e->worlds);
    for (size_t i = 0; i < last.n_networks; i++)
        add_network(&p->stored, &last.networks[i]);
    for (size_t i = 0; i < last.n_cuniks; i++)
        if (!named_copy(r, &last.cuniks[i]) || cunik_strv_has(&p->spared, last.cuniks[i].name))
            add_cunik(&p->stored, &last.cuniks[i], last.cuniks[i].status.state);
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
        if (of(c->stack, s) && !cunik_map_has(&gone, c->name) && !cunik_map_has(&wanted, c->name))
            add_cunik(&p->others, c, active(c) ? CUNIK_RUNNING : CUNIK_EXITED);
    }
    for (size_t i = 0; i < p->observed.n_networks; i++) {
        const struct world_network *n = &p->observed.networks[i];
        if (of(n->stack, s) && !cunik_map_has(&gone, n->name) && !cunik_map_has(&wanted, n->name))
            add_network(&p->others, n);
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
            e_ = prepare_up(e, s, r, reserve, &p, err);
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

static void find_lost(struct engine *e, const struct slot *s, struct strv *ret)
{
    pthread_mutex_lock(&e->registry.lock);
    for (size_t i = 0; i < e->registry.entries.n; i++) {
        const struct registry_cunik *c = e->registry.entries.entries[i].value;
        if (c->lost && of(c->stack, s))
            cunik_strv_add(ret, c->name);
    }
    pthread_mutex_unlock(&e->registry.lock);
}

static bool needs_recreation(const struct world_cunik *actual, const struct world_cunik *wished)
{
    _cleanup_strv_ struct strv recreate = {0}, update = {0};

    cunik_world_cunik_diff(actual, wished, &recreate, &update);
    return recreate.n > 0;
}

/* The wish may be one that a request has not carried out: a repair goes by what is there, and does
 * not say of a guest that it is already what it is to become. Rules are made for the wish. */
static void keep_what_is_there(const struct slot *s, const struct world *observed, struct world *w)
{
    _cleanup_map_ struct map seen = {0};

    for (size_t i = 0; i < observed->n_cuniks; i++)
        cunik_map_add(&seen, observed->cuniks[i].name, &observed->cuniks[i]);
    for (size_t i = 0; i < w->n_cuniks; i++) {
        struct world_cunik *c = &w->cuniks[i], kept = {0};
        const struct world_cunik *is = cunik_map_get(&seen, c->name);
        if (!is || !of(is->stack, s) || is->status.unreadable || !needs_recreation(is, c))
            continue;
        cunik_world_cunik_copy(&kept, is);
        kept.status.state = c->status.state;
        struct world_port *ports = kept.ports;
        size_t n_ports = kept.n_ports;
        kept.ports = c->ports;
        kept.n_ports = c->n_ports;
        c->ports = ports;
        c->n_ports = n_ports;
        cunik_world_cunik_done(c);
        *c = kept;
    }
    for (size_t i = 0; i < w->n_networks; i++) {
        struct world_network *n = &w->networks[i];
        const struct world_network *is = cunik_world_network(observed, n->name);
        _cleanup_strv_ struct strv recreate = {0}, update = {0};
        /* Of one whose file is gone the bridge tells only a part. */
        if (!is || n->external || !of(is->stack, s) || !*is->key)
            continue;
        cunik_world_network_diff(is, n, &recreate, &update);
        if (!recreate.n)
            continue;
        cunik_world_network_done(n);
        *n = (struct world_network){0};
        cunik_world_network_copy(n, is);
    }
}

int cunik_engine_prepare_repair(struct engine *e, struct slot *s, bool resume, struct prepared *ret,
                                struct error **err)
{
    _cleanup_strv_ struct strv lost = {0};
    struct prepared p = {.options = {.stack = s->stack, .repair = true, .resume = resume}};
    int r = cunik_engine_observe(e, &p.observed, err);

    if (r == 0) {
        pthread_mutex_lock(&e->worlds);
        last_wish(s, &p.observed, &p.desired);
        pthread_mutex_unlock(&e->worlds);
        keep_what_is_there(s, &p.observed, &p.desired);
        find_lost(e, s, &lost);
        p.options.lost = lost;
        r = cunik_plan_make(&p.observed, &p.desired, &p.options, &p.plan, err);
    }
    if (r < 0) {
        cunik_engine_prepared_done(&p);
        return r;
    }
    p.options.lost = (struct strv){0};
    *ret = p;
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
