#include "tests/support/fake_engine.h"

#include <string.h>
#include <time.h>

#include "base/memory.h"
#include "base/time.h"
#include "tests/support/test.h"

/* The clock: those who wait are told when it is set. */

static int64_t clock_now(void *ctx)
{
    struct fake_engine *f = ctx;

    pthread_mutex_lock(&f->clock_lock);
    int64_t now = f->now_ns;
    pthread_mutex_unlock(&f->clock_lock);
    return now;
}

static int64_t clock_wall(void *ctx)
{
    return 1700000000000 + clock_now(ctx) / NS_PER_MS;
}

static void clock_wait(void *ctx, pthread_cond_t *cond, pthread_mutex_t *mutex, int64_t deadline)
{
    struct fake_engine *f = ctx;
    size_t i = 0;

    pthread_mutex_lock(&f->clock_lock);
    if (f->now_ns >= deadline) {
        pthread_mutex_unlock(&f->clock_lock);
        return;
    }
    while (i < f->n_waits && f->waits[i].n)
        i++;
    assert_true(i < ARRAY_SIZE(f->waits));
    if (i == f->n_waits)
        f->n_waits++;
    f->waits[i].cond = cond;
    f->waits[i].mutex = mutex;
    f->waits[i].n = 1;
    pthread_mutex_unlock(&f->clock_lock);
    pthread_cond_wait(cond, mutex);
    /* Who sets the clock may be about to wake this one: what it needs for that must stay. */
    pthread_mutex_unlock(mutex);
    pthread_mutex_lock(&f->clock_lock);
    while (f->waits[i].pinned)
        pthread_cond_wait(&f->unpinned, &f->clock_lock);
    f->waits[i].n = 0;
    pthread_mutex_unlock(&f->clock_lock);
    pthread_mutex_lock(mutex);
}

void fake_engine_advance(struct fake_engine *f, int64_t ns)
{
    pthread_mutex_lock(&f->clock_lock);
    f->now_ns += ns;
    size_t n = f->n_waits;
    pthread_mutex_unlock(&f->clock_lock);
    /* Who is between its look at the clock and its wait holds its mutex. */
    for (size_t i = 0; i < n; i++) {
        pthread_mutex_lock(&f->clock_lock);
        pthread_mutex_t *mutex = f->waits[i].n ? f->waits[i].mutex : NULL;
        pthread_cond_t *cond = f->waits[i].cond;
        f->waits[i].pinned += mutex != NULL;
        pthread_mutex_unlock(&f->clock_lock);
        if (!mutex)
            continue;
        pthread_mutex_lock(mutex);
        pthread_cond_broadcast(cond);
        pthread_mutex_unlock(mutex);
        pthread_mutex_lock(&f->clock_lock);
        f->waits[i].pinned--;
        pthread_cond_broadcast(&f->unpinned);
        pthread_mutex_unlock(&f->clock_lock);
    }
}

/* Health */

static struct fake_engine *current; /* the one that is being created */

static int prober_create(cunik_health_changed *changed, void *ctx, void **ret,
                         _unused_ struct error **err)
{
    current->changed = changed;
    current->changed_ctx = ctx;
    *ret = current;
    return 0;
}

static void prober_destroy(_unused_ void *prober)
{
}

static void set_health(struct fake_engine *f, const char *name, enum cunik_health health)
{
    pthread_mutex_lock(&f->health_lock);
    cunik_map_set(&f->probed, name, (void *)((uintptr_t)health + 1));
    pthread_mutex_unlock(&f->health_lock);
}

static void prober_add(void *prober, const struct world_cunik *c, _unused_ const char *address,
                       _unused_ const char *console, _unused_ uint64_t console_offset)
{
    struct fake_engine *f = prober;

    pthread_mutex_lock(&f->health_lock);
    bool sick = cunik_strv_has(&f->sick, c->service);
    pthread_mutex_unlock(&f->health_lock);
    set_health(f, c->name, sick ? HEALTH_STARTING : HEALTH_HEALTHY);
    if (!sick)
        f->changed(f->changed_ctx, c->name, HEALTH_HEALTHY, "");
}

