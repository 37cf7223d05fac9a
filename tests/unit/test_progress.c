#include "tests/support/test.h"

#include <string.h>

#include "base/json.h"
#include "base/memory.h"
#include "compose/progress.h"

static struct event step(const char *kind, const char *name, const char *verb,
                         enum event_phase phase, int64_t ms)
{
    return (struct event){.type = EVENT_STEP,
                          .kind = kind,
                          .name = name,
                          .verb = verb,
                          .phase = phase,
                          .time_ms = ms,
                          .exit_code = -1};
}

static void rows_follow_events(void **state _unused_)
{
    struct progress p = {0};
    struct event e = step("network", "t_default", "create", PHASE_BEGIN, 1000);

    assert_int_equal(cunik_progress_event(&p, &e), 0);
    assert_string_equal(p.rows[0].id, "Network t_default");
    assert_string_equal(p.rows[0].text, "Creating");
    e = step("network", "t_default", "create", PHASE_DONE, 1250);
    assert_int_equal(cunik_progress_event(&p, &e), 0);
    assert_string_equal(p.rows[0].text, "Created");
    assert_int_equal(p.rows[0].end_ms, 1250);

    e = step("cunik", "t-web-1", "create", PHASE_WAITING, 1100);
    e.message = "t-db-1 to be healthy";
    assert_int_equal(cunik_progress_event(&p, &e), 1);
    assert_int_equal(p.rows[1].state, ROW_WAITING);
    e = step("cunik", "t-web-1", "create", PHASE_DONE, 1500);
    e.state = "running";
    assert_int_equal(cunik_progress_event(&p, &e), 1);
    assert_string_equal(p.rows[1].text, "Started");
    e = (struct event){.type = EVENT_HEALTH,
                       .kind = "cunik",
                       .name = "t-web-1",
                       .state = "healthy",
                       .time_ms = 1700};
    assert_int_equal(cunik_progress_event(&p, &e), 1);
    assert_string_equal(p.rows[1].text, "Healthy");
    _cleanup_free_ char *plain = cunik_progress_plain(&p.rows[1]);
    assert_string_equal(plain, " Cunik t-web-1  Healthy");
    e = (struct event){.type = EVENT_DONE};
    assert_true(cunik_progress_event(&p, &e) == SIZE_MAX);
    cunik_progress_done(&p);
}

static void frames_fit_the_terminal(void **state _unused_)
{
    struct progress p = {0};

    for (int i = 0; i < 10; i++) {
        _cleanup_free_ char *name = cunik_asprintf("stack-service-%d", i);
        struct event e = step("cunik", name, "create", PHASE_BEGIN, 0);
        cunik_progress_event(&p, &e);
        e.phase = i % 2 ? PHASE_DONE : PHASE_FAILED;
        e.message = "a very long message that says at length what went wrong, and where\nand why";
        e.time_ms = 1234;
        cunik_progress_event(&p, &e);
    }
    for (size_t columns = 20; columns < 120; columns += 7) {
        _cleanup_free_ char *frame = cunik_progress_frame(&p, 2000, columns, 8, false);
        size_t lines = 0, width = 0;
        for (const char *c = frame; *c; c++) {
            width = *c == '\n' ? 0 : width + (((unsigned char)*c & 0xc0) != 0x80);
            lines += *c == '\n';
            assert_true(columns < 48 || width <= columns);
        }
        assert_int_equal(lines, 7);
        /* What failed is shown rather than what is done. */
        assert_non_null(strstr(frame, "Cunik stack-"));
    }
    _cleanup_free_ char *frame = cunik_progress_frame(&p, 2000, 100, 40, false);
    assert_non_null(strstr(frame, "[+] Running 5/10\n"));
    assert_non_null(strstr(frame, " \u2714 Cunik stack-service-1  Created         1.2s\n"));
    assert_non_null(
        strstr(frame, " \u2718 Cunik stack-service-0  Error           1.2s  a very long"));
    cunik_progress_done(&p);
}

static void nothing_to_show(void **state _unused_)
{
    struct progress p = {0};
    _cleanup_free_ char *frame = cunik_progress_frame(&p, 0, 80, 24, true);

    assert_string_equal(frame, "[+] Running 0/0\n");
}

static void verdicts_have_consoles(void **state _unused_)
{
    _cleanup_json_ json_t *data =
        json_pack("{s:[{s:s},{s:s, s:[s,s]}]}", "cuniks", "name", "t-db-1", "name", "t-db-2",
                  "console", "db: out of luck", "db: \033[31mbye");
    const struct event e = {.type = EVENT_VERDICT,
                            .service = "db",
                            .state = "failed",
                            .message = "t-db-2 has ended (killed, status 1)",
                            .data = data};
    const struct event good = {.type = EVENT_VERDICT, .service = "web", .state = "healthy"};
    _cleanup_free_ char *text = cunik_progress_verdict(&e), *other = cunik_progress_verdict(&good);

    assert_string_equal(text, " Service db  failed: t-db-2 has ended (killed, status 1)\n"
                              "   t-db-2 | db: out of luck\n"
                              "   t-db-2 | db:  [31mbye");
    assert_string_equal(other, " Service web  healthy");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(rows_follow_events),
        cmocka_unit_test(frames_fit_the_terminal),
        cmocka_unit_test(nothing_to_show),
        cmocka_unit_test(verdicts_have_consoles),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
