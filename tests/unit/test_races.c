/* What comes in the middle of something else: the windows between a look and what follows from it.
 */
#include "tests/support/test.h"

#include <string.h>

#include "base/memory.h"
#include "tests/support/demo_world.h"
#include "tests/support/scene.h"

static const int64_t ms = 1000000;

enum { PATIENCE_MS = 300 };

/* A request that comes while somebody is in the middle of something. Where it is kept waiting until
 * that is over, it is left to do so after a while. */
struct meanwhile {
    struct scene *s;
    const struct request *r;
    struct fake_apply a;
    _Atomic bool met;
};

static void comes(void *ctx)
{
    struct meanwhile *m = ctx;

    fake_engine_begin(&m->s->f, &m->a, m->r);
    for (int i = 0; i < PATIENCE_MS && !m->a.over; i++)
        fake_engine_pause();
    m->met = true;
}

static void is_over(struct meanwhile *m)
{
    AWAIT(m->met);
    _cleanup_error_ struct error *err = fake_engine_end(&m->a);
    if (err)
        fail_msg("%s", err->message);
}

static void note(void *ctx)
{
    *(_Atomic bool *)ctx = true;
}

/* Until the supervisor has looked and done what follows, wholly. */
static void let_it_look(struct scene *s)
{
    for (int i = 0; i < 2; i++) {
        _Atomic bool looks = false;
        fake_host_meet(s->f.host, "observe", "", note, &looks);
        cunik_engine_wake(s->f.engine, NULL);
        AWAIT(looks);
    }
}

static enum cunik_health health(struct scene *s)
{
    _cleanup_world_ struct world w = {0};

    test_ok(cunik_engine_world(s->f.engine, "demo", &w, NULL), NULL);
    const struct world_cunik *c = cunik_world_cunik(&w, "demo-web-1");
    return c ? c->status.health : HEALTH_NONE;
}

static bool has(struct scene *s, const char *line)
{
    _cleanup_strv_ struct strv all = {0};

    fake_host_inventory(s->f.host, &all);
    return cunik_strv_has(&all, line);
}

/* It was seen to run a moment ago, and is gone: nobody takes it for one that has been found. */
static void test_gone_while_looked_at(void **state)
{
    struct scene *s = *state;
    struct meanwhile m = {.s = s, .r = &s->other};

    s->other.action = ACTION_DOWN;
    scene_apply(s, &s->up);
    let_it_look(s);
    fake_host_meet(s->f.host, "observe", "", comes, &m);
    cunik_engine_wake(s->f.engine, NULL);
    is_over(&m);
    let_it_look(s);
    assert_int_equal(fake_engine_count_events(&s->f, "state demo-web-1 absent"), 1);
    AWAIT(cunik_engine_idle(s->f.engine));
}

/* The names of a guest that has ended are taken away; those of its next run are not. */
static void test_started_while_its_end_is_dealt_with(void **state)
{
    struct scene *s = *state;
    struct meanwhile m = {.s = s, .r = &s->other};

    s->other.action = ACTION_START;
    scene_apply(s, &s->up);
    fake_host_meet(s->f.host, "names_remove", "demo-web-1", comes, &m);
    fake_host_end(s->f.host, "demo-web-1", END_POWEROFF, 0);
    is_over(&m);
    let_it_look(s);
    assert_true(fake_host_runs(s->f.host, "demo-web-1"));
    assert_true(has(s, "names of demo-web-1 demo_default"));
}

/* Nor are its health checks ended with those of the run before. */
static void test_probed_while_its_end_is_dealt_with(void **state)
{
    struct scene *s = *state;
    struct meanwhile m = {.s = s, .r = &s->other};

    s->other.action = ACTION_START;
    demo_add_health(s->web);
    scene_apply(s, &s->up);
    s->f.met_ctx = &m;
    s->f.unprobed = comes;
    fake_host_end(s->f.host, "demo-web-1", END_POWEROFF, 0);
    is_over(&m);
    let_it_look(s);
    assert_true(fake_host_runs(s->f.host, "demo-web-1"));
    assert_int_equal(fake_engine_probed(&s->f, "demo-web-1"), HEALTH_HEALTHY);
}

