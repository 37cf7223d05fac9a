/* Laws that hold for any wish: random ones, from a seed that SEED sets. */
#include "tests/support/test.h"

#include <string.h>

#include "base/map.h"
#include "base/memory.h"
#include "tests/support/demo_world.h"
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
        if (test_random_below(seed, 8) == 0)
            cunik_replace(&s->guest, "removed <interface type='ethernet'>");
        /* Dependencies that no wish could have, in circles. */
        if (test_random_below(seed, 4) == 0 && w->n_cuniks)
            demo_add_depend(&w->cuniks[i], w->cuniks[test_random_below(seed, w->n_cuniks)].service,
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

/* How many steps of the plan that recreate copies of this service wait for no other of them. */
static size_t first_ones(const struct plan *p, const char *service)
{
    size_t n = 0;

    for (size_t i = 0; i < p->n; i++) {
        const struct plan_step *s = &p->steps[i];
        if (s->kind != PLAN_CUNIK || s->verb != PLAN_RECREATE || strcmp(s->service, service) != 0)
            continue;
        size_t turns = 0;
        for (size_t k = 0; k < s->n_after; k++)
            turns += s->after[k].turn;
        assert_true(turns <= 1);
        n += turns == 0;
    }
    return n;
}

static bool is_stopped_before(const struct plan *p, const char *service)
{
    for (size_t i = 0; i < p->n; i++)
        if (p->steps[i].verb == PLAN_STOP && strcmp(p->steps[i].service, service) == 0)
            return true;
    return false;
}

/* Copies that are recreated form as many rows as the update_config says, each after the one before
 * it in its row: so no more are touched at a time. */
static void check_turns(const struct plan *p, const struct world *desired)
{
    _cleanup_free_ bool *followed = cunik_calloc(p->n, sizeof(*followed));

    for (size_t i = 0; i < p->n; i++)
        for (size_t k = 0; k < p->steps[i].n_after; k++) {
            const struct plan_edge *e = &p->steps[i].after[k];
            const struct plan_step *s = &p->steps[i], *on = &p->steps[e->step];
            if (!e->turn)
                continue;
            assert_true(on->verb == PLAN_RECREATE && s->verb == PLAN_RECREATE &&
                        strcmp(on->service, s->service) == 0);
            assert_false(followed[e->step]);
            followed[e->step] = true;
        }
    for (size_t i = 0; i < desired->n_cuniks; i++) {
        const struct world_cunik *c = &desired->cuniks[i];
        if (c->update.parallelism && !is_stopped_before(p, c->service))
            assert_true(first_ones(p, c->service) <= (size_t)c->update.parallelism);
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
        check_turns(&p, &desired);
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

/* A model of what carrying a plan out does to a world: with it a plan can be followed by another
 * one from any world, also one that no host could be in. */

static struct world_cunik *there(struct world *w, const char *name)
{
    return cunik_world_cunik(w, name);
}

static void drop_cunik(struct world *w, const char *name)
{
    struct world_cunik *c = there(w, name);

    if (!c)
        fail_msg("'%s' is removed and is not there", name);
    cunik_world_cunik_done(c);
    memmove(c, c + 1, (size_t)(w->cuniks + w->n_cuniks - c - 1) * sizeof(*c));
    w->n_cuniks--;
}

static void drop_network(struct world *w, const char *name)
{
    struct world_network *n = cunik_world_network(w, name);

    if (!n)
        fail_msg("network '%s' is removed and is not there", name);
    cunik_world_network_done(n);
    memmove(n, n + 1, (size_t)(w->networks + w->n_networks - n - 1) * sizeof(*n));
    w->n_networks--;
}

static void play_network(struct world *w, const struct world *desired, const struct plan_step *s)
{
    if (s->verb != PLAN_CREATE)
        drop_network(w, s->name);
    else if (cunik_world_network(w, s->name))
        fail_msg("network '%s' is created and is there", s->name);
    if (s->verb == PLAN_REMOVE)
        return;
    struct world_network *n = ARRAY_APPEND(w->networks, w->n_networks);
    cunik_world_network_copy(n, cunik_world_network(desired, s->name));
    n->up = n->names_served = true;
}

static void runs_now(struct world_cunik *c)
{
    cunik_replace(&c->status.definition, "");
    cunik_replace(&c->status.guest, "");
    c->status.state = CUNIK_RUNNING;
    c->status.health = c->health.test.n ? HEALTH_HEALTHY : HEALTH_NONE;
    c->status.end = END_NONE;
    c->status.links_lost = c->status.links_missing = false;
}

/* In place: it is as wanted, and goes on as it was. */
static void update(struct world *w, const struct world *desired, const char *name)
{
    struct world_cunik *c = there(w, name), new = {0};
    enum cunik_state state = c->status.state;
    enum cunik_end end = c->status.end;
    bool lost = c->status.links_lost;
    _cleanup_free_ char *guest = cunik_strdup(c->status.guest ? c->status.guest : "");
    int64_t code = c->status.exit_code;

    cunik_world_cunik_copy(&new, cunik_world_cunik(desired, name));
    cunik_world_cunik_done(c);
    *c = new;
    c->status.state = state;
    c->status.end = end;
    c->status.exit_code = code;
    c->status.links_lost = lost;
    cunik_replace(&c->status.guest, guest);
}

static void play_cunik(struct world *w, const struct world *desired, const struct plan_step *s)
{
    switch (s->verb) {
    case PLAN_RECREATE:
        drop_cunik(w, s->name); /* fall through */
    case PLAN_CREATE:
        if (there(w, s->name) && there(w, s->name)->status.state != CUNIK_ABSENT)
            fail_msg("'%s' is created and is there", s->name);
        if (there(w, s->name))
            drop_cunik(w, s->name);
        cunik_world_cunik_copy(ARRAY_APPEND(w->cuniks, w->n_cuniks),
                               cunik_world_cunik(desired, s->name));
        runs_now(there(w, s->name));
        return;
    case PLAN_UPDATE:
        update(w, desired, s->name);
        return;
    case PLAN_START:
    case PLAN_RESTART:
        runs_now(there(w, s->name));
        return;
    case PLAN_STOP:
    case PLAN_KILL:
        there(w, s->name)->status.state = CUNIK_EXITED;
        there(w, s->name)->status.end = END_DESTROYED;
        return;
    case PLAN_REMOVE:
        drop_cunik(w, s->name);
        return;
    case PLAN_VERB_MAX_:
        break;
    }
    fail_msg("no such verb");
}

static void play(struct world *w, const struct world *desired, const struct plan *p)
{
    for (size_t i = 0; i < p->n; i++)
        if (p->steps[i].kind == PLAN_NETWORK)
            play_network(w, desired, &p->steps[i]);
        else
            play_cunik(w, desired, &p->steps[i]);
    w->ports_published = true;
}

/* What no correct engine would have made. */
static void pervert(uint64_t *seed, struct world *w)
{
    for (size_t i = 0; i < w->n_cuniks; i++) {
        struct world_cunik *c = &w->cuniks[i];
        struct world_cunik *other = &w->cuniks[test_random_below(seed, w->n_cuniks)];
        c->status.files_changed = test_random_below(seed, 8) == 0;
        c->status.unreadable = test_random_below(seed, 8) == 0;
        if (test_random_below(seed, 6) == 0)
            cunik_replace(&c->status.definition, "<a/> → <b/>");
        if (test_random_below(seed, 8) == 0) /* a name says nothing of the service */
            cunik_replace(&c->service, other->service);
        if (test_random_below(seed, 8) == 0)
            c->index = other->index;
        if (test_random_below(seed, 8) == 0)
            cunik_replace(&c->uuid, other->uuid);
        for (size_t k = 0; k < c->n_interfaces; k++) {
            if (test_random_below(seed, 8) == 0) /* on what is not there */
                cunik_replace(&c->interfaces[k].network, "demo_nowhere");
            if (test_random_below(seed, 8) == 0 && other->n_interfaces) /* two of one address */
                cunik_replace(&c->interfaces[k].address, other->interfaces[0].address);
            if (test_random_below(seed, 8) == 0 && other->n_interfaces)
                cunik_replace(&c->interfaces[k].link, other->interfaces[0].link);
        }
    }
    for (size_t i = 0; i < w->n_networks; i++) {
        struct world_network *other = &w->networks[test_random_below(seed, w->n_networks)];
        if (test_random_below(seed, 6) == 0)
            cunik_replace(&w->networks[i].subnet, other->subnet);
        if (test_random_below(seed, 6) == 0)
            cunik_replace(&w->networks[i].link, other->link);
    }
}

/* Another stack's things, which no plan may touch. */
static void add_strangers(struct world *w)
{
    struct world_network *n = cunik_world_add_network(w);
    struct world_cunik *c = cunik_world_add_cunik(w);

    cunik_replace(&n->name, "other_default");
    cunik_replace(&n->stack, "other");
    cunik_replace(&c->name, "other-web-1");
    cunik_replace(&c->stack, "other");
    cunik_replace(&c->service, "ant");
    c->index = 1;
    c->status.state = CUNIK_RUNNING;
}

static void assert_strangers(const struct world *w)
{
    assert_non_null(cunik_world_network(w, "other_default"));
    const struct world_cunik *c = cunik_world_cunik(w, "other-web-1");
    assert_true(c && c->status.state == CUNIK_RUNNING);
}

static void plan_and_play(struct world *actual, const struct world *desired,
                          const struct plan_options *o, struct plan *p)
{
    _cleanup_error_ struct error *err = NULL;

    test_ok(cunik_plan_make(actual, desired, o, p, &err), err);
    check_edges(p);
    play(actual, desired, p);
    assert_strangers(actual);
}

/* From any world one plan leads to what is wanted, and down to nothing. */
static void test_from_impossible_worlds(_unused_ void **state)
{
    uint64_t seed = test_seed();

    for (int i = 0; i < 600; i++) {
        _cleanup_world_ struct world actual = {0}, desired = {0}, empty = {0};
        _cleanup_plan_ struct plan p = {0}, again = {0}, down = {0}, repair = {0};
        const struct plan_options up = {.stack = "demo", .remove_orphans = true};
        const struct plan_options gone = {.stack = "demo", .down = true};
        const struct plan_options fix = {.stack = "demo", .repair = true, .resume = true};

        random_world(&seed, SERVICES, &actual);
        random_world(&seed, SERVICES, &desired);
        for (size_t k = 0; k < desired.n_cuniks; k++)
            desired.cuniks[k].status.state = CUNIK_RUNNING;
        disturb(&seed, &actual);
        pervert(&seed, &actual);
        add_strangers(&actual);
        /* A repair may follow at any time, and does not keep up from getting there. */
        if (i % 3 == 0)
            plan_and_play(&actual, &desired, &fix, &repair);
        plan_and_play(&actual, &desired, &up, &p);
        test_ok(cunik_plan_make(&actual, &desired, &up, &again, NULL), NULL);
        _cleanup_free_ char *text = cunik_plan_text(&again);
        if (again.n)
            fail_msg("after its plan the plan is\n%s", text);
        assert_int_equal(actual.n_cuniks, desired.n_cuniks + 1);
        if (i % 2 == 0) {
            disturb(&seed, &actual);
            pervert(&seed, &actual);
            there(&actual, "other-web-1")->status.state = CUNIK_RUNNING;
        }
        plan_and_play(&actual, &empty, &gone, &down);
        assert_int_equal(actual.n_cuniks, 1);
        assert_int_equal(actual.n_networks, 1);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_life),
        cmocka_unit_test(test_any_actual_world),
        cmocka_unit_test(test_from_impossible_worlds),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
