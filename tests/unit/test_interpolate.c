#include "tests/support/test.h"

#include <errno.h>
#include <string.h>

#include "base/buffer.h"
#include "base/memory.h"
#include "compose/emit.h"
#include "compose/interpolate.h"
#include "compose/template.h"
#include "compose/yaml.h"

#define _cleanup_tree_ _cleanup_(cunik_tree_destroyp)

static const char *get(const void *context, const char *name)
{
    (void)context;
    if (strcmp(name, "FOO") == 0)
        return "first";
    if (strcmp(name, "EMPTY") == 0)
        return "";
    return strcmp(name, "DOLLAR") == 0 ? "$FOO" : NULL;
}

static const struct lookup lookup = {.get = get};

static const struct {
    const char *template, *result;
} substitutions[] = {
    {"", ""},
    {"plain", "plain"},
    {"$FOO ${FOO}", "first first"},
    {"$FOO-bar", "first-bar"},
    {"$FOOBAR", ""},
    {"$DOLLAR", "$FOO"},
    {"$$FOO $$$FOO $$$$", "$FOO $first $$"},
    {"^R$ a $ b $} $1 $", "^R$ a $ b $} $1 $"},
    {"${EMPTY:-d}${EMPTY-d}${NONE:-d}${NONE-d}", "ddd"},
    {"${EMPTY:+a}${EMPTY+b}${NONE:+c}${NONE+d}${FOO:+e}${FOO+f}", "bef"},
    {"${FOO:?m}${EMPTY?m}", "first"},
    {"${NONE:-${NONE:-${FOO}}}", "first"},
    {"${NONE:-{\"a\":1}}", "{\"a\":1}"},
    {"${NONE:-{}} ${FOO}", "{} first"},
    {"${FOO:-{{.Name}}}", "first"},
    {"${NONE:-{}", "{"},
    {"${FOO:-${NONE:?never}}", "first"},
    {"${FOO:-${}}", "first"},
    {"${NONE:-two\nlines}", "two\nlines"},
    {"${NONE:-a:-b}", "a:-b"},
    {"\xc3\xa9$FOO\xc3\xa9", "\xc3\xa9"
                             "first\xc3\xa9"},
};

static void test_substitute(void **state)
{
    (void)state;
    for (size_t i = 0; i < ARRAY_SIZE(substitutions); i++) {
        _cleanup_error_ struct error *err = NULL;
        _cleanup_free_ char *result = NULL;
        test_ok(cunik_substitute(substitutions[i].template, &lookup, false, NULL, &result, &err),
                err);
        assert_string_equal(result, substitutions[i].result);
    }
}

static const struct {
    const char *template;
    int r;
    const char *message;
} failures[] = {
    {"${", -EINVAL, "Invalid template: \"${\""},
    {"a ${}", -EINVAL, "Invalid template: \"a ${}\""},
    {"${ FOO}", -EINVAL, "Invalid template: \"${ FOO}\""},
    {"${FOO }", -EINVAL, "Invalid template: \"${FOO }\""},
    {"${FOO!}", -EINVAL, "Invalid template: \"${FOO!}\""},
    {"${1}", -EINVAL, "Invalid template: \"${1}\""},
    {"${FOO", -EINVAL, "Invalid template: \"${FOO\""},
    {"${FOO:", -EINVAL, "Invalid template: \"${FOO:\""},
    {"${FOO:-", -EINVAL, "Invalid template: \"${FOO:-\""},
    {"${NONE:-${}}", -EINVAL, "Invalid template: \"${}\""},
    {"${NONE?}", -ENODATA, "required variable NONE is missing a value"},
    {"x${EMPTY:?no $FOO}", -ENODATA, "required variable EMPTY is missing a value: no first"},
    {"${EMPTY:?not $DB_PASSWORD}", -ENODATA, "required variable EMPTY is missing a value"},
};

static void test_failures(void **state)
{
    (void)state;
    for (size_t i = 0; i < ARRAY_SIZE(failures); i++) {
        _cleanup_error_ struct error *err = NULL;
        char *result = NULL;
        assert_int_equal(
            cunik_substitute(failures[i].template, &lookup, false, NULL, &result, &err),
            failures[i].r);
        assert_string_equal(err->message, failures[i].message);
        assert_null(result);
    }
}

