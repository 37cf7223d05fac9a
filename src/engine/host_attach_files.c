/* Configs, secrets and single files of the host, in the way that the backend of a guest takes them:
 * behind its initrd, on a disk that is only read, or in a folder that is only read. */
#include <errno.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "backends/initrd.h"
#include "base/file.h"
#include "base/memory.h"
#include "engine/data_disk.h"
#include "engine/file_folders.h"
#include "engine/file_store.h"
#include "engine/host_real_internal.h"

enum { INITRD_MAX = 1 << 30 };

/* One attachment under way. */
struct attach {
    struct host_real *h;
    const struct backend *backend;
    bool make;
    struct world_cunik *to;
};

static bool is_file(const struct world_mount *m)
{
    return m->kind == MOUNT_FILE;
}

static int get(const struct attach *a, const struct world_mount *m, char **ret, size_t *ret_size,
               struct error **err)
{
    int r = cunik_file_store_get(a->h->root, m->digest, ret, ret_size, err);

    return cunik_error_prefix(err, r, "%s", m->source);
}

/* Behind the initrd */

/* The initrd of one cunik: what the file gives, and its own files behind it. */
static int write_initrd(const struct attach *a, const struct initrd_file *files, size_t n,
                        struct error **err)
{
    _cleanup_free_ char *path = cunik_host_image_path(a->h, a->to->name, HOST_INITRD_WITH_FILES);
    _cleanup_buffer_ struct buffer b = {0};
    _cleanup_free_ char *data = NULL;
    size_t size;
    int r = cunik_file_read(a->to->boot.initrd, INITRD_MAX, &data, &size, err);

    if (r < 0)
        return r;
    cunik_buffer_append(&b, data, size);
    cunik_initrd_append(&b, files, n);
    return cunik_file_write(path, b.data, b.size, 0400, false, err);
}

static int attach_to_initrd(const struct attach *a, size_t most, struct error **err)
{
    _cleanup_free_ struct initrd_file *files = cunik_calloc(most, sizeof(*files));
    _cleanup_strv_ struct strv data = {0};
    size_t n = 0;
    int r = 0;

    for (size_t i = 0; i < a->to->n_mounts && r == 0; i++) {
        const struct world_mount *m = &a->to->mounts[i];
        char *content = NULL;
        size_t size = 0;
        if (!is_file(m))
            continue;
        if ((r = get(a, m, &content, &size, err)) < 0)
            break;
        cunik_strv_take(&data, content);
        files[n++] = (struct initrd_file){m->target,        (uint32_t)m->mode, (uint32_t)m->uid,
                                          (uint32_t)m->gid, content,           size};
    }
    return r < 0 || !a->make ? r : write_initrd(a, files, n, err);
}

/* In folders */

/* Writes one file below `folder`, whose own folders nobody but us enters. */
static int write_file(const struct attach *a, const char *folder, const struct file_folder *f,
                      const struct world_mount *m, struct error **err)
{
    _cleanup_free_ char *path = cunik_asprintf("%s%s", folder, m->target + strlen(f->path));
    _cleanup_free_ char *parent = cunik_path_folder(path), *content = NULL;
    mode_t mode = a->backend->files == FILES_SHARE ? 0400 : (mode_t)m->mode & 0777;
    size_t size;
    int r = get(a, m, &content, &size, err);

    if (r == 0 && a->make && (r = cunik_file_make_folders(parent, 0700, err)) == 0)
        r = cunik_file_write(path, content, size, mode, false, err);
    return r;
}

/* For 9p it is QEMU that opens them, as the guests' user. */
static int give(const struct attach *a, const char *folder, const struct file_folder *f,
                struct error **err)
{
    const struct guest_user *u = cunik_hypervisor_user(a->h->hypervisor);
    int r = 0;

    for (size_t i = 0; i < f->n && r == 0; i++) {
        const char *rest = a->to->mounts[f->mounts[i]].target + strlen(f->path);
        _cleanup_free_ char *path = cunik_asprintf("%s%s", folder, rest);
        /* From the top, for a folder that cannot be entered hides those in it. */
        for (char *p = path + strlen(folder); p && r == 0; p = strchr(p + 1, '/')) {
            *p = '\0';
            r = cunik_access_own_folder(u, path, err);
            *p = '/';
        }
        if (r == 0)
            r = cunik_access_own(u, path, false, err);
    }
    return r;
}

static int make_disk(const char *path, const struct attach *a, const char *folder,
                     struct error **err)
{
    if (unlink(path) < 0 && errno != ENOENT)
        return cunik_error_errno(err, errno, "removing '%s'", path);
    return cunik_data_disk_make(path, a->backend->reads, folder, 0, err);
}

static int attach_folder(const struct attach *a, const struct file_folder *f, struct error **err)
{
    bool shared = a->backend->files == FILES_SHARE;
    _cleanup_free_ char *kind = cunik_asprintf("files-%zu", a->to->boot.n_disks);
    _cleanup_free_ char *folder = cunik_host_image_path(a->h, a->to->name, kind);
    _cleanup_free_ char *disk = cunik_asprintf("%s.raw", folder);
    _cleanup_free_ char *images = cunik_host_image_path(a->h, a->to->name, "");
    int r = a->make ? cunik_file_remove_tree(folder, err) : 0;

    if (r == 0 && a->make)
        r = cunik_file_make_folders(images, 0755, err);
    for (size_t i = 0; i < f->n && r == 0; i++)
        r = write_file(a, folder, f, &a->to->mounts[f->mounts[i]], err);
    if (r == 0 && a->make)
        r = shared ? give(a, folder, f, err) : make_disk(disk, a, folder, err);
    if (a->make && (r < 0 || !shared))
        cunik_file_remove_tree(folder, NULL);
    if (r < 0)
        return r;
    struct world_disk *d = cunik_world_add_disk(a->to);
    cunik_replace(&d->path, shared ? folder : disk);
    cunik_replace(&d->mount, f->path);
    cunik_replace(&d->filesystem, shared ? a->backend->shares : a->backend->reads);
    d->readonly = true;
    d->shared = shared;
    return 0;
}

static int attach_folders(const struct attach *a, struct error **err)
{
    struct file_folder *list = NULL;
    size_t n = 0;
    int r = cunik_file_folders_find(a->to, &list, &n, err);

    for (size_t i = 0; i < n && r == 0; i++)
        r = attach_folder(a, &list[i], err);
    cunik_file_folders_free(list, n);
    return r;
}

int cunik_host_attach_files(struct host_real *h, const struct backend *backend, bool make,
                            struct world_cunik *to, struct error **err)
{
    const struct attach a = {h, backend, make, to};
    const struct world_mount *first = NULL;
    const char *no = backend->files == FILES_NONE ? backend->no_files : NULL;
    size_t n = 0;

    for (size_t i = 0; i < to->n_mounts; i++) {
        first = !first && is_file(&to->mounts[i]) ? &to->mounts[i] : first;
        n += is_file(&to->mounts[i]);
    }
    if (!n)
        return 0;
    if (backend->files == FILES_INITRD && !*to->boot.initrd)
        no = "they travel behind an initrd, and this one has none";
    if (no)
        return cunik_error_set(
            err, ERROR_INVALID,
            "%s at '%s': guests of the backend %s are brought no single files: %s", first->source,
            first->target, backend->name, no);
    return backend->files == FILES_INITRD ? attach_to_initrd(&a, n, err) : attach_folders(&a, err);
}
