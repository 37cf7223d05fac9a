/* Ends, restarts, drift and engines that come and go, on a clock that the test sets. */
#include "tests/support/test.h"

#include <string.h>

#include "base/memory.h"
#include "base/time.h"
#include "tests/support/demo_world.h"
#include "tests/support/scene.h"

static const int64_t ms = NS_PER_MS, second = NS_PER_SECOND;

static void act(struct scene *s, enum request_action action)
{
    s->other.action = action;
    scene_apply(s, &s->other);
}

static struct world_status status(struct scene *s)
{
    _cleanup_world_ struct world w = {0};
    _cleanup_error_ struct error *err = NULL;
    struct world_status status = {0};

    test_ok(cunik_engine_world(s->f.engine, "demo", &w, &err), err);
    const struct world_cunik *c = cunik_world_cunik(&w, "demo-web-1");
    if (c)
        status = c->status;
    status.reason = NULL;
    return status;
}

static size_t starts(struct scene *s)
{
    return fake_host_starts(s->f.host, "demo-web-1");
}

static size_t planned(struct scene *s)
{
    _cleanup_plan_ struct plan p = {0};
    _cleanup_error_ struct error *err = NULL;

    test_ok(cunik_engine_plan(s->f.engine, &s->up, &p, &err), err);
    return p.n;
}

static void end(struct scene *s, enum cunik_end how, int64_t code, enum cunik_state then)
{
    _cleanup_free_ char *told = cunik_asprintf("state demo-web-1 %s", cunik_state_name(then));
    size_t before = fake_engine_count_events(&s->f, told);

    fake_host_end(s->f.host, "demo-web-1", how, code);
    AWAIT(fake_engine_count_events(&s->f, told) > before);
    assert_int_equal(status(s).state, then);
}

/* Nothing happens for so long, and then a start. */
static void starts_after(struct scene *s, int64_t delay)
{
    size_t before = starts(s);

    fake_engine_advance(&s->f, delay - ms);
    for (int i = 0; i < 5; i++)
        fake_engine_pause();
    assert_int_equal(starts(s), before);
    fake_engine_advance(&s->f, ms);
    AWAIT(starts(s) == before + 1);
    AWAIT(status(s).state == CUNIK_RUNNING);
}

static void test_back_off(void **state)
{
    struct scene *s = *state;

    s->web->restart = RESTART_ALWAYS;
    scene_apply(s, &s->up);
    for (int64_t delay = 100 * ms; delay < 60 * second; delay *= 2) {
        end(s, END_PANICKED, 134, CUNIK_RESTARTING);
        starts_after(s, delay);
    }
    for (int i = 0; i < 3; i++) {
        end(s, END_PANICKED, 134, CUNIK_RESTARTING);
        starts_after(s, 60 * second);
    }
    assert_int_equal(status(s).restarts, 13);
    /* Having run for a while, it begins anew. */
    fake_engine_advance(&s->f, 10 * second);
    end(s, END_POWEROFF, 0, CUNIK_RESTARTING);
    starts_after(s, 100 * ms);
    assert_int_equal(planned(s), 0);
}

static void test_on_failure(void **state)
{
    struct scene *s = *state;

    s->web->restart = RESTART_ON_FAILURE;
    s->web->restart_max = 2;
    scene_apply(s, &s->up);
    end(s, END_KILLED, 1, CUNIK_RESTARTING);
    assert_int_equal(planned(s), 0);
    starts_after(s, 100 * ms);
    end(s, END_KILLED, 1, CUNIK_RESTARTING);
    starts_after(s, 200 * ms);
    end(s, END_KILLED, 1, CUNIK_EXITED);
    fake_engine_advance(&s->f, 1000 * second);
    assert_int_equal(starts(s), 3);
    assert_int_equal(status(s).exit_code, 1);
    /* Asked for, it has its chances again. */
    act(s, ACTION_START);
    end(s, END_KILLED, 1, CUNIK_RESTARTING);
    starts_after(s, 100 * ms);
    end(s, END_POWEROFF, 0, CUNIK_EXITED);
    fake_engine_advance(&s->f, 1000 * second);
    assert_int_equal(starts(s), 5);
    assert_int_equal(planned(s), 0);
}

