/* What cuniks boot that name an image and no kernel. */
#include "base/map.h"
#include "base/memory.h"
#include "engine/engine_internal.h"
#include "engine/world_image.h"

/* Copies of a service, and services of one image, ask the host once. */
int cunik_engine_use_images(struct engine *e, struct world *w, const bool *in_scope,
                            struct error **err)
{
    _cleanup_map_ struct map known = {0};
    int r = 0;

    for (size_t i = 0; i < w->n_cuniks && r == 0; i++) {
        struct world_cunik *c = &w->cuniks[i];
        struct world_cunik *image = cunik_map_get(&known, c->image);
        if (!in_scope[i] || !cunik_world_wants_image(c) || !e->host.ops->image)
            continue;
        if (!image) {
            image = cunik_calloc(1, sizeof(*image));
            cunik_map_set(&known, c->image, image);
            r = e->host.ops->image(e->host.ctx, c->image, image, err);
        }
        if (r == 0)
            cunik_world_use_image(w, c, image);
        r = cunik_error_prefix(err, r, "service '%s'", c->service);
    }
    for (size_t i = 0; i < known.n; i++) {
        cunik_world_cunik_done(known.entries[i].value);
        free(known.entries[i].value);
    }
    return r;
}

struct image_users {
    struct strv *digests, *names;
};

static void add_user(void *ctx, const struct world_cunik *c)
{
    const struct image_users *u = ctx;

    if (!*c->image_digest)
        return;
    cunik_strv_add(u->digests, c->image_digest);
    cunik_strv_add(u->names, c->name);
}

void cunik_engine_images_hold(struct engine *e)
{
    pthread_rwlock_wrlock(&e->taking);
}

void cunik_engine_images_release(struct engine *e)
{
    pthread_rwlock_unlock(&e->taking);
}

int cunik_engine_image_users(struct engine *e, struct strv *ret_digests, struct strv *ret_names,
                             struct error **err)
{
    _cleanup_world_ struct world observed = {0};
    struct image_users users = {ret_digests, ret_names};
    int r = cunik_engine_observe(e, &observed, err);

    if (r == 0)
        cunik_engine_users(e, &observed, NULL, add_user, &users);
    return r;
}
