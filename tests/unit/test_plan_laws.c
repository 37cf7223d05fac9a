/* Laws that hold for any wish: random ones, from a seed that SEED sets. */
#include "tests/support/test.h"

#include <string.h>

#include "base/map.h"
#include "base/memory.h"
#include "tests/support/fake_engine.h"
#include "tests/support/random_world.h"

enum { ROUNDS = 60, SERVICES = 8 };

static void request_init(struct request *r, enum request_action action)
{
    cunik_request_init(r);
    cunik_replace(&r->stack, "demo");
    r->action = action;
}

static void apply_ok(struct fake_engine *f, const struct request *r)
{
    _cleanup_error_ struct error *err = fake_engine_apply(f, r);

    if (err)
        fail_msg("%s", err->message);
    fake_engine_assert_well(f);
}

static void plans_nothing(struct fake_engine *f, const struct request *r)
{
    _cleanup_plan_ struct plan p = {0};
    _cleanup_error_ struct error *err = NULL;

    test_ok(cunik_engine_plan(f->engine, r, &p, &err), err);
    _cleanup_free_ char *text = cunik_plan_text(&p);
    if (p.n)
        fail_msg("after applying, the plan is\n%s", text);
}

/* All of a service's replicas were started before any of what needs them. */
static void starts_in_order(struct fake_engine *f, const struct world *w)
{
    for (size_t i = 0; i < w->n_cuniks; i++) {
        const struct world_cunik *c = &w->cuniks[i];
        _cleanup_free_ char *mine = cunik_asprintf("domain_start %s", c->name);
        for (size_t k = 0; k < c->n_depends; k++)
            for (size_t m = 0; m < w->n_cuniks; m++) {
                if (strcmp(w->cuniks[m].service, c->depends[k].service) != 0)
                    continue;
                _cleanup_free_ char *other = cunik_asprintf("domain_start %s", w->cuniks[m].name);
                assert_true(fake_host_log_find(f->host, other) < fake_host_log_find(f->host, mine));
            }
    }
}

static void all_there(struct fake_engine *f, const struct world *wanted)
{
    _cleanup_world_ struct world w = {0};
    _cleanup_map_ struct map links = {0}, addresses = {0};
    size_t n = 0;

    test_ok(cunik_engine_world(f->engine, "demo", &w, NULL), NULL);
    for (size_t i = 0; i < wanted->n_cuniks; i++) {
        const struct world_cunik *c = cunik_world_cunik(&w, wanted->cuniks[i].name);
        assert_non_null(c);
        bool job = strncmp(c->service, "job", 3) == 0;
        assert_int_equal(c->status.state, job ? CUNIK_EXITED : CUNIK_RUNNING);
        n++;
    }
    assert_int_equal(w.n_cuniks, n);
    for (size_t i = 0; i < w.n_cuniks; i++)
        for (size_t k = 0; k < w.cuniks[i].n_interfaces; k++) {
            const struct world_interface *p = &w.cuniks[i].interfaces[k];
            assert_true(strlen(p->link) <= 15);
            assert_true(cunik_map_add(&links, p->link, &w));
            _cleanup_free_ char *at = cunik_asprintf("%s %s", p->network, p->address);
            assert_true(cunik_map_add(&addresses, at, &w));
        }
    for (size_t i = 0; i < w.n_networks; i++) {
        assert_true(strlen(w.networks[i].link) <= 15);
        assert_true(cunik_map_add(&links, w.networks[i].link, &w));
    }
}

static void one_life(uint64_t *seed)
{
    struct fake_engine f;
    _cleanup_request_ struct request up, down, stop, start;

    fake_engine_init(&f);
    random_world_jobs(f.host);
    request_init(&up, ACTION_UP);
    request_init(&down, ACTION_DOWN);
    request_init(&stop, ACTION_STOP);
    request_init(&start, ACTION_START);
    up.remove_orphans = true;

    random_world(seed, SERVICES, &up.desired);
    apply_ok(&f, &up);
    starts_in_order(&f, &up.desired);
    all_there(&f, &up.desired);
    plans_nothing(&f, &up);
    random_world_shuffle(seed, &up.desired);
    plans_nothing(&f, &up);
    random_world_change(seed, &up.desired);
    apply_ok(&f, &up);
    all_there(&f, &up.desired);
    plans_nothing(&f, &up);
    fake_engine_again(&f);
    plans_nothing(&f, &up);
    apply_ok(&f, &stop);
    apply_ok(&f, &start);
    plans_nothing(&f, &up);
    cunik_world_done(&up.desired);
    random_world(seed, SERVICES, &up.desired);
    apply_ok(&f, &up);
    all_there(&f, &up.desired);
    plans_nothing(&f, &up);
    apply_ok(&f, &down);
    fake_engine_assert_empty(&f);
    fake_engine_done(&f);
}