/* What is known of the health of one run says nothing of the next. */
static void test_health_of_the_run_before(void **state)
{
    struct scene *s = *state;
    struct meanwhile m = {.s = s, .r = &s->other};

    s->other.action = ACTION_RESTART;
    demo_add_health(s->web);
    fake_engine_sicken(&s->f, "web");
    scene_apply(s, &s->up);
    s->f.met_ctx = &m;
    s->f.asked = comes;
    fake_engine_health(&s->f, "demo-web-1", HEALTH_UNHEALTHY, "connection refused");
    is_over(&m);
    assert_int_equal(fake_host_starts(s->f.host, "demo-web-1"), 2);
    assert_int_equal(health(s), HEALTH_STARTING);
    fake_engine_health(&s->f, "demo-web-1", HEALTH_UNHEALTHY, "connection refused");
    assert_int_equal(health(s), HEALTH_UNHEALTHY);
}

/* A restart goes by what its cunik is now, not by what it was when it was seen to be due. */
static void test_changed_while_its_restart_is_due(void **state)
{
    struct scene *s = *state;
    struct meanwhile m = {.s = s, .r = &s->up};

    s->web->restart = RESTART_ALWAYS;
    scene_apply(s, &s->up);
    fake_host_end(s->f.host, "demo-web-1", END_POWEROFF, 0);
    fake_engine_await_event(&s->f, "state demo-web-1 restarting");
    let_it_look(s);
    s->web->restart = RESTART_ON_FAILURE;
    fake_host_meet(s->f.host, "observe", "", comes, &m);
    fake_engine_advance(&s->f, 100 * ms);
    is_over(&m);
    AWAIT(fake_host_runs(s->f.host, "demo-web-1"));
    let_it_look(s);
    fake_host_end(s->f.host, "demo-web-1", END_POWEROFF, 0);
    let_it_look(s);
    assert_int_equal(fake_engine_count_events(&s->f, "state demo-web-1 restarting"), 1);
    assert_int_equal(fake_engine_count_events(&s->f, "state demo-web-1 exited"), 1);
}

/* A request that goes back waits for a restart of what it has made, and lets none begin. */
struct crossing {
    struct scene *s;
    struct fake_apply a;
    _Atomic bool restarts, undefines;
};

static void restart_is_met(void *ctx)
{
    struct crossing *c = ctx;

    c->restarts = true;
    c->a.cancel = true;
    cunik_engine_interrupt(c->s->f.engine);
    for (int i = 0; i < PATIENCE_MS && !c->undefines; i++)
        fake_engine_pause();
}

static void undefinition_is_met(void *ctx)
{
    struct crossing *c = ctx;

    c->undefines = true;
    for (int i = 0; i < PATIENCE_MS && !fake_host_runs(c->s->f.host, "demo-web-1"); i++)
        fake_engine_pause();
}

static void test_restarted_while_a_request_goes_back(void **state)
{
    struct scene *s = *state;
    struct crossing c = {.s = s};
    struct world_cunik *app;

    s->web->restart = RESTART_ALWAYS;
    demo_add_health(s->web);
    fake_engine_sicken(&s->f, "web");
    app = demo_add_cunik(&s->up.desired, "app", 1, "default");
    demo_add_depend(app, "web", DEPEND_HEALTHY);
    s->up.atomic = true;
    fake_engine_begin(&s->f, &c.a, &s->up);
    fake_engine_await_event(&s->f, "step create demo-app-1 waiting");
    fake_host_end(s->f.host, "demo-web-1", END_POWEROFF, 0);
    fake_engine_await_event(&s->f, "state demo-web-1 restarting");
    fake_host_meet(s->f.host, "domain_start", "demo-web-1", restart_is_met, &c);
    fake_host_meet(s->f.host, "domain_undefine", "demo-web-1", undefinition_is_met, &c);
    fake_engine_advance(&s->f, 100 * ms);
    AWAIT(c.restarts);
    _cleanup_error_ struct error *err = fake_engine_end(&c.a);
    assert_non_null(err);
    if (!strstr(err->message, "the stack is what it was before"))
        fail_msg("%s", err->message);
    fake_engine_assert_empty(&s->f);
}

/* A network that other stacks may be on, and one of them. */
static void add_neighbour(struct request *r)
{
    cunik_replace(&r->stack, "ext");
    struct world_network *n = demo_add_network(&r->desired, "default");
    struct world_cunik *c = demo_add_cunik(&r->desired, "web", 1, "default");
    n->external = true;
    cunik_replace(&c->stack, "ext");
    cunik_replace(&c->name, "ext-web-1");
}

