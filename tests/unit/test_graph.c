#include "tests/support/test.h"

#include <string.h>

#include "base/buffer.h"
#include "base/memory.h"
#include "compose/graph.h"

enum { EDGES_MAX = 8, NODES_MAX = 40 };

/* "a: b c?; b:; …": nodes with what they depend on, "?" for optional. */
struct model {
    struct strv words;
    struct graph_edge edges[NODES_MAX][EDGES_MAX];
    struct graph_node nodes[NODES_MAX];
    size_t n;
};

static void model_done(struct model *m)
{
    cunik_strv_done(&m->words);
}

static void read_model(struct model *m, const char *text)
{
    cunik_strv_split(&m->words, text, " ;");
    for (size_t i = 0; i < m->words.n; i++) {
        char *word = m->words.items[i];
        char *last = word + strlen(word) - 1;
        bool optional = *last == '?', node = *last == ':';
        if (optional || node)
            *last = '\0';
        if (node) {
            m->nodes[m->n] = (struct graph_node){.name = word, .edges = m->edges[m->n]};
            m->nodes[m->n].place = (struct place){.file = "f", .line = (unsigned)m->n + 1};
            m->n++;
        } else {
            struct graph_node *n = &m->nodes[m->n - 1];
            assert_true(n->n_edges < EDGES_MAX);
            m->edges[m->n - 1][n->n_edges++] = (struct graph_edge){word, optional};
        }
    }
}

static char *names(const struct graph *g, const size_t *list, size_t n, const bool *selected)
{
    _cleanup_buffer_ struct buffer b = {0};

    for (size_t i = 0; i < n; i++) {
        size_t node = list ? list[i] : i;
        if (!selected || selected[node])
            cunik_buffer_printf(&b, "%s%s", b.size ? " " : "", g->names[node]);
    }
    return b.size ? cunik_buffer_take(&b) : cunik_strdup("");
}

static const struct {
    const char *text, *order; /* or the error */
} orders[] = {
    {"", ""},
    {"a:", "a"},
    {"c:; b:; a:", "c b a"},
    {"web: app db; db:; app: db cache; cache:", "db cache app web"},
    {"a: b b; b:", "b a"},
    {"a: gone? b; b:", "b a"},
    {"a: gone", "f:1:0: service \"a\" depends on undefined service \"gone\""},
    {"a: a", "f:1:0: dependency cycle detected: a -> a"},
    {"x: a; a: b; b: c; c: a", "f:2:0: dependency cycle detected: a -> b -> c -> a"},
    {"a: b; b: a", "f:1:0: dependency cycle detected: a -> b -> a"},
};

static void test_order(void **state)
{
    (void)state;
    for (size_t i = 0; i < ARRAY_SIZE(orders); i++) {
        _cleanup_(model_done) struct model m = {0};
        _cleanup_graph_ struct graph g = {0};
        _cleanup_error_ struct error *err = NULL;
        read_model(&m, orders[i].text);
        int r = cunik_graph_init(&g, m.nodes, m.n, &err);
        _cleanup_free_ char *result = r < 0 ? cunik_error_text(err) : names(&g, g.order, g.n, NULL);
        assert_string_equal(result, orders[i].order);
    }
}

static void assert_closure(const struct graph *g, const char *from, const char *needs,
                           const char *needed_by)
{
    bool down[NODES_MAX] = {0}, up[NODES_MAX] = {0};

    for (size_t i = 0; i < g->n; i++)
        down[i] = up[i] = strstr(from, g->names[i]) != NULL;
    cunik_graph_add_dependencies(g, down);
    cunik_graph_add_dependents(g, up);
    _cleanup_free_ char *below = names(g, NULL, g->n, down);
    _cleanup_free_ char *above = names(g, NULL, g->n, up);
    assert_string_equal(below, needs);
    assert_string_equal(above, needed_by);
}

static void test_closure(void **state)
{
    _cleanup_(model_done) struct model m = {0};
    _cleanup_graph_ struct graph g = {0};

    (void)state;
    read_model(&m, "web: app log?; app: db; db:; log:; tool: db; alone:");
    assert_int_equal(cunik_graph_init(&g, m.nodes, m.n, NULL), 0);
    assert_closure(&g, "", "", "");
    assert_closure(&g, "web", "web app db log", "web");
    assert_closure(&g, "db", "db", "web app db tool");
    assert_closure(&g, "tool alone", "db tool alone", "tool alone");
    _cleanup_free_ char *users = names(&g, &g.r_targets[g.r_first[2]], 2, NULL);
    assert_string_equal(users, "app tool");
}

/* A random graph without cycles comes out in an order that respects every edge. */
static void test_random_graphs(void **state)
{
    enum { N = 200 };
    uint64_t seed = test_seed();

    (void)state;
    for (size_t round = 0; round < 50; round++) {
        _cleanup_strv_ struct strv labels = {0};
        struct graph_edge edges[N][4];
        struct graph_node nodes[N] = {0};
        size_t rank[N], place[N];
        for (size_t i = 0; i < N; i++) {
            cunik_strv_addf(&labels, "n%zu", i);
            rank[i] = test_random_below(&seed, 1000000);
        }
        for (size_t i = 0; i < N; i++) {
            nodes[i] = (struct graph_node){.name = labels.items[i], .edges = edges[i]};
            for (size_t e = test_random_below(&seed, 5); e > 0; e--) {
                size_t to = test_random_below(&seed, N);
                if (rank[to] < rank[i])
                    edges[i][nodes[i].n_edges++] = (struct graph_edge){labels.items[to], false};
            }
        }
        _cleanup_graph_ struct graph g = {0};
        assert_int_equal(cunik_graph_init(&g, nodes, N, NULL), 0);
        for (size_t i = 0; i < N; i++)
            place[g.order[i]] = i;
        for (size_t i = 0; i < N; i++)
            for (size_t e = g.first[i]; e < g.first[i + 1]; e++)
                assert_true(place[g.targets[e]] < place[i]);
    }
}

/* A chain as long as a stack may be: no recursion, no square. */
static void test_long_chain(void **state)
{
    enum { N = 100000 };
    _cleanup_strv_ struct strv labels = {0};
    _cleanup_free_ struct graph_edge *edges = cunik_calloc(N, sizeof(*edges));
    _cleanup_free_ struct graph_node *nodes = cunik_calloc(N, sizeof(*nodes));
    _cleanup_graph_ struct graph g = {0};

    (void)state;
    for (size_t i = 0; i < N; i++)
        cunik_strv_addf(&labels, "n%zu", i);
    for (size_t i = 0; i < N; i++) {
        edges[i].to = i + 1 < N ? labels.items[i + 1] : "none";
        edges[i].optional = i + 1 == N;
        nodes[i] = (struct graph_node){.name = labels.items[i], .edges = &edges[i], .n_edges = 1};
    }
    assert_int_equal(cunik_graph_init(&g, nodes, N, NULL), 0);
    assert_int_equal(g.order[0], N - 1);
    assert_int_equal(g.order[N - 1], 0);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_order),
        cmocka_unit_test(test_closure),
        cmocka_unit_test(test_random_graphs),
        cmocka_unit_test(test_long_chain),
    };

    return cmocka_run_group_tests_name("graph", tests, NULL, NULL);
}
