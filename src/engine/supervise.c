/* The supervisor: one thread that looks at the host whenever it is woken, and does what follows
 * from what it sees: tells of ends, starts again what its policy wants running, has drift repaired.
 * It sleeps until it is woken or something is due. Work that takes time is done by threads of its
 * own.
 */
#include "base/log.h"
#include "base/memory.h"
#include "engine/supervise_parts.h"

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

static void look(struct engine *e)
{
    _cleanup_world_ struct world w = {0};
    _cleanup_error_ struct error *err = NULL;
    uint64_t seq = cunik_registry_last_change(&e->registry);

    if (e->host.ops->observe(e->host.ctx, &w, &err) < 0) {
        cunik_log(LOG_LEVEL_WARNING, "looking at the host: %s", err ? err->message : "failed");
        cunik_supervise_look_again(e, SUPERVISE_AGAIN_NS);
        return;
    }
    pthread_mutex_lock(&e->following);
    bool stale = cunik_supervise_follow(e, &w, seq);
    cunik_supervise_names(e, &w, seq);
    pthread_mutex_unlock(&e->following);
    cunik_registry_overlay(&e->registry, &w);
    cunik_supervise_repair(e, &w);
    if (stale)
        cunik_engine_wake(e, NULL);
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
        cunik_supervise_restart(e, now);
        int64_t due = cunik_supervise_next_restart(e, now);
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