/* deploy.restart_policy: a pause of its own, and a count that begins anew after a start that has
 * succeeded. */
static void test_delay_and_window(void **state)
{
    struct scene *s = *state;

    s->web->restart = RESTART_ALWAYS;
    s->web->restart_max = 2;
    s->web->restart_delay_ns = 3 * second;
    s->web->restart_window_ns = 5 * second;
    scene_apply(s, &s->up);
    end(s, END_POWEROFF, 0, CUNIK_RESTARTING);
    starts_after(s, 3 * second);
    end(s, END_KILLED, 1, CUNIK_RESTARTING);
    starts_after(s, 3 * second);
    fake_engine_advance(&s->f, 5 * second);
    end(s, END_KILLED, 1, CUNIK_RESTARTING);
    starts_after(s, 3 * second);
    fake_engine_advance(&s->f, 4999 * ms);
    end(s, END_KILLED, 1, CUNIK_RESTARTING);
    starts_after(s, 3 * second);
    end(s, END_KILLED, 1, CUNIK_EXITED);
    fake_engine_advance(&s->f, 1000 * second);
    assert_int_equal(starts(s), 5);
    assert_int_equal(status(s).restarts, 4);
}

/* What ends again and again is said to do so, by the event, and by those who wait for it. */
static void test_crash_loop(void **state)
{
    struct scene *s = *state;
    struct fake_apply a;

    s->web->restart = RESTART_ALWAYS;
    s->up.wait = true;
    fake_engine_begin(&s->f, &a, &s->up);
    fake_engine_await_event(&s->f, "step create demo-web-1 done");
    for (int64_t delay = 100 * ms; delay < 1600 * ms; delay *= 2) {
        end(s, END_KILLED, 1, CUNIK_RESTARTING);
        starts_after(s, delay);
        assert_false(a.over);
    }
    end(s, END_KILLED, 1, CUNIK_RESTARTING);
    assert_int_equal(status(s).crashes, CRASH_LOOP);
    _cleanup_error_ struct error *err = fake_engine_end(&a);
    assert_non_null(err);
    assert_string_equal(err->message, "'demo-web-1' does not stay up: crash loop: it has ended 5 "
                                      "times in a row soon after its start");
    fake_engine_await_event(&s->f,
                            "verdict web failed: demo-web-1 does not stay up: crash loop: it "
                            "has ended 5 times in a row soon after its start");
    starts_after(s, 1600 * ms);
    fake_engine_advance(&s->f, 10 * second);
    end(s, END_KILLED, 1, CUNIK_RESTARTING);
    assert_int_equal(status(s).crashes, 0);
}

static void test_no_policy(void **state)
{
    struct scene *s = *state;

    scene_apply(s, &s->up);
    end(s, END_KILLED, 137, CUNIK_EXITED);
    fake_engine_await_event(&s->f, "state demo-web-1 exited");
    AWAIT(fake_host_log_find(s->f.host, "names_remove demo-web-1") != SIZE_MAX);
    fake_engine_advance(&s->f, 1000 * second);
    assert_int_equal(starts(s), 1);
    assert_int_equal(planned(s), 1);
    AWAIT(cunik_engine_idle(s->f.engine));
    scene_apply(s, &s->up);
    assert_int_equal(starts(s), 2);
    assert_false(cunik_engine_idle(s->f.engine));
}