static void meet(struct fake_engine *f, void (**whom)(void *ctx))
{
    pthread_mutex_lock(&f->health_lock);
    void (*met)(void *ctx) = TAKE_PTR(*whom);
    pthread_mutex_unlock(&f->health_lock);
    if (met)
        met(f->met_ctx);
}

static void prober_remove(void *prober, const char *name)
{
    struct fake_engine *f = prober;

    meet(f, &f->unprobed);
    set_health(prober, name, HEALTH_NONE);
}

enum cunik_health fake_engine_probed(struct fake_engine *f, const char *name)
{
    pthread_mutex_lock(&f->health_lock);
    uintptr_t known = (uintptr_t)cunik_map_get(&f->probed, name);
    pthread_mutex_unlock(&f->health_lock);
    return known ? (enum cunik_health)(known - 1) : HEALTH_NONE;
}

static enum cunik_health prober_health(void *prober, const char *name, char **ret_reason)
{
    struct fake_engine *f = prober;
    enum cunik_health health = fake_engine_probed(f, name);

    *ret_reason = cunik_strdup(health == HEALTH_UNHEALTHY ? "connection refused" : "");
    meet(f, &f->asked);
    return health;
}

static const struct engine_prober prober = {.create = prober_create,
                                            .destroy = prober_destroy,
                                            .add = prober_add,
                                            .remove = prober_remove,
                                            .health = prober_health};

void fake_engine_sicken(struct fake_engine *f, const char *service)
{
    pthread_mutex_lock(&f->health_lock);
    cunik_strv_add(&f->sick, service);
    pthread_mutex_unlock(&f->health_lock);
}

void fake_engine_health(struct fake_engine *f, const char *name, enum cunik_health health,
                        const char *reason)
{
    set_health(f, name, health);
    f->changed(f->changed_ctx, name, health, reason);
}

/* Events */

static void put_event(void *ctx, const struct event *e)
{
    struct fake_engine *f = ctx;
    char *line;

    switch (e->type) {
    case EVENT_STEP:
        line = cunik_asprintf("step %s %s %s", e->verb, e->name, cunik_event_phase_name(e->phase));
        break;
    case EVENT_STATE:
    case EVENT_HEALTH:
        line = cunik_asprintf("%s %s %s", cunik_event_type_name(e->type), e->name, e->state);
        break;
    case EVENT_WARNING:
    case EVENT_ERROR:
        line = cunik_asprintf("%s %s", cunik_event_type_name(e->type), e->message);
        break;
    case EVENT_VERDICT:
        line = cunik_asprintf("verdict %s %s%s%s", e->service, e->state, *e->message ? ": " : "",
                              e->message);
        break;
    default:
        line = cunik_asprintf("%s %s", cunik_event_type_name(e->type), e->stack);
    }
    pthread_mutex_lock(&f->events_lock);
    cunik_strv_take(&f->events, line);
    pthread_mutex_unlock(&f->events_lock);
}

size_t fake_engine_count_events(struct fake_engine *f, const char *line)
{
    size_t n = 0;

    pthread_mutex_lock(&f->events_lock);
    for (size_t i = 0; i < f->events.n; i++)
        n += strcmp(f->events.items[i], line) == 0;
    pthread_mutex_unlock(&f->events_lock);
    return n;
}

void fake_engine_await_event(struct fake_engine *f, const char *line)
{
    int tries = 5000;

    while (!fake_engine_count_events(f, line) && tries-- > 0)
        fake_engine_pause();
    if (fake_engine_count_events(f, line))
        return;
    _cleanup_free_ char *all = cunik_strv_join(&f->events, "\n");
    fail_msg("no event '%s' in\n%s", line, all);
}

void fake_engine_clear_events(struct fake_engine *f)
{
    pthread_mutex_lock(&f->events_lock);
    cunik_strv_done(&f->events);
    pthread_mutex_unlock(&f->events_lock);
}

void fake_engine_pause(void)
{
    const struct timespec t = {.tv_nsec = NS_PER_MS};

    nanosleep(&t, NULL);
}

