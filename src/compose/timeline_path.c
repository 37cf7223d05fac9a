/* The critical path: what would have to be quicker for the whole to be quicker. */
#include <string.h>

#include "base/memory.h"
#include "base/table.h"
#include "compose/timeline.h"

static const char *const wishes[] = {
    [DEPEND_STARTED] = "be there",
    [DEPEND_HEALTHY] = "be healthy",
    [DEPEND_COMPLETED] = "complete",
};
_Static_assert(ARRAY_SIZE(wishes) == DEPEND_MAX_, "every condition has its words");

static const char *const ways[] = {
    [DEPEND_HEALTHY] = "becomes healthy",
    [DEPEND_COMPLETED] = "runs to its end",
};

/* Takes the texts. Nothing that took no time is worth a line. */
static void add(struct timeline_path *p, int64_t from_ms, int64_t to_ms, char *what, char *why)
{
    if (to_ms <= from_ms) {
        free(what);
        free(why);
        return;
    }
    *ARRAY_APPEND(p->links, p->n) = (struct timeline_link){from_ms, to_ms, what, why};
}

static char *step_text(const struct timeline *t, size_t step)
{
    const struct plan_step *s = &t->plan.steps[step];

    return cunik_asprintf("%s %s %s", cunik_plan_verb_name(s->verb), cunik_plan_kind_name(s->kind),
                          s->name);
}

/* Where the walk stands: a moment at which something was so far, and who waited for it. */
struct at {
    size_t step;       /* SIZE_MAX: not a step's doing */
    const char *cunik; /* then: whose; NULL = the plan */
    enum depend_condition condition;
    int64_t ms;
    const char *waiter; /* NULL = nobody: the end */
};

/* The last thing that the request needed. */
static struct at last(const struct timeline *t)
{
    struct at a = {.step = SIZE_MAX, .ms = t->plan_ms};

    for (size_t i = 0; i < t->plan.n; i++) {
        if (t->steps[i].end_ms > a.ms)
            a = (struct at){i, NULL, DEPEND_STARTED, t->steps[i].end_ms, NULL};
        if (!t->wait || t->plan.steps[i].kind != PLAN_CUNIK || !t->steps[i].begin_ms)
            continue;
        const struct timeline_guest *g = cunik_timeline_guest(t, t->plan.steps[i].name);
        if (g && g->healthy_ms > a.ms)
            a = (struct at){i, NULL, DEPEND_HEALTHY, g->healthy_ms, NULL};
        if (g && !g->healthy_ms && g->ended_ms > a.ms)
            a = (struct at){i, NULL, DEPEND_COMPLETED, g->ended_ms, NULL};
    }
    return a;
}

static char *reason(const struct at *a)
{
    return a->waiter ? cunik_asprintf("%s needs it to %s", a->waiter, wishes[a->condition])
                     : cunik_strdup("");
}

/* The stretch in which the guest itself was waited for; true when that explains the moment. */
static void add_guest(struct timeline_path *p, const struct at *a, const char *cunik,
                      int64_t from_ms)
{
    if (a->condition != DEPEND_STARTED)
        add(p, from_ms, a->ms, cunik_asprintf("%s %s", cunik, ways[a->condition]), reason(a));
}

/* Adds what led to the moment, and steps back to the one before. */
static struct at back(const struct timeline *t, struct timeline_path *p, const struct at *a)
{
    const struct timeline_step *s = &t->steps[a->step];
    const char *name = t->plan.steps[a->step].name;
    struct timeline_blocker b = cunik_timeline_blocker(t, a->step);
    int64_t begin = s->begin_ms ? s->begin_ms : s->end_ms;

    add_guest(p, a, name, s->end_ms);
    add(p, begin, s->end_ms, step_text(t, a->step),
        a->condition == DEPEND_STARTED ? reason(a) : cunik_strdup(""));
    add(p, b.met_ms, begin, cunik_asprintf("%s is in the queue", name), cunik_strdup(""));
    return (struct at){b.step, b.cunik, b.condition, b.met_ms, name};
}

static void reverse(struct timeline_path *p)
{
    for (size_t i = 0; i < p->n / 2; i++) {
        struct timeline_link l = p->links[i];
        p->links[i] = p->links[p->n - 1 - i];
        p->links[p->n - 1 - i] = l;
    }
}

void cunik_timeline_path(const struct timeline *t, struct timeline_path *ret)
{
    *ret = (struct timeline_path){0};
    if (!t->plan_ms)
        return;
    struct at a = last(t);
    add(ret, a.ms, t->end_ms, cunik_strdup("the request ends"), cunik_strdup(""));
    /* Edges go to earlier steps, so this ends. */
    while (a.step != SIZE_MAX)
        a = back(t, ret, &a);
    if (a.cunik)
        add_guest(ret, &a, a.cunik, t->plan_ms);
    add(ret, t->begin_ms, t->plan_ms, cunik_strdup("look at the host and plan"), cunik_strdup(""));
    reverse(ret);
}

void cunik_timeline_path_done(struct timeline_path *p)
{
    for (size_t i = 0; i < p->n; i++) {
        free(p->links[i].what);
        free(p->links[i].why);
    }
    free(p->links);
    *p = (struct timeline_path){0};
}

char *cunik_timeline_text(const struct timeline *t)
{
    static const char *const headings[] = {"AT", "TOOK", "CRITICAL PATH", "WHY"};
    _cleanup_table_ struct table table = {0};
    struct timeline_path p;

    cunik_table_init(&table, headings, ARRAY_SIZE(headings));
    cunik_timeline_path(t, &p);
    for (size_t i = 0; i < p.n; i++) {
        const struct timeline_link *l = &p.links[i];
        cunik_table_cellf(&table, "%.3f s", (double)(l->from_ms - t->begin_ms) / 1000);
        cunik_table_cellf(&table, "%.3f s", (double)(l->to_ms - l->from_ms) / 1000);
        cunik_table_cell(&table, l->what);
        cunik_table_cell(&table, l->why);
    }
    cunik_table_cellf(&table, "%.3f s", (double)(t->end_ms - t->begin_ms) / 1000);
    cunik_table_cell(&table, "");
    cunik_table_cell(&table, "the end");
    cunik_table_cell(&table, "");
    cunik_timeline_path_done(&p);
    return cunik_table_text(&table);
}