static void test_life(_unused_ void **state)
{
    uint64_t seed = test_seed();

    for (int i = 0; i < ROUNDS; i++)
        one_life(&seed);
}

/* The steps of a plan as text, sorted. */
static void steps_of(const struct plan *p, struct strv *ret)
{
    for (size_t i = 0; i < p->n; i++) {
        const struct plan_step *s = &p->steps[i];
        _cleanup_strv_ struct strv reasons = {0};
        cunik_strv_copy(&reasons, &s->reasons);
        cunik_strv_sort(&reasons);
        _cleanup_free_ char *why = cunik_strv_join(&reasons, "; ");
        cunik_strv_addf(ret, "%s %s: %s", cunik_plan_verb_name(s->verb), s->name, why);
    }
    cunik_strv_sort(ret);
}

/* What could be there, whoever made it. */
static void disturb(uint64_t *seed, struct world *w)
{
    w->ports_published = test_random_below(seed, 2);
    for (size_t i = 0; i < w->n_networks; i++) {
        w->networks[i].up = test_random_below(seed, 3);
        w->networks[i].names_served = test_random_below(seed, 3);
    }
    for (size_t i = 0; i < w->n_cuniks; i++) {
        struct world_status *s = &w->cuniks[i].status;
        s->state = test_random_below(seed, CUNIK_STATE_MAX_);
        s->health = test_random_below(seed, HEALTH_MAX_);
        s->end = test_random_below(seed, END_MAX_);
        s->exit_code = (int64_t)test_random_below(seed, 2);
        s->links_missing = test_random_below(seed, 4) == 0;
        s->links_lost = test_random_below(seed, 8) == 0;
        /* Dependencies that no wish could have, in circles. */
        if (test_random_below(seed, 4) == 0 && w->n_cuniks)
            fake_add_depend(&w->cuniks[i], w->cuniks[test_random_below(seed, w->n_cuniks)].service,
                            DEPEND_STARTED);
    }
}

static void check_edges(const struct plan *p)
{
    for (size_t i = 0; i < p->n; i++) {
        assert_true(p->steps[i].reasons.n > 0);
        for (size_t k = 0; k < p->steps[i].n_after; k++)
            assert_true(p->steps[i].after[k].step < i);
    }
}

static void test_any_actual_world(_unused_ void **state)
{
    uint64_t seed = test_seed();

    for (int i = 0; i < 400; i++) {
        _cleanup_world_ struct world actual = {0}, desired = {0}, empty = {0};
        _cleanup_plan_ struct plan p = {0}, q = {0}, down = {0};
        _cleanup_strv_ struct strv a = {0}, b = {0};
        _cleanup_error_ struct error *err = NULL;
        struct plan_options o = {.stack = "demo", .remove_orphans = true};

        random_world(&seed, SERVICES, &actual);
        random_world(&seed, SERVICES, &desired);
        for (size_t k = 0; k < desired.n_cuniks; k++)
            desired.cuniks[k].status.state = CUNIK_RUNNING;
        disturb(&seed, &actual);
        test_ok(cunik_plan_make(&actual, &desired, &o, &p, &err), err);
        check_edges(&p);
        random_world_shuffle(&seed, &actual);
        random_world_shuffle(&seed, &desired);
        test_ok(cunik_plan_make(&actual, &desired, &o, &q, &err), err);
        steps_of(&p, &a);
        steps_of(&q, &b);
        assert_true(cunik_strv_equal(&a, &b));
        /* Down takes everything, whatever is there. */
        o.down = true;
        test_ok(cunik_plan_make(&actual, &empty, &o, &down, &err), err);
        check_edges(&down);
        assert_int_equal(down.n, actual.n_cuniks + actual.n_networks);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_life),
        cmocka_unit_test(test_any_actual_world),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
