/* Consoles as they are, byte by byte, for those who are attached. */
#include <errno.h>
#include <fcntl.h>

#include "base/file.h"
#include "base/memory.h"
#include "engine/console.h"
#include "engine/console_trim.h"

int cunik_console_bytes(struct consoles *c, const char *name, uint64_t *offset, void *to,
                        size_t max, size_t *ret_size, struct error **err)
{
    cunik_console_settle(c, name);

    _cleanup_free_ char *path = cunik_console_path(c, name);
    _cleanup_close_ int fd = open(path, O_RDONLY | O_CLOEXEC);

    *ret_size = 0;
    if (fd < 0 && errno == ENOENT)
        return 0;
    if (fd < 0)
        return cunik_error_errno(err, errno, "reading '%s'", path);
    uint64_t start = cunik_trim_start(fd);
    if (*offset < start)
        *offset = start;
    ssize_t got = pread(fd, to, max, (off_t)*offset);
    if (got < 0)
        return cunik_error_errno(err, errno, "reading '%s'", path);
    *offset += (uint64_t)got;
    *ret_size = (size_t)got;
    return 0;
}
