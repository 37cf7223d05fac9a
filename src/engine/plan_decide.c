/* What each network and cunik needs, and why. */
#include <string.h>

#include "base/memory.h"
#include "base/text.h"
#include "engine/plan_parts.h"

bool cunik_plan_completed(const struct world_cunik *c)
{
    const struct world_status *s = &c->status;

    return cunik_state_is_completed(s->state, s->end, s->exit_code, c->restart);
}

static bool is_up(const struct world_cunik *c)
{
    return cunik_state_is_up(c->status.state);
}

static bool is_active(const struct world_cunik *c)
{
    return cunik_state_is_active(c->status.state);
}

static bool is_there(const struct world_cunik *c)
{
    return c && c->status.state != CUNIK_ABSENT;
}

static bool ours(const struct planner *p, const char *stack)
{
    return strcmp(stack, p->o->stack) == 0;
}

/* Networks */

static void need(struct plan_net *n, enum plan_verb verb)
{
    n->verb = verb;
    n->needed = true;
}

static void add_drift(const struct world_network *actual, struct strv *reasons)
{
    if (!actual->up)
        cunik_strv_add(reasons, "its bridge is missing or down");
    if (!actual->names_served)
        cunik_strv_add(reasons, "its names are not served");
}

static int decide_network(struct planner *p, struct plan_net *n, struct error **err)
{
    _cleanup_strv_ struct strv recreate = {0}, update = {0};

    if (n->n->external)
        return 0;
    if (!n->actual) {
        need(n, PLAN_CREATE);
        cunik_strv_add(&n->reasons, "it does not exist");
        return 0;
    }
    if (!ours(p, n->actual->stack))
        return cunik_error_set(err, ERROR_CONFLICT, "network '%s' belongs to the stack '%s'",
                               n->n->name, n->actual->stack);
    if (!p->o->existing && !p->o->repair)
        cunik_world_network_diff(n->actual, n->n, &recreate, &update);
    add_drift(n->actual, &update);
    if (recreate.n && p->o->recreate != RECREATE_NEVER) {
        need(n, PLAN_RECREATE);
        cunik_strv_copy(&n->reasons, &recreate);
    } else if (recreate.n) {
        _cleanup_free_ char *what = cunik_strv_join(&recreate, "; ");
        cunik_strv_addf(&p->plan.warnings, "network '%s' is left as it is: %s", n->n->name, what);
        return 0;
    } else if (update.n) {
        need(n, PLAN_UPDATE);
    }
    cunik_strv_copy(&n->reasons, &update);
    return 0;
}

static bool has_attempts_left(const struct world_cunik *actual, const struct world_cunik *c)
{
    return !c->restart_max || actual->status.attempts < c->restart_max;
}

/* Whether a repair starts it. */
static bool comes_back(const struct planner *p, const struct plan_wish *w)
{
    if (w->c->status.state != CUNIK_RUNNING)
        return false;
    return is_there(w->actual) ? p->o->resume && cunik_restart_keeps_up(w->c->restart) &&
                                     has_attempts_left(w->actual, w->c)
                               : cunik_strv_has(&p->o->lost, w->c->name);
}

/* Which desired networks are to be there: all, or those of the cuniks that are to run. */
static void want_networks(struct planner *p)
{
    bool every = p->all && !p->o->existing && !p->o->repair;

    for (size_t i = 0; i < p->desired->n_networks; i++)
        p->nets[i].wanted = every;
    for (size_t i = 0; !every && i < p->desired->n_cuniks; i++) {
        const struct plan_wish *w = &p->wishes[i];
        bool runs = p->o->repair ? (w->actual && is_active(w->actual)) || comes_back(p, w)
                                 : w->in_scope && w->c->status.state != CUNIK_EXITED;
        for (size_t k = 0; runs && k < w->c->n_interfaces; k++) {
            struct plan_net *n = cunik_map_get(&p->nets_by_name, w->c->interfaces[k].network);
            if (n && n->n)
                n->wanted = true;
        }
    }
}

static int decide_networks(struct planner *p, struct error **err)
{
    int r = 0;

    want_networks(p);
    for (size_t i = 0; r == 0 && i < p->desired->n_networks; i++)
        if (p->nets[i].wanted)
            r = decide_network(p, &p->nets[i], err);
    return r;
}

static struct plan_net *recreated(const struct planner *p, const struct world_cunik *c)
{
    for (size_t i = 0; i < c->n_interfaces; i++) {
        struct plan_net *n = cunik_map_get(&p->nets_by_name, c->interfaces[i].network);
        if (n && n->needed && n->verb == PLAN_RECREATE)
            return n;
    }
    return NULL;
}

/* Cuniks that are wanted */

