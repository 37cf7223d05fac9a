/* Drift: what somebody has changed on the host under a stack that nobody is dealing with. And
 * resumption, which is the same for what an engine finds when it comes back to guests that have
 * ended meanwhile, such as after the host's own end: they are started in the order of the graph. */
#include <string.h>

#include "base/log.h"
#include "base/memory.h"
#include "base/text.h"
#include "engine/supervise_parts.h"

static bool is_external(const struct slot *s, const char *network)
{
    const struct world_network *n = cunik_world_network(&s->desired, network);

    return n && n->external;
}

/* Whether the networks of a cunik are as they should be. With `worlds` held. */
static bool has_networks(const struct slot *s, const struct map *networks,
                         const struct world_cunik *c)
{
    for (size_t i = 0; i < c->n_interfaces; i++) {
        const struct world_network *n = cunik_map_get(networks, c->interfaces[i].network);
        if (!is_external(s, c->interfaces[i].network) && (!n || !n->up || !n->names_served))
            return false;
    }
    return true;
}

/* rules: whether it can be told that the rules are as they should be. */
static bool has_drifted(const struct slot *s, const struct world *w, const struct map *networks,
                        bool rules)
{
    for (size_t i = 0; i < w->n_cuniks; i++) {
        const struct world_cunik *c = &w->cuniks[i];
        bool running = c->status.state == CUNIK_RUNNING;
        if (strcmp(c->stack, s->stack) != 0 || (!running && c->status.state != CUNIK_RESTARTING))
            continue;
        if (running &&
            (!cunik_text_blank(c->status.definition) || !cunik_text_blank(c->status.guest)))
            return true;
        if (!has_networks(s, networks, c))
            return true;
        if (running &&
            (c->status.links_missing || c->status.links_lost || (rules && !w->ports_published)))
            return true;
    }
    return false;
}

static void log_plan(const struct slot *s, const struct plan *plan, bool resume)
{
    for (size_t i = 0; i < plan->n; i++) {
        _cleanup_free_ char *reasons = cunik_strv_join(&plan->steps[i].reasons, "; ");
        cunik_log(LOG_LEVEL_WARNING, "%s stack '%s': %s %s (%s)", resume ? "resuming" : "repairing",
                  s->stack, cunik_plan_verb_name(plan->steps[i].verb), plan->steps[i].name,
                  reasons);
    }
}

/* The stacks that have lost a cunik which they still want. With `worlds` held. */
static void find_lost(struct engine *e, const struct world *w, struct map *ret)
{
    pthread_mutex_lock(&e->registry.lock);
    for (size_t i = 0; i < e->registry.entries.n; i++) {
        struct registry_cunik *c = e->registry.entries.entries[i].value;
        const struct slot *s = c->lost ? cunik_map_get(&e->slots, c->stack) : NULL;
        const struct world_cunik *d = s ? cunik_world_cunik(&s->desired, c->name) : NULL;
        c->lost = d && d->status.state == CUNIK_RUNNING && !cunik_world_cunik(w, c->name);
        if (c->lost)
            cunik_map_add(ret, c->stack, c);
    }
    pthread_mutex_unlock(&e->registry.lock);
}

/* What did not come back in order comes back all the same, by itself. */
static void restart_rest(struct engine *e, const struct slot *s)
{
    pthread_mutex_lock(&e->worlds);
    pthread_mutex_lock(&e->registry.lock);
    for (size_t i = 0; i < s->desired.n_cuniks; i++) {
        const struct world_cunik *d = &s->desired.cuniks[i];
        struct registry_cunik *c = cunik_registry_find(&e->registry, d->name);
        if (c && d->status.state == CUNIK_RUNNING && c->wanted && !c->held && !c->changing &&
            (c->state == CUNIK_EXITED || c->state == CUNIK_CREATED) &&
            cunik_restart_keeps_up(c->restart))
            cunik_supervise_plan_restart(e, c);
    }
    pthread_mutex_unlock(&e->registry.lock);
    pthread_mutex_unlock(&e->worlds);
}

static int carry_out(struct engine *e, struct slot *s, bool resume, const _Atomic bool *cancel,
                     struct error **err)
{
    struct prepared p;
    int r = cunik_engine_prepare_repair(e, s, resume, &p, err);

