/* Events: times as people write them, filters, lines, and what is kept of the past. */
#include "tests/support/test.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <time.h>

#include "base/file.h"
#include "base/json.h"
#include "base/memory.h"
#include "base/when.h"
#include "engine/event_filter.h"
#include "engine/event_log.h"
#include "engine/event_text.h"

static const int64_t now = INT64_C(1767366245250); /* 2026-01-02T15:04:05.250Z */

static void times(void **state _unused_)
{
    static const struct {
        const char *text;
        int64_t ms; /* -1 = none */
    } cases[] = {
        {"1767366245", INT64_C(1767366245000)},
        {"1767366245.25", INT64_C(1767366245250)},
        {"1767366245.2509", INT64_C(1767366245250)},
        {"0", 0},
        {"10m", INT64_C(1767366245250) - 600000},
        {"1h30m", INT64_C(1767366245250) - 5400000},
        {"2026-01-02T15:04:05Z", INT64_C(1767366245000)},
        {"2026-01-02T15:04:05.25Z", INT64_C(1767366245250)},
        {"2026-01-02T17:04:05+02:00", INT64_C(1767366245000)},
        {"2026-01-02T14:34:05-00:30", INT64_C(1767366245000)},
        {"2026-01-02T12:04:05", INT64_C(1767366245000)}, /* local: three hours behind */
        {"2026-01-02T12:04", INT64_C(1767366240000)},
        {"2026-01-02", INT64_C(1767322800000)},
        {"2024-02-29", INT64_C(1709175600000)},
        {"2026-02-29", -1},
        {"2026-13-01", -1},
        {"2026-01-02T25:00:00Z", -1},
        {"2026-01-02T15:04:05ZZ", -1},
        {"2026-01-02 15:04:05", -1},
        {"1767366245.", -1},
        {"1767366245x", -1},
        {"99999999999999999999", -1},
        {"yesterday", -1},
        {"", -1},
    };

    setenv("TZ", "CUN3", 1);
    tzset();
    for (size_t i = 0; i < ARRAY_SIZE(cases); i++) {
        int64_t ms = -1;
        int r = cunik_when_parse(cases[i].text, now, &ms);
        if ((r < 0) != (cases[i].ms < 0) || (r == 0 && ms != cases[i].ms))
            fail_msg("'%s' is %lld (%d), not %lld", cases[i].text, (long long)ms, r,
                     (long long)cases[i].ms);
    }
    /* What is written is read as what it was. */
    _cleanup_free_ char *utc = cunik_when_utc(now), *local = cunik_when_local(now);
    int64_t ms = -1;
    assert_string_equal(utc, "2026-01-02T15:04:05.250Z");
    assert_string_equal(local, "2026-01-02T12:04:05.250");
    assert_int_equal(cunik_when_parse(utc, 0, &ms), 0);
    assert_int_equal(ms, now);
}

static const struct event step = {.type = EVENT_STEP,
                                  .time_ms = INT64_C(1767366245250),
                                  .id = 7,
                                  .stack = "shop",
                                  .kind = "cunik",
                                  .name = "shop-web-1",
                                  .service = "web",
                                  .verb = "create",
                                  .phase = PHASE_WAITING,
                                  .message = "'shop-db-1' to be healthy",
                                  .exit_code = -1};
static const struct event ended = {.type = EVENT_STATE,
                                   .time_ms = INT64_C(1767366246000),
                                   .stack = "shop",
                                   .kind = "cunik",
                                   .name = "shop-db-1",
                                   .service = "db",
                                   .state = "exited",
                                   .exit_code = 3};

static bool matches(const char *filters, const struct event *e)
{
    _cleanup_filter_ struct filter f = {.kind = &cunik_filter_events};
    _cleanup_free_ char *text = cunik_strdup(filters);
    char *rest = text;

    for (char *one; (one = strsep(&rest, " "));)
        test_ok(cunik_filter_add(&f, one, NULL), NULL);
    return cunik_filter_matches(&f, e);
}

static void filters(void **state _unused_)
{
    assert_true(matches("type=step", &step));
    assert_false(matches("type=step", &ended));
    assert_true(matches("type=step type=state", &ended));
    assert_true(matches("stack=shop service=web", &step));
    assert_false(matches("stack=shop service=web", &ended));
    assert_true(matches("container=shop-web-1", &step));
    assert_true(matches("cunik=shop-web-1 cunik=shop-db-1", &ended));
    assert_false(matches("network=shop-web-1", &step));
    assert_true(matches("kind=cunik phase=waiting verb=create", &step));
    assert_false(matches("phase=waiting", &ended));
    assert_true(matches("event=create event=exited", &step));
    assert_true(matches("event=create event=exited", &ended));
    assert_true(matches("state=exited", &ended));
    assert_false(matches("health=exited", &ended));
    assert_false(matches("name=", &step));
}

