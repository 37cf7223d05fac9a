/* The planner's own state, shared by its parts: plan.c (the order of things), plan_decide.c (what
 * each cunik and network needs, and why) and plan_edges.c (what waits for what). */
#pragma once

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

struct planner {
    const struct world *actual, *desired;
    const struct plan_options *o;
    struct plan_graph wanted, there; /* of the desired and of the actual world's stack */
    struct map actual_by_name, nets_by_name;
    struct plan_wish *wishes;  /* by desired cunik */
    struct plan_going *goings; /* by actual cunik */
    struct plan_net *nets;     /* desired networks, then those only there */
    size_t n_nets;
    struct map wishes_by_name;
    bool *service_scope; /* by service of `wanted` */
    bool all;            /* no services were named */
    struct plan plan;
};

/* plan_decide.c */
int cunik_plan_decide(struct planner *p, struct error **err);
/* plan_edges.c; called when all steps are laid out. */
void cunik_plan_connect(struct planner *p);
