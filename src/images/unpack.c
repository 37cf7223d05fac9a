#include <errno.h>
#include <fcntl.h>
#include <string.h>
#include <sys/stat.h>

#include "base/file.h"
#include "base/folder.h"
#include "base/json.h"
#include "base/memory.h"
#include "base/text.h"
#include "images/store.h"

void cunik_image_files_done(struct image_files *f)
{
    free(f->kernel);
    free(f->initrd);
    cunik_strv_done(&f->disks);
    *f = (struct image_files){0};
}

/* The first of some files that is there, "" = none. */
static char *first_of(const char *folder, const char *const *names, size_t n)
{
    struct stat st;

    for (size_t i = 0; i < n; i++) {
        _cleanup_free_ char *path = cunik_asprintf("%s/%s", folder, names[i]);
        if (lstat(path, &st) == 0 && S_ISREG(st.st_mode))
            return TAKE_PTR(path);
    }
    return cunik_strdup("");
}

static int find_disks(const char *folder, struct strv *ret, struct error **err)
{
    _cleanup_free_ char *disks = cunik_asprintf("%s/cunik/disks", folder);
    _cleanup_strv_ struct strv names = {0};
    int r = cunik_folder_list(disks, FOLDER_MAYBE, &names, err);

    for (size_t i = 0; i < names.n; i++)
        cunik_strv_addf(ret, "%s/%s", disks, names.items[i]);
    return r;
}

/* A root file system that lies beside Unikraft's kernel, whatever it is called. */
static int find_cpio(const char *folder, char **ret, struct error **err)
{
    static const char *const places[] = {"unikraft/bin", "unikraft", "."};

    for (size_t i = 0; i < ARRAY_SIZE(places); i++) {
        _cleanup_free_ char *path = cunik_asprintf("%s/%s", folder, places[i]);
        _cleanup_strv_ struct strv names = {0};
        int r = cunik_folder_list(path, FOLDER_DOTTED | FOLDER_MAYBE, &names, err);
        if (r < 0)
            return r;
        for (size_t k = 0; k < names.n; k++)
            if (cunik_text_ends(names.items[k], ".cpio")) {
                *ret = cunik_asprintf("%s/%s", path, names.items[k]);
                return 0;
            }
    }
    *ret = cunik_strdup("");
    return 0;
}

static int find_files(const char *folder, const char *digest, struct image_files *ret,
                      struct error **err)
{
    static const char *const kernels[] = {"cunik/kernel", "unikraft/bin/kernel"};
    static const char *const initrds[] = {"cunik/initrd", "unikraft/bin/initrd"};

    ret->kernel = first_of(folder, kernels, ARRAY_SIZE(kernels));
    ret->initrd = first_of(folder, initrds, ARRAY_SIZE(initrds));
    int r = find_disks(folder, &ret->disks, err);
    if (r == 0 && !*ret->initrd && strstr(ret->kernel, "/unikraft/")) {
        free(TAKE_PTR(ret->initrd));
        r = find_cpio(folder, &ret->initrd, err);
    }
    if (r == 0 && (*ret->kernel || ret->disks.n))
        return 0;
    cunik_image_files_done(ret);
    return r < 0 ? r
                 : cunik_error_set(
                       err, ERROR_INVALID,
                       "image %s has neither a kernel nor a disk to boot from; it is none for "
                       "a unikernel",
                       digest);
}

static int unpack_layers(const char *store, const struct image_manifest *m, const char *folder,
                         struct error **err)
{
    int64_t left = IMAGE_UNPACKED_MAX;
    int r = 0;

    for (size_t i = 0; i < m->n_layers && r == 0; i++) {
        _cleanup_close_ int fd = -1;
        r = cunik_image_blob_open(store, &m->layers[i], &fd, err);
        if (r == 0)
            r = cunik_image_tar_unpack(fd, "a layer", folder, &left, err);
    }
    return r;
}

static int check_disks(const char *folder, struct error **err)
{
    _cleanup_strv_ struct strv disks = {0};
    int r = find_disks(folder, &disks, err);

    for (size_t i = 0; i < disks.n && r == 0; i++)
        if (cunik_text_ends(disks.items[i], ".qcow2"))
            r = cunik_image_disk_check(disks.items[i], err);
    return r;
}

/* Whole and on the disk before it has its name. */
static int finish(const char *made, const char *folder, struct error **err)
{
    _cleanup_close_ int fd = open(made, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    _cleanup_free_ char *above = cunik_path_folder(folder);
    int r = cunik_file_make_folders(above, 0755, err);

    if (r < 0)
        return r;
    if (fd < 0 || syncfs(fd) < 0 || fchmod(fd, 0755) < 0)
        return cunik_error_errno(err, errno, "unpacking to '%s'", made);
    if (rename(made, folder) < 0 && errno != EEXIST && errno != ENOTEMPTY)
        return cunik_error_errno(err, errno, "renaming '%s' to '%s'", made, folder);
    return 0;
}

static int unpack(const char *root, const char *digest, const char *folder, struct error **err)
{
    _cleanup_image_store_ struct image_store s = {.lock = -1};
    _cleanup_image_work_ struct image_work w = {.lock = -1};
    _cleanup_image_manifest_ struct image_manifest m = {0};
    struct image_descriptor d = {0};
    struct stat st;
    int r;

    if ((r = cunik_image_work_begin(root, &w, err)) < 0 ||
        (r = cunik_image_store_open(root, false, &s, err)) < 0)
        return r;
    _cleanup_free_ char *blob = cunik_image_blob_path(s.folder, digest);
    _cleanup_free_ char *made = cunik_asprintf("%s/files", w.folder);
    if (stat(blob, &st) < 0)
        return cunik_error_set(err, ERROR_NOT_FOUND, "no such image: %s", digest);
    d.size = st.st_size;
    memcpy(d.digest, digest, sizeof(d.digest));
    if ((r = cunik_image_manifest_read(s.folder, &d, IMAGE_CHECK, &m, err)) < 0 ||
        (r = cunik_file_make_folders(made, 0755, err)) < 0 ||
        (r = unpack_layers(s.folder, &m, made, err)) < 0 || (r = check_disks(made, err)) < 0)
        return r;
    return finish(made, folder, err);
}

int cunik_image_unpack(const char *root, const char *digest, struct image_files *ret,
                       struct error **err)
{
    if (!cunik_image_is_digest(digest))
        return cunik_error_set(err, ERROR_INVALID, "'%s' is no digest", digest);
    _cleanup_free_ char *folder = cunik_asprintf("%s/unpacked/%s", root, digest + 7);
    int r = cunik_file_exists(folder) ? 0 : unpack(root, digest, folder, err);

    r = cunik_error_prefix(err, r, "unpacking image %s", digest);
    return r < 0 ? r : find_files(folder, digest, ret, err);
}
