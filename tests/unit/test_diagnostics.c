/* Messages: their order, and the line with a caret. */
#include "tests/support/test.h"

#include <string.h>

#include "base/memory.h"
#include "base/text.h"
#include "compose/diagnostics.h"
#include "compose/secrecy.h"

static void excerpts(void **state _unused_)
{
    static const struct {
        const char *text;
        unsigned line, column;
        const char *expected;
    } cases[] = {
        {"a: 1\nb: 2\n", 2, 4, "    2 | b: 2\n      |    ^"},
        {"a: 1", 1, 1, "    1 | a: 1\n      | ^"},
        {"a: 1\r\n", 1, 4, "    1 | a: 1\n      |    ^"},
        {"\xc3\xa4\xc3\xb6: x\n", 1, 5, "    1 | \xc3\xa4\xc3\xb6: x\n      |     ^"},
        {"\ta: x\n", 1, 2, "    1 | \ta: x\n      | \t^"},
        {"a: \x1b[2J\n", 1, 4, "    1 | a: ?[2J\n      |    ^"},
        {"a\n\n", 2, 1, "    2 | \n      | ^"},
        {"a\n", 2, 1, NULL},
        {"a\n", 7, 1, NULL},
        {"a\n", 0, 0, NULL},
    };

    for (size_t i = 0; i < ARRAY_SIZE(cases); i++) {
        _cleanup_free_ char *got =
            cunik_diagnostics_excerpt(cases[i].text, cases[i].line, cases[i].column);
        if (!cunik_text_equal(got, cases[i].expected))
            fail_msg("case %zu gives\n%s", i, got ? got : "nothing");
    }
}

/* Of a long line only what is around the column is shown, and the caret is still below it. */
static void long_line(void **state _unused_)
{
    char text[1001];

    memset(text, 'a', 1000);
    text[1000] = '\0';
    text[499] = 'X';
    _cleanup_free_ char *got = cunik_diagnostics_excerpt(text, 1, 500);
    char *caret = strchr(got, '\n') + 1;
    assert_true(strlen(got) < 250);
    assert_int_equal(strchr(got, 'X') - got, strchr(caret, '^') - caret);
}

static void shown(void **state _unused_)
{
    static const char text[] = "one: 1\ntwo: 2\n";
    _cleanup_diagnostics_ struct diagnostics d = {.excerpts = true}, plain = {0};
    _cleanup_error_ struct error *err = NULL, *other = NULL;
    struct place two = {.file = "f", .line = 2, .column = 6},
                 one = {.file = "f", .line = 1, .column = 1},
                 elsewhere = {.file = "g", .line = 1, .column = 1};

    cunik_diagnostics_source(&d, "f", text, strlen(text));
    cunik_diagnostics_error(&d, &two, "two", "is wrong");
    cunik_diagnostics_error(&d, &elsewhere, NULL, "has no text");
    cunik_diagnostics_error(&d, &one, NULL, "too");
    assert_true(cunik_diagnostics_fail(&d, &err) < 0);
    assert_string_equal(err->message, "f:1:1: too\n    1 | one: 1\n      | ^\n"
                                      "f:2:6: two: is wrong\n    2 | two: 2\n      |      ^\n"
                                      "g:1:1: has no text");
    cunik_diagnostics_source(&plain, "f", text, strlen(text));
    cunik_diagnostics_error(&plain, &one, NULL, "too");
    assert_true(cunik_diagnostics_fail(&plain, &other) < 0);
    assert_string_equal(other->message, "f:1:1: too");
}

/* Whose key says that it is a secret has no excerpt. */
static void secrets(void **state _unused_)
{
    static const char text[] = "one: 1\n";
    _cleanup_diagnostics_ struct diagnostics d = {.excerpts = true};
    _cleanup_error_ struct error *err = NULL;
    struct place one = {.file = "f", .line = 1, .column = 1};

    cunik_diagnostics_source(&d, "f", text, strlen(text));
    cunik_diagnostics_error(&d, &one, "services.web.environment.DB_PASSWORD", "is wrong");
    cunik_diagnostics_error(&d, &one, NULL, "is too");
    cunik_diagnostics_hide(&d);
    assert_true(cunik_diagnostics_fail(&d, &err) < 0);
    assert_string_equal(err->message, "f:1:1: services.web.environment.DB_PASSWORD: is wrong\n"
                                      "f:1:1: is too");

    assert_true(cunik_is_secret_path("secrets.db.file"));
    assert_true(cunik_is_secret_path("services.web.environment.API_token"));
    assert_true(cunik_is_secret_path("x-password"));
    assert_false(cunik_is_secret_path("services.token-server.mem_limit"));
    assert_false(cunik_is_secret_path("services.secrets"));
    assert_false(cunik_is_secret_path("services.web.environment.NAME"));
}

/* The same file comes in twice: what has a node's own name of it is told apart. */
static void origins(void **state _unused_)
{
    static const char first[] = "b.yaml", second[] = "b.yaml";
    char third[] = "b.yaml";
    _cleanup_diagnostics_ struct diagnostics d = {0};
    struct place a = {.file = "a.yaml", .line = 3, .column = 1},
                 b = {.file = first, .line = 1, .column = 1};

    cunik_diagnostics_origin(&d, first, "included from", &a);
    char *again = cunik_strdup(second);
    a.line = 4;
    cunik_diagnostics_origin(&d, again, "extended by", &a);
    cunik_diagnostics_error(&d, &b, NULL, "one");
    b.file = again;
    cunik_diagnostics_error(&d, &b, NULL, "two");
    b.file = third;
    cunik_diagnostics_error(&d, &b, NULL, "last");
    cunik_diagnostics_error(&d, &a, NULL, "itself");
    assert_string_equal(d.items[0].origin, "included from a.yaml:3");
    assert_string_equal(d.items[1].origin, "extended by a.yaml:4");
    assert_string_equal(d.items[2].origin, "extended by a.yaml:4");
    assert_null(d.items[3].origin);
    free(again);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(excerpts), cmocka_unit_test(long_line), cmocka_unit_test(shown),
        cmocka_unit_test(secrets),  cmocka_unit_test(origins),
    };

    return cmocka_run_group_tests_name("diagnostics", tests, NULL, NULL);
}
