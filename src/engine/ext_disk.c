#include "engine/ext_disk.h"

#include <errno.h>
#include <fcntl.h>
#include <unistd.h>

#include "base/memory.h"
#include "base/process.h"
#include "engine/ext_times.h"

#define FIXED_UUID "63756e69-6b00-4000-8000-646174610000"

int cunik_sparse_make(const char *path, int64_t size, struct error **err)
{
    _cleanup_close_ int fd = open(path, O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, 0600);

    if (fd < 0 || ftruncate(fd, size) < 0)
        return cunik_error_errno(err, errno, "making '%s'", path);
    return 0;
}

int cunik_ext_make(const char *path, const char *filesystem, const char *folder, int64_t size,
                   struct error **err)
{
    static const char *const always[] = {"mke2fs", "-q", "-F", "-m", "0", "-t"};
    _cleanup_strv_ struct strv argv = {0};
    int r = cunik_sparse_make(path, size, err);

    if (r < 0)
        return r;
    if (folder) {
        cunik_strv_add(&argv, "E2FSPROGS_FAKE_TIME=" DISK_EPOCH);
        cunik_strv_add(&argv, "LC_ALL=C"); /* it sorts names by the language */
    }
    for (size_t i = 0; i < ARRAY_SIZE(always); i++)
        cunik_strv_add(&argv, always[i]);
    cunik_strv_add(&argv, filesystem);
    if (folder) {
        const char *const fixed[] = {"-O", "^metadata_csum",        "-U", FIXED_UUID,
                                     "-E", "hash_seed=" FIXED_UUID, "-d", folder};
        for (size_t i = 0; i < ARRAY_SIZE(fixed); i++)
            cunik_strv_add(&argv, fixed[i]);
    }
    cunik_strv_add(&argv, path);
    r = cunik_process_run(&argv, NULL, err);
    return r < 0 || !folder ? r : cunik_ext_even_times(path, err);
}
