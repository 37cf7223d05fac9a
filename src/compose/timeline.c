#include "compose/timeline.h"

#include <string.h>

#include "base/memory.h"
#include "base/text.h"

void cunik_timeline_init(struct timeline *t, int64_t begin_ms, bool wait)
{
    *t = (struct timeline){.begin_ms = begin_ms, .wait = wait};
}

void cunik_timeline_done(struct timeline *t)
{
    for (size_t i = 0; i < t->plan.n && t->steps; i++)
        free(t->steps[i].message);
    for (size_t i = 0; i < t->n_guests; i++)
        free(t->guests[i].name);
    free(t->steps);
    free(t->guests);
    cunik_plan_done(&t->plan);
    *t = (struct timeline){0};
}

const struct timeline_guest *cunik_timeline_guest(const struct timeline *t, const char *name)
{
    for (size_t i = 0; i < t->n_guests; i++)
        if (strcmp(t->guests[i].name, name) == 0)
            return &t->guests[i];
    return NULL;
}

static struct timeline_guest *guest(struct timeline *t, const char *name)
{
    struct timeline_guest *g = (struct timeline_guest *)cunik_timeline_guest(t, name);

    if (!g) {
        g = ARRAY_APPEND(t->guests, t->n_guests);
        g->name = cunik_strdup(name);
    }
    return g;
}

/* A request may be planned again: the last plan counts. */
static void take_plan(struct timeline *t, const struct event *e)
{
    struct plan plan = {0};

    if (!e->data || cunik_plan_from_json(e->data, &plan, NULL) < 0)
        return;
    struct timeline old = *t;
    *t = (struct timeline){.begin_ms = old.begin_ms, .wait = old.wait, .plan_ms = e->time_ms};
    t->plan = plan;
    t->steps = cunik_calloc(plan.n, sizeof(*t->steps));
    cunik_timeline_done(&old);
}

static struct timeline_step *step_of(struct timeline *t, const struct event *e)
{
    for (size_t i = 0; i < t->plan.n; i++) {
        const struct plan_step *s = &t->plan.steps[i];
        if (cunik_text_equal(cunik_plan_kind_name(s->kind), e->kind) &&
            cunik_text_equal(s->name, e->name) &&
            cunik_text_equal(cunik_plan_verb_name(s->verb), e->verb))
            return &t->steps[i];
    }
    return NULL;
}

static void take_step(struct timeline *t, const struct event *e)
{
    struct timeline_step *s = step_of(t, e);

    if (!s)
        return;
    s->phase = e->phase;
    if (e->phase == PHASE_WAITING)
        s->waiting_ms = e->time_ms;
    else if (e->phase == PHASE_BEGIN)
        s->begin_ms = e->time_ms;
    else
        s->end_ms = e->time_ms;
    if (e->message)
        cunik_replace(&s->message, e->message);
}

/* First times count: what a guest does later, such as a restart, is not its start. */
static void note(int64_t *at, int64_t time_ms)
{
    if (!*at)
        *at = time_ms;
}

static void take_state(struct timeline *t, const struct event *e)
{
    struct timeline_guest *g = guest(t, e->name);

    if (cunik_text_equal(e->state, "created")) {
        note(&g->created_ms, e->time_ms);
    } else if (cunik_text_equal(e->state, "running")) {
        note(&g->started_ms, e->time_ms);
    } else if (cunik_text_equal(e->state, "exited") && g->started_ms && !g->ended_ms) {
        g->ended_ms = e->time_ms;
        g->exit_code = e->exit_code;
    }
}

void cunik_timeline_event(struct timeline *t, const struct event *e)
{
    t->end_ms = e->time_ms > t->end_ms ? e->time_ms : t->end_ms;
    if (e->type == EVENT_PLAN)
        take_plan(t, e);
    else if (e->type == EVENT_STEP && e->name && e->phase != PHASE_NONE)
        take_step(t, e);
    else if (e->type == EVENT_STATE && e->name)
        take_state(t, e);
    else if (e->type == EVENT_CONSOLE && e->name)
        note(&guest(t, e->name)->spoke_ms, e->time_ms);
    else if (e->type == EVENT_HEALTH && e->name && cunik_text_equal(e->state, "healthy"))
        note(&guest(t, e->name)->healthy_ms, e->time_ms);
}

/* What was waited for */

/* When a cunik whose step ended then (or that was there at the plan) was so far; 0 = never. */
static int64_t met(const struct timeline *t, const char *cunik, int64_t ended_ms,
                   enum depend_condition condition)
{
    const struct timeline_guest *g = cunik_timeline_guest(t, cunik);
    int64_t at = 0;

    if (g && condition == DEPEND_HEALTHY)
        at = g->healthy_ms;
    else if (g && condition == DEPEND_COMPLETED)
        at = g->ended_ms;
    return at > ended_ms ? at : ended_ms;
}

struct timeline_blocker cunik_timeline_blocker(const struct timeline *t, size_t step)
{
    const struct plan_step *s = &t->plan.steps[step];
    struct timeline_blocker b = {.met_ms = t->plan_ms, .step = SIZE_MAX};

    for (size_t i = 0; i < s->n_after; i++) {
        const struct plan_edge *e = &s->after[i];
        int64_t at = met(t, t->plan.steps[e->step].name, t->steps[e->step].end_ms, e->condition);
        if (at >= b.met_ms && t->steps[e->step].end_ms)
            b = (struct timeline_blocker){at, e->step, NULL, e->condition};
    }
    for (size_t i = 0; i < s->n_waits; i++) {
        int64_t at = met(t, s->waits[i].cunik, t->plan_ms, s->waits[i].condition);
        if (at > b.met_ms)
            b = (struct timeline_blocker){at, SIZE_MAX, s->waits[i].cunik, s->waits[i].condition};
    }
    return b;
}
