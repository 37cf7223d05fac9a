#include "tests/support/test.h"

#include <string.h>

#include "base/json.h"
#include "base/memory.h"
#include "base/time.h"
#include "engine/engine_internal.h"
#include "engine/plan_saved.h"
#include "tests/support/demo_world.h"
#include "tests/support/scene.h"

static void apply_fails(struct scene *s, const struct request *r, enum error_code code,
                        const char *message)
{
    _cleanup_error_ struct error *err = fake_engine_apply(&s->f, r);

    assert_non_null(err);
    assert_string_equal(err->message, message);
    assert_int_equal(err->code, code);
}

static void act(struct scene *s, enum request_action action)
{
    s->other.action = action;
    scene_apply(s, &s->other);
}

static size_t planned(struct scene *s, const struct request *r)
{
    _cleanup_plan_ struct plan p = {0};
    _cleanup_error_ struct error *err = NULL;

    test_ok(cunik_engine_plan(s->f.engine, r, &p, &err), err);
    if (p.n && getenv("VERBOSE")) {
        _cleanup_free_ char *text = cunik_plan_text(&p);
        print_message("%s", text);
    }
    return p.n;
}

static bool before(struct scene *s, const char *first, const char *second)
{
    size_t a = fake_host_log_find(s->f.host, first), b = fake_host_log_find(s->f.host, second);

    assert_int_not_equal(a, SIZE_MAX);
    assert_int_not_equal(b, SIZE_MAX);
    return a < b;
}

/* db ← app ← web, with a port and a healthcheck. */
static void add_three(struct world *w)
{
    demo_add_health(demo_add_cunik(w, "db", 1, "default"));
    demo_add_depend(demo_add_cunik(w, "app", 1, "default"), "db", DEPEND_HEALTHY);
    struct world_cunik *web = demo_add_cunik(w, "web", 1, "default");
    demo_add_depend(web, "app", DEPEND_STARTED);
    demo_add_port(web, 8080, 80);
}

static void test_up_and_down(void **state)
{
    struct scene *s = *state;

    add_three(&s->up.desired);
    assert_int_equal(planned(s, &s->up), 4);
    scene_apply(s, &s->up);
    assert_true(before(s, "state_write demo", "network_create demo_default"));
    assert_true(before(s, "check demo-web-1", "state_write demo"));
    assert_true(before(s, "network_create demo_default", "names_start demo_default"));
    assert_true(before(s, "names_start demo_default", "rules_replace "));
    assert_true(before(s, "rules_replace ", "domain_start demo-db-1"));
    assert_true(before(s, "domain_start demo-db-1", "domain_start demo-app-1"));
    assert_true(before(s, "domain_start demo-app-1", "domain_start demo-web-1"));
    assert_int_equal(planned(s, &s->up), 0);

    fake_host_log_clear(s->f.host);
    scene_apply(s, &s->up);
    assert_int_equal(fake_host_operations(s->f.host), 0);

    act(s, ACTION_DOWN);
    assert_true(before(s, "domain_shutdown demo-web-1", "domain_shutdown demo-app-1"));
    assert_true(before(s, "domain_shutdown demo-app-1", "domain_shutdown demo-db-1"));
    assert_true(before(s, "names_stop demo_default", "links_remove_stack demo"));
    assert_true(before(s, "links_remove_stack demo", "rules_replace "));
    assert_int_equal(fake_host_log_find(s->f.host, "links_remove demo-web-1"), SIZE_MAX);
    fake_engine_assert_empty(&s->f);
    act(s, ACTION_DOWN);
    fake_engine_assert_empty(&s->f);
    AWAIT(cunik_engine_idle(s->f.engine));
}

/* Room on the disk is what a user may want to gain by ending a stack. */
static void test_disk_full(void **state)
{
    struct scene *s = *state;

    add_three(&s->up.desired);
    scene_apply(s, &s->up);
    fake_host_fail_on(s->f.host, "state_write", "demo", true);
    cunik_world_pair_add(&s->up.desired.cuniks[1].environment, "A", "2");
    _cleanup_error_ struct error *err = fake_engine_apply(&s->f, &s->up);
    assert_non_null(err);
    assert_true(fake_host_runs(s->f.host, "demo-app-1"));
    act(s, ACTION_STOP);
    assert_false(fake_host_runs(s->f.host, "demo-db-1"));
    act(s, ACTION_DOWN);
    fake_engine_assert_empty(&s->f);
    fake_host_fail_on(s->f.host, "state_write", "demo", false);
}

static void test_events(void **state)
{
    struct scene *s = *state;
    static const char *const order[] = {
        "plan demo",
        "step create demo_default begin",
        "step create demo_default done",
        "step create demo-db-1 begin",
        "state demo-db-1 running",
        "health demo-db-1 healthy",
        "step create demo-db-1 done",
        "step create demo-app-1 begin",
        "step create demo-app-1 done",
        "step create demo-web-1 begin",
        "step create demo-web-1 done",
        "done demo",
    };
    size_t at = 0;

    add_three(&s->up.desired);
    scene_apply(s, &s->up);
    for (size_t i = 0; i < s->f.events.n && at < ARRAY_SIZE(order); i++)
        at += strcmp(s->f.events.items[i], order[at]) == 0;
    if (at < ARRAY_SIZE(order)) {
        _cleanup_free_ char *all = cunik_strv_join(&s->f.events, "\n");
        fail_msg("'%s' is missing in\n%s", order[at], all);
    }
}

