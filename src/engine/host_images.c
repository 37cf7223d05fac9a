/* Kernels and initrds as guests boot them. See host_real.h for where they are. */
#include <errno.h>
#include <fcntl.h>
#include <linux/fs.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/sendfile.h>

#include "base/digest.h"
#include "base/file.h"
#include "base/folder.h"
#include "base/memory.h"
#include "engine/host_real_internal.h"

static char *store_of(const struct host_real *h)
{
    return cunik_asprintf("%s/images/.store", h->root);
}

static char *folder_of(const struct host_real *h, const char *cunik)
{
    return cunik_asprintf("%s/images/%s", h->root, cunik);
}

char *cunik_host_image_path(const struct host_real *h, const char *cunik, const char *kind)
{
    return cunik_asprintf("%s/images/%s/%s", h->root, cunik, kind);
}

/* One name for one version of one file. */
static char *name_of(const struct stat *st)
{
    _cleanup_free_ char *text = cunik_asprintf(
        "%llu:%llu:%lld:%lld.%09ld", (unsigned long long)st->st_dev, (unsigned long long)st->st_ino,
        (long long)st->st_size, (long long)st->st_mtim.tv_sec, st->st_mtim.tv_nsec);

    return cunik_digest_hex(text, strlen(text), 32);
}

/* Shares the blocks where the file system can. */
static int copy(int from, int to, off_t size)
{
    if (ioctl(to, FICLONE, from) == 0)
        return 0;
    while (size > 0) {
        ssize_t n = sendfile(to, from, NULL, (size_t)size);
        if (n < 0 && errno == EINTR)
            continue;
        if (n < 0)
            return -errno;
        if (n == 0) /* it shrank: somebody is writing it */
            return -EBUSY;
        size -= n;
    }
    return 0;
}

static int make_copy(const char *source, int from, const struct stat *st, const char *path,
                     struct error **err)
{
    _cleanup_free_ char *temporary = cunik_asprintf("%s.XXXXXX", path);
    _cleanup_close_ int to = mkostemp(temporary, O_CLOEXEC);

    if (to < 0)
        return cunik_error_errno(err, errno, "copying '%s' to '%s'", source, path);
    int r = copy(from, to, st->st_size);
    /* What not everybody may read is not everybody's here either (host_files.c). */
    if (r == 0 && fchmod(to, st->st_mode & S_IROTH ? 0444 : 0400) < 0)
        r = -errno;
    if (r == 0 && rename(temporary, path) < 0)
        r = -errno;
    if (r < 0) {
        unlink(temporary);
        return cunik_error_errno(err, r, "copying '%s' to '%s'", source, path);
    }
    return 0;
}

static int link_to(const char *path, const char *folder, const char *kind, struct error **err)
{
    _cleanup_free_ char *target = cunik_asprintf("%s/%s", folder, kind);
    int r = cunik_file_make_folders(folder, 0755, err);

    if (r < 0)
        return r;
    if (unlink(target) < 0 && errno != ENOENT)
        return cunik_error_errno(err, errno, "removing '%s'", target);
    if (link(path, target) < 0)
        return cunik_error_errno(err, errno, "linking '%s' to '%s'", path, target);
    return 0;
}

int cunik_host_image_put(struct host_real *h, const char *cunik, const char *kind,
                         const char *source, struct error **err)
{
    _cleanup_free_ char *store = store_of(h), *folder = folder_of(h, cunik);
    _cleanup_close_ int from = open(source, O_RDONLY | O_CLOEXEC);
    struct stat st;
    int r;

    if (from < 0 || fstat(from, &st) < 0)
        return cunik_error_errno(err, errno, "opening %s '%s'", kind, source);
    if ((r = cunik_file_make_folders(store, 0755, err)) < 0)
        return r;
    _cleanup_free_ char *name = name_of(&st);
    _cleanup_free_ char *path = cunik_asprintf("%s/%s", store, name);
    pthread_mutex_lock(&h->images_lock);
    if (!cunik_file_exists(path))
        r = make_copy(source, from, &st, path, err);
    if (r == 0)
        r = link_to(path, folder, kind, err);
    pthread_mutex_unlock(&h->images_lock);
    return r;
}

