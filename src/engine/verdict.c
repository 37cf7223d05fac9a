#include "engine/verdict.h"

#include "base/memory.h"
#include "base/time.h"

/* A guest that nobody checks counts as up when it has been for so long. */
static const int64_t stay_up_ns = NS_PER_SECOND;

static const char *const words[] = {
    [VERDICT_HEALTHY] = "healthy",     [VERDICT_RUNNING] = "running",
    [VERDICT_COMPLETED] = "completed", [VERDICT_WAITING] = "waiting",
    [VERDICT_STOPPED] = "not started", [VERDICT_FAILED] = "failed",
};
_Static_assert(ARRAY_SIZE(words) == VERDICT_MAX_, "every verdict has its word");

const char *cunik_verdict_name(enum verdict v)
{
    return words[v];
}

static enum verdict judge_running(const struct live *l, int64_t now_ns, int64_t monitor_ns,
                                  const char **what, int64_t *due_ns)
{
    int64_t stay = l->checked || monitor_ns > stay_up_ns ? monitor_ns : stay_up_ns;
    int64_t stays = l->started_ns + stay;

    if (l->checked && l->health == HEALTH_UNHEALTHY) {
        *what = "is unhealthy";
        return VERDICT_FAILED;
    }
    if (l->checked && l->health != HEALTH_HEALTHY) {
        *what = "is not healthy yet";
        return VERDICT_WAITING;
    }
    if (now_ns >= stays)
        return l->checked ? VERDICT_HEALTHY : VERDICT_RUNNING;
    *what = "has only just started";
    if (stays < *due_ns)
        *due_ns = stays;
    return VERDICT_WAITING;
}

enum verdict cunik_verdict(const struct live *l, int64_t now_ns, int64_t monitor_ns, char **ret_why,
                           int64_t *due_ns)
{
    _cleanup_free_ char *made = NULL;
    const char *what = NULL;
    bool reason = l->reason && *l->reason;
    enum verdict v = VERDICT_STOPPED;

    if (cunik_registry_completed(l)) {
        v = VERDICT_COMPLETED;
    } else if (l->state == CUNIK_RUNNING) {
        v = judge_running(l, now_ns, monitor_ns, &what, due_ns);
    } else if (l->state == CUNIK_EXITED) {
        v = VERDICT_FAILED;
        what = made = cunik_asprintf("has ended (%s, status %lld)", cunik_end_name(l->end),
                                     (long long)l->exit_code);
    } else if (l->state == CUNIK_RESTARTING && l->crashes >= CRASH_LOOP) {
        v = VERDICT_FAILED;
        what = "does not stay up";
    } else {
        v = l->state == CUNIK_RESTARTING || l->state == CUNIK_PAUSED ? VERDICT_WAITING
                                                                     : VERDICT_STOPPED;
        what = made = cunik_asprintf("is %s", cunik_state_name(l->state));
    }
    if (what)
        *ret_why = cunik_asprintf("%s%s%s", what, reason ? ": " : "", reason ? l->reason : "");
    return v;
}
