/* The planner's own state, shared by its parts: plan.c (the order of things), plan_decide.c (what
 * each network, cunik and volume needs, and why; each kind in a file of its own) and plan_edges.c
 * (what waits for what). */
#pragma once

#include <string.h>

#include "engine/plan.h"
#include "engine/plan_graph.h"

enum { NO_STEP = -1 };

/* What is to be done with one cunik of the desired world. */
struct plan_wish {
    const struct world_cunik *c, *actual; /* actual NULL: it is not there */
    bool in_scope;
    bool named;        /* its service was asked for by name, or all were */
    bool main, update; /* whether there is such a step */
    bool moved;        /* its network is recreated: it is stopped before */
    enum plan_verb verb;
    struct strv reasons, update_reasons;
    long stop_step, update_step, main_step;
};

/* What is to be done with one cunik that is there, as long as it goes down. */
struct plan_going {
    const struct world_cunik *c;
    bool goes;
    enum plan_verb verb;
    struct strv reasons;
    struct plan_wish *wish; /* NULL: it goes for good */
    long step;
};

struct plan_net {
    const struct world_network *n, *actual; /* n NULL: only there; actual NULL: only wanted */
    bool wanted, needed;                    /* step or not */
    enum plan_verb verb;
    struct strv reasons;
    long step;
};

/* What is to be done with one volume. */
struct plan_volume {
    const struct world_volume *v;
    enum plan_verb verb; /* PLAN_CREATE or PLAN_REMOVE */
    struct strv reasons;
    long step;
};

struct planner {
    const struct world *actual, *desired;
    const struct plan_options *o;
    struct plan_graph wanted, there; /* of the desired and of the actual world's stack */
    struct map actual_by_name, nets_by_name;
    struct plan_wish *wishes;  /* by desired cunik */
    struct plan_going *goings; /* by actual cunik */
    struct plan_net *nets;     /* desired networks, then those only there */
    size_t n_nets;
    struct plan_volume *volumes; /* those with a step */
    size_t n_volumes;
    struct map volumes_by_name;
    struct map wishes_by_name;
    bool *service_scope; /* by service of `wanted` */
    bool all;            /* no services were named */
    struct plan plan;
};

static inline bool cunik_plan_is_there(const struct world_cunik *c)
{
    return c && c->status.state != CUNIK_ABSENT;
}

static inline bool cunik_plan_is_ours(const struct planner *p, const char *stack)
{
    return strcmp(stack, p->o->stack) == 0;
}

/* plan_decide.c */
int cunik_plan_decide(struct planner *p, struct error **err);

/* plan_networks.c: those of the desired world, before all else; and when it is known who stays,
 * those that nobody wants any more. */
int cunik_plan_decide_networks(struct planner *p, struct error **err);
void cunik_plan_decide_leftovers(struct planner *p);
/* The network that is recreated under a cunik; NULL = none. */
struct plan_net *cunik_plan_recreated(const struct planner *p, const struct world_cunik *c);

/* plan_wishes.c: in the order of the graph, so that what is decided of a dependency is known. */
int cunik_plan_decide_wishes(struct planner *p, struct error **err);
/* Whether a repair starts it. */
bool cunik_plan_comes_back(const struct planner *p, const struct plan_wish *w);

/* plan_goings.c, when the wishes are decided. */
int cunik_plan_decide_goings(struct planner *p, struct error **err);

/* plan_volumes.c, when the wishes and goings are decided. */
void cunik_plan_decide_volumes(struct planner *p);

/* plan_edges.c; called when all steps are laid out. */
void cunik_plan_connect(struct planner *p);