/* Somebody else is about to be on the network of a stack that is taken down: it stays. */
static void test_joined_before_it_goes(void **state)
{
    struct scene *s = *state;
    struct request down, *join = &s->other;
    struct meanwhile m = {.s = s, .r = &down};

    cunik_request_init(&down);
    cunik_replace(&down.stack, "demo");
    down.action = ACTION_DOWN;
    add_neighbour(join);
    scene_apply(s, &s->up);
    fake_host_meet(s->f.host, "domain_define", "ext-web-1", comes, &m);
    scene_apply(s, join);
    is_over(&m);
    assert_true(fake_host_runs(s->f.host, "ext-web-1"));
    assert_true(has(s, "bridge demo_default"));
    assert_false(has(s, "domain demo-web-1 running"));
    assert_int_equal(
        fake_engine_count_events(
            &s->f, "warning network 'demo_default' is left alone: 'ext-web-1' is on it"),
        1);
    cunik_request_done(&down);
}

/* Nobody comes to a network that is on its way out. */
static void test_joined_while_it_goes(void **state)
{
    struct scene *s = *state;
    struct request down, *join = &s->other;
    struct meanwhile m = {.s = s, .r = join};

    cunik_request_init(&down);
    cunik_replace(&down.stack, "demo");
    down.action = ACTION_DOWN;
    add_neighbour(join);
    scene_apply(s, &s->up);
    fake_host_meet(s->f.host, "links_remove_stack", "demo", comes, &m);
    scene_apply(s, &down);
    AWAIT(m.met);
    _cleanup_error_ struct error *err = fake_engine_end(&m.a);
    assert_non_null(err);
    assert_int_equal(err->code, ERROR_CONFLICT);
    assert_string_equal(err->message, "network 'demo_default' is about to go: a request for stack "
                                      "'demo' removes it or makes it anew");
    fake_engine_assert_empty(&s->f);
    cunik_request_done(&down);
}

/* Networks that nobody was on are removed: cuniks that have come since stay, with theirs. */
static void test_made_while_networks_are_removed(void **state)
{
    struct scene *s = *state;
    struct meanwhile m = {.s = s, .r = &s->other};

    s->other.action = ACTION_DOWN;
    s->other.spare = SPARE_CUNIKS;
    demo_add_network(&s->up.desired, "back");
    fake_host_meet(s->f.host, "domain_define", "demo-web-1", comes, &m);
    scene_apply(s, &s->up);
    is_over(&m);
    assert_true(fake_host_runs(s->f.host, "demo-web-1"));
    assert_true(has(s, "bridge demo_default"));
    assert_true(has(s, "state demo"));
    assert_false(has(s, "bridge demo_back"));
    /* The same when there are none. */
    s->other.spare = SPARE_NOTHING;
    scene_apply(s, &s->other);
    s->other.spare = SPARE_CUNIKS;
    scene_apply(s, &s->other);
    fake_engine_assert_empty(&s->f);
}

/* What has ended is removed: what runs again by then stays, or the request is refused. */
static void removed_while_it_restarts(struct scene *s, enum request_spare spare, bool refused)
{
    struct request restart;
    struct meanwhile m = {.s = s, .r = &s->other};

    cunik_request_init(&restart);
    cunik_replace(&restart.stack, "demo");
    restart.action = ACTION_RESTART;
    s->other.action = ACTION_DOWN;
    s->other.spare = spare;
    fake_host_meet(s->f.host, "domain_start", "demo-web-1", comes, &m);
    scene_apply(s, &restart);
    AWAIT(m.met);
    _cleanup_error_ struct error *err = fake_engine_end(&m.a);
    assert_int_equal(err != NULL, refused);
    if (refused)
        assert_string_equal(err->message, "'demo-web-1' is running");
    assert_true(fake_host_runs(s->f.host, "demo-web-1"));
    cunik_request_done(&restart);
}

static void test_removed_while_it_restarts(void **state)
{
    struct scene *s = *state;

    scene_apply(s, &s->up);
    cunik_strv_add(&s->other.services, "web");
    cunik_strv_add(&s->other.cuniks, "demo-web-1");
    removed_while_it_restarts(s, SPARE_RUNNING, false);
    removed_while_it_restarts(s, SPARE_REFUSE, true);
    fake_host_end(s->f.host, "demo-web-1", END_POWEROFF, 0);
    let_it_look(s);
    scene_apply(s, &s->other);
    assert_false(has(s, "domain demo-web-1 exited"));
    assert_true(has(s, "bridge demo_default"));
}

/* A cunik that is being made is dealt with, so that who follows it does not think it over. */
struct being_made {
    struct scene *s;
    bool dealt_with;
};

static void look_at_it(void *ctx)
{
    struct being_made *b = ctx;

    b->dealt_with = cunik_engine_deals_with(b->s->f.engine, "demo-web-1");
}

