/* Carrying a request out. */
#include <string.h>

#include "base/memory.h"
#include "engine/engine_internal.h"
#include "engine/parallel.h"
#include "engine/plan_saved.h"

enum { CHECKS_AT_ONCE = 8, KILLS_AT_ONCE = 32 };

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

/* Checks before the first effect */

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

static int check_all(struct engine *e, const struct prepared *p, struct strv *ret_warnings,
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

/* The whole */

void cunik_engine_emit_plan(struct engine *e, const struct prepared *p,
                            const struct event_sink *sink, const struct strv *warnings)
{
    json_t *json = cunik_plan_to_json(&p->plan);
    const struct event event = {
        .type = EVENT_PLAN, .stack = p->options.stack, .data = json, .exit_code = -1};

    cunik_engine_emit(e, sink, &event);
    json_decref(json);
    for (size_t i = 0; i < p->plan.warnings.n; i++)
        cunik_engine_warn(e, sink, p->options.stack, p->plan.warnings.items[i]);
    for (size_t i = 0; i < warnings->n; i++)
        cunik_engine_warn(e, sink, p->options.stack, warnings->items[i]);
}

static void emit_end(struct engine *e, const struct request *r, const struct prepared *p,
                     const struct event_sink *sink, int result, const struct error *err)
{
    json_t *data =
        json_pack("{s:s, s:I, s:I}", "action", cunik_request_action_name(r->action), "steps",
                  (json_int_t)p->plan.n, "unchanged", (json_int_t)p->plan.unchanged);
    struct event event = {.type = result < 0 ? EVENT_ERROR : EVENT_DONE,
                          .stack = r->stack,
                          .data = data,
                          .exit_code = -1};

    if (result < 0) {
        event.message = err ? err->message : strerror(-result);
        event.code = cunik_error_name(err ? err->code : ERROR_FAILED);
    }
    cunik_engine_emit(e, sink, &event);
    json_decref(data);
}

/* A full disk must not keep guests running: what ends them goes on without the wish, and says so.
 */
static int write_wish(struct engine *e, const struct slot *s, const struct request *r,
                      const struct prepared *p, struct strv *ret_warnings, struct error **err)
{
    _cleanup_error_ struct error *why = NULL;
    bool ends = r->action == ACTION_DOWN || r->action == ACTION_STOP || r->action == ACTION_KILL;
    int e_ = e->host.ops->state_write(e->host.ctx, s->stack, &p->stored, ends ? &why : err);

    if (e_ == 0 || !ends)
        return e_;
    cunik_strv_addf(ret_warnings,
                    "what is wanted of stack '%s' now is not on disk, and an engine that starts "
                    "again before the next request goes by what was wanted before: %s",
                    s->stack, why ? why->message : strerror(-e_));
    return 0;
}

/* Writes the wish down and takes it over; from here on the host is changed. */
static int commit(struct engine *e, struct slot *s, const struct request *r, struct prepared *p,
                  struct strv *ret_warnings, struct error **err)
{
    bool needed = p->plan.n > 0 || (!s->known && r->action != ACTION_DOWN);
    int e_ = 0;

    cunik_engine_mark(p);
    if (needed)
        e_ = write_wish(e, s, r, p, ret_warnings, err);
    pthread_mutex_lock(&e->worlds);
    if (e_ == 0)
        cunik_engine_settle(s, &p->stored, &p->others, needed || s->known);
    s->reserved = NULL;
    pthread_mutex_unlock(&e->worlds);
    return e_;
}

static int forget(struct engine *e, struct slot *s, struct error **err)
{
    int r = e->host.ops->state_write(e->host.ctx, s->stack, NULL, err);

    if (r == 0) {
        pthread_mutex_lock(&e->worlds);
        cunik_world_done(&s->desired);
        s->known = false;
        pthread_mutex_unlock(&e->worlds);
    }
    return r;
}

/* Which cuniks of the desired world the request was about: those it names and their dependencies
 * have a step or were found as they should be; the planner's count is not needed here. */
static bool *awaited(const struct prepared *p, const struct request *r)
{
    bool *in = cunik_calloc(p->desired.n_cuniks, sizeof(*in));
    _cleanup_map_ struct map started = {0};

    for (size_t i = 0; i < p->plan.n; i++)
        cunik_map_add(&started, p->plan.steps[i].name, in);
    for (size_t i = 0; i < p->desired.n_cuniks; i++) {
        const struct world_cunik *c = &p->desired.cuniks[i];
        in[i] = c->status.state == CUNIK_RUNNING &&
                (!r->services.n || cunik_strv_has(&r->services, c->service) ||
                 cunik_map_has(&started, c->name));
    }
    return in;
}

static int run_prepared(struct engine *e, struct slot *s, const struct request *r,
                        struct prepared *p, const struct event_sink *sink,
                        const _Atomic bool *cancel, int64_t deadline_ns, struct error **err)
{
    int e_ = 0;

    /* A stack that goes may have left what no look shows, such as a lone tap. */
    if (p->plan.n || p->whole)
        e_ = cunik_engine_run_plan(e, p, r, sink, cancel, deadline_ns, err);
    if (e_ == 0 && r->action == ACTION_DOWN && !r->services.n && !r->cuniks.n)
        e_ = forget(e, s, err);
    /* Who called it off wants to know what there is now. */
    bool starts =
        r->action == ACTION_UP || r->action == ACTION_START || r->action == ACTION_RESTART;
    if (r->wait || (starts && e_ < 0 && cancel && *cancel)) {
        _cleanup_free_ bool *in = awaited(p, r);
        if (e_ == 0)
            e_ = cunik_engine_await(e, &p->desired, in, deadline_ns, cancel, err);
        cunik_engine_verdicts(e, r->stack, &p->desired, in, sink);
    }
    return e_;
}

/* A plan that was kept is carried out as it was read, or not at all. */
static int check_planned(const struct request *r, const struct plan *plan, struct error **err)
{
    _cleanup_strv_ struct strv now = {0}, changes = {0};

    if (!r->planned)
        return 0;
    cunik_plan_lines(plan, &now);
    cunik_plan_changes(&r->plan_lines, &now, &changes);
    if (!changes.n)
        return 0;
    _cleanup_free_ char *text = cunik_strv_join(&changes, "\n");
    return cunik_error_set(err, ERROR_CONFLICT,
                           "the world has changed since the plan was made:\n%s", text);
}

static int apply_in_turn(struct engine *e, struct slot *s, const struct request *r,
                         const struct event_sink *sink, const _Atomic bool *cancel,
                         int64_t deadline_ns, struct error **err)
{
    _cleanup_strv_ struct strv warnings = {0};
    struct prepared p;
    struct wish_before before;
    struct error *why = NULL;
    int e_ = cunik_engine_prepare(e, s, r, true, &p, err);

    if (e_ < 0)
        return e_;
    cunik_engine_hold(e, &p.plan, true);
    cunik_engine_unhold(e, s);
    e_ = check_planned(r, &p.plan, &why);
    if (e_ == 0)
        e_ = check_all(e, &p, &warnings, &why);
    if (e_ == 0)
        e_ = cunik_engine_keep_files(e, &p, r, &why);
    if (e_ == 0 && cancel && *cancel)
        e_ = cunik_error_set(&why, ERROR_CANCELLED, "cancelled");
    cunik_engine_remember(e, s, &before);
    if (e_ == 0)
        e_ = commit(e, s, r, &p, &warnings, &why);
    if (e_ == 0) {
        cunik_engine_emit_plan(e, &p, sink, &warnings);
        e_ = run_prepared(e, s, r, &p, sink, cancel, deadline_ns, &why);
        if (e_ < 0 && r->atomic)
            cunik_engine_go_back(e, s, &p, &before, sink, &why);
        else if (e_ < 0 && p.rollback.n)
            cunik_engine_roll_back(e, s, &p, &before, sink, cancel, &why);
        cunik_engine_unmark(e, s);
        cunik_engine_unreserve(e, s); /* first, for who hears of the end may remove what it had */
        emit_end(e, r, &p, sink, e_, why);
    } else {
        cunik_engine_unreserve(e, s);
    }
    cunik_engine_forget_files(e, &p, r);
    cunik_engine_hold(e, &p.plan, false);
    cunik_engine_prepared_done(&p);
    cunik_world_done(&before.desired);
    return cunik_error_pass(err, e_, &why);
}

/* A kill does not wait until another request has given its guests their grace: destroying them is
 * what ends that. Its own turn then finds little left to do; what could not be destroyed here fails
 * there, with its reason. */
struct kills {
    struct engine *e;
    const struct world_cunik **cuniks;
    size_t n;
};

static void kill_one(void *ctx, size_t i)
{
    struct kills *k = ctx;

    (void)k->e->host.ops->domain_destroy(k->e->host.ctx, k->cuniks[i], NULL);
}

static int kill_at_once(struct engine *e, const struct request *r, struct error **err)
{
    _cleanup_world_ struct world w = {0};
    struct kills k = {.e = e};
    int e_ = e->host.ops->observe(e->host.ctx, &w, err);

    for (size_t i = 0; e_ == 0 && i < w.n_cuniks; i++) {
        const struct world_cunik *c = &w.cuniks[i];
        if (strcmp(c->stack, r->stack) == 0 && c->status.state == CUNIK_RUNNING &&
            (!r->services.n || cunik_strv_has(&r->services, c->service)) &&
            (!r->cuniks.n || cunik_strv_has(&r->cuniks, c->name)))
            *ARRAY_APPEND(k.cuniks, k.n) = c;
    }
    cunik_parallel(k.n, KILLS_AT_ONCE, kill_one, &k);
    free(k.cuniks);
    return e_;
}

/* What happens to the stack's cuniks while a request is carried out belongs to its stream as well.
 */
struct watcher {
    const char *stack;
    const struct event_sink *sink;
};

static void forward(void *ctx, const struct event *e)
{
    const struct watcher *w = ctx;

    if ((e->type == EVENT_STATE || e->type == EVENT_HEALTH || e->type == EVENT_CONSOLE) &&
        e->stack && strcmp(e->stack, w->stack) == 0)
        w->sink->put(w->sink->ctx, e);
}

static char *holder_of(const struct request *r)
{
    return cunik_asprintf("%s%s%s", cunik_request_action_name(r->action), *r->client ? " by " : "",
                          r->client);
}

static bool ends_services(const struct request *r)
{
    return !r->cuniks.n &&
           (r->action == ACTION_DOWN || r->action == ACTION_STOP || r->action == ACTION_KILL);
}

/* Until when to wait for the stack's turn: the whole has one deadline. */
static int64_t turn_deadline(const struct engine *e, const struct request *r, int64_t deadline)
{
    int64_t turn = r->lock_timeout_ns < 0 ? CLOCK_NEVER : cunik_engine_now(e) + r->lock_timeout_ns;

    return turn < deadline ? turn : deadline;
}

int cunik_engine_apply(struct engine *e, const struct request *r, const struct event_sink *sink,
                       const _Atomic bool *cancel, struct error **err)
{
    struct watcher watcher = {r->stack, sink};
    int e_ = cunik_request_check(r, err);

    if (e_ < 0)
        return e_;
    int64_t deadline = cunik_engine_now(e) + r->wait_timeout_ns;
    if (!r->wait || r->wait_timeout_ns <= 0)
        deadline = CLOCK_NEVER;
    struct slot *s = cunik_engine_slot(e, r->stack);
    if (r->action == ACTION_KILL && cunik_engine_busy(e, s))
        e_ = kill_at_once(e, r, err);
    _cleanup_free_ char *holder = holder_of(r);
    struct waiter w = {.who = holder, .ends = ends_services(r) ? r : NULL};
    if (e_ == 0)
        e_ = cunik_engine_enter(e, s, &w, sink, cancel, turn_deadline(e, r, deadline), err);
    if (e_ < 0)
        return e_;
    size_t id =
        sink && sink->put ? cunik_engine_subscribe(e, &(struct event_sink){forward, &watcher}) : 0;
    e_ = apply_in_turn(e, s, r, sink, cancel, deadline, err);
    if (id)
        cunik_engine_unsubscribe(e, id);
    cunik_engine_leave(e, s, &w);
    return e_;
}

int cunik_engine_plan(struct engine *e, const struct request *r, struct plan *ret,
                      struct error **err)
{
    struct prepared p;
    int e_ = cunik_request_check(r, err);

    if (e_ == 0)
        e_ = cunik_engine_prepare(e, cunik_engine_slot(e, r->stack), r, false, &p, err);
    if (e_ < 0)
        return e_;
    /* What `up` would refuse is no plan. */
    e_ = check_all(e, &p, &p.plan.warnings, err);
    if (e_ == 0) {
        *ret = p.plan;
        p.plan = (struct plan){0};
    }
    cunik_engine_prepared_done(&p);
    return e_;
}
