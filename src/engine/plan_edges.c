/* What waits for what. Where many replicas depend on many, one dependent waits for all of them and
 * the others for that one, so that edges stay about as many as steps. */
#include <string.h>

#include "base/memory.h"
#include "engine/plan_parts.h"

enum {
    PAIRS_MOST = 4096,    /* replicas of a service times those of its dependency */
    EDGES_MOST = 1 << 20, /* above this many in all, PAIRS_MANY is the limit */
    PAIRS_MANY = 64,
};

struct connector {
    struct planner *p;
    size_t n_edges;
};

static void join(struct connector *k, long step, long after, enum depend_condition condition,
                 bool required)
{
    if (step == NO_STEP || after == NO_STEP)
        return;
    struct plan_step *s = &k->p->plan.steps[step];
    /* Only earlier ones: a cycle in what is there cannot keep anything from being removed. */
    if (after >= step)
        return;
    *ARRAY_APPEND(s->after, s->n_after) =
        (struct plan_edge){.step = (size_t)after, .condition = condition, .required = required};
    k->n_edges++;
}

static bool too_many(const struct connector *k, size_t a, size_t b)
{
    size_t most = k->n_edges < EDGES_MOST ? PAIRS_MOST : PAIRS_MANY;

    return a > 1 && b > 1 && a > most / b;
}

/* Dependents */

static bool satisfied(const struct world_cunik *actual, enum depend_condition condition)
{
    if (!actual)
        return false;
    switch (condition) {
    case DEPEND_STARTED:
        return cunik_state_is_active(actual->status.state) || cunik_plan_completed(actual);
    case DEPEND_HEALTHY:
        return actual->status.state == CUNIK_RUNNING && actual->status.health == HEALTH_HEALTHY;
    case DEPEND_COMPLETED:
        return cunik_plan_completed(actual);
    case DEPEND_MAX_:
        break;
    }
    return false;
}

/* One dependent on one replica of what it depends on. */
static void depend(struct connector *k, const struct plan_wish *w, const struct plan_wish *on,
                   const struct world_depend *d)
{
    struct plan_step *s = &k->p->plan.steps[w->main_step];

    if (on->main_step != NO_STEP && on->c->status.state == CUNIK_RUNNING) {
        join(k, w->main_step, on->main_step, d->condition, d->required);
        return;
    }
    /* What does not come back by itself keeps nobody down. */
    if (k->p->o->resume && (!on->actual || !cunik_state_is_active(on->actual->status.state)))
        return;
    if (!on->in_scope || on->c->status.state != CUNIK_RUNNING ||
        satisfied(on->actual, d->condition))
        return;
    *ARRAY_APPEND(s->waits, s->n_waits) = (struct plan_wait){
        .cunik = cunik_strdup(on->c->name), .condition = d->condition, .required = d->required};
}

static bool starts(const struct plan_wish *w)
{
    return w->main_step != NO_STEP && w->c->status.state == CUNIK_RUNNING;
}

static void depend_on(struct connector *k, const struct plan_wish *w, const struct world_depend *d,
                      size_t service)
{
    const struct plan_graph *g = &k->p->wanted;

    for (size_t i = g->member_first[service]; i < g->member_first[service + 1]; i++)
        depend(k, w, &k->p->wishes[g->members[i]], d);
}

/* All replicas of a service on what each of them depends on. `first` is the one that stands for the
 * others where there are too many. */
