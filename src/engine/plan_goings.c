/* Which of the cuniks that are there go, for good or to come back, and why. */
#include "base/memory.h"
#include "engine/plan_parts.h"

static void go(struct plan_going *g, enum plan_verb verb)
{
    g->goes = true;
    g->verb = verb;
}

static bool named_service(const struct planner *p, const char *service)
{
    return p->all || cunik_strv_has(&p->o->services, service);
}

/* How many of its service are wanted; SIZE_MAX when the desired world does not know the service. */
static size_t wanted_of(const struct planner *p, const char *service)
{
    size_t s = cunik_plan_graph_find(&p->wanted, service);

    return s == SIZE_MAX ? s : p->wanted.member_first[s + 1] - p->wanted.member_first[s];
}

static void decide_unwanted(struct planner *p, struct plan_going *g)
{
    size_t wanted = wanted_of(p, g->c->service);

    if (p->o->down) {
        if (cunik_strv_has(&p->o->spared, g->c->name))
            return;
        if (!named_service(p, g->c->service) ||
            (p->o->cuniks.n && !cunik_strv_has(&p->o->cuniks, g->c->name)))
            return;
        go(g, PLAN_REMOVE);
        cunik_strv_add(&g->reasons, "it is taken down");
    } else if (p->o->existing || p->o->repair) {
        return;
    } else if (wanted != SIZE_MAX) {
        if (!p->service_scope[cunik_plan_graph_find(&p->wanted, g->c->service)])
            return;
        go(g, PLAN_REMOVE);
        cunik_strv_addf(&g->reasons, "the service is scaled to %zu", wanted);
    } else if (*g->c->one_off || cunik_strv_has(&p->desired->inactive, g->c->service)) {
        return;
    } else if (p->o->remove_orphans) {
        go(g, PLAN_REMOVE);
        cunik_strv_addf(&g->reasons, "the stack has no service '%s'", g->c->service);
    } else {
        cunik_strv_addf(&p->plan.warnings,
                        "'%s' is left alone: the stack has no service '%s' (--remove-orphans "
                        "removes it)",
                        g->c->name, g->c->service);
    }
}

static void decide_stop(const struct planner *p, struct plan_going *g)
{
    const struct plan_wish *w = g->wish;
    enum plan_verb verb = p->o->kill ? PLAN_KILL : PLAN_STOP;

    if (w->moved) {
        go(g, PLAN_STOP);
        cunik_strv_add(&g->reasons, w->reasons.items[0]);
    } else if (w->in_scope && w->c->status.state == CUNIK_EXITED &&
               cunik_state_is_active(g->c->status.state) && !p->o->repair) {
        go(g, verb);
        cunik_strv_add(&g->reasons, "it was asked for");
    }
}

/* Of one that stays where it is. */
static int check_stays(const struct planner *p, const struct world_cunik *c, struct error **err)
{
    const struct plan_net *net = cunik_plan_recreated(p, c);

    return net ? cunik_error_set(err, ERROR_CONFLICT,
                                 "network '%s' has to be recreated, and '%s', which is none of "
                                 "the stack's wanted cuniks, is on it",
                                 net->n->name, c->name)
               : 0;
}

int cunik_plan_decide_goings(struct planner *p, struct error **err)
{
    int r = 0;

    for (size_t i = 0; r == 0 && i < p->actual->n_cuniks; i++) {
        struct plan_going *g = &p->goings[i];
        if (cunik_plan_is_ours(p, g->c->stack) && g->wish)
            decide_stop(p, g);
        else if (cunik_plan_is_ours(p, g->c->stack))
            decide_unwanted(p, g);
        if (!g->goes && !(g->wish && g->wish->main))
            r = check_stays(p, g->c, err);
    }
    for (size_t i = 0; r == 0 && i < p->o->n_coming; i++)
        r = check_stays(p, &p->o->coming[i], err);
    return r;
}
