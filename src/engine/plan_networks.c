/* What each network needs, and why. */
#include "base/memory.h"
#include "engine/plan_parts.h"

static void need(struct plan_net *n, enum plan_verb verb)
{
    n->verb = verb;
    n->needed = true;
}

static void add_drift(const struct world_network *actual, struct strv *reasons)
{
    if (!actual->up)
        cunik_strv_add(reasons, "its bridge is missing or down");
    if (!actual->names_served)
        cunik_strv_add(reasons, "its names are not served");
}

static int decide_network(struct planner *p, struct plan_net *n, struct error **err)
{
    _cleanup_strv_ struct strv recreate = {0}, update = {0};

    if (n->n->external)
        return 0;
    if (!n->actual) {
        need(n, PLAN_CREATE);
        cunik_strv_add(&n->reasons, "it does not exist");
        return 0;
    }
    if (!cunik_plan_is_ours(p, n->actual->stack))
        return cunik_error_set(err, ERROR_CONFLICT, "network '%s' belongs to the stack '%s'",
                               n->n->name, n->actual->stack);
    if (!p->o->existing && !p->o->repair)
        cunik_world_network_diff(n->actual, n->n, &recreate, &update);
    add_drift(n->actual, &update);
    if (recreate.n && p->o->recreate != RECREATE_NEVER) {
        need(n, PLAN_RECREATE);
        cunik_strv_copy(&n->reasons, &recreate);
    } else if (recreate.n) {
        _cleanup_free_ char *what = cunik_strv_join(&recreate, "; ");
        cunik_strv_addf(&p->plan.warnings, "network '%s' is left as it is: %s", n->n->name, what);
        return 0;
    } else if (update.n) {
        need(n, PLAN_UPDATE);
    }
    cunik_strv_copy(&n->reasons, &update);
    return 0;
}

/* Which desired networks are to be there: all, or those of the cuniks that are to run. */
static void want_networks(struct planner *p)
{
    bool every = p->all && !p->o->existing && !p->o->repair;

    for (size_t i = 0; i < p->desired->n_networks; i++)
        p->nets[i].wanted = every;
    for (size_t i = 0; !every && i < p->desired->n_cuniks; i++) {
        const struct plan_wish *w = &p->wishes[i];
        bool runs = p->o->repair ? (w->actual && cunik_state_is_active(w->actual->status.state)) ||
                                       cunik_plan_comes_back(p, w)
                                 : w->in_scope && w->c->status.state != CUNIK_EXITED;
        for (size_t k = 0; runs && k < w->c->n_interfaces; k++) {
            struct plan_net *n = cunik_map_get(&p->nets_by_name, w->c->interfaces[k].network);
            if (n && n->n)
                n->wanted = true;
        }
    }
}

int cunik_plan_decide_networks(struct planner *p, struct error **err)
{
    int r = 0;

    want_networks(p);
    for (size_t i = 0; r == 0 && i < p->desired->n_networks; i++)
        if (p->nets[i].wanted)
            r = decide_network(p, &p->nets[i], err);
    return r;
}

struct plan_net *cunik_plan_recreated(const struct planner *p, const struct world_cunik *c)
{
    for (size_t i = 0; i < c->n_interfaces; i++) {
        struct plan_net *n = cunik_map_get(&p->nets_by_name, c->interfaces[i].network);
        if (n && n->needed && n->verb == PLAN_RECREATE)
            return n;
    }
    return NULL;
}

/* A network that nobody wants goes when nobody is left on it. */
void cunik_plan_decide_leftovers(struct planner *p)
{
    _cleanup_map_ struct map used = {0};

    if (!p->all || p->o->existing || p->o->repair)
        return;
    for (size_t i = 0; i < p->actual->n_cuniks; i++) {
        const struct plan_going *g = &p->goings[i];
        bool leaves = !cunik_plan_is_there(g->c) || (g->goes && !g->wish) ||
                      (g->wish && g->wish->main && g->wish->verb == PLAN_RECREATE);
        for (size_t k = 0; !leaves && k < g->c->n_interfaces; k++)
            cunik_map_add(&used, g->c->interfaces[k].network, (void *)g->c->name);
    }
    for (size_t i = 0; i < p->o->n_coming; i++)
        for (size_t k = 0; k < p->o->coming[i].n_interfaces; k++)
            cunik_map_add(&used, p->o->coming[i].interfaces[k].network,
                          (void *)p->o->coming[i].name);
    for (size_t i = p->desired->n_networks; i < p->n_nets; i++) {
        struct plan_net *n = &p->nets[i];
        const char *user = cunik_map_get(&used, n->actual->name);
        if (!cunik_plan_is_ours(p, n->actual->stack) || n->actual->external)
            continue;
        if (user) {
            cunik_strv_addf(&p->plan.warnings, "network '%s' is left alone: '%s' is on it",
                            n->actual->name, user);
            continue;
        }
        need(n, PLAN_REMOVE);
        cunik_strv_add(&n->reasons, p->o->down ? "it is taken down" : "the stack no longer has it");
    }
}
