#include <string.h>

#include "base/memory.h"
#include "engine/detach_keys.h"
#include "tests/support/test.h"

/* What goes on of `typed`, given in pieces of every size; "!" at the end: the keys have come. */
static void check(const char *keys, const char *typed, const char *wanted)
{
    for (size_t piece = 1; piece <= strlen(typed); piece++) {
        struct detach_keys k;
        struct error *err = NULL;
        _cleanup_buffer_ struct buffer got = {0};
        bool left = false;
        test_ok(cunik_detach_keys_init(&k, keys, &err), err);
        for (size_t at = 0; at < strlen(typed) && !left; at += piece) {
            size_t size = strlen(typed) - at < piece ? strlen(typed) - at : piece;
            left = cunik_detach_keys_pass(&k, typed + at, size, &got);
        }
        if (left)
            cunik_buffer_char(&got, '!');
        assert_string_equal(cunik_buffer_text(&got), wanted);
        cunik_detach_keys_done(&k);
    }
}

static void test_pass(void **state _unused_)
{
    check("ctrl-p,ctrl-q", "abc", "abc");
    check("ctrl-p,ctrl-q",
          "a\x10\x11"
          "b",
          "a!");
    check("ctrl-p,ctrl-q",
          "a\x10"
          "b\x10\x11",
          "a\x10"
          "b!");
    check("ctrl-p,ctrl-q", "\x10\x10\x11", "\x10!");
    check("ctrl-p,ctrl-q", "\x11\x10", "\x11");
    check("x", "abxc", "ab!");
    check("a,a,b", "aaab", "a!");
    check("a,b,a,c", "ababac", "ab!");
    check("a,b,a,c", "abab", "ab");
    check("a,b,a,c", "abad", "abad");
    check("ctrl-@,ctrl-[", "a\x1b", "a\x1b");
}

static void test_mistakes(void **state _unused_)
{
    static const char *const wrong[] = {"ctrl-",     "ctrl-P", "ctrl-pp", "xy",
                                        "a,,ctrl-1", "\x01",   ""};

    for (size_t i = 0; i < ARRAY_SIZE(wrong); i++) {
        struct detach_keys k = {0};
        _cleanup_error_ struct error *err = NULL;
        assert_true(cunik_detach_keys_init(&k, wrong[i], &err) < 0);
        assert_int_equal(err->code, ERROR_INVALID);
        assert_non_null(strstr(err->message, "option '--detach-keys' takes"));
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_pass),
        cmocka_unit_test(test_mistakes),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
