#include "tests/support/test.h"

#include <errno.h>
#include <string.h>

#include "base/buffer.h"
#include "base/json.h"
#include "base/memory.h"
#include "compose/emit.h"
#include "compose/yaml.h"

#define _cleanup_tree_ _cleanup_(cunik_tree_destroyp)

static struct node *parse(struct tree *t, const char *text)
{
    _cleanup_error_ struct error *err = NULL;
    struct node **documents = NULL;
    size_t n = 0;

    test_ok(cunik_yaml_parse(t, "t.yaml", text, strlen(text), NULL, &documents, &n, &err), err);
    assert_int_equal(n, 1);
    return documents[0];
}

/* Each text and what it means, as JSON. */
static const struct {
    const char *text, *json;
} meanings[] = {
    {"a: 1\nb: [x, 'y', \"z\\n\", null, true, 1.5]\n",
     "{\"a\": 1, \"b\": [\"x\", \"y\", \"z\\n\", null, true, 1.5]}"},
    {"- a\n- - b\n  - {}\n- []\n", "[\"a\", [\"b\", {}], []]"},
    {"a: |\n  one\n  two\nb: >-\n  one\n  two\n", "{\"a\": \"one\\ntwo\\n\", \"b\": \"one two\"}"},
    {"a:\nb: ''\n", "{\"a\": null, \"b\": \"\"}"},
    {"a: 'true'\nb: \"1\"\nc: |-\n  2\nd: ! 3\n",
     "{\"a\": \"true\", \"b\": \"1\", \"c\": \"2\", \"d\": \"3\"}"},
    {"a: !!str 1\nb: !!int '2'\nc: !!float 3\nd: !!null ''\ne: !!seq [1]\nf: !!map {g: !!bool "
     "true}",
     "{\"a\": \"1\", \"b\": 2, \"c\": 3.0, \"d\": null, \"e\": [1], \"f\": {\"g\": true}}"},
    {"a: &x {b: 1}\nc: *x\nd: [*x, *x]\n",
     "{\"a\": {\"b\": 1}, \"c\": {\"b\": 1}, \"d\": [{\"b\": 1}, {\"b\": 1}]}"},
    {"a: &x 1\nb: &x 2\nc: *x\n", "{\"a\": 1, \"b\": 2, \"c\": 2}"},
    {"&k key: 1\nother: *k\n", "{\"key\": 1, \"other\": \"key\"}"},
    {"a: &k key\n*k : 1\n", "{\"a\": \"key\", \"key\": 1}"},
    {"x: &x {a: 1, b: 2}\ny:\n  b: 3\n  <<: *x\n  c: 4\n",
     "{\"x\": {\"a\": 1, \"b\": 2}, \"y\": {\"b\": 3, \"c\": 4, \"a\": 1}}"},
    {"x: &x {a: 1, b: 2}\ny: &y {a: 3, c: 4}\nz:\n  <<: [*x, *y, {d: 5, a: 6}]\n",
     "{\"x\": {\"a\": 1, \"b\": 2}, \"y\": {\"a\": 3, \"c\": 4}, "
     "\"z\": {\"a\": 1, \"b\": 2, \"c\": 4, \"d\": 5}}"},
    {"l: &l [{a: 1}, {b: 2}]\nz: {<<: *l}\n",
     "{\"l\": [{\"a\": 1}, {\"b\": 2}], \"z\": {\"a\": 1, \"b\": 2}}"},
    {"x: &x {<<: {a: 1}, b: 2}\ny: {<<: *x}\n",
     "{\"x\": {\"b\": 2, \"a\": 1}, \"y\": {\"b\": 2, \"a\": 1}}"},
    {"x: &x {<<: &w {a: [1]}}\ny: *x\nz: *w\n",
     "{\"x\": {\"a\": [1]}, \"y\": {\"a\": [1]}, \"z\": {\"a\": [1]}}"},
    {"a: {\"<<\": 1}\n", "{\"a\": {\"<<\": 1}}"},
    {"\xef\xbb\xbf"
     "a: \xc3\xa9\n",
     "{\"a\": \"\xc3\xa9\"}"},
    {"'1': a\n!!str 2: b\n\"null\": c\n", "{\"1\": \"a\", \"2\": \"b\", \"null\": \"c\"}"},
    {"%YAML 1.1\n---\na: yes\n...\n", "{\"a\": \"yes\"}"},
    {"just text", "\"just text\""},
};

