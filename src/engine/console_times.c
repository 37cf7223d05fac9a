#include "engine/console_times.h"

#include <fcntl.h>
#include <inttypes.h>
#include <stdbool.h>
#include <stdio.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/memory.h"
#include "base/text.h"
#include "engine/console_trim.h"

enum {
    TIME_WIDTH = 33, /* of a line: "%16u %15d\n" */
    MOMENTS_MOST =
        1 << 16, /* of a console; before them only the first of them is known, so to say */
};

static bool read_moment(int fd, uint64_t index, struct moment *ret)
{
    char line[TIME_WIDTH + 1] = "";

    if (pread(fd, line, TIME_WIDTH, (off_t)(index * TIME_WIDTH)) != TIME_WIDTH)
        return false;
    return sscanf(line, "%" SCNu64 " %" SCNd64, &ret->offset, &ret->time_ms) == 2;
}

static uint64_t count_moments(int fd)
{
    struct stat st;

    return fstat(fd, &st) == 0 ? (uint64_t)st.st_size / TIME_WIDTH : 0;
}

int64_t cunik_console_times_find(struct console_times *t, uint64_t offset)
{
    uint64_t low = 0, high, n;
    struct moment m = {0};

    if (offset >= t->from && offset < t->until.offset)
        return t->until.time_ms;
    if (t->fd >= 0)
        low = (cunik_trim_start(t->fd) + TIME_WIDTH - 1) / TIME_WIDTH;
    for (n = high = t->fd >= 0 ? count_moments(t->fd) : 0; low < high;) {
        uint64_t middle = low + (high - low) / 2;
        if (!read_moment(t->fd, middle, &m))
            return t->newest;
        if (m.offset > offset)
            high = middle;
        else
            low = middle + 1;
    }
    if (low == n || !read_moment(t->fd, low, &m))
        return t->newest;
    t->from = offset;
    t->until = m;
    return m.time_ms;
}

void cunik_console_times_note(const char *path, uint64_t size, int64_t time_ms)
{
    struct moment last = {0};

    _cleanup_close_ int fd = open(path, O_RDWR | O_CREAT | O_CLOEXEC, 0640);
    if (fd < 0)
        return;
    uint64_t n = count_moments(fd);
    if (n && !read_moment(fd, n - 1, &last))
        n = 0;
    if (size < last.offset) {
        n = 0;
        last.offset = 0;
    }
    /* What a crash left of a line is cut off. */
    if (ftruncate(fd, (off_t)(n * TIME_WIDTH)) < 0 || size == last.offset)
        return;
    _cleanup_free_ char *line = cunik_asprintf("%16" PRIu64 " %15" PRId64 "\n", size, time_ms);
    if (pwrite(fd, line, TIME_WIDTH, (off_t)(n * TIME_WIDTH)) != TIME_WIDTH)
        (void)!ftruncate(fd, (off_t)(n * TIME_WIDTH));
    (void)cunik_trim(fd, (uint64_t)MOMENTS_MOST * TIME_WIDTH);
}
