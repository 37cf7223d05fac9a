/* Carrying a request out, from its arrival to its end. */
#include <string.h>

#include "base/memory.h"
#include "engine/engine_internal.h"
#include "engine/plan_saved.h"

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
        if (p->plan.steps[i].kind != PLAN_VOLUME)
            cunik_map_add(&started, p->plan.steps[i].name, in);
    for (size_t i = 0; i < p->desired.n_cuniks; i++) {
        const struct world_cunik *c = &p->desired.cuniks[i];
        in[i] = c->status.state == CUNIK_RUNNING &&
                (cunik_request_names_service(r, c->service) || cunik_map_has(&started, c->name));
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
    if (e_ == 0 && r->action == ACTION_DOWN && !r->services.n && !r->cuniks.n && !p->spared.n)
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

/* Whether nothing is seen to be in the way. */
static int get_ready(struct engine *e, const struct prepared *p, const struct request *r,
                     const _Atomic bool *cancel, struct strv *ret_warnings, struct error **err)
{
    int e_ = check_planned(r, &p->plan, err);

    if (e_ == 0)
        e_ = cunik_engine_check(e, p, ret_warnings, err);
    if (e_ == 0)
        e_ = cunik_engine_keep_files(e, p, r, err);
    if (e_ == 0 && cancel && *cancel)
        e_ = cunik_error_set(err, ERROR_CANCELLED, "cancelled");
    return e_;
}

/* From the first effect on. */
static int carry_out(struct engine *e, struct slot *s, const struct request *r, struct prepared *p,
                     const struct wish_before *before, const struct event_sink *sink,
                     const _Atomic bool *cancel, int64_t deadline_ns, struct error **err)
{
    int e_ = run_prepared(e, s, r, p, sink, cancel, deadline_ns, err);

    if (e_ < 0 && r->atomic)
        cunik_engine_go_back(e, s, p, before, sink, err);
    else if (e_ < 0 && p->rollback.n)
        cunik_engine_roll_back(e, s, p, before, sink, cancel, err);
    cunik_engine_unmark(e, s);
    cunik_engine_unreserve(e, s); /* first, for who hears of the end may remove what it had */
    emit_end(e, r, p, sink, e_, *err);
    return e_;
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
    e_ = get_ready(e, &p, r, cancel, &warnings, &why);
    cunik_engine_remember(e, s, &before);
    if (e_ == 0)
        e_ = commit(e, s, r, &p, &warnings, &why);
    if (e_ == 0) {
        cunik_engine_emit_plan(e, &p, sink, &warnings);
        e_ = carry_out(e, s, r, &p, &before, sink, cancel, deadline_ns, &why);
    } else {
        cunik_engine_unreserve(e, s);
    }
    cunik_engine_forget_files(e, &p, r);
    cunik_engine_hold(e, &p.plan, false);
    cunik_engine_prepared_done(&p);
    cunik_world_done(&before.desired);
    return cunik_error_pass(err, e_, &why);
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
    return !r->cuniks.n && r->spare == SPARE_NOTHING &&
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
        e_ = cunik_engine_kill_at_once(e, r, err);
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
    e_ = cunik_engine_check(e, &p, &p.plan.warnings, err);
    if (e_ == 0) {
        *ret = p.plan;
        p.plan = (struct plan){0};
    }
    cunik_engine_prepared_done(&p);
    return e_;
}
