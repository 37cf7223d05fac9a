#include <errno.h>
#include <string.h>
#include <time.h>

#include "base/log.h"
#include "base/memory.h"
#include "base/time.h"
#include "base/when.h"
#include "engine/engine_internal.h"

/* With `worlds` held. */
static void load(struct engine *e, struct slot *s)
{
    _cleanup_error_ struct error *err = NULL;

    s->loaded = true;
    int r = e->host.ops->state_read(e->host.ctx, s->stack, &s->desired, &err);
    s->known = r == 0;
    if (r < 0 && r != -ENOENT && !(err && err->code == ERROR_NOT_FOUND))
        cunik_log(LOG_LEVEL_WARNING, "the last wish for stack '%s' is lost: %s", s->stack,
                  err ? err->message : strerror(-r));
}

struct slot *cunik_engine_slot(struct engine *e, const char *stack)
{
    pthread_mutex_lock(&e->worlds);
    struct slot *s = cunik_map_get(&e->slots, stack);
    if (!s) {
        s = cunik_calloc(1, sizeof(*s));
        s->stack = cunik_strdup(stack);
        s->last = &s->first;
        s->repair_ns = 0;
        cunik_map_add(&e->slots, stack, s);
    }
    if (!s->loaded)
        load(e, s);
    pthread_mutex_unlock(&e->worlds);
    return s;
}

void cunik_engine_slots_done(struct engine *e)
{
    for (size_t i = 0; i < e->slots.n; i++) {
        struct slot *s = e->slots.entries[i].value;
        cunik_world_done(&s->desired);
        cunik_world_done(&s->others);
        cunik_strv_done(&s->leaving);
        free(s->stack);
        free(s);
    }
    cunik_map_done(&e->slots);
}

/* "up by cunik-compose (pid 7, root), since 2026-11-22T00:34:59.000Z, for 5 s" */
static char *holder_text(struct engine *e, const struct waiter *holder)
{
    int64_t seconds = (cunik_engine_wall_ms(e) - holder->since_ms) / MS_PER_SECOND;
    _cleanup_free_ char *since = cunik_when_utc(holder->since_ms);

    return cunik_asprintf("%s, since %s, for %lld s", holder->who, since, (long long)seconds);
}

static void say_waiting(struct engine *e, const struct slot *s, const struct event_sink *sink)
{
    _cleanup_free_ char *holder = holder_text(e, s->first);
    _cleanup_free_ char *text =
        cunik_asprintf("waiting for another request for stack '%s' (%s)", s->stack, holder);

    cunik_engine_warn(e, sink, s->stack, text);
}

static void unlink_waiter(struct engine *e, struct slot *s, struct waiter *w)
{
    struct waiter **p = &s->first;

    while (*p != w)
        p = &(*p)->next;
    *p = w->next;
    if (s->last == &w->next)
        s->last = p;
    if (p == &s->first && s->first)
        s->first->since_ms = cunik_engine_wall_ms(e);
}

bool cunik_engine_busy(struct engine *e, const struct slot *s)
{
    pthread_mutex_lock(&e->lock);
    bool busy = s->first != NULL;
    pthread_mutex_unlock(&e->lock);
    return busy;
}

/* Whether to go on waiting for the turn. With `lock` held. */
static int check_turn(struct engine *e, const struct slot *s, const _Atomic bool *cancel,
                      int64_t deadline_ns, struct error **err)
{
    if (cancel && *cancel)
        return cunik_error_set(err, ERROR_CANCELLED, "cancelled");
    if (cunik_engine_now(e) < deadline_ns)
        return 0;
    _cleanup_free_ char *holder = holder_text(e, s->first);
    return cunik_error_set(err, ERROR_TIMEOUT, "stack '%s' is held by another request (%s)",
                           s->stack, holder);
}

/* What the one whose turn it is should hear of at once: a resumption is cancelled, an update that
 * only waits is called off (cunik_engine_ended_by()). With `lock` held. */
static void disturb(struct engine *e, const struct slot *s, const struct waiter *w)
{
    bool resumed = s->resumed && !*s->resumed;

    if (resumed)
        *s->resumed = true;
    if (!resumed && !w->ends)
        return;
    pthread_mutex_unlock(&e->lock);
    cunik_engine_interrupt(e);
    pthread_mutex_lock(&e->lock);
}

