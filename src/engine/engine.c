#include "engine/engine.h"

#include <string.h>
#include <unistd.h>

#include "base/memory.h"
#include "engine/engine_parts.h"

int64_t cunik_engine_now(const struct engine *e)
{
    return e->clock->now(e->clock->ctx);
}

int64_t cunik_engine_wall_ms(const struct engine *e)
{
    return e->clock->wall_ms(e->clock->ctx);
}

/* Events */

/* From the wall clock, so that those of an engine that comes back go on where they were. */
static int64_t next_event_id(const struct engine *e)
{
    int64_t now = cunik_engine_wall_ms(e) * 1000;

    return now > e->event_id ? now : e->event_id + 1;
}

void cunik_engine_emit(struct engine *e, const struct event_sink *sink, const struct event *event)
{
    struct event copy = *event;

    if (!copy.time_ms)
        copy.time_ms = cunik_engine_wall_ms(e);
    pthread_mutex_lock(&e->events);
    copy.id = e->event_id = next_event_id(e);
    if (e->log.put)
        e->log.put(e->log.ctx, &copy);
    if (sink && sink->put)
        sink->put(sink->ctx, &copy);
    for (size_t i = 0; i < e->n_subscribers; i++)
        e->subscribers[i].sink.put(e->subscribers[i].sink.ctx, &copy);
    pthread_mutex_unlock(&e->events);
}

void cunik_engine_warn(struct engine *e, const struct event_sink *sink, const char *stack,
                       const char *message)
{
    const struct event event = {
        .type = EVENT_WARNING, .stack = stack, .message = message, .exit_code = -1};

    cunik_engine_emit(e, sink, &event);
}

size_t cunik_engine_subscribe(struct engine *e, const struct event_sink *sink)
{
    pthread_mutex_lock(&e->events);
    struct subscriber *s = ARRAY_APPEND(e->subscribers, e->n_subscribers);
    s->id = ++e->next_id;
    s->sink = *sink;
    size_t id = s->id;
    pthread_mutex_unlock(&e->events);
    return id;
}

void cunik_engine_unsubscribe(struct engine *e, size_t id)
{
    pthread_mutex_lock(&e->events);
    for (size_t i = 0; i < e->n_subscribers; i++)
        if (e->subscribers[i].id == id)
            e->subscribers[i] = e->subscribers[--e->n_subscribers];
    pthread_mutex_unlock(&e->events);
}

/* Those who wait for a change */

void cunik_engine_listen(struct engine *e, struct listener *l)
{
    pthread_mutex_lock(&e->listeners_lock);
    *ARRAY_APPEND(e->listeners, e->n_listeners) = l;
    pthread_mutex_unlock(&e->listeners_lock);
}

void cunik_engine_unlisten(struct engine *e, struct listener *l)
{
    pthread_mutex_lock(&e->listeners_lock);
    for (size_t i = 0; i < e->n_listeners; i++)
        if (e->listeners[i] == l)
            e->listeners[i] = e->listeners[--e->n_listeners];
    pthread_mutex_unlock(&e->listeners_lock);
}

static void tell_listeners(struct engine *e, const char *name)
{
    pthread_mutex_lock(&e->listeners_lock);
    for (size_t i = 0; i < e->n_listeners; i++)
        e->listeners[i]->changed(e->listeners[i]->ctx, name);
    pthread_mutex_unlock(&e->listeners_lock);
}

static void registry_changed_hook(void *ctx, const struct registry_change *c)
{
    struct engine *e = ctx;
    const struct event event = {
        .type = c->health ? EVENT_HEALTH : EVENT_STATE,
        .stack = c->stack,
        .kind = "cunik",
        .name = c->name,
        .service = c->service,
        .state = c->health ? cunik_health_name(c->is) : cunik_state_name(c->state),
        .message = c->reason,
        .exit_code = c->health                                                  ? -1
                     : c->state == CUNIK_EXITED || c->state == CUNIK_RESTARTING ? c->exit_code
                                                                                : -1,
    };

    cunik_engine_emit(e, NULL, &event);
    tell_listeners(e, c->name);
}

