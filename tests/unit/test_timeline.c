/* Where the time of a start went: the critical path and the document for trace viewers, from events
 * as an engine sends them. */
#include "tests/support/test.h"

#include <stdio.h>
#include <string.h>

#include "base/json.h"
#include "base/memory.h"
#include "compose/timeline.h"

enum { BEGIN = 1000000 };

static struct plan_step *add_step(struct plan *p, enum plan_kind kind, const char *name)
{
    struct plan_step *s = ARRAY_APPEND(p->steps, p->n);

    s->verb = PLAN_CREATE;
    s->kind = kind;
    s->name = cunik_strdup(name);
    s->service = cunik_strdup("");
    cunik_strv_add(&s->reasons, "it is not there");
    return s;
}

static void after(struct plan_step *s, size_t step, enum depend_condition condition)
{
    *ARRAY_APPEND(s->after, s->n_after) =
        (struct plan_edge){.step = step, .condition = condition, .required = true};
}

/* A network; a database and a slow one-shot on it; a web server that needs both, and a cache that
 * is there already. */
static void sample_plan(struct plan *p)
{
    add_step(p, PLAN_NETWORK, "shop_default");
    after(add_step(p, PLAN_CUNIK, "shop-db-1"), 0, DEPEND_STARTED);
    after(add_step(p, PLAN_CUNIK, "shop-job-1"), 0, DEPEND_STARTED);
    struct plan_step *web = add_step(p, PLAN_CUNIK, "shop-web-1");
    after(web, 0, DEPEND_STARTED);
    after(web, 1, DEPEND_HEALTHY);
    after(web, 2, DEPEND_COMPLETED);
    *ARRAY_APPEND(web->waits, web->n_waits) = (struct plan_wait){
        .cunik = cunik_strdup("shop-cache-1"), .condition = DEPEND_HEALTHY, .required = true};
}

static void say_plan(struct timeline *t, struct plan *p, int64_t ms)
{
    _cleanup_json_ json_t *json = cunik_plan_to_json(p);

    cunik_timeline_event(
        t,
        &(struct event){.type = EVENT_PLAN, .time_ms = BEGIN + ms, .data = json, .exit_code = -1});
    cunik_plan_done(p);
}

static void say_step(struct timeline *t, int64_t ms, const char *name, enum event_phase phase,
                     const char *message)
{
    bool network = strchr(name, '_') != NULL;

    cunik_timeline_event(t, &(struct event){.type = EVENT_STEP,
                                            .time_ms = BEGIN + ms,
                                            .kind = network ? "network" : "cunik",
                                            .name = name,
                                            .verb = "create",
                                            .phase = phase,
                                            .message = message,
                                            .exit_code = -1});
}

static void say(struct timeline *t, int64_t ms, enum event_type type, const char *name,
                const char *state)
{
    cunik_timeline_event(t, &(struct event){.type = type,
                                            .time_ms = BEGIN + ms,
                                            .kind = "cunik",
                                            .name = name,
                                            .state = state,
                                            .exit_code = strcmp(state, "exited") == 0 ? 0 : -1});
}

static void start(struct timeline *t, const char *name, int64_t begin, int64_t end)
{
    say_step(t, begin, name, PHASE_BEGIN, NULL);
    say(t, begin + 5, EVENT_STATE, name, "created");
    say(t, end - 1, EVENT_STATE, name, "running");
    say_step(t, end, name, PHASE_DONE, NULL);
}

static void sample(struct timeline *t, bool wait)
{
    struct plan p = {0};

    cunik_timeline_init(t, BEGIN, wait);
    sample_plan(&p);
    say_plan(t, &p, 20);
    say_step(t, 21, "shop_default", PHASE_BEGIN, NULL);
    say_step(t, 50, "shop_default", PHASE_DONE, NULL);
    start(t, "shop-db-1", 60, 160);
    start(t, "shop-job-1", 60, 170);
    say_step(t, 170, "shop-web-1", PHASE_WAITING, "'shop-db-1' to be healthy");
    say(t, 180, EVENT_CONSOLE, "shop-db-1", "");
    say(t, 400, EVENT_HEALTH, "shop-db-1", "healthy");
    say(t, 600, EVENT_STATE, "shop-job-1", "exited");
    start(t, "shop-web-1", 601, 700);
    say(t, 900, EVENT_HEALTH, "shop-web-1", "healthy");
    say(t, 905, EVENT_DONE, "", "");
}

static void path(void **state _unused_)
{
    _cleanup_timeline_ struct timeline t;

    sample(&t, false);
    _cleanup_free_ char *brief = cunik_timeline_text(&t);
    cunik_timeline_done(&t);
    sample(&t, true);
    _cleanup_free_ char *waited = cunik_timeline_text(&t);
    _cleanup_free_ char *both = cunik_asprintf("%s\n%s", brief, waited);
    test_golden("tests/golden/timeline/path.txt", both);
}

