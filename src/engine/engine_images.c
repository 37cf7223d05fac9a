/* What cuniks boot that name an image and no kernel. */
#include "base/map.h"
#include "base/memory.h"
#include "engine/engine_internal.h"
#include "engine/world_image.h"

/* Copies of a service, and services of one image, ask the host once. */
int cunik_engine_use_images(struct engine *e, struct world *w, struct error **err)
{
    _cleanup_map_ struct map known = {0};
    int r = 0;

    for (size_t i = 0; i < w->n_cuniks && r == 0; i++) {
        struct world_cunik *c = &w->cuniks[i];
        struct world_cunik *image = cunik_map_get(&known, c->image);
        if (!cunik_world_wants_image(c) || !e->host.ops->image)
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

static void add_users(const struct world *w, struct strv *digests, struct strv *names)
{
    for (size_t i = 0; i < w->n_cuniks; i++)
        if (*w->cuniks[i].image_digest) {
            cunik_strv_add(digests, w->cuniks[i].image_digest);
            cunik_strv_add(names, w->cuniks[i].name);
        }
}

void cunik_engine_images_hold(struct engine *e)
{
    pthread_rwlock_wrlock(&e->images);
}

void cunik_engine_images_release(struct engine *e)
{
    pthread_rwlock_unlock(&e->images);
}

int cunik_engine_image_users(struct engine *e, struct strv *ret_digests, struct strv *ret_names,
                             struct error **err)
{
    _cleanup_world_ struct world observed = {0};
    int r = cunik_engine_observe(e, &observed, err);

    if (r < 0)
        return r;
    add_users(&observed, ret_digests, ret_names);
    pthread_mutex_lock(&e->worlds);
    for (size_t i = 0; i < e->slots.n; i++) {
        const struct slot *s = e->slots.entries[i].value;
        if (s->reserved)
            add_users(s->reserved, ret_digests, ret_names);
    }
    pthread_mutex_unlock(&e->worlds);
    return 0;
}