/* What the prober says may be of a guest that has been started anew since: it is asked again, and
 * its answer is of the run that was under way before. */
static void health_changed(void *ctx, const char *name, _unused_ enum cunik_health health,
                           _unused_ const char *reason)
{
    struct engine *e = ctx;
    _cleanup_free_ char *why = NULL;
    uint64_t run = cunik_registry_run(&e->registry, name);
    enum cunik_health now = e->prober_ops->health(e->prober, name, &why);

    if (cunik_registry_health(&e->registry, name, run, now, why))
        cunik_engine_wake(e, name);
}

void cunik_engine_interrupt(struct engine *e)
{
    pthread_mutex_lock(&e->lock);
    pthread_cond_broadcast(&e->turn);
    pthread_mutex_unlock(&e->lock);
    tell_listeners(e, NULL);
}

void cunik_engine_wake(struct engine *e, const char *name)
{
    (void)name;
    pthread_mutex_lock(&e->lock);
    e->woken = true;
    e->wakes++;
    pthread_cond_signal(&e->wake);
    pthread_mutex_unlock(&e->lock);
}

void cunik_engine_console(struct engine *e, const char *name, uint64_t size)
{
    _cleanup_free_ char *stack = NULL, *service = NULL;

    if (!cunik_registry_spoke(&e->registry, name, size, &stack, &service))
        return;
    const struct event event = {.type = EVENT_CONSOLE,
                                .stack = stack,
                                .kind = "cunik",
                                .name = name,
                                .service = service,
                                .exit_code = -1};
    cunik_engine_emit(e, NULL, &event);
}

/* The world */

int cunik_engine_observe(struct engine *e, struct world *ret, struct error **err)
{
    struct world w = {0};
    int r = e->host.ops->observe(e->host.ctx, &w, err);

    if (r < 0)
        return cunik_error_prefix(err, r, "looking at the host");
    cunik_registry_overlay(&e->registry, &w);
    *ret = w;
    return 0;
}

static bool is_of_stack(const struct world_cunik *c, const void *stack)
{
    return strcmp(c->stack, stack) == 0;
}

static void keep_stack(struct world *w, const char *stack)
{
    size_t n = 0;

    cunik_world_keep(w, is_of_stack, stack);
    for (size_t i = 0; i < w->n_networks; i++)
        if (strcmp(w->networks[i].stack, stack) == 0)
            w->networks[n++] = w->networks[i];
        else
            cunik_world_network_done(&w->networks[i]);
    w->n_networks = n;
}

int cunik_engine_world(struct engine *e, const char *stack, struct world *ret, struct error **err)
{
    struct world w = {0};
    int r = cunik_engine_observe(e, &w, err);

    if (r < 0)
        return r;
    if (stack && *stack)
        keep_stack(&w, stack);
    *ret = w;
    return 0;
}

bool cunik_engine_deals_with(struct engine *e, const char *name)
{
    pthread_mutex_lock(&e->registry.lock);
    const struct registry_cunik *c = cunik_registry_find(&e->registry, name);
    bool held = c && c->held;
    pthread_mutex_unlock(&e->registry.lock);
    return held;
}

bool cunik_engine_idle(struct engine *e)
{
    pthread_mutex_lock(&e->lock);
    bool busy = e->requests || e->threads || e->woken;
    pthread_mutex_unlock(&e->lock);
    return !busy && !cunik_registry_active(&e->registry);
}

/* Beginning and end */

static void adopt_network(struct engine *e, const struct world_network *n)
{
    struct slot *s = cunik_engine_slot(e, n->stack);

    pthread_mutex_lock(&e->worlds);
    if (!cunik_world_network(&s->desired, n->name))
        cunik_world_network_copy(ARRAY_APPEND(s->others.networks, s->others.n_networks), n);
    pthread_mutex_unlock(&e->worlds);
}

