/* Volumes, and who has them. */
#include <string.h>

#include "base/json.h"
#include "base/memory.h"
#include "engine/engine_internal.h"

static bool has(const struct world_cunik *c, const char *volume)
{
    for (size_t i = 0; i < c->n_mounts; i++)
        if (strcmp(c->mounts[i].type, "volume") == 0 && strcmp(c->mounts[i].source, volume) == 0)
            return true;
    return false;
}

static void find_users(const struct world *w, const char *volume, struct strv *ret)
{
    for (size_t i = 0; i < w->n_cuniks; i++)
        if (has(&w->cuniks[i], volume) && !cunik_strv_has(ret, w->cuniks[i].name))
            cunik_strv_add(ret, w->cuniks[i].name);
}

/* Those that are there, and those that requests under way are about to make. */
static void users(struct engine *e, const struct world *observed, const char *volume,
                  struct strv *ret)
{
    find_users(observed, volume, ret);
    pthread_mutex_lock(&e->worlds);
    for (size_t i = 0; i < e->slots.n; i++) {
        const struct slot *s = e->slots.entries[i].value;
        if (s->reserved)
            find_users(s->reserved, volume, ret);
    }
    pthread_mutex_unlock(&e->worlds);
    cunik_strv_sort(ret);
}

static int unsupported(struct error **err)
{
    return cunik_error_set(err, ERROR_UNAVAILABLE, "this host keeps no volumes");
}

int cunik_engine_volumes(struct engine *e, json_t **ret, struct error **err)
{
    _cleanup_world_ struct world observed = {0};
    _cleanup_json_ json_t *list = NULL;
    json_t *volume;
    size_t i;
    int r;

    if (!e->host.ops->volume_list)
        return unsupported(err);
    if ((r = cunik_engine_observe(e, &observed, err)) < 0 ||
        (r = e->host.ops->volume_list(e->host.ctx, &list, err)) < 0)
        return r;
    json_array_foreach (list, i, volume) {
        _cleanup_strv_ struct strv names = {0};
        users(e, &observed, json_string_value(json_object_get(volume, "name")), &names);
        cunik_json_set_strv(volume, "used_by", &names);
    }
    *ret = TAKE_PTR(list);
    return 0;
}

int cunik_engine_volume_create(struct engine *e, const struct world_volume *v, json_t **ret,
                               struct error **err)
{
    return e->host.ops->volume_create ? e->host.ops->volume_create(e->host.ctx, v, ret, err)
                                      : unsupported(err);
}

int cunik_engine_volume_remove(struct engine *e, const char *name, struct error **err)
{
    _cleanup_world_ struct world observed = {0};
    _cleanup_strv_ struct strv names = {0};
    int r;

    if (!e->host.ops->volume_remove)
        return unsupported(err);
    if ((r = cunik_engine_observe(e, &observed, err)) < 0)
        return r;
    users(e, &observed, name, &names);
    if (names.n) {
        _cleanup_free_ char *list = cunik_strv_join(&names, ", ");
        return cunik_error_set(err, ERROR_CONFLICT, "the volume '%s' is used by %s", name, list);
    }
    return e->host.ops->volume_remove(e->host.ctx, name, err);
}

int cunik_engine_file_put(struct engine *e, const void *data, size_t size, struct error **err)
{
    return e->host.ops->file_put ? e->host.ops->file_put(e->host.ctx, data, size, err)
                                 : unsupported(err);
}
