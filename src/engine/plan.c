#include "engine/plan.h"

#include <string.h>

#include "base/memory.h"
#include "engine/plan_parts.h"

static void planner_done(struct planner *p)
{
    for (size_t i = 0; p->wishes && i < p->desired->n_cuniks; i++) {
        cunik_strv_done(&p->wishes[i].reasons);
        cunik_strv_done(&p->wishes[i].update_reasons);
    }
    for (size_t i = 0; p->goings && i < p->actual->n_cuniks; i++)
        cunik_strv_done(&p->goings[i].reasons);
    for (size_t i = 0; i < p->n_nets; i++)
        cunik_strv_done(&p->nets[i].reasons);
    for (size_t i = 0; i < p->n_volumes; i++)
        cunik_strv_done(&p->volumes[i].reasons);
    free(p->volumes);
    cunik_map_done(&p->volumes_by_name);
    free(p->wishes);
    free(p->goings);
    free(p->nets);
    free(p->service_scope);
    cunik_map_done(&p->actual_by_name);
    cunik_map_done(&p->nets_by_name);
    cunik_map_done(&p->wishes_by_name);
    cunik_plan_graph_done(&p->wanted);
    cunik_plan_graph_done(&p->there);
    cunik_plan_done(&p->plan);
}

static void init_nets(struct planner *p)
{
    _cleanup_map_ struct map there = {0};

    for (size_t i = 0; i < p->actual->n_networks; i++)
        cunik_map_add(&there, p->actual->networks[i].name, &p->actual->networks[i]);
    p->nets = cunik_calloc(p->desired->n_networks + p->actual->n_networks, sizeof(*p->nets));
    for (size_t i = 0; i < p->desired->n_networks; i++) {
        const struct world_network *n = &p->desired->networks[i];
        p->nets[p->n_nets] =
            (struct plan_net){.n = n, .actual = cunik_map_get(&there, n->name), .step = NO_STEP};
        cunik_map_add(&p->nets_by_name, n->name, &p->nets[p->n_nets++]);
    }
    for (size_t i = 0; i < p->actual->n_networks; i++) {
        const struct world_network *n = &p->actual->networks[i];
        if (cunik_map_has(&p->nets_by_name, n->name))
            continue;
        p->nets[p->n_nets] = (struct plan_net){.actual = n, .step = NO_STEP};
        cunik_map_add(&p->nets_by_name, n->name, &p->nets[p->n_nets++]);
    }
}

static void init_cuniks(struct planner *p)
{
    p->wishes = cunik_calloc(p->desired->n_cuniks, sizeof(*p->wishes));
    p->goings = cunik_calloc(p->actual->n_cuniks, sizeof(*p->goings));
    for (size_t i = 0; i < p->desired->n_cuniks; i++) {
        p->wishes[i] = (struct plan_wish){.c = &p->desired->cuniks[i],
                                          .stop_step = NO_STEP,
                                          .update_step = NO_STEP,
                                          .main_step = NO_STEP};
        cunik_map_add(&p->wishes_by_name, p->desired->cuniks[i].name, &p->wishes[i]);
    }
    for (size_t i = 0; i < p->actual->n_cuniks; i++) {
        struct world_cunik *c = &p->actual->cuniks[i];
        p->goings[i] = (struct plan_going){.c = c, .step = NO_STEP};
        p->goings[i].wish = cunik_map_get(&p->wishes_by_name, c->name);
        if (p->goings[i].wish)
            p->goings[i].wish->actual = c;
    }
}

static bool named_copy(const struct planner *p, size_t wish)
{
    return !p->o->cuniks.n || cunik_strv_has(&p->o->cuniks, p->wishes[wish].c->name);
}

/* What was made for one purpose is not done again unless it is meant. */
static bool is_left_out(const struct planner *p, size_t service)
{
    size_t first = p->wanted.member_first[service];

    return (p->o->start || p->o->restart) && first < p->wanted.member_first[service + 1] &&
           *p->wishes[p->wanted.members[first]].c->one_off;
}

/* Which services are meant. */
static int init_scope(struct planner *p, struct error **err)
{
    const struct strv *names = &p->o->services;

    p->all = names->n == 0;
    p->service_scope = cunik_calloc(p->wanted.n, sizeof(*p->service_scope));
    for (size_t i = 0; i < p->wanted.n; i++)
        p->service_scope[i] = p->all && !is_left_out(p, i);
    for (size_t i = 0; i < names->n; i++) {
        size_t s = cunik_plan_graph_find(&p->wanted, names->items[i]);
        if (s != SIZE_MAX)
            p->service_scope[s] = true;
        else if (!p->o->down || cunik_plan_graph_find(&p->there, names->items[i]) == SIZE_MAX)
            return cunik_error_set(err, ERROR_NOT_FOUND, "no such service: %s", names->items[i]);
    }
    for (size_t i = 0; i < p->wanted.n; i++)
        for (size_t k = p->wanted.member_first[i]; k < p->wanted.member_first[i + 1]; k++)
            p->wishes[p->wanted.members[k]].named =
                p->service_scope[i] && named_copy(p, p->wanted.members[k]);
    if (!p->o->no_dependencies && !p->o->existing)
        cunik_plan_graph_close(&p->wanted, p->service_scope);
    for (size_t i = 0; i < p->wanted.n; i++)
        for (size_t k = p->wanted.member_first[i]; k < p->wanted.member_first[i + 1]; k++)
            p->wishes[p->wanted.members[k]].in_scope =
                p->service_scope[i] && named_copy(p, p->wanted.members[k]);
    return 0;
}

