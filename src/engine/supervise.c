/* The supervisor: one thread that looks at the host whenever it is woken, and does what follows
 * from what it sees: tells of ends, starts again what its policy wants running, has drift repaired.
 * It sleeps until it is woken or something is due. Work that takes time is done by threads of its
 * own.
 */
#include <string.h>

#include "base/log.h"
#include "base/memory.h"
#include "engine/exit_status.h"
#include "engine/supervise_parts.h"

enum { THREADS_MOST = 64 }; /* restarts and repairs at once */

static const int64_t backoff_first_ns = 100000000; /* Docker's, doubling */
static const int64_t long_run_ns = 10 * SECOND_NS; /* having run so long, it begins anew */
static const int64_t look_again_ns = SECOND_NS;    /* after a look that failed */

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

/* Policy */

/* Whether the start that has come to an end had succeeded. */
static void judge_run(struct registry_cunik *c, int64_t now)
{
    int64_t enough = c->restart_window_ns ? c->restart_window_ns : long_run_ns;

    if (now - c->started_ns < enough) {
        c->crashes++;
        return;
    }
    c->crashes = c->backoff_ns = 0;
    if (c->restart_window_ns)
        c->attempts = 0;
}

static void say_crash_loop(struct registry_cunik *c)
{
    if (c->crashes < CRASH_LOOP)
        return;
    _cleanup_free_ char *text = cunik_asprintf(
        "crash loop: it has ended %lld times in a row soon after its start", (long long)c->crashes);
    cunik_replace(&c->reason, text);
}

void cunik_supervise_plan_restart(struct engine *e, struct registry_cunik *c)
{
    int64_t now = cunik_engine_now(e);

    judge_run(c, now);
    say_crash_loop(c);
    if (!cunik_registry_wants_restart(c, c->exit_code)) {
        c->state = CUNIK_EXITED;
        c->due_ns = CLOCK_NEVER;
        return;
    }
    c->backoff_ns = cunik_supervise_backoff(c->backoff_ns, backoff_first_ns);
    c->due_ns = now + (c->restart_delay_ns ? c->restart_delay_ns : c->backoff_ns);
    c->state = CUNIK_RESTARTING;
}

/* Looking */

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

