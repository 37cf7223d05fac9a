/* Waiting until what was asked for has come about: every replica, one deadline. */
#include <errno.h>
#include <string.h>

#include "base/memory.h"
#include "engine/engine_internal.h"
#include "engine/verdict.h"

struct await {
    pthread_mutex_t lock;
    pthread_cond_t changed;
    uint64_t n; /* changes seen */
};

static void note_change(void *ctx, const char *name)
{
    struct await *a = ctx;

    (void)name;
    pthread_mutex_lock(&a->lock);
    a->n++;
    pthread_cond_signal(&a->changed);
    pthread_mutex_unlock(&a->lock);
}

/* Judges all; what is missing goes to *missing, and *due_ns becomes when time alone may change it.
 */
static enum verdict judge_all(struct engine *e, const struct world *desired, const bool *in,
                              struct strv *missing, int64_t *due_ns)
{
    enum verdict worst = VERDICT_HEALTHY;

    for (size_t i = 0; i < desired->n_cuniks; i++) {
        _cleanup_free_ char *why = NULL;
        struct live l;
        if (in && !in[i])
            continue;
        cunik_registry_look(&e->registry, desired->cuniks[i].name, &l);
        enum verdict v = cunik_verdict(&l, cunik_engine_now(e), 0, &why, due_ns);
        free(l.reason);
        if (cunik_verdict_is_well(v))
            continue;
        /* What has failed is the reason, not what is on its way. */
        if (v == VERDICT_FAILED && worst != VERDICT_FAILED)
            cunik_strv_done(missing);
        if (v == VERDICT_FAILED || worst != VERDICT_FAILED)
            cunik_strv_addf(missing, "'%s' %s", desired->cuniks[i].name, why);
        worst = v > worst ? v : worst;
    }
    return worst;
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
        if (cunik_verdict_is_well(v))
            r = confirm(e, desired, in, &confirmed, err) < 0 ? -EIO : !confirmed;
        else if (v == VERDICT_FAILED)
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
