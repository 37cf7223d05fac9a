#include "engine/plan_graph.h"

#include <string.h>

#include "base/buffer.h"
#include "base/memory.h"

size_t cunik_plan_graph_find(const struct plan_graph *g, const char *service)
{
    return (size_t)(uintptr_t)cunik_map_get(&g->index, service) - 1;
}

static void add_service(struct plan_graph *g, const char *name)
{
    if (cunik_map_add(&g->index, name, (void *)(uintptr_t)(g->n + 1)))
        *ARRAY_APPEND(g->names, g->n) = name;
}

static int by_index(const void *x, const void *y, void *world)
{
    const struct world *w = world;
    const struct world_cunik *a = &w->cuniks[*(const size_t *)x];
    const struct world_cunik *b = &w->cuniks[*(const size_t *)y];

    if (a->index != b->index)
        return a->index < b->index ? -1 : 1;
    return strcmp(a->name, b->name);
}

/* Turns counts into places: first[i] becomes the sum of those before it; first has n + 1. */
static size_t *places(const size_t *counts, size_t n)
{
    size_t *first = cunik_malloc((n + 1) * sizeof(*first));

    first[0] = 0;
    for (size_t i = 0; i < n; i++)
        first[i + 1] = first[i] + counts[i];
    return first;
}

static void gather_members(struct plan_graph *g, const size_t *service_of)
{
    _cleanup_free_ size_t *counts = cunik_calloc(g->n, sizeof(*counts));

    for (size_t i = 0; i < g->w->n_cuniks; i++)
        if (service_of[i] != SIZE_MAX)
            counts[service_of[i]]++;
    g->member_first = places(counts, g->n);
    g->members = cunik_malloc(g->member_first[g->n] * sizeof(*g->members));
    memset(counts, 0, g->n * sizeof(*counts));
    for (size_t i = 0; i < g->w->n_cuniks; i++)
        if (service_of[i] != SIZE_MAX)
            g->members[g->member_first[service_of[i]] + counts[service_of[i]]++] = i;
    for (size_t i = 0; i < g->n; i++)
        if (counts[i] > 1)
            qsort_r(&g->members[g->member_first[i]], counts[i], sizeof(*g->members), by_index,
                    (void *)g->w);
}

struct edge {
    size_t from, to;
};

static int gather_edges(struct plan_graph *g, const size_t *service_of, bool strict,
                        struct edge **ret, size_t *ret_n, struct error **err)
{
    for (size_t i = 0; i < g->w->n_cuniks; i++) {
        const struct world_cunik *c = &g->w->cuniks[i];
        for (size_t k = 0; service_of[i] != SIZE_MAX && k < c->n_depends; k++) {
            size_t to = cunik_plan_graph_find(g, c->depends[k].service);
            if (to != SIZE_MAX)
                *ARRAY_APPEND(*ret, *ret_n) = (struct edge){.from = service_of[i], .to = to};
            else if (strict && c->depends[k].required)
                return cunik_error_set(err, ERROR_INVALID,
                                       "service \"%s\" depends on undefined service \"%s\"",
                                       c->service, c->depends[k].service);
        }
    }
    return 0;
}

static void lay_edges(struct plan_graph *g, const struct edge *edges, size_t n)
{
    _cleanup_free_ size_t *out = cunik_calloc(g->n, sizeof(*out));
    _cleanup_free_ size_t *in = cunik_calloc(g->n, sizeof(*in));

    for (size_t i = 0; i < n; i++) {
        out[edges[i].from]++;
        in[edges[i].to]++;
    }
    g->first = places(out, g->n);
    g->r_first = places(in, g->n);
    g->targets = cunik_malloc(n * sizeof(*g->targets));
    g->r_targets = cunik_malloc(n * sizeof(*g->r_targets));
    memset(out, 0, g->n * sizeof(*out));
    memset(in, 0, g->n * sizeof(*in));
    for (size_t i = 0; i < n; i++) {
        const struct edge *e = &edges[i];
        g->targets[g->first[e->from] + out[e->from]++] = e->to;
        g->r_targets[g->r_first[e->to] + in[e->to]++] = e->from;
    }
}

