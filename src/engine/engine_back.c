/* Going back to what a stack, or some of its services, was before a request that has failed.
 *
 * What was there is the desired world now: every cunik as its label said, with its addresses, and
 * in the state it had. So going back is planned and carried out like anything else, also where the
 * request got no further than its first step.
 */
#include <string.h>

#include "base/log.h"
#include "base/memory.h"
#include "engine/engine_internal.h"
#include "engine/world_network.h"

void cunik_engine_remember(struct engine *e, struct slot *s, struct wish_before *ret)
{
    *ret = (struct wish_before){0};
    pthread_mutex_lock(&e->worlds);
    cunik_world_copy(&ret->desired, &s->desired);
    ret->known = s->known;
    pthread_mutex_unlock(&e->worlds);
}

static bool may_go_back(const struct plan_step *s, const struct prepared *p,
                        const struct request *r)
{
    if (s->kind != PLAN_CUNIK || (s->verb != PLAN_RECREATE && s->verb != PLAN_REMOVE))
        return false;
    for (size_t i = 0; !r->atomic && i < p->desired.n_cuniks; i++)
        if (p->desired.cuniks[i].update.action == UPDATE_ROLLBACK &&
            strcmp(p->desired.cuniks[i].service, s->service) == 0)
            return true;
    return r->atomic;
}

static int keep_files(struct engine *e, const struct prepared *p, const struct request *r,
                      bool keep, struct error **err)
{
    _cleanup_map_ struct map there = {0};
    int e_ = 0;

    for (size_t i = 0; i < p->observed.n_cuniks; i++)
        cunik_map_add(&there, p->observed.cuniks[i].name, &p->observed.cuniks[i]);
    for (size_t i = 0; e->host.ops->files_keep && e_ == 0 && i < p->plan.n; i++) {
        const struct plan_step *s = &p->plan.steps[i];
        const struct world_cunik *c = cunik_map_get(&there, s->name);
        if (c && may_go_back(s, p, r))
            e_ = e->host.ops->files_keep(e->host.ctx, c, keep, err);
    }
    return cunik_error_prefix(err, e_, "keeping what it may have to go back to");
}

int cunik_engine_keep_files(struct engine *e, const struct prepared *p, const struct request *r,
                            struct error **err)
{
    return keep_files(e, p, r, true, err);
}

/* What is not forgotten now is when the engine begins again. */
void cunik_engine_forget_files(struct engine *e, const struct prepared *p, const struct request *r)
{
    _cleanup_error_ struct error *err = NULL;

    if (keep_files(e, p, r, false, &err) < 0)
        cunik_log(LOG_LEVEL_WARNING, "%s", err ? err->message : "forgetting what was kept");
}

static bool of(const char *stack, const struct slot *s)
{
    return strcmp(stack, s->stack) == 0;
}

static void add_network(struct world *w, const struct world_network *n)
{
    if (n && !cunik_world_network(w, n->name))
        cunik_world_network_copy(ARRAY_APPEND(w->networks, w->n_networks), n);
}

/* Its networks; those that others make are known from the wishes. */
static void add_networks_of(struct world *w, const struct world_cunik *c,
                            const struct wish_before *before, const struct prepared *p)
{
    for (size_t i = 0; i < c->n_interfaces; i++) {
        add_network(w, cunik_world_network(&before->desired, c->interfaces[i].network));
        add_network(w, cunik_world_network(&p->desired, c->interfaces[i].network));
    }
}

/* What did not run is to be there and not to run: stopped as it is, or made and not started. */
static enum cunik_state state_wanted(const struct world_cunik *was, const struct world_cunik *is)
{
    _cleanup_strv_ struct strv recreate = {0}, update = {0};

    if (cunik_state_is_active(was->status.state))
        return CUNIK_RUNNING;
    if (!is)
        return CUNIK_CREATED;
    cunik_world_cunik_diff(is, was, &recreate, &update);
    return recreate.n || is->status.files_changed ? CUNIK_CREATED : CUNIK_EXITED;
}

/* What a stack goes back to, as a plan's two worlds: all of it, or some of its services. */
struct way_back {
    struct engine *e;
    struct slot *s;
    const struct prepared *p; /* of the request */
    const struct wish_before *before;
    const struct strv *services; /* NULL = all */
    struct prepared back;
};

