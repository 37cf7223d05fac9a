/* A disk has one guest that writes to it, or any number that read it: anything else would destroy
 * its filesystem. Folders may have any number of writers. */
#include <string.h>

#include "base/memory.h"
#include "engine/host_real_internal.h"
#include "engine/volume.h"

/* One disk that a cunik has: of a volume its name, else its path. */
struct use {
    const char *volume, *path;
    bool readonly;
};

static bool is_same_disk(const struct use *a, const struct use *b)
{
    return a->volume ? b->volume && strcmp(a->volume, b->volume) == 0
                     : !b->volume && strcmp(a->path, b->path) == 0;
}

/* The number of disks it has, and the one of that index. */
static size_t count(const struct world_cunik *c)
{
    return c->boot.n_disks + c->n_mounts;
}

static bool get(const struct host_real *h, const struct world_cunik *c, size_t i, struct use *ret)
{
    if (i < c->boot.n_disks) {
        /* Nobody writes to a disk that is covered or of an image, see host_cover.c. */
        bool covered =
            cunik_host_covers(h, c, i) || cunik_host_is_of_image(h, c->boot.disks[i].path);
        *ret = (struct use){NULL, c->boot.disks[i].path, covered || c->boot.disks[i].readonly};
        return true;
    }
    const struct world_mount *m = &c->mounts[i - c->boot.n_disks];
    *ret = (struct use){m->source, NULL, m->readonly};
    return m->kind == MOUNT_VOLUME;
}

static bool is_folder(const struct host_real *h, const struct world *w, const char *volume)
{
    const struct world_volume *wanted = cunik_world_volume(w, volume);
    _cleanup_volume_ struct volume v = {0};

    if (cunik_volume_read(h->root, volume, &v, NULL) == 0)
        return strcmp(v.what.format, "directory") == 0;
    return wanted && strcmp(wanted->format, "directory") == 0;
}

static int check_against(const struct host_real *h, const struct world_cunik *c,
                         const struct use *use, const struct world *w,
                         const struct world_cunik *other, struct error **err)
{
    struct use theirs;

    for (size_t i = 0; i < count(other); i++) {
        if (!get(h, other, i, &theirs) || !is_same_disk(use, &theirs) ||
            (use->readonly && theirs.readonly) || (use->volume && is_folder(h, w, use->volume)))
            continue;
        return cunik_error_set(
            err, ERROR_CONFLICT,
            "the %s '%s' is a disk, and '%s' and '%s' are both to have it%s; share a volume of "
            "format directory, or make it read-only for all",
            use->volume ? "volume" : "file", use->volume ? use->volume : use->path, c->name,
            other->name, use->readonly || theirs.readonly ? ", one of them to write" : " to write");
    }
    return 0;
}

/* Of other stacks what is there counts, of the cunik's own what is wanted. */
int cunik_host_check_writers(struct host_real *h, const struct world_cunik *c,
                             const struct world *w, struct error **err)
{
    _cleanup_world_ struct world there = {0};
    int r = 0;

    if (count(c) == 0)
        return 0;
    r = cunik_host_observe(h, &there, err);
    for (size_t i = 0; i < count(c) && r == 0; i++) {
        struct use use;
        if (!get(h, c, i, &use))
            continue;
        for (size_t k = 0; k < w->n_cuniks && r == 0; k++)
            if (strcmp(w->cuniks[k].name, c->name) != 0 &&
                w->cuniks[k].status.state != CUNIK_EXITED)
                r = check_against(h, c, &use, w, &w->cuniks[k], err);
        for (size_t k = 0; k < there.n_cuniks && r == 0; k++)
            if (strcmp(there.cuniks[k].stack, c->stack) != 0 &&
                cunik_state_is_active(there.cuniks[k].status.state))
                r = check_against(h, c, &use, w, &there.cuniks[k], err);
    }
    return r;
}