/* A start that fails counts as an end. */
static void test_failing_restart(void **state)
{
    struct scene *s = *state;

    s->web->restart = RESTART_ALWAYS;
    scene_apply(s, &s->up);
    fake_host_fail_on(s->f.host, "domain_start", "demo-web-1", true);
    end(s, END_KILLED, 137, CUNIK_RESTARTING);
    fake_engine_advance(&s->f, 100 * ms);
    AWAIT(status(s).restarts == 1);
    fake_engine_await_event(&s->f, "state demo-web-1 restarting");
    AWAIT(fake_engine_count_events(&s->f, "state demo-web-1 restarting") == 2);
    fake_host_fail_on(s->f.host, "domain_start", "demo-web-1", false);
    fake_engine_advance(&s->f, 200 * ms);
    AWAIT(starts(s) == 2);
    assert_int_equal(fake_engine_count_events(&s->f, "state demo-web-1 exited"), 0);
}

static void test_stop_ends_restarts(void **state)
{
    struct scene *s = *state;

    s->web->restart = RESTART_ALWAYS;
    scene_apply(s, &s->up);
    end(s, END_KILLED, 137, CUNIK_RESTARTING);
    act(s, ACTION_STOP);
    assert_int_equal(status(s).state, CUNIK_EXITED);
    fake_engine_advance(&s->f, 1000 * second);
    assert_int_equal(starts(s), 1);
    act(s, ACTION_START);
    end(s, END_KILLED, 137, CUNIK_RESTARTING);
    act(s, ACTION_DOWN);
    fake_engine_advance(&s->f, 1000 * second);
    fake_engine_assert_empty(&s->f);
    AWAIT(cunik_engine_idle(s->f.engine));
}

/* A new policy is heard at once. */
static void test_policy_changes(void **state)
{
    struct scene *s = *state;

    scene_apply(s, &s->up);
    s->web->restart = RESTART_UNLESS_STOPPED;
    scene_apply(s, &s->up);
    assert_int_equal(starts(s), 1);
    end(s, END_POWEROFF, 0, CUNIK_RESTARTING);
    starts_after(s, 100 * ms);
}

/* Guests outlive the engine; another one goes on. */
static void test_engine_comes_back(void **state)
{
    struct scene *s = *state;

    s->web->restart = RESTART_ALWAYS;
    demo_add_health(s->web);
    scene_apply(s, &s->up);
    fake_engine_again(&s->f);
    assert_int_equal(status(s).state, CUNIK_RUNNING);
    AWAIT(status(s).health == HEALTH_HEALTHY);
    assert_int_equal(planned(s), 0);
    end(s, END_KILLED, 137, CUNIK_RESTARTING);
    starts_after(s, 100 * ms);

    /* What ended while nobody looked. */
    fake_host_on_change(s->f.host, NULL, NULL);
    cunik_engine_destroy(s->f.engine);
    s->f.engine = NULL;
    fake_host_end(s->f.host, "demo-web-1", END_KILLED, 137);
    memset(s->f.waits, 0, sizeof(s->f.waits));
    size_t before = starts(s);
    fake_engine_again(&s->f);
    AWAIT(starts(s) == before + 1);
    AWAIT(status(s).state == CUNIK_RUNNING);
}

/* After a reboot of the host, what is kept up comes back, with what it needs; the rest is planned.
 */
static void test_reboot(void **state)
{
    struct scene *s = *state;

    s->web->restart = RESTART_UNLESS_STOPPED;
    demo_add_cunik(&s->up.desired, "plain", 1, "default");
    scene_apply(s, &s->up);
    fake_host_on_change(s->f.host, NULL, NULL);
    cunik_engine_destroy(s->f.engine);
    s->f.engine = NULL;
    fake_host_reboot(s->f.host);
    fake_engine_again(&s->f);
    for (int i = 0; i < 5000 && starts(s) < 2; i++) {
        fake_engine_advance(&s->f, 100 * ms);
        fake_engine_pause();
    }
    AWAIT(status(s).state == CUNIK_RUNNING);
    AWAIT(planned(s) == 1);
    scene_apply(s, &s->up);
    assert_int_equal(planned(s), 0);
    act(s, ACTION_DOWN);
    fake_engine_assert_empty(&s->f);
}