char *cunik_engine_ended_by(struct engine *e, const struct slot *s, const char *service)
{
    char *who = NULL;

    pthread_mutex_lock(&e->lock);
    for (const struct waiter *w = s->first ? s->first->next : NULL; w && !who; w = w->next)
        if (w->ends && cunik_request_names_service(w->ends, service))
            who = cunik_strdup(w->who);
    pthread_mutex_unlock(&e->lock);
    return who;
}

int cunik_engine_enter(struct engine *e, struct slot *s, struct waiter *w,
                       const struct event_sink *sink, const _Atomic bool *cancel,
                       int64_t deadline_ns, struct error **err)
{
    pthread_mutex_lock(&e->lock);
    w->next = NULL;
    w->since_ms = cunik_engine_wall_ms(e);
    *s->last = w;
    s->last = &w->next;
    e->requests++;
    if (s->first != w && cunik_engine_now(e) < deadline_ns)
        say_waiting(e, s, sink);
    if (s->first != w)
        disturb(e, s, w);
    while (s->first != w) {
        int r = check_turn(e, s, cancel, deadline_ns, err);
        if (r < 0) {
            unlink_waiter(e, s, w);
            e->requests--;
            pthread_mutex_unlock(&e->lock);
            return r;
        }
        e->clock->wait(e->clock->ctx, &e->turn, &e->lock, deadline_ns);
    }
    pthread_mutex_unlock(&e->lock);
    cunik_engine_rehold(e, s);
    return 0;
}

void cunik_engine_rehold(struct engine *e, struct slot *s)
{
    pthread_mutex_lock(&e->lock);
    s->held = true;
    while (s->restarting)
        e->clock->wait(e->clock->ctx, &e->turn, &e->lock, CLOCK_NEVER);
    pthread_mutex_unlock(&e->lock);
}

void cunik_engine_unhold(struct engine *e, struct slot *s)
{
    pthread_mutex_lock(&e->lock);
    s->held = false;
    pthread_mutex_unlock(&e->lock);
    cunik_engine_wake(e, NULL);
}

void cunik_engine_leave(struct engine *e, struct slot *s, struct waiter *w)
{
    pthread_mutex_lock(&e->lock);
    unlink_waiter(e, s, w);
    s->held = false;
    e->requests--;
    pthread_cond_broadcast(&e->turn);
    pthread_mutex_unlock(&e->lock);
    cunik_engine_wake(e, NULL);
}

/* A world that borrows: only its arrays are its own. */
static void borrow(struct world *to, struct map *cuniks, struct map *networks,
                   const struct world *from, bool running_only)
{
    for (size_t i = 0; i < from->n_networks; i++)
        if (cunik_map_add(networks, from->networks[i].name, to))
            *ARRAY_APPEND(to->networks, to->n_networks) = from->networks[i];
    for (size_t i = 0; i < from->n_cuniks; i++)
        if ((!running_only || from->cuniks[i].status.state == CUNIK_RUNNING) &&
            cunik_map_add(cuniks, from->cuniks[i].name, to))
            *ARRAY_APPEND(to->cuniks, to->n_cuniks) = from->cuniks[i];
}

int cunik_engine_rules(struct engine *e, struct error **err)
{
    _cleanup_map_ struct map cuniks = {0}, networks = {0};
    struct world w = {0};

    pthread_mutex_lock(&e->worlds);
    for (size_t i = 0; i < e->slots.n; i++) {
        const struct slot *s = e->slots.entries[i].value;
        borrow(&w, &cuniks, &networks, &s->desired, true);
        borrow(&w, &cuniks, &networks, &s->others, true);
    }
    int r = e->host.ops->rules_replace(e->host.ctx, &w, err);
    pthread_mutex_unlock(&e->worlds);
    free(w.networks);
    free(w.cuniks);
    return r;
}

void cunik_engine_settle(struct slot *s, struct world *desired, struct world *others, bool known)
{
    cunik_world_done(&s->desired);
    cunik_world_done(&s->others);
    s->desired = *desired;
    s->others = *others;
    *desired = *others = (struct world){0};
    s->reserved = NULL;
    s->known = known;
}
