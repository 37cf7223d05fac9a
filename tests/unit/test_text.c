#include "tests/support/test.h"

#include <errno.h>
#include <string.h>

#include "base/memory.h"
#include "base/text.h"
#include "base/time.h"

static void durations(void **state _unused_)
{
    static const struct {
        const char *text;
        int64_t ns;
        const char *canonical;
    } good[] = {
        {"0", 0, "0s"},
        {"1m30s", 90000000000, "1m30s"},
        {"1.5h", 5400000000000, "1h30m0s"},
        {"300ms", 300000000, "300ms"},
        {"2us", 2000, "2\u00b5s"},
        {"2\u00b5s", 2000, "2\u00b5s"},
        {"17ns", 17, "17ns"},
        {"-1.5s", -1500000000, "-1.5s"},
        {"1d", 86400000000000, "24h0m0s"},
        {".5s", 500000000, "500ms"},
    };
    static const char *const bad[] = {"",  "1",     "s",   "1x",  "1m3",
                                      "-", "1..5s", " 1s", "1s ", "1e3s"};
    int64_t ns;

    for (size_t i = 0; i < ARRAY_SIZE(good); i++) {
        assert_int_equal(cunik_text_to_duration(good[i].text, &ns), 0);
        assert_int_equal(ns, good[i].ns);
        _cleanup_free_ char *back = cunik_text_from_duration(ns);
        assert_string_equal(back, good[i].canonical);
    }
    for (size_t i = 0; i < ARRAY_SIZE(bad); i++)
        assert_true(cunik_text_to_duration(bad[i], &ns) < 0);
    assert_int_equal(cunik_text_to_duration("999999999h", &ns), -ERANGE);
    /* Whoever waits adds it to a clock's time. */
    assert_int_equal(cunik_text_to_duration("9223372036s", &ns), -ERANGE);
    assert_int_equal(cunik_text_to_duration("876000h", &ns), 0);
    assert_true(INT64_MAX - ns - ns > INT64_C(2000000000) * 1000000000);
}

static void times(void **state _unused_)
{
    const struct timespec t = {.tv_sec = 1700000000, .tv_nsec = 123456789};

    assert_int_equal(cunik_time_ns(&t), INT64_C(1700000000123456789));
    assert_int_equal(cunik_time_ms(&t), INT64_C(1700000000123));
    struct timespec back = cunik_time_spec(cunik_time_ns(&t));
    assert_int_equal(back.tv_sec, t.tv_sec);
    assert_int_equal(back.tv_nsec, t.tv_nsec);
    int64_t before = cunik_time_now(CLOCK_MONOTONIC);
    assert_true(before > 0 && cunik_time_now(CLOCK_MONOTONIC) >= before);
}

static void bytes(void **state _unused_)
{
    static const struct {
        const char *text;
        int64_t value;
    } good[] = {
        {"32", 32},         {"32b", 32},         {"1k", 1024},         {"64M", 64 << 20},
        {"64mb", 64 << 20}, {"64MiB", 64 << 20}, {"1.5G", 1610612736}, {"10 kib", 10240},
    };
    static const char *const bad[] = {"", "M", "-1", "1ki", "1x", "1 0", "1mbb", "0x10", "1e3"};
    int64_t value;

    for (size_t i = 0; i < ARRAY_SIZE(good); i++) {
        assert_int_equal(cunik_text_to_bytes(good[i].text, &value), 0);
        assert_int_equal(value, good[i].value);
    }
    for (size_t i = 0; i < ARRAY_SIZE(bad); i++)
        assert_true(cunik_text_to_bytes(bad[i], &value) < 0);
    assert_int_equal(cunik_text_to_bytes("99999999999E", &value), -ERANGE);
}

static void sizes(void **state _unused_)
{
    static const struct {
        int64_t value;
        const char *text;
    } cases[] = {
        {0, "0 B"},
        {1023, "1023 B"},
        {1024, "1.0 KiB"},
        {1536, "1.5 KiB"},
        {(1 << 20) - 1, "1.0 MiB"},
        {64 << 20, "64.0 MiB"},
        {INT64_C(5) << 40, "5.0 TiB"},
        {INT64_MAX, "8.0 EiB"},
    };

    for (size_t i = 0; i < ARRAY_SIZE(cases); i++) {
        _cleanup_free_ char *text = cunik_text_from_bytes(cases[i].value);
        assert_string_equal(text, cases[i].text);
    }
}