static void test_only_what_changed(void **state)
{
    struct scene *s = *state;

    add_three(&s->up.desired);
    scene_apply(s, &s->up);
    _cleanup_free_ char *address = NULL;
    _cleanup_world_ struct world w = {0};
    test_ok(cunik_engine_world(s->f.engine, "demo", &w, NULL), NULL);
    address = cunik_strdup(cunik_world_cunik(&w, "demo-app-1")->interfaces[0].address);
    assert_true(*address);

    cunik_world_pair_add(&s->up.desired.cuniks[1].environment, "A", "2");
    scene_apply(s, &s->up);
    assert_int_equal(fake_host_starts(s->f.host, "demo-db-1"), 1);
    assert_int_equal(fake_host_starts(s->f.host, "demo-web-1"), 1);
    assert_true(fake_host_runs(s->f.host, "demo-app-1"));
    cunik_world_done(&w);
    test_ok(cunik_engine_world(s->f.engine, "demo", &w, NULL), NULL);
    assert_string_equal(cunik_world_cunik(&w, "demo-app-1")->interfaces[0].address, address);
    assert_int_equal(planned(s, &s->up), 0);

    /* In place. */
    fake_host_log_clear(s->f.host);
    cunik_world_pair_add(&s->up.desired.cuniks[0].labels, "l", "2");
    s->up.desired.cuniks[2].ports[0].host_port = 8081;
    scene_apply(s, &s->up);
    assert_int_equal(fake_host_starts(s->f.host, "demo-db-1"), 1);
    assert_int_not_equal(fake_host_log_find(s->f.host, "domain_relabel demo-db-1"), SIZE_MAX);
    assert_int_not_equal(fake_host_log_find(s->f.host, "rules_replace "), SIZE_MAX);
    assert_int_equal(planned(s, &s->up), 0);
}

static void test_scale(void **state)
{
    struct scene *s = *state;

    for (int64_t i = 1; i <= 3; i++)
        demo_add_cunik(&s->up.desired, "web", i, "default");
    scene_apply(s, &s->up);
    cunik_world_cunik_done(&s->up.desired.cuniks[2]);
    cunik_world_cunik_done(&s->up.desired.cuniks[1]);
    s->up.desired.n_cuniks = 1;
    scene_apply(s, &s->up);
    assert_true(fake_host_runs(s->f.host, "demo-web-1"));
    assert_false(fake_host_runs(s->f.host, "demo-web-2"));
    assert_int_equal(planned(s, &s->up), 0);
    cunik_world_cunik_done(&s->up.desired.cuniks[0]);
    s->up.desired.n_cuniks = 0;
    cunik_strv_add(&s->up.desired.services, "web");
    scene_apply(s, &s->up);
    assert_false(fake_host_runs(s->f.host, "demo-web-1"));
    act(s, ACTION_DOWN);
    fake_engine_assert_empty(&s->f);
}

static void test_health_gate(void **state)
{
    struct scene *s = *state;
    struct fake_apply a;

    add_three(&s->up.desired);
    fake_engine_sicken(&s->f, "db");
    fake_engine_begin(&s->f, &a, &s->up);
    fake_engine_await_event(&s->f, "step create demo-app-1 waiting");
    assert_int_equal(fake_host_starts(s->f.host, "demo-app-1"), 0);
    fake_engine_health(&s->f, "demo-db-1", HEALTH_HEALTHY, "");
    assert_null(fake_engine_end(&a));
    assert_true(fake_host_runs(s->f.host, "demo-web-1"));
}

static void test_unhealthy_dependency(void **state)
{
    struct scene *s = *state;
    struct fake_apply a;

    add_three(&s->up.desired);
    demo_add_cunik(&s->up.desired, "lone", 1, "default");
    fake_engine_sicken(&s->f, "db");
    fake_engine_begin(&s->f, &a, &s->up);
    fake_engine_await_event(&s->f, "step create demo-app-1 waiting");
    fake_engine_health(&s->f, "demo-db-1", HEALTH_UNHEALTHY, "connection refused");
    _cleanup_error_ struct error *err = fake_engine_end(&a);
    assert_non_null(err);
    assert_string_equal(err->message, "'demo-app-1' waits for 'demo-db-1' to be healthy: "
                                      "'demo-db-1' is unhealthy: connection refused");
    assert_true(fake_host_runs(s->f.host, "demo-lone-1"));
    assert_int_equal(fake_engine_count_events(&s->f, "step create demo-web-1 skipped"), 1);
    act(s, ACTION_DOWN);
    fake_engine_assert_empty(&s->f);
}

/* A dependency that ends while it is waited for. */
static void test_dependency_ends(void **state)
{
    struct scene *s = *state;
    struct fake_apply a;

    add_three(&s->up.desired);
    fake_engine_sicken(&s->f, "db");
    fake_engine_begin(&s->f, &a, &s->up);
    fake_engine_await_event(&s->f, "step create demo-app-1 waiting");
    fake_host_end(s->f.host, "demo-db-1", END_PANICKED, 134);
    _cleanup_error_ struct error *err = fake_engine_end(&a);
    assert_non_null(err);
    assert_string_equal(err->message, "'demo-app-1' waits for 'demo-db-1' to be healthy: "
                                      "'demo-db-1' has ended (panicked, status 134)");
}

static void test_one_shots(void **state)
{
    struct scene *s = *state;

    fake_host_exits(s->f.host, "job", 0);
    demo_add_cunik(&s->up.desired, "job", 1, "default");
    demo_add_depend(demo_add_cunik(&s->up.desired, "web", 1, "default"), "job", DEPEND_COMPLETED);
    s->up.wait = true;
    scene_apply(s, &s->up);
    assert_true(fake_host_runs(s->f.host, "demo-web-1"));
    assert_int_equal(planned(s, &s->up), 0);
    act(s, ACTION_START);
    assert_int_equal(fake_host_starts(s->f.host, "demo-job-1"), 2);
    act(s, ACTION_DOWN);

    fake_host_exits(s->f.host, "job", 3);
    apply_fails(s, &s->up, ERROR_FAILED,
                "'demo-web-1' waits for 'demo-job-1' to complete: 'demo-job-1' has ended (killed, "
                "status 3)");
    assert_false(fake_host_runs(s->f.host, "demo-web-1"));
}