enum colour { UNSEEN, OPEN, DONE };

static int say_cycle(const struct plan_graph *g, const size_t *stack, size_t depth, size_t back,
                     struct error **err)
{
    _cleanup_buffer_ struct buffer b = {0};
    size_t i = depth;

    while (stack[i - 1] != back)
        i--;
    for (i--; i < depth; i++)
        cunik_buffer_printf(&b, "%s -> ", g->names[stack[i]]);
    return cunik_error_set(err, ERROR_INVALID, "dependency cycle detected: %s%s", b.data,
                           g->names[back]);
}

/* Depth first, on a stack of our own: a chain may be as long as the stack has services. */
static int sort(struct plan_graph *g, bool strict, struct error **err)
{
    _cleanup_free_ enum colour *colours = cunik_calloc(g->n, sizeof(*colours));
    _cleanup_free_ size_t *stack = cunik_malloc(g->n * sizeof(*stack));
    _cleanup_free_ size_t *next = cunik_malloc(g->n * sizeof(*next));
    size_t n = 0;

    g->order = cunik_malloc(g->n * sizeof(*g->order));
    for (size_t root = 0; root < g->n; root++) {
        size_t depth = 0;
        if (colours[root] != UNSEEN)
            continue;
        stack[depth++] = root;
        next[root] = g->first[root];
        colours[root] = OPEN;
        while (depth) {
            size_t at = stack[depth - 1];
            if (next[at] == g->first[at + 1]) {
                colours[at] = DONE;
                g->order[n++] = at;
                depth--;
                continue;
            }
            size_t to = g->targets[next[at]++];
            if (colours[to] == OPEN && strict)
                return say_cycle(g, stack, depth, to, err);
            if (colours[to] != UNSEEN)
                continue;
            colours[to] = OPEN;
            next[to] = g->first[to];
            stack[depth++] = to;
        }
    }
    return 0;
}

int cunik_plan_graph_init(struct plan_graph *ret, const struct world *w, const char *stack,
                          bool strict, struct error **err)
{
    struct plan_graph g = {.w = w};
    _cleanup_free_ size_t *service_of = cunik_malloc(w->n_cuniks * sizeof(*service_of));
    _cleanup_free_ struct edge *edges = NULL;
    size_t n_edges = 0;

    for (size_t i = 0; i < w->n_cuniks; i++) {
        service_of[i] = SIZE_MAX;
        if (strcmp(w->cuniks[i].stack, stack) != 0)
            continue;
        add_service(&g, w->cuniks[i].service);
        service_of[i] = cunik_plan_graph_find(&g, w->cuniks[i].service);
    }
    for (size_t i = 0; i < w->services.n; i++)
        add_service(&g, w->services.items[i]);
    gather_members(&g, service_of);
    int r = gather_edges(&g, service_of, strict, &edges, &n_edges, err);
    if (r == 0) {
        lay_edges(&g, edges, n_edges);
        r = sort(&g, strict, err);
    }
    if (r < 0) {
        cunik_plan_graph_done(&g);
        return r;
    }
    *ret = g;
    return 0;
}

void cunik_plan_graph_done(struct plan_graph *g)
{
    cunik_map_done(&g->index);
    free(g->names);
    free(g->member_first);
    free(g->members);
    free(g->first);
    free(g->targets);
    free(g->r_first);
    free(g->r_targets);
    free(g->order);
    *g = (struct plan_graph){0};
}

void cunik_plan_graph_close(const struct plan_graph *g, bool *selected)
{
    /* Dependents come after what they need: going backwards, each has all that select it behind. */
    for (size_t i = g->n; i-- > 0;) {
        size_t at = g->order[i];
        for (size_t k = g->first[at]; selected[at] && k < g->first[at + 1]; k++)
            selected[g->targets[k]] = true;
    }
}
