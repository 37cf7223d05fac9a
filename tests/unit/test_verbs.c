#include "tests/support/test.h"

#include <errno.h>
#include <string.h>

#include "base/memory.h"
#include "base/verbs.h"

static int nothing(void *context _unused_, const struct arguments *a _unused_, int *status _unused_,
                   struct error **err _unused_)
{
    return 0;
}

static const struct option_row globals[] = {
    {"file", 'f', "FILE", "Stack file", NULL, true},
    {"progress", 0, "TYPE", "How progress is shown", "auto|plain", false},
};

static const struct option_row log_options[] = {
    {"follow", 'f', NULL, "Go on", NULL, false},
    {"quiet", 'q', NULL, "Names only", NULL, false},
    {"tail", 'n', "LINES", "Last lines", NULL, false},
};

static const struct verb_row verbs[] = {
    {"logs", "[SERVICE...]", "Show output", log_options, ARRAY_SIZE(log_options), 0, 9, nothing},
    {"port", "SERVICE PORT", "Show a port", NULL, 0, 2, 2, nothing},
    {"network ls", NULL, "List networks", log_options, ARRAY_SIZE(log_options), 0, 0, nothing},
    {"network rm", "NAME", "Remove a network", NULL, 0, 1, 1, nothing},
    {"run", "IMAGE [ARG...]", "Run an image", log_options, ARRAY_SIZE(log_options), 1, SIZE_MAX,
     nothing},
};

static const struct elsewhere_row elsewhere[] = {
    {NULL, "log", 0, "'logs' is more than one"},
    {"", "dry", 'd', "nothing is done anyway"},
    {"logs", "tale", 't', "'--tail' is its end"},
};

static const struct program program = {
    .name = "prog",
    .help = "Test program",
    .options = globals,
    .n_options = ARRAY_SIZE(globals),
    .verbs = verbs,
    .n_verbs = ARRAY_SIZE(verbs),
    .elsewhere = elsewhere,
    .n_elsewhere = ARRAY_SIZE(elsewhere),
};

static int parse(const char *line, struct arguments **ret, char **ret_help, struct error **err)
{
    _cleanup_strv_ struct strv v = {0};

    cunik_strv_split(&v, line, " ");
    _cleanup_free_ char **argv = cunik_strv_argv(&v);
    return cunik_verbs_parse(&program, (int)v.n, argv, ret, ret_help, err);
}

static void one_letter_two_meanings(void **state _unused_)
{
    _cleanup_error_ struct error *err = NULL;
    _cleanup_(cunik_arguments_destroyp) struct arguments *a = NULL;
    _cleanup_free_ char *help = NULL;

    test_ok(parse("prog -f a -fb --file=c logs -qf --tail 5 web -- -x", &a, &help, &err), err);
    assert_null(help);
    assert_int_equal(cunik_arguments_values(a, "file")->n, 3);
    assert_string_equal(cunik_arguments_value(a, "file"), "c");
    assert_true(cunik_arguments_flag(a, "follow"));
    assert_true(cunik_arguments_flag(a, "quiet"));
    assert_string_equal(cunik_arguments_value(a, "tail"), "5");
    assert_int_equal(cunik_arguments_positional(a)->n, 2);
    assert_string_equal(cunik_arguments_positional(a)->items[1], "-x");
    assert_false(cunik_arguments_given(a, "progress"));
}

static void mistakes(void **state _unused_)
{
    static const struct {
        const char *line, *message;
    } cases[] = {
        {"prog lgos", "unknown command 'lgos'; did you mean 'logs'?"},
        {"prog frobnicate", "unknown command 'frobnicate'; see 'prog --help'"},
        {"prog logs --folow", "unknown option '--folow'; did you mean '--follow'?"},
        {"prog log", "there is no command 'log': 'logs' is more than one"},
        {"prog --dry logs", "there is no option '--dry': nothing is done anyway"},
        {"prog logs -d", "there is no option '-d': nothing is done anyway"},
        {"prog logs --tale=3", "there is no option '--tale': '--tail' is its end"},
        {"prog logs -qt", "there is no option '-t': '--tail' is its end"},
        {"prog port -t", "unknown option '-t'"},
        {"prog port --tale", "unknown option '--tale'"},
        {"prog logs -z", "unknown option '-z'"},
        {"prog logs --tail", "option '--tail' needs a value (LINES)"},
        {"prog --progress=fancy logs", "option '--progress' takes auto|plain, not 'fancy'"},
        {"prog logs --follow=maybe", "option '--follow' takes true or false, not 'maybe'"},
        {"prog port web", "'prog port' needs SERVICE PORT"},
        {"prog port a b c", "unexpected argument 'c'"},
    };

    for (size_t i = 0; i < ARRAY_SIZE(cases); i++) {
        _cleanup_error_ struct error *err = NULL;
        struct arguments *a = NULL;
        char *help = NULL;
        assert_int_equal(parse(cases[i].line, &a, &help, &err), -EINVAL);
        assert_string_equal(err->message, cases[i].message);
        assert_int_equal(err->code, ERROR_INVALID);
    }
}

