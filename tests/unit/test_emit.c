#include "tests/support/test.h"

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

/* How each string is written as a value. */
static const struct {
    const char *text, *yaml;
} strings[] = {
    {"plain text", "plain text"},
    {"redis:7", "redis:7"},
    {"a/b=c,d[0]{x}", "a/b=c,d[0]{x}"},
    {"-x", "-x"},
    {"?x", "?x"},
    {"a#b", "a#b"},
    {"$${A}", "$${A}"},
    {"\xc3\xa9", "\xc3\xa9"},
    {"\xc3\xa9\xf0\x9f\x98\x80", "\"\xc3\xa9\\U0001F600\""},
    {"", "\"\""},
    {"8080", "\"8080\""},
    {"0x10", "\"0x10\""},
    {"1e3", "\"1e3\""},
    {"true", "\"true\""},
    {"null", "\"null\""},
    {"~", "\"~\""},
    {"yes", "\"yes\""},
    {"Off", "\"Off\""},
    {"<<", "\"<<\""},
    {"2001-12-14", "\"2001-12-14\""},
    {"2001-1-1T00:00:00Z", "\"2001-1-1T00:00:00Z\""},
    {"2001-12-14x", "2001-12-14x"},
    {"1:30", "\"1:30\""},
    {"1:99", "1:99"},
    {"80:80", "80:80"},
    {"22:22", "\"22:22\""},
    {" lead", "' lead'"},
    {"trail ", "'trail '"},
    {"a: b", "'a: b'"},
    {"a:", "'a:'"},
    {"a #b", "'a #b'"},
    {"- a", "'- a'"},
    {"-", "'-'"},
    {"---", "'---'"},
    {"*it's", "'*it''s'"},
    {"{a}", "'{a}'"},
    {"@at", "'@at'"},
    {"tab\there", "\"tab\\there\""},
    {"bell\a\x01\x7f", "\"bell\\a\\x01\\x7F\""},
    {"q\"\\\r", "\"q\\\"\\\\\\r\""},
    {"\xc2\x85\xe2\x80\xa8\xef\xbb\xbf", "\"\\N\\L\\uFEFF\""},
    {"esc\x1b", "\"esc\\e\""},
    {"a\rb", "\"a\\rb\""},
    {"bad\xff\xc3", "bad\xef\xbf\xbd\xef\xbf\xbd"},
    {"one\ntwo", "|-\n  one\n  two"},
    {"one\n\n two\n", "|\n  one\n\n   two"},
    {"one\n\n", "|+\n  one\n\n..."},
    {"\none", "|2-\n\n  one"},
    {" one\ntwo", "|2-\n   one\n  two"},
    {"one\n\ttwo", "\"one\\n\\ttwo\""},
    {"one \ntwo ", "\"one \\ntwo \""},
    {"\n", "|2+\n\n..."},
    {"one\ntwo\r\n", "\"one\\ntwo\\r\\n\""},
};

/* Its JSON is JSON for others, and YAML for us. */
static void check_json(const struct node *root)
{
    _cleanup_tree_ struct tree *t = cunik_tree_create();
    _cleanup_free_ char *text = cunik_emit_json(root);
    _cleanup_json_ json_t *value = json_loads(text, JSON_DECODE_ANY, NULL);

    if (!value || !cunik_node_equal(root, cunik_node_from_json(t, value)) ||
        !cunik_node_equal(root, parse(t, text)))
        fail_msg("does not read as what it was:\n%s", text);
}

