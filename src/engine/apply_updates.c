/* Services whose copies are updated some at a time, and watched.
 *
 * Each step that recreates a copy of a service with an update_config is followed by a job of its
 * own, its turn: it lasts until the copy has proved well (as `up --wait` sees it, and for as long
 * as `monitor` says), and then for `delay`. The plan says which copy comes after which. A copy that
 * could not be made, ends, or is unhealthy within its turn has failed; when more have than the
 * policy puts up with, it says what becomes of the others. A request that waits to end the service
 * calls its update off as soon as that only waits.
 */
#include <string.h>

#include "base/memory.h"
#include "engine/apply_internal.h"
#include "engine/verdict.h"

static int64_t now(const struct apply *a)
{
    return a->s->clock->now(a->s->clock->ctx);
}

/* Setting up */

static const struct world_update *policy_of(const struct apply *a, const struct plan_step *step)
{
    if (step->kind != PLAN_CUNIK || step->verb != PLAN_RECREATE)
        return NULL;
    const struct world_cunik *c = cunik_map_get(&a->things.desired_cuniks, step->name);
    if (!c || c->status.state != CUNIK_RUNNING)
        return NULL;
    return cunik_plan_policy(c, a->s->pace);
}

static size_t update_of(struct apply *a, struct map *seen, const char *service,
                        const struct world_update *policy)
{
    size_t at = (size_t)(uintptr_t)cunik_map_get(seen, service);

    if (!at) {
        *ARRAY_APPEND(a->updates, a->n_updates) =
            (struct update){.service = service, .policy = policy};
        at = a->n_updates;
        cunik_map_add(seen, service, (void *)(uintptr_t)at);
    }
    a->updates[at - 1].n++;
    return at - 1;
}

void cunik_apply_updates_init(struct apply *a)
{
    const struct plan *p = a->s->plan;
    _cleanup_map_ struct map seen = {0};

    a->turn_of = cunik_calloc(p->n, sizeof(*a->turn_of));
    for (size_t i = 0; i < p->n; i++) {
        const struct world_update *policy = policy_of(a, &p->steps[i]);
        if (!policy)
            continue;
        size_t update = update_of(a, &seen, p->steps[i].service, policy);
        *ARRAY_APPEND(a->turns, a->n_turns) =
            (struct turn){.step = i, .update = update, .due_ns = CLOCK_NEVER};
        a->turn_of[i] = a->n_turns;
        cunik_map_add(&a->turn_by_name, p->steps[i].name, (void *)(uintptr_t)a->n_turns);
    }
}

void cunik_apply_updates_place(struct apply *a)
{
    const struct plan *p = a->s->plan;

    for (size_t i = 0; i < a->n_turns; i++)
        cunik_apply_precede(a, a->turns[i].step, a->first_turn + i, DEPEND_STARTED, false);
    for (size_t i = 0; i < p->n; i++)
        for (size_t k = 0; k < p->steps[i].n_after; k++) {
            const struct plan_edge *e = &p->steps[i].after[k];
            if (e->turn && a->turn_of[e->step])
                cunik_apply_precede(a, a->first_turn + a->turn_of[e->step] - 1, i, DEPEND_STARTED,
                                    false);
        }
}

/* Turns */

static void end_turn(struct apply *a, struct turn *t)
{
    t->due_ns = CLOCK_NEVER;
    cunik_apply_settle(a, a->first_turn + (size_t)(t - a->turns), JOB_DONE);
}

static const char *const stopped[] = {
    [UPDATE_PAUSE] = "the update is paused",
    [UPDATE_CONTINUE] = "there is no time left to update it",
    [UPDATE_ROLLBACK] = "the update is undone",
};
_Static_assert(ARRAY_SIZE(stopped) == UPDATE_MAX_, "every action says why the rest is left");

static const char *why_left(const struct update *u)
{
    return u->called_off ? "the update is called off" : stopped[u->policy->action];
}

/* No further copy is touched. */
static void leave_rest(struct apply *a, const struct turn *t)
{
    struct update *u = &a->updates[t->update];

    u->stopped = true;
    for (size_t i = 0; i < a->n_turns; i++)
        if (a->turns[i].update == t->update)
            cunik_apply_skip(a, a->turns[i].step, why_left(u));
}

static void stop(struct apply *a, struct turn *t, enum error_code code, const char *why)
{
    struct update *u = &a->updates[t->update];
    bool back = u->policy->action == UPDATE_ROLLBACK;

    if (u->stopped)
        return;
    _cleanup_free_ char *message = cunik_asprintf(
        "the update of '%s' %s, %zu of %zu done: '%s' %s", u->service,
        back ? "has failed" : "is paused", u->well, u->n, a->s->plan->steps[t->step].name, why);
    cunik_apply_fail(a, t->step, code, message);
    if (back)
        a->s->roll_back(a->s->ctx, u->service);
    leave_rest(a, t);
}

/* late: the deadline has come, whatever the policy puts up with. */
static void fail_turn(struct apply *a, struct turn *t, bool late, const char *why)
{
    struct update *u = &a->updates[t->update];

    u->failed++;
    if (late) {
        stop(a, t, ERROR_TIMEOUT, why);
    } else if (u->policy->action == UPDATE_CONTINUE ||
               (double)u->failed <= u->policy->max_failure_ratio * (double)u->n) {
        _cleanup_free_ char *message =
            cunik_asprintf("the update of '%s' goes on, though '%s' %s", u->service,
                           a->s->plan->steps[t->step].name, why);
        cunik_apply_warn(a, message);
    } else {
        stop(a, t, ERROR_FAILED, why);
    }
    end_turn(a, t);
}