static void test_wait(void **state)
{
    struct scene *s = *state;
    struct fake_apply a;

    demo_add_health(demo_add_cunik(&s->up.desired, "web", 1, "default"));
    demo_add_health(demo_add_cunik(&s->up.desired, "web", 2, "default"));
    demo_add_cunik(&s->up.desired, "plain", 1, "default");
    fake_engine_sicken(&s->f, "web");
    s->up.wait = true;
    s->up.wait_timeout_ns = 30000000000;
    fake_engine_begin(&s->f, &a, &s->up);
    fake_engine_await_event(&s->f, "step create demo-web-1 done");
    fake_engine_await_event(&s->f, "step create demo-web-2 done");
    fake_engine_await_event(&s->f, "step create demo-plain-1 done");
    fake_engine_health(&s->f, "demo-web-1", HEALTH_HEALTHY, "");
    fake_engine_advance(&s->f, 29000000000);
    fake_engine_pause();
    assert_false(a.over);
    fake_engine_advance(&s->f, 2000000000);
    _cleanup_error_ struct error *err = fake_engine_end(&a);
    assert_non_null(err);
    assert_int_equal(err->code, ERROR_TIMEOUT);
    assert_string_equal(err->message, "not in time: 'demo-web-2' is not healthy yet");

    fake_engine_begin(&s->f, &a, &s->up);
    fake_engine_health(&s->f, "demo-web-2", HEALTH_HEALTHY, "");
    assert_null(fake_engine_end(&a));

    /* What has become of it is seen, too. */
    fake_host_end(s->f.host, "demo-plain-1", END_KILLED, 137);
    fake_engine_await_event(&s->f, "state demo-plain-1 exited");
    fake_host_exits(s->f.host, "plain", 4);
    apply_fails(s, &s->up, ERROR_FAILED, "'demo-plain-1' has ended (killed, status 4)");
}

/* Without a healthcheck, running is not enough: it has to stay up for a moment. */
static void test_wait_stays_up(void **state)
{
    struct scene *s = *state;
    struct fake_apply a;

    demo_add_cunik(&s->up.desired, "web", 1, "default");
    demo_add_cunik(&s->up.desired, "job", 1, "default");
    demo_add_health(demo_add_cunik(&s->up.desired, "db", 1, "default"));
    fake_host_exits(s->f.host, "job", 0);
    s->up.wait = true;
    fake_engine_begin(&s->f, &a, &s->up);
    fake_engine_await_event(&s->f, "step create demo-web-1 done");
    fake_engine_await_event(&s->f, "state demo-job-1 exited");
    fake_engine_advance(&s->f, 999000000);
    for (int i = 0; i < 5; i++)
        fake_engine_pause();
    assert_false(a.over);
    fake_engine_advance(&s->f, NS_PER_MS);
    assert_null(fake_engine_end(&a));
    assert_int_equal(fake_engine_count_events(&s->f, "verdict web running"), 1);
    assert_int_equal(fake_engine_count_events(&s->f, "verdict job completed"), 1);
    assert_int_equal(fake_engine_count_events(&s->f, "verdict db healthy"), 1);

    /* Who has been up for long is waited for no longer. */
    scene_apply(s, &s->up);

    /* One that falls within the moment has not come up. */
    cunik_world_pair_add(&s->up.desired.cuniks[0].environment, "A", "2");
    fake_engine_clear_events(&s->f);
    fake_engine_begin(&s->f, &a, &s->up);
    fake_engine_await_event(&s->f, "step recreate demo-web-1 done");
    fake_engine_advance(&s->f, 500000000);
    fake_host_end(s->f.host, "demo-web-1", END_PANICKED, 134);
    _cleanup_error_ struct error *err = fake_engine_end(&a);
    assert_non_null(err);
    assert_string_equal(err->message, "'demo-web-1' has ended (panicked, status 134)");
    assert_int_equal(fake_engine_count_events(
                         &s->f, "verdict web failed: demo-web-1 has ended (panicked, status 134)"),
                     1);
}

static char *inventory(struct scene *s)
{
    _cleanup_strv_ struct strv lines = {0};
    _cleanup_world_ struct world w = {0};

    fake_host_inventory(s->f.host, &lines);
    test_ok(cunik_engine_world(s->f.engine, "demo", &w, NULL), NULL);
    for (size_t i = 0; i < w.n_cuniks; i++) {
        const struct world_cunik *c = &w.cuniks[i];
        cunik_strv_addf(&lines, "%s %s %s A=%s", c->name, cunik_state_name(c->status.state),
                        c->interfaces[0].address,
                        c->environment.n ? c->environment.items[0].value : "");
    }
    /* What did not run and had to be made anew has not run yet. */
    char *text = cunik_strv_join(&lines, "\n");
    for (char *at; (at = strstr(text, "created"));) {
        memmove(at + 6, at + 7, strlen(at + 7) + 1);
        memcpy(at, "exited", 6);
    }
    return text;
}