/* Of a secret only what stands in the file is told. */
static void test_secrets(void **state)
{
    static const char *const reasons[][2] = {
        {"${NONE:?say it by -e}", "required variable NONE is missing a value: say it by -e"},
        {"${NONE?$FOO}", "required variable NONE is missing a value"},
        {"${EMPTY:-${NONE:?no ${FOO:-b}}}", "required variable NONE is missing a value"},
    };

    (void)state;
    for (size_t i = 0; i < ARRAY_SIZE(reasons); i++) {
        _cleanup_error_ struct error *err = NULL;
        char *result = NULL;
        assert_int_equal(cunik_substitute(reasons[i][0], &lookup, true, NULL, &result, &err),
                         -ENODATA);
        assert_string_equal(err->message, reasons[i][1]);
    }
}

static const char *get_large(const void *context, const char *name)
{
    (void)name;
    return context;
}

static void test_bounds(void **state)
{
    _cleanup_error_ struct error *err = NULL;
    _cleanup_buffer_ struct buffer deep = {0}, wide = {0};
    _cleanup_free_ char *large = cunik_calloc(1, (1 << 20) + 1);
    char *result = NULL;

    (void)state;
    for (size_t i = 0; i < 100000; i++)
        cunik_buffer_text_append(&deep, "${A:-");
    for (size_t i = 0; i < 100000; i++)
        cunik_buffer_char(&deep, '}');
    assert_int_equal(cunik_substitute(deep.data, &lookup, false, NULL, &result, &err), -E2BIG);
    assert_string_equal(err->message, "variables are nested deeper than 100 levels");
    memset(large, 'x', 1 << 20);
    for (size_t i = 0; i < 20; i++)
        cunik_buffer_text_append(&wide, "$A");
    struct lookup all = {.get = get_large, .context = large};
    assert_int_equal(cunik_substitute(wide.data, &all, false, NULL, &result, &err), -E2BIG);
    assert_string_equal(err->message, "the result is longer than 16777216 bytes");
}

static void test_operators(void **state)
{
    (void)state;
    assert_int_equal(cunik_template_name("A:?b-c", 6), 1);
    assert_string_equal(cunik_template_operator(":?b-c", 5), ":?");
    assert_string_equal(cunik_template_operator("-b:?c", 5), "-");
    assert_int_equal(cunik_template_name("", 0), 0);
    assert_int_equal(cunik_template_name("1A", 2), 0);
    assert_null(cunik_template_operator("!", 1));
}

static void test_tree(void **state)
{
    static const char text[] = "services:\n"
                               "  web:\n"
                               "    image: 'x:${FOO}'\n"
                               "    command: [a, $NONE, '${NONE}${OTHER}']\n"
                               "    ports: ['${', '${NONE:?say it}']\n"
                               "    scale: 3\n"
                               "    $FOO: $FOO\n"
                               "    gone: !reset ['${']\n";
    _cleanup_tree_ struct tree *t = cunik_tree_create();
    _cleanup_diagnostics_ struct diagnostics d = {0};
    _cleanup_map_ struct map warned = {0};
    _cleanup_error_ struct error *err = NULL;
    _cleanup_buffer_ struct buffer all = {0};
    struct node **documents = NULL;
    size_t n;

    (void)state;
    test_ok(cunik_yaml_parse(t, "f", text, strlen(text), NULL, &documents, &n, &err), err);
    cunik_interpolate(t, documents[0], "", &lookup, &warned, &d);
    cunik_interpolate(t, cunik_node_string(t, NULL, "$OTHER"), "x", &lookup, &warned, &d);
    for (size_t i = 0; i < d.n; i++) {
        _cleanup_free_ char *line = cunik_diagnostic_text(&d.items[i]);
        cunik_buffer_printf(&all, "%s\n", line);
    }
    assert_string_equal(
        cunik_buffer_text(&all),
        "f:4:18: warning: The \"NONE\" variable is not set. Defaulting to a blank string.\n"
        "f:4:25: warning: The \"OTHER\" variable is not set. Defaulting to a blank string.\n"
        "f:5:13: invalid interpolation format for services.web.ports[0]. You may need to escape "
        "any $ with another $: ${\n"
        "f:5:19: error while interpolating services.web.ports[1]: required variable NONE is "
        "missing a value: say it\n");
    struct node *web = cunik_node_get(cunik_node_get(documents[0], "services"), "web");
    assert_string_equal(cunik_node_get(web, "image")->text, "x:first");
    assert_string_equal(cunik_node_get(web, "$FOO")->text, "first");
    assert_string_equal(cunik_node_get(web, "command")->items[1]->text, "");
    assert_int_equal(cunik_node_get(web, "scale")->kind, NODE_INT);
}

