/* Starting and stopping one cunik: the host, the registry and the health checks in step. */
#include "engine/engine_internal.h"

#include <errno.h>

#include "base/log.h"
#include "base/memory.h"

/* Starting a guest is work for the processor: more at once than there are of these only makes all
 * of them late. */
static void begin_start(struct engine *e)
{
    pthread_mutex_lock(&e->starts_lock);
    while (e->starting >= e->starts_most)
        pthread_cond_wait(&e->may_start, &e->starts_lock);
    e->starting++;
    pthread_mutex_unlock(&e->starts_lock);
}

static void end_start(struct engine *e)
{
    pthread_mutex_lock(&e->starts_lock);
    e->starting--;
    pthread_cond_signal(&e->may_start);
    pthread_mutex_unlock(&e->starts_lock);
}

void cunik_engine_probe(struct engine *e, const struct world_cunik *c, uint64_t console_offset)
{
    _cleanup_free_ char *console = NULL;
    uint64_t size;

    if (!c->health.test.n)
        return;
    if (e->host.ops->console)
        e->host.ops->console(e->host.ctx, c, &console, &size, NULL);
    e->prober_ops->add(e->prober, c, c->n_interfaces ? c->interfaces[0].address : "",
                       console ? console : "", console_offset);
}

static uint64_t console_size(struct engine *e, const struct world_cunik *c)
{
    _cleanup_free_ char *console = NULL;
    uint64_t size = 0;

    if (e->host.ops->console)
        e->host.ops->console(e->host.ctx, c, &console, &size, NULL);
    return size;
}

static uint64_t wakes(struct engine *e)
{
    pthread_mutex_lock(&e->lock);
    uint64_t n = e->wakes;
    pthread_mutex_unlock(&e->lock);
    return n;
}

/* What cannot be written is counted by this engine all the same. */
static void keep_count(struct engine *e, const struct world_cunik *c)
{
    _cleanup_error_ struct error *err = NULL;
    struct world_cunik counted = {0};

    if (!e->host.ops->restarts_keep)
        return;
    cunik_world_cunik_copy(&counted, c);
    cunik_registry_count(&e->registry, &counted);
    if (e->host.ops->restarts_keep(e->host.ctx, &counted, &err) < 0)
        cunik_log(LOG_LEVEL_WARNING, "counting the restarts of '%s': %s", c->name,
                  err ? err->message : "failed");
    cunik_world_cunik_done(&counted);
}

int cunik_engine_start_cunik(struct engine *e, const struct world_cunik *c,
                             enum registry_start start, struct error **err)
{
    struct error *why = NULL;

    begin_start(e);
    e->prober_ops->remove(e->prober, c->name); /* of a run that has ended unseen */
    uint64_t before = wakes(e), offset = console_size(e, c);
    cunik_registry_starting(&e->registry, c, start);
    keep_count(e, c);
    cunik_registry_console(&e->registry, c->name, offset);
    int r = e->host.ops->domain_start(e->host.ctx, c, &why);
    end_start(e);
    if (r < 0 && start != START_AGAIN) {
        cunik_registry_start_failed(&e->registry, c->name, why ? why->message : "");
    } else if (r == 0) {
        cunik_registry_started(&e->registry, c->name);
        cunik_engine_probe(e, c, offset);
    }
    /* It may have ended before it was known to run. */
    if (wakes(e) != before)
        cunik_engine_wake(e, c->name);
    return cunik_error_pass(err, r, &why);
}

int cunik_engine_stop_cunik(struct engine *e, const struct world_cunik *c, bool kill,
                            int64_t grace_ns, struct error **err)
{
    int r = -ETIME;

    cunik_registry_stopping(&e->registry, c->name);
    e->prober_ops->remove(e->prober, c->name);
    /* Whatever keeps it from powering off, destroying it is what comes next. */
    if (!kill && grace_ns > 0)
        r = e->host.ops->domain_shutdown(e->host.ctx, c, cunik_engine_now(e) + grace_ns, NULL);
    if (r < 0)
        r = e->host.ops->domain_destroy(e->host.ctx, c, err);
    if (r == 0)
        cunik_registry_stopped(&e->registry, c->name);
    else
        cunik_registry_stop_failed(&e->registry, c->name);
    cunik_engine_wake(e, c->name);
    return r;
}

int cunik_engine_pause(struct engine *e, const char *name, bool pause, struct error **err)
{
    _cleanup_world_ struct world w = {0};
    int r = cunik_engine_world(e, NULL, &w, err);

    if (r < 0)
        return r;
    const struct world_cunik *c = cunik_world_cunik(&w, name);
    if (!c)
        return cunik_error_set(err, ERROR_NOT_FOUND, "no such cunik: %s", name);
    if (!cunik_state_is_up(c->status.state))
        return cunik_error_set(err, ERROR_CONFLICT, "'%s' is %s", name,
                               cunik_state_name(c->status.state));
    if (cunik_engine_deals_with(e, name) || !e->host.ops->domain_pause)
        return cunik_error_set(err, ERROR_CONFLICT, "a request deals with '%s' at the moment",
                               name);
    r = e->host.ops->domain_pause(e->host.ctx, c, pause, err);
    cunik_engine_wake(e, name);
    return r;
}

static bool same_health(const struct world_health *a, const struct world_health *b)
{
    return cunik_strv_equal(&a->test, &b->test) && a->interval_ns == b->interval_ns &&
           a->timeout_ns == b->timeout_ns && a->start_period_ns == b->start_period_ns &&
           a->start_interval_ns == b->start_interval_ns && a->retries == b->retries;
}

void cunik_engine_update_cunik(struct engine *e, const struct world_cunik *c,
                               const struct world_cunik *old)
{
    cunik_registry_updated(&e->registry, c);
    if (old->status.state != CUNIK_RUNNING || same_health(&c->health, &old->health))
        return;
    e->prober_ops->remove(e->prober, c->name);
    cunik_engine_probe(e, c, 0);
}
