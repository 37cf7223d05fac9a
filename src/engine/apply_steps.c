#include <errno.h>
#include <string.h>

#include "base/memory.h"
#include "base/text.h"
#include "engine/apply_parts.h"
#include "engine/world_network.h"

void cunik_apply_things_init(struct apply_things *t, const struct apply_settings *s)
{
    *t = (struct apply_things){.s = s};
    for (size_t i = 0; i < s->desired->n_cuniks; i++)
        cunik_map_add(&t->desired_cuniks, s->desired->cuniks[i].name, &s->desired->cuniks[i]);
    for (size_t i = 0; i < s->actual->n_cuniks; i++)
        cunik_map_add(&t->actual_cuniks, s->actual->cuniks[i].name, &s->actual->cuniks[i]);
    for (size_t i = 0; i < s->desired->n_networks; i++)
        cunik_map_add(&t->desired_networks, s->desired->networks[i].name, &s->desired->networks[i]);
    for (size_t i = 0; i < s->actual->n_networks; i++)
        cunik_map_add(&t->actual_networks, s->actual->networks[i].name, &s->actual->networks[i]);
}

void cunik_apply_things_done(struct apply_things *t)
{
    cunik_map_done(&t->desired_cuniks);
    cunik_map_done(&t->actual_cuniks);
    cunik_map_done(&t->desired_networks);
    cunik_map_done(&t->actual_networks);
}

/* Calls one operation: HOST(t, links_remove, c, err). */
#define HOST(t, operation, ...) (t)->s->host->ops->operation((t)->s->host->ctx, __VA_ARGS__)

/* Undoing goes on whatever fails; the first failure is told beside the cause. */
static void undone(struct error **err, struct error *trouble)
{
    if (trouble && err && *err) {
        char *message = cunik_asprintf("%s (undoing it: %s)", (*err)->message, trouble->message);
        free((*err)->message);
        (*err)->message = message;
    }
    cunik_error_destroy(trouble);
}

/* Networks */

static int bring_up(const struct apply_things *t, const struct world_network *n, struct error **err)
{
    int r = HOST(t, network_create, n, err);

    return r < 0 ? r : HOST(t, names_start, n, err);
}

static int take_down(const struct apply_things *t, const struct world_network *n,
                     struct error **err)
{
    int r = HOST(t, names_stop, n, err);

    return r < 0 ? r : HOST(t, network_remove, n, err);
}

static int create_network(const struct apply_things *t, const struct world_network *n,
                          struct error **err)
{
    struct error *trouble = NULL;
    int r = bring_up(t, n, err);

    if (r < 0) {
        take_down(t, n, &trouble);
        undone(err, trouble);
    }
    return r;
}

/* A names server that had to be started anew may have lost what it knew. */
static int update_network(const struct apply_things *t, const struct world_network *n,
                          const struct world_network *old, struct error **err)
{
    int r = bring_up(t, n, err);

    for (size_t i = 0; r == 0 && (!old || !old->names_served) && i < t->s->actual->n_cuniks; i++) {
        const struct world_cunik *c = &t->s->actual->cuniks[i];
        if (c->status.state == CUNIK_RUNNING && cunik_world_is_on(c, n->name))
            r = HOST(t, names_add, c, err);
    }
    return r;
}

static int network_step(const struct apply_things *t, const struct plan_step *step,
                        struct error **err)
{
    const struct world_network *n = cunik_map_get(&t->desired_networks, step->name);
    const struct world_network *old = cunik_map_get(&t->actual_networks, step->name);
    int r = 0;

    switch (step->verb) {
    case PLAN_CREATE:
        return create_network(t, n, err);
    case PLAN_UPDATE:
        return update_network(t, n, old, err);
    case PLAN_RECREATE:
        r = take_down(t, old, err);
        return r < 0 ? r : create_network(t, n, err);
    case PLAN_REMOVE:
        return take_down(t, old, err);
    default:
        return cunik_error_set(err, ERROR_FAILED, "a network cannot be told to %s",
                               cunik_plan_verb_name(step->verb));
    }
}