static void expect_filter(const char *text, const char *message)
{
    _cleanup_filter_ struct filter f = {.kind = &cunik_filter_events};
    _cleanup_error_ struct error *err = NULL;

    assert_true(cunik_filter_add(&f, text, &err) < 0);
    assert_string_equal(err->message, message);
    assert_int_equal(err->code, ERROR_INVALID);
    assert_int_equal(f.n, 0);
}

static void wrong_filters(void **state _unused_)
{
    expect_filter("web", "a filter is KEY=VALUE, not 'web'");
    expect_filter("=web", "a filter is KEY=VALUE, not '=web'");
    expect_filter("typo=step",
                  "events are filtered by type, kind, stack, service, name, cunik, container, "
                  "network, verb, phase, state, health, event, not by 'typo'");
    expect_filter("type=stat", "there are no events of type 'stat'; did you mean 'state'?");
}

static void lines(void **state _unused_)
{
    setenv("TZ", "UTC", 1);
    tzset();
    _cleanup_free_ char *one = cunik_event_text(&step), *other = cunik_event_text(&ended);
    assert_string_equal(one, "2026-01-02T15:04:05.250 step shop cunik shop-web-1 create waiting: "
                             "'shop-db-1' to be healthy");
    assert_string_equal(other, "2026-01-02T15:04:06.000 state shop cunik shop-db-1 exited (3)");
}

/* Both ways, and members that are not there. */
static void wire(void **state _unused_)
{
    _cleanup_json_ json_t *json = cunik_event_to_json(&step);
    _cleanup_free_ char *text = cunik_json_text(json, JSON_COMPACT);
    struct event back;

    assert_string_equal(
        text, "{\"v\":1,\"id\":7,\"time\":1767366245250,\"type\":\"step\",\"stack\":\"shop\","
              "\"kind\":\"cunik\",\"name\":\"shop-web-1\",\"service\":\"web\",\"verb\":\"create\","
              "\"message\":\"'shop-db-1' to be healthy\",\"phase\":\"waiting\"}");
    test_ok(cunik_event_from_json(json, &back, NULL), NULL);
    assert_int_equal(back.id, 7);
    assert_int_equal(back.exit_code, -1);
    json_object_set_new(json, "v", json_integer(2));
    assert_true(cunik_event_from_json(json, &back, NULL) < 0);
}

/* The log */

struct got {
    struct strv names;
    int64_t last_id;
    bool data;
};

static void take(void *ctx, const struct event *e, json_t *json)
{
    struct got *got = ctx;

    assert_true(e->id > got->last_id);
    got->last_id = e->id;
    got->data = json_object_get(json, "data") != NULL;
    cunik_strv_add(&got->names, e->name);
}

static void read_log(struct event_log *l, int64_t since, struct got *got)
{
    _cleanup_error_ struct error *err = NULL;

    cunik_strv_done(&got->names);
    *got = (struct got){0};
    test_ok(cunik_event_log_read(l, since, take, got, &err), err);
}

static void write_log(struct event_log *l, int64_t i, const json_t *data)
{
    const struct event_sink sink = cunik_event_log_sink(l);
    _cleanup_free_ char *name = cunik_asprintf("cunik-%lld", (long long)i);

    sink.put(sink.ctx, &(struct event){.type = EVENT_STATE,
                                       .time_ms = 1000 * i,
                                       .id = i,
                                       .name = name,
                                       .data = data,
                                       .exit_code = -1});
}

static int64_t size_of(const char *path)
{
    struct stat st;

    return stat(path, &st) == 0 ? st.st_size : 0;
}