static void test_meanings(void **state)
{
    (void)state;
    for (size_t i = 0; i < ARRAY_SIZE(meanings); i++) {
        _cleanup_tree_ struct tree *t = cunik_tree_create();
        _cleanup_json_ json_t *json = cunik_node_to_json(parse(t, meanings[i].text));
        _cleanup_free_ char *text = cunik_json_text(json, JSON_ENCODE_ANY);
        _cleanup_json_ json_t *wanted = json_loads(meanings[i].json, JSON_DECODE_ANY, NULL);
        _cleanup_free_ char *expected = cunik_json_text(wanted, JSON_ENCODE_ANY);
        assert_string_equal(text, expected);
    }
}

static const struct {
    const char *text, *message;
} mistakes[] = {
    {"a: b: c", "t.yaml:1:5: mapping values are not allowed in this context"},
    {"a: [1, 2", "t.yaml:2:1: did not find expected ',' or ']' (while parsing a flow sequence that "
                 "starts at line 1)"},
    {"a:\n\t- b", "t.yaml:2:1: found character that cannot start any token (while scanning for the "
                  "next token that starts at line 2)"},
    {"a: 1\nb: 2\na: 3\n", "t.yaml:3:1: line 3: mapping key \"a\" already defined at line 1"},
    {"x:\n  - {k: 1, \"k\": 2}\n",
     "t.yaml:2:12: line 2: mapping key \"k\" already defined at line 2"},
    {"a: &a {}\nb: {<<: *a, <<: *a}",
     "t.yaml:2:13: line 2: mapping key \"<<\" already defined at line 2"},
    {"a: *b", "t.yaml:1:4: unknown anchor 'b' referenced"},
    {"a: &a [*a]", "t.yaml:1:8: anchor 'a' value contains itself"},
    {"a: &a 1\n---\nb: *a", "t.yaml:3:4: unknown anchor 'a' referenced"},
    {"a: !x 1", "t.yaml:1:4: unknown tag \"!x\""},
    {"a: !!binary aGk=", "t.yaml:1:4: unknown tag \"!!binary\""},
    {"a: !!int x", "t.yaml:1:4: cannot read a string as a !!int"},
    {"a: !!str [x]", "t.yaml:1:4: cannot read a list as a !!str"},
    {"a: {<<: 1}", "t.yaml:1:9: map merge requires map or sequence of maps as the value"},
    {"a: {<<: [{}, 1]}", "t.yaml:1:14: map merge requires map or sequence of maps as the value"},
    {"services:\n  foo: {}\n  123: {}\n", "t.yaml:3:3: non-string key in services: 123"},
    {"1: a", "t.yaml:1:1: non-string key at top level: 1"},
    {"a: {b: [x, {c: {~: 1}}]}", "t.yaml:1:17: non-string key in a.b[1].c: ~"},
    {"a: {? [x] : y}", "t.yaml:1:7: a key must be a string, not a list"},
    {"a: &a {}\n*a : 1", "t.yaml:1:4: a key must be a string, not a mapping"},
    {"a: \"x\\0y\"", "t.yaml:1:4: a value must not contain a NUL byte"},
    {"a: 1\nb: \xff\n", "t.yaml:2:4: invalid leading UTF-8 octet"},
    {"a: \x01", "t.yaml:1:4: control characters are not allowed"},
};

static void assert_refused(const char *text, size_t size, const struct yaml_limits *limits,
                           const char *message)
{
    _cleanup_tree_ struct tree *t = cunik_tree_create();
    _cleanup_error_ struct error *err = NULL;
    struct node **documents = NULL;
    size_t n = 0;

    assert_int_equal(cunik_yaml_parse(t, "t.yaml", text, size, limits, &documents, &n, &err),
                     -EINVAL);
    _cleanup_free_ char *got = cunik_error_text(err);
    assert_string_equal(got, message);
    assert_int_equal(err->code, ERROR_INVALID);
    assert_null(documents);
}