static void give(struct plan_wish *w, enum plan_verb verb, const char *reason)
{
    w->main = true;
    w->verb = verb;
    if (reason)
        cunik_strv_add(&w->reasons, reason);
}

static void ended_reason(const struct world_cunik *c, struct strv *ret)
{
    const struct world_status *s = &c->status;

    if (s->state == CUNIK_CREATED)
        cunik_strv_add(ret, "it was never started");
    else if (s->end == END_DESTROYED)
        cunik_strv_add(ret, "it was stopped");
    else if (s->end == END_NONE)
        cunik_strv_add(ret, "it does not run");
    else
        cunik_strv_addf(ret, "it has ended (%s, status %lld)", cunik_end_name(s->end),
                        (long long)s->exit_code);
}

/* A one-shot, by the policy that it is to have, that has done its work. What has a healthcheck is
 * none: others may wait for it to be healthy. */
static bool is_done(const struct plan_wish *w)
{
    const struct world_status *a = &w->actual->status;

    return cunik_state_is_completed(a->state, a->end, a->exit_code, w->c->restart) &&
           !w->c->health.test.n;
}

/* A cunik that is as it should be, but for its state. */
static void decide_state(struct planner *p, struct plan_wish *w)
{
    const struct world_cunik *a = w->actual;
    bool restart = p->o->restart && w->named;

    if (w->c->status.state != CUNIK_RUNNING)
        return;
    if (restart && is_up(a)) {
        give(w, PLAN_RESTART, "a restart was asked for");
    } else if (a->status.state == CUNIK_PAUSED) {
        give(w, PLAN_RESTART, "it is paused");
    } else if (a->status.state == CUNIK_RUNNING) {
        if (a->status.links_lost)
            give(w, PLAN_RESTART, "a link was deleted under it");
        if (!cunik_text_blank(a->status.guest)) {
            give(w, PLAN_RESTART, NULL);
            cunik_strv_addf(&w->reasons, "its guest was changed: %s", a->status.guest);
        }
    } else if (p->o->repair ? !comes_back(p, w)
                            : a->status.state == CUNIK_RESTARTING && !p->o->start && !restart) {
        return;
    } else if (!is_done(w) || p->o->start || restart || p->o->resume) {
        give(w, PLAN_START, NULL);
        ended_reason(a, &w->reasons);
    }
}

static void decide_update(const struct planner *p, struct plan_wish *w, const struct strv *update)
{
    const struct world_cunik *a = w->actual;
    bool runs_on =
        a->status.state == CUNIK_RUNNING && w->c->status.state == CUNIK_RUNNING && !w->main;

    cunik_strv_copy(&w->update_reasons, update);
    if (!cunik_text_blank(a->status.definition))
        cunik_strv_addf(&w->update_reasons, "its domain was changed: %s", a->status.definition);
    if (runs_on && a->status.links_missing)
        cunik_strv_add(&w->update_reasons, "a link is missing or not on its bridge");
    if (runs_on && !p->actual->ports_published)
        cunik_strv_add(&w->update_reasons, w->c->n_ports ? "its ports are not published"
                                                         : "the rules of its networks are missing");
    w->update = w->update_reasons.n > 0;
}

/* The first dependency that is recreated or restarted and wants this one restarted after it. */
static const char *restarted_dependency(const struct planner *p, const struct world_cunik *c)
{
    for (size_t i = 0; i < c->n_depends; i++) {
        size_t s = cunik_plan_graph_find(&p->wanted, c->depends[i].service);
        if (!c->depends[i].restart || s == SIZE_MAX)
            continue;
        for (size_t k = p->wanted.member_first[s]; k < p->wanted.member_first[s + 1]; k++) {
            const struct plan_wish *w = &p->wishes[p->wanted.members[k]];
            if (w->main && (w->verb == PLAN_RECREATE || w->verb == PLAN_RESTART))
                return w->c->name;
        }
    }
    return NULL;
}

static void decide_recreate(struct plan_wish *w, const struct strv *why, const struct strv *update,
                            const struct plan_net *net)
{
    w->main = true;
    w->verb = PLAN_RECREATE;
    if (net)
        cunik_strv_addf(&w->reasons, "network %s is recreated", net->n->name);
    cunik_strv_copy(&w->reasons, why);
    cunik_strv_copy(&w->reasons, update);
    if (!w->reasons.n)
        cunik_strv_add(&w->reasons, "it was asked for");
    w->moved = net && is_active(w->actual);
}

