/* The table itself, and what others may read of it. */
#include <string.h>

#include "base/memory.h"
#include "engine/registry_internal.h"

enum { FREE_MOST = 64 };

/* A change with strings of its own, to be told when the lock is released. */
struct registry_told {
    struct registry_change change;
    char *name, *stack, *service, *reason;
};

void cunik_registry_init(struct registry *r, const struct engine_clock *clock,
                         registry_changed *changed, void *ctx)
{
    *r = (struct registry){.clock = clock, .changed = changed, .ctx = ctx};
    pthread_mutex_init(&r->lock, NULL);
}

static void entry_free(struct registry_cunik *c)
{
    free(c->name);
    free(c->stack);
    free(c->service);
    free(c->reason);
    free(c);
}

void cunik_registry_done(struct registry *r)
{
    for (size_t i = 0; i < r->entries.n; i++)
        entry_free(r->entries.entries[i].value);
    cunik_map_done(&r->entries);
    pthread_mutex_destroy(&r->lock);
}

struct registry_cunik *cunik_registry_find(struct registry *r, const char *name)
{
    struct registry_cunik *c = cunik_map_get(&r->entries, name);

    return c && c->state != CUNIK_ABSENT ? c : NULL;
}

struct registry_told *cunik_registry_note(struct registry *r, struct registry_cunik *c, bool health)
{
    struct registry_told *t = cunik_calloc(1, sizeof(*t));

    c->seq = ++r->seq;
    t->name = cunik_strdup(c->name);
    t->stack = cunik_strdup(c->stack);
    t->service = cunik_strdup(c->service);
    t->reason = cunik_strdup(c->reason);
    t->change = (struct registry_change){.health = health,
                                         .name = t->name,
                                         .stack = t->stack,
                                         .service = t->service,
                                         .state = c->state,
                                         .is = c->health,
                                         .exit_code = c->exit_code,
                                         .reason = t->reason};
    return t;
}

void cunik_registry_tell(struct registry *r, struct registry_told *t)
{
    if (!t)
        return;
    if (r->changed)
        r->changed(r->ctx, &t->change);
    free(t->name);
    free(t->stack);
    free(t->service);
    free(t->reason);
    free(t);
}

/* One that is not there yet. */
static struct registry_cunik *add(struct registry *r, const char *name)
{
    struct registry_cunik *e = cunik_calloc(1, sizeof(*e));

    e->name = cunik_strdup(name);
    cunik_map_add(&r->entries, name, e);
    r->n_free++;
    return e;
}

struct registry_cunik *cunik_registry_entry(struct registry *r, const struct world_cunik *c)
{
    struct registry_cunik *e = cunik_map_get(&r->entries, c->name);

    if (!e)
        e = add(r, c->name);
    if (e->state == CUNIK_ABSENT) {
        r->n_free--;
        e->state = CUNIK_CREATED;
        e->due_ns = CLOCK_NEVER;
    }
    e->lost = false;
    cunik_replace(&e->stack, c->stack);
    cunik_replace(&e->service, c->service);
    if (!e->reason)
        e->reason = cunik_strdup("");
    e->checked = c->health.test.n > 0;
    e->restart = c->restart;
    e->restart_max = c->restart_max;
    e->restart_delay_ns = c->restart_delay_ns;
    e->restart_window_ns = c->restart_window_ns;
    return e;
}

void cunik_registry_compact(struct registry *r)
{
    struct map kept = {0};

    if (r->n_free < FREE_MOST || r->n_free * 2 < r->entries.n)
        return;
    for (size_t i = 0; i < r->entries.n; i++) {
        struct registry_cunik *c = r->entries.entries[i].value;
        if (c->state != CUNIK_ABSENT || c->held || c->lost)
            cunik_map_add(&kept, c->name, c);
        else
            entry_free(c);
    }
    cunik_map_done(&r->entries);
    r->entries = kept;
    r->n_free = 0;
    for (size_t i = 0; i < kept.n; i++)
        r->n_free += ((struct registry_cunik *)kept.entries[i].value)->state == CUNIK_ABSENT;
}

bool cunik_registry_look(struct registry *r, const char *name, struct live *ret)
{
    pthread_mutex_lock(&r->lock);
    const struct registry_cunik *c = cunik_registry_find(r, name);
    *ret = (struct live){0};
    if (c)
        *ret = (struct live){.state = c->state,
                             .health = c->health,
                             .end = c->end,
                             .exit_code = c->exit_code,
                             .checked = c->checked,
                             .wanted = c->wanted,
                             .stopped = c->stopped,
                             .restart = c->restart,
                             .restarts = c->restarts,
                             .crashes = c->crashes,
                             .started_ns = c->started_ns,
                             .reason = cunik_strdup(c->reason)};
    pthread_mutex_unlock(&r->lock);
    return c != NULL;
}