/* Those who come next say whom they wait for. */
static void tell_waiting(struct apply *a, const struct turn *t)
{
    const struct job *j = &a->jobs[a->first_turn + (size_t)(t - a->turns)];
    _cleanup_free_ char *text =
        cunik_asprintf("'%s' to prove well", a->s->plan->steps[t->step].name);

    for (size_t i = 0; i < j->n_followers; i++) {
        struct job *next = &a->jobs[j->followers[i].job];
        if (next->state == JOB_BLOCKED && !next->told_waiting) {
            next->told_waiting = true;
            cunik_apply_tell(a, j->followers[i].job, PHASE_WAITING, text, NULL);
        }
    }
}

static void pass_turn(struct apply *a, struct turn *t)
{
    struct update *u = &a->updates[t->update];

    if (!t->well) {
        t->well = true;
        u->well++;
        t->due_ns = now(a) + u->policy->delay_ns;
    }
    /* The last ones need no pause after them. */
    if (now(a) >= t->due_ns || !a->jobs[a->first_turn + (size_t)(t - a->turns)].n_followers)
        end_turn(a, t);
}

static void look_at(struct apply *a, struct turn *t)
{
    const struct update *u = &a->updates[t->update];
    _cleanup_free_ char *why = NULL;
    int64_t due = CLOCK_NEVER;
    struct live l;

    if (!t->begun || a->jobs[a->first_turn + (size_t)(t - a->turns)].state != JOB_BLOCKED) {
        t->due_ns = CLOCK_NEVER;
        return;
    }
    if (t->well) {
        pass_turn(a, t);
        return;
    }
    cunik_registry_look(a->s->registry, a->s->plan->steps[t->step].name, &l);
    enum verdict v = cunik_verdict(&l, now(a), u->policy->monitor_ns, &why, &due);
    t->due_ns = due;
    if (l.restarts > 0 || l.state == CUNIK_RESTARTING) /* its policy may start it, but it fell */
        fail_turn(a, t, false, "has ended soon after its start");
    else if (cunik_verdict_is_well(v))
        pass_turn(a, t);
    else if (v == VERDICT_FAILED || v == VERDICT_STOPPED)
        fail_turn(a, t, false, why);
    else if (a->timed_out)
        fail_turn(a, t, true, why);
    else
        tell_waiting(a, t);
    free(l.reason);
}

void cunik_apply_turn_begin(struct apply *a, size_t job)
{
    struct turn *t = &a->turns[job - a->first_turn];
    enum job_state state = a->jobs[t->step].state;

    t->begun = true;
    if (state == JOB_DONE)
        look_at(a, t);
    else if (state == JOB_FAILED)
        fail_turn(a, t, false, "could not be recreated");
    else
        cunik_apply_skip(a, job, "");
    pthread_cond_signal(&a->ended); /* something may be due */
}

void cunik_apply_updates_poke(struct apply *a, const char *name)
{
    size_t at = (size_t)(uintptr_t)cunik_map_get(&a->turn_by_name, name);

    if (at)
        look_at(a, &a->turns[at - 1]);
}

/* And not over. */
static bool is_begun(const struct apply *a, const struct turn *t)
{
    return t->begun && a->jobs[a->first_turn + (size_t)(t - a->turns)].state == JOB_BLOCKED;
}

/* Whoever ends the service all the same need not wait until its copies have proved well. */
static void call_off(struct apply *a, struct turn *t)
{
    struct update *u = &a->updates[t->update];
    _cleanup_free_ char *who = a->s->ended_by(a->s->ctx, u->service);

    if (!who)
        return;
    u->called_off = true;
    _cleanup_free_ char *message =
        cunik_asprintf("the update of '%s' is called off for '%s', %zu of %zu done", u->service,
                       who, u->well, u->n);
    cunik_apply_fail(a, t->step, ERROR_CANCELLED, message);
    leave_rest(a, t);
    for (size_t i = 0; i < a->n_turns; i++)
        if (a->turns[i].update == t->update && is_begun(a, &a->turns[i]))
            end_turn(a, &a->turns[i]);
}

int64_t cunik_apply_updates_look(struct apply *a)
{
    int64_t next = CLOCK_NEVER;

    for (size_t i = 0; i < a->n_turns; i++)
        if (is_begun(a, &a->turns[i]) && !a->updates[a->turns[i].update].stopped)
            call_off(a, &a->turns[i]);
    for (size_t i = 0; i < a->n_turns; i++)
        if (a->turns[i].due_ns <= now(a))
            look_at(a, &a->turns[i]);
    for (size_t i = 0; i < a->n_turns; i++)
        next = a->turns[i].due_ns < next ? a->turns[i].due_ns : next;
    return next;
}

void cunik_apply_updates_end(struct apply *a)
{
    for (size_t i = 0; i < a->n_turns; i++)
        look_at(a, &a->turns[i]);
}

bool cunik_apply_update_stopped(const struct apply *a, size_t step, const char **ret_why)
{
    if (step >= a->s->plan->n || !a->turn_of[step])
        return false;
    const struct update *u = &a->updates[a->turns[a->turn_of[step] - 1].update];
    *ret_why = why_left(u);
    return u->stopped;
}

void cunik_apply_updates_done(struct apply *a)
{
    free(a->updates);
    free(a->turns);
    free(a->turn_of);
    cunik_map_done(&a->turn_by_name);
}
