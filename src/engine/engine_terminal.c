/* What those who are attached to a console want to know of its cunik. */
#include "engine/engine_internal.h"

#include "base/memory.h"

static int look(struct engine *e, const char *name, struct world *w, struct world_cunik **ret,
                struct error **err)
{
    int r = cunik_engine_world(e, NULL, w, err);

    if (r < 0)
        return r;
    *ret = cunik_world_cunik(w, name);
    return *ret ? 0 : cunik_error_set(err, ERROR_NOT_FOUND, "no such cunik: %s", name);
}

int cunik_engine_run(struct engine *e, const char *name, struct guest_run *ret, struct error **err)
{
    _cleanup_world_ struct world w = {0};
    struct world_cunik *c;
    int r = look(e, name, &w, &c, err);

    if (r < 0)
        return r;
    pthread_mutex_lock(&e->registry.lock);
    const struct registry_cunik *known = cunik_registry_find(&e->registry, name);
    ret->run = known ? known->run : 0;
    ret->from = known ? known->console_from : 0;
    pthread_mutex_unlock(&e->registry.lock);
    ret->active = cunik_state_is_up(c->status.state);
    return 0;
}

int cunik_engine_terminal(struct engine *e, const char *name, char **ret_path, struct error **err)
{
    _cleanup_world_ struct world w = {0};
    struct world_cunik *c;
    int r = look(e, name, &w, &c, err);

    if (r < 0)
        return r;
    if (!cunik_state_is_up(c->status.state) || !e->host.ops->terminal)
        return cunik_error_set(err, ERROR_CONFLICT, "'%s' is %s", name,
                               cunik_state_name(c->status.state));
    return e->host.ops->terminal(e->host.ctx, c, ret_path, err);
}
