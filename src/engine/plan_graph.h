/* The services of one stack in a world, and who depends on whom, as flat arrays: for the planner.
 * Pure; linear in cuniks and dependencies but for sorting replicas. */
#pragma once

#include "base/map.h"
#include "engine/world.h"

struct plan_graph {
    const struct world *w;
    size_t n;           /* services */
    const char **names; /* borrowed from the world */
    struct map index;   /* by name: place + 1 */
    size_t *member_first;
    size_t *members; /* cuniks of service i, by index: members[member_first[i]..[i + 1]) */
    size_t *first;   /* what service i depends on: targets[first[i]..first[i + 1]) */
    size_t *targets; /* may hold one twice */
    size_t *r_first; /* the other way: who depends on service i */
    size_t *r_targets;
    size_t *order; /* dependencies before dependents; otherwise as in the world */
};

/* strict: a dependency on a service that is not there (and is required), or a cycle, is
 * ERROR_INVALID; otherwise both are passed over. */
int cunik_plan_graph_init(struct plan_graph *ret, const struct world *w, const char *stack,
                          bool strict, struct error **err);
void cunik_plan_graph_done(struct plan_graph *g);

/* The service's number, or SIZE_MAX. */
size_t cunik_plan_graph_find(const struct plan_graph *g, const char *service);
/* Extends a selection of services by all they need. */
void cunik_plan_graph_close(const struct plan_graph *g, bool *selected);
