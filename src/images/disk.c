/* Disks of images. A qcow2 file may name other files that it is to be read through: of a stranger's
 * image that would be any file of this host. */
#include <endian.h>
#include <errno.h>
#include <fcntl.h>
#include <string.h>
#include <unistd.h>

#include "base/memory.h"
#include "images/store.h"

/* The header's fields as QEMU's docs/interop/qcow2.txt places them, big-endian. */
enum { AT_VERSION = 4, AT_BACKING = 8, AT_FEATURES = 72, HEADER_SIZE = 80 };
enum { EXTERNAL_DATA = 1 << 2 }; /* of the incompatible features */

static uint32_t load32(const uint8_t *p)
{
    uint32_t value;

    memcpy(&value, p, sizeof(value));
    return be32toh(value);
}

static uint64_t load64(const uint8_t *p)
{
    return (uint64_t)load32(p) << 32 | load32(p + 4);
}

int cunik_image_disk_check(const char *path, struct error **err)
{
    static const uint8_t magic[] = {'Q', 'F', 'I', 0xfb};
    uint8_t header[HEADER_SIZE] = {0};
    _cleanup_close_ int fd = open(path, O_RDONLY | O_CLOEXEC | O_NOFOLLOW);
    ssize_t n = fd < 0 ? -1 : pread(fd, header, sizeof(header), 0);

    if (n < 0)
        return cunik_error_errno(err, errno, "reading '%s'", path);
    uint32_t version = load32(header + AT_VERSION);
    if (memcmp(header, magic, sizeof(magic)) != 0 || (version != 2 && version != 3))
        return cunik_error_set(err, ERROR_INVALID, "'%s' is no qcow2 disk", path);
    if (load64(header + AT_BACKING) ||
        (version == 3 && load64(header + AT_FEATURES) & EXTERNAL_DATA))
        return cunik_error_set(err, ERROR_INVALID,
                               "the disk '%s' is to be read through another file; an image's disk "
                               "stands alone",
                               path);
    return 0;
}