static uint64_t last_change(struct engine *e)
{
    pthread_mutex_lock(&e->registry.lock);
    uint64_t seq = e->registry.seq;
    pthread_mutex_unlock(&e->registry.lock);
    return seq;
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

void cunik_supervise_look_again(struct engine *e, int64_t after_ns)
{
    int64_t due = cunik_engine_now(e) + after_ns;

    pthread_mutex_lock(&e->lock);
    if (due < e->look_again_ns)
        e->look_again_ns = due;
    pthread_mutex_unlock(&e->lock);
}

/* Threads for work that takes time */

bool cunik_supervise_send(struct engine *e, struct slot *s, void *(*work)(void *),
                          struct errand *errand)
{
    pthread_attr_t detached;
    pthread_t thread;

    errand->e = e;
    errand->slot = s;
    pthread_attr_init(&detached);
    pthread_attr_setdetachstate(&detached, PTHREAD_CREATE_DETACHED);
    bool sent = pthread_create(&thread, &detached, work, errand) == 0;
    pthread_attr_destroy(&detached);
    return sent;
}

void cunik_supervise_return(struct engine *e)
{
    pthread_mutex_lock(&e->lock);
    e->threads--;
    e->woken = true;
    pthread_cond_signal(&e->wake);
    pthread_cond_broadcast(&e->turn);
    pthread_mutex_unlock(&e->lock);
}

/* Restarts */

static void networks_of(struct engine *e, struct slot *s, struct world *ret)
{
    pthread_mutex_lock(&e->worlds);
    for (size_t i = 0; i < s->desired.n_networks; i++)
        cunik_world_network_copy(ARRAY_APPEND(ret->networks, ret->n_networks),
                                 &s->desired.networks[i]);
    for (size_t i = 0; i < s->others.n_networks; i++)
        cunik_world_network_copy(ARRAY_APPEND(ret->networks, ret->n_networks),
                                 &s->others.networks[i]);
    pthread_mutex_unlock(&e->worlds);
}

static void restart_failed(struct engine *e, const char *name, const char *why)
{
    struct registry_told *told = NULL;

    pthread_mutex_lock(&e->registry.lock);
    struct registry_cunik *c = cunik_registry_find(&e->registry, name);
    if (c) {
        c->changing = false;
        c->exit_code = c->exit_code ? c->exit_code : 1;
        cunik_replace(&c->reason, why);
        cunik_supervise_plan_restart(e, c);
        told = cunik_registry_note(&e->registry, c, false);
    }
    pthread_mutex_unlock(&e->registry.lock);
    cunik_registry_tell(&e->registry, told);
}

static void *restart(void *arg)
{
    struct errand *errand = arg;
    struct engine *e = errand->e;
    const struct world_cunik *c = &errand->cunik;
    _cleanup_error_ struct error *err = NULL;
    struct world networks = {0};

    networks_of(e, errand->slot, &networks);
    int r = e->host.ops->links_create(e->host.ctx, c, &networks, &err);
    if (r == 0)
        r = e->host.ops->names_add(e->host.ctx, c, &err);
    if (r == 0)
        r = cunik_engine_start_cunik(e, c, START_AGAIN, &err);
    if (r < 0)
        restart_failed(e, c->name, err ? err->message : "failed");
    pthread_mutex_lock(&e->lock);
    errand->slot->restarting--;
    pthread_mutex_unlock(&e->lock);
    cunik_engine_wake(e, c->name);
    cunik_world_done(&networks);
    cunik_world_cunik_done(&errand->cunik);
    free(errand);
    cunik_supervise_return(e);
    return NULL;
}

/* Takes a restart that is due, unless a request has its hands on it or has had since it was seen;
 * whoever had wakes the supervisor. */
static bool take_due(struct engine *e, struct slot *s, const char *name, int64_t now, uint64_t seq)
{
    bool taken = false;

    pthread_mutex_lock(&e->lock);
    pthread_mutex_lock(&e->registry.lock);
    struct registry_cunik *c = cunik_registry_find(&e->registry, name);
    if (c && c->seq <= seq && !s->held && !c->held && !c->changing && c->due_ns <= now &&
        !e->quit && e->threads < THREADS_MOST) {
        c->due_ns = CLOCK_NEVER;
        c->changing = true;
        c->restarts++;
        c->attempts++;
        c->seq = ++e->registry.seq;
        s->restarting++;
        e->threads++;
        taken = true;
    }
    pthread_mutex_unlock(&e->registry.lock);
    pthread_mutex_unlock(&e->lock);
    return taken;
}

static void begin_restart(struct engine *e, const struct world *w, const char *name,
                          const char *stack, int64_t now, uint64_t seq)
{
    const struct world_cunik *c = cunik_world_cunik(w, name);
    struct slot *s = cunik_engine_slot(e, stack);

    /* One whose domain is gone is seen as such by the next look. */
    if (!c || !take_due(e, s, name, now, seq))
        return;
    struct errand *errand = cunik_calloc(1, sizeof(*errand));
    cunik_world_cunik_copy(&errand->cunik, c);
    if (cunik_supervise_send(e, s, restart, errand))
        return;
    cunik_world_cunik_done(&errand->cunik);
    free(errand);
    restart_failed(e, name, "no thread to do it");
    pthread_mutex_lock(&e->lock);
    s->restarting--;
    pthread_mutex_unlock(&e->lock);
    cunik_supervise_return(e);
}

/* Those that are due, as pairs of name and stack. */
static void find_due(struct engine *e, int64_t now, struct strv *ret)
{
    pthread_mutex_lock(&e->registry.lock);
    for (size_t i = 0; i < e->registry.entries.n; i++) {
        const struct registry_cunik *c = e->registry.entries.entries[i].value;
        if (c->state == CUNIK_ABSENT || c->due_ns > now || c->held || c->changing)
            continue;
        cunik_strv_add(ret, c->name);
        cunik_strv_add(ret, c->stack);
    }
    pthread_mutex_unlock(&e->registry.lock);
}

static void start_due(struct engine *e, int64_t now)
{
    _cleanup_strv_ struct strv due = {0};
    _cleanup_world_ struct world w = {0};

    find_due(e, now, &due);
    if (!due.n)
        return;
    uint64_t seq = last_change(e);
    if (e->host.ops->observe(e->host.ctx, &w, NULL) < 0) {
        cunik_supervise_look_again(e, look_again_ns);
        return;
    }
    for (size_t i = 0; i + 1 < due.n; i += 2)
        begin_restart(e, &w, due.items[i], due.items[i + 1], now, seq);
}

/* The whole */

static void look(struct engine *e)
{
    _cleanup_world_ struct world w = {0};
    _cleanup_error_ struct error *err = NULL;
    _cleanup_(outcome_done) struct outcome o = {0};
    uint64_t seq = last_change(e);

    if (e->host.ops->observe(e->host.ctx, &w, &err) < 0) {
        cunik_log(LOG_LEVEL_WARNING, "looking at the host: %s", err ? err->message : "failed");
        cunik_supervise_look_again(e, look_again_ns);
        return;
    }
    pthread_mutex_lock(&e->following);
    bool stale = compare_all(e, &w, seq, &o);
    stale = adopt_new(e, &w, seq, &o) || stale;
    follow_up(e, &w, &o);
    cunik_supervise_names(e, &w, seq);
    pthread_mutex_unlock(&e->following);
    cunik_registry_overlay(&e->registry, &w);
    cunik_supervise_repair(e, &w);
    if (stale)
        cunik_engine_wake(e, NULL);
}

/* The earliest that is due after `now`; what is due already waits for somebody who will wake us. */
static int64_t next_due(struct engine *e, int64_t now)
{
    int64_t due = CLOCK_NEVER;

    pthread_mutex_lock(&e->registry.lock);
    for (size_t i = 0; i < e->registry.entries.n; i++) {
        const struct registry_cunik *c = e->registry.entries.entries[i].value;
        if (c->state != CUNIK_ABSENT && c->due_ns > now && c->due_ns < due)
            due = c->due_ns;
    }
    pthread_mutex_unlock(&e->registry.lock);
    return due;
}

static void *supervise(void *arg)
{
    struct engine *e = arg;

    pthread_mutex_lock(&e->lock);
    while (!e->quit) {
        bool woken = e->woken;
        int64_t now = cunik_engine_now(e);
        if (e->look_again_ns <= now) {
            e->look_again_ns = CLOCK_NEVER;
            woken = true;
        }
        e->woken = false;
        pthread_mutex_unlock(&e->lock);
        if (woken)
            look(e);
        start_due(e, now);
        int64_t due = next_due(e, now);
        pthread_mutex_lock(&e->lock);
        if (e->look_again_ns < due)
            due = e->look_again_ns;
        if (!e->woken && !e->quit)
            e->clock->wait(e->clock->ctx, &e->wake, &e->lock, due);
    }
    pthread_mutex_unlock(&e->lock);
    return NULL;
}

int cunik_engine_supervise_begin(struct engine *e, struct error **err)
{
    int r = pthread_create(&e->supervisor, NULL, supervise, e);

    if (r)
        return cunik_error_errno(err, r, "starting the supervisor");
    e->supervised = true;
    return 0;
}

static void cancel_resumptions(struct engine *e)
{
    pthread_mutex_lock(&e->worlds);
    pthread_mutex_lock(&e->lock);
    for (size_t i = 0; i < e->slots.n; i++) {
        const struct slot *s = e->slots.entries[i].value;
        if (s->resumed)
            *s->resumed = true;
    }
    pthread_mutex_unlock(&e->lock);
    pthread_mutex_unlock(&e->worlds);
    cunik_engine_interrupt(e);
}

void cunik_engine_supervise_end(struct engine *e)
{
    pthread_mutex_lock(&e->lock);
    e->quit = true;
    pthread_cond_signal(&e->wake);
    pthread_mutex_unlock(&e->lock);
    cancel_resumptions(e);
    if (e->supervised)
        pthread_join(e->supervisor, NULL);
    pthread_mutex_lock(&e->lock);
    while (e->threads || e->requests)
        pthread_cond_wait(&e->turn, &e->lock);
    pthread_mutex_unlock(&e->lock);
}