/* What fails goes back: to nothing, and to another stack with all its states and addresses. */
static void test_atomic(void **state)
{
    struct scene *s = *state;

    add_three(&s->up.desired);
    fake_host_exits(s->f.host, "web", 3);
    s->up.wait = s->up.atomic = true;
    apply_fails(s, &s->up, ERROR_FAILED,
                "'demo-web-1' has ended (killed, status 3)\nthe stack is what it was before");
    fake_engine_assert_empty(&s->f);

    fake_host_exits(s->f.host, "web", -1);
    scene_apply(s, &s->up);
    cunik_strv_add(&s->other.services, "app");
    act(s, ACTION_STOP);
    _cleanup_free_ char *before = inventory(s);

    struct request change;
    cunik_request_init(&change);
    cunik_replace(&change.stack, "demo");
    cunik_world_copy(&change.desired, &s->up.desired);
    cunik_world_pair_add(&change.desired.cuniks[0].environment, "A", "2");
    cunik_world_pair_add(&change.desired.cuniks[1].environment, "A", "2");
    cunik_world_pair_add(&change.desired.cuniks[2].environment, "A", "2");
    demo_add_network(&change.desired, "more");
    demo_add_cunik(&change.desired, "new", 1, "more");
    fake_host_exits(s->f.host, "new", 4);
    change.wait = change.atomic = true;
    apply_fails(s, &change, ERROR_FAILED,
                "'demo-new-1' has ended (killed, status 4)\nthe stack is what it was before");
    _cleanup_free_ char *after = inventory(s);
    assert_string_equal(after, before);

    /* Also when there is no time, and when it is called off. */
    fake_host_exits(s->f.host, "new", -1);
    fake_engine_sicken(&s->f, "new");
    demo_add_health(&change.desired.cuniks[3]);
    change.wait_timeout_ns = 5000000000;
    apply_fails(s, &change, ERROR_TIMEOUT,
                "not in time: 'demo-new-1' is not healthy yet\nthe stack is what it was before");
    _cleanup_free_ char *late = inventory(s);
    assert_string_equal(late, before);
    struct fake_apply a;
    change.wait_timeout_ns = 0;
    fake_engine_clear_events(&s->f);
    fake_engine_begin(&s->f, &a, &change);
    fake_engine_await_event(&s->f, "step create demo-new-1 done");
    a.cancel = true;
    cunik_engine_interrupt(s->f.engine);
    _cleanup_error_ struct error *err = fake_engine_end(&a);
    assert_non_null(err);
    assert_int_equal(err->code, ERROR_CANCELLED);
    _cleanup_free_ char *cancelled = inventory(s);
    assert_string_equal(cancelled, before);
    cunik_request_done(&change);
}

/* A plan that was kept is carried out as long as it is the plan. */
/* A kernel that was built anew meanwhile is no reason for going back to another guest. */
static void test_atomic_with_a_new_kernel(void **state)
{
    struct scene *s = *state;

    demo_add_cunik(&s->up.desired, "web", 1, "default");
    demo_add_cunik(&s->up.desired, "idle", 1, "default");
    scene_apply(s, &s->up);
    cunik_strv_add(&s->other.services, "idle");
    act(s, ACTION_STOP);
    _cleanup_free_ char *before = inventory(s);
    fake_host_rebuild(s->f.host);
    fake_host_exits(s->f.host, "idle", 3);
    s->up.wait = s->up.atomic = true;

    fake_host_fail_on(s->f.host, "files_keep", "demo-web-1", true);
    fake_host_log_clear(s->f.host);
    apply_fails(
        s, &s->up, ERROR_FAILED,
        "keeping what it may have to go back to: files_keep 'demo-web-1': injected failure");
    assert_int_equal(fake_host_log_find(s->f.host, "domain_undefine demo-web-1"), SIZE_MAX);
    fake_host_fail_on(s->f.host, "files_keep", "demo-web-1", false);

    apply_fails(s, &s->up, ERROR_FAILED,
                "'demo-idle-1' has ended (killed, status 3)\nthe stack is what it was before");
    assert_int_equal(fake_host_build(s->f.host, "demo-web-1"), 0);
    assert_int_equal(fake_host_build(s->f.host, "demo-idle-1"), 0);
    _cleanup_free_ char *after = inventory(s);
    assert_string_equal(after, before);
    /* The file is still to be carried out. */
    fake_host_exits(s->f.host, "idle", -1);
    scene_apply(s, &s->up);
    assert_int_equal(fake_host_build(s->f.host, "demo-web-1"), 1);
    assert_int_equal(planned(s, &s->up), 0);
}

static void test_kept_plan(void **state)
{
    struct scene *s = *state;
    _cleanup_plan_ struct plan plan = {0};

    add_three(&s->up.desired);
    scene_apply(s, &s->up);
    cunik_world_pair_add(&s->up.desired.cuniks[2].environment, "A", "2");
    test_ok(cunik_engine_plan(s->f.engine, &s->up, &plan, NULL), NULL);
    s->up.planned = true;
    cunik_plan_lines(&plan, &s->up.plan_lines);
    assert_int_equal(s->up.plan_lines.n, 1);
    fake_host_end(s->f.host, "demo-db-1", END_KILLED, 137);
    fake_engine_await_event(&s->f, "state demo-db-1 exited");
    apply_fails(s, &s->up, ERROR_CONFLICT,
                "the world has changed since the plan was made:\n"
                "now: ▶ start db-1: it has ended (killed, status 137)");
    assert_false(fake_host_runs(s->f.host, "demo-db-1"));
    act(s, ACTION_START);
    scene_apply(s, &s->up);
    apply_fails(s, &s->up, ERROR_CONFLICT,
                "the world has changed since the plan was made:\n"
                "no longer: ~ recreate web-1: environment.A added \"2\"");
}

static void test_cancel(void **state)
{
    struct scene *s = *state;
    struct fake_apply a;

    add_three(&s->up.desired);
    fake_engine_sicken(&s->f, "db");
    fake_engine_begin(&s->f, &a, &s->up);
    fake_engine_await_event(&s->f, "step create demo-app-1 waiting");
    a.cancel = true;
    cunik_engine_interrupt(s->f.engine);
    _cleanup_error_ struct error *err = fake_engine_end(&a);
    assert_non_null(err);
    assert_int_equal(err->code, ERROR_CANCELLED);
    assert_string_equal(err->message, "cancelled: 2 of 4 steps done");
    static const char *const told[] = {
        "warning cancelled: what has begun is finished, nothing else begins",
        "verdict db waiting: demo-db-1 is not healthy yet",
        "verdict app not started: demo-app-1 is absent",
        "verdict web not started: demo-web-1 is absent",
    };
    for (size_t i = 0; i < ARRAY_SIZE(told); i++)
        assert_int_equal(fake_engine_count_events(&s->f, told[i]), 1);
    assert_int_equal(fake_engine_count_events(&s->f, "step create demo-web-1 skipped"), 1);
    act(s, ACTION_DOWN);
    fake_engine_assert_empty(&s->f);
}

static bool image_used(struct scene *s, const char *digest, const char *name)
{
    _cleanup_strv_ struct strv digests = {0}, names = {0};
    bool found = false;

    test_ok(cunik_engine_image_users(s->f.engine, &digests, &names, NULL), NULL);
    for (size_t i = 0; i < digests.n; i++)
        found =
            found || (strcmp(digests.items[i], digest) == 0 && strcmp(names.items[i], name) == 0);
    return found;
}

