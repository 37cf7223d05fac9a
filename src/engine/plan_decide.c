/* What each network, cunik and volume needs, and why: in which order that is found out. */
#include "engine/plan_parts.h"

bool cunik_plan_completed(const struct world_cunik *c)
{
    const struct world_status *s = &c->status;

    return cunik_state_is_completed(s->state, s->end, s->exit_code, c->restart);
}

static int check_condition(const struct planner *p, const struct world_cunik *c,
                           const struct world_depend *d, struct error **err)
{
    size_t s = cunik_plan_graph_find(&p->wanted, d->service);

    if (s == SIZE_MAX || d->condition != DEPEND_HEALTHY ||
        p->wanted.member_first[s] == p->wanted.member_first[s + 1])
        return 0;
    if (p->desired->cuniks[p->wanted.members[p->wanted.member_first[s]]].health.test.n)
        return 0;
    return cunik_error_set(
        err, ERROR_INVALID,
        "service \"%s\" waits for \"%s\" to be healthy, which has no healthcheck", c->service,
        d->service);
}

static int check_wishes(const struct planner *p, struct error **err)
{
    for (size_t i = 0; i < p->desired->n_cuniks; i++) {
        const struct world_cunik *c = &p->desired->cuniks[i];
        for (size_t k = 0; k < c->n_interfaces; k++) {
            const struct plan_net *n = cunik_map_get(&p->nets_by_name, c->interfaces[k].network);
            if (!n || !n->n)
                return cunik_error_set(err, ERROR_INVALID,
                                       "'%s' is on the network '%s', which is not defined", c->name,
                                       c->interfaces[k].network);
        }
        for (size_t k = 0; k < c->n_depends; k++) {
            int r = check_condition(p, c, &c->depends[k], err);
            if (r < 0)
                return r;
        }
    }
    return 0;
}

int cunik_plan_decide(struct planner *p, struct error **err)
{
    int r = p->o->existing || p->o->repair ? 0 : check_wishes(p, err);

    if (r == 0)
        r = cunik_plan_decide_networks(p, err);
    if (r == 0)
        r = cunik_plan_decide_wishes(p, err);
    if (r == 0)
        r = cunik_plan_decide_goings(p, err);
    if (r == 0)
        cunik_plan_decide_leftovers(p);
    if (r == 0)
        cunik_plan_decide_volumes(p);
    return r;
}
