/* Volumes are steps of plans: made before who has them, and gone, when that is asked for, after. */
#include <string.h>

#include "base/json.h"
#include "base/memory.h"
#include "tests/support/demo_world.h"
#include "tests/support/scene.h"
#include "tests/support/test.h"

static void add_mount(struct world_cunik *c, const char *volume)
{
    struct world_mount *m = cunik_world_add_mount(c);

    m->kind = MOUNT_VOLUME;
    cunik_replace(&m->source, volume);
    _cleanup_free_ char *target = cunik_asprintf("/%s", volume);
    cunik_replace(&m->target, target);
}

static void add_volume(struct world *w, const char *name, const char *key)
{
    struct world_volume *v = cunik_world_add_volume(w);

    cunik_replace(&v->name, name);
    cunik_replace(&v->stack, "demo");
    cunik_replace(&v->key, key);
}

/* db has a volume of its own, and one with web. */
static void add_two(struct world *w)
{
    struct world_cunik *db = demo_add_cunik(w, "db", 1, "default");
    add_mount(db, "demo_shared");
    add_mount(db, "demo_own");
    add_mount(demo_add_cunik(w, "web", 1, "default"), "demo_shared");
    add_volume(w, "demo_shared", "shared");
    add_volume(w, "demo_own", "");
}

static size_t find(struct scene *s, const char *line)
{
    return fake_host_log_find(s->f.host, line);
}

static bool before(struct scene *s, const char *first, const char *second)
{
    return find(s, first) < find(s, second) && find(s, second) != SIZE_MAX;
}

/* "demo_own demo_shared" */
static char *there(struct scene *s)
{
    _cleanup_json_ json_t *list = NULL;
    _cleanup_strv_ struct strv names = {0};
    json_t *volume;
    size_t i;

    test_ok(cunik_engine_volumes(s->f.engine, &list, NULL), NULL);
    json_array_foreach (list, i, volume)
        cunik_strv_add(&names, json_string_value(json_object_get(volume, "name")));
    cunik_strv_sort(&names);
    return cunik_strv_join(&names, " ");
}

static void expect_there(struct scene *s, const char *names)
{
    _cleanup_free_ char *text = there(s);

    assert_string_equal(text, names);
}

static void down(struct scene *s, enum plan_volumes volumes, const char *service)
{
    s->other.action = ACTION_DOWN;
    s->other.volumes = volumes;
    cunik_strv_done(&s->other.services);
    if (service)
        cunik_strv_add(&s->other.services, service);
    scene_apply(s, &s->other);
}

static void test_made_and_taken_down(void **state)
{
    struct scene *s = *state;

    add_two(&s->up.desired);
    scene_apply(s, &s->up);
    assert_true(before(s, "volume_ensure demo_shared for demo-db-1", "domain_define demo-db-1"));
    assert_true(before(s, "volume_ensure demo_shared for demo-db-1", "domain_define demo-web-1"));
    assert_true(before(s, "volume_ensure demo_own for demo-db-1", "domain_define demo-db-1"));
    fake_host_log_clear(s->f.host);
    scene_apply(s, &s->up);
    assert_int_equal(fake_host_operations(s->f.host), 0);
    expect_there(s, "demo_own demo_shared");

    down(s, PLAN_VOLUMES_STAY, NULL);
    expect_there(s, "demo_own demo_shared");
    scene_apply(s, &s->up);
    fake_host_log_clear(s->f.host);
    down(s, PLAN_VOLUMES_ALL, NULL);
    assert_true(before(s, "domain_undefine demo-db-1", "volume_remove demo_own"));
    assert_true(before(s, "domain_undefine demo-db-1", "volume_remove demo_shared"));
    assert_true(before(s, "domain_undefine demo-web-1", "volume_remove demo_shared"));
    expect_there(s, "");
    fake_engine_assert_empty(&s->f);
}

/* What has no name goes with the one that has it, and nothing else does. */
static void test_own(void **state)
{
    struct scene *s = *state;

    add_two(&s->up.desired);
    scene_apply(s, &s->up);
    down(s, PLAN_VOLUMES_OWN, "db");
    expect_there(s, "demo_shared");
    down(s, PLAN_VOLUMES_OWN, NULL);
    expect_there(s, "demo_shared");
    down(s, PLAN_VOLUMES_ALL, NULL);
    expect_there(s, "");
}

static void test_cannot_be_made(void **state)
{
    struct scene *s = *state;
    struct error *err = NULL;

    add_two(&s->up.desired);
    fake_host_fail_on(s->f.host, "volume_ensure", "demo_own for demo-db-1", true);
    assert_true(cunik_engine_apply(s->f.engine, &s->up, NULL, NULL, &err) < 0);
    assert_string_equal(err->message, "creating volume 'demo_own': volume_ensure 'demo_own for "
                                      "demo-db-1': injected failure");
    cunik_error_destroy(err);
    assert_int_equal(find(s, "domain_define demo-db-1"), SIZE_MAX);
    assert_true(find(s, "domain_define demo-web-1") != SIZE_MAX);
    fake_host_fail_on(s->f.host, "volume_ensure", "demo_own for demo-db-1", false);
    scene_apply(s, &s->up);
    expect_there(s, "demo_own demo_shared");
    down(s, PLAN_VOLUMES_ALL, NULL);
}

/* Of another stack that has it, made between the plan and the step. */
static void take(void *ctx)
{
    struct scene *s = ctx;
    struct world *w = &s->up.desired;

    cunik_replace(&s->up.stack, "late");
    cunik_world_done(w);
    *w = (struct world){0};
    struct world_cunik *c = demo_add_cunik(w, "late", 1, NULL);
    cunik_replace(&c->stack, "late");
    cunik_replace(&c->name, "late-late-1");
    add_mount(c, "demo_shared");
    add_volume(w, "demo_shared", "shared");
    w->volumes[0].external = true;
    scene_apply(s, &s->up);
}

static void test_taken_meanwhile(void **state)
{
    struct scene *s = *state;

    add_two(&s->up.desired);
    scene_apply(s, &s->up);
    fake_host_meet(s->f.host, "domain_undefine", "demo-web-1", take, s);
    down(s, PLAN_VOLUMES_ALL, NULL);
    fake_engine_await_event(&s->f, "warning the volume 'demo_shared' is used by late-late-1; it is "
                                   "left alone");
    expect_there(s, "demo_shared");
    cunik_replace(&s->other.stack, "late");
    down(s, PLAN_VOLUMES_STAY, NULL);
}

int main(void)
{
#define TEST(name) cmocka_unit_test_setup_teardown(name, scene_setup, scene_teardown)
    const struct CMUnitTest tests[] = {
        TEST(test_made_and_taken_down),
        TEST(test_own),
        TEST(test_cannot_be_made),
        TEST(test_taken_meanwhile),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