static bool meant(const struct way_back *b, const char *service)
{
    return !b->services || cunik_strv_has(b->services, service);
}

/* How a service goes back is said by the file that has failed. */
static void take_policy(const struct way_back *b, struct world_cunik *c)
{
    for (size_t i = 0; i < b->p->desired.n_cuniks; i++)
        if (strcmp(b->p->desired.cuniks[i].service, c->service) == 0) {
            c->rollback = b->p->desired.cuniks[i].rollback;
            return;
        }
}

/* What is there now and stays. */
static void describe_rest(struct way_back *b)
{
    const struct world *now = &b->back.observed;
    struct world *ret = &b->back.desired;

    for (size_t i = 0; i < now->n_networks; i++)
        if (of(now->networks[i].stack, b->s))
            add_network(ret, &now->networks[i]);
    for (size_t i = 0; i < now->n_cuniks; i++) {
        if (!of(now->cuniks[i].stack, b->s) || meant(b, now->cuniks[i].service))
            continue;
        struct world_cunik *c = ARRAY_APPEND(ret->cuniks, ret->n_cuniks);
        cunik_world_cunik_copy(c, &now->cuniks[i]);
        c->status.state = cunik_state_is_active(c->status.state) ? CUNIK_RUNNING : CUNIK_EXITED;
        add_networks_of(ret, c, b->before, b->p);
    }
}

static void describe(struct way_back *b)
{
    const struct world *was = &b->p->observed;
    struct world *ret = &b->back.desired;

    if (b->services)
        describe_rest(b);
    for (size_t i = 0; !b->services && i < was->n_networks; i++)
        if (of(was->networks[i].stack, b->s))
            add_network(ret, &was->networks[i]);
    for (size_t i = 0; i < was->n_cuniks; i++) {
        if (!of(was->cuniks[i].stack, b->s) || !meant(b, was->cuniks[i].service))
            continue;
        struct world_cunik *c = ARRAY_APPEND(ret->cuniks, ret->n_cuniks);
        cunik_world_cunik_copy(c, &was->cuniks[i]);
        c->status.files_changed = true; /* made of the files of then (host.h) */
        c->status.state =
            state_wanted(&was->cuniks[i], cunik_world_cunik(&b->back.observed, c->name));
        take_policy(b, c);
        add_networks_of(ret, c, b->before, b->p);
    }
}

/* What was started from a file that is another by now has been changed by the request, if only in
 * that. */
static void see_files(struct way_back *b)
{
    struct world *now = &b->back.observed;

    for (size_t i = 0; i < now->n_cuniks; i++) {
        const struct world_cunik *was = cunik_world_cunik(&b->p->observed, now->cuniks[i].name);
        if (was && of(was->stack, b->s) && meant(b, was->service))
            now->cuniks[i].status.files_changed =
                was->status.files_changed && !now->cuniks[i].status.files_changed;
    }
}

/* A service can go back by itself only on networks that are what they were. */
static int check_networks(const struct way_back *b, struct error **err)
{
    const struct world *was = &b->p->observed;

    for (size_t i = 0; b->services && i < was->n_networks; i++) {
        const struct world_network *n = &was->networks[i];
        const struct world_network *now = cunik_world_network(&b->back.observed, n->name);
        _cleanup_strv_ struct strv recreate = {0}, update = {0};
        if (now)
            cunik_world_network_diff(n, now, &recreate, &update);
        if (now && !recreate.n)
            continue;
        for (size_t k = 0; k < was->n_cuniks; k++)
            if (of(was->cuniks[k].stack, b->s) && meant(b, was->cuniks[k].service) &&
                cunik_world_is_on(&was->cuniks[k], n->name))
                return cunik_error_set(err, ERROR_CONFLICT,
                                       "network '%s', which '%s' was on, is not what it was",
                                       n->name, was->cuniks[k].name);
    }
    return 0;
}

static void copy_cuniks(const struct way_back *b, const struct world *from, bool those_meant,
                        struct world *to)
{
    for (size_t i = 0; i < from->n_cuniks; i++)
        if (meant(b, from->cuniks[i].service) == those_meant)
            cunik_world_cunik_copy(ARRAY_APPEND(to->cuniks, to->n_cuniks), &from->cuniks[i]);
}

/* The wish of before; of a stack that nobody had written down, what was there. What does not go
 * back is wanted as it is by now. */
