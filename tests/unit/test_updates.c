/* Copies of a service that are recreated some at a time (update_config, rollback_config), on a
 * clock that the test sets. */
#include "tests/support/test.h"

#include <string.h>

#include "base/memory.h"
#include "base/time.h"
#include "tests/support/demo_world.h"
#include "tests/support/scene.h"

enum { COPIES = 4 };

static const int64_t ms = NS_PER_MS, second = NS_PER_SECOND;

static struct world_cunik *web(struct scene *s, int index)
{
    _cleanup_free_ char *name = cunik_asprintf("demo-web-%d", index);

    return cunik_world_cunik(&s->up.desired, name);
}

static void set_policy(struct scene *s, struct world_update update)
{
    for (int i = 1; i <= COPIES; i++) {
        web(s, i)->update = update;
        web(s, i)->rollback = (struct world_update){.parallelism = 1};
    }
}

static void change(struct scene *s, const char *value)
{
    for (int i = 1; i <= COPIES; i++)
        cunik_world_pair_add(&web(s, i)->environment, "A", value);
    fake_host_log_clear(s->f.host);
    fake_engine_clear_events(&s->f);
}

/* Four copies of web, with a healthcheck when `checked`, that run; and a wish that changes all. */
static void begin(struct scene *s, bool checked, struct world_update update)
{
    for (int i = 1; i <= COPIES; i++) {
        struct world_cunik *c = demo_add_cunik(&s->up.desired, "web", i, "default");
        if (checked)
            demo_add_health(c);
    }
    scene_apply(s, &s->up);
    set_policy(s, update);
    change(s, "2");
}

/* Whether its recreation has begun. */
static bool touched(struct scene *s, int index)
{
    _cleanup_free_ char *line = cunik_asprintf("step recreate demo-web-%d begin", index);

    return fake_engine_count_events(&s->f, line) > 0;
}

/* How many have been recreated, and none more are. */
static void assert_recreated(struct scene *s, size_t n)
{
    size_t begun = 0;

    for (int i = 0; i < 5; i++)
        fake_engine_pause();
    for (int i = 1; i <= COPIES; i++)
        begun += touched(s, i);
    assert_int_equal(begun, n);
}

static void await_done(struct scene *s, int index)
{
    _cleanup_free_ char *line = cunik_asprintf("step recreate demo-web-%d done", index);

    fake_engine_await_event(&s->f, line);
}

static void healthy(struct scene *s, int index)
{
    _cleanup_free_ char *name = cunik_asprintf("demo-web-%d", index);

    fake_engine_health(&s->f, name, HEALTH_HEALTHY, "");
}

static void assert_error(struct error *err, const char *message)
{
    assert_non_null(err);
    assert_string_equal(err->message, message);
    cunik_error_destroy(err);
}

static size_t planned(struct scene *s)
{
    _cleanup_plan_ struct plan p = {0};
    _cleanup_error_ struct error *err = NULL;

    test_ok(cunik_engine_plan(s->f.engine, &s->up, &p, &err), err);
    return p.n;
}

/* Carries `up` out, while time passes. */
static struct error *apply_in_time(struct scene *s)
{
    struct fake_apply a;

    fake_engine_begin(&s->f, &a, &s->up);
    while (!a.over) {
        fake_engine_advance(&s->f, 50 * ms);
        fake_engine_pause();
    }
    return fake_engine_end(&a);
}

/* The next one is not touched before the one before it is healthy and the pause is over. */
static void test_one_after_another(void **state)
{
    struct scene *s = *state;
    struct fake_apply a;

    begin(s, true, (struct world_update){.parallelism = 1, .delay_ns = 3 * second});
    fake_engine_sicken(&s->f, "web");
    fake_engine_begin(&s->f, &a, &s->up);
    for (int i = 1; i <= COPIES; i++) {
        await_done(s, i);
        fake_engine_advance(&s->f, 20 * second);
        assert_recreated(s, (size_t)i);
        healthy(s, i);
        if (i == COPIES)
            break;
        fake_engine_advance(&s->f, 3 * second - ms);
        assert_recreated(s, (size_t)i);
        fake_engine_advance(&s->f, ms);
    }
    /* There is no pause after the last. */
    assert_null(fake_engine_end(&a));
    assert_int_equal(fake_engine_count_events(&s->f, "step recreate demo-web-2 waiting"), 1);
    assert_int_equal(planned(s), 0);
}

