/* Conditions on cuniks: healthy, completed. Waiting for one takes no thread. */
#include <string.h>

#include "base/buffer.h"
#include "base/memory.h"
#include "engine/apply_internal.h"

static const char *const wishes[] = {
    [DEPEND_STARTED] = "be started",
    [DEPEND_HEALTHY] = "be healthy",
    [DEPEND_COMPLETED] = "complete",
};
_Static_assert(ARRAY_SIZE(wishes) == DEPEND_MAX_, "every condition has its words");

/* 1: so far; 0: not yet; -1: it cannot come any more, *ret_why says why. */
static int judge(struct apply *a, const struct waiting *w, char **ret_why)
{
    struct live l;
    int verdict = 0;

    cunik_registry_look(a->s->registry, w->cunik, &l);
    bool ended = l.state == CUNIK_EXITED || l.state == CUNIK_CREATED || l.state == CUNIK_ABSENT;
    if (w->condition == DEPEND_STARTED && !ended)
        verdict = 1;
    else if (w->condition == DEPEND_HEALTHY && l.state == CUNIK_RUNNING &&
             (l.health == HEALTH_HEALTHY || !l.checked))
        verdict = 1;
    else if (w->condition != DEPEND_HEALTHY && cunik_registry_completed(&l))
        verdict = 1;
    else if (w->condition == DEPEND_HEALTHY && l.health == HEALTH_UNHEALTHY)
        *ret_why =
            cunik_asprintf("'%s' is unhealthy%s%s", w->cunik, *l.reason ? ": " : "", l.reason);
    else if (ended)
        *ret_why = cunik_asprintf("'%s' has ended (%s, status %lld)", w->cunik,
                                  cunik_end_name(l.end), (long long)l.exit_code);
    free(l.reason);
    return *ret_why ? -1 : verdict;
}

static void step_name(const struct apply *a, size_t job, struct buffer *b)
{
    if (job < a->s->plan->n)
        cunik_buffer_printf(b, "'%s'", a->s->plan->steps[job].name);
}

/* A condition that cannot be met any more. */
static void give_up(struct apply *a, struct waiting *w, enum error_code code, const char *why)
{
    _cleanup_buffer_ struct buffer b = {0};

    w->over = true;
    if (a->jobs[w->job].state != JOB_BLOCKED)
        return;
    step_name(a, w->job, &b);
    cunik_buffer_printf(&b, " waits for '%s' to %s: %s", w->cunik, wishes[w->condition], why);
    if (!w->required) {
        cunik_apply_warn(a, cunik_buffer_text(&b));
        cunik_apply_release(a, w->job);
        return;
    }
    cunik_apply_fail(a, w->job, code, cunik_buffer_text(&b));
    cunik_apply_skip(a, w->job, cunik_buffer_text(&b));
}

static void look_at(struct apply *a, size_t i)
{
    struct waiting *w = &a->waitings[i];
    _cleanup_free_ char *why = NULL;

    if (w->over)
        return;
    int verdict = judge(a, w, &why);
    if (verdict < 0) {
        give_up(a, w, ERROR_FAILED, why);
    } else if (verdict > 0) {
        w->over = true;
        cunik_apply_release(a, w->job);
    } else if (!a->jobs[w->job].told_waiting && a->jobs[w->job].state == JOB_BLOCKED) {
        _cleanup_free_ char *text = cunik_asprintf("'%s' to %s", w->cunik, wishes[w->condition]);
        a->jobs[w->job].told_waiting = true;
        cunik_apply_tell(a, w->job, PHASE_WAITING, text, NULL);
    }
}

void cunik_apply_await(struct apply *a, size_t job, const char *cunik,
                       enum depend_condition condition, bool required)
{
    size_t head = (size_t)(uintptr_t)cunik_map_get(&a->waiting_for, cunik);
    struct waiting *w = ARRAY_APPEND(a->waitings, a->n_waitings);

    *w = (struct waiting){
        .cunik = cunik_strdup(cunik), .job = job, .condition = condition, .required = required};
    if (!head) {
        (void)ARRAY_APPEND(a->heads, a->n_heads);
        head = a->n_heads;
        cunik_map_add(&a->waiting_for, cunik, (void *)(uintptr_t)head);
    }
    *ARRAY_APPEND(a->heads[head - 1].items, a->heads[head - 1].n) = a->n_waitings - 1;
    look_at(a, a->n_waitings - 1);
}

void cunik_apply_conditions_poke(struct apply *a, const char *name)
{
    size_t head = (size_t)(uintptr_t)cunik_map_get(&a->waiting_for, name);

    for (size_t i = 0; head && i < a->heads[head - 1].n; i++)
        look_at(a, a->heads[head - 1].items[i]);
}

void cunik_apply_conditions_end(struct apply *a)
{
    for (size_t i = 0; i < a->n_waitings; i++) {
        struct live l;
        if (a->waitings[i].over)
            continue;
        cunik_registry_look(a->s->registry, a->waitings[i].cunik, &l);
        _cleanup_free_ char *reason = l.reason;
        _cleanup_free_ char *why =
            cunik_asprintf("not in time%s%s", reason && *reason ? ": " : "", reason ? reason : "");
        give_up(a, &a->waitings[i], ERROR_TIMEOUT, why);
    }
}

void cunik_apply_conditions_done(struct apply *a)
{
    for (size_t i = 0; i < a->n_waitings; i++)
        free(a->waitings[i].cunik);
    for (size_t i = 0; i < a->n_heads; i++)
        free(a->heads[i].items);
    free(a->waitings);
    free(a->heads);
    cunik_map_done(&a->waiting_for);
}