/* What is counted goes on across engines: N times are N times. */
static void test_counts_outlive_the_engine(void **state)
{
    struct scene *s = *state;

    s->web->restart = RESTART_ON_FAILURE;
    s->web->restart_max = 3;
    scene_apply(s, &s->up);
    for (int i = 1; i <= 3; i++) {
        end(s, END_KILLED, 1, CUNIK_RESTARTING);
        fake_engine_advance(&s->f, second);
        AWAIT(status(s).state == CUNIK_RUNNING && starts(s) == (size_t)i + 1);
        fake_engine_again(&s->f);
        assert_int_equal(status(s).restarts, i);
        assert_int_equal(status(s).attempts, i);
        assert_int_equal(status(s).crashes, i);
    }
    end(s, END_KILLED, 1, CUNIK_EXITED);
    fake_engine_again(&s->f);
    fake_engine_advance(&s->f, 1000 * second);
    assert_int_equal(starts(s), 4);
    /* Who asks for it begins anew, and who makes it anew. */
    act(s, ACTION_START);
    assert_int_equal(status(s).restarts, 0);
    end(s, END_KILLED, 1, CUNIK_RESTARTING);
    starts_after(s, 100 * ms);
    s->up.recreate = RECREATE_ALWAYS;
    scene_apply(s, &s->up);
    fake_engine_again(&s->f);
    assert_int_equal(status(s).restarts, 0);
}

/* One that ended while there was no engine is started again by it, and that counts. */
static void test_resumptions_are_counted(void **state)
{
    struct scene *s = *state;

    s->web->restart = RESTART_ALWAYS;
    s->web->restart_max = 2;
    scene_apply(s, &s->up);
    for (int i = 1; i <= 2; i++) {
        fake_host_reboot(s->f.host);
        fake_engine_again(&s->f);
        AWAIT(status(s).state == CUNIK_RUNNING);
        assert_int_equal(status(s).attempts, i);
    }
    fake_host_reboot(s->f.host);
    fake_engine_again(&s->f);
    fake_engine_advance(&s->f, 1000 * second);
    AWAIT(status(s).state == CUNIK_EXITED);
    assert_int_equal(starts(s), 3);
}

/* Who has given up is not asked again by an engine that comes back. */
static void test_given_up(void **state)
{
    struct scene *s = *state;

    s->web->restart = RESTART_ON_FAILURE;
    s->web->restart_max = 1;
    scene_apply(s, &s->up);
    end(s, END_KILLED, 1, CUNIK_RESTARTING);
    starts_after(s, 100 * ms);
    end(s, END_KILLED, 1, CUNIK_EXITED);
    fake_engine_again(&s->f);
    fake_engine_advance(&s->f, 1000 * second);
    AWAIT(cunik_engine_idle(s->f.engine));
    assert_int_equal(starts(s), 2);
}

static void test_interference(void **state)
{
    struct scene *s = *state;

    s->web->restart = RESTART_ALWAYS;
    scene_apply(s, &s->up);
    /* Destroyed by another: its policy wants it back. */
    end(s, END_DESTROYED, 137, CUNIK_RESTARTING);
    starts_after(s, 100 * ms);
    /* Undefined by another, and nothing that its policy keeps up: seen, and planned. */
    s->web->restart = RESTART_NO;
    scene_apply(s, &s->up);
    fake_host_vanish_domain(s->f.host, "demo-web-1");
    fake_engine_await_event(&s->f, "state demo-web-1 absent");
    fake_engine_advance(&s->f, 100 * second);
    assert_int_equal(planned(s), 1);
    scene_apply(s, &s->up);
    assert_int_equal(planned(s), 0);
    act(s, ACTION_DOWN);
    fake_engine_assert_empty(&s->f);
}

static void link_of(struct scene *s, char **ret)
{
    _cleanup_world_ struct world w = {0};

    test_ok(cunik_engine_world(s->f.engine, "demo", &w, NULL), NULL);
    *ret = cunik_strdup(w.cuniks[0].interfaces[0].link);
}