bool cunik_registry_completed(const struct live *l)
{
    return !l->stopped && cunik_state_is_completed(l->state, l->end, l->exit_code, l->restart);
}

bool cunik_registry_wants_restart(const struct registry_cunik *c, int64_t exit_code)
{
    if (!c->wanted)
        return false;
    if (c->restart_max && c->attempts >= c->restart_max)
        return false;
    switch (c->restart) {
    case RESTART_ALWAYS:
    case RESTART_UNLESS_STOPPED:
        return true;
    case RESTART_ON_FAILURE:
        return exit_code != 0;
    case RESTART_NO:
    case RESTART_MAX_:
        break;
    }
    return false;
}

uint64_t cunik_registry_last_change(struct registry *r)
{
    pthread_mutex_lock(&r->lock);
    uint64_t seq = r->seq;
    pthread_mutex_unlock(&r->lock);
    return seq;
}

void cunik_registry_overlay(struct registry *r, struct world *w)
{
    pthread_mutex_lock(&r->lock);
    for (size_t i = 0; i < w->n_cuniks; i++) {
        struct world_status *s = &w->cuniks[i].status;
        const struct registry_cunik *c = cunik_registry_find(r, w->cuniks[i].name);
        if (!c) {
            s->health = s->state == CUNIK_RUNNING && w->cuniks[i].health.test.n ? HEALTH_STARTING
                                                                                : HEALTH_NONE;
            continue;
        }
        s->restarts = c->restarts;
        s->attempts = c->attempts;
        s->crashes = c->crashes;
        s->health = s->state == CUNIK_RUNNING ? c->health : HEALTH_NONE;
        if (*c->reason)
            cunik_replace(&s->reason, c->reason);
        /* Also one whose end the supervisor has not seen yet. */
        if (cunik_registry_is_over(s->state) &&
            (c->state == CUNIK_RESTARTING ||
             (cunik_state_is_up(c->state) && cunik_registry_wants_restart(c, s->exit_code))))
            s->state = CUNIK_RESTARTING;
        /* Also one that has heard the request and that nobody has waited for yet. */
        if (s->state == CUNIK_EXITED && (c->stopped || (c->changing && !c->wanted)))
            s->end = END_DESTROYED;
    }
    pthread_mutex_unlock(&r->lock);
}

bool cunik_registry_active(struct registry *r)
{
    bool active = false;

    pthread_mutex_lock(&r->lock);
    for (size_t i = 0; i < r->entries.n; i++) {
        const struct registry_cunik *c = r->entries.entries[i].value;
        active |= cunik_state_is_active(c->state) || c->changing;
    }
    pthread_mutex_unlock(&r->lock);
    return active;
}

static void adopt(struct registry *r, const struct world_cunik *c, bool wanted, bool stopped)
{
    struct registry_cunik *e = cunik_registry_entry(r, c);
    const struct world_status *s = &c->status;
    e->hidden = e->checked; /* whoever has looked after it may have hidden it */
    e->state = s->state;
    e->end = s->end;
    e->exit_code = s->exit_code;
    e->health = s->state == CUNIK_RUNNING && e->checked ? HEALTH_STARTING : HEALTH_NONE;
    e->restarts = s->restarts;
    e->attempts = s->attempts;
    e->crashes = s->crashes;
    e->wanted = wanted;
    e->stopped = stopped && s->state == CUNIK_EXITED;
    e->started_ns = r->clock->now(r->clock->ctx);
    e->spoke = true; /* it ran before: its first output is long past */
    e->seq = ++r->seq;
    e->run = ++r->runs;
}

void cunik_registry_adopt(struct registry *r, const struct world_cunik *c, bool wanted,
                          bool stopped)
{
    pthread_mutex_lock(&r->lock);
    adopt(r, c, wanted, stopped);
    pthread_mutex_unlock(&r->lock);
}

bool cunik_registry_discover(struct registry *r, const struct world_cunik *c, uint64_t seq,
                             bool *ret_stale)
{
    pthread_mutex_lock(&r->lock);
    const struct registry_cunik *known = cunik_map_get(&r->entries, c->name);
    bool new = !known || (known->state == CUNIK_ABSENT && !known->held && !known->changing);
    if (new && r->removed_seq > seq) {
        *ret_stale = true;
        new = false;
    }
    if (new)
        adopt(r, c, true, false);
    pthread_mutex_unlock(&r->lock);
    return new;
}

void cunik_registry_hold(struct registry *r, const char *name, bool hold)
{
    pthread_mutex_lock(&r->lock);
    struct registry_cunik *c = cunik_map_get(&r->entries, name);
    if (!c && hold)
        c = add(r, name);
    if (c)
        c->held = hold;
    pthread_mutex_unlock(&r->lock);
}