static void connect_service(struct connector *k, size_t service)
{
    const struct plan_graph *g = &k->p->wanted;
    const struct plan_wish *first = NULL;
    size_t n = g->member_first[service + 1] - g->member_first[service];

    for (size_t i = g->member_first[service]; i < g->member_first[service + 1]; i++) {
        const struct plan_wish *w = &k->p->wishes[g->members[i]];
        bool followed = false;
        if (!starts(w))
            continue;
        for (size_t m = 0; m < w->c->n_depends; m++) {
            const struct world_depend *d = &w->c->depends[m];
            size_t on = cunik_plan_graph_find(g, d->service);
            if (on == SIZE_MAX)
                continue;
            if (!first || !too_many(k, n, g->member_first[on + 1] - g->member_first[on]))
                depend_on(k, w, d, on);
            else
                followed = true;
        }
        if (followed)
            join(k, w->main_step, first->main_step, DEPEND_STARTED, true);
        if (!first)
            first = w;
    }
}

const struct world_update *cunik_plan_policy(const struct world_cunik *c, enum plan_pace pace)
{
    const struct world_update *u = pace == PACE_ROLLBACK ? &c->rollback : &c->update;

    return pace == PACE_AT_ONCE || !u->parallelism ? NULL : u;
}

static int64_t at_once(const struct connector *k, const struct plan_wish *w)
{
    const struct world_update *u = cunik_plan_policy(w->c, k->p->o->pace);

    /* One whose network is recreated is down already. */
    return u && starts(w) && w->verb == PLAN_RECREATE && !w->moved ? u->parallelism : 0;
}

/* Copies of a service that are recreated: as many at once as its update_config says. */
static void connect_updates(struct connector *k, size_t service)
{
    const struct plan_graph *g = &k->p->wanted;
    size_t from = g->member_first[service], end = g->member_first[service + 1], n = 0;
    _cleanup_free_ long *steps = cunik_malloc((end - from) * sizeof(*steps));

    for (size_t i = from; i < end; i++) {
        const struct plan_wish *w = &k->p->wishes[g->members[i]];
        size_t most = (size_t)at_once(k, w), before = k->n_edges;
        if (!most)
            continue;
        if (n >= most)
            join(k, w->main_step, steps[n - most], DEPEND_STARTED, false);
        if (k->n_edges > before) {
            struct plan_step *s = &k->p->plan.steps[w->main_step];
            s->after[s->n_after - 1].turn = true;
        }
        steps[n++] = w->main_step;
    }
}

static void connect_networks_of(struct connector *k, const struct plan_wish *w)
{
    for (size_t i = 0; i < w->c->n_interfaces; i++) {
        const struct plan_net *n = cunik_map_get(&k->p->nets_by_name, w->c->interfaces[i].network);
        if (!n)
            continue;
        join(k, w->update_step, n->step, DEPEND_STARTED, true);
        join(k, w->main_step, n->step, DEPEND_STARTED, true);
    }
    join(k, w->main_step, w->update_step, DEPEND_STARTED, true);
    join(k, w->main_step, w->stop_step, DEPEND_STARTED, true);
}

/* An address may be given to another only when the one that has it is gone. */
static void connect_addresses(struct connector *k)
{
    struct planner *p = k->p;
    _cleanup_map_ struct map freed = {0};

    for (size_t i = 0; i < p->actual->n_cuniks; i++) {
        struct plan_going *g = &p->goings[i];
        for (size_t m = 0; g->step != NO_STEP && !g->wish && m < g->c->n_interfaces; m++) {
            _cleanup_free_ char *key =
                cunik_asprintf("%s %s", g->c->interfaces[m].network, g->c->interfaces[m].address);
            cunik_map_add(&freed, key, g);
        }
    }
    for (size_t i = 0; freed.n && i < p->desired->n_cuniks; i++) {
        const struct plan_wish *w = &p->wishes[i];
        for (size_t m = 0; w->main_step != NO_STEP && m < w->c->n_interfaces; m++) {
            _cleanup_free_ char *key =
                cunik_asprintf("%s %s", w->c->interfaces[m].network, w->c->interfaces[m].address);
            const struct plan_going *g = cunik_map_get(&freed, key);
            if (g)
                join(k, w->main_step, g->step, DEPEND_STARTED, true);
        }
    }
}

