/* Waiting until what was asked for has come about: every replica, one deadline. */
#include <errno.h>
#include <string.h>

#include "base/memory.h"
#include "engine/engine_internal.h"

struct await {
    pthread_mutex_t lock;
    pthread_cond_t changed;
    uint64_t n; /* changes seen */
};

enum verdict { PENDING, READY, FAILED };

/* A guest that nobody checks counts as up when it has been for so long. */
static const int64_t stay_up_ns = 1000000000;

static void note_change(void *ctx, const char *name)
{
    struct await *a = ctx;

    (void)name;
    pthread_mutex_lock(&a->lock);
    a->n++;
    pthread_cond_signal(&a->changed);
    pthread_mutex_unlock(&a->lock);
}

/* What to say of a cunik that is not as it should be. */
static char *complain(const struct world_cunik *c, const struct live *l, const char *what)
{
    bool reason = l->reason && *l->reason;

    return cunik_asprintf("'%s' %s%s%s", c->name, what, reason ? ": " : "",
                          reason ? l->reason : "");
}

static enum verdict judge_running(struct engine *e, const struct world_cunik *c,
                                  const struct live *l, char **ret_why, int64_t *due_ns)
{
    int64_t stays = l->started_ns + stay_up_ns;

    if (l->checked && l->health == HEALTH_HEALTHY)
        return READY;
    if (l->checked && l->health == HEALTH_UNHEALTHY) {
        *ret_why = complain(c, l, "is unhealthy");
        return FAILED;
    }
    if (!l->checked && cunik_engine_now(e) >= stays)
        return READY;
    *ret_why = complain(c, l, l->checked ? "is not healthy yet" : "has only just started");
    if (!l->checked && stays < *due_ns)
        *due_ns = stays;
    return PENDING;
}

/* *ret_why, when it is not READY, says what is missing; *due_ns becomes when time alone may change
 * that, if it is sooner. */
static enum verdict judge(struct engine *e, const struct world_cunik *c, char **ret_why,
                          int64_t *due_ns)
{
    struct live l;
    enum verdict v = PENDING;

    cunik_registry_look(&e->registry, c->name, &l);
    if (cunik_registry_completed(&l)) {
        v = READY;
    } else if (l.crashes >= CRASH_LOOP && l.state == CUNIK_RESTARTING) {
        v = FAILED;
        *ret_why = complain(c, &l, "does not stay up");
    } else if (l.state == CUNIK_RUNNING) {
        v = judge_running(e, c, &l, ret_why, due_ns);
    } else if (l.state == CUNIK_EXITED) {
        _cleanup_free_ char *end = cunik_asprintf("has ended (%s, status %lld)",
                                                  cunik_end_name(l.end), (long long)l.exit_code);
        v = FAILED;
        *ret_why = complain(c, &l, end);
    } else {
        _cleanup_free_ char *is = cunik_asprintf("is %s", cunik_state_name(l.state));
        *ret_why = complain(c, &l, is);
    }
    free(l.reason);
    return v;
}

/* Judges all; what is missing goes to *missing. */
static enum verdict judge_all(struct engine *e, const struct world *desired, const bool *in,
                              struct strv *missing, int64_t *due_ns)
{
    enum verdict all = READY;

    for (size_t i = 0; i < desired->n_cuniks; i++) {
        char *why = NULL;
        if (in && !in[i])
            continue;
        enum verdict v = judge(e, &desired->cuniks[i], &why, due_ns);
        if (v == READY)
            continue;
        /* What has failed is the reason, not what is on its way. */
        if (v == FAILED && all != FAILED)
            cunik_strv_done(missing);
        if (v == FAILED || all != FAILED)
            cunik_strv_take(missing, why);
        else
            free(why);
        if (all != FAILED)
            all = v;
    }
    return all;
}

/* Whether the host says so, too: what ended a moment ago may not have been noticed yet. When not,
 * the supervisor is told to look, and what it sees changes the registry. */
static int confirm(struct engine *e, const struct world *desired, const bool *in, bool *ret,
                   struct error **err)
{
    _cleanup_world_ struct world w = {0};
    _cleanup_map_ struct map seen = {0};
    int r = e->host.ops->observe(e->host.ctx, &w, err);

    *ret = true;
    for (size_t i = 0; i < w.n_cuniks; i++)
        cunik_map_add(&seen, w.cuniks[i].name, &w.cuniks[i]);
    for (size_t i = 0; r == 0 && *ret && i < desired->n_cuniks; i++) {
        struct live l;
        if (in && !in[i])
            continue;
        const struct world_cunik *c = cunik_map_get(&seen, desired->cuniks[i].name);
        cunik_registry_look(&e->registry, desired->cuniks[i].name, &l);
        *ret = cunik_registry_completed(&l) || (c && c->status.state == CUNIK_RUNNING);
        free(l.reason);
    }
    if (!*ret)
        cunik_engine_wake(e, NULL);
    return r;
}

static int say_missing(const struct strv *missing, enum error_code code, const char *what,
                       struct error **err)
{
    _cleanup_free_ char *text =
        missing->n ? cunik_strv_join(missing, "\n") : cunik_strdup("a guest has just ended");

    return cunik_error_set(err, code, "%s%s", what, text);
}

int cunik_engine_await(struct engine *e, const struct world *desired, const bool *in,
                       int64_t deadline_ns, const _Atomic bool *cancel, struct error **err)
{
    struct await a = {.n = 0};
    struct listener listener = {.changed = note_change, .ctx = &a};
    int r = 1;

    pthread_mutex_init(&a.lock, NULL);
    cunik_clock_cond_init(&a.changed);
    cunik_engine_listen(e, &listener);
    while (r > 0) {
        _cleanup_strv_ struct strv missing = {0};
        pthread_mutex_lock(&a.lock);
        uint64_t seen = a.n;
        pthread_mutex_unlock(&a.lock);
        int64_t due = deadline_ns;
        enum verdict v = judge_all(e, desired, in, &missing, &due);
        bool confirmed = false;
        if (v == READY)
            r = confirm(e, desired, in, &confirmed, err) < 0 ? -EIO : !confirmed;
        else if (v == FAILED)
            r = say_missing(&missing, ERROR_FAILED, "", err);
        if (r > 0 && cancel && *cancel)
            r = cunik_error_set(err, ERROR_CANCELLED, "cancelled");
        else if (r > 0 && cunik_engine_now(e) >= deadline_ns)
            r = say_missing(&missing, ERROR_TIMEOUT, "not in time: ", err);
        if (r <= 0)
            break;
        pthread_mutex_lock(&a.lock);
        if (a.n == seen)
            e->clock->wait(e->clock->ctx, &a.changed, &a.lock, due);
        pthread_mutex_unlock(&a.lock);
    }
    cunik_engine_unlisten(e, &listener);
    pthread_cond_destroy(&a.changed);
    pthread_mutex_destroy(&a.lock);
    return r;
}