static void test_casts(void **state)
{
    static const struct {
        const char *text;
        enum cast to;
        const char *result; /* as text, or the error */
    } casts[] = {
        {"true", CAST_BOOL, "true"},
        {"FALSE", CAST_BOOL, "false"},
        {"yes", CAST_BOOL, "true"},
        {"maybe", CAST_BOOL, "invalid boolean: maybe"},
        {"", CAST_BOOL, "invalid boolean: "},
        {"3", CAST_INT, "3"},
        {"-3", CAST_INT, "-3"},
        {"+3", CAST_INT, "3"},
        {"+-3", CAST_INT, "invalid integer: +-3"},
        {"3.0", CAST_INT, "invalid integer: 3.0"},
        {"9223372036854775808", CAST_INT, "invalid integer: 9223372036854775808"},
        {"0.5", CAST_FLOAT, "0.5"},
        {"half", CAST_FLOAT, "invalid number: half"},
    };
    _cleanup_tree_ struct tree *t = cunik_tree_create();

    (void)state;
    for (size_t i = 0; i < ARRAY_SIZE(casts); i++) {
        _cleanup_error_ struct error *err = NULL;
        _cleanup_free_ char *warning = NULL;
        struct node *n = cunik_node_string(t, NULL, casts[i].text);
        int r = cunik_cast(n, casts[i].to, &warning, &err);
        assert_string_equal(r < 0 ? err->message : cunik_node_as_text(t, n), casts[i].result);
        assert_int_equal(n->kind == NODE_STRING, r < 0);
        assert_int_equal(warning != NULL, strcmp(casts[i].text, "yes") == 0);
    }
    struct node *number = cunik_node_int(t, NULL, 1);
    assert_int_equal(cunik_cast(number, CAST_BOOL, NULL, NULL), 0);
    assert_int_equal(number->kind, NODE_INT);
}

static void test_variables(void **state)
{
    _cleanup_variables_ struct variables v = {0}, more = {0};
    char *const environment[] = {(char *)"A=1", (char *)"B=x=y", (char *)"bad", NULL};

    (void)state;
    cunik_variables_set(&v, "A", "0");
    cunik_variables_add_environment(&more, environment);
    assert_int_equal(cunik_variables_count(&more), 2);
    cunik_variables_add(&v, &more, false);
    assert_string_equal(cunik_variables_get(&v, "A"), "0");
    assert_string_equal(cunik_variables_get(&v, "B"), "x=y");
    cunik_variables_add(&v, &more, true);
    assert_string_equal(cunik_variables_value(&v, 0), "1");
    assert_string_equal(cunik_variables_name(&v, 1), "B");
    struct lookup l = cunik_variables_lookup(&v);
    assert_string_equal(cunik_lookup(&l, "A"), "1");
    assert_null(cunik_lookup(&l, "C"));
    assert_null(cunik_lookup(NULL, "A"));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_substitute), cmocka_unit_test(test_failures),
        cmocka_unit_test(test_secrets),    cmocka_unit_test(test_bounds),
        cmocka_unit_test(test_operators),  cmocka_unit_test(test_tree),
        cmocka_unit_test(test_casts),      cmocka_unit_test(test_variables),
    };

    return cmocka_run_group_tests_name("interpolate", tests, NULL, NULL);
}
