#include "tests/unit/rules_input.h"

static void check_case(const char *name)
{
    _cleanup_error_ struct error *err = NULL;
    _cleanup_free_ char *text = NULL;
    _cleanup_strv_ struct strv names = {0};
    struct rules r = {0};
    _cleanup_json_ json_t *input = read_rules(name, &r);
    int e = cunik_rules_make(&r, &text, &names, &err);
    _cleanup_free_ char *path =
        cunik_asprintf("%s/%s/%s", RULES_FOLDER, name, e < 0 ? "error" : "rules.nft");

    if (e < 0)
        text = cunik_asprintf("%s\n", err->message);
    test_golden(path, text);
    /* Every chain by which the rules are known again is one of theirs. */
    for (size_t i = 0; i < names.n; i++) {
        _cleanup_free_ char *chain = cunik_asprintf("    chain %s {\n", names.items[i]);
        if (!strstr(text, chain))
            fail_msg("%s has no chain %s", path, names.items[i]);
    }
    if (e == 0)
        assert_true(names.n >= r.n_networks + r.n_guests);
    cunik_rules_done(&r);
}

static void test_cases(_unused_ void **state)
{
    _cleanup_strv_ struct strv cases = {0};

    test_folders(RULES_FOLDER, &cases);
    assert_true(cases.n >= 11);
    for (size_t i = 0; i < cases.n; i++)
        check_case(cases.items[i]);
}

/* The order in which networks and ports are named does not matter; anything else does. */
static void test_canonical(_unused_ void **state)
{
    _cleanup_free_ char *text = NULL, *other = NULL;
    struct rules r = {0};
    _cleanup_json_ json_t *input = read_rules("shared", &r);
    uint64_t seed = test_seed();

    test_ok(cunik_rules_make(&r, &text, NULL, NULL), NULL);
    for (int round = 0; round < 100; round++) {
        _cleanup_free_ char *again = NULL;
        for (size_t i = r.n_ports - 1; i > 0; i--) {
            size_t j = test_random_below(&seed, i + 1);
            struct rules_port p = r.ports[i];
            r.ports[i] = r.ports[j];
            r.ports[j] = p;
        }
        test_ok(cunik_rules_make(&r, &again, NULL, NULL), NULL);
        assert_string_equal(text, again);
    }
    r.ports[0].port++;
    test_ok(cunik_rules_make(&r, &other, NULL, NULL), NULL);
    assert_string_not_equal(text, other);
    cunik_rules_done(&r);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_cases),
        cmocka_unit_test(test_canonical),
    };
    return cmocka_run_group_tests_name("rules", tests, NULL, NULL);
}