/* What runs, and what should, is supervised from now on. */
static int adopt(struct engine *e, struct error **err)
{
    _cleanup_world_ struct world w = {0};
    int r = e->host.ops->observe(e->host.ctx, &w, err);

    if (r < 0)
        return cunik_error_prefix(err, r, "looking at the host");
    for (size_t i = 0; i < w.n_networks; i++)
        if (*w.networks[i].stack)
            adopt_network(e, &w.networks[i]);
    for (size_t i = 0; i < w.n_cuniks; i++) {
        struct world_cunik *c = &w.cuniks[i];
        struct slot *s = cunik_engine_slot(e, c->stack);
        pthread_mutex_lock(&e->worlds);
        const struct world_cunik *d = cunik_world_cunik(&s->desired, c->name);
        bool runs = cunik_state_is_up(c->status.state);
        bool wanted = d ? d->status.state == CUNIK_RUNNING : runs;
        bool marked = cunik_engine_is_marked(d);
        if (!d)
            cunik_world_cunik_copy(ARRAY_APPEND(s->others.cuniks, s->others.n_cuniks), c);
        pthread_mutex_unlock(&e->worlds);
        enum cunik_state seen = c->status.state;
        if (e->host.ops->restarts_recall)
            e->host.ops->restarts_recall(e->host.ctx, c);
        cunik_registry_adopt(&e->registry, c, wanted, !wanted || marked);
        /* It ended while nobody looked: the stack's cuniks come back together, in order. */
        if (wanted && !runs && cunik_restart_keeps_up(c->restart))
            s->resume = true;
        if (seen == CUNIK_RUNNING)
            cunik_engine_probe(e, c, 0);
    }
    return 0;
}

static void init(struct engine *e, const struct host *host, const struct engine_parts *parts)
{
    long processors = sysconf(_SC_NPROCESSORS_ONLN);

    e->host = *host;
    e->clock = parts->clock;
    e->prober_ops = parts->prober;
    e->log = parts->log;
    e->starts_most = 2 * (size_t)(processors > 1 ? processors : 1);
    e->look_again_ns = CLOCK_NEVER;
    e->woken = true;
    cunik_registry_init(&e->registry, e->clock, registry_changed_hook, e);
    pthread_mutex_init(&e->following, NULL);
    pthread_mutex_init(&e->worlds, NULL);
    pthread_rwlock_init(&e->taking, NULL);
    pthread_mutex_init(&e->lock, NULL);
    pthread_mutex_init(&e->listeners_lock, NULL);
    pthread_mutex_init(&e->events, NULL);
    pthread_mutex_init(&e->starts_lock, NULL);
    cunik_clock_cond_init(&e->turn);
    cunik_clock_cond_init(&e->wake);
    cunik_clock_cond_init(&e->may_start);
}

int cunik_engine_create_with(const struct host *host, const struct engine_parts *parts,
                             struct engine **ret, struct error **err)
{
    struct engine *e = cunik_calloc(1, sizeof(*e));

    init(e, host, parts);
    int r = e->prober_ops->create(health_changed, e, &e->prober, err);
    if (r == 0)
        r = adopt(e, err);
    if (r == 0)
        r = cunik_engine_supervise_begin(e, err);
    if (r < 0) {
        cunik_engine_destroy(e);
        return r;
    }
    *ret = e;
    return 0;
}

void cunik_engine_destroy(struct engine *e)
{
    if (!e)
        return;
    cunik_engine_supervise_end(e);
    if (e->prober)
        e->prober_ops->destroy(e->prober);
    cunik_engine_slots_done(e);
    cunik_registry_done(&e->registry);
    free(e->listeners);
    free(e->subscribers);
    pthread_cond_destroy(&e->turn);
    pthread_cond_destroy(&e->wake);
    pthread_cond_destroy(&e->may_start);
    pthread_mutex_destroy(&e->following);
    pthread_mutex_destroy(&e->worlds);
    pthread_rwlock_destroy(&e->taking);
    pthread_mutex_destroy(&e->lock);
    pthread_mutex_destroy(&e->listeners_lock);
    pthread_mutex_destroy(&e->events);
    pthread_mutex_destroy(&e->starts_lock);
    free(e);
}
