/* Each changing operation on the host fails in turn: without its effect, with it, or as the last
 * thing an engine does before it dies. Whatever was being done: doing it again converges, and down
 * leaves nothing. */
#include "tests/support/test.h"

#include <fcntl.h>
#include <sched.h>
#include <signal.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

#include "base/file.h"
#include "base/memory.h"
#include "tests/support/demo_world.h"
#include "tests/support/fake_engine.h"
#include "tests/support/random_world.h"

enum way { WITHOUT_EFFECT, WITH_EFFECT, DIES_BEFORE, DIES_AFTER, WAY_MAX_ };

static const char *const ways[] = {"fails", "fails after its effect", "is where the engine dies",
                                   "is the last before the engine dies"};
_Static_assert(ARRAY_SIZE(ways) == WAY_MAX_, "every way has its words");

/* One thing to do: from what is there, by the request `act`; `again` is what has to converge. */
struct plot {
    const char *name;
    struct request before; /* done well first; action UP with nothing = nothing */
    struct request act;
};

static void request_init(struct request *r, enum request_action action)
{
    cunik_request_init(r);
    cunik_replace(&r->stack, "demo");
    r->action = action;
    r->remove_orphans = true;
}

static void fill(struct world *w)
{
    demo_add_network(w, "default");
    demo_add_network(w, "back");
    struct world_cunik *db = demo_add_cunik(w, "db", 1, "back");
    demo_add_health(db);
    demo_add_depend(demo_add_cunik(w, "job1", 1, "back"), "db", DEPEND_HEALTHY);
    for (int64_t i = 1; i <= 2; i++) {
        struct world_cunik *web = demo_add_cunik(w, "web", i, "default");
        free(cunik_world_add_interface(web)->network);
        web->interfaces[1].network = cunik_strdup("demo_back");
        demo_add_depend(web, "job1", DEPEND_COMPLETED);
        demo_add_port(web, 0, 80);
    }
}

/* The same stack, much changed: one recreated, one updated, one scaled down, one gone, one new, a
 * network recreated. */
static void change(struct world *w)
{
    demo_add_network(w, "default");
    demo_add_network(w, "back");
    w->networks[1].internal = true;
    struct world_cunik *db = demo_add_cunik(w, "db", 1, "back");
    demo_add_health(db);
    cunik_world_pair_add(&db->labels, "a", "b");
    struct world_cunik *web = demo_add_cunik(w, "web", 1, "default");
    cunik_world_pair_add(&web->environment, "A", "1");
    demo_add_port(web, 8080, 80);
    demo_add_cunik(w, "new", 1, "default");
}

/* Time goes on meanwhile: an engine that has come back may have guests to start again after a
 * while, which others wait for. */
static struct error *apply(struct fake_engine *f, const struct request *r)
{
    struct fake_apply a;

    fake_engine_begin(f, &a, r);
    for (int i = 0; !a.over; i++) {
        if (i < 100) {
            sched_yield();
            continue;
        }
        fake_engine_advance(f, 10000000);
        fake_engine_pause();
    }
    return fake_engine_end(&a);
}

static void apply_ok(struct fake_engine *f, const struct request *r, const char *what)
{
    _cleanup_error_ struct error *err = apply(f, r);

    if (err)
        fail_msg("%s: %s", what, err->message);
}

static void plans_nothing(struct fake_engine *f, const struct request *r, const char *what)
{
    _cleanup_plan_ struct plan p = {0};
    _cleanup_error_ struct error *err = NULL;

    test_ok(cunik_engine_plan(f->engine, r, &p, &err), err);
    _cleanup_free_ char *text = cunik_plan_text(&p);
    if (p.n)
        fail_msg("%s: then the plan is\n%s", what, text);
}

static void begin(struct fake_engine *f, const struct plot *plot)
{
    fake_engine_init(f);
    random_world_jobs(f->host);
    fake_host_set_deaf(f->host, "db");
    if (plot->before.desired.n_cuniks)
        apply_ok(f, &plot->before, plot->name);
    fake_host_log_clear(f->host);
}

static size_t count(const struct plot *plot)
{
    struct fake_engine f;

    begin(&f, plot);
    apply_ok(&f, &plot->act, plot->name);
    size_t n = fake_host_operations(f.host);
    fake_engine_done(&f);
    return n;
}

static void run(const struct plot *plot, size_t k, enum way way, bool converge)
{
    _cleanup_free_ char *what = cunik_asprintf("%s: operation %zu %s", plot->name, k, ways[way]);
    _cleanup_request_ struct request down;
    struct fake_engine f;

    request_init(&down, ACTION_DOWN);
    begin(&f, plot);
    bool dies = way == DIES_BEFORE || way == DIES_AFTER;
    fake_host_fail_at(f.host, k, way == WITH_EFFECT || way == DIES_AFTER, dies);
    cunik_error_destroy(apply(&f, &plot->act));
    fake_host_fail_at(f.host, 0, false, false);
    if (dies)
        fake_engine_again(&f);
    if (converge) {
        apply_ok(&f, &plot->act, what);
        if (plot->act.action == ACTION_UP)
            plans_nothing(&f, &plot->act, what);
        fake_engine_assert_well(&f);
    }
    apply_ok(&f, &down, what);
    _cleanup_strv_ struct strv left = {0};
    fake_host_inventory(f.host, &left);
    if (left.n)
        fail_msg("%s: left behind: %s", what, left.items[0]);
    fake_engine_done(&f);
}

