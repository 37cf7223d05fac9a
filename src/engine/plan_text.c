/* A plan for people and for the wire. */
#include <string.h>

#include "base/buffer.h"
#include "base/memory.h"
#include "engine/plan.h"
#include "engine/record_table.h"
#include "engine/world_records.h"

static const char *const symbols[] = {
    [PLAN_CREATE] = "+", [PLAN_UPDATE] = "~", [PLAN_RECREATE] = "~", [PLAN_START] = "▶",
    [PLAN_STOP] = "■",   [PLAN_KILL] = "■",   [PLAN_RESTART] = "~",  [PLAN_REMOVE] = "-",
};
_Static_assert(ARRAY_SIZE(symbols) == PLAN_VERB_MAX_, "every verb has its symbol");

ENUM_NAMES(verbs, PLAN_VERB_MAX_, [PLAN_CREATE] = "create", [PLAN_UPDATE] = "update",
           [PLAN_RECREATE] = "recreate", [PLAN_START] = "start", [PLAN_STOP] = "stop",
           [PLAN_KILL] = "kill", [PLAN_RESTART] = "restart", [PLAN_REMOVE] = "remove");
ENUM_NAMES(
    kinds,
    PLAN_KIND_MAX_, [PLAN_NETWORK] = "network", [PLAN_CUNIK] = "cunik", [PLAN_VOLUME] = "volume");

enum { STEPS_MOST = 1 << 20 };

RECORD_FIELDS(static, edge, struct plan_edge, NULL,
              ROW("step", INT, struct plan_edge, step, NONE, .max = STEPS_MOST,
                  .flags = FIELD_REQUIRED),
              ROW("condition", ENUM, struct plan_edge, condition, NONE,
                  .enumeration = &cunik_world_conditions),
              ROW("required", BOOL, struct plan_edge, required, NONE, .flags = FIELD_TRUE),
              ROW("turn", BOOL, struct plan_edge, turn, NONE));
_Static_assert(sizeof(size_t) == sizeof(int64_t), "an index is read and written as an int64_t");

RECORD_FIELDS(static, wait, struct plan_wait, NULL,
              ROW("cunik", STRING, struct plan_wait, cunik, NONE, .text = TEXT_NAME,
                  .flags = FIELD_REQUIRED),
              ROW("condition", ENUM, struct plan_wait, condition, NONE,
                  .enumeration = &cunik_world_conditions),
              ROW("required", BOOL, struct plan_wait, required, NONE, .flags = FIELD_TRUE));

RECORD_FIELDS(
    static, step, struct plan_step, NULL,
    ROW("verb", ENUM, struct plan_step, verb, NONE, .enumeration = &verbs, .flags = FIELD_REQUIRED),
    ROW("kind", ENUM, struct plan_step, kind, NONE, .enumeration = &kinds, .flags = FIELD_REQUIRED),
    ROW("name", STRING, struct plan_step, name, NONE, .text = TEXT_NAME, .flags = FIELD_REQUIRED),
    ROW("service", STRING, struct plan_step, service, NONE, .text = TEXT_SERVICE),
    ROW("reasons", STRV, struct plan_step, reasons, NONE, .text = TEXT_ANY),
    LIST("after", struct plan_step, after, NONE, edge, .most = STEPS_MOST),
    LIST("waits", struct plan_step, waits, NONE, wait, .most = STEPS_MOST));

/* The list of steps has its own names for its members. */
static const struct field plan_fields[] = {
    {.key = "steps",
     .kind = FIELD_LIST,
     .offset = offsetof(struct plan, steps),
     .count = offsetof(struct plan, n),
     .of = &step,
     .most = STEPS_MOST},
    ROW("unchanged", INT, struct plan, unchanged, NONE),
    ROW("warnings", STRV, struct plan, warnings, NONE, .text = TEXT_ANY, .most = STEPS_MOST),
};
static const struct record plan_record = {
    .size = sizeof(struct plan), .fields = plan_fields, .n_fields = ARRAY_SIZE(plan_fields)};

void cunik_plan_done(struct plan *p)
{
    cunik_record_done(&plan_record, p);
}

const char *cunik_plan_verb_name(enum plan_verb v)
{
    return verbs.names[v];
}

const char *cunik_plan_kind_name(enum plan_kind k)
{
    return kinds.names[k];
}

/* "web-1" of "demo-web-1": the stack is known where a plan is read. */
static const char *short_name(const struct plan_step *s)
{
    size_t n = strlen(s->service);

    for (const char *at = s->name; n && (at = strchr(at, '-')); at++)
        if (strncmp(at + 1, s->service, n) == 0 && at[n + 1] == '-' && at[n + 2] &&
            strspn(at + n + 2, "0123456789") == strlen(at + n + 2))
            return at + 1;
    return s->name;
}

static void step_text(const struct plan_step *s, struct buffer *b)
{
    _cleanup_free_ char *reasons = cunik_strv_join(&s->reasons, "; ");

    bool plain = s->kind == PLAN_CUNIK; /* what a plan is about is not said */

    cunik_buffer_printf(b, "%s %s %s%s%s: %s\n", symbols[s->verb], verbs.names[s->verb],
                        plain ? "" : kinds.names[s->kind], plain ? "" : " ", short_name(s),
                        reasons);
}

char *cunik_plan_text(const struct plan *p)
{
    struct buffer b = {0};
    size_t counts[PLAN_VERB_MAX_] = {0};
    const char *comma = "";

    if (!p->n)
        return cunik_strdup("Nothing to do.\n");
    for (size_t i = 0; i < p->n; i++) {
        step_text(&p->steps[i], &b);
        counts[p->steps[i].verb]++;
    }
    for (enum plan_verb v = 0; v < PLAN_VERB_MAX_; v++) {
        if (!counts[v])
            continue;
        cunik_buffer_printf(&b, "%s%zu to %s", comma, counts[v], verbs.names[v]);
        comma = ", ";
    }
    cunik_buffer_printf(&b, ", %zu unchanged.\n", p->unchanged);
    return cunik_buffer_take(&b);
}

json_t *cunik_plan_to_json(const struct plan *p)
{
    return cunik_record_to_json(&plan_record, p);
}

int cunik_plan_from_json(const json_t *json, struct plan *ret, struct error **err)
{
    _cleanup_plan_ struct plan p = {0};

    int r = cunik_record_from_json(&plan_record, json, "", &p, err);
    if (r < 0)
        return r;
    for (size_t i = 0; i < p.n; i++)
        for (size_t k = 0; k < p.steps[i].n_after; k++)
            if (p.steps[i].after[k].step >= i)
                return cunik_error_set(err, ERROR_INVALID,
                                       "'steps[%zu].after[%zu].step' must be an earlier step", i,
                                       k);
    *ret = p;
    p = (struct plan){0};
    return 0;
}
