/* Disk images with a filesystem on them. */
#include <string.h>
#include <unistd.h>

#include "base/memory.h"
#include "base/process.h"
#include "base/text.h"
#include "engine/ext_disk.h"
#include "engine/volume.h"

/* mke2fs makes all of these; "none" leaves the disk to the guest. */
static const char *const formats[] = {"raw", "qcow2", "directory"};
static const char *const filesystems[] = {"ext4", "ext3", "ext2", "none"};

enum { SIZE_LEAST = 1 << 20 };

/* A filesystem is not to be made on something larger by mistake in a unit. */
#define SIZE_MOST (INT64_C(64) << 40)

static int check_one(const char *what, const char *value, const char *const *known, size_t n,
                     struct error **err)
{
    for (size_t i = 0; i < n; i++)
        if (!*value || strcmp(value, known[i]) == 0)
            return 0;
    _cleanup_strv_ struct strv all = {0};
    for (size_t i = 0; i < n; i++)
        cunik_strv_add(&all, known[i]);
    _cleanup_free_ char *list = cunik_strv_join(&all, ", ");
    return cunik_error_set(err, ERROR_INVALID, "the %s '%s' is none of %s", what, value, list);
}

int cunik_volume_check(const struct world_volume *v, struct error **err)
{
    bool folder = strcmp(v->format, "directory") == 0;
    int r = check_one("format", v->format, formats, ARRAY_SIZE(formats), err);

    if (r == 0)
        r = check_one("filesystem", v->filesystem, filesystems, ARRAY_SIZE(filesystems), err);
    if (r == 0 && folder && (*v->filesystem || v->size))
        r = cunik_error_set(err, ERROR_INVALID, "a directory has no size and no filesystem");
    if (r == 0 && v->size && (v->size < SIZE_LEAST || v->size > SIZE_MOST))
        r = cunik_error_set(err, ERROR_INVALID, "a disk has 1 MiB to 64 TiB, not %lld bytes",
                            (long long)v->size);
    return cunik_error_prefix(err, r, "volume '%s'", v->name);
}

int cunik_volume_make_disk(const char *path, const char *format, const char *filesystem,
                           int64_t size, struct error **err)
{
    bool qcow2 = strcmp(format, "qcow2") == 0;
    _cleanup_free_ char *raw = qcow2 ? cunik_asprintf("%s.raw", path) : cunik_strdup(path);
    int r = strcmp(filesystem, "none") == 0 ? cunik_sparse_make(raw, size, err)
                                            : cunik_ext_make(raw, filesystem, NULL, size, err);

    if (r == 0 && qcow2)
        r = PROCESS_RUN(err, "qemu-img", "convert", "-q", "-f", "raw", "-O", "qcow2", raw, path);
    if (qcow2 || r < 0)
        unlink(raw);
    return r;
}
