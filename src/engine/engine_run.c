/* Carrying a plan out: what the apply asks of the engine. */
#include <string.h>

#include "base/memory.h"
#include "engine/engine_internal.h"

/* What the apply's calls get. */
struct engine_run {
    struct engine *e;
    struct slot *slot;
    struct prepared *prepared;
    const struct event_sink *sink;
    struct map steps_left; /* of each cunik: a counter in `counters` */
    size_t *counters;
    struct apply *apply;
};

static int run_rules(void *ctx, struct error **err)
{
    return cunik_engine_rules(((struct engine_run *)ctx)->e, err);
}

static int run_start(void *ctx, const struct world_cunik *c, struct error **err)
{
    const struct engine_run *run = ctx;
    bool resumed = run->prepared->options.resume;

    return cunik_engine_start_cunik(run->e, c, resumed ? START_RESUMED : START_ASKED, err);
}

static int run_stop(void *ctx, const struct world_cunik *c, bool kill, int64_t grace_ns,
                    struct error **err)
{
    return cunik_engine_stop_cunik(((struct engine_run *)ctx)->e, c, kill, grace_ns, err);
}

/* Somebody may have taken it since the plan was made: then it stays, and that is said. */
static int run_volume_remove(void *ctx, const char *name, struct error **err)
{
    const struct engine_run *run = ctx;
    _cleanup_error_ struct error *why = NULL;
    int r = cunik_engine_volume_drop(run->e, run->slot, name, &why);

    if (r == 0 || !why || (why->code != ERROR_CONFLICT && why->code != ERROR_NOT_FOUND))
        return cunik_error_pass(err, r, &why);
    if (why->code == ERROR_CONFLICT) {
        _cleanup_free_ char *text = cunik_asprintf("%s; it is left alone", why->message);
        cunik_engine_warn(run->e, run->sink, run->slot->stack, text);
    }
    return 0;
}

static void run_updated(void *ctx, const struct world_cunik *c, const struct world_cunik *old)
{
    cunik_engine_update_cunik(((struct engine_run *)ctx)->e, c, old);
}

static void run_emit(void *ctx, const struct event *event)
{
    struct engine_run *run = ctx;

    cunik_engine_emit(run->e, run->sink, event);
}

static void run_roll_back(void *ctx, const char *service)
{
    cunik_strv_add(&((struct engine_run *)ctx)->prepared->rollback, service);
}

static char *run_ended_by(void *ctx, const char *service)
{
    const struct engine_run *run = ctx;

    return cunik_engine_ended_by(run->e, run->slot, service);
}

static void run_released(void *ctx, const char *name)
{
    struct engine_run *run = ctx;
    size_t *left = cunik_map_get(&run->steps_left, name);

    if (!left || --*left)
        return;
    cunik_registry_hold(&run->e->registry, name, false);
    cunik_engine_wake(run->e, name);
}

static void run_changed(void *ctx, const char *name)
{
    cunik_apply_poke(((struct engine_run *)ctx)->apply, name);
}

void cunik_engine_hold(struct engine *e, const struct plan *plan, bool hold)
{
    pthread_mutex_lock(&e->following);
    for (size_t i = 0; i < plan->n; i++)
        if (plan->steps[i].kind == PLAN_CUNIK)
            cunik_registry_hold(&e->registry, plan->steps[i].name, hold);
    pthread_mutex_unlock(&e->following);
}

static void count_steps(struct engine_run *run, const struct plan *plan)
{
    run->counters = cunik_calloc(plan->n, sizeof(*run->counters));
    for (size_t i = 0; i < plan->n; i++) {
        if (plan->steps[i].kind != PLAN_CUNIK)
            continue;
        size_t *left = cunik_map_get(&run->steps_left, plan->steps[i].name);
        if (!left) {
            left = &run->counters[i];
            cunik_map_add(&run->steps_left, plan->steps[i].name, left);
        }
        ++*left;
    }
}

int cunik_engine_run_plan(struct engine *e, struct prepared *p, const struct request *r,
                          const struct event_sink *sink, const _Atomic bool *cancel,
                          int64_t deadline_ns, struct error **err)
{
    struct engine_run run = {
        .e = e, .slot = cunik_engine_slot(e, p->options.stack), .prepared = p, .sink = sink};
    const struct apply_settings settings = {
        .host = &e->host,
        .clock = e->clock,
        .registry = &e->registry,
        .stack = p->options.stack,
        .plan = &p->plan,
        .actual = &p->observed,
        .desired = &p->desired,
        .whole = p->whole,
        .kill = r && r->action == ACTION_KILL,
        .pace = p->options.pace,
        .grace_ns = r ? r->stop_grace_ns : -1,
        .parallel = r ? (size_t)r->parallel : 0,
        .deadline_ns = deadline_ns,
        .cancel = cancel,
        .ctx = &run,
        .rules = run_rules,
        .start = run_start,
        .stop = run_stop,
        .volume_remove = run_volume_remove,
        .updated = run_updated,
        .roll_back = run_roll_back,
        .ended_by = run_ended_by,
        .released = run_released,
        .emit = run_emit,
    };

    count_steps(&run, &p->plan);
    run.apply = cunik_apply_create(&settings);
    struct listener listener = {.changed = run_changed, .ctx = &run};
    cunik_engine_listen(e, &listener);
    int e_ = cunik_apply_run(run.apply, err);
    cunik_engine_unlisten(e, &listener);
    cunik_apply_destroy(run.apply);
    cunik_map_done(&run.steps_left);
    free(run.counters);
    return e_;
}
