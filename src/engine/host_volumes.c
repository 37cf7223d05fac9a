/* Volumes and files for guests, as operations of the host. */
#include "base/memory.h"
#include "engine/file_store.h"
#include "engine/host_real_internal.h"
#include "engine/volume.h"

int cunik_host_volume_list(void *ctx, json_t **ret, struct error **err)
{
    const struct host_real *h = ctx;
    _cleanup_free_ struct volume *list = NULL;
    size_t n = 0;
    int r = cunik_volume_list(h->root, &list, &n, err);

    if (r < 0)
        return r;
    *ret = json_array();
    for (size_t i = 0; i < n; i++) {
        json_array_append_new(*ret, cunik_volume_to_json(&list[i]));
        cunik_volume_done(&list[i]);
    }
    return 0;
}

int cunik_host_volume_create(void *ctx, const struct world_volume *v, json_t **ret,
                             struct error **err)
{
    const struct host_real *h = ctx;
    _cleanup_volume_ struct volume made = {0};
    int r = cunik_volume_create(h->root, v, "ext4", &made, err);

    if (r == 0)
        *ret = cunik_volume_to_json(&made);
    return r;
}

int cunik_host_volume_ensure(void *ctx, const struct world_volume *v, const struct world_cunik *c,
                             struct error **err)
{
    struct host_real *h = ctx;
    _cleanup_volume_ struct volume made = {0};
    const struct backend *backend;
    int r = cunik_host_backend(h, c, &backend, err);

    return r < 0 ? r
                 : cunik_volume_ensure(h->root, v, cunik_backend_filesystem(backend), &made, err);
}

int cunik_host_volume_remove(void *ctx, const char *name, struct error **err)
{
    const struct host_real *h = ctx;

    return cunik_volume_remove(h->root, name, err);
}

int cunik_host_file_put(void *ctx, const void *data, size_t size, struct error **err)
{
    const struct host_real *h = ctx;

    return cunik_file_store_put(h->root, data, size, err);
}

int cunik_host_file_sweep(void *ctx,
                          int (*users)(void *users_ctx, struct strv *ret, struct error **err),
                          void *users_ctx, struct error **err)
{
    const struct host_real *h = ctx;

    return cunik_file_store_sweep(h->root, users, users_ctx, err);
}