/* A repair may have to wait for the one before it: time goes on meanwhile. */
static void is_repaired(struct scene *s)
{
    for (int i = 0; i < 5000 && planned(s); i++) {
        fake_engine_advance(&s->f, 100 * ms);
        fake_engine_pause();
    }
    assert_int_equal(planned(s), 0);
}

static void test_drift_is_repaired(void **state)
{
    struct scene *s = *state;
    _cleanup_free_ char *link = NULL;

    scene_apply(s, &s->up);
    link_of(s, &link);
    fake_host_kill_names(s->f.host, "demo_default");
    is_repaired(s);
    fake_host_delete_bridge(s->f.host, "demo_default");
    is_repaired(s);
    fake_host_unplug_tap(s->f.host, link);
    is_repaired(s);
    fake_host_flush_rules(s->f.host);
    is_repaired(s);
    fake_host_change_domain(s->f.host, "demo-web-1", "<vcpu>1</vcpu> → <vcpu>2</vcpu>");
    is_repaired(s);
    assert_int_equal(starts(s), 1);
    /* A tap that was deleted under the guest comes back only with a new start. */
    fake_host_delete_tap(s->f.host, link);
    is_repaired(s);
    assert_int_equal(starts(s), 2);
}

static void test_drift_without_supervision_is_planned(void **state)
{
    struct scene *s = *state;
    _cleanup_plan_ struct plan p = {0};

    scene_apply(s, &s->up);
    fake_host_on_change(s->f.host, NULL, NULL);
    fake_host_kill_names(s->f.host, "demo_default");
    fake_host_flush_rules(s->f.host);
    test_ok(cunik_engine_plan(s->f.engine, &s->up, &p, NULL), NULL);
    _cleanup_free_ char *text = cunik_plan_text(&p);
    assert_string_equal(text, "~ update network demo_default: its names are not served\n"
                              "~ update web-1: its ports are not published\n"
                              "2 to update, 0 unchanged.\n");
    scene_apply(s, &s->up);
    assert_int_equal(planned(s), 0);
}

/* Somebody removes a domain whose policy keeps it up. */
static void test_a_lost_domain_comes_back(void **state)
{
    struct scene *s = *state;

    s->web->restart = RESTART_ALWAYS;
    scene_apply(s, &s->up);
    fake_host_vanish_domain(s->f.host, "demo-web-1");
    is_repaired(s);
    assert_true(fake_host_runs(s->f.host, "demo-web-1"));
    /* Also when it was not running just then. */
    end(s, END_KILLED, 137, CUNIK_RESTARTING);
    fake_host_vanish_domain(s->f.host, "demo-web-1");
    is_repaired(s);
    assert_true(fake_host_runs(s->f.host, "demo-web-1"));
    /* What was stopped and then removed stays away. */
    act(s, ACTION_STOP);
    fake_host_vanish_domain(s->f.host, "demo-web-1");
    fake_engine_await_event(&s->f, "state demo-web-1 absent");
    fake_engine_advance(&s->f, 100 * second);
    fake_engine_pause();
    assert_false(fake_host_runs(s->f.host, "demo-web-1"));
    act(s, ACTION_DOWN);
    fake_engine_assert_empty(&s->f);
}

/* db ← web ← front, all kept up; db has a healthcheck that web waits for. */
static void chain(struct scene *s)
{
    struct world *w = &s->up.desired;
    struct world_cunik *db = demo_add_cunik(w, "db", 1, "default");
    db->restart = RESTART_ALWAYS;
    demo_add_health(db);
    struct world_cunik *front = demo_add_cunik(w, "front", 1, "default");
    front->restart = RESTART_UNLESS_STOPPED;
    demo_add_depend(front, "web", DEPEND_STARTED);
    struct world_cunik *once = demo_add_cunik(w, "once", 1, "default");
    struct world_cunik *web = &w->cuniks[0];
    web->restart = RESTART_ALWAYS;
    demo_add_depend(web, "db", DEPEND_HEALTHY);
    demo_add_depend(web, "once", DEPEND_STARTED);
    (void)once;
}

