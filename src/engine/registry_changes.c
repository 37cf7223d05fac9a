/* A request's, the supervisor's or the prober's way through a cunik. */
#include "base/memory.h"
#include "engine/registry_internal.h"

void cunik_registry_count(struct registry *r, struct world_cunik *c)
{
    pthread_mutex_lock(&r->lock);
    const struct registry_cunik *e = cunik_registry_find(r, c->name);
    c->status.restarts = e ? e->restarts : 0;
    c->status.attempts = e ? e->attempts : 0;
    c->status.crashes = e ? e->crashes : 0;
    pthread_mutex_unlock(&r->lock);
}

void cunik_registry_starting(struct registry *r, const struct world_cunik *c,
                             enum registry_start start)
{
    pthread_mutex_lock(&r->lock);
    struct registry_cunik *e = cunik_registry_entry(r, c);
    e->wanted = true;
    e->changing = true;
    e->due_ns = CLOCK_NEVER;
    e->run = ++r->runs;
    if (start == START_ASKED) {
        e->restarts = e->attempts = e->crashes = 0;
        e->backoff_ns = 0;
    } else if (start == START_RESUMED) {
        e->restarts++;
        e->attempts++;
    }
    e->seq = ++r->seq;
    pthread_mutex_unlock(&r->lock);
}

void cunik_registry_console(struct registry *r, const char *name, uint64_t size)
{
    pthread_mutex_lock(&r->lock);
    struct registry_cunik *c = cunik_registry_find(r, name);
    if (c) {
        c->console_from = size;
        c->spoke = false;
    }
    pthread_mutex_unlock(&r->lock);
}

bool cunik_registry_spoke(struct registry *r, const char *name, uint64_t size, char **ret_stack,
                          char **ret_service)
{
    pthread_mutex_lock(&r->lock);
    struct registry_cunik *c = cunik_registry_find(r, name);
    bool first = c && !c->spoke && size != c->console_from;
    if (first) {
        c->spoke = true;
        *ret_stack = cunik_strdup(c->stack);
        *ret_service = cunik_strdup(c->service);
    }
    pthread_mutex_unlock(&r->lock);
    return first;
}

void cunik_registry_started(struct registry *r, const char *name)
{
    struct registry_told *told = NULL;

    pthread_mutex_lock(&r->lock);
    struct registry_cunik *c = cunik_registry_find(r, name);
    if (c) {
        c->changing = c->stopped = false;
        c->state = CUNIK_RUNNING;
        c->health = c->checked ? HEALTH_STARTING : HEALTH_NONE;
        c->end = END_NONE;
        c->exit_code = 0;
        c->started_ns = r->clock->now(r->clock->ctx);
        cunik_replace(&c->reason, "");
        told = cunik_registry_note(r, c, false);
    }
    pthread_mutex_unlock(&r->lock);
    cunik_registry_tell(r, told);
}

void cunik_registry_start_failed(struct registry *r, const char *name, const char *why)
{
    struct registry_told *told = NULL;

    pthread_mutex_lock(&r->lock);
    struct registry_cunik *c = cunik_registry_find(r, name);
    if (c) {
        c->changing = false;
        if (c->state != CUNIK_CREATED)
            c->state = CUNIK_EXITED;
        cunik_replace(&c->reason, why);
        told = cunik_registry_note(r, c, false);
    }
    pthread_mutex_unlock(&r->lock);
    cunik_registry_tell(r, told);
}

void cunik_registry_stopping(struct registry *r, const char *name)
{
    pthread_mutex_lock(&r->lock);
    struct registry_cunik *c = cunik_registry_find(r, name);
    if (c) {
        c->changing = true;
        c->wanted = false;
        c->due_ns = CLOCK_NEVER;
        c->seq = ++r->seq;
    }
    pthread_mutex_unlock(&r->lock);
}

