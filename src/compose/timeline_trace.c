/* The timeline as a document for trace viewers. */
#include <string.h>

#include "base/json.h"
#include "base/memory.h"
#include "compose/timeline.h"

enum { PROCESS = 1, REQUEST_ROW = 1, FIRST_ROW = 2 };

/* What all of one trace share. */
struct trace {
    const struct timeline *t;
    json_t *events;
    int64_t arrows;
};

static json_t *put(struct trace *x, const char *phase, const char *name, size_t row, int64_t ms)
{
    json_t *e = json_object();

    cunik_json_set_string(e, "ph", phase);
    cunik_json_set_string(e, "name", name);
    cunik_json_set_int(e, "pid", PROCESS);
    cunik_json_set_int(e, "tid", (int64_t)row);
    cunik_json_set_int(e, "ts", (ms - x->t->begin_ms) * 1000);
    cunik_json_append(x->events, e);
    return e;
}

static json_t *slice(struct trace *x, const char *category, const char *name, size_t row,
                     int64_t from_ms, int64_t to_ms)
{
    if (!from_ms || to_ms < from_ms)
        return NULL;
    json_t *e = put(x, "X", name, row, from_ms);
    cunik_json_set_int(e, "dur", (to_ms - from_ms) * 1000);
    cunik_json_set_string(e, "cat", category);
    return e;
}

static void mark(struct trace *x, const char *name, size_t row, int64_t ms)
{
    if (ms)
        cunik_json_set_string(put(x, "i", name, row, ms), "s", "t");
}

static void name_row(struct trace *x, size_t row, const char *name)
{
    json_t *e = put(x, "M", "thread_name", row, x->t->begin_ms), *arguments = json_object();
    json_t *order = put(x, "M", "thread_sort_index", row, x->t->begin_ms), *index = json_object();

    cunik_json_set_string(arguments, "name", name);
    cunik_json_set(e, "args", arguments);
    cunik_json_set_int(index, "sort_index", (int64_t)row);
    cunik_json_set(order, "args", index);
}

/* An arrow between two rows, the end of which binds to the slice that begins there. */
static void arrow(struct trace *x, size_t from_row, int64_t from_ms, size_t to_row, int64_t to_ms)
{
    json_t *from = put(x, "s", "needs", from_row, from_ms);
    json_t *to = put(x, "f", "needs", to_row, to_ms);

    x->arrows++;
    cunik_json_set_string(from, "cat", "needs");
    cunik_json_set_int(from, "id", x->arrows);
    cunik_json_set_string(to, "cat", "needs");
    cunik_json_set_int(to, "id", x->arrows);
    cunik_json_set_string(to, "bp", "e");
}

static void put_waiting(struct trace *x, size_t i, int64_t begin_ms)
{
    const struct timeline_step *s = &x->t->steps[i];
    struct timeline_blocker b = cunik_timeline_blocker(x->t, i);
    int64_t met = b.met_ms < begin_ms ? b.met_ms : begin_ms;
    const char *whom = b.step != SIZE_MAX ? x->t->plan.steps[b.step].name : b.cunik;
    _cleanup_free_ char *text = cunik_asprintf("waits for %s", whom ? whom : "");

    if (whom && met > x->t->plan_ms) {
        json_t *e = slice(x, "waiting", text, FIRST_ROW + i, x->t->plan_ms, met);
        if (e && s->waiting_ms && s->message && s->phase == PHASE_DONE)
            cunik_json_set(e, "args", json_pack("{s:s}", "for", s->message));
    }
    if (begin_ms > met)
        slice(x, "queued", "queued", FIRST_ROW + i, met, begin_ms);
    if (b.step != SIZE_MAX && s->begin_ms)
        arrow(x, FIRST_ROW + b.step, met, FIRST_ROW + i, s->begin_ms);
}

static json_t *step_arguments(const struct plan_step *p, const struct timeline_step *s)
{
    json_t *arguments = json_object();

    cunik_json_set_strv(arguments, "reasons", &p->reasons);
    cunik_json_set_string(arguments, "outcome", cunik_event_phase_name(s->phase));
    if ((s->phase == PHASE_FAILED || s->phase == PHASE_SKIPPED) && s->message)
        cunik_json_set_string(arguments, "message", s->message);
    return arguments;
}

static void put_guest(struct trace *x, size_t row, const char *name, int64_t ended_ms)
{
    const struct timeline_guest *g = cunik_timeline_guest(x->t, name);

    if (!g)
        return;
    mark(x, "created", row, g->created_ms);
    mark(x, "started", row, g->started_ms);
    mark(x, "first output", row, g->spoke_ms);
    mark(x, "healthy", row, g->healthy_ms);
    mark(x, "ended", row, g->ended_ms);
    if (g->healthy_ms > ended_ms)
        slice(x, "health", "becomes healthy", row, ended_ms, g->healthy_ms);
    else if (!g->healthy_ms && g->ended_ms > ended_ms)
        slice(x, "run", "runs to its end", row, ended_ms, g->ended_ms);
}

static void put_step(struct trace *x, size_t i)
{
    const struct plan_step *p = &x->t->plan.steps[i];
    const struct timeline_step *s = &x->t->steps[i];
    size_t row = FIRST_ROW + i;
    _cleanup_free_ char *name = cunik_asprintf("%s %s", cunik_plan_kind_name(p->kind), p->name);
    /* What never began or never ended did so until the request did. */
    int64_t end = s->end_ms ? s->end_ms : x->t->end_ms;
    int64_t begin = s->begin_ms ? s->begin_ms : end;

    name_row(x, row, name);
    put_waiting(x, i, begin);
    if (s->begin_ms) {
        json_t *e = slice(x, "step", cunik_plan_verb_name(p->verb), row, begin, end);
        if (e)
            cunik_json_set(e, "args", step_arguments(p, s));
    } else {
        mark(x, cunik_event_phase_name(s->phase), row, s->end_ms);
    }
    if (p->kind == PLAN_CUNIK && s->end_ms)
        put_guest(x, row, p->name, s->end_ms);
}

json_t *cunik_timeline_trace(const struct timeline *t)
{
    struct trace x = {.t = t, .events = json_array()};
    json_t *document = json_object();

    name_row(&x, REQUEST_ROW, "request");
    slice(&x, "request", "look at the host and plan", REQUEST_ROW, t->begin_ms, t->plan_ms);
    slice(&x, "request", "carry out", REQUEST_ROW, t->plan_ms, t->end_ms);
    for (size_t i = 0; i < t->plan.n; i++)
        put_step(&x, i);
    cunik_json_set(document, "traceEvents", x.events);
    cunik_json_set_string(document, "displayTimeUnit", "ms");
    cunik_json_set(
        document, "otherData",
        json_pack("{s:s, s:I}", "version", CUNIK_VERSION, "begin_ms", (json_int_t)t->begin_ms));
    return document;
}
