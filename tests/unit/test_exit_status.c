/* Every way to end, with and without a word on the console. */
#include "tests/support/test.h"

#include "base/macros.h"
#include "engine/exit_status.h"

static char words[] = "=== ERROR: _exit(3) called ===";
static const struct ending zero = {.status = 0, .reason = words},
                           three = {.status = 3, .reason = words},
                           still = {.status = 3, .reason = words, .still = true},
                           still_zero = {.status = 0, .reason = words, .still = true};

static void test_verdicts(void **state)
{
    static const struct {
        struct exit_facts facts;
        enum cunik_end end;
        int64_t code;
        bool reason;
    } cases[] = {
        {{END_NONE, -1, &three}, END_NONE, 0, false},
        {{END_POWEROFF, -1, NULL}, END_POWEROFF, 0, false},
        {{END_POWEROFF, -1, &zero}, END_POWEROFF, 0, true},
        {{END_POWEROFF, -1, &three}, END_POWEROFF, 3, true},
        {{END_RESET, -1, NULL}, END_RESET, 134, false},
        {{END_RESET, -1, &zero}, END_RESET, 134, false},
        {{END_RESET, -1, &three}, END_RESET, 3, true},
        {{END_PANICKED, -1, &zero}, END_PANICKED, 134, false},
        {{END_PANICKED, -1, NULL}, END_PANICKED, 134, false},
        {{END_DESTROYED, -1, NULL}, END_DESTROYED, 137, false},
        {{END_DESTROYED, -1, &three}, END_DESTROYED, 137, false},
        {{END_DESTROYED, -1, &still}, END_POWEROFF, 3, true},
        {{END_DESTROYED, 0, &still_zero}, END_POWEROFF, 0, true},
        {{END_KILLED, -1, &zero}, END_KILLED, 137, false},
        {{END_KILLED, 137, NULL}, END_KILLED, 137, false},
        {{END_KILLED, 139, NULL}, END_KILLED, 139, false},
        {{END_KILLED, 1, NULL}, END_POWEROFF, 0, false},
        {{END_KILLED, 7, NULL}, END_POWEROFF, 3, false},
        {{END_KILLED, 2, NULL}, END_KILLED, 2, false},
        {{END_KILLED, 0, NULL}, END_KILLED, 0, false},
    };

    (void)state;
    for (size_t i = 0; i < ARRAY_SIZE(cases); i++) {
        struct exit_verdict v = cunik_exit_decide(&cases[i].facts);
        print_message("# %zu\n", i);
        assert_int_equal(v.end, cases[i].end);
        assert_int_equal(v.code, cases[i].code);
        assert_string_equal(v.reason, cases[i].reason ? words : "");
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_verdicts),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