/* Two at a time; one that nobody checks has to stay up for a second, or for `monitor`. */
static void test_parallelism_and_monitor(void **state)
{
    struct scene *s = *state;
    struct fake_apply a;

    begin(s, false, (struct world_update){.parallelism = 2});
    fake_engine_begin(&s->f, &a, &s->up);
    await_done(s, 1);
    await_done(s, 2);
    fake_engine_advance(&s->f, second - ms);
    assert_recreated(s, 2);
    fake_engine_advance(&s->f, ms);
    await_done(s, 3);
    await_done(s, 4);
    assert_false(a.over);
    fake_engine_advance(&s->f, second);
    assert_null(fake_engine_end(&a));

    set_policy(s, (struct world_update){.parallelism = 3, .monitor_ns = 5 * second});
    change(s, "3");
    fake_engine_begin(&s->f, &a, &s->up);
    for (int i = 1; i <= 3; i++)
        await_done(s, i);
    fake_engine_advance(&s->f, 5 * second - ms);
    assert_recreated(s, 3);
    fake_engine_advance(&s->f, ms);
    await_done(s, 4);
    fake_engine_advance(&s->f, 5 * second);
    assert_null(fake_engine_end(&a));
    assert_int_equal(planned(s), 0);
}

/* Without an update_config, and with a parallelism of 0, all are recreated at once. */
static void test_all_at_once(void **state)
{
    struct scene *s = *state;
    struct fake_apply a;

    begin(s, true, (struct world_update){0});
    fake_engine_sicken(&s->f, "web");
    scene_apply(s, &s->up);
    assert_recreated(s, COPIES);
    set_policy(s, (struct world_update){.parallelism = UPDATE_ALL});
    change(s, "3");
    fake_engine_begin(&s->f, &a, &s->up);
    for (int i = 1; i <= COPIES; i++)
        await_done(s, i);
    assert_false(a.over);
    for (int i = 1; i <= COPIES; i++)
        healthy(s, i);
    assert_null(fake_engine_end(&a));
}

/* A copy that is unhealthy: the others stay as they are, and the next `up` goes on there. */
static void test_pause(void **state)
{
    struct scene *s = *state;
    struct fake_apply a;

    begin(s, true, (struct world_update){.parallelism = 1});
    fake_engine_sicken(&s->f, "web");
    fake_engine_begin(&s->f, &a, &s->up);
    await_done(s, 1);
    healthy(s, 1);
    await_done(s, 2);
    fake_engine_health(&s->f, "demo-web-2", HEALTH_UNHEALTHY, "connection refused");
    assert_error(fake_engine_end(&a), "the update of 'web' is paused, 1 of 4 done: 'demo-web-2' is "
                                      "unhealthy: connection refused");
    assert_recreated(s, 2);
    assert_int_equal(fake_engine_count_events(&s->f, "step recreate demo-web-3 skipped"), 1);
    assert_true(fake_host_runs(s->f.host, "demo-web-3"));
    assert_int_equal(planned(s), 2);
    fake_engine_begin(&s->f, &a, &s->up);
    await_done(s, 3);
    healthy(s, 3);
    await_done(s, 4);
    healthy(s, 4);
    assert_null(fake_engine_end(&a));
}

/* A copy that falls is a failure, also where its policy starts it again. */
static void test_end_within_its_turn(void **state)
{
    struct scene *s = *state;
    struct fake_apply a;

    begin(s, false, (struct world_update){.parallelism = 1});
    for (int i = 1; i <= COPIES; i++)
        web(s, i)->restart = RESTART_ALWAYS;
    fake_engine_begin(&s->f, &a, &s->up);
    await_done(s, 1);
    fake_host_end(s->f.host, "demo-web-1", END_PANICKED, 134);
    assert_error(fake_engine_end(&a),
                 "the update of 'web' is paused, 0 of 4 done: 'demo-web-1' has "
                 "ended soon after its start");
    assert_recreated(s, 1);
}

