/* A network of one stack that cuniks of others are on. It goes only when nobody is on it, nor is
 * about to be: a request says what it takes before it makes it, and which networks it takes away
 * before it does, both under one lock. So of two that meet, the later one knows. */
#include <string.h>

#include "base/memory.h"
#include "engine/engine_internal.h"

static bool goes(const struct plan_step *s)
{
    return s->kind == PLAN_NETWORK && (s->verb == PLAN_REMOVE || s->verb == PLAN_RECREATE);
}

static void add(const struct world *from, struct plan_options *to)
{
    for (size_t i = 0; from && i < from->n_cuniks; i++)
        *ARRAY_APPEND(to->coming, to->n_coming) = from->cuniks[i];
}

/* What other requests that are under way are making; it borrows. */
static void find_coming(const struct engine *e, const struct slot *s, struct plan_options *to)
{
    for (size_t i = 0; i < e->slots.n; i++) {
        const struct slot *other = e->slots.entries[i].value;
        if (other == s || (!other->reserved && !other->found))
            continue;
        add(other->reserved ? other->reserved : &other->desired, to);
    }
}

int cunik_engine_plan_beside(struct engine *e, struct slot *s, bool reserve, struct prepared *p,
                             struct error **err)
{
    pthread_mutex_lock(&e->worlds);
    find_coming(e, s, &p->options);
    int r = cunik_plan_make(&p->observed, &p->desired, &p->options, &p->plan, err);
    free(p->options.coming);
    p->options.coming = NULL;
    p->options.n_coming = 0;
    if (reserve)
        cunik_strv_done(&s->leaving);
    for (size_t i = 0; r == 0 && reserve && i < p->plan.n; i++)
        if (goes(&p->plan.steps[i]))
            cunik_strv_add(&s->leaving, p->plan.steps[i].name);
    pthread_mutex_unlock(&e->worlds);
    return r;
}

int cunik_engine_check_networks(const struct engine *e, const struct slot *s,
                                const struct world *desired, struct error **err)
{
    for (size_t i = 0; i < e->slots.n; i++) {
        const struct slot *other = e->slots.entries[i].value;
        for (size_t k = 0; other != s && k < desired->n_networks; k++)
            if (desired->networks[k].external &&
                cunik_strv_has(&other->leaving, desired->networks[k].name))
                return cunik_error_set(err, ERROR_CONFLICT,
                                       "network '%s' is about to go: a request for stack '%s' "
                                       "removes it or makes it anew",
                                       desired->networks[k].name, other->stack);
    }
    return 0;
}

static void add_foreign(struct world *to, const struct world *from, const struct world_cunik *c)
{
    for (size_t i = 0; i < c->n_interfaces; i++) {
        const struct world_network *n = cunik_world_network(from, c->interfaces[i].network);
        if (!n || cunik_world_network(to, n->name))
            continue;
        struct world_network *copy = ARRAY_APPEND(to->networks, to->n_networks);
        cunik_world_network_copy(copy, n);
        copy->external = true;
    }
}

void cunik_engine_add_foreign(struct world *to, const struct world *from)
{
    for (size_t i = 0; i < to->n_cuniks; i++)
        add_foreign(to, from, &to->cuniks[i]);
}

void cunik_engine_add_networks(struct engine *e, const struct world_cunik *c, struct world *ret)
{
    pthread_mutex_lock(&e->worlds);
    for (size_t i = 0; i < e->slots.n; i++) {
        const struct slot *s = e->slots.entries[i].value;
        add_foreign(ret, &s->desired, c);
        add_foreign(ret, &s->others, c);
    }
    pthread_mutex_unlock(&e->worlds);
}