/* The engine */

static void wake(void *ctx, const char *name)
{
    struct fake_engine *f = ctx;

    if (f->engine)
        cunik_engine_wake(f->engine, name);
}

static void create(struct fake_engine *f)
{
    const struct engine_parts parts = {.clock = &f->clock, .prober = &prober};
    const struct event_sink sink = {.put = put_event, .ctx = f};
    _cleanup_error_ struct error *err = NULL;

    current = f;
    test_ok(cunik_engine_create_with(fake_host_table(f->host), &parts, &f->engine, &err), err);
    fake_host_on_change(f->host, wake, f);
    cunik_engine_subscribe(f->engine, &sink);
}

void fake_engine_init(struct fake_engine *f)
{
    fake_engine_init_on(f, fake_host_create());
}

void fake_engine_init_on(struct fake_engine *f, struct fake_host *host)
{
    *f = (struct fake_engine){.host = host};
    pthread_mutex_init(&f->clock_lock, NULL);
    pthread_cond_init(&f->unpinned, NULL);
    pthread_mutex_init(&f->health_lock, NULL);
    pthread_mutex_init(&f->events_lock, NULL);
    f->now_ns = NS_PER_SECOND;
    f->clock = (struct engine_clock){
        .now = clock_now, .wall_ms = clock_wall, .wait = clock_wait, .ctx = f};
    create(f);
}

static void destroy(struct fake_engine *f)
{
    fake_host_on_change(f->host, NULL, NULL);
    cunik_engine_destroy(f->engine);
    f->engine = NULL;
    memset(f->waits, 0, sizeof(f->waits));
}

void fake_engine_again(struct fake_engine *f)
{
    destroy(f);
    create(f);
}

void fake_engine_done(struct fake_engine *f)
{
    destroy(f);
    fake_host_destroy(f->host);
    cunik_strv_done(&f->sick);
    cunik_strv_done(&f->events);
    cunik_map_done(&f->probed);
    pthread_mutex_destroy(&f->clock_lock);
    pthread_cond_destroy(&f->unpinned);
    pthread_mutex_destroy(&f->health_lock);
    pthread_mutex_destroy(&f->events_lock);
}

static void *apply(void *arg)
{
    struct fake_apply *a = arg;

    cunik_engine_apply(a->f->engine, a->r, NULL, &a->cancel, &a->err);
    a->over = true;
    return NULL;
}

void fake_engine_begin(struct fake_engine *f, struct fake_apply *a, const struct request *r)
{
    *a = (struct fake_apply){.f = f, .r = r};
    assert_int_equal(pthread_create(&a->thread, NULL, apply, a), 0);
}

struct error *fake_engine_end(struct fake_apply *a)
{
    pthread_join(a->thread, NULL);
    return a->err;
}

struct error *fake_engine_apply(struct fake_engine *f, const struct request *r)
{
    struct error *err = NULL;
    struct fake_apply a;
    bool watches = r->wait;

    for (size_t i = 0; i < r->desired.n_cuniks; i++)
        watches = watches || r->desired.cuniks[i].update.parallelism;
    if (!watches) {
        int e = cunik_engine_apply(f->engine, r, NULL, NULL, &err);
        assert_true((e < 0) == (err != NULL));
        return err;
    }
    /* Who waits may wait for time to pass. */
    fake_engine_begin(f, &a, r);
    while (!a.over) {
        fake_engine_advance(f, 50000000);
        fake_engine_pause();
    }
    return fake_engine_end(&a);
}

void fake_engine_assert_well(struct fake_engine *f)
{
    _cleanup_strv_ struct strv violations = {0};

    fake_host_violations(f->host, &violations);
    if (violations.n)
        fail_msg("%s", violations.items[0]);
}

void fake_engine_assert_empty(struct fake_engine *f)
{
    _cleanup_strv_ struct strv left = {0};

    fake_host_inventory(f->host, &left);
    _cleanup_free_ char *text = cunik_strv_join(&left, "\n");
    if (left.n)
        fail_msg("left behind:\n%s", text);
}