/* From a request's beginning to its end nobody may take away what it is about to make, and what it
 * may go back to. */
static void test_users_of_images(void **state)
{
    struct scene *s = *state;
    struct fake_apply a;

    add_three(&s->up.desired);
    cunik_replace(&s->up.desired.cuniks[0].image_digest, "sha256:old");
    cunik_replace(&s->up.desired.cuniks[1].image_digest, "sha256:app");
    fake_engine_sicken(&s->f, "db");
    fake_engine_begin(&s->f, &a, &s->up);
    fake_engine_await_event(&s->f, "step create demo-app-1 waiting");
    assert_true(image_used(s, "sha256:old", "demo-db-1"));
    assert_true(image_used(s, "sha256:app", "demo-app-1"));
    fake_engine_health(&s->f, "demo-db-1", HEALTH_HEALTHY, "");
    assert_null(fake_engine_end(&a));

    fake_engine_clear_events(&s->f);
    cunik_replace(&s->up.desired.cuniks[0].image_digest, "sha256:new");
    cunik_replace(&s->up.desired.cuniks[1].image_digest, "sha256:app2");
    fake_engine_begin(&s->f, &a, &s->up);
    fake_engine_await_event(&s->f, "step recreate demo-app-1 waiting");
    assert_true(image_used(s, "sha256:old", "demo-db-1"));
    assert_true(image_used(s, "sha256:new", "demo-db-1"));
    assert_true(image_used(s, "sha256:app2", "demo-app-1"));
    fake_engine_health(&s->f, "demo-db-1", HEALTH_HEALTHY, "");
    assert_null(fake_engine_end(&a));
    assert_false(image_used(s, "sha256:old", "demo-db-1"));
    assert_false(image_used(s, "sha256:app", "demo-app-1"));
    act(s, ACTION_DOWN);
    assert_false(image_used(s, "sha256:new", "demo-db-1"));
    assert_false(image_used(s, "sha256:app2", "demo-app-1"));
}

static void test_stop_start_restart_kill(void **state)
{
    struct scene *s = *state;

    add_three(&s->up.desired);
    for (size_t i = 0; i < 3; i++)
        s->up.desired.cuniks[i].restart = RESTART_ALWAYS;
    fake_host_set_deaf(s->f.host, "app");
    scene_apply(s, &s->up);
    fake_host_log_clear(s->f.host);
    act(s, ACTION_STOP);
    assert_true(before(s, "domain_shutdown demo-web-1", "domain_shutdown demo-db-1"));
    assert_true(before(s, "domain_shutdown demo-app-1", "domain_destroy demo-app-1"));
    assert_int_equal(fake_host_log_find(s->f.host, "domain_destroy demo-web-1"), SIZE_MAX);
    assert_false(fake_host_runs(s->f.host, "demo-web-1"));
    act(s, ACTION_STOP);
    /* Nobody starts again what was stopped. */
    fake_engine_advance(&s->f, 120000000000);
    fake_engine_again(&s->f);
    fake_engine_advance(&s->f, 120000000000);
    assert_int_equal(planned(s, &s->up), 3);
    assert_false(fake_host_runs(s->f.host, "demo-web-1"));
    act(s, ACTION_START);
    assert_true(fake_host_runs(s->f.host, "demo-web-1"));
    assert_int_equal(planned(s, &s->up), 0);

    cunik_strv_add(&s->other.services, "web");
    act(s, ACTION_RESTART);
    assert_int_equal(fake_host_starts(s->f.host, "demo-web-1"), 3);
    assert_int_equal(fake_host_starts(s->f.host, "demo-db-1"), 2);
    fake_host_log_clear(s->f.host);
    act(s, ACTION_KILL);
    assert_int_equal(fake_host_log_find(s->f.host, "domain_shutdown demo-web-1"), SIZE_MAX);
    assert_false(fake_host_runs(s->f.host, "demo-web-1"));
    assert_true(fake_host_runs(s->f.host, "demo-db-1"));
    act(s, ACTION_DOWN);
    assert_true(fake_host_runs(s->f.host, "demo-db-1"));
    cunik_strv_done(&s->other.services);
    act(s, ACTION_DOWN);
    fake_engine_assert_empty(&s->f);

    cunik_strv_add(&s->other.services, "wep");
    s->other.action = ACTION_STOP;
    apply_fails(s, &s->other, ERROR_NOT_FOUND, "no such service: wep");
}

/* One of several independent ones fails: the others are made, and it leaves nothing. */
static void test_partial_failure(void **state)
{
    struct scene *s = *state;

    add_three(&s->up.desired);
    demo_add_cunik(&s->up.desired, "lone", 1, "default");
    fake_host_fail_on(s->f.host, "domain_start", "demo-app-1", true);
    apply_fails(s, &s->up, ERROR_FAILED,
                "creating 'demo-app-1': domain_start 'demo-app-1': injected failure");
    assert_true(fake_host_runs(s->f.host, "demo-lone-1"));
    assert_true(fake_host_runs(s->f.host, "demo-db-1"));
    assert_int_equal(fake_engine_count_events(&s->f, "step create demo-app-1 failed"), 1);
    assert_int_equal(fake_engine_count_events(&s->f, "step create demo-web-1 skipped"), 1);
    _cleanup_strv_ struct strv left = {0};
    fake_host_inventory(s->f.host, &left);
    for (size_t i = 0; i < left.n; i++)
        assert_null(strstr(left.items[i], "demo-app-1"));
    fake_host_fail_on(s->f.host, "domain_start", "demo-lone-1", true);
    cunik_world_pair_add(&s->up.desired.cuniks[3].environment, "A", "1");
    apply_fails(s, &s->up, ERROR_FAILED,
                "creating 'demo-app-1': domain_start 'demo-app-1': injected failure\n"
                "recreating 'demo-lone-1': domain_start 'demo-lone-1': injected failure");
    fake_host_fail_on(s->f.host, "domain_start", "demo-app-1", false);
    fake_host_fail_on(s->f.host, "domain_start", "demo-lone-1", false);
    scene_apply(s, &s->up);
    assert_int_equal(planned(s, &s->up), 0);
}

