/* Which volumes are made for those that are about to be made, and which go with those that go. */
#include <string.h>

#include "base/memory.h"
#include "engine/plan_parts.h"

static struct plan_volume *add(struct planner *p, const struct world_volume *v, enum plan_verb verb,
                               const char *reason)
{
    struct plan_volume *to = ARRAY_APPEND(p->volumes, p->n_volumes);

    *to = (struct plan_volume){.v = v, .verb = verb, .step = NO_STEP};
    cunik_strv_add(&to->reasons, reason);
    return to;
}

static bool is_made(const struct plan_wish *w)
{
    return w->main && (w->verb == PLAN_CREATE || w->verb == PLAN_RECREATE);
}

/* Those that somebody needs who is made; of one that only starts they are there. */
static void decide_missing(struct planner *p)
{
    _cleanup_map_ struct map there = {0}, wanted = {0}, needed = {0};

    for (size_t i = 0; i < p->actual->n_volumes; i++)
        cunik_map_add(&there, p->actual->volumes[i].name, p);
    for (size_t i = 0; i < p->desired->n_volumes; i++)
        if (!p->desired->volumes[i].external)
            cunik_map_add(&wanted, p->desired->volumes[i].name, &p->desired->volumes[i]);
    for (size_t i = 0; wanted.n && i < p->desired->n_cuniks; i++) {
        const struct plan_wish *w = &p->wishes[i];
        for (size_t k = 0; is_made(w) && k < w->c->n_mounts; k++) {
            const struct world_mount *m = &w->c->mounts[k];
            const struct world_volume *v =
                m->kind == MOUNT_VOLUME ? cunik_map_get(&wanted, m->source) : NULL;
            if (v && !cunik_map_has(&there, v->name) && cunik_map_add(&needed, v->name, p))
                add(p, v, PLAN_CREATE, "it does not exist");
        }
    }
}

/* Who has which volume: those that go, and those that stay or come. */
static void find_users(const struct planner *p, struct map *goes, struct map *stays)
{
    for (size_t i = 0; i < p->actual->n_cuniks; i++) {
        const struct plan_going *g = &p->goings[i];
        for (size_t k = 0; k < g->c->n_mounts; k++)
            if (g->c->mounts[k].kind == MOUNT_VOLUME)
                cunik_map_add(g->goes ? goes : stays, g->c->mounts[k].source, (void *)g->c->name);
    }
    for (size_t i = 0; i < p->o->n_coming; i++)
        for (size_t k = 0; k < p->o->coming[i].n_mounts; k++)
            if (p->o->coming[i].mounts[k].kind == MOUNT_VOLUME)
                cunik_map_add(stays, p->o->coming[i].mounts[k].source,
                              (void *)p->o->coming[i].name);
}

static void decide_unwanted(struct planner *p)
{
    _cleanup_map_ struct map goes = {0}, stays = {0};

    find_users(p, &goes, &stays);
    for (size_t i = 0; i < p->actual->n_volumes; i++) {
        const struct world_volume *v = &p->actual->volumes[i];
        const char *user = cunik_map_get(&stays, v->name);
        if (!cunik_plan_is_ours(p, v->stack))
            continue;
        if (p->o->volumes == PLAN_VOLUMES_OWN && (*v->key || !cunik_map_has(&goes, v->name)))
            continue;
        if (user)
            cunik_strv_addf(&p->plan.warnings, "the volume '%s' is left alone: '%s' has it",
                            v->name, user);
        else
            add(p, v, PLAN_REMOVE,
                *v->key ? "it is taken down" : "it was made for what is taken down");
    }
}

void cunik_plan_decide_volumes(struct planner *p)
{
    if (!p->o->volumes_seen || p->o->existing || p->o->repair)
        return;
    if (!p->o->down)
        decide_missing(p);
    else if (p->o->volumes != PLAN_VOLUMES_STAY)
        decide_unwanted(p);
    for (size_t i = 0; i < p->n_volumes; i++)
        cunik_map_add(&p->volumes_by_name, p->volumes[i].v->name, &p->volumes[i]);
}
