/* What puts right what has drifted, and brings back what is kept up. */
#include "base/memory.h"
#include "engine/engine_prepare.h"

static void find_lost(struct engine *e, const struct slot *s, struct strv *ret)
{
    pthread_mutex_lock(&e->registry.lock);
    for (size_t i = 0; i < e->registry.entries.n; i++) {
        const struct registry_cunik *c = e->registry.entries.entries[i].value;
        if (c->lost && cunik_prepare_is_of(c->stack, s))
            cunik_strv_add(ret, c->name);
    }
    pthread_mutex_unlock(&e->registry.lock);
}

static bool needs_recreation(const struct world_cunik *actual, const struct world_cunik *wished)
{
    _cleanup_strv_ struct strv recreate = {0}, update = {0};

    cunik_world_cunik_diff(actual, wished, &recreate, &update);
    return recreate.n > 0;
}

/* The wish may be one that a request has not carried out: a repair goes by what is there, and does
 * not say of a guest that it is already what it is to become. Rules are made for the wish. */
static void keep_what_is_there(const struct slot *s, const struct world *observed, struct world *w)
{
    _cleanup_map_ struct map seen = {0};

    for (size_t i = 0; i < observed->n_cuniks; i++)
        cunik_map_add(&seen, observed->cuniks[i].name, &observed->cuniks[i]);
    for (size_t i = 0; i < w->n_cuniks; i++) {
        struct world_cunik *c = &w->cuniks[i], kept = {0};
        const struct world_cunik *is = cunik_map_get(&seen, c->name);
        if (!is || !cunik_prepare_is_of(is->stack, s) || is->status.unreadable ||
            !needs_recreation(is, c))
            continue;
        cunik_world_cunik_copy(&kept, is);
        kept.status.state = c->status.state;
        struct world_port *ports = kept.ports;
        size_t n_ports = kept.n_ports;
        kept.ports = c->ports;
        kept.n_ports = c->n_ports;
        c->ports = ports;
        c->n_ports = n_ports;
        cunik_world_cunik_done(c);
        *c = kept;
    }
    for (size_t i = 0; i < w->n_networks; i++) {
        struct world_network *n = &w->networks[i];
        const struct world_network *is = cunik_world_network(observed, n->name);
        _cleanup_strv_ struct strv recreate = {0}, update = {0};
        /* Of one whose file is gone the bridge tells only a part. */
        if (!is || n->external || !cunik_prepare_is_of(is->stack, s) || !*is->key)
            continue;
        cunik_world_network_diff(is, n, &recreate, &update);
        if (!recreate.n)
            continue;
        cunik_world_network_done(n);
        *n = (struct world_network){0};
        cunik_world_network_copy(n, is);
    }
}

int cunik_engine_prepare_repair(struct engine *e, struct slot *s, bool resume, struct prepared *ret,
                                struct error **err)
{
    _cleanup_strv_ struct strv lost = {0};
    struct prepared p = {.options = {.stack = s->stack, .repair = true, .resume = resume}};
    int r = cunik_engine_observe(e, &p.observed, err);

    if (r == 0) {
        pthread_mutex_lock(&e->worlds);
        cunik_prepare_last_wish(s, &p.observed, &p.desired);
        pthread_mutex_unlock(&e->worlds);
        keep_what_is_there(s, &p.observed, &p.desired);
        find_lost(e, s, &lost);
        p.options.lost = lost;
        r = cunik_plan_make(&p.observed, &p.desired, &p.options, &p.plan, err);
    }
    if (r < 0) {
        cunik_engine_prepared_done(&p);
        return r;
    }
    p.options.lost = (struct strv){0};
    *ret = p;
    return 0;
}
