/* cycles.json: the graph of dependencies. */
#include <stdlib.h>
#include <string.h>

#include "base/json.h"
#include "base/memory.h"
#include "base/strv.h"
#include "compose/graph.h"
#include "tests/vectors/vector.h"

/* The services of a vector as nodes, in the order of their names. */
struct services {
    struct graph_node *nodes;
    size_t n;
};

static void services_done(struct services *s)
{
    for (size_t i = 0; i < s->n; i++)
        free((void *)s->nodes[i].edges);
    free(s->nodes);
}

static int by_name(const void *a, const void *b)
{
    return strcmp(((const struct graph_node *)a)->name, ((const struct graph_node *)b)->name);
}

static void read_services(const json_t *vector, struct services *s)
{
    const char *name, *to;
    json_t *service, *depend;

    json_object_foreach (json_object_get(vector, "services"), name, service) {
        json_t *depends = json_object_get(service, "depends_on");
        struct graph_edge *edges = cunik_calloc(json_object_size(depends) + 1, sizeof(*edges));
        size_t n = 0;
        json_object_foreach (depends, to, depend)
            edges[n++] =
                (struct graph_edge){to, !json_is_true(json_object_get(depend, "required"))};
        *ARRAY_APPEND(s->nodes, s->n) =
            (struct graph_node){.name = name, .edges = edges, .n_edges = n};
    }
    qsort(s->nodes, s->n, sizeof(*s->nodes), by_name);
}

static void compare(const char *what, const json_t *expected, const struct graph *g,
                    const size_t *list, size_t n, struct buffer *complaint)
{
    json_t *name;
    size_t i, j;

    if (json_array_size(expected) != n)
        cunik_buffer_printf(complaint, "%s: %zu names; ", what, n);
    json_array_foreach (expected, i, name) {
        for (j = 0; j < n && strcmp(g->names[list[j]], json_string_value(name)) != 0; j++)
            ;
        if (j == n)
            cunik_buffer_printf(complaint, "%s: no %s; ", what, json_string_value(name));
    }
}

static bool build(const json_t *vector, struct services *s, struct graph *g,
                  struct buffer *complaint)
{
    _cleanup_error_ struct error *err = NULL;

    read_services(vector, s);
    cunik_graph_init(g, s->nodes, s->n, &err);
    return vector_outcome(vector, err ? err->message : NULL, complaint);
}

static void build_graph(const json_t *vector, struct buffer *complaint)
{
    _cleanup_(services_done) struct services s = {0};
    _cleanup_graph_ struct graph g = {0};

    if (!build(vector, &s, &g, complaint))
        return;
    for (size_t i = 0; i < g.n; i++) {
        json_t *expected = json_object_get(json_object_get(vector, "expected"), g.names[i]);
        compare(g.names[i], json_object_get(expected, "children"), &g, g.targets + g.first[i],
                g.first[i + 1] - g.first[i], complaint);
        compare(g.names[i], json_object_get(expected, "parents"), &g, g.r_targets + g.r_first[i],
                g.r_first[i + 1] - g.r_first[i], complaint);
    }
}

static void order(const json_t *vector, struct buffer *complaint)
{
    _cleanup_(services_done) struct services s = {0};
    _cleanup_graph_ struct graph g = {0};
    bool forward = strcmp(vector_text(vector, "direction"), "dependencies_first") == 0;
    json_t *name;
    size_t i;

    if (!build(vector, &s, &g, complaint))
        return;
    json_array_foreach (json_object_get(vector, "expected_order"), i, name) {
        const char *got = i < g.n ? g.names[g.order[forward ? i : g.n - 1 - i]] : "nothing";
        if (strcmp(got, json_string_value(name)) != 0)
            cunik_buffer_printf(complaint, "%zu is %s; ", i, got);
    }
}

static void dependents_of(const json_t *vector, struct buffer *complaint)
{
    _cleanup_(services_done) struct services s = {0};
    _cleanup_graph_ struct graph g = {0};
    _cleanup_free_ size_t *list = NULL;
    _cleanup_free_ bool *selected = NULL;
    json_t *node;
    size_t i, n = 0;

    if (!build(vector, &s, &g, complaint))
        return;
    selected = cunik_calloc(g.n + 1, sizeof(bool));
    list = cunik_calloc(g.n + 1, sizeof(size_t));
    json_array_foreach (json_object_get(vector, "nodes"), i, node)
        for (size_t j = 0; j < g.n; j++)
            selected[j] = selected[j] || strcmp(g.names[j], json_string_value(node)) == 0;
    cunik_graph_add_dependents(&g, selected);
    for (size_t j = 0; j < g.n; j++)
        if (selected[j])
            list[n++] = j;
    compare("dependents", json_object_get(vector, "expected_sorted"), &g, list, n, complaint);
}

const struct vector_kind vectors_cycles[] = {
    {"cycles.json", "build_graph", build_graph},
    {"cycles.json", "order", order},
    {"cycles.json", "dependents_of", dependents_of},
};
const size_t n_vectors_cycles = ARRAY_SIZE(vectors_cycles);