static void power_fails(struct scene *s)
{
    fake_host_on_change(s->f.host, NULL, NULL);
    fake_host_reboot(s->f.host);
    fake_host_log_clear(s->f.host);
    fake_engine_again(&s->f);
}

static bool runs(struct scene *s, const char *name)
{
    return fake_host_runs(s->f.host, name);
}

/* After the host's own end the engine brings back what is kept up, in the order of the graph; what
 * does not come back keeps nobody down. */
static void test_order_after_reboot(void **state)
{
    struct scene *s = *state;

    chain(s);
    scene_apply(s, &s->up);
    fake_engine_sicken(&s->f, "db");
    power_fails(s);
    AWAIT(runs(s, "demo-db-1"));
    for (int i = 0; i < 20; i++) {
        fake_engine_advance(&s->f, second);
        fake_engine_pause();
    }
    assert_false(runs(s, "demo-web-1") || runs(s, "demo-front-1"));
    fake_engine_health(&s->f, "demo-db-1", HEALTH_HEALTHY, "");
    AWAIT(runs(s, "demo-front-1"));
    assert_true(fake_host_log_find(s->f.host, "domain_start demo-db-1") <
                fake_host_log_find(s->f.host, "domain_start demo-web-1"));
    assert_true(fake_host_log_find(s->f.host, "domain_start demo-web-1") <
                fake_host_log_find(s->f.host, "domain_start demo-front-1"));
    /* One without a policy stays as it ended. */
    assert_false(runs(s, "demo-once-1"));
    fake_engine_assert_well(&s->f);
    act(s, ACTION_DOWN);
    fake_engine_assert_empty(&s->f);
}

/* Who comes meanwhile is not kept waiting for a dependency that is never healthy. */
static void test_a_resumption_gives_way(void **state)
{
    struct scene *s = *state;

    chain(s);
    scene_apply(s, &s->up);
    fake_engine_sicken(&s->f, "db");
    power_fails(s);
    AWAIT(runs(s, "demo-db-1"));
    act(s, ACTION_DOWN);
    fake_engine_assert_empty(&s->f);
    scene_apply(s, &s->other);
    /* Nor is an engine that is to end. */
    fake_engine_again(&s->f);
}

/* A start that fails keeps nobody else down, and is tried again. */
static void test_a_resumption_that_fails(void **state)
{
    struct scene *s = *state;

    chain(s);
    scene_apply(s, &s->up);
    fake_host_fail_on(s->f.host, "domain_start", "demo-db-1", true);
    power_fails(s);
    for (int i = 0; i < 5000 && !(runs(s, "demo-web-1") && runs(s, "demo-front-1")); i++) {
        fake_engine_advance(&s->f, 10 * ms);
        fake_engine_pause();
    }
    assert_true(runs(s, "demo-web-1") && runs(s, "demo-front-1"));
    fake_host_fail_on(s->f.host, "domain_start", "demo-db-1", false);
    for (int i = 0; i < 5000 && !runs(s, "demo-db-1"); i++) {
        fake_engine_advance(&s->f, 100 * ms);
        fake_engine_pause();
    }
    assert_true(runs(s, "demo-db-1"));
}

/* An up that died before it had recreated a guest: what comes back is the guest as it was, and it
 * is still known that it is to be another. */