static void test_followed_while_it_is_made(void **state)
{
    struct scene *s = *state;
    struct being_made b = {.s = s};

    fake_host_meet(s->f.host, "links_create", "demo-web-1", look_at_it, &b);
    scene_apply(s, &s->up);
    assert_true(b.dealt_with);
    assert_false(cunik_engine_deals_with(s->f.engine, "demo-web-1"));
}

/* A stack whose wish is gone, for it was to go or the wish is lost, starts again all the same on
 * the network of another. */
static void test_started_on_the_network_of_another(void **state)
{
    struct scene *s = *state;
    struct request *r = &s->other;
    const struct host *host = fake_host_table(s->f.host);

    add_neighbour(r);
    r->desired.cuniks[0].restart = RESTART_ALWAYS;
    scene_apply(s, &s->up);
    scene_apply(s, r);
    fake_host_fail_on(s->f.host, "domain_undefine", "ext-web-1", true);
    r->action = ACTION_DOWN;
    _cleanup_error_ struct error *err = fake_engine_apply(&s->f, r);
    assert_non_null(err);
    assert_false(fake_host_runs(s->f.host, "ext-web-1"));
    r->action = ACTION_START;
    scene_apply(s, r);
    assert_true(fake_host_runs(s->f.host, "ext-web-1"));
    test_ok(host->ops->state_write(host->ctx, "ext", NULL, NULL), NULL);
    fake_engine_again(&s->f);
    fake_host_end(s->f.host, "ext-web-1", END_KILLED, 1);
    AWAIT(fake_engine_count_events(&s->f, "state ext-web-1 restarting") == 1);
    AWAIT((fake_engine_advance(&s->f, 100 * ms), fake_host_runs(s->f.host, "ext-web-1")));
    assert_int_equal(fake_engine_count_events(&s->f, "state ext-web-1 restarting"), 1);
}

/* Who changes what is there neither makes nor starts nor stops it. */
static void test_changed_as_it_is(void **state)
{
    struct scene *s = *state;

    s->up.only_there = true;
    cunik_strv_add(&s->up.services, "web");
    _cleanup_error_ struct error *err = fake_engine_apply(&s->f, &s->up);
    assert_non_null(err);
    assert_int_equal(err->code, ERROR_NOT_FOUND);
    assert_string_equal(err->message, "no such cunik: demo-web-1");
    s->up.only_there = false;
    scene_apply(s, &s->up);
    s->up.only_there = true;
    s->web->memory += 1 << 20;
    scene_apply(s, &s->up);
    assert_true(fake_host_runs(s->f.host, "demo-web-1"));
    s->other.action = ACTION_STOP;
    scene_apply(s, &s->other);
    s->web->memory += 1 << 20;
    scene_apply(s, &s->up);
    assert_true(has(s, "domain demo-web-1 created"));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(test_gone_while_looked_at, scene_setup_web, scene_teardown),
        cmocka_unit_test_setup_teardown(test_started_while_its_end_is_dealt_with, scene_setup_web,
                                        scene_teardown),
        cmocka_unit_test_setup_teardown(test_probed_while_its_end_is_dealt_with, scene_setup_web,
                                        scene_teardown),
        cmocka_unit_test_setup_teardown(test_health_of_the_run_before, scene_setup_web,
                                        scene_teardown),
        cmocka_unit_test_setup_teardown(test_changed_while_its_restart_is_due, scene_setup_web,
                                        scene_teardown),
        cmocka_unit_test_setup_teardown(test_restarted_while_a_request_goes_back, scene_setup_web,
                                        scene_teardown),
        cmocka_unit_test_setup_teardown(test_joined_before_it_goes, scene_setup_web,
                                        scene_teardown),
        cmocka_unit_test_setup_teardown(test_joined_while_it_goes, scene_setup_web, scene_teardown),
        cmocka_unit_test_setup_teardown(test_made_while_networks_are_removed, scene_setup_web,
                                        scene_teardown),
        cmocka_unit_test_setup_teardown(test_removed_while_it_restarts, scene_setup_web,
                                        scene_teardown),
        cmocka_unit_test_setup_teardown(test_followed_while_it_is_made, scene_setup_web,
                                        scene_teardown),
        cmocka_unit_test_setup_teardown(test_started_on_the_network_of_another, scene_setup_web,
                                        scene_teardown),
        cmocka_unit_test_setup_teardown(test_changed_as_it_is, scene_setup_web, scene_teardown),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
