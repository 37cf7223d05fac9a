/* Probes of the console: has a line been written that matches?
 *
 * A line is looked at as it grows, so that a prompt without a newline is seen as well. Once a line
 * has matched the guest is healthy for as long as it runs. */
#include <errno.h>
#include <fcntl.h>
#include <string.h>
#include <sys/inotify.h>
#include <sys/stat.h>

#include "engine/probe.h"

enum {
    LINE_LIMIT = 8 << 10, /* what is longer is looked at in pieces */
    READ_LIMIT = 1 << 20, /* at one go, so that a guest that floods does not keep others waiting */
};

static int open_console(struct probe *p)
{
    if (p->fd >= 0)
        return 0;
    p->fd = open(p->console, O_RDONLY | O_CLOEXEC);
    if (p->fd < 0)
        return -errno;
    p->watch = inotify_add_watch(p->inotify, p->console, IN_MODIFY);
    return p->watch < 0 ? -errno : 0;
}

static bool matches(const struct probe *p, const char *line, size_t size)
{
    regmatch_t part = {.rm_so = 0, .rm_eo = (regoff_t)size};

    return regexec(&p->test.regex, line, 1, &part, REG_STARTEND) == 0;
}

/* Looks at the lines in the buffer and drops those that are whole. */
static bool scan(struct probe *p)
{
    struct buffer *b = &p->reply;
    size_t start = 0;
    const char *end;

    while (start < b->size && (end = memchr(b->data + start, '\n', b->size - start))) {
        size_t size = (size_t)(end - b->data) - start;
        while (size && b->data[start + size - 1] == '\r')
            size--;
        if (matches(p, b->data + start, size))
            return true;
        start = (size_t)(end - b->data) + 1;
    }
    cunik_buffer_consume(b, start);
    if (b->size && matches(p, b->data, b->size))
        return true;
    if (b->size > LINE_LIMIT)
        b->size = 0;
    return false;
}

static enum probe_outcome read_console(struct probe *p)
{
    char chunk[16384];
    struct stat st;
    ssize_t got;
    size_t total = 0;

    if (fstat(p->fd, &st) == 0 && (uint64_t)st.st_size < p->offset)
        p->offset = 0; /* somebody emptied it */
    while (total < READ_LIMIT && (got = pread(p->fd, chunk, sizeof(chunk), (off_t)p->offset)) > 0) {
        p->offset += (size_t)got;
        total += (size_t)got;
        cunik_buffer_append(&p->reply, chunk, (size_t)got);
        if (scan(p))
            return OUTCOME_HEALTHY;
    }
    if (total >= READ_LIMIT)
        return OUTCOME_PENDING;
    return cunik_probe_fail(p, "no line of the console matches '%s'", p->test.pattern);
}

static enum probe_outcome begin_log(struct probe *p)
{
    int r = open_console(p);

    if (r < 0)
        return cunik_probe_fail(p, "opening its console '%s': %s", p->console, strerror(-r));
    return read_console(p);
}

const struct probe_kind_ops cunik_probe_log = {begin_log, read_console};
