#include "engine/data_disk.h"

#include <errno.h>
#include <fcntl.h>
#include <string.h>
#include <unistd.h>

#include "base/memory.h"
#include "base/process.h"
#include "engine/rofs.h"

/* A second after the epoch: nought is "not set" to some. */
#define FIXED_EPOCH "1"
#define FIXED_DATE "1970010100000100"
#define FIXED_UUID "63756e69-6b00-4000-8000-646174610000"

static int make_iso(const char *path, const char *folder, struct error **err)
{
    return PROCESS_RUN(err, "SOURCE_DATE_EPOCH=" FIXED_EPOCH, "TZ=UTC", "xorriso", "-as", "mkisofs",
                       "-quiet", "-R", "-V", "DATA", "--set_all_file_dates", FIXED_DATE, "-o", path,
                       folder);
}

static int make_ext(const char *path, const char *filesystem, const char *folder, int64_t size,
                    struct error **err)
{
    _cleanup_close_ int fd = open(path, O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, 0600);

    if (fd < 0 || ftruncate(fd, size) < 0)
        return cunik_error_errno(err, errno, "making '%s'", path);
    return PROCESS_RUN(err, "E2FSPROGS_FAKE_TIME=" FIXED_EPOCH, "mke2fs", "-q", "-F", "-m", "0",
                       "-t", filesystem, "-U", FIXED_UUID, "-E", "hash_seed=" FIXED_UUID, "-d",
                       folder, path);
}

int cunik_data_disk_make(const char *path, const char *filesystem, const char *folder, int64_t size,
                         struct error **err)
{
    int r = strcmp(filesystem, "iso9660") == 0 ? make_iso(path, folder, err)
            : strcmp(filesystem, "rofs") == 0  ? cunik_rofs_make(path, folder, err)
                                               : make_ext(path, filesystem, folder, size, err);

    if (r < 0)
        unlink(path);
    return cunik_error_prefix(err, r, "making a disk of '%s'", folder);
}