static void kept(void **state _unused_)
{
    _cleanup_free_ char *folder = test_temporary_folder();
    _cleanup_free_ char *path = cunik_path_join(folder, "events.log");
    _cleanup_free_ char *older = cunik_asprintf("%s.1", path);
    struct event_log *l = cunik_event_log_create(path, 4000);
    struct got got = {0};

    read_log(l, 0, &got);
    assert_int_equal(got.names.n, 0);
    for (int64_t i = 1; i <= 10; i++)
        write_log(l, i, NULL);
    read_log(l, 0, &got);
    assert_int_equal(got.names.n, 10);
    read_log(l, 8000, &got);
    assert_int_equal(got.names.n, 3);
    assert_string_equal(got.names.items[0], "cunik-8");
    /* Another one goes on where this one ended; the bound holds, and the newest are there. */
    cunik_event_log_destroy(l);
    l = cunik_event_log_create(path, 4000);
    for (int64_t i = 11; i <= 1000; i++) {
        write_log(l, i, NULL);
        assert_true(size_of(path) + size_of(older) <= 4000);
    }
    read_log(l, 0, &got);
    assert_true(got.names.n > 20);
    assert_string_equal(got.names.items[got.names.n - 1], "cunik-1000");
    cunik_event_log_destroy(l);
    cunik_strv_done(&got.names);
    test_ok(cunik_file_remove_tree(folder, NULL), NULL);
}

/* A death in the middle of a line costs that line alone. */
static void torn(void **state _unused_)
{
    _cleanup_free_ char *folder = test_temporary_folder();
    _cleanup_free_ char *path = cunik_path_join(folder, "events.log");
    struct event_log *l = cunik_event_log_create(path, 1 << 20);
    struct got got = {0};

    write_log(l, 1, NULL);
    cunik_event_log_destroy(l);
    FILE *f = fopen(path, "a");
    assert_non_null(f);
    fputs("{\"v\":1,\"id\":2,\"ti", f);
    fclose(f);
    l = cunik_event_log_create(path, 1 << 20);
    write_log(l, 3, NULL);
    read_log(l, 0, &got);
    assert_int_equal(got.names.n, 2);
    assert_string_equal(got.names.items[1], "cunik-3");
    cunik_event_log_destroy(l);
    cunik_strv_done(&got.names);
    test_ok(cunik_file_remove_tree(folder, NULL), NULL);
}

static void long_data(void **state _unused_)
{
    _cleanup_free_ char *folder = test_temporary_folder();
    _cleanup_free_ char *path = cunik_path_join(folder, "events.log");
    struct event_log *l = cunik_event_log_create(path, 1 << 20);
    _cleanup_json_ json_t *small = json_pack("{s:i}", "steps", 3), *large = json_array();
    struct got got = {0};

    for (int i = 0; i < EVENT_LINE_MOST / 4; i++)
        json_array_append_new(large, json_integer(1000));
    write_log(l, 1, small);
    read_log(l, 0, &got);
    assert_true(got.data);
    write_log(l, 2, large);
    read_log(l, 2000, &got);
    assert_int_equal(got.names.n, 1);
    assert_false(got.data);
    cunik_event_log_destroy(l);
    cunik_strv_done(&got.names);
    test_ok(cunik_file_remove_tree(folder, NULL), NULL);
}

/* A pipe in the place of a file holds up neither who reads nor who writes. */
static void pipes(void **state _unused_)
{
    static const char *const names[] = {"events.log", "events.log.1"};

    for (size_t i = 0; i < ARRAY_SIZE(names); i++) {
        _cleanup_error_ struct error *err = NULL;
        _cleanup_free_ char *folder = test_temporary_folder();
        _cleanup_free_ char *path = cunik_asprintf("%s/events.log", folder);
        _cleanup_free_ char *fifo = cunik_asprintf("%s/%s", folder, names[i]);
        struct got got = {0};
        assert_int_equal(mkfifo(fifo, 0600), 0);
        struct event_log *l = cunik_event_log_create(path, 4000);
        write_log(l, 1, NULL);
        write_log(l, 2, NULL);
        assert_true(cunik_event_log_read(l, 0, take, &got, &err) < 0);
        assert_non_null(strstr(err->message, fifo));
        cunik_event_log_destroy(l);
        test_ok(cunik_file_remove_tree(folder, NULL), NULL);
    }
}

/* What cannot be written is missing, and no reason to end. */
static void nowhere(void **state _unused_)
{
    struct event_log *l = cunik_event_log_create("/proc/self/no-such/events.log", 4000);
    struct got got = {0};

    write_log(l, 1, NULL);
    read_log(l, 0, &got);
    assert_int_equal(got.names.n, 0);
    cunik_event_log_destroy(l);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(times),   cmocka_unit_test(filters),   cmocka_unit_test(wrong_filters),
        cmocka_unit_test(lines),   cmocka_unit_test(wire),      cmocka_unit_test(kept),
        cmocka_unit_test(torn),    cmocka_unit_test(long_data), cmocka_unit_test(pipes),
        cmocka_unit_test(nowhere),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