    if (r < 0)
        return r;
    log_plan(s, &p.plan, resume);
    cunik_engine_hold(e, &p.plan, true);
    if (p.plan.n)
        r = cunik_engine_run_plan(e, &p, NULL, NULL, cancel, CLOCK_NEVER, err);
    cunik_engine_hold(e, &p.plan, false);
    cunik_engine_prepared_done(&p);
    return r;
}

/* A request that comes is not kept waiting for the conditions of a resumption. */
static int take_turn(struct engine *e, struct slot *s, struct error **err)
{
    _Atomic bool cancel = false;

    pthread_mutex_lock(&e->lock);
    bool resume = s->resume;
    pthread_mutex_unlock(&e->lock);
    struct waiter w = {.who = resume ? "resume" : "repair"};
    int r = cunik_engine_enter(e, s, &w, NULL, NULL, CLOCK_NEVER, err);
    if (r < 0)
        return r;
    pthread_mutex_lock(&e->lock);
    s->resumed = resume ? &cancel : NULL;
    cancel = resume && (w.next || e->quit);
    pthread_mutex_unlock(&e->lock);
    r = carry_out(e, s, resume, &cancel, err);
    pthread_mutex_lock(&e->lock);
    s->resumed = NULL;
    s->resume = s->resume && cancel; /* what was in its way may do it, or it is tried again */
    bool over = resume && !s->resume;
    pthread_mutex_unlock(&e->lock);
    if (over)
        restart_rest(e, s);
    cunik_engine_leave(e, s, &w);
    return r;
}

static void *repair(void *arg)
{
    struct errand *errand = arg;
    struct engine *e = errand->e;
    struct slot *s = errand->slot;
    _cleanup_error_ struct error *err = NULL;
    int r = take_turn(e, s, &err);

    if (r < 0)
        cunik_log(LOG_LEVEL_WARNING, "repairing stack '%s': %s", s->stack,
                  err ? err->message : "failed");
    pthread_mutex_lock(&e->lock);
    s->repairing = false;
    if (!s->resume)
        s->repair_backoff_ns = cunik_supervise_backoff(s->repair_backoff_ns, NS_PER_SECOND);
    s->repair_ns = cunik_engine_now(e) + s->repair_backoff_ns;
    pthread_mutex_unlock(&e->lock);
    cunik_engine_wake(e, NULL);
    free(errand);
    cunik_supervise_return(e);
    return NULL;
}

static void consider_repair(struct engine *e, struct slot *s, bool drifted)
{
    bool begin = false;

    pthread_mutex_lock(&e->lock);
    int64_t wait = s->repair_ns - cunik_engine_now(e);
    if (!drifted && !s->resume) {
        if (wait <= 0)
            s->repair_backoff_ns = 0;
        wait = 0;
    } else if (!s->first && !s->repairing && !e->quit && wait <= 0) {
        begin = s->repairing = true;
        e->threads++;
    }
    pthread_mutex_unlock(&e->lock);
    if (wait > 0)
        cunik_supervise_look_again(e, wait);
    if (!begin)
        return;
    struct errand *errand = cunik_calloc(1, sizeof(*errand));
    if (cunik_supervise_send(e, s, repair, errand))
        return;
    free(errand);
    pthread_mutex_lock(&e->lock);
    s->repairing = false;
    pthread_mutex_unlock(&e->lock);
    cunik_supervise_return(e);
}

void cunik_supervise_repair(struct engine *e, const struct world *w)
{
    _cleanup_map_ struct map networks = {0};

    for (size_t i = 0; i < w->n_networks; i++)
        cunik_map_add(&networks, w->networks[i].name, &w->networks[i]);
    /* While a request is under way, rules and labels may be apart for a moment. */
    pthread_mutex_lock(&e->lock);
    bool rules = !e->requests;
    pthread_mutex_unlock(&e->lock);
    pthread_mutex_lock(&e->worlds);
    size_t n = e->slots.n;
    _cleanup_map_ struct map lost = {0};
    find_lost(e, w, &lost);
    _cleanup_free_ struct slot **slots = cunik_calloc(n, sizeof(struct slot *));
    _cleanup_free_ bool *drifted = cunik_calloc(n, sizeof(*drifted));
    for (size_t i = 0; i < n; i++) {
        slots[i] = e->slots.entries[i].value;
        drifted[i] =
            has_drifted(slots[i], w, &networks, rules) || cunik_map_has(&lost, slots[i]->stack);
    }
    pthread_mutex_unlock(&e->worlds);
    for (size_t i = 0; i < n; i++)
        consider_repair(e, slots[i], drifted[i]);
}