/* Going down: whoever depends on it goes first. A stop that fails must not keep the rest up. */
static void connect_going_service(struct connector *k, size_t service)
{
    const struct plan_graph *g = &k->p->there;
    size_t n = g->member_first[service + 1] - g->member_first[service];

    for (size_t e = g->r_first[service]; e < g->r_first[service + 1]; e++) {
        size_t by = g->r_targets[e];
        size_t n_by = g->member_first[by + 1] - g->member_first[by];
        const struct plan_going *first = NULL;
        /* An edge of each replica is one of r_targets: once is enough. */
        if (e > g->r_first[service] && g->r_targets[e - 1] == by)
            continue;
        for (size_t i = g->member_first[service + 1]; i-- > g->member_first[service];) {
            const struct plan_going *at = &k->p->goings[g->members[i]];
            if (at->step == NO_STEP)
                continue;
            if (first && too_many(k, n, n_by)) {
                join(k, at->step, first->step, DEPEND_STARTED, false);
                continue;
            }
            for (size_t m = g->member_first[by]; m < g->member_first[by + 1]; m++)
                join(k, at->step, k->p->goings[g->members[m]].step, DEPEND_STARTED, false);
            if (!first)
                first = at;
        }
    }
}

/* A bridge is taken away only when nobody is on it. */
static void connect_network_ends(struct connector *k)
{
    struct planner *p = k->p;

    for (size_t i = 0; i < p->actual->n_cuniks; i++) {
        const struct plan_going *g = &p->goings[i];
        for (size_t m = 0; m < g->c->n_interfaces; m++) {
            const struct plan_net *n = cunik_map_get(&p->nets_by_name, g->c->interfaces[m].network);
            if (!n || n->step == NO_STEP)
                continue;
            if (n->verb == PLAN_REMOVE || n->verb == PLAN_RECREATE)
                join(k, n->step, g->step, DEPEND_STARTED, true);
            if (n->verb == PLAN_REMOVE && g->wish)
                join(k, n->step, g->wish->main_step, DEPEND_STARTED, true);
        }
    }
}

/* A volume is made before who needs it, and goes after who had it. */
static void connect_volumes(struct connector *k)
{
    struct planner *p = k->p;

    for (size_t i = 0; p->n_volumes && i < p->desired->n_cuniks; i++) {
        const struct plan_wish *w = &p->wishes[i];
        for (size_t m = 0; m < w->c->n_mounts; m++) {
            const struct plan_volume *v =
                cunik_map_get(&p->volumes_by_name, w->c->mounts[m].source);
            if (v && v->verb == PLAN_CREATE && w->c->mounts[m].kind == MOUNT_VOLUME)
                join(k, w->main_step, v->step, DEPEND_STARTED, true);
        }
    }
    for (size_t i = 0; p->n_volumes && i < p->actual->n_cuniks; i++) {
        const struct plan_going *g = &p->goings[i];
        for (size_t m = 0; m < g->c->n_mounts; m++) {
            const struct plan_volume *v =
                cunik_map_get(&p->volumes_by_name, g->c->mounts[m].source);
            if (v && v->verb == PLAN_REMOVE && g->c->mounts[m].kind == MOUNT_VOLUME)
                join(k, v->step, g->step, DEPEND_STARTED, true);
        }
    }
}

void cunik_plan_connect(struct planner *p)
{
    struct connector k = {.p = p};

    for (size_t i = 0; i < p->there.n; i++)
        connect_going_service(&k, i);
    for (size_t i = 0; i < p->desired->n_cuniks; i++)
        connect_networks_of(&k, &p->wishes[i]);
    if (!p->o->repair || p->o->resume)
        for (size_t i = 0; i < p->wanted.n; i++)
            connect_service(&k, i);
    for (size_t i = 0; i < p->wanted.n; i++)
        connect_updates(&k, i);
    connect_addresses(&k);
    connect_network_ends(&k);
    connect_volumes(&k);
}