static void test_a_repair_does_not_pretend(void **state)
{
    struct scene *s = *state;
    _cleanup_world_ struct world w = {0};

    s->web->restart = RESTART_ALWAYS;
    scene_apply(s, &s->up);
    cunik_world_pair_add(&s->web->environment, "A", "new");
    demo_add_network(&s->up.desired, "side");
    struct world_interface *side = cunik_world_add_interface(&s->up.desired.cuniks[0]);
    cunik_replace(&side->network, "demo_side");
    fake_host_fail_on(s->f.host, "domain_shutdown", "demo-web-1", true);
    fake_host_fail_on(s->f.host, "domain_destroy", "demo-web-1", true);
    cunik_error_destroy(fake_engine_apply(&s->f, &s->up));
    fake_host_fail_on(s->f.host, "domain_shutdown", "demo-web-1", false);
    fake_host_fail_on(s->f.host, "domain_destroy", "demo-web-1", false);
    power_fails(s);
    AWAIT(runs(s, "demo-web-1"));
    _cleanup_free_ char *link = NULL;
    link_of(s, &link);
    fake_host_unplug_tap(s->f.host, link);
    for (int i = 0; i < 100; i++) {
        fake_engine_advance(&s->f, second);
        fake_engine_pause();
    }
    test_ok(cunik_engine_world(s->f.engine, "demo", &w, NULL), NULL);
    assert_false(w.cuniks[0].status.links_missing);
    assert_int_equal(w.cuniks[0].environment.n, 0);
    assert_int_equal(w.cuniks[0].n_interfaces, 1);
    assert_int_equal(planned(s), 2); /* the new network, and to recreate it */
    scene_apply(s, &s->up);
    assert_int_equal(planned(s), 0);
    act(s, ACTION_DOWN);
    fake_engine_assert_empty(&s->f);
}

/* A repair that fails is not tried without end. */
static void test_repair_backs_off(void **state)
{
    struct scene *s = *state;

    scene_apply(s, &s->up);
    fake_host_fail_on(s->f.host, "names_start", "demo_default", true);
    fake_host_kill_names(s->f.host, "demo_default");
    AWAIT(fake_engine_count_events(&s->f, "step update demo_default failed") == 1);
    for (int i = 0; i < 20; i++) {
        cunik_engine_wake(s->f.engine, NULL);
        fake_engine_pause();
    }
    assert_int_equal(fake_engine_count_events(&s->f, "step update demo_default failed"), 1);
    fake_host_fail_on(s->f.host, "names_start", "demo_default", false);
    fake_engine_advance(&s->f, second);
    AWAIT(planned(s) == 0);
}

/* Names of what is unhealthy go where the network asks for that, and come back. */
static void test_hidden_names(void **state)
{
    struct scene *s = *state;

    demo_add_health(s->web);
    scene_apply(s, &s->up);
    AWAIT(status(s).health == HEALTH_HEALTHY);
    fake_host_log_clear(s->f.host);
    fake_engine_health(&s->f, "demo-web-1", HEALTH_UNHEALTHY, "connection refused");
    cunik_engine_wake(s->f.engine, NULL);
    fake_engine_await_event(&s->f, "health demo-web-1 unhealthy");
    assert_int_equal(fake_host_log_find(s->f.host, "names_add demo-web-1"), SIZE_MAX);

    fake_engine_health(&s->f, "demo-web-1", HEALTH_HEALTHY, "");
    s->up.desired.networks[0].hide_unhealthy = true;
    scene_apply(s, &s->up);
    fake_host_log_clear(s->f.host);
    fake_engine_health(&s->f, "demo-web-1", HEALTH_UNHEALTHY, "connection refused");
    AWAIT(fake_host_log_find(s->f.host, "names_add demo-web-1") != SIZE_MAX);
    fake_host_log_clear(s->f.host);
    fake_engine_health(&s->f, "demo-web-1", HEALTH_HEALTHY, "");
    AWAIT(fake_host_log_find(s->f.host, "names_add demo-web-1") != SIZE_MAX);
}

static void test_health_goes_on(void **state)
{
    struct scene *s = *state;

    demo_add_health(s->web);
    scene_apply(s, &s->up);
    assert_int_equal(status(s).health, HEALTH_HEALTHY);
    fake_engine_health(&s->f, "demo-web-1", HEALTH_UNHEALTHY, "connection refused");
    assert_int_equal(status(s).health, HEALTH_UNHEALTHY);
    assert_int_equal(fake_engine_count_events(&s->f, "health demo-web-1 unhealthy"), 1);
    end(s, END_KILLED, 137, CUNIK_EXITED);
    assert_int_equal(status(s).health, HEALTH_NONE);
    /* A late word about a guest that is gone. */
    fake_engine_health(&s->f, "demo-web-1", HEALTH_HEALTHY, "");
    assert_int_equal(status(s).health, HEALTH_NONE);
}

