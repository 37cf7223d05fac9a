/* What follows from a job's end, and telling of it. Events go out with the lock held, so that those
 * of one step are in order. */
#include <string.h>

#include "base/memory.h"
#include "engine/apply_internal.h"

/* What is ready */

void cunik_apply_push(struct apply *a, size_t job)
{
    size_t i = a->n_ready++;

    a->jobs[job].state = JOB_READY;
    while (i && a->ready[(i - 1) / 2] > job) {
        a->ready[i] = a->ready[(i - 1) / 2];
        i = (i - 1) / 2;
    }
    a->ready[i] = job;
    pthread_cond_signal(&a->work);
}

size_t cunik_apply_pop(struct apply *a)
{
    size_t first = a->ready[0], last = a->ready[--a->n_ready], i = 0;

    for (;;) {
        size_t child = 2 * i + 1;
        if (child >= a->n_ready)
            break;
        if (child + 1 < a->n_ready && a->ready[child + 1] < a->ready[child])
            child++;
        if (a->ready[child] >= last)
            break;
        a->ready[i] = a->ready[child];
        i = child;
    }
    a->ready[i] = last;
    return first;
}

/* Telling */

/* What a step has made of its cunik. */
static const char *state_after(const struct apply *a, const struct plan_step *step)
{
    const struct world_cunik *c = cunik_map_get(&a->things.desired_cuniks, step->name);

    if (step->kind != PLAN_CUNIK)
        return NULL;
    return cunik_state_name(c ? c->status.state : CUNIK_ABSENT);
}

void cunik_apply_tell(const struct apply *a, size_t job, enum event_phase phase,
                      const char *message, const char *code)
{
    if (job >= a->s->plan->n)
        return;
    const struct plan_step *step = &a->s->plan->steps[job];
    const struct event e = {
        .type = EVENT_STEP,
        .time_ms = a->s->clock->wall_ms(a->s->clock->ctx),
        .stack = a->s->stack,
        .kind = cunik_plan_kind_name(step->kind),
        .name = step->name,
        .service = step->service,
        .verb = cunik_plan_verb_name(step->verb),
        .phase = phase,
        .state = phase == PHASE_DONE ? state_after(a, step) : NULL,
        .message = message,
        .code = code,
        .exit_code = -1,
    };
    a->s->emit(a->s->ctx, &e);
}

void cunik_apply_warn(const struct apply *a, const char *message)
{
    const struct event e = {.type = EVENT_WARNING,
                            .time_ms = a->s->clock->wall_ms(a->s->clock->ctx),
                            .stack = a->s->stack,
                            .message = message,
                            .exit_code = -1};

    a->s->emit(a->s->ctx, &e);
}

void cunik_apply_fail(struct apply *a, size_t job, enum error_code code, const char *message)
{
    *ARRAY_APPEND(a->failures, a->n_failures) =
        (struct failure){.job = job, .code = code, .message = cunik_strdup(message)};
}

/* Ends of jobs */

void cunik_apply_skip(struct apply *a, size_t job, const char *why)
{
    if (a->jobs[job].state != JOB_BLOCKED)
        return;
    cunik_apply_tell(a, job, PHASE_SKIPPED, why, NULL);
    cunik_apply_settle(a, job, JOB_SKIPPED);
}

void cunik_apply_release(struct apply *a, size_t job)
{
    if (a->jobs[job].state != JOB_BLOCKED || --a->jobs[job].pending)
        return;
    if (a->abandoned)
        cunik_apply_skip(a, job, "cancelled");
    else if (a->n_turns && job >= a->first_turn)
        cunik_apply_turn_begin(a, job);
    else
        cunik_apply_push(a, job);
}

static void follow(struct apply *a, size_t job, const struct follower *f)
{
    enum job_state state = a->jobs[job].state;

    if (state == JOB_DONE && f->condition != DEPEND_STARTED)
        cunik_apply_await(a, f->job, a->s->plan->steps[job].name, f->condition, f->required);
    else if (state == JOB_DONE || !f->required)
        cunik_apply_release(a, f->job);
    else
        cunik_apply_skip(a, f->job, "something it needs failed");
}

static void drain(struct apply *a)
{
    a->draining = true;
    while (a->n_settled) {
        size_t job = a->settled[--a->n_settled];
        for (size_t i = 0; i < a->jobs[job].n_followers; i++)
            follow(a, job, &a->jobs[job].followers[i]);
    }
    a->draining = false;
}

void cunik_apply_settle(struct apply *a, size_t job, enum job_state state)
{
    a->jobs[job].state = state;
    a->n_left--;
    if (job < a->s->plan->n && a->s->plan->steps[job].kind == PLAN_CUNIK)
        a->s->released(a->s->ctx, a->s->plan->steps[job].name);
    a->settled[a->n_settled++] = job;
    if (!a->draining)
        drain(a);
    if (!a->n_left) {
        a->over = true;
        pthread_cond_broadcast(&a->work);
        pthread_cond_signal(&a->ended);
    }
}

void cunik_apply_precede(struct apply *a, size_t first, size_t then,
                         enum depend_condition condition, bool required)
{
    struct job *j = &a->jobs[first];

    *ARRAY_APPEND(j->followers, j->n_followers) =
        (struct follower){.job = then, .condition = condition, .required = required};
    a->jobs[then].pending++;
}
