/* Reading consoles: lines, their times, and what is said of those that are gone. */
#include "engine/console_internal.h"

#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <string.h>
#include <unistd.h>

#include "base/buffer.h"
#include "base/memory.h"
#include "engine/console_times.h"
#include "engine/console_trim.h"

enum { CHUNK = 64 << 10 };

/* Where the first whole line begins of what is left. */
static uint64_t first_line(int fd)
{
    _cleanup_free_ char *chunk = NULL;
    uint64_t at = cunik_trim_start(fd);
    ssize_t got;

    if (!at)
        return 0;
    chunk = cunik_malloc(CHUNK);
    while ((got = pread(fd, chunk, CHUNK, (off_t)at)) > 0) {
        const char *end = memchr(chunk, '\n', (size_t)got);
        if (end)
            return at + (uint64_t)(end - chunk) + 1;
        at += (uint64_t)got;
    }
    return at;
}

/* Says how much of what was asked for is there no more, and goes on behind it. */
static int pass_over(int fd, uint64_t *offset, cunik_console_put *put, void *ctx)
{
    uint64_t first = cunik_trim_start(fd) > *offset ? first_line(fd) : *offset;

    if (first <= *offset)
        return 0;
    _cleanup_free_ char *text =
        cunik_asprintf("[%" PRIu64 " bytes of older output are gone]", first - *offset);
    *offset = first;
    return put(ctx, &(struct console_line){text, strlen(text), 0});
}

/* Gives the whole lines that stand in the buffer, and drops them. */
static int put_lines(struct buffer *b, struct console_times *times, uint64_t *offset,
                     cunik_console_put *put, void *ctx)
{
    size_t start = 0;
    int r = 0;

    while (r == 0 && start < b->size) {
        const char *text = b->data + start;
        const char *end = memchr(text, '\n', b->size - start);
        size_t size = end ? (size_t)(end - text) : b->size - start;
        size_t step = size + (end != NULL);
        if (!end && size < CONSOLE_LINE_LIMIT)
            break;
        if (size > CONSOLE_LINE_LIMIT)
            size = step = CONSOLE_LINE_LIMIT;
        while (end && step > size && size && text[size - 1] == '\r')
            size--;
        r = put(ctx, &(struct console_line){text, size, cunik_console_times_find(times, *offset)});
        start += step;
        *offset += step;
    }
    cunik_buffer_consume(b, start);
    return r;
}

int cunik_console_read(struct consoles *c, const char *name, bool all, uint64_t *offset,
                       cunik_console_put *put, void *ctx, struct error **err)
{
    cunik_console_settle(c, name);

    _cleanup_free_ char *path = cunik_console_path(c, name);
    _cleanup_free_ char *times_path = cunik_console_file(c, name, "times");
    _cleanup_free_ char *chunk = cunik_malloc(CHUNK);
    _cleanup_close_ int times_fd = open(times_path, O_RDONLY | O_CLOEXEC);
    _cleanup_close_ int fd = open(path, O_RDONLY | O_CLOEXEC);
    _cleanup_buffer_ struct buffer b = {0};
    struct console_times times = {.fd = times_fd};
    struct stat st;
    ssize_t got;
    int r;

    if (fd < 0 && errno == ENOENT) {
        *offset = 0;
        return 0;
    }
    if (fd < 0 || fstat(fd, &st) < 0)
        return cunik_error_errno(err, errno, "reading '%s'", path);
    times.newest = cunik_console_changed(&st);
    if ((uint64_t)st.st_size < *offset)
        *offset = 0;
    if ((r = pass_over(fd, offset, put, ctx)) != 0)
        return r;
    while ((got = pread(fd, chunk, CHUNK, (off_t)(*offset + b.size))) > 0) {
        if (cunik_trim_start(fd) > *offset) { /* it went while it was read */
            cunik_buffer_consume(&b, b.size);
            if ((r = pass_over(fd, offset, put, ctx)) != 0)
                return r;
            continue;
        }
        cunik_buffer_append(&b, chunk, (size_t)got);
        r = put_lines(&b, &times, offset, put, ctx);
        if (r != 0)
            return r;
    }
    if (got < 0)
        return cunik_error_errno(err, errno, "reading '%s'", path);
    if (!all || !b.size)
        return 0;
    size_t size = b.size;
    while (size && b.data[size - 1] == '\r')
        size--;
    r = put(ctx, &(struct console_line){b.data, size, cunik_console_times_find(&times, *offset)});
    *offset += b.size;
    return r;
}

uint64_t cunik_console_tail(struct consoles *c, const char *name, uint64_t lines)
{
    cunik_console_settle(c, name);

    _cleanup_free_ char *path = cunik_console_path(c, name), *chunk = cunik_malloc(CHUNK);
    _cleanup_close_ int fd = open(path, O_RDONLY | O_CLOEXEC);
    struct stat st;

    if (fd < 0 || fstat(fd, &st) < 0)
        return 0;
    uint64_t size = (uint64_t)st.st_size, end = size, first = first_line(fd);
    if (!lines)
        return size;
    while (end > first) {
        uint64_t start = end - first > CHUNK ? end - CHUNK : first;
        if (pread(fd, chunk, end - start, (off_t)start) != (ssize_t)(end - start))
            return 0;
        for (uint64_t i = end; i-- > start;)
            /* The newline at the very end closes the last line and begins none. */
            if (chunk[i - start] == '\n' && i + 1 != size && --lines == 0)
                return i + 1;
        end = start;
    }
    return first;
}
