#include "engine/console_trim.h"

#include <errno.h>
#include <fcntl.h>
#include <linux/falloc.h>
#include <sys/stat.h>
#include <unistd.h>

enum { BLOCK = 4096 };

uint64_t cunik_trim_start(int fd)
{
    off_t start = lseek(fd, 0, SEEK_DATA);
    struct stat st;

    if (start >= 0)
        return (uint64_t)start;
    /* Nothing but a hole; or a file system that does not know of holes. */
    return errno == ENXIO && fstat(fd, &st) == 0 ? (uint64_t)st.st_size : 0;
}

int cunik_trim_to(int fd, uint64_t to)
{
    to = to / BLOCK * BLOCK;
    if (to && fallocate(fd, FALLOC_FL_PUNCH_HOLE | FALLOC_FL_KEEP_SIZE, 0, (off_t)to) < 0)
        return -errno;
    return 0;
}

int cunik_trim(int fd, uint64_t keep)
{
    struct stat st;

    if (fstat(fd, &st) < 0)
        return -errno;
    uint64_t size = (uint64_t)st.st_size;
    if (size <= keep || size - cunik_trim_start(fd) <= keep + keep / 4)
        return 0;
    return cunik_trim_to(fd, size - keep);
}