/* The engine in a process of its own, which SIGKILL ends at the k-th operation. Returns what is on
 * the host then, for the caller to free. */
static char *be_killed(const struct plot *plot, size_t k, bool after)
{
    struct fake_engine f;
    char *text = NULL;
    int fds[2], status;

    assert_int_equal(pipe2(fds, O_CLOEXEC), 0);
    pid_t pid = fork();
    assert_true(pid >= 0);
    if (pid == 0) {
        close(fds[0]);
        begin(&f, plot);
        fake_host_kill_at(f.host, k, after, fds[1]);
        cunik_error_destroy(apply(&f, &plot->act));
        /* How many there are may depend on what the supervisor saw first. */
        fake_host_kill_now(f.host);
    }
    close(fds[1]);
    test_ok(cunik_file_read_fd(fds[0], "the host", 64 << 20, &text, NULL, NULL), NULL);
    close(fds[0]);
    assert_int_equal(waitpid(pid, &status, 0), pid);
    assert_true(WIFSIGNALED(status) && WTERMSIG(status) == SIGKILL);
    return text;
}

static void run_killed(const struct plot *plot, size_t k, bool after, bool converge)
{
    _cleanup_free_ char *what =
        cunik_asprintf("%s: killed %s operation %zu", plot->name, after ? "after" : "before", k);
    _cleanup_free_ char *text = be_killed(plot, k, after);
    struct fake_host *host = fake_host_create();
    _cleanup_request_ struct request down;
    struct fake_engine f;

    request_init(&down, ACTION_DOWN);
    random_world_jobs(host);
    fake_host_set_deaf(host, "db");
    fake_host_revive(host, text);
    fake_engine_init_on(&f, host);
    if (converge) {
        apply_ok(&f, &plot->act, what);
        if (plot->act.action == ACTION_UP)
            plans_nothing(&f, &plot->act, what);
        fake_engine_assert_well(&f);
    }
    apply_ok(&f, &down, what);
    fake_engine_assert_empty(&f);
    fake_engine_done(&f);
}

static size_t torture(const struct plot *plot)
{
    size_t n = count(plot), runs = 0;

    for (size_t k = 1; k <= n; k++)
        for (enum way way = 0; way < WAY_MAX_; way++) {
            run(plot, k, way, true);
            run(plot, k, way, false);
            runs += 2;
        }
    print_message("# %s: %zu operations, %zu runs\n", plot->name, n, runs);
    return runs;
}

static void plot_init(struct plot *p, const char *name, enum request_action action)
{
    p->name = name;
    request_init(&p->before, ACTION_UP);
    request_init(&p->act, action);
}

static void plot_done(struct plot *p)
{
    cunik_request_done(&p->before);
    cunik_request_done(&p->act);
}

static void test_killed(_unused_ void **state)
{
    size_t runs = 0;
    struct plot p;

    for (int i = 0; i < 2; i++) {
        plot_init(&p, i ? "change" : "up", ACTION_UP);
        if (i)
            fill(&p.before.desired);
        if (i)
            change(&p.act.desired);
        else
            fill(&p.act.desired);
        size_t n = count(&p);
        for (size_t k = 1; k <= n; k++, runs += 3) {
            run_killed(&p, k, false, true);
            run_killed(&p, k, true, true);
            run_killed(&p, k, k % 2, false);
        }
        plot_done(&p);
    }
    print_message("# %zu runs ended by SIGKILL\n", runs);
}

static void test_up(_unused_ void **state)
{
    struct plot p;

    plot_init(&p, "up", ACTION_UP);
    fill(&p.act.desired);
    assert_true(torture(&p) > 100);
    plot_done(&p);
}

static void test_change(_unused_ void **state)
{
    struct plot p;

    plot_init(&p, "change", ACTION_UP);
    fill(&p.before.desired);
    change(&p.act.desired);
    assert_true(torture(&p) > 100);
    plot_done(&p);
}

static void test_others(_unused_ void **state)
{
    static const enum request_action actions[] = {ACTION_DOWN, ACTION_STOP, ACTION_RESTART,
                                                  ACTION_KILL};

    for (size_t i = 0; i < ARRAY_SIZE(actions); i++) {
        struct plot p;
        plot_init(&p, cunik_request_action_name(actions[i]), actions[i]);
        fill(&p.before.desired);
        assert_true(torture(&p) > 0);
        plot_done(&p);
    }
}

/* Seeds that have found something: an engine that died between stopping a guest and starting it
 * again. */
static const uint64_t old_seeds[] = {1882511958926112};

/* A sample of larger stacks. */
static void sample(uint64_t seed)
{
    enum { SAMPLES = 40, SERVICES = 8 };

    for (size_t i = 0; i < SAMPLES; i++) {
        struct plot p;
        plot_init(&p, "sample", ACTION_UP);
        random_world(&seed, SERVICES, &p.before.desired);
        random_world(&seed, SERVICES, &p.act.desired);
        size_t n = count(&p);
        if (n)
            run(&p, 1 + test_random_below(&seed, n), (enum way)test_random_below(&seed, WAY_MAX_),
                test_random_below(&seed, 2));
        plot_done(&p);
    }
}

static void test_sample(_unused_ void **state)
{
    for (size_t i = 0; i < ARRAY_SIZE(old_seeds); i++)
        sample(old_seeds[i]);
    sample(test_seed());
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_up),     cmocka_unit_test(test_change), cmocka_unit_test(test_others),
        cmocka_unit_test(test_killed), cmocka_unit_test(test_sample),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