/* All that is wrong is said at once, and nothing is done. */
static void test_checks_come_first(void **state)
{
    struct scene *s = *state;

    cunik_replace(&demo_add_cunik(&s->up.desired, "a", 1, "default")->boot.kernel, "/missing/a");
    demo_add_cunik(&s->up.desired, "b", 1, "default");
    cunik_replace(&demo_add_cunik(&s->up.desired, "c", 1, "default")->boot.kernel, "/missing/c");
    apply_fails(s, &s->up, ERROR_INVALID,
                "kernel '/missing/a' does not exist\nkernel '/missing/c' does not exist");
    assert_int_equal(fake_host_operations(s->f.host), 0);
    assert_int_equal(fake_engine_count_events(&s->f, "plan demo"), 0);
    cunik_replace(&s->up.desired.cuniks[0].boot.kernel, "/odd");
    cunik_replace(&s->up.desired.cuniks[2].boot.kernel, "/odd");
    scene_apply(s, &s->up);
    assert_int_equal(fake_engine_count_events(&s->f, "warning kernel '/odd' is odd"), 1);
}

static void test_one_at_a_time(void **state)
{
    struct scene *s = *state;
    struct fake_apply a, b;
    struct request elsewhere;

    add_three(&s->up.desired);
    fake_engine_sicken(&s->f, "db");
    cunik_replace(&s->up.client, "me");
    fake_engine_begin(&s->f, &a, &s->up);
    fake_engine_await_event(&s->f, "step create demo-app-1 waiting");
    fake_engine_advance(&s->f, 7000000000);
    s->other.action = ACTION_DOWN;
    fake_engine_begin(&s->f, &b, &s->other);
    fake_engine_await_event(&s->f,
                            "warning waiting for another request for stack 'demo' (up by me, since "
                            "2023-11-14T22:13:21.000Z, for 7 s)");
    /* One that does not want to wait, and one whose patience ends. */
    struct request hasty;
    cunik_request_init(&hasty);
    cunik_replace(&hasty.stack, "demo");
    hasty.action = ACTION_STOP;
    hasty.lock_timeout_ns = 0;
    apply_fails(
        s, &hasty, ERROR_TIMEOUT,
        "stack 'demo' is held by another request (up by me, since 2023-11-14T22:13:21.000Z, "
        "for 7 s)");
    hasty.lock_timeout_ns = 3000000000;
    struct fake_apply c_;
    fake_engine_begin(&s->f, &c_, &hasty);
    AWAIT(fake_engine_count_events(&s->f,
                                   "warning waiting for another request for stack 'demo' "
                                   "(up by me, since 2023-11-14T22:13:21.000Z, for 7 s)") == 2);
    fake_engine_advance(&s->f, 2999000000);
    assert_false(c_.over);
    fake_engine_advance(&s->f, NS_PER_MS);
    struct error *late = fake_engine_end(&c_);
    assert_non_null(late);
    assert_int_equal(late->code, ERROR_TIMEOUT);
    cunik_error_destroy(late);
    cunik_request_done(&hasty);
    /* Another stack does not wait, and gets other addresses. */
    cunik_request_init(&elsewhere);
    cunik_replace(&elsewhere.stack, "other");
    struct world_network *n = demo_add_network(&elsewhere.desired, "default");
    cunik_replace(&n->name, "other_default");
    cunik_replace(&n->stack, "other");
    struct world_cunik *c = demo_add_cunik(&elsewhere.desired, "web", 1, NULL);
    cunik_replace(&c->name, "other-web-1");
    cunik_replace(&c->stack, "other");
    cunik_replace(&cunik_world_add_interface(c)->network, "other_default");
    scene_apply(s, &elsewhere);
    assert_true(fake_host_runs(s->f.host, "demo-db-1"));
    fake_engine_health(&s->f, "demo-db-1", HEALTH_HEALTHY, "");
    assert_null(fake_engine_end(&a));
    assert_null(fake_engine_end(&b));
    assert_false(fake_host_runs(s->f.host, "demo-db-1"));
    assert_true(fake_host_runs(s->f.host, "other-web-1"));
    elsewhere.action = ACTION_DOWN;
    scene_apply(s, &elsewhere);
    fake_engine_assert_empty(&s->f);
    cunik_request_done(&elsewhere);
}

/* Two that are to be called the same, one of them not there yet; or as one of a stack is. */
static void test_names_are_taken_once(void **state)
{
    struct scene *s = *state;
    struct request elsewhere;
    struct fake_apply a;

    add_three(&s->up.desired);
    cunik_replace(&s->up.desired.cuniks[2].called, "same");
    fake_engine_sicken(&s->f, "db");
    fake_engine_begin(&s->f, &a, &s->up);
    fake_engine_await_event(&s->f, "step create demo-app-1 waiting");
    cunik_request_init(&elsewhere);
    cunik_replace(&elsewhere.stack, "other");
    struct world_cunik *c = demo_add_cunik(&elsewhere.desired, "web", 1, NULL);
    cunik_replace(&c->name, "other-web-1");
    cunik_replace(&c->stack, "other");
    cunik_replace(&c->called, "same");
    apply_fails(s, &elsewhere, ERROR_CONFLICT,
                "the name 'same' is taken by a cunik of stack 'demo'");
    cunik_replace(&c->called, "demo-db-1");
    apply_fails(s, &elsewhere, ERROR_CONFLICT,
                "the name 'demo-db-1' is taken by a cunik of stack 'demo'");
    cunik_replace(&c->called, "demo-web-1"); /* which it gave free */
    scene_apply(s, &elsewhere);
    fake_engine_health(&s->f, "demo-db-1", HEALTH_HEALTHY, "");
    assert_null(fake_engine_end(&a));
    cunik_replace(&s->up.desired.cuniks[2].called, "");
    apply_fails(s, &s->up, ERROR_CONFLICT,
                "the name 'demo-web-1' is taken by a cunik of stack 'other'");
    elsewhere.action = ACTION_DOWN;
    scene_apply(s, &elsewhere);
    scene_apply(s, &s->up);
    act(s, ACTION_DOWN);
    fake_engine_assert_empty(&s->f);
    cunik_request_done(&elsewhere);
}