static void numbers(void **state _unused_)
{
    uint64_t u;
    int64_t i;
    double d;

    assert_int_equal(cunik_text_to_uint("65535", 1, 65535, &u), 0);
    assert_int_equal(u, 65535);
    assert_int_equal(cunik_text_to_uint("65536", 1, 65535, &u), -ERANGE);
    assert_int_equal(cunik_text_to_uint("0", 1, 65535, &u), -ERANGE);
    assert_int_equal(cunik_text_to_uint("-1", 0, 10, &u), -EINVAL);
    assert_int_equal(cunik_text_to_uint("1 ", 0, 10, &u), -EINVAL);
    assert_int_equal(cunik_text_to_uint("99999999999999999999", 0, UINT64_MAX, &u), -ERANGE);
    assert_int_equal(cunik_text_to_int("-5", -10, 10, &i), 0);
    assert_int_equal(i, -5);
    assert_int_equal(cunik_text_to_int("--5", -10, 10, &i), -EINVAL);
    assert_int_equal(cunik_text_to_double("0.25", &d), 0);
    assert_true(d == 0.25);
    assert_int_equal(cunik_text_to_double("inf", &d), -EINVAL);
    assert_int_equal(cunik_text_to_double("1x", &d), -EINVAL);
}

static void nearest(void **state _unused_)
{
    static const char *const names[] = {"image", "ports", "environment", "cpus", "cpuset"};

    assert_string_equal(cunik_text_nearest("imgae", names, ARRAY_SIZE(names)), "image");
    assert_string_equal(cunik_text_nearest("enviroment", names, ARRAY_SIZE(names)), "environment");
    assert_string_equal(cunik_text_nearest("port", names, ARRAY_SIZE(names)), "ports");
    assert_null(cunik_text_nearest("volumes", names, ARRAY_SIZE(names)));
    _cleanup_free_ char *near = cunik_text_suggestion("imgae", names, ARRAY_SIZE(names));
    assert_string_equal(near, "; did you mean 'image'?");
    _cleanup_free_ char *none = cunik_text_suggestion("volumes", names, ARRAY_SIZE(names));
    assert_string_equal(none, "");
    assert_int_equal(cunik_text_distance("abc", "acb", 9), 1);
    assert_int_equal(cunik_text_distance("", "abc", 9), 3);
    assert_int_equal(cunik_text_distance("kitten", "sitting", 9), 3);
    assert_int_equal(cunik_text_distance("kitten", "sitting", 2), 3);
}

static void utf8(void **state _unused_)
{
    static const struct {
        const char *text;
        size_t size, length;
    } rows[] = {
        {"a", 1, 1},
        {"\xc2\xb5", 2, 2},
        {"\xe2\x86\x92", 3, 3},
        {"\xf0\x9f\x98\x80", 4, 4},
        {"\xe2\x86\x92", 2, 0},     /* cut off */
        {"\xe2\x86", SIZE_MAX, 0},  /* ended by a NUL */
        {"\x80", 1, 0},             /* a byte that goes on with nothing */
        {"\xc0\xaf", 2, 0},         /* longer than needed */
        {"\xe0\x9f\xbf", 3, 0},     /* likewise */
        {"\xf0\x8f\xbf\xbf", 4, 0}, /* likewise */
        {"\xed\xa0\x80", 3, 0},     /* a surrogate */
        {"\xf4\x90\x80\x80", 4, 0}, /* above U+10FFFF */
        {"\xff", SIZE_MAX, 0},
    };

    for (size_t i = 0; i < ARRAY_SIZE(rows); i++)
        assert_int_equal(cunik_text_utf8_length(rows[i].text, rows[i].size), rows[i].length);
}

static void brief(void **state _unused_)
{
    char text[1024];
    char *short_one = cunik_text_brief("forever"), *cut;

    assert_string_equal(short_one, "forever");
    free(short_one);
    for (size_t lead = 0; lead < 4; lead++) { /* no character is cut in two */
        memset(text, 'a', lead);
        for (size_t i = lead; i + 3 < sizeof(text); i += 3)
            memcpy(text + i, "\xe2\x86\x92", 4);
        cut = cunik_text_brief(text);
        assert_in_range(strlen(cut), 97, 103);
        assert_null(cunik_text_not_utf8(cut, strlen(cut)));
        assert_string_equal(cut + strlen(cut) - 3, "…");
        free(cut);
    }
    memset(text, 0xff, sizeof(text) - 1);
    text[sizeof(text) - 1] = '\0';
    cut = cunik_text_brief(text);
    assert_in_range(strlen(cut), 97, 103);
    free(cut);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(durations), cmocka_unit_test(bytes),   cmocka_unit_test(sizes),
        cmocka_unit_test(numbers),   cmocka_unit_test(nearest), cmocka_unit_test(utf8),
        cmocka_unit_test(brief),     cmocka_unit_test(times),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
