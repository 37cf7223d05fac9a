#include "compose/graph.h"

#include <string.h>

#include "base/buffer.h"
#include "base/map.h"
#include "base/memory.h"

/* What a depth-first walk knows of a node. */
enum mark { MARK_NEW, MARK_OPEN, MARK_DONE };

static int resolve_edges(struct graph *g, const struct graph_node *nodes, size_t *last_user,
                         const struct map *by_name, struct error **err)
{
    size_t n_targets = 0;

    for (size_t i = 0; i < g->n; i++) {
        g->first[i] = n_targets;
        for (size_t e = 0; e < nodes[i].n_edges; e++) {
            const struct graph_edge *edge = &nodes[i].edges[e];
            size_t target = (size_t)(uintptr_t)cunik_map_get(by_name, edge->to);
            if (!target && edge->optional)
                continue;
            if (!target)
                return cunik_error_at(err, ERROR_INVALID, &nodes[i].place,
                                      "service \"%s\" depends on undefined service \"%s\"",
                                      nodes[i].name, edge->to);
            if (last_user[target - 1] == i + 1)
                continue;
            last_user[target - 1] = i + 1;
            g->targets[n_targets++] = target - 1;
        }
    }
    g->first[g->n] = n_targets;
    return 0;
}

static int add_edges(struct graph *g, const struct graph_node *nodes, struct error **err)
{
    _cleanup_map_ struct map by_name = {0};
    _cleanup_free_ size_t *last_user = cunik_calloc(g->n + 1, sizeof(size_t));
    size_t most = 0;

    for (size_t i = 0; i < g->n; i++) {
        g->names[i] = nodes[i].name;
        cunik_map_add(&by_name, nodes[i].name, (void *)(uintptr_t)(i + 1));
        most += nodes[i].n_edges;
    }
    g->targets = cunik_calloc(most + 1, sizeof(size_t));
    return resolve_edges(g, nodes, last_user, &by_name, err);
}

static void reverse_edges(struct graph *g)
{
    size_t n_targets = g->first[g->n];
    _cleanup_free_ size_t *fill = cunik_calloc(g->n + 1, sizeof(size_t));

    g->r_targets = cunik_calloc(n_targets + 1, sizeof(size_t));
    for (size_t e = 0; e < n_targets; e++)
        g->r_first[g->targets[e] + 1]++;
    for (size_t i = 0; i < g->n; i++) {
        g->r_first[i + 1] += g->r_first[i];
        fill[i] = g->r_first[i];
    }
    for (size_t i = 0; i < g->n; i++)
        for (size_t e = g->first[i]; e < g->first[i + 1]; e++)
            g->r_targets[fill[g->targets[e]]++] = i;
}

/* A walk with a stack of its own: `path` holds the open nodes, next[i] the edge node i goes on
 * with. */
struct sort {
    enum mark *marks;
    size_t *next;
    size_t *path;
    size_t n_path;
    size_t n_order;
};

static int cycle(const struct graph *g, const struct graph_node *nodes, const struct sort *s,
                 size_t again, struct error **err)
{
    _cleanup_buffer_ struct buffer b = {0};
    size_t start = s->n_path;

    while (s->path[start - 1] != again)
        start--;
    for (size_t i = start - 1; i < s->n_path; i++)
        cunik_buffer_printf(&b, "%s -> ", g->names[s->path[i]]);
    return cunik_error_at(err, ERROR_INVALID, &nodes[again].place,
                          "dependency cycle detected: %s%s", cunik_buffer_text(&b),
                          g->names[again]);
}

static int sort_from(struct graph *g, const struct graph_node *nodes, struct sort *s, size_t root,
                     struct error **err)
{
    s->path[s->n_path++] = root;
    s->marks[root] = MARK_OPEN;
    while (s->n_path) {
        size_t i = s->path[s->n_path - 1];
        if (s->next[i] == g->first[i + 1]) {
            s->marks[i] = MARK_DONE;
            g->order[s->n_order++] = i;
            s->n_path--;
            continue;
        }
        size_t target = g->targets[s->next[i]++];
        if (s->marks[target] == MARK_OPEN)
            return cycle(g, nodes, s, target, err);
        if (s->marks[target] == MARK_NEW) {
            s->marks[target] = MARK_OPEN;
            s->path[s->n_path++] = target;
        }
    }
    return 0;
}

static int sort(struct graph *g, const struct graph_node *nodes, struct error **err)
{
    _cleanup_free_ enum mark *marks = cunik_calloc(g->n + 1, sizeof(*marks));
    _cleanup_free_ size_t *next = cunik_memdup(g->first, (g->n + 1) * sizeof(size_t));
    _cleanup_free_ size_t *path = cunik_calloc(g->n + 1, sizeof(size_t));
    struct sort s = {.marks = marks, .next = next, .path = path};

    for (size_t i = 0; i < g->n; i++) {
        int r = marks[i] == MARK_NEW ? sort_from(g, nodes, &s, i, err) : 0;
        if (r < 0)
            return r;
    }
    return 0;
}

int cunik_graph_init(struct graph *ret, const struct graph_node *nodes, size_t n,
                     struct error **err)
{
    struct graph g = {
        .n = n,
        .names = cunik_calloc(n + 1, sizeof(char *)),
        .first = cunik_calloc(n + 1, sizeof(size_t)),
        .r_first = cunik_calloc(n + 1, sizeof(size_t)),
        .order = cunik_calloc(n + 1, sizeof(size_t)),
    };

    int r = add_edges(&g, nodes, err);
    if (r == 0)
        r = sort(&g, nodes, err);
    if (r < 0) {
        cunik_graph_done(&g);
        return r;
    }
    reverse_edges(&g);
    *ret = g;
    return 0;
}

void cunik_graph_done(struct graph *g)
{
    free(g->names);
    free(g->first);
    free(g->targets);
    free(g->r_first);
    free(g->r_targets);
    free(g->order);
    *g = (struct graph){0};
}

/* One pass in the right order reaches everything: when a node's turn comes, all that could have
 * selected it has had its own. */
void cunik_graph_add_dependencies(const struct graph *g, bool *selected)
{
    for (size_t turn = g->n; turn-- > 0;) {
        size_t i = g->order[turn];
        for (size_t e = g->first[i]; selected[i] && e < g->first[i + 1]; e++)
            selected[g->targets[e]] = true;
    }
}

void cunik_graph_add_dependents(const struct graph *g, bool *selected)
{
    for (size_t turn = 0; turn < g->n; turn++) {
        size_t i = g->order[turn];
        for (size_t e = g->r_first[i]; selected[i] && e < g->r_first[i + 1]; e++)
            selected[g->r_targets[e]] = true;
    }
}