void cunik_registry_stopped(struct registry *r, const char *name)
{
    struct registry_told *told = NULL;

    pthread_mutex_lock(&r->lock);
    struct registry_cunik *c = cunik_registry_find(r, name);
    if (c) {
        bool ran = !cunik_registry_is_over(c->state);
        c->changing = false;
        c->health = HEALTH_NONE;
        if (ran) {
            c->stopped = true;
            c->state = CUNIK_EXITED;
            c->end = END_DESTROYED;
            cunik_replace(&c->reason, "");
        }
        told = ran ? cunik_registry_note(r, c, false) : NULL;
    }
    pthread_mutex_unlock(&r->lock);
    cunik_registry_tell(r, told);
}

void cunik_registry_stop_failed(struct registry *r, const char *name)
{
    pthread_mutex_lock(&r->lock);
    struct registry_cunik *c = cunik_registry_find(r, name);
    if (c) {
        c->changing = false;
        c->seq = ++r->seq;
    }
    pthread_mutex_unlock(&r->lock);
}

void cunik_registry_defined(struct registry *r, const struct world_cunik *c)
{
    pthread_mutex_lock(&r->lock);
    struct registry_cunik *e = cunik_registry_entry(r, c);
    e->state = CUNIK_CREATED;
    e->health = HEALTH_NONE;
    e->end = END_NONE;
    e->exit_code = e->restarts = e->attempts = e->crashes = 0;
    e->wanted = e->stopped = false;
    e->due_ns = CLOCK_NEVER;
    cunik_replace(&e->reason, "");
    struct registry_told *told = cunik_registry_note(r, e, false);
    pthread_mutex_unlock(&r->lock);
    cunik_registry_tell(r, told);
}

void cunik_registry_updated(struct registry *r, const struct world_cunik *c)
{
    struct registry_told *told = NULL;

    pthread_mutex_lock(&r->lock);
    struct registry_cunik *e = cunik_registry_entry(r, c);
    enum cunik_health before = e->health;
    e->seq = ++r->seq;
    if (e->state == CUNIK_RUNNING && !e->checked)
        e->health = HEALTH_NONE;
    else if (e->state == CUNIK_RUNNING && e->health == HEALTH_NONE)
        e->health = HEALTH_STARTING;
    if (e->health != before)
        told = cunik_registry_note(r, e, true);
    pthread_mutex_unlock(&r->lock);
    cunik_registry_tell(r, told);
}

void cunik_registry_removed(struct registry *r, const char *name)
{
    struct registry_told *told = NULL;

    pthread_mutex_lock(&r->lock);
    struct registry_cunik *c = cunik_registry_find(r, name);
    if (c) {
        c->state = CUNIK_ABSENT;
        c->health = HEALTH_NONE;
        c->changing = c->wanted = c->stopped = false;
        c->due_ns = CLOCK_NEVER;
        r->n_free++;
        told = cunik_registry_note(r, c, false);
        r->removed_seq = c->seq;
        cunik_registry_compact(r);
    }
    pthread_mutex_unlock(&r->lock);
    cunik_registry_tell(r, told);
}

uint64_t cunik_registry_run(struct registry *r, const char *name)
{
    pthread_mutex_lock(&r->lock);
    const struct registry_cunik *c = cunik_registry_find(r, name);
    uint64_t run = c ? c->run : 0;
    pthread_mutex_unlock(&r->lock);
    return run;
}

bool cunik_registry_health(struct registry *r, const char *name, uint64_t run,
                           enum cunik_health health, const char *reason)
{
    struct registry_told *told = NULL;
    bool names = false;

    pthread_mutex_lock(&r->lock);
    struct registry_cunik *c = cunik_registry_find(r, name);
    if (c && c->run == run && c->state == CUNIK_RUNNING && c->checked && health != HEALTH_NONE) {
        bool changed = c->health != health;
        names = changed && (health == HEALTH_UNHEALTHY || c->hidden);
        c->health = health;
        cunik_replace(&c->reason, reason ? reason : "");
        if (changed)
            told = cunik_registry_note(r, c, true);
    }
    pthread_mutex_unlock(&r->lock);
    cunik_registry_tell(r, told);
    return names;
}
