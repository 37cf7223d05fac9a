/* Names that lead to what is healthy: a network may ask that those of an unhealthy cunik are not
 * served for as long as it is so. */
#include "base/log.h"
#include "engine/supervise_parts.h"

static bool hides(const struct world *w, const struct world_cunik *c)
{
    for (size_t i = 0; i < c->n_interfaces; i++) {
        const struct world_network *n = cunik_world_network(w, c->interfaces[i].network);
        if (n && n->hide_unhealthy)
            return true;
    }
    return false;
}

/* Whether something is to be done, and for which health. What is hidden stays so until it is known
 * to be better. */
static bool is_due(struct engine *e, const struct world_cunik *c, uint64_t seq,
                   enum cunik_health *ret)
{
    bool due = false, stale = false;

    pthread_mutex_lock(&e->registry.lock);
    struct registry_cunik *known = cunik_registry_find(&e->registry, c->name);
    stale = known && known->seq > seq;
    if (known && !stale && known->state == CUNIK_RUNNING && !known->held && !known->changing) {
        *ret = known->health;
        due = known->health == HEALTH_UNHEALTHY ||
              (known->hidden && known->health != HEALTH_STARTING);
        if (due)
            known->hidden = known->health == HEALTH_UNHEALTHY;
    }
    pthread_mutex_unlock(&e->registry.lock);
    if (stale)
        cunik_engine_wake(e, c->name);
    return due;
}

static void update(struct engine *e, const struct world_cunik *c, enum cunik_health health)
{
    _cleanup_error_ struct error *err = NULL;
    struct world_cunik copy = *c; /* borrows */

    copy.status.health = health;
    if (e->host.ops->names_add(e->host.ctx, &copy, &err) < 0)
        cunik_log(LOG_LEVEL_WARNING, "%s", err ? err->message : "a name cannot be changed");
}

void cunik_supervise_names(struct engine *e, const struct world *w, uint64_t seq)
{
    enum cunik_health health;
    bool any = false;

    for (size_t i = 0; !any && i < w->n_networks; i++)
        any = w->networks[i].hide_unhealthy;
    for (size_t i = 0; any && i < w->n_cuniks; i++)
        if (w->cuniks[i].status.state == CUNIK_RUNNING && hides(w, &w->cuniks[i]) &&
            is_due(e, &w->cuniks[i], seq, &health))
            update(e, &w->cuniks[i], health);
}