static void test_mistakes(void **state)
{
    (void)state;
    for (size_t i = 0; i < ARRAY_SIZE(mistakes); i++)
        assert_refused(mistakes[i].text, strlen(mistakes[i].text), NULL, mistakes[i].message);
}

static void test_places(void **state)
{
    _cleanup_tree_ struct tree *t = cunik_tree_create();
    struct node *root = parse(t, "# first\na: &x\n  b: text\nlist:\n  - 1\n  -   two\nc: *x\n");
    struct node *b = cunik_node_get(cunik_node_get(root, "a"), "b");
    struct node *two = cunik_node_get(root, "list")->items[1];
    struct node *c = cunik_node_get(root, "c");

    (void)state;
    assert_string_equal(b->place.file, "t.yaml");
    assert_int_equal(b->place.line, 3);
    assert_int_equal(b->place.column, 6);
    assert_int_equal(b->key_place.line, 3);
    assert_int_equal(b->key_place.column, 3);
    assert_int_equal(two->place.line, 6);
    assert_int_equal(two->place.column, 7);
    assert_null(two->key);
    assert_int_equal(c->key_place.line, 7);
    assert_int_equal(cunik_node_get(c, "b")->place.line, 3);
    assert_ptr_not_equal(cunik_node_get(c, "b"), b);
}

static void test_own_tags(void **state)
{
    _cleanup_tree_ struct tree *t = cunik_tree_create();
    struct node *root = parse(t, "a: !reset null\nb: !override [1]\nc: &c !reset {}\nd: *c\n"
                                 "e: !override 3\nf:\n  <<: {g: !reset 1}\n");

    (void)state;
    assert_int_equal(root->tag, NODE_PLAIN);
    assert_int_equal(cunik_node_get(root, "a")->tag, NODE_RESET);
    assert_int_equal(cunik_node_get(root, "a")->kind, NODE_NULL);
    assert_int_equal(cunik_node_get(root, "b")->tag, NODE_OVERRIDE);
    assert_int_equal(cunik_node_get(root, "d")->tag, NODE_RESET);
    assert_int_equal(cunik_node_get(root, "e")->kind, NODE_INT);
    assert_int_equal(cunik_node_get(cunik_node_get(root, "f"), "g")->tag, NODE_RESET);
}

static void test_documents(void **state)
{
    _cleanup_tree_ struct tree *t = cunik_tree_create();
    _cleanup_error_ struct error *err = NULL;
    struct node **documents = NULL;
    const char *text = "a: 1\n---\n---\n- b\n";
    size_t n = 7;

    (void)state;
    test_ok(cunik_yaml_parse(t, "t", text, strlen(text), NULL, &documents, &n, &err), err);
    assert_int_equal(n, 3);
    assert_int_equal(documents[0]->kind, NODE_MAP);
    assert_int_equal(documents[1]->kind, NODE_NULL);
    assert_int_equal(documents[2]->kind, NODE_LIST);
    test_ok(cunik_yaml_parse(t, "t", "# nothing\n", 10, NULL, &documents, &n, &err), err);
    assert_int_equal(n, 0);
    test_ok(cunik_yaml_parse(t, "t", NULL, 0, NULL, &documents, &n, &err), err);
    assert_int_equal(n, 0);
}

static char *laughs(size_t levels)
{
    _cleanup_buffer_ struct buffer b = {0};

    cunik_buffer_text_append(&b, "a0: &a0 [lol, lol, lol, lol, lol, lol, lol, lol, lol]\n");
    for (size_t i = 1; i < levels; i++) {
        cunik_buffer_printf(&b, "a%zu: &a%zu [", i, i);
        for (size_t j = 0; j < 9; j++)
            cunik_buffer_printf(&b, "%s*a%zu", j ? ", " : "", i - 1);
        cunik_buffer_text_append(&b, "]\n");
    }
    return cunik_buffer_take(&b);
}

