#include "tests/support/test.h"

#include <math.h>
#include <string.h>

#include "base/memory.h"
#include "compose/diagnostics.h"
#include "compose/tree.h"

#define _cleanup_tree_ _cleanup_(cunik_tree_destroyp)

static const struct {
    const char *text;
    enum node_kind kind;
    const char *as_text;
} scalars[] = {
    {"", NODE_NULL, ""},
    {"~", NODE_NULL, ""},
    {"null", NODE_NULL, ""},
    {"nULL", NODE_STRING, "nULL"},
    {"true", NODE_BOOL, "true"},
    {"False", NODE_BOOL, "false"},
    {"yes", NODE_STRING, "yes"},
    {"on", NODE_STRING, "on"},
    {"y", NODE_STRING, "y"},
    {"0", NODE_INT, "0"},
    {"-12", NODE_INT, "-12"},
    {"+12", NODE_INT, "12"},
    {"1_000", NODE_INT, "1000"},
    {"_1", NODE_STRING, "_1"},
    {"0x1F", NODE_INT, "31"},
    {"-0x10", NODE_INT, "-16"},
    {"0x", NODE_STRING, "0x"},
    {"0x0x1", NODE_STRING, "0x0x1"},
    {"0o17", NODE_INT, "15"},
    {"0b101", NODE_INT, "5"},
    {"0b2", NODE_STRING, "0b2"},
    {"0644", NODE_INT, "420"},
    {"089", NODE_FLOAT, "89"},
    {"9223372036854775807", NODE_INT, "9223372036854775807"},
    {"-9223372036854775808", NODE_INT, "-9223372036854775808"},
    {"-9223372036854775809", NODE_FLOAT, "-9.223372036854776e+18"},
    {"18446744073709551615", NODE_FLOAT, "18446744073709551615"},
    {"100000000000000000000", NODE_FLOAT, "1e+20"},
    {"1.0", NODE_FLOAT, "1"},
    {"1.", NODE_FLOAT, "1"},
    {".5", NODE_FLOAT, "0.5"},
    {"-.5", NODE_FLOAT, "-0.5"},
    {"1e3", NODE_FLOAT, "1000"},
    {"0.1", NODE_FLOAT, "0.1"},
    {"1.25e-7", NODE_FLOAT, "1.25e-07"},
    {"123456.75", NODE_FLOAT, "123456.75"},
    {"1e6", NODE_FLOAT, "1e+06"},
    {"1e999", NODE_STRING, "1e999"},
    {".inf", NODE_FLOAT, "+Inf"},
    {"-.INF", NODE_FLOAT, "-Inf"},
    {".nan", NODE_FLOAT, "NaN"},
    {".", NODE_STRING, "."},
    {"-", NODE_STRING, "-"},
    {"+-1", NODE_STRING, "+-1"},
    {"1:30", NODE_STRING, "1:30"},
    {"1.2.3", NODE_STRING, "1.2.3"},
    {"2001-12-14", NODE_STRING, "2001-12-14"},
    {"0x1p3", NODE_STRING, "0x1p3"},
    {"infinity", NODE_STRING, "infinity"},
    {"1 ", NODE_STRING, "1 "},
    {"1e", NODE_STRING, "1e"},
};

static void test_scalars(void **state)
{
    _cleanup_tree_ struct tree *t = cunik_tree_create();

    (void)state;
    for (size_t i = 0; i < ARRAY_SIZE(scalars); i++) {
        struct node *n = cunik_node_null(t, NULL);
        cunik_node_resolve(n, scalars[i].text);
        if (n->kind != scalars[i].kind)
            fail_msg("'%s' is a %s", scalars[i].text, cunik_node_kind_name(n->kind));
        assert_string_equal(cunik_node_as_text(t, n), scalars[i].as_text);
        assert_string_equal(n->text, scalars[i].text);
    }
    struct node *n = cunik_node_float(t, NULL, 0.3);
    assert_string_equal(n->text, "0.3");
    cunik_node_resolve(n, "-.inf");
    assert_true(isinf(n->number));
    assert_null(cunik_node_as_text(t, cunik_node_map(t, NULL)));
}

static void assert_map(const struct node *map, const size_t *values, size_t n)
{
    assert_int_equal(map->n, n);
    for (size_t i = 0; i < n; i++) {
        _cleanup_free_ char *key = cunik_asprintf("key%zu", values[i]);
        assert_string_equal(map->items[i]->key, key);
        assert_ptr_equal(cunik_node_get(map, key), map->items[i]);
    }
}

/* A mapping behaves as the plain list of its keys does, whatever is done to it. */
static void test_map_like_list(void **state)
{
    enum { KEYS = 100, STEPS = 5000 };
    _cleanup_tree_ struct tree *t = cunik_tree_create();
    struct node *map = cunik_node_map(t, NULL);
    uint64_t seed = test_seed();
    size_t model[KEYS];
    size_t n = 0;

    (void)state;
    for (size_t step = 0; step < STEPS; step++) {
        size_t value = test_random_below(&seed, KEYS);
        _cleanup_free_ char *key = cunik_asprintf("key%zu", value);
        size_t at = 0;
        while (at < n && model[at] != value)
            at++;
        if (test_random_below(&seed, 5) < 3) {
            struct node *item = cunik_node_int(t, NULL, (int64_t)step);
            cunik_node_set(t, map, key, item);
            assert_ptr_equal(cunik_node_get(map, key), item);
            model[at] = value;
            n += at == n;
        } else {
            assert_int_equal(cunik_node_remove(map, key), at < n);
            assert_null(cunik_node_get(map, key));
            if (at < n)
                memmove(&model[at], &model[at + 1], (--n - at) * sizeof(*model));
        }
        assert_map(map, model, n);
    }
}