static void wish_before(const struct way_back *b, struct world *ret, struct world *others)
{
    const struct world *was = b->before->known ? &b->before->desired : &b->back.desired;
    const struct slot *s = b->s;

    if (!b->services) {
        cunik_world_copy(ret, was);
        return;
    }
    for (size_t i = 0; i < s->desired.n_networks; i++)
        add_network(ret, &s->desired.networks[i]);
    copy_cuniks(b, &s->desired, false, ret);
    copy_cuniks(b, was, true, ret);
    cunik_strv_copy(&ret->services, &s->desired.services);
    cunik_strv_copy(&ret->inactive, &s->desired.inactive);
    cunik_world_copy(others, &s->others);
}

static int wish_again(struct way_back *b, struct error **err)
{
    const struct world *desired = &b->back.desired;
    bool known = b->before->known || desired->n_cuniks || desired->n_networks;
    struct world others = {0};

    pthread_mutex_lock(&b->e->worlds);
    wish_before(b, &b->back.stored, &others);
    int r = b->e->host.ops->state_write(b->e->host.ctx, b->s->stack, known ? &b->back.stored : NULL,
                                        err);
    cunik_engine_settle(b->s, &b->back.stored, &others, known && r == 0);
    pthread_mutex_unlock(&b->e->worlds);
    return r;
}

static int go_back(struct way_back *b, const struct event_sink *sink, const _Atomic bool *cancel,
                   struct error **err)
{
    const struct strv none = {0};

    cunik_engine_rehold(b->e, b->s);
    int r = cunik_engine_observe(b->e, &b->back.observed, err);
    if (r == 0)
        r = check_networks(b, err);
    if (r == 0) {
        see_files(b);
        describe(b);
        b->back.whole = !b->back.desired.n_cuniks && !b->back.desired.n_networks;
        r = cunik_engine_plan_beside(b->e, b->s, true, &b->back, err);
    }
    if (r == 0)
        r = wish_again(b, err);
    if (r == 0) {
        cunik_engine_hold(b->e, &b->back.plan, true);
        cunik_engine_unhold(b->e, b->s);
        cunik_engine_emit_plan(b->e, &b->back, sink, &none);
        r = cunik_engine_run_plan(b->e, &b->back, NULL, sink, cancel, CLOCK_NEVER, err);
        cunik_engine_hold(b->e, &b->back.plan, false);
    }
    cunik_engine_prepared_done(&b->back);
    return r;
}

void cunik_engine_go_back(struct engine *e, struct slot *s, const struct prepared *p,
                          const struct wish_before *before, const struct event_sink *sink,
                          struct error **err)
{
    _cleanup_error_ struct error *why = NULL, *first = TAKE_PTR(*err);
    struct way_back b = {.e = e, .s = s, .p = p, .before = before};

    b.back.options =
        (struct plan_options){.stack = s->stack, .remove_orphans = true, .pace = PACE_AT_ONCE};
    cunik_engine_warn(e, sink, s->stack, "going back to what the stack was before");
    if (go_back(&b, sink, NULL, &why) < 0)
        cunik_error_set(err, first->code, "%s\ngoing back has failed as well: %s", first->message,
                        why ? why->message : "failed");
    else
        cunik_error_set(err, first->code, "%s\nthe stack is what it was before", first->message);
}

void cunik_engine_roll_back(struct engine *e, struct slot *s, const struct prepared *p,
                            const struct wish_before *before, const struct event_sink *sink,
                            const _Atomic bool *cancel, struct error **err)
{
    _cleanup_error_ struct error *why = NULL, *first = TAKE_PTR(*err);
    _cleanup_free_ char *names = cunik_strv_join(&p->rollback, "', '");
    _cleanup_free_ char *warning = cunik_asprintf("going back to what '%s' was before", names);
    struct way_back b = {.e = e, .s = s, .p = p, .before = before, .services = &p->rollback};

    b.back.options =
        (struct plan_options){.stack = s->stack, .services = p->rollback, .pace = PACE_ROLLBACK};
    cunik_engine_warn(e, sink, s->stack, warning);
    if (go_back(&b, sink, cancel, &why) < 0)
        cunik_error_set(err, first->code, "%s\ngoing back has failed as well: %s", first->message,
                        why ? why->message : "failed");
    else
        cunik_error_set(err, first->code, "%s\n'%s' is what it was before", first->message, names);
}