/* One that cannot be made at all; its dependents are left alone as well. */
static void test_step_fails(void **state)
{
    struct scene *s = *state;

    begin(s, false, (struct world_update){.parallelism = 1});
    demo_add_depend(demo_add_cunik(&s->up.desired, "app", 1, "default"), "web", DEPEND_STARTED);
    fake_host_fail_on(s->f.host, "domain_define", "demo-web-2", true);
    assert_error(apply_in_time(s),
                 "recreating 'demo-web-2': domain_define 'demo-web-2': injected failure\n"
                 "the update of 'web' is paused, 1 of 4 done: 'demo-web-2' could not be recreated");
    assert_recreated(s, 2);
    assert_false(fake_host_runs(s->f.host, "demo-app-1"));
    fake_host_fail_on(s->f.host, "domain_define", "demo-web-2", false);
    assert_null(apply_in_time(s));
    assert_int_equal(planned(s), 0);
}

static void test_failures_put_up_with(void **state)
{
    struct scene *s = *state;
    struct fake_apply a;

    /* Half of them may fail; the third one is too many. */
    begin(s, true, (struct world_update){.parallelism = 1, .max_failure_ratio = 0.5});
    fake_engine_sicken(&s->f, "web");
    fake_engine_begin(&s->f, &a, &s->up);
    for (int i = 1; i <= 3; i++) {
        _cleanup_free_ char *name = cunik_asprintf("demo-web-%d", i);
        await_done(s, i);
        fake_engine_health(&s->f, name, HEALTH_UNHEALTHY, "");
    }
    assert_error(fake_engine_end(&a),
                 "the update of 'web' is paused, 0 of 4 done: 'demo-web-3' is unhealthy: "
                 "connection refused");
    assert_int_equal(fake_engine_count_events(
                         &s->f,
                         "warning the update of 'web' goes on, though 'demo-web-1' is unhealthy: "
                         "connection refused"),
                     1);

    /* Or as many as like. Who asked for them to be well is told. */
    set_policy(s, (struct world_update){.parallelism = 1, .action = UPDATE_CONTINUE});
    change(s, "3");
    fake_engine_begin(&s->f, &a, &s->up);
    for (int i = 1; i <= COPIES; i++) {
        _cleanup_free_ char *name = cunik_asprintf("demo-web-%d", i);
        await_done(s, i);
        fake_engine_health(&s->f, name, HEALTH_UNHEALTHY, "");
    }
    assert_null(fake_engine_end(&a));
    assert_int_equal(planned(s), 0);
}

static char *look(struct scene *s)
{
    _cleanup_world_ struct world w = {0};
    _cleanup_strv_ struct strv lines = {0};
    _cleanup_error_ struct error *err = NULL;

    test_ok(cunik_engine_world(s->f.engine, "demo", &w, &err), err);
    for (size_t i = 0; i < w.n_cuniks; i++)
        cunik_strv_addf(&lines, "%s %s A=%s %s", w.cuniks[i].name,
                        w.cuniks[i].interfaces[0].address,
                        w.cuniks[i].environment.n ? w.cuniks[i].environment.items[0].value : "",
                        cunik_state_name(w.cuniks[i].status.state));
    return cunik_strv_join(&lines, "\n");
}

/* The service goes back, one copy after another, and what else was changed stays. */
static void test_rollback(void **state)
{
    struct scene *s = *state;
    struct fake_apply a;

    demo_add_cunik(&s->up.desired, "db", 1, "default");
    begin(s, false, (struct world_update){.parallelism = 1, .action = UPDATE_ROLLBACK});
    _cleanup_free_ char *before = look(s);
    /* One more copy is a part of the change. */
    struct world_cunik *more = demo_add_cunik(&s->up.desired, "web", COPIES + 1, "default");
    more->update = web(s, 1)->update;
    fake_engine_begin(&s->f, &a, &s->up);
    await_done(s, 1);
    fake_engine_advance(&s->f, second);
    await_done(s, 2);
    fake_host_end(s->f.host, "demo-web-2", END_PANICKED, 134);
    fake_engine_await_event(&s->f, "warning going back to what 'web' was before");
    for (int i = 0; !a.over && i < 5000; i++) {
        fake_engine_advance(&s->f, 50 * ms);
        fake_engine_pause();
    }
    assert_error(fake_engine_end(&a),
                 "the update of 'web' has failed, 1 of 4 done: 'demo-web-2' has ended (panicked, "
                 "status 134)\n'web' is what it was before");
    _cleanup_free_ char *after = look(s);
    assert_string_equal(after, before);
    assert_recreated(s, 2);
    assert_int_equal(fake_host_starts(s->f.host, "demo-db-1"), 1);
    /* The wish is the one of before, for an engine that comes back as well. */
    fake_engine_again(&s->f);
    _cleanup_free_ char *again = look(s);
    assert_string_equal(again, before);
    assert_int_equal(planned(s), COPIES + 1);
}