/* A map that was large once still finds what is added when it is small again. */
static void test_shrunk_map(_unused_ void **state)
{
    enum { KEYS = 100 };
    _cleanup_tree_ struct tree *t = cunik_tree_create();
    struct node *map = cunik_node_map(t, NULL);

    for (int round = 0; round < 2; round++) {
        for (size_t i = 0; i < KEYS; i++) {
            _cleanup_free_ char *key = cunik_asprintf("key%zu", i);
            struct node *item = cunik_node_int(t, NULL, (int64_t)i);
            cunik_node_set(t, map, key, item);
            assert_ptr_equal(cunik_node_get(map, key), item);
        }
        for (size_t i = 0; i < KEYS; i++) {
            _cleanup_free_ char *key = cunik_asprintf("key%zu", i);
            assert_true(cunik_node_remove(map, key));
        }
    }
}

static void test_copy_and_equal(void **state)
{
    _cleanup_tree_ struct tree *t = cunik_tree_create();
    struct place place = {.file = "f", .line = 3, .column = 4};
    struct node *map = cunik_node_map(t, &place);
    struct node *list = cunik_node_list(t, &place);

    (void)state;
    cunik_node_append(t, list, cunik_node_string(t, &place, "a"));
    cunik_node_append(t, list, cunik_node_null(t, &place));
    cunik_node_set(t, map, "list", list);
    cunik_node_set(t, map, "on", cunik_node_bool(t, &place, true));
    struct node *copy = cunik_node_copy(t, map);
    assert_true(cunik_node_equal(map, copy));
    assert_int_equal(copy->place.line, 3);
    struct node *swapped = cunik_node_map(t, NULL);
    cunik_node_set(t, swapped, "on", cunik_node_bool(t, NULL, true));
    cunik_node_set(t, swapped, "list", cunik_node_copy(t, list));
    assert_true(cunik_node_equal(map, swapped));
    cunik_node_append(t, cunik_node_get(copy, "list"), cunik_node_int(t, NULL, 1));
    assert_false(cunik_node_equal(map, copy));
    assert_int_equal(list->n, 2);
    assert_false(cunik_node_equal(cunik_node_string(t, NULL, "1"), cunik_node_int(t, NULL, 1)));
    assert_null(cunik_node_get(list, "on"));
    assert_null(cunik_node_get(NULL, "on"));
}

static void test_large_texts(void **state)
{
    enum { SIZE = 200000 };
    _cleanup_tree_ struct tree *t = cunik_tree_create();
    _cleanup_free_ char *large = cunik_malloc(SIZE + 1);

    (void)state;
    memset(large, 'x', SIZE);
    large[SIZE] = '\0';
    const char *before = cunik_tree_text(t, "before", 6);
    const char *a = cunik_tree_text(t, large, SIZE);
    const char *b = cunik_tree_text(t, large, SIZE / 8);
    const char *after = cunik_tree_text(t, "after", 5);
    assert_string_equal(a, large);
    assert_int_equal(strlen(b), SIZE / 8);
    assert_string_equal(before, "before");
    assert_string_equal(after, "after");
}

static void test_diagnostics(void **state)
{
    _cleanup_diagnostics_ struct diagnostics d = {0};
    _cleanup_error_ struct error *err = NULL;

    (void)state;
    cunik_diagnostics_warn(&d, &(struct place){"b.yaml", 1, 1}, "x", "never in an error");
    assert_int_equal(cunik_diagnostics_fail(&d, &err), 0);
    assert_null(err);
    cunik_diagnostics_error(&d, &(struct place){"b.yaml", 9, 2}, "services.web", "late %d", 1);
    cunik_diagnostics_error(&d, &(struct place){"a.yaml", 1, 1}, "", "other file");
    cunik_diagnostics_error(&d, &(struct place){"b.yaml", 2, 7}, NULL, "early, second");
    cunik_diagnostics_error(&d, &(struct place){"b.yaml", 2, 1}, NULL, "early, first");
    cunik_diagnostics_error(&d, NULL, NULL, "nowhere");
    struct error *taken = NULL;
    cunik_error_at(&taken, ERROR_INVALID, &(struct place){"b.yaml", 2, 1}, "taken");
    cunik_diagnostics_take(&d, &taken);
    assert_null(taken);
    assert_int_equal(d.n, 7);
    assert_int_equal(d.n_errors, 6);
    assert_true(cunik_diagnostics_fail(&d, &err) < 0);
    assert_int_equal(err->code, ERROR_INVALID);
    assert_string_equal(err->message, "b.yaml:2:1: early, first\n"
                                      "b.yaml:2:1: taken\n"
                                      "b.yaml:2:7: early, second\n"
                                      "b.yaml:9:2: services.web: late 1\n"
                                      "a.yaml:1:1: other file\n"
                                      "nowhere");
    _cleanup_free_ char *warning = cunik_diagnostic_text(&d.items[0]);
    assert_string_equal(warning, "b.yaml:1:1: warning: x: never in an error");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_scalars),     cmocka_unit_test(test_map_like_list),
        cmocka_unit_test(test_shrunk_map),  cmocka_unit_test(test_copy_and_equal),
        cmocka_unit_test(test_large_texts), cmocka_unit_test(test_diagnostics),
    };

    return cmocka_run_group_tests_name("tree", tests, NULL, NULL);
}