/* A cunik that is there and wanted running or created. */
static void decide_present(struct planner *p, struct plan_wish *w)
{
    _cleanup_strv_ struct strv recreate = {0}, update = {0};
    const struct plan_net *net = recreated(p, w->actual);

    if (!p->o->existing && !p->o->repair) {
        cunik_world_cunik_diff(w->actual, w->c, &recreate, &update);
        if (w->actual->status.unreadable) {
            cunik_strv_done(&recreate);
            cunik_strv_add(&recreate, "its label cannot be read");
        }
        if (w->actual->status.files_changed && !recreate.n)
            cunik_strv_add(&recreate, "its kernel or initrd file has changed");
    }
    if (net || (p->o->recreate == RECREATE_ALWAYS && w->named) ||
        (recreate.n && p->o->recreate != RECREATE_NEVER)) {
        decide_recreate(w, &recreate, &update, net);
        return;
    }
    if (recreate.n) {
        _cleanup_free_ char *what = cunik_strv_join(&recreate, "; ");
        cunik_strv_addf(&p->plan.warnings, "'%s' is left as it is: %s", w->c->name, what);
        /* Its label must go on saying what the guest is. */
        cunik_strv_done(&update);
    }
    decide_state(p, w);
    const char *dependency =
        p->o->no_dependencies || p->o->repair ? NULL : restarted_dependency(p, w->c);
    if (!w->main && dependency && is_up(w->actual) && w->c->status.state == CUNIK_RUNNING) {
        give(w, PLAN_RESTART, NULL);
        cunik_strv_addf(&w->reasons, "%s, which it depends on, is started anew", dependency);
    }
    /* Rules and names are made for the wish: what is resumed has to say so too before it starts. */
    if (p->o->repair && w->main && w->verb == PLAN_START) {
        cunik_world_cunik_diff(w->actual, w->c, &recreate, &update);
        if (recreate.n)
            cunik_strv_done(&update);
    }
    decide_update(p, w, &update);
}

static int decide_wish(struct planner *p, struct plan_wish *w, struct error **err)
{
    bool there = is_there(w->actual);
    /* A network takes all that is on it along, also what was not asked for. */
    bool dragged = there && ours(p, w->actual->stack) && recreated(p, w->actual);

    if (!w->in_scope && !dragged) {
        if (there && !p->o->no_dependencies && !p->o->repair &&
            w->c->status.state == CUNIK_RUNNING && is_up(w->actual) &&
            restarted_dependency(p, w->c)) {
            give(w, PLAN_RESTART, NULL);
            cunik_strv_addf(&w->reasons, "%s, which it depends on, is started anew",
                            restarted_dependency(p, w->c));
        }
        return 0;
    }
    if (there && !ours(p, w->actual->stack))
        return cunik_error_set(err, ERROR_CONFLICT, "'%s' belongs to the stack '%s'", w->c->name,
                               w->actual->stack);
    if (w->c->status.state == CUNIK_EXITED)
        return 0;
    if (there)
        decide_present(p, w);
    else if (p->o->repair ? comes_back(p, w) : !p->o->existing)
        give(w, PLAN_CREATE, "it does not exist");
    return 0;
}

static int check_condition(const struct planner *p, const struct world_cunik *c,
                           const struct world_depend *d, struct error **err)
{
    size_t s = cunik_plan_graph_find(&p->wanted, d->service);

    if (s == SIZE_MAX || d->condition != DEPEND_HEALTHY ||
        p->wanted.member_first[s] == p->wanted.member_first[s + 1])
        return 0;
    if (p->desired->cuniks[p->wanted.members[p->wanted.member_first[s]]].health.test.n)
        return 0;
    return cunik_error_set(
        err, ERROR_INVALID,
        "service \"%s\" waits for \"%s\" to be healthy, which has no healthcheck", c->service,
        d->service);
}

static int check_wishes(const struct planner *p, struct error **err)
{
    for (size_t i = 0; i < p->desired->n_cuniks; i++) {
        const struct world_cunik *c = &p->desired->cuniks[i];
        for (size_t k = 0; k < c->n_interfaces; k++) {
            const struct plan_net *n = cunik_map_get(&p->nets_by_name, c->interfaces[k].network);
            if (!n || !n->n)
                return cunik_error_set(err, ERROR_INVALID,
                                       "'%s' is on the network '%s', which is not defined", c->name,
                                       c->interfaces[k].network);
        }
        for (size_t k = 0; k < c->n_depends; k++) {
            int r = check_condition(p, c, &c->depends[k], err);
            if (r < 0)
                return r;
        }
    }
    return 0;
}

/* In the order of the graph, so that what is decided of a dependency is known. */
static int decide_wishes(struct planner *p, struct error **err)
{
    for (size_t i = 0; i < p->wanted.n; i++) {
        size_t s = p->wanted.order[i];
        for (size_t k = p->wanted.member_first[s]; k < p->wanted.member_first[s + 1]; k++) {
            int r = decide_wish(p, &p->wishes[p->wanted.members[k]], err);
            if (r < 0)
                return r;
        }
    }
    return 0;
}

/* Cuniks that are there */

static void go(struct plan_going *g, enum plan_verb verb)
{
    g->goes = true;
    g->verb = verb;
}

