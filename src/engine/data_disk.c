#include "engine/data_disk.h"

#include <string.h>
#include <unistd.h>

#include "base/memory.h"
#include "base/process.h"
#include "engine/ext_disk.h"
#include "engine/rofs.h"

#define FIXED_DATE "1970010100000100"

static int make_iso(const char *path, const char *folder, struct error **err)
{
    /* Made by us, so that nobody else reads it, not even for a moment. */
    int r = cunik_sparse_make(path, 0, err);

    return r < 0 ? r
                 : PROCESS_RUN(err, "SOURCE_DATE_EPOCH=" DISK_EPOCH, "TZ=UTC", "xorriso", "-as",
                               "mkisofs", "-quiet", "-R", "-V", "DATA", "--set_all_file_dates",
                               FIXED_DATE, "-o", path, folder);
}

int cunik_data_disk_make(const char *path, const char *filesystem, const char *folder, int64_t size,
                         struct error **err)
{
    int r = strcmp(filesystem, "iso9660") == 0 ? make_iso(path, folder, err)
            : strcmp(filesystem, "rofs") == 0  ? cunik_rofs_make(path, folder, err)
                                              : cunik_ext_make(path, filesystem, folder, size, err);

    if (r < 0)
        unlink(path);
    return cunik_error_prefix(err, r, "making a disk of '%s'", folder);
}