/* The second of two who make the same waits for its turn, and finds it made. */
static void test_new_ones_are_made_once(void **state)
{
    struct scene *s = *state;
    struct fake_apply a, b;

    add_three(&s->up.desired);
    s->up.only_new = true;
    fake_engine_sicken(&s->f, "db");
    fake_engine_begin(&s->f, &a, &s->up);
    fake_engine_await_event(&s->f, "step create demo-app-1 waiting");
    fake_engine_begin(&s->f, &b, &s->up);
    fake_engine_await_event(&s->f,
                            "warning waiting for another request for stack 'demo' (up, since "
                            "2023-11-14T22:13:21.000Z, for 0 s)");
    fake_engine_health(&s->f, "demo-db-1", HEALTH_HEALTHY, "");
    assert_null(fake_engine_end(&a));
    _cleanup_error_ struct error *err = fake_engine_end(&b);
    assert_non_null(err);
    assert_string_equal(err->message, "the name 'demo' is taken by cunik 'demo-app-1'");
    assert_int_equal(err->code, ERROR_CONFLICT);
    assert_true(fake_host_runs(s->f.host, "demo-web-1"));
    act(s, ACTION_DOWN);
    fake_engine_assert_empty(&s->f);
}

static void test_waiting_request_is_cancelled(void **state)
{
    struct scene *s = *state;
    struct fake_apply a, b;

    add_three(&s->up.desired);
    fake_engine_sicken(&s->f, "db");
    fake_engine_begin(&s->f, &a, &s->up);
    fake_engine_await_event(&s->f, "step create demo-app-1 waiting");
    s->other.action = ACTION_DOWN;
    fake_engine_begin(&s->f, &b, &s->other);
    fake_engine_await_event(&s->f,
                            "warning waiting for another request for stack 'demo' (up, since "
                            "2023-11-14T22:13:21.000Z, for 0 s)");
    b.cancel = true;
    cunik_engine_interrupt(s->f.engine);
    _cleanup_error_ struct error *err = fake_engine_end(&b);
    assert_int_equal(err->code, ERROR_CANCELLED);
    assert_true(fake_host_runs(s->f.host, "demo-db-1"));
    fake_engine_health(&s->f, "demo-db-1", HEALTH_HEALTHY, "");
    assert_null(fake_engine_end(&a));
}

static void test_parallel(void **state)
{
    struct scene *s = *state;

    for (int64_t i = 1; i <= 24; i++)
        demo_add_cunik(&s->up.desired, "web", i, "default");
    fake_host_set_latency(s->f.host, 2000000);
    scene_apply(s, &s->up);
    fake_host_set_latency(s->f.host, 0);
    assert_true(fake_host_most_starts(s->f.host) > 1);
    act(s, ACTION_DOWN);
    fake_engine_assert_empty(&s->f);
    s->up.parallel = 1;
    fake_host_log_clear(s->f.host);
    scene_apply(s, &s->up);
    /* One at a time: in the order of the plan. */
    assert_true(before(s, "domain_start demo-web-2", "domain_define demo-web-3"));
}

static void test_orphans(void **state)
{
    struct scene *s = *state;

    demo_add_cunik(&s->up.desired, "web", 1, "default");
    demo_add_port(demo_add_cunik(&s->up.desired, "old", 1, "default"), 9000, 80);
    scene_apply(s, &s->up);
    cunik_world_cunik_done(&s->up.desired.cuniks[1]);
    s->up.desired.n_cuniks = 1;
    cunik_world_pair_add(&s->up.desired.cuniks[0].environment, "A", "1");
    scene_apply(s, &s->up);
    assert_true(fake_host_runs(s->f.host, "demo-old-1"));
    _cleanup_strv_ struct strv all = {0};
    fake_host_inventory(s->f.host, &all);
    bool published = false;
    for (size_t i = 0; i < all.n; i++)
        published |= strncmp(all.items[i], "rule *:9000/tcp", 15) == 0;
    assert_true(published);
    /* Its port is taken as long as it stays, and free when it goes in the same breath. */
    demo_add_port(&s->up.desired.cuniks[0], 9000, 80);
    apply_fails(s, &s->up, ERROR_CONFLICT,
                "'demo-web-1': port 0.0.0.0:9000/tcp is published by 'demo-old-1' already");
    s->up.remove_orphans = true;
    scene_apply(s, &s->up);
    assert_false(fake_host_runs(s->f.host, "demo-old-1"));
    assert_int_equal(planned(s, &s->up), 0);
}

static void test_create_only(void **state)
{
    struct scene *s = *state;

    add_three(&s->up.desired);
    s->up.no_start = true;
    scene_apply(s, &s->up);
    assert_int_equal(fake_host_starts(s->f.host, "demo-db-1"), 0);
    assert_int_equal(planned(s, &s->up), 0);
    s->up.no_start = false;
    scene_apply(s, &s->up);
    assert_true(fake_host_runs(s->f.host, "demo-web-1"));
}

static void test_part_of_a_stack(void **state)
{
    struct scene *s = *state;

    add_three(&s->up.desired);
    cunik_strv_add(&s->up.services, "app");
    scene_apply(s, &s->up);
    assert_true(fake_host_runs(s->f.host, "demo-db-1"));
    assert_false(fake_host_runs(s->f.host, "demo-web-1"));
    /* The rest of the stack is not what is wanted now: nothing of it is published. */
    _cleanup_strv_ struct strv all = {0};
    fake_host_inventory(s->f.host, &all);
    for (size_t i = 0; i < all.n; i++)
        assert_int_not_equal(strncmp(all.items[i], "rule", 4), 0);
    cunik_strv_done(&s->up.services);
    assert_int_equal(planned(s, &s->up), 1);
}