bool cunik_host_image_changed(const struct host_real *h, const char *cunik, const char *kind,
                              const char *source)
{
    _cleanup_free_ char *image = cunik_host_image_path(h, cunik, kind), *store = store_of(h);
    struct stat now, used, kept;

    if (stat(source, &now) < 0 || stat(image, &used) < 0)
        return false;
    _cleanup_free_ char *name = name_of(&now);
    _cleanup_free_ char *path = cunik_asprintf("%s/%s", store, name);
    return stat(path, &kept) < 0 || kept.st_dev != used.st_dev || kept.st_ino != used.st_ino;
}

/* A copy with no other link is nobody's. One that stays is in nobody's way. */
static void sweep(const char *store)
{
    _cleanup_strv_ struct strv names = {0};
    struct stat st;

    if (cunik_folder_list(store, FOLDER_DOTTED, &names, NULL) < 0)
        return;
    for (size_t i = 0; i < names.n; i++) {
        _cleanup_free_ char *path = cunik_asprintf("%s/%s", store, names.items[i]);
        if (lstat(path, &st) == 0 && S_ISREG(st.st_mode) && st.st_nlink == 1)
            unlink(path);
    }
}

int cunik_host_images_remove(struct host_real *h, const char *cunik, struct error **err)
{
    _cleanup_free_ char *store = store_of(h), *folder = folder_of(h, cunik);

    pthread_mutex_lock(&h->images_lock);
    int r = cunik_file_remove_tree(folder, err);
    sweep(store);
    pthread_mutex_unlock(&h->images_lock);
    return r;
}

/* Kept ones */

static const char *const kinds[] = {"kernel", "initrd"};

static char *kept_folder(const struct host_real *h, const char *cunik)
{
    return cunik_asprintf("%s/images/.kept/%s", h->root, cunik);
}

static int keep(struct host_real *h, const char *cunik, const char *folder, struct error **err)
{
    int r = 0;

    for (size_t i = 0; r == 0 && i < ARRAY_SIZE(kinds); i++) {
        _cleanup_free_ char *path = cunik_host_image_path(h, cunik, kinds[i]);
        if (cunik_file_exists(path))
            r = link_to(path, folder, kinds[i], err);
    }
    return r;
}

int cunik_host_images_keep(struct host_real *h, const char *cunik, bool keeps, struct error **err)
{
    _cleanup_free_ char *store = store_of(h), *folder = kept_folder(h, cunik ? cunik : "");
    int r;

    pthread_mutex_lock(&h->images_lock);
    if (keeps) {
        r = keep(h, cunik, folder, err);
    } else {
        r = cunik_file_remove_tree(folder, err);
        sweep(store);
    }
    pthread_mutex_unlock(&h->images_lock);
    return r;
}

void cunik_host_images_kept(struct host_real *h, const struct world_cunik *c,
                            struct world_cunik *ret)
{
    _cleanup_free_ char *folder = kept_folder(h, c->name);
    char **files[] = {&ret->boot.kernel, &ret->boot.initrd};

    cunik_world_cunik_copy(ret, c);
    for (size_t i = 0; c->status.files_changed && i < ARRAY_SIZE(kinds); i++) {
        _cleanup_free_ char *path = cunik_asprintf("%s/%s", folder, kinds[i]);
        if (**files[i] && cunik_file_exists(path))
            cunik_replace(files[i], path);
    }
}

int cunik_host_image_restore(struct host_real *h, const char *cunik, const char *kind,
                             struct error **err)
{
    _cleanup_free_ char *kept = kept_folder(h, cunik), *folder = folder_of(h, cunik);
    _cleanup_free_ char *path = cunik_asprintf("%s/%s", kept, kind);

    pthread_mutex_lock(&h->images_lock);
    int r = link_to(path, folder, kind, err);
    pthread_mutex_unlock(&h->images_lock);
    return r;
}