static void help(void **state _unused_)
{
    static const char *const lines[] = {"prog", "prog --help", "prog help", "prog -h"};

    for (size_t i = 0; i < ARRAY_SIZE(lines); i++) {
        _cleanup_error_ struct error *err = NULL;
        _cleanup_(cunik_arguments_destroyp) struct arguments *a = NULL;
        _cleanup_free_ char *text = NULL;
        test_ok(parse(lines[i], &a, &text, &err), err);
        assert_non_null(strstr(text, "logs             Show output"));
    }
    _cleanup_error_ struct error *err = NULL;
    _cleanup_(cunik_arguments_destroyp) struct arguments *a = NULL;
    _cleanup_free_ char *text = NULL;
    test_ok(parse("prog port --help", &a, &text, &err), err);
    assert_non_null(strstr(text, "Usage: prog [OPTIONS] port [OPTIONS] SERVICE PORT"));
}

static const char *verb_of(const char *line, struct arguments **ret)
{
    _cleanup_error_ struct error *err = NULL;
    _cleanup_free_ char *text = NULL;

    test_ok(parse(line, ret, &text, &err), err);
    assert_null(text);
    return cunik_arguments_verb(*ret)->name;
}

static void groups(void **state _unused_)
{
    _cleanup_(cunik_arguments_destroyp) struct arguments *a = NULL, *b = NULL, *c = NULL, *d = NULL;
    _cleanup_error_ struct error *err = NULL;
    _cleanup_free_ char *text = NULL, *none = NULL;

    assert_string_equal(verb_of("prog network rm -- shop", &a), "network rm");
    assert_string_equal(cunik_arguments_positional(a)->items[0], "shop");
    assert_string_equal(verb_of("prog network ls -q", &b), "network ls");
    assert_true(cunik_arguments_flag(b, "quiet"));
    test_ok(parse("prog network", &c, &text, &err), err);
    assert_non_null(strstr(text, "Usage: prog [OPTIONS] network COMMAND"));
    assert_non_null(strstr(text, "network ls       List networks"));
    assert_null(strstr(text, "Show output"));
    assert_true(parse("prog network lss", &d, &none, &err) < 0);
    assert_string_equal(err->message, "unknown command 'network lss'; did you mean 'network ls'?");
}

/* What stands behind the first argument is the guest's. */
static void passed_on(void **state _unused_)
{
    _cleanup_(cunik_arguments_destroyp) struct arguments *a = NULL;

    assert_string_equal(verb_of("prog run -q ./web.elf -q --port 80 -- x", &a), "run");
    const struct strv *v = cunik_arguments_positional(a);
    assert_true(cunik_arguments_flag(a, "quiet"));
    assert_int_equal(v->n, 6);
    assert_string_equal(v->items[1], "-q");
    assert_string_equal(v->items[2], "--port");
    assert_string_equal(v->items[4], "--");
}

static void manual(void **state _unused_)
{
    _cleanup_free_ char *text = cunik_verbs_manual(&program);

    assert_non_null(strstr(text, "*-f*, *--file* _FILE_\n\tStack file"));
    assert_non_null(strstr(text, "## port SERVICE PORT"));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(one_letter_two_meanings),
        cmocka_unit_test(mistakes),
        cmocka_unit_test(help),
        cmocka_unit_test(groups),
        cmocka_unit_test(passed_on),
        cmocka_unit_test(manual),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