static void test_network_recreated(void **state)
{
    struct scene *s = *state;

    add_three(&s->up.desired);
    scene_apply(s, &s->up);
    s->up.desired.networks[0].internal = true;
    scene_apply(s, &s->up);
    assert_int_equal(fake_host_starts(s->f.host, "demo-db-1"), 1);
    assert_true(fake_host_runs(s->f.host, "demo-web-1"));
    assert_int_equal(planned(s, &s->up), 0);
    cunik_replace(&s->up.desired.networks[0].subnet, "192.168.77.0/24");
    scene_apply(s, &s->up);
    assert_int_equal(planned(s, &s->up), 0);
}

/* The first output since a start is an event, once. */
static void test_first_output(void **state)
{
    struct scene *s = *state;

    add_three(&s->up.desired);
    cunik_engine_console(s->f.engine, "demo-db-1", 5);
    scene_apply(s, &s->up);
    assert_int_equal(fake_engine_count_events(&s->f, "state demo-db-1 created"), 1);
    assert_int_equal(fake_engine_count_events(&s->f, "console demo"), 0);
    cunik_engine_console(s->f.engine, "demo-db-1", 0);
    assert_int_equal(fake_engine_count_events(&s->f, "console demo"), 0);
    cunik_engine_console(s->f.engine, "demo-db-1", 5);
    cunik_engine_console(s->f.engine, "demo-db-1", 9);
    assert_int_equal(fake_engine_count_events(&s->f, "console demo"), 1);
    act(s, ACTION_RESTART);
    cunik_engine_console(s->f.engine, "demo-db-1", 12);
    assert_int_equal(fake_engine_count_events(&s->f, "console demo"), 2);
    /* One that another engine has started is not new. */
    fake_engine_again(&s->f);
    fake_engine_clear_events(&s->f);
    cunik_engine_console(s->f.engine, "demo-db-1", 15);
    assert_int_equal(fake_engine_count_events(&s->f, "console demo"), 0);
}

static void test_bad_requests(void **state)
{
    struct scene *s = *state;

    add_three(&s->up.desired);
    cunik_replace(&s->up.desired.cuniks[0].stack, "other");
    apply_fails(s, &s->up, ERROR_INVALID, "'demo-db-1' is of the stack 'other', not of 'demo'");
    cunik_replace(&s->up.desired.cuniks[0].stack, "demo");
    demo_add_depend(&s->up.desired.cuniks[0], "web", DEPEND_STARTED);
    apply_fails(s, &s->up, ERROR_INVALID, "dependency cycle detected: db -> web -> app -> db");
    fake_engine_assert_empty(&s->f);
}

#define SCENE(f) cmocka_unit_test_setup_teardown(f, scene_setup, scene_teardown)

struct turn {
    struct scene *s;
    struct slot *slot;
    struct waiter w;
};

static void *take_turn(void *data)
{
    struct turn *t = data;
    const struct event_sink nobody = {0};

    t->w = (struct waiter){.who = "the second"};
    assert_int_equal(
        cunik_engine_enter(t->s->f.engine, t->slot, &t->w, &nobody, NULL, CLOCK_NEVER, NULL), 0);
    return NULL;
}

static bool somebody_waits(struct engine *e, const struct waiter *w)
{
    pthread_mutex_lock(&e->lock);
    bool waits = w->next;
    pthread_mutex_unlock(&e->lock);
    return waits;
}

/* Whose turn it is from the moment that the one before has left, whether or not it knows yet. */
static void test_whose_turn(void **state)
{
    struct scene *s = *state;
    struct engine *e = s->f.engine;
    const struct event_sink nobody = {0};

    for (int i = 0; i < 50; i++) {
        struct turn second = {.s = s, .slot = cunik_engine_slot(e, "demo")};
        _cleanup_error_ struct error *err = NULL;
        char *who = cunik_strdup("the first");
        struct waiter first = {.who = who}, third = {.who = "the third"};
        pthread_t thread;

        assert_int_equal(
            cunik_engine_enter(e, second.slot, &first, &nobody, NULL, CLOCK_NEVER, NULL), 0);
        assert_int_equal(pthread_create(&thread, NULL, take_turn, &second), 0);
        AWAIT(somebody_waits(e, &first));
        cunik_engine_leave(e, second.slot, &first);
        free(who);
        assert_true(cunik_engine_enter(e, second.slot, &third, &nobody, NULL, 0, &err) < 0);
        assert_non_null(strstr(err->message, "(the second, since "));
        pthread_join(thread, NULL);
        cunik_engine_leave(e, second.slot, &second.w);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        SCENE(test_up_and_down),
        SCENE(test_disk_full),
        SCENE(test_events),
        SCENE(test_only_what_changed),
        SCENE(test_scale),
        SCENE(test_health_gate),
        SCENE(test_unhealthy_dependency),
        SCENE(test_dependency_ends),
        SCENE(test_one_shots),
        SCENE(test_wait),
        SCENE(test_wait_stays_up),
        SCENE(test_atomic),
        SCENE(test_atomic_with_a_new_kernel),
        SCENE(test_kept_plan),
        SCENE(test_cancel),
        SCENE(test_users_of_images),
        SCENE(test_stop_start_restart_kill),
        SCENE(test_partial_failure),
        SCENE(test_checks_come_first),
        SCENE(test_one_at_a_time),
        SCENE(test_whose_turn),
        SCENE(test_names_are_taken_once),
        SCENE(test_new_ones_are_made_once),
        SCENE(test_waiting_request_is_cancelled),
        SCENE(test_parallel),
        SCENE(test_orphans),
        SCENE(test_create_only),
        SCENE(test_part_of_a_stack),
        SCENE(test_network_recreated),
        SCENE(test_first_output),
        SCENE(test_bad_requests),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
