/* What the supervisor sees, against what is known, and what follows from it at once: it is told of,
 * and what has ended is neither probed nor named any more. */
#include "base/log.h"
#include "base/memory.h"
#include "engine/exit_status.h"
#include "engine/supervise_parts.h"

/* What a look leads to, done when the registry's lock is released. */
struct outcome {
    struct registry_told **told;
    size_t n_told;
    struct strv ended;  /* for good: their names are served no longer */
    struct strv silent; /* no longer to be probed */
    struct strv found;  /* running, to be probed */
};

static void outcome_done(struct outcome *o)
{
    free(o->told);
    cunik_strv_done(&o->ended);
    cunik_strv_done(&o->silent);
    cunik_strv_done(&o->found);
}

static void tell_later(struct engine *e, struct outcome *o, struct registry_cunik *c)
{
    *ARRAY_APPEND(o->told, o->n_told) = cunik_registry_note(&e->registry, c, false);
}

static void see_end(struct engine *e, struct registry_cunik *c, const struct world_status *s,
                    struct outcome *o)
{
    c->end = s->end;
    c->exit_code = s->exit_code;
    c->health = HEALTH_NONE;
    /* A request has asked it to, and did not get to see it. */
    c->stopped = !c->wanted;
    cunik_replace(&c->reason, s->reason);
    cunik_supervise_plan_restart(e, c);
    cunik_strv_add(&o->silent, c->name);
    if (c->state == CUNIK_EXITED)
        cunik_strv_add(&o->ended, c->name);
    tell_later(e, o, c);
}

static void see_start(struct engine *e, struct registry_cunik *c, struct outcome *o)
{
    c->state = CUNIK_RUNNING;
    c->end = END_NONE;
    c->exit_code = 0;
    c->due_ns = CLOCK_NEVER;
    c->wanted = true;
    c->stopped = false;
    c->started_ns = cunik_engine_now(e);
    c->run = ++e->registry.runs;
    c->health = c->checked ? HEALTH_STARTING : HEALTH_NONE;
    cunik_strv_add(&o->found, c->name);
    tell_later(e, o, c);
}

/* One cunik as seen against what is known of it. */
static void compare(struct engine *e, struct registry_cunik *c, const struct world_status *s,
                    struct outcome *o)
{
    if (c->state == CUNIK_RUNNING && s->state == CUNIK_PAUSED) {
        c->state = CUNIK_PAUSED;
        tell_later(e, o, c);
    } else if (c->state == CUNIK_PAUSED && s->state == CUNIK_RUNNING) {
        c->state = CUNIK_RUNNING;
        tell_later(e, o, c);
    } else if (cunik_state_is_up(c->state) && !cunik_state_is_up(s->state)) {
        see_end(e, c, s, o);
    } else if (!cunik_state_is_up(c->state) && s->state == CUNIK_RUNNING) {
        see_start(e, c, o);
    }
}

static void see_gone(struct engine *e, struct registry_cunik *c, struct outcome *o)
{
    if (cunik_state_is_active(c->state)) { /* how it ended is not known: not well */
        c->exit_code = EXIT_KILLED;
        c->lost = cunik_registry_wants_restart(c, c->exit_code);
    }
    c->state = CUNIK_ABSENT;
    c->due_ns = CLOCK_NEVER;
    c->health = HEALTH_NONE;
    c->wanted = false;
    e->registry.n_free++;
    cunik_strv_add(&o->silent, c->name);
    tell_later(e, o, c);
}

/* Whether somebody else is dealing with it, or what was seen is older than what is known. */
static bool hands_off(const struct registry_cunik *c, uint64_t seq, bool *stale)
{
    if (c->seq > seq)
        *stale = true;
    return c->held || c->changing || c->seq > seq;
}

static bool adopt_new(struct engine *e, const struct world *w, uint64_t seq, struct outcome *o)
{
    bool stale = false;

    for (size_t i = 0; i < w->n_cuniks; i++) {
        const struct world_cunik *c = &w->cuniks[i];
        if (cunik_state_is_up(c->status.state) &&
            cunik_registry_discover(&e->registry, c, seq, &stale))
            cunik_strv_add(&o->found, c->name);
    }
    return stale;
}

static bool compare_all(struct engine *e, const struct world *w, uint64_t seq, struct outcome *o)
{
    _cleanup_map_ struct map seen = {0};
    bool stale = false;

    for (size_t i = 0; i < w->n_cuniks; i++)
        cunik_map_add(&seen, w->cuniks[i].name, &w->cuniks[i]);
    pthread_mutex_lock(&e->registry.lock);
    for (size_t i = 0; i < e->registry.entries.n; i++) {
        struct registry_cunik *c = e->registry.entries.entries[i].value;
        const struct world_cunik *s = cunik_map_get(&seen, c->name);
        if (c->state == CUNIK_ABSENT || hands_off(c, seq, &stale))
            continue;
        if (s)
            compare(e, c, &s->status, o);
        else
            see_gone(e, c, o);
    }
    pthread_mutex_unlock(&e->registry.lock);
    return stale;
}

static void follow_up(struct engine *e, const struct world *w, struct outcome *o)
{
    for (size_t i = 0; i < o->silent.n; i++)
        e->prober_ops->remove(e->prober, o->silent.items[i]);
    for (size_t i = 0; i < o->found.n; i++) {
        const struct world_cunik *c = cunik_world_cunik(w, o->found.items[i]);
        if (c)
            cunik_engine_probe(e, c, 0);
    }
    for (size_t i = 0; i < o->ended.n; i++) {
        const struct world_cunik *c = cunik_world_cunik(w, o->ended.items[i]);
        _cleanup_error_ struct error *err = NULL;
        if (c && e->host.ops->names_remove(e->host.ctx, c, &err) < 0)
            cunik_log(LOG_LEVEL_WARNING, "removing the names of '%s': %s", c->name,
                      err ? err->message : "failed");
    }
    for (size_t i = 0; i < o->n_told; i++)
        cunik_registry_tell(&e->registry, o->told[i]);
}

bool cunik_supervise_follow(struct engine *e, const struct world *w, uint64_t seq)
{
    _cleanup_(outcome_done) struct outcome o = {0};
    bool stale = compare_all(e, w, seq, &o);

    stale = adopt_new(e, w, seq, &o) || stale;
    follow_up(e, w, &o);
    return stale;
}