/* Going back may fail as well: then it stops, too. */
static void test_rollback_fails(void **state)
{
    struct scene *s = *state;
    struct fake_apply a;

    begin(s, true, (struct world_update){.parallelism = 2, .action = UPDATE_ROLLBACK});
    fake_engine_sicken(&s->f, "web");
    fake_engine_begin(&s->f, &a, &s->up);
    await_done(s, 1);
    await_done(s, 2);
    fake_engine_clear_events(&s->f);
    fake_engine_health(&s->f, "demo-web-2", HEALTH_UNHEALTHY, "");
    healthy(s, 1);
    await_done(s, 1);
    fake_engine_health(&s->f, "demo-web-1", HEALTH_UNHEALTHY, "");
    assert_error(fake_engine_end(&a),
                 "the update of 'web' has failed, 0 of 4 done: 'demo-web-2' is unhealthy: "
                 "connection refused\n"
                 "going back has failed as well: the update of 'web' is paused, 0 of 2 done: "
                 "'demo-web-1' is unhealthy: connection refused");
}

/* `--atomic` goes back with the whole stack, and without waiting for anything. */
static void test_atomic(void **state)
{
    struct scene *s = *state;
    struct fake_apply a;

    begin(s, false, (struct world_update){.parallelism = 1, .action = UPDATE_ROLLBACK});
    assert_null(apply_in_time(s)); /* their labels have an update_config as well */
    change(s, "3");
    _cleanup_free_ char *before = look(s);
    s->up.wait = s->up.atomic = true;
    fake_engine_begin(&s->f, &a, &s->up);
    await_done(s, 1);
    fake_engine_advance(&s->f, second);
    await_done(s, 2);
    fake_host_end(s->f.host, "demo-web-2", END_PANICKED, 134);
    assert_error(fake_engine_end(&a),
                 "the update of 'web' has failed, 1 of 4 done: 'demo-web-2' has ended (panicked, "
                 "status 134)\nthe stack is what it was before");
    _cleanup_free_ char *after = look(s);
    assert_string_equal(after, before);
}

/* There is one deadline over all. */
static void test_not_in_time(void **state)
{
    struct scene *s = *state;

    begin(s, true, (struct world_update){.parallelism = 1});
    fake_engine_sicken(&s->f, "web");
    s->up.wait = true;
    s->up.wait_timeout_ns = 5 * second;
    struct error *err = apply_in_time(s);
    assert_non_null(err);
    assert_int_equal(err->code, ERROR_TIMEOUT);
    assert_error(err,
                 "the update of 'web' is paused, 0 of 4 done: 'demo-web-1' is not healthy yet");
    assert_recreated(s, 1);
}

static void test_cancel(void **state)
{
    struct scene *s = *state;
    struct fake_apply a;

    begin(s, true, (struct world_update){.parallelism = 1, .action = UPDATE_ROLLBACK});
    fake_engine_sicken(&s->f, "web");
    fake_engine_begin(&s->f, &a, &s->up);
    await_done(s, 1);
    a.cancel = true;
    cunik_engine_interrupt(s->f.engine);
    struct error *err = fake_engine_end(&a);
    assert_non_null(err);
    assert_int_equal(err->code, ERROR_CANCELLED);
    cunik_error_destroy(err);
    assert_recreated(s, 1);
}

