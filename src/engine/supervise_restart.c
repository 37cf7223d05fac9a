/* What has ended is started again, as its policy says, when its wait is over. */
#include "base/memory.h"
#include "engine/supervise_parts.h"

enum { THREADS_MOST = 64 }; /* restarts and repairs at once */

static const int64_t backoff_first_ns = 100000000;     /* Docker's, doubling */
static const int64_t long_run_ns = 10 * NS_PER_SECOND; /* having run so long, it begins anew */

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
    cunik_engine_add_networks(e, c, &networks);
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

void cunik_supervise_restart(struct engine *e, int64_t now)
{
    _cleanup_strv_ struct strv due = {0};
    _cleanup_world_ struct world w = {0};

    find_due(e, now, &due);
    if (!due.n)
        return;
    uint64_t seq = cunik_registry_last_change(&e->registry);
    if (e->host.ops->observe(e->host.ctx, &w, NULL) < 0) {
        cunik_supervise_look_again(e, SUPERVISE_AGAIN_NS);
        return;
    }
    for (size_t i = 0; i + 1 < due.n; i += 2)
        begin_restart(e, &w, due.items[i], due.items[i + 1], now, seq);
}

int64_t cunik_supervise_next_restart(struct engine *e, int64_t now)
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