/* A crash in the middle of a request: the policy goes on working. */
static void test_restart_during_a_request(void **state)
{
    struct scene *s = *state;
    struct fake_apply a;

    s->web->restart = RESTART_ALWAYS;
    struct world_cunik *db = demo_add_cunik(&s->up.desired, "db", 1, "default");
    demo_add_health(db);
    s->web = &s->up.desired.cuniks[0];
    fake_engine_sicken(&s->f, "db");
    s->up.wait = true;
    fake_engine_begin(&s->f, &a, &s->up);
    AWAIT(fake_engine_count_events(&s->f, "step create demo-web-1 done") == 1);
    AWAIT(fake_engine_count_events(&s->f, "step create demo-db-1 done") == 1);
    end(s, END_KILLED, 137, CUNIK_RESTARTING);
    starts_after(s, 100 * ms);
    fake_engine_health(&s->f, "demo-db-1", HEALTH_HEALTHY, "");
    fake_engine_advance(&s->f, second);
    assert_null(fake_engine_end(&a));
}

/* An end that was seen before the supervisor saw it says what is about to follow. */
static void test_an_end_not_yet_seen(_unused_ void **state)
{
    static const struct {
        enum restart_policy policy;
        int64_t exit_code;
        enum cunik_state wanted;
    } cases[] = {
        {RESTART_NO, 134, CUNIK_EXITED},
        {RESTART_ON_FAILURE, 0, CUNIK_EXITED},
        {RESTART_ON_FAILURE, 134, CUNIK_RESTARTING},
        {RESTART_ALWAYS, 0, CUNIK_RESTARTING},
    };

    for (size_t i = 0; i < ARRAY_SIZE(cases); i++) {
        _cleanup_world_ struct world w = {0};
        struct registry r;
        demo_add_network(&w, "default");
        struct world_cunik *c = demo_add_cunik(&w, "web", 1, "default");
        c->restart = cases[i].policy;
        c->status.state = CUNIK_RUNNING;
        cunik_registry_init(&r, &cunik_clock_real, NULL, NULL);
        cunik_registry_adopt(&r, c, true, false);
        c->status.state = CUNIK_EXITED;
        c->status.end = END_KILLED;
        c->status.exit_code = cases[i].exit_code;
        cunik_registry_overlay(&r, &w);
        assert_int_equal(c->status.state, cases[i].wanted);
        cunik_registry_done(&r);
    }
}

#define SCENE(f) cmocka_unit_test_setup_teardown(f, scene_setup_web, scene_teardown)

int main(void)
{
    const struct CMUnitTest tests[] = {
        SCENE(test_back_off),
        cmocka_unit_test(test_an_end_not_yet_seen),
        SCENE(test_on_failure),
        SCENE(test_delay_and_window),
        SCENE(test_crash_loop),
        SCENE(test_no_policy),
        SCENE(test_failing_restart),
        SCENE(test_stop_ends_restarts),
        SCENE(test_policy_changes),
        SCENE(test_engine_comes_back),
        SCENE(test_reboot),
        SCENE(test_counts_outlive_the_engine),
        SCENE(test_resumptions_are_counted),
        SCENE(test_given_up),
        SCENE(test_interference),
        SCENE(test_drift_is_repaired),
        SCENE(test_drift_without_supervision_is_planned),
        SCENE(test_a_lost_domain_comes_back),
        SCENE(test_order_after_reboot),
        SCENE(test_a_resumption_gives_way),
        SCENE(test_a_resumption_that_fails),
        SCENE(test_a_repair_does_not_pretend),
        SCENE(test_repair_backs_off),
        SCENE(test_hidden_names),
        SCENE(test_health_goes_on),
        SCENE(test_restart_during_a_request),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
