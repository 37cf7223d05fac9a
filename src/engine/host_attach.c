/* What a cunik's mounts become on this host: disks and shared folders;
 * host_attach_files.c has the part of single files. */
#include <errno.h>
#include <fcntl.h>
#include <ftw.h>
#include <string.h>
#include <sys/stat.h>

#include "base/file.h"
#include "base/memory.h"
#include "base/text.h"
#include "engine/data_disk.h"
#include "engine/host_real_internal.h"
#include "engine/volume.h"

/* One attachment under way. */
struct attach {
    struct host_real *h;
    const struct world *w;
    const struct backend *backend;
    bool make; /* otherwise nothing is changed */
    struct world_cunik *to;
};

static void add_disk(struct attach *a, const struct world_mount *m, const char *path,
                     const char *filesystem, bool shared)
{
    struct world_disk *d = cunik_world_add_disk(a->to);

    cunik_replace(&d->path, path);
    cunik_replace(&d->mount, m->target);
    cunik_replace(&d->filesystem, filesystem);
    d->readonly = m->readonly;
    d->shared = shared;
}

static int add_share(struct attach *a, const struct world_mount *m, const char *path,
                     struct error **err)
{
    if (!a->backend->shares)
        return cunik_error_set(err, ERROR_INVALID,
                               "guests of the backend %s cannot share a folder with the host",
                               a->backend->name);
    add_disk(a, m, path, a->backend->shares, true);
    return 0;
}

static const char *usual_filesystem(const struct attach *a)
{
    return cunik_backend_filesystem(a->backend);
}

static int find_volume(struct attach *a, const struct world_mount *m, struct volume *ret,
                       struct error **err)
{
    struct world_volume *v = cunik_world_volume(a->w, m->source);
    struct error *why = NULL;
    int r;

    if (v && a->make)
        return cunik_volume_ensure(a->h->root, v, usual_filesystem(a), ret, err);
    r = cunik_volume_read(a->h->root, m->source, ret, &why);
    if (r < 0 && why->code == ERROR_NOT_FOUND && v && !v->external) {
        cunik_error_destroy(why);
        cunik_world_volume_copy(&ret->what, v);
        ret->path = cunik_asprintf("%s/volumes/%s/disk", a->h->root, v->name);
        return cunik_volume_check(v, err);
    }
    if (r < 0 && why->code == ERROR_NOT_FOUND) {
        cunik_error_destroy(why);
        return cunik_error_set(err, ERROR_INVALID,
                               "no such volume: %s; one that is external is made by 'cunik volume "
                               "create %s'",
                               m->source, m->source);
    }
    return cunik_error_pass(err, r, &why);
}

static int attach_volume(struct attach *a, const struct world_mount *m, struct error **err)
{
    _cleanup_volume_ struct volume v = {0};
    int r = find_volume(a, m, &v, err);

    if (r < 0)
        return r;
    if (strcmp(v.what.format, "directory") == 0)
        return add_share(a, m, v.path, err);
    if (strcmp(v.what.filesystem, "none") == 0)
        return cunik_error_set(err, ERROR_INVALID,
                               "the volume '%s' has no filesystem that could be mounted",
                               v.what.name);
    add_disk(a, m, v.path, *v.what.filesystem ? v.what.filesystem : usual_filesystem(a), false);
    return 0;
}

/* How many bytes a folder's content takes, in whole blocks; per thread, for nftw() has no context.
 */
static _Thread_local int64_t content_size;

static int count_one(const char *path _unused_, const struct stat *st, int type _unused_,
                     struct FTW *ftw _unused_)
{
    content_size += (st->st_size + 4095) / 4096 * 4096 + 4096;
    return 0;
}

/* No device keeps a guest from writing to a folder shared by virtiofs, and read-only is not for the
 * guest to keep: it gets a disk with what is in the folder now. */
static int attach_copy(struct attach *a, const struct world_mount *m, struct error **err)
{
    const int64_t spare = INT64_C(8) << 20;
    _cleanup_free_ char *kind = cunik_asprintf("folder-%zu.raw", a->to->boot.n_disks);
    _cleanup_free_ char *path = cunik_host_image_path(a->h, a->to->name, kind);
    int r = 0;

    content_size = 0;
    if (a->make && nftw(m->source, count_one, 16, FTW_PHYS) != 0)
        return cunik_error_errno(err, errno, "reading '%s'", m->source);
    if (a->make && unlink(path) < 0 && errno != ENOENT)
        return cunik_error_errno(err, errno, "removing '%s'", path);
    const char *filesystem =
        m->readonly && a->backend->reads ? a->backend->reads : usual_filesystem(a);
    if (a->make)
        r = cunik_data_disk_make(path, filesystem, m->source,
                                 content_size + content_size / 4 + spare, err);
    if (r == 0)
        add_disk(a, m, path, filesystem, false);
    return r;
}

static int attach_folder(struct attach *a, const struct world_mount *m, struct error **err)
{
    struct stat st;

    if (stat(m->source, &st) < 0)
        return cunik_error_set(err, ERROR_INVALID, "'%s': %s", m->source, strerror(errno));
    if (!S_ISDIR(st.st_mode))
        return cunik_error_set(err, ERROR_INVALID, "'%s' is no folder", m->source);
    if (m->readonly && (!a->backend->shares || strcmp(a->backend->shares, "virtiofs") == 0))
        return attach_copy(a, m, err);
    return add_share(a, m, m->source, err);
}

bool cunik_host_is_of_image(const struct host_real *h, const char *path)
{
    _cleanup_free_ char *images = cunik_asprintf("%s/unpacked/", h->root);

    return cunik_text_starts(path, images);
}

int cunik_host_attach(struct host_real *h, const struct world_cunik *c, const struct world *w,
                      const struct backend *backend, bool make, struct world_cunik *ret,
                      struct error **err)
{
    struct world_cunik to = {0};
    struct attach a = {.h = h, .w = w, .backend = backend, .make = make, .to = &to};
    int r = 0;

    cunik_world_cunik_copy(&to, c);
    r = cunik_host_cover(h, &to, make, err);
    for (size_t i = 0; i < to.n_mounts && r == 0; i++) {
        const struct world_mount *m = &to.mounts[i];
        if (m->kind == MOUNT_VOLUME)
            r = attach_volume(&a, m, err);
        else if (m->kind == MOUNT_BIND)
            r = attach_folder(&a, m, err);
        r = cunik_error_prefix(err, r, "volumes: '%s'", m->target);
    }
    if (r == 0)
        r = cunik_host_attach_files(h, backend, make, &to, err);
    if (r < 0)
        cunik_world_cunik_done(&to);
    else
        *ret = to;
    return r;
}
