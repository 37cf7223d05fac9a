/* Volumes, and who has them. */
#include <string.h>

#include "base/json.h"
#include "base/memory.h"
#include "engine/engine_internal.h"

struct volume_users {
    const char *volume;
    struct strv *names;
};

static void add_user(void *ctx, const struct world_cunik *c)
{
    const struct volume_users *u = ctx;

    if (cunik_world_has_volume(c, u->volume) && !cunik_strv_has(u->names, c->name))
        cunik_strv_add(u->names, c->name);
}

static void find_users(struct engine *e, const struct world *observed, const struct slot *doing,
                       const char *volume, struct strv *ret)
{
    struct volume_users users = {volume, ret};

    cunik_engine_users(e, observed, doing, add_user, &users);
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
        find_users(e, &observed, NULL, json_string_value(json_object_get(volume, "name")), &names);
        cunik_json_set_strv(volume, "used_by", &names);
    }
    *ret = TAKE_PTR(list);
    return 0;
}

int cunik_engine_see_volumes(struct engine *e, struct world *w, bool *ret_seen, struct error **err)
{
    _cleanup_json_ json_t *list = NULL;
    json_t *volume;
    size_t i;
    int r;

    if (!e->host.ops->volume_list)
        return 0;
    if ((r = e->host.ops->volume_list(e->host.ctx, &list, err)) < 0)
        return r;
    json_array_foreach (list, i, volume) {
        struct world_volume *v = cunik_world_add_volume(w);
        cunik_replace(&v->name, cunik_json_string_at(volume, "name"));
        cunik_replace(&v->stack, cunik_json_string_at(volume, "stack"));
        cunik_replace(&v->key, cunik_json_string_at(volume, "key"));
    }
    *ret_seen = true;
    return 0;
}

int cunik_engine_volume_create(struct engine *e, const struct world_volume *v, json_t **ret,
                               struct error **err)
{
    return e->host.ops->volume_create ? e->host.ops->volume_create(e->host.ctx, v, ret, err)
                                      : unsupported(err);
}

static int remove_unused(struct engine *e, const struct slot *doing, const char *name,
                         struct error **err)
{
    _cleanup_world_ struct world observed = {0};
    _cleanup_strv_ struct strv names = {0};
    int r = cunik_engine_observe(e, &observed, err);

    if (r < 0)
        return r;
    find_users(e, &observed, doing, name, &names);
    if (names.n) {
        _cleanup_free_ char *list = cunik_strv_join(&names, ", ");
        return cunik_error_set(err, ERROR_CONFLICT, "the volume '%s' is used by %s", name, list);
    }
    return e->host.ops->volume_remove(e->host.ctx, name, err);
}

int cunik_engine_volume_drop(struct engine *e, const struct slot *doing, const char *name,
                             struct error **err)
{
    if (!e->host.ops->volume_remove)
        return unsupported(err);
    pthread_rwlock_wrlock(&e->taking);
    int r = remove_unused(e, doing, name, err);
    pthread_rwlock_unlock(&e->taking);
    return r;
}

int cunik_engine_volume_remove(struct engine *e, const char *name, struct error **err)
{
    return cunik_engine_volume_drop(e, NULL, name, err);
}

/* Files */

static void add_files(void *ctx, const struct world_cunik *c)
{
    for (size_t i = 0; i < c->n_mounts; i++)
        if (*c->mounts[i].digest)
            cunik_strv_add(ctx, c->mounts[i].digest);
}

static int find_files(void *ctx, struct strv *ret, struct error **err)
{
    struct engine *e = ctx;
    _cleanup_world_ struct world observed = {0};
    int r = cunik_engine_observe(e, &observed, err);

    if (r == 0)
        cunik_engine_users(e, &observed, NULL, add_files, ret);
    return r;
}

int cunik_engine_file_put(struct engine *e, const void *data, size_t size, struct error **err)
{
    if (!e->host.ops->file_put)
        return unsupported(err);
    int r = e->host.ops->file_sweep(e->host.ctx, find_files, e, err);
    return r < 0 ? r : e->host.ops->file_put(e->host.ctx, data, size, err);
}
