/* What a guest uses, from the kernel's own texts. */
#include "tests/support/test.h"

#include <unistd.h>

#include "base/json.h"
#include "base/memory.h"
#include "engine/stats.h"

static void stat_line(void **state _unused_)
{
    int64_t ticks = 0, threads = 0;

    assert_true(cunik_stats_parse_stat(
        "4242 (a ) name (x) S 1 4242 4242 0 -1 4194560 100 0 0 0 250 50 3 4 20 0 7 0 123456 1000 "
        "200 18446744073709551615 1 1 0 0 0 0 0\n",
        &ticks, &threads));
    assert_int_equal(ticks, 300);
    assert_int_equal(threads, 7);
    assert_false(cunik_stats_parse_stat("4242 (short) S 1\n", &ticks, &threads));
    assert_false(cunik_stats_parse_stat("", &ticks, &threads));
}

static void numbers(void **state _unused_)
{
    static const char text[] = "Name:\tqemu\nVmRSSx:\t1 kB\nVmRSS:\t  2048 kB\nread_bytes: 77\n";

    assert_int_equal(cunik_stats_number(text, "VmRSS"), 2048 * 1024);
    assert_int_equal(cunik_stats_number(text, "read_bytes"), 77);
    assert_int_equal(cunik_stats_number(text, "Name"), 0);
    assert_int_equal(cunik_stats_number(text, "absent"), 0);
}

static void links(void **state _unused_)
{
    static const char text[] =
        "Inter-|   Receive                                                |  Transmit\n"
        " face |bytes    packets errs drop fifo frame compressed multicast|bytes    packets\n"
        "    lo: 1000 10 0 0 0 0 0 0 1000 10 0 0 0 0 0 0\n"
        "ckt12: 500 5 0 0 0 0 0 0 900 9 0 0 0 0 0 0\n"
        "ckt1: 7 1 0 0 0 0 0 0 8 1 0 0 0 0 0 0\n";
    struct stats_sample s = {0};

    cunik_stats_add_link(text, "ckt1", &s);
    assert_int_equal(s.rx, 8);
    assert_int_equal(s.tx, 7);
    cunik_stats_add_link(text, "ckt12", &s);
    assert_int_equal(s.rx, 908);
    cunik_stats_add_link(text, "ckt", &s);
    assert_int_equal(s.rx, 908);
}

/* This process is one like any other. */
static void real(void **state _unused_)
{
    _cleanup_world_ struct world w = {0};
    struct world_cunik *c = cunik_world_add_cunik(&w);
    struct stats_sample s;

    assert_false(cunik_stats_take(c, &s));
    c->status.pid = getpid();
    assert_true(cunik_stats_take(c, &s));
    assert_true(s.memory > 0 && s.threads >= 1 && s.time_ns > 0);
    _cleanup_json_ json_t *tasks = cunik_stats_threads(c);
    assert_true(json_array_size(tasks) >= 1);
    assert_true(json_is_integer(json_object_get(json_array_get(tasks, 0), "tid")));
}

/* What the guest has, not what the file says: that need not name any. */
static void limit(void **state _unused_)
{
    _cleanup_world_ struct world w = {0};
    struct world_cunik *c = cunik_world_add_cunik(&w);
    const struct stats_sample s = {.memory = 3 << 20};

    c->status.memory = 64 << 20;
    _cleanup_json_ json_t *json = cunik_stats_to_json(c, &s);
    assert_int_equal(json_integer_value(json_object_get(json, "memory")), 3 << 20);
    assert_int_equal(json_integer_value(json_object_get(json, "memory_limit")), 64 << 20);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(stat_line), cmocka_unit_test(numbers), cmocka_unit_test(links),
        cmocka_unit_test(real),      cmocka_unit_test(limit),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
