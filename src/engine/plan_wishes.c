/* What each cunik that is wanted needs, and why. */
#include <string.h>

#include "base/memory.h"
#include "base/text.h"
#include "engine/plan_parts.h"

static bool is_up(const struct world_cunik *c)
{
    return cunik_state_is_up(c->status.state);
}

static bool has_attempts_left(const struct world_cunik *actual, const struct world_cunik *c)
{
    return !c->restart_max || actual->status.attempts < c->restart_max;
}

bool cunik_plan_comes_back(const struct planner *p, const struct plan_wish *w)
{
    if (w->c->status.state != CUNIK_RUNNING)
        return false;
    return cunik_plan_is_there(w->actual) ? p->o->resume && cunik_restart_keeps_up(w->c->restart) &&
                                                has_attempts_left(w->actual, w->c)
                                          : cunik_strv_has(&p->o->lost, w->c->name);
}

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
        /* Somebody holds it still: it goes on when somebody says so. */
        if (!p->o->repair)
            give(w, PLAN_START, "it is paused");
    } else if (a->status.state == CUNIK_RUNNING) {
        if (a->status.links_lost)
            give(w, PLAN_RESTART, "a link was deleted under it");
        if (!cunik_text_blank(a->status.guest)) {
            give(w, PLAN_RESTART, NULL);
            cunik_strv_addf(&w->reasons, "its guest was changed: %s", a->status.guest);
        }
    } else if (p->o->repair ? !cunik_plan_comes_back(p, w)
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
    w->moved = net && cunik_state_is_active(w->actual->status.state);
}

/* A guest that runs is started anew after what it depends on. */
static void follow_dependency(const struct planner *p, struct plan_wish *w)
{
    const char *dependency;

    if (w->main || p->o->no_dependencies || p->o->repair || w->c->status.state != CUNIK_RUNNING ||
        !is_up(w->actual))
        return;
    dependency = restarted_dependency(p, w->c);
    if (!dependency)
        return;
    give(w, PLAN_RESTART, NULL);
    cunik_strv_addf(&w->reasons, "%s, which it depends on, is started anew", dependency);
}

/* What is otherwise than wanted, as far as this request looks at it. */
static void find_differences(const struct planner *p, const struct plan_wish *w,
                             struct strv *ret_recreate, struct strv *ret_update)
{
    const struct world_status *a = &w->actual->status;

    if (p->o->existing || p->o->repair)
        return;
    cunik_world_cunik_diff(w->actual, w->c, ret_recreate, ret_update);
    if (a->unreadable) {
        cunik_strv_done(ret_recreate);
        cunik_strv_add(ret_recreate, "its label cannot be read");
    }
    if (a->files_changed && !ret_recreate->n)
        cunik_strv_add(ret_recreate, "its kernel or initrd file has changed");
}

/* A cunik that is there and wanted running or created. */
static void decide_present(struct planner *p, struct plan_wish *w)
{
    _cleanup_strv_ struct strv recreate = {0}, update = {0};
    const struct plan_net *net = cunik_plan_recreated(p, w->actual);

    find_differences(p, w, &recreate, &update);
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
    follow_dependency(p, w);
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
    bool there = cunik_plan_is_there(w->actual);
    bool ours = there && cunik_plan_is_ours(p, w->actual->stack);
    /* A network takes all that is on it along, also what was not asked for. */
    bool dragged = ours && cunik_plan_recreated(p, w->actual);

    if (!w->in_scope && !dragged) {
        if (there)
            follow_dependency(p, w);
        return 0;
    }
    if (there && !ours)
        return cunik_error_set(err, ERROR_CONFLICT, "'%s' belongs to the stack '%s'", w->c->name,
                               w->actual->stack);
    if (w->c->status.state == CUNIK_EXITED)
        return 0;
    if (there)
        decide_present(p, w);
    else if (p->o->repair ? cunik_plan_comes_back(p, w) : !p->o->existing)
        give(w, PLAN_CREATE, "it does not exist");
    return 0;
}

int cunik_plan_decide_wishes(struct planner *p, struct error **err)
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