static void test_strings(void **state)
{
    (void)state;
    for (size_t i = 0; i < ARRAY_SIZE(strings); i++) {
        _cleanup_tree_ struct tree *t = cunik_tree_create();
        struct node *map = cunik_node_map(t, NULL);
        cunik_node_set(t, map, "k", cunik_node_string(t, NULL, strings[i].text));
        _cleanup_free_ char *expected = cunik_asprintf("k: %s\n", strings[i].yaml);
        _cleanup_free_ char *text = cunik_emit_yaml(map);
        assert_string_equal(text, expected);
        struct node *again = cunik_node_get(parse(t, text), "k");
        assert_int_equal(again->kind, NODE_STRING);
        if (strstr(strings[i].text, "bad"))
            continue;
        assert_string_equal(again->text, strings[i].text);
        check_json(map);
    }
}

static void test_golden_tree(void **state)
{
    _cleanup_tree_ struct tree *t = cunik_tree_create();
    _cleanup_free_ char *in = test_read("tests/golden/emit/all/in.yaml");
    struct node *root = parse(t, in);
    _cleanup_free_ char *yaml = cunik_emit_yaml(root);
    _cleanup_free_ char *json = cunik_emit_json(root);

    (void)state;
    test_golden("tests/golden/emit/all/out.yaml", yaml);
    test_golden("tests/golden/emit/all/out.json", json);
    assert_true(cunik_node_equal(root, parse(t, yaml)));
    assert_true(cunik_node_equal(root, parse(t, json)));
    _cleanup_json_ json_t *value = cunik_node_to_json(root);
    assert_true(cunik_node_equal(root, cunik_node_from_json(t, value)));
}

static const char *const pieces[] = {
    "a",  "b",        " ",  "\n", "\t", ":",    "-",    "#",        "'",
    "\"", "\\",       "?",  "{",  "]",  ",",    "\x7f", "\xc2\x85", "\xe2\x80\xa8",
    "|",  ">",        "&",  "*",  "!",  "%",    "1",    "0",        ".",
    "_",  "\xc3\xa9", "\r", "~",  "<<", "--- ",
};

static struct node *random_string(struct tree *t, uint64_t *seed)
{
    _cleanup_buffer_ struct buffer b = {0};

    for (size_t n = test_random_below(seed, 8); n > 0; n--)
        cunik_buffer_text_append(&b, pieces[test_random_below(seed, ARRAY_SIZE(pieces))]);
    return cunik_node_string(t, NULL, cunik_buffer_text(&b));
}

static struct node *random_node(struct tree *t, uint64_t *seed, size_t depth)
{
    size_t kind = test_random_below(seed, depth ? 8 : 6);

    switch (kind) {
    case 0:
        return cunik_node_null(t, NULL);
    case 1:
        return cunik_node_bool(t, NULL, test_random_below(seed, 2));
    case 2:
        return cunik_node_int(t, NULL, (int64_t)test_random(seed));
    case 3:
        return cunik_node_float(t, NULL, (double)test_random(seed) / 7 - 1e18);
    case 6:
    case 7: {
        struct node *n = kind == 6 ? cunik_node_list(t, NULL) : cunik_node_map(t, NULL);
        for (size_t i = test_random_below(seed, 4); i > 0; i--) {
            struct node *item = random_node(t, seed, depth - 1);
            if (kind == 6)
                cunik_node_append(t, n, item);
            else
                cunik_node_set(t, n, random_string(t, seed)->text, item);
        }
        return n;
    }
    default:
        return random_string(t, seed);
    }
}

/* Whatever is written reads as what it was. */
static void test_round_trip(void **state)
{
    uint64_t seed = test_seed();

    (void)state;
    for (size_t i = 0; i < 3000; i++) {
        _cleanup_tree_ struct tree *t = cunik_tree_create();
        struct node *root = random_node(t, &seed, 4);
        _cleanup_free_ char *text = cunik_emit_yaml(root);
        if (!cunik_node_equal(root, parse(t, text)))
            fail_msg("does not read as what it was:\n%s", text);
        check_json(root);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_strings),
        cmocka_unit_test(test_golden_tree),
        cmocka_unit_test(test_round_trip),
    };

    return cmocka_run_group_tests_name("emit", tests, NULL, NULL);
}