/* The same in the pause after a copy. */
static void test_cancel_in_delay(void **state)
{
    struct scene *s = *state;
    struct fake_apply a;

    begin(s, false, (struct world_update){.parallelism = 1, .delay_ns = 1000 * second});
    fake_engine_begin(&s->f, &a, &s->up);
    await_done(s, 1);
    fake_engine_advance(&s->f, second);
    fake_engine_advance(&s->f, second);
    assert_recreated(s, 1);
    a.cancel = true;
    cunik_engine_interrupt(s->f.engine);
    assert_error(fake_engine_end(&a), "cancelled: 1 of 4 steps done");
    assert_recreated(s, 1);
    assert_int_equal(planned(s), COPIES - 1);
}

/* What ends the service is not kept waiting by its update, be that in a pause or watching a copy;
 * what ends another one is. */
static void test_ended_meanwhile(void **state)
{
    struct scene *s = *state;
    struct request down = {.stack = (char *)"demo",
                           .action = ACTION_DOWN,
                           .client = (char *)"somebody",
                           .stop_grace_ns = -1,
                           .lock_timeout_ns = -1};
    struct fake_apply a, b;

    demo_add_cunik(&s->up.desired, "db", 1, "default");
    begin(s, false,
          (struct world_update){
              .parallelism = 1, .delay_ns = 1000 * second, .action = UPDATE_ROLLBACK});
    fake_engine_begin(&s->f, &a, &s->up);
    await_done(s, 1);
    fake_engine_advance(&s->f, second);
    cunik_strv_add(&down.services, "db");
    fake_engine_begin(&s->f, &b, &down);
    assert_recreated(s, 1);
    assert_false(a.over);
    assert_false(b.over);
    b.cancel = true;
    cunik_engine_interrupt(s->f.engine);
    assert_error(fake_engine_end(&b), "cancelled");

    cunik_strv_done(&down.services);
    fake_engine_begin(&s->f, &b, &down);
    assert_error(fake_engine_end(&a),
                 "the update of 'web' is called off for 'down by somebody', 1 of 4 done");
    assert_null(fake_engine_end(&b));
    assert_recreated(s, 1);
    fake_engine_assert_empty(&s->f);

    scene_apply(s, &s->up);
    set_policy(s, (struct world_update){.parallelism = 2, .monitor_ns = 1000 * second});
    change(s, "3");
    fake_engine_begin(&s->f, &a, &s->up);
    await_done(s, 1);
    await_done(s, 2);
    cunik_strv_add(&down.services, "web");
    down.action = ACTION_STOP;
    fake_engine_begin(&s->f, &b, &down);
    assert_error(fake_engine_end(&a),
                 "the update of 'web' is called off for 'stop by somebody', 0 of 4 done");
    assert_null(fake_engine_end(&b));
    assert_false(fake_host_runs(s->f.host, "demo-web-3"));
    assert_true(fake_host_runs(s->f.host, "demo-db-1"));
    cunik_strv_done(&down.services);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(test_one_after_another, scene_setup, scene_teardown),
        cmocka_unit_test_setup_teardown(test_parallelism_and_monitor, scene_setup, scene_teardown),
        cmocka_unit_test_setup_teardown(test_all_at_once, scene_setup, scene_teardown),
        cmocka_unit_test_setup_teardown(test_pause, scene_setup, scene_teardown),
        cmocka_unit_test_setup_teardown(test_end_within_its_turn, scene_setup, scene_teardown),
        cmocka_unit_test_setup_teardown(test_step_fails, scene_setup, scene_teardown),
        cmocka_unit_test_setup_teardown(test_failures_put_up_with, scene_setup, scene_teardown),
        cmocka_unit_test_setup_teardown(test_rollback, scene_setup, scene_teardown),
        cmocka_unit_test_setup_teardown(test_rollback_fails, scene_setup, scene_teardown),
        cmocka_unit_test_setup_teardown(test_atomic, scene_setup, scene_teardown),
        cmocka_unit_test_setup_teardown(test_not_in_time, scene_setup, scene_teardown),
        cmocka_unit_test_setup_teardown(test_cancel, scene_setup, scene_teardown),
        cmocka_unit_test_setup_teardown(test_cancel_in_delay, scene_setup, scene_teardown),
        cmocka_unit_test_setup_teardown(test_ended_meanwhile, scene_setup, scene_teardown),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
