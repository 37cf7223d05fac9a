/* Chaos on a host in memory: random wishes, random commands, and between and during them random
 * interference, failures and deaths of the engine and of the host. Then the laws hold: the same
 * command again gets there, a plan is then empty, and down leaves nothing. SEED repeats a run,
 * CHAOS=N makes it N times as long.
 */
#include "tests/support/test.h"

#include <sched.h>
#include <string.h>

#include "base/log.h"
#include "base/memory.h"
#include "tests/support/fake_engine.h"
#include "tests/support/random_world.h"

enum { LIVES = 60, ACTS_MOST = 8, SERVICES = 6 };

struct chaos {
    struct fake_engine f;
    uint64_t *seed;
    struct world wish; /* as was last asked for with up */
    struct strv story; /* for whoever looks at a failure */
};

static bool chance(struct chaos *c, uint64_t percent)
{
    return test_random_below(c->seed, 100) < percent;
}

static void request_init(struct request *r, enum request_action action)
{
    cunik_request_init(r);
    cunik_replace(&r->stack, "demo");
    r->action = action;
    r->remove_orphans = true;
}

static void tell(struct chaos *c, const char *what, const char *of)
{
    cunik_strv_addf(&c->story, "%s %s", what, of);
}

static void failed(struct chaos *c, const char *law, const char *why)
{
    for (size_t i = 0; i < c->story.n; i++)
        print_message("# %s\n", c->story.items[i]);
    fail_msg("%s: %s", law, why);
}

/* Interference: what somebody could do at any moment. It looks at the host for victims. */

static const char *victim(struct chaos *c, const struct world *w)
{
    return w->n_cuniks ? w->cuniks[test_random_below(c->seed, w->n_cuniks)].name : NULL;
}

static const char *victim_link(struct chaos *c, const struct world *w)
{
    const struct world_cunik *v =
        w->n_cuniks ? &w->cuniks[test_random_below(c->seed, w->n_cuniks)] : NULL;

    return v && v->n_interfaces ? v->interfaces[test_random_below(c->seed, v->n_interfaces)].link
                                : NULL;
}

static const char *victim_network(struct chaos *c, const struct world *w)
{
    return w->n_networks ? w->networks[test_random_below(c->seed, w->n_networks)].name : NULL;
}

static void vanish(struct fake_host *h, const char *name)
{
    fake_host_vanish_domain(h, name);
}

static void kill_guest(struct fake_host *h, const char *name)
{
    fake_host_end(h, name, END_KILLED, 137);
}

static void destroy_guest(struct fake_host *h, const char *name)
{
    fake_host_end(h, name, END_DESTROYED, 137);
}

static void power_off_guest(struct fake_host *h, const char *name)
{
    fake_host_end(h, name, END_POWEROFF, 0);
}

static void change(struct fake_host *h, const char *name)
{
    fake_host_change_domain(h, name, "<a/> → <b/>");
}

static void flush(struct fake_host *h, const char *name)
{
    (void)name;
    fake_host_flush_rules(h);
}

static const struct {
    const char *name;
    const char *(*victim)(struct chaos *c, const struct world *w);
    void (*strike)(struct fake_host *h, const char *victim);
} strikes[] = {
    {"vanish domain", victim, vanish},
    {"kill", victim, kill_guest},
    {"destroy", victim, destroy_guest},
    {"power off", victim, power_off_guest},
    {"change domain", victim, change},
    {"delete tap", victim_link, fake_host_delete_tap},
    {"unplug tap", victim_link, fake_host_unplug_tap},
    {"delete bridge", victim_network, fake_host_delete_bridge},
    {"kill names", victim_network, fake_host_kill_names},
    {"flush rules", victim, flush},
};

static void strike(struct chaos *c)
{
    size_t i = test_random_below(c->seed, ARRAY_SIZE(strikes));
    const struct host *host = fake_host_table(c->f.host);
    _cleanup_world_ struct world w = {0};

    test_ok(host->ops->observe(host->ctx, &w, NULL), NULL);
    const char *whom = strikes[i].victim(c, &w);
    if (!whom)
        return;
    tell(c, strikes[i].name, whom);
    strikes[i].strike(c->f.host, whom);
}

/* Commands */

static void wait_for(struct chaos *c, struct fake_apply *a, size_t strikes_left)
{
    for (int i = 0; !a->over; i++) {
        if (strikes_left && i % 3 == 0) {
            strike(c);
            strikes_left--;
        }
        if (i < 30) {
            sched_yield();
            continue;
        }
        fake_engine_advance(&c->f, 100000000);
        fake_engine_pause();
    }
}