static bool named_service(const struct planner *p, const char *service)
{
    return p->all || cunik_strv_has(&p->o->services, service);
}

/* How many of its service are wanted; SIZE_MAX when the desired world does not know the service. */
static size_t wanted_of(const struct planner *p, const char *service)
{
    size_t s = cunik_plan_graph_find(&p->wanted, service);

    return s == SIZE_MAX ? s : p->wanted.member_first[s + 1] - p->wanted.member_first[s];
}

static void decide_unwanted(struct planner *p, struct plan_going *g)
{
    size_t wanted = wanted_of(p, g->c->service);

    if (p->o->down) {
        if (!named_service(p, g->c->service) ||
            (p->o->cuniks.n && !cunik_strv_has(&p->o->cuniks, g->c->name)))
            return;
        go(g, PLAN_REMOVE);
        cunik_strv_add(&g->reasons, "it is taken down");
    } else if (p->o->existing || p->o->repair) {
        return;
    } else if (wanted != SIZE_MAX) {
        if (!p->service_scope[cunik_plan_graph_find(&p->wanted, g->c->service)])
            return;
        go(g, PLAN_REMOVE);
        cunik_strv_addf(&g->reasons, "the service is scaled to %zu", wanted);
    } else if (cunik_strv_has(&p->desired->inactive, g->c->service)) {
        return;
    } else if (p->o->remove_orphans) {
        go(g, PLAN_REMOVE);
        cunik_strv_addf(&g->reasons, "the stack has no service '%s'", g->c->service);
    } else {
        cunik_strv_addf(&p->plan.warnings,
                        "'%s' is left alone: the stack has no service '%s' (--remove-orphans "
                        "removes it)",
                        g->c->name, g->c->service);
    }
}

static void decide_stop(const struct planner *p, struct plan_going *g)
{
    const struct plan_wish *w = g->wish;
    enum plan_verb verb = p->o->kill ? PLAN_KILL : PLAN_STOP;

    if (w->moved) {
        go(g, PLAN_STOP);
        cunik_strv_add(&g->reasons, w->reasons.items[0]);
    } else if (w->in_scope && w->c->status.state == CUNIK_EXITED && is_active(g->c) &&
               !p->o->repair) {
        go(g, verb);
        cunik_strv_add(&g->reasons, "it was asked for");
    }
}

static int decide_going(struct planner *p, struct error **err)
{
    for (size_t i = 0; i < p->actual->n_cuniks; i++) {
        struct plan_going *g = &p->goings[i];
        if (ours(p, g->c->stack) && g->wish)
            decide_stop(p, g);
        else if (ours(p, g->c->stack))
            decide_unwanted(p, g);
        const struct plan_net *net =
            g->goes || (g->wish && g->wish->main) ? NULL : recreated(p, g->c);
        if (net)
            return cunik_error_set(err, ERROR_CONFLICT,
                                   "network '%s' has to be recreated, and '%s', which is none of "
                                   "the stack's wanted cuniks, is on it",
                                   net->n->name, g->c->name);
    }
    return 0;
}

/* A network that nobody wants goes when nobody is left on it. */
static void decide_leftovers(struct planner *p)
{
    _cleanup_map_ struct map used = {0};

    if (!p->all || p->o->existing || p->o->repair)
        return;
    for (size_t i = 0; i < p->actual->n_cuniks; i++) {
        const struct plan_going *g = &p->goings[i];
        bool leaves = !is_there(g->c) || (g->goes && !g->wish) ||
                      (g->wish && g->wish->main && g->wish->verb == PLAN_RECREATE);
        for (size_t k = 0; !leaves && k < g->c->n_interfaces; k++)
            cunik_map_add(&used, g->c->interfaces[k].network, (void *)g->c->name);
    }
    for (size_t i = p->desired->n_networks; i < p->n_nets; i++) {
        struct plan_net *n = &p->nets[i];
        const char *user = cunik_map_get(&used, n->actual->name);
        if (!ours(p, n->actual->stack) || n->actual->external)
            continue;
        if (user) {
            cunik_strv_addf(&p->plan.warnings, "network '%s' is left alone: '%s' is on it",
                            n->actual->name, user);
            continue;
        }
        need(n, PLAN_REMOVE);
        cunik_strv_add(&n->reasons, p->o->down ? "it is taken down" : "the stack no longer has it");
    }
}

int cunik_plan_decide(struct planner *p, struct error **err)
{
    int r = p->o->existing || p->o->repair ? 0 : check_wishes(p, err);

    if (r == 0)
        r = decide_networks(p, err);
    if (r == 0)
        r = decide_wishes(p, err);
    if (r == 0)
        r = decide_going(p, err);
    if (r == 0)
        decide_leftovers(p);
    return r;
}