/* Takes the reasons. */
static long add_step(struct planner *p, enum plan_verb verb, enum plan_kind kind, const char *name,
                     const char *service, struct strv *reasons)
{
    struct plan_step *s = ARRAY_APPEND(p->plan.steps, p->plan.n);

    s->verb = verb;
    s->kind = kind;
    s->name = cunik_strdup(name);
    s->service = cunik_strdup(service);
    s->reasons = *reasons;
    *reasons = (struct strv){0};
    return (long)p->plan.n - 1;
}

/* What goes, goes against the order of the graph, the highest replica first. */
static void lay_going(struct planner *p)
{
    for (size_t i = p->there.n; i-- > 0;) {
        size_t s = p->there.order[i];
        for (size_t k = p->there.member_first[s + 1]; k-- > p->there.member_first[s];) {
            struct plan_going *g = &p->goings[p->there.members[k]];
            if (!g->goes)
                continue;
            g->step = add_step(p, g->verb, PLAN_CUNIK, g->c->name, g->c->service, &g->reasons);
            if (g->wish)
                g->wish->stop_step = g->step;
        }
    }
}

static void lay_networks(struct planner *p, bool removals)
{
    for (size_t i = 0; i < p->n_nets; i++) {
        struct plan_net *n = &p->nets[i];
        const struct world_network *w = n->n ? n->n : n->actual;
        if (n->needed && (n->verb == PLAN_REMOVE) == removals)
            n->step = add_step(p, n->verb, PLAN_NETWORK, w->name, "", &n->reasons);
    }
}

static void lay_volumes(struct planner *p)
{
    for (size_t i = 0; i < p->n_volumes; i++) {
        struct plan_volume *v = &p->volumes[i];
        v->step = add_step(p, v->verb, PLAN_VOLUME, v->v->name, "", &v->reasons);
    }
}

static void lay_wishes(struct planner *p)
{
    for (size_t i = 0; i < p->wanted.n; i++) {
        size_t s = p->wanted.order[i];
        for (size_t k = p->wanted.member_first[s]; k < p->wanted.member_first[s + 1]; k++) {
            struct plan_wish *w = &p->wishes[p->wanted.members[k]];
            if (w->update)
                w->update_step = add_step(p, PLAN_UPDATE, PLAN_CUNIK, w->c->name, w->c->service,
                                          &w->update_reasons);
            if (w->main)
                w->main_step =
                    add_step(p, w->verb, PLAN_CUNIK, w->c->name, w->c->service, &w->reasons);
        }
    }
}

static void count_unchanged(struct planner *p)
{
    for (size_t i = 0; i < p->desired->n_networks; i++)
        p->plan.unchanged += p->nets[i].wanted && !p->nets[i].needed && !p->nets[i].n->external;
    for (size_t i = 0; i < p->desired->n_cuniks; i++) {
        const struct plan_wish *w = &p->wishes[i];
        p->plan.unchanged += w->in_scope && w->actual && w->stop_step == NO_STEP &&
                             w->update_step == NO_STEP && w->main_step == NO_STEP;
    }
}

int cunik_plan_make(const struct world *actual, const struct world *desired,
                    const struct plan_options *options, struct plan *ret, struct error **err)
{
    struct planner p = {.actual = actual, .desired = desired, .o = options};
    bool strict = !options->existing && !options->repair;

    int r = cunik_world_check(desired, err);
    if (r == 0)
        r = cunik_plan_graph_init(&p.wanted, desired, options->stack, strict, err);
    if (r == 0)
        r = cunik_plan_graph_init(&p.there, actual, options->stack, false, err);
    if (r == 0) {
        init_nets(&p);
        init_cuniks(&p);
        r = init_scope(&p, err);
    }
    if (r == 0)
        r = cunik_plan_decide(&p, err);
    if (r == 0) {
        lay_going(&p);
        lay_networks(&p, false);
        lay_volumes(&p);
        lay_wishes(&p);
        lay_networks(&p, true);
        cunik_plan_connect(&p);
        count_unchanged(&p);
        *ret = p.plan;
        p.plan = (struct plan){0};
    }
    planner_done(&p);
    return r;
}