/* Volumes */

/* What it holds is for the first that has it. */
static int create_volume(const struct apply_things *t, const char *name, struct error **err)
{
    const struct world *w = t->s->desired;

    for (size_t i = 0; i < w->n_cuniks; i++)
        if (cunik_world_has_volume(&w->cuniks[i], name))
            return HOST(t, volume_ensure, cunik_world_volume(w, name), &w->cuniks[i], err);
    return cunik_error_set(err, ERROR_FAILED, "nobody has it");
}

static int volume_step(const struct apply_things *t, const struct plan_step *step,
                       struct error **err)
{
    return step->verb == PLAN_REMOVE ? t->s->volume_remove(t->s->ctx, step->name, err)
                                     : create_volume(t, step->name, err);
}

/* Cuniks */

static int stop(const struct apply_things *t, const struct world_cunik *c, bool kill,
                struct error **err)
{
    int64_t grace = t->s->grace_ns >= 0 ? t->s->grace_ns : c->stop_grace_ns;

    return t->s->stop(t->s->ctx, c, kill || t->s->kill, grace, err);
}

static bool same_links(const struct world_cunik *a, const struct world_cunik *b)
{
    if (a->n_interfaces != b->n_interfaces)
        return false;
    for (size_t i = 0; i < a->n_interfaces; i++)
        if (strcmp(a->interfaces[i].link, b->interfaces[i].link) != 0 ||
            strcmp(a->interfaces[i].network, b->interfaces[i].network) != 0)
            return false;
    return true;
}

/* links: whether they go too, or stay for the one that comes, or are taken all at once. */
static int remove_cunik(const struct apply_things *t, const struct world_cunik *c, bool links,
                        struct error **err)
{
    int r = stop(t, c, false, err);

    if (r == 0)
        r = HOST(t, names_remove, c, err);
    if (r == 0 && links)
        r = HOST(t, links_remove, c, err);
    if (r == 0)
        r = HOST(t, domain_undefine, c, err);
    if (r == 0)
        cunik_registry_removed(t->s->registry, c->name);
    return r;
}

static int connect(const struct apply_things *t, const struct world_cunik *c, struct error **err)
{
    int r = HOST(t, links_create, c, t->s->desired, err);

    return r < 0 ? r : HOST(t, names_add, c, err);
}

static void unmake(const struct apply_things *t, const struct world_cunik *c, struct error **err)
{
    struct error *trouble = NULL;
    int r = t->s->stop(t->s->ctx, c, true, 0, &trouble);

    if (r == 0)
        r = HOST(t, names_remove, c, &trouble);
    if (r == 0)
        r = HOST(t, links_remove, c, &trouble);
    if (r == 0)
        r = HOST(t, domain_undefine, c, &trouble);
    if (r == 0)
        cunik_registry_removed(t->s->registry, c->name);
    undone(err, trouble);
}

static int create_cunik(const struct apply_things *t, const struct world_cunik *c,
                        struct error **err)
{
    int r = HOST(t, domain_define, c, t->s->desired, err);

    if (r == 0) {
        cunik_registry_defined(t->s->registry, c);
        /* Names are served of what runs. */
        r = c->status.state == CUNIK_RUNNING ? connect(t, c, err)
                                             : HOST(t, links_create, c, t->s->desired, err);
    }
    if (r == 0 && c->status.state == CUNIK_RUNNING)
        r = t->s->start(t->s->ctx, c, err);
    if (r < 0)
        unmake(t, c, err);
    return r;
}