static struct error *carry_out(struct chaos *c, const struct request *r, size_t strikes_meanwhile)
{
    struct fake_apply a;

    tell(c, "request", cunik_request_action_name(r->action));
    fake_engine_begin(&c->f, &a, r);
    wait_for(c, &a, strikes_meanwhile);
    struct error *err = fake_engine_end(&a);
    if (err)
        tell(c, "failed:", err->message);
    return err;
}

static void random_request(struct chaos *c, struct request *r)
{
    static const enum request_action actions[] = {ACTION_UP,    ACTION_UP,      ACTION_UP,
                                                  ACTION_STOP,  ACTION_RESTART, ACTION_KILL,
                                                  ACTION_START, ACTION_DOWN};

    request_init(r, actions[test_random_below(c->seed, ARRAY_SIZE(actions))]);
    if (r->action != ACTION_UP)
        return;
    if (chance(c, 50)) {
        cunik_world_done(&c->wish);
        random_world(c->seed, SERVICES, &c->wish);
    } else {
        random_world_change(c->seed, &c->wish);
    }
    cunik_world_copy(&r->desired, &c->wish);
}

static void engine_dies(struct chaos *c)
{
    bool reboot = chance(c, 30);

    tell(c, "engine", reboot ? "dies with the host" : "dies");
    if (reboot) {
        fake_host_on_change(c->f.host, NULL, NULL);
        fake_host_reboot(c->f.host);
    }
    fake_host_fail_at(c->f.host, 0, false, false);
    fake_engine_again(&c->f);
}

static void act(struct chaos *c)
{
    _cleanup_request_ struct request r;
    bool dies = chance(c, 25);

    while (chance(c, 40))
        strike(c);
    if (dies || chance(c, 30))
        fake_host_fail_at(c->f.host, 1 + test_random_below(c->seed, 30), chance(c, 50), dies);
    random_request(c, &r);
    cunik_error_destroy(carry_out(c, &r, chance(c, 50) ? test_random_below(c->seed, 4) : 0));
    fake_host_fail_at(c->f.host, 0, false, false);
    if (dies)
        engine_dies(c);
}

/* The laws */

/* What is being repaired or started again at this moment is done after a while. */
static void plans_nothing(struct chaos *c, const struct request *r)
{
    _cleanup_free_ char *text = NULL;

    for (int i = 0; i < 3000; i++) {
        _cleanup_plan_ struct plan p = {0};
        _cleanup_error_ struct error *err = NULL;
        if (cunik_engine_plan(c->f.engine, r, &p, &err) < 0)
            failed(c, "planning", err->message);
        if (!p.n)
            return;
        free(text);
        text = cunik_plan_text(&p);
        fake_engine_advance(&c->f, 100000000);
        fake_engine_pause();
    }
    failed(c, "after up there is still something to do", text);
}

static void laws(struct chaos *c)
{
    _cleanup_request_ struct request up, down;
    _cleanup_strv_ struct strv left = {0};

    request_init(&up, ACTION_UP);
    cunik_world_copy(&up.desired, &c->wish);
    tell(c, "the laws", "");
    for (int i = 0; chance(c, 80) && i < 1; i++) {
        _cleanup_error_ struct error *err = carry_out(c, &up, 0);
        if (err)
            failed(c, "up again", err->message);
        plans_nothing(c, &up);
    }
    request_init(&down, ACTION_DOWN);
    _cleanup_error_ struct error *err = carry_out(c, &down, 0);
    if (err)
        failed(c, "down", err->message);
    fake_host_inventory(c->f.host, &left);
    if (left.n)
        failed(c, "left behind", left.items[0]);
}

static void one_life(uint64_t *seed)
{
    struct chaos c = {.seed = seed};

    fake_engine_init(&c.f);
    random_world_jobs(c.f.host);
    random_world(seed, SERVICES, &c.wish);
    size_t acts = 1 + test_random_below(seed, ACTS_MOST);
    for (size_t i = 0; i < acts; i++)
        act(&c);
    laws(&c);
    fake_engine_done(&c.f);
    cunik_world_done(&c.wish);
    cunik_strv_done(&c.story);
}

static void test_chaos(_unused_ void **state)
{
    const char *text = getenv("CHAOS");
    size_t lives = LIVES * (text ? (size_t)atoi(text) : 1);
    uint64_t seed = test_seed();

    for (size_t i = 0; i < lives; i++)
        one_life(&seed);
    print_message("# %zu lives\n", lives);
}

int main(void)
{
    const struct CMUnitTest tests[] = {cmocka_unit_test(test_chaos)};

    cunik_log_set_level(LOG_LEVEL_ERROR);
    return cmocka_run_group_tests(tests, NULL, NULL);
}
