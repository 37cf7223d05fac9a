/* What can be seen to be wrong with a plan before anything is done. */
#include <string.h>

#include "base/memory.h"
#include "engine/engine_internal.h"
#include "engine/parallel.h"

enum { CHECKS_AT_ONCE = 8 };

struct checks {
    struct engine *e;
    const struct world *w;
    const struct world_cunik **cuniks;
    struct error **errors;
    struct strv *warnings;
    size_t n;
};

static void check_one(void *ctx, size_t i)
{
    struct checks *c = ctx;

    int r =
        c->e->host.ops->check(c->e->host.ctx, c->cuniks[i], c->w, &c->warnings[i], &c->errors[i]);
    if (r < 0 && !c->errors[i])
        cunik_error_errno(&c->errors[i], r, "checking '%s'", c->cuniks[i]->name);
}

static bool is_checked(const struct plan_step *s)
{
    return s->kind == PLAN_CUNIK &&
           (s->verb == PLAN_CREATE || s->verb == PLAN_RECREATE || s->verb == PLAN_START);
}

static int gather_checks(struct checks *c, struct strv *ret_warnings, struct error **err)
{
    _cleanup_strv_ struct strv messages = {0};
    enum error_code code = ERROR_FAILED;

    for (size_t i = 0; i < c->n; i++) {
        for (size_t k = 0; k < c->warnings[i].n; k++)
            if (!cunik_strv_has(ret_warnings, c->warnings[i].items[k]))
                cunik_strv_add(ret_warnings, c->warnings[i].items[k]);
        if (!c->errors[i])
            continue;
        if (!messages.n)
            code = c->errors[i]->code;
        /* What is wrong with the host is wrong for all. */
        if (!cunik_strv_has(&messages, c->errors[i]->message))
            cunik_strv_add(&messages, c->errors[i]->message);
    }
    if (!messages.n)
        return 0;
    _cleanup_free_ char *text = cunik_strv_join(&messages, "\n");
    return cunik_error_set(err, code, "%s", text);
}

int cunik_engine_check(struct engine *e, const struct prepared *p, struct strv *ret_warnings,
                       struct error **err)
{
    struct checks c = {.e = e, .w = &p->desired};
    _cleanup_map_ struct map desired = {0};

    for (size_t i = 0; i < p->desired.n_cuniks; i++)
        cunik_map_add(&desired, p->desired.cuniks[i].name, &p->desired.cuniks[i]);
    for (size_t i = 0; i < p->plan.n; i++)
        if (is_checked(&p->plan.steps[i]))
            *ARRAY_APPEND(c.cuniks, c.n) = cunik_map_get(&desired, p->plan.steps[i].name);
    c.errors = cunik_calloc(c.n, sizeof(*c.errors));
    c.warnings = cunik_calloc(c.n, sizeof(*c.warnings));
    cunik_parallel(c.n, CHECKS_AT_ONCE, check_one, &c);
    int r = gather_checks(&c, ret_warnings, err);
    for (size_t i = 0; i < c.n; i++) {
        cunik_error_destroy(c.errors[i]);
        cunik_strv_done(&c.warnings[i]);
    }
    free(c.cuniks);
    free(c.errors);
    free(c.warnings);
    return r;
}