static void trace(void **state _unused_)
{
    _cleanup_timeline_ struct timeline t;

    sample(&t, true);
    _cleanup_json_ json_t *document = cunik_timeline_trace(&t);
    json_object_set_new(json_object_get(document, "otherData"), "version", json_string("VERSION"));
    _cleanup_free_ char *text = cunik_json_text(document, JSON_INDENT(1));
    _cleanup_free_ char *line = cunik_asprintf("%s\n", text);
    test_golden("tests/golden/timeline/trace.json", line);
}

/* What was there already and became healthy last is what was waited for. */
static void there_before(void **state _unused_)
{
    _cleanup_timeline_ struct timeline t;
    struct timeline_path p;
    struct plan plan = {0};

    cunik_timeline_init(&t, BEGIN, false);
    sample_plan(&plan);
    say_plan(&t, &plan, 0);
    say_step(&t, 0, "shop_default", PHASE_BEGIN, NULL);
    say_step(&t, 10, "shop_default", PHASE_DONE, NULL);
    start(&t, "shop-db-1", 10, 20);
    start(&t, "shop-job-1", 10, 20);
    say(&t, 30, EVENT_HEALTH, "shop-db-1", "healthy");
    say(&t, 40, EVENT_STATE, "shop-job-1", "exited");
    say(&t, 500, EVENT_HEALTH, "shop-cache-1", "healthy");
    start(&t, "shop-web-1", 500, 600);
    cunik_timeline_path(&t, &p);
    assert_int_equal(p.n, 2);
    assert_string_equal(p.links[0].what, "shop-cache-1 becomes healthy");
    assert_string_equal(p.links[0].why, "shop-web-1 needs it to be healthy");
    assert_int_equal(p.links[0].to_ms - p.links[0].from_ms, 500);
    assert_string_equal(p.links[1].what, "create cunik shop-web-1");
    cunik_timeline_path_done(&p);
}

/* The links of a path follow each other, whatever ended when. */
static void laws(void **state _unused_)
{
    uint64_t seed = test_seed();

    for (int round = 0; round < 300; round++) {
        _cleanup_timeline_ struct timeline t;
        struct timeline_path p;
        struct plan plan = {0};
        size_t n = 1 + test_random_below(&seed, 12);
        cunik_timeline_init(&t, BEGIN, test_random_below(&seed, 2));
        for (size_t i = 0; i < n; i++) {
            _cleanup_free_ char *name = cunik_asprintf("cunik-%zu", i);
            struct plan_step *s = add_step(&plan, PLAN_CUNIK, name);
            for (size_t k = 0; k < i; k++)
                if (test_random_below(&seed, 3) == 0)
                    after(s, k, (enum depend_condition)test_random_below(&seed, DEPEND_MAX_));
        }
        say_plan(&t, &plan, (int64_t)test_random_below(&seed, 3));
        for (size_t i = 0; i < n; i++) {
            _cleanup_free_ char *name = cunik_asprintf("cunik-%zu", i);
            int64_t begin =
                cunik_timeline_blocker(&t, i).met_ms - BEGIN + (int64_t)test_random_below(&seed, 3);
            int64_t end = begin + (int64_t)test_random_below(&seed, 20);
            start(&t, name, begin, end);
            say(&t, end + (int64_t)test_random_below(&seed, 50), EVENT_HEALTH, name, "healthy");
            say(&t, end + (int64_t)test_random_below(&seed, 50), EVENT_STATE, name, "exited");
        }
        cunik_timeline_path(&t, &p);
        int64_t at = BEGIN;
        for (size_t i = 0; i < p.n; i++) {
            assert_int_equal(p.links[i].from_ms, at);
            at = p.links[i].to_ms;
        }
        assert_int_equal(at, t.end_ms);
        cunik_timeline_path_done(&p);
        json_decref(cunik_timeline_trace(&t));
    }
}

/* A request that failed before or in its plan. */
static void incomplete(void **state _unused_)
{
    _cleanup_timeline_ struct timeline t;
    struct plan p = {0};

    cunik_timeline_init(&t, BEGIN, true);
    _cleanup_free_ char *nothing = cunik_timeline_text(&t);
    json_decref(cunik_timeline_trace(&t));
    sample_plan(&p);
    say_plan(&t, &p, 1);
    say_step(&t, 2, "shop_default", PHASE_BEGIN, NULL);
    say_step(&t, 9, "shop_default", PHASE_FAILED, "creating bridge: no room");
    say_step(&t, 9, "shop-db-1", PHASE_SKIPPED, "something it needs failed");
    _cleanup_json_ json_t *document = cunik_timeline_trace(&t);
    _cleanup_free_ char *text = cunik_json_text(document, JSON_COMPACT);
    assert_non_null(strstr(text, "creating bridge: no room"));
    _cleanup_free_ char *failed = cunik_timeline_text(&t);
    assert_non_null(strstr(failed, "create network shop_default"));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(path), cmocka_unit_test(trace),      cmocka_unit_test(there_before),
        cmocka_unit_test(laws), cmocka_unit_test(incomplete),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
