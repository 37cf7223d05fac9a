/* Images of the store, as an operation of the host. */
#include <string.h>

#include "base/memory.h"
#include "base/text.h"
#include "engine/host_real_internal.h"
#include "images/image.h"

static void add_pairs(struct world_pairs *to, const struct strv *from)
{
    for (size_t i = 0; i < from->n; i++) {
        _cleanup_free_ char *key = cunik_strndup(from->items[i], strcspn(from->items[i], "="));
        const char *value = strchr(from->items[i], '=');
        cunik_world_pair_add(to, key, value ? value + 1 : "");
    }
}

/* A guest without a kernel boots from its first disk. */
static void add_files(struct world_cunik *c, const struct image_files *files)
{
    cunik_replace(&c->boot.kernel, files->kernel);
    cunik_replace(&c->boot.initrd, files->initrd);
    for (size_t i = 0; i < files->disks.n; i++) {
        struct world_disk *d = cunik_world_add_disk(c);
        cunik_replace(&d->path, files->disks.items[i]);
        d->root = i == 0 && !*files->kernel;
    }
}

int cunik_host_image(void *ctx, const char *name, struct world_cunik *ret, struct error **err)
{
    const struct host_real *h = ctx;
    _cleanup_image_ struct image image = {0};
    _cleanup_image_files_ struct image_files files = {0};
    int r;

    if ((r = cunik_image_find(h->root, name, &image, err)) < 0 ||
        (r = cunik_image_unpack(h->root, image.digest, &files, err)) < 0)
        return r;
    struct world w = {0};
    struct world_cunik *c = cunik_world_add_cunik(&w);
    cunik_replace(&c->image_digest, image.digest);
    cunik_replace(&c->boot.backend, image.config.backend);
    cunik_replace(&c->boot.cmdline, image.config.cmdline);
    c->memory = image.config.memory;
    cunik_strv_copy(&c->command, &image.config.command);
    cunik_strv_copy(&c->health.test, &image.config.health);
    add_pairs(&c->environment, &image.config.environment);
    add_files(c, &files);
    for (size_t i = 0; i < image.config.volumes.n; i++)
        cunik_replace(&cunik_world_add_mount(c)->target, image.config.volumes.items[i]);
    *ret = *c;
    free(w.cuniks);
    return 0;
}