static char *nested(const char *open, const char *close, size_t levels)
{
    _cleanup_buffer_ struct buffer b = {0};

    for (size_t i = 0; i < levels; i++)
        cunik_buffer_text_append(&b, open);
    cunik_buffer_text_append(&b, "x");
    for (size_t i = 0; i < levels; i++)
        cunik_buffer_text_append(&b, close);
    return cunik_buffer_take(&b);
}

static void test_bounds(void **state)
{
    const struct yaml_limits small = {.size = 100, .nodes = 10, .aliased = 5, .depth = 3};
    _cleanup_free_ char *bomb = laughs(9);
    _cleanup_free_ char *deep = nested("[", "]", 100000);
    _cleanup_free_ char *deep_enough = nested("[", "]", 128);
    _cleanup_free_ char *deep_keys = nested("{a: ", "}", 200);
    _cleanup_free_ char *huge = cunik_calloc(1, 100 << 20);
    _cleanup_buffer_ struct buffer directives = {0};
    _cleanup_tree_ struct tree *t = cunik_tree_create();

    (void)state;
    for (size_t i = 0; i < 1002; i++)
        cunik_buffer_printf(&directives, "%%TAG !t%zu! !x\n", i);
    memset(huge, ' ', 100 << 20);
    assert_refused(huge, 100 << 20, NULL,
                   "t.yaml: file is larger than 16777216 bytes (it has 104857600)");
    assert_refused(directives.data, directives.size, NULL,
                   "t.yaml: file has more than 1000 directives");
    assert_refused(bomb, strlen(bomb), NULL,
                   "t.yaml:6:40: excessive aliasing: aliases expand to more than 500000 values");
    assert_refused(deep, strlen(deep), NULL,
                   "t.yaml:1:129: lists and mappings are nested deeper than 128 levels");
    assert_refused(deep_keys, strlen(deep_keys), NULL,
                   "t.yaml:1:513: lists and mappings are nested deeper than 128 levels");
    assert_int_equal(parse(t, deep_enough)->kind, NODE_LIST);
    assert_refused("[1,2,3,4,5,6,7,8,9,10]", 22, &small,
                   "t.yaml:1:20: file exceeds maximum node visit limit (10)");
    assert_refused("[&a [1], *a, *a, *a]", 20, &small,
                   "t.yaml:1:18: excessive aliasing: aliases expand to more than 5 values");
    assert_refused("[&a [[1]], [[*a]]]", 18, &small,
                   "t.yaml:1:14: alias 'a' nests lists and mappings deeper than 3 levels");
}

/* Time and memory grow with the file; this is the size that `make bench` plans. */
static void test_large(void **state)
{
    enum { SERVICES = 10000 };
    _cleanup_buffer_ struct buffer b = {0};
    _cleanup_tree_ struct tree *t = cunik_tree_create();

    (void)state;
    cunik_buffer_text_append(&b, "services:\n");
    for (size_t i = 0; i < SERVICES; i++)
        cunik_buffer_printf(&b,
                            "  service-%zu:\n    image: example:%zu\n    command: [a, b, c, d]\n"
                            "    environment: {A: 1, B: two, C: three, D: 4}\n"
                            "    healthcheck: {test: [TCP, '80'], interval: 1s}\n"
                            "    depends_on: [service-%zu]\n    networks: {front: , back: }\n",
                            i, i, i / 2);
    struct node *services = cunik_node_get(parse(t, b.data), "services");
    assert_int_equal(services->n, SERVICES);
    for (size_t i = 0; i < SERVICES; i++) {
        _cleanup_free_ char *name = cunik_asprintf("service-%zu", i);
        assert_ptr_equal(cunik_node_get(services, name), services->items[i]);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_meanings),  cmocka_unit_test(test_mistakes),
        cmocka_unit_test(test_places),    cmocka_unit_test(test_own_tags),
        cmocka_unit_test(test_documents), cmocka_unit_test(test_bounds),
        cmocka_unit_test(test_large),
    };

    return cmocka_run_group_tests_name("yaml", tests, NULL, NULL);
}
