/* A graph of dependencies, as flat arrays: nodes are numbered 0..n in the order of the stack file,
 * edges go from a node to what it depends on. Pure; everything is linear in nodes and edges.
 */
#pragma once

#include <stdbool.h>
#include <stddef.h>

#include "base/error.h"

/* What a graph is built from; everything is borrowed while building only, except `name`, which must
 * outlive the graph. */
struct graph_edge {
    const char *to;
    bool optional; /* a missing target is no error, the edge is left out */
};

struct graph_node {
    const char *name;
    const struct graph_edge *edges;
    size_t n_edges;
    struct place place; /* for errors */
};

struct graph {
    size_t n;
    const char **names;
    size_t *first;   /* edges of node i are targets[first[i]..first[i + 1]) */
    size_t *targets; /* without duplicates, in the order given */
    size_t *r_first; /* the same, reversed: who depends on node i, in order */
    size_t *r_targets;
    size_t *order; /* dependencies before dependents; otherwise the order given */
};

/* Builds and sorts. Errors: `service "x" depends on undefined service "y"` and `dependency cycle
 * detected: a -> b -> a`, with the place of the first node that is part of it. Names are distinct.
 */
int cunik_graph_init(struct graph *ret, const struct graph_node *nodes, size_t n,
                     struct error **err);
void cunik_graph_done(struct graph *g);
#define _cleanup_graph_ _cleanup_(cunik_graph_done)

/* Extends a selection (n flags) by all that the selected need, or by all that need them. */
void cunik_graph_add_dependencies(const struct graph *g, bool *selected);
void cunik_graph_add_dependents(const struct graph *g, bool *selected);