static int update_cunik(const struct apply_things *t, const struct world_cunik *c,
                        const struct world_cunik *old, struct error **err)
{
    int r = 0;

    if (!cunik_text_blank(old->status.definition))
        r = HOST(t, domain_restore, c, err);
    if (r == 0 && old->status.links_missing)
        r = HOST(t, links_create, c, t->s->desired, err);
    if (r == 0 && old->status.state == CUNIK_RUNNING)
        r = HOST(t, names_add, c, err);
    if (r == 0)
        r = HOST(t, domain_relabel, c, err);
    if (r == 0)
        t->s->updated(t->s->ctx, c, old);
    return r;
}

static int start_cunik(const struct apply_things *t, const struct world_cunik *c,
                       struct error **err)
{
    int r = connect(t, c, err);

    return r < 0 ? r : t->s->start(t->s->ctx, c, err);
}

static int stop_cunik(const struct apply_things *t, const struct world_cunik *c, bool kill,
                      struct error **err)
{
    int r = stop(t, c, kill, err);

    return r < 0 ? r : HOST(t, names_remove, c, err);
}

static int cunik_step(const struct apply_things *t, const struct plan_step *step,
                      struct error **err)
{
    const struct world_cunik *c = cunik_map_get(&t->desired_cuniks, step->name);
    const struct world_cunik *old = cunik_map_get(&t->actual_cuniks, step->name);
    int r;

    switch (step->verb) {
    case PLAN_CREATE:
        return create_cunik(t, c, err);
    case PLAN_UPDATE:
        return update_cunik(t, c, old, err);
    case PLAN_RECREATE:
        r = remove_cunik(t, old, !same_links(old, c), err);
        return r < 0 ? r : create_cunik(t, c, err);
    case PLAN_START:
        return start_cunik(t, c, err);
    case PLAN_RESTART:
        r = stop(t, old, false, err);
        return r < 0 ? r : start_cunik(t, c, err);
    case PLAN_STOP:
    case PLAN_KILL:
        return stop_cunik(t, old, step->verb == PLAN_KILL, err);
    case PLAN_REMOVE:
        return remove_cunik(t, old, !t->s->whole, err);
    case PLAN_VERB_MAX_:
        break;
    }
    abort();
}

static const char *const doing[] = {
    [PLAN_CREATE] = "creating",    [PLAN_UPDATE] = "updating", [PLAN_RECREATE] = "recreating",
    [PLAN_START] = "starting",     [PLAN_STOP] = "stopping",   [PLAN_KILL] = "killing",
    [PLAN_RESTART] = "restarting", [PLAN_REMOVE] = "removing",
};
_Static_assert(ARRAY_SIZE(doing) == PLAN_VERB_MAX_, "every verb has its word");

int cunik_apply_step(const struct apply_things *t, const struct plan_step *step, struct error **err)
{
    static int (*const kinds[])(const struct apply_things *, const struct plan_step *,
                                struct error **) = {
        [PLAN_NETWORK] = network_step,
        [PLAN_CUNIK] = cunik_step,
        [PLAN_VOLUME] = volume_step,
    };
    _Static_assert(ARRAY_SIZE(kinds) == PLAN_KIND_MAX_, "every kind has its steps");
    bool plain = step->kind == PLAN_CUNIK;
    int r = kinds[step->kind](t, step, err);

    return cunik_error_prefix(err, r, "%s %s%s'%s'", doing[step->verb],
                              plain ? "" : cunik_plan_kind_name(step->kind), plain ? "" : " ",
                              step->name);
}

int cunik_apply_remove_links(const struct apply_things *t, struct error **err)
{
    int r = 0;

    /* The names first: a bridge is what tells of a network. */
    for (size_t i = 0; r == 0 && i < t->s->plan->n; i++) {
        const struct plan_step *step = &t->s->plan->steps[i];
        if (step->kind == PLAN_NETWORK && step->verb == PLAN_REMOVE)
            r = HOST(t, names_stop,
                     (const struct world_network *)cunik_map_get(&t->actual_networks, step->name),
                     err);
    }
    if (r == 0)
        r = HOST(t, links_remove_stack, t->s->stack, err);
    return cunik_error_prefix(err, r, "removing the links of stack '%s'", t->s->stack);
}
