#include "engine/console_gather.h"

#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/file.h"
#include "base/log.h"
#include "base/memory.h"
#include "base/text.h"
#include "engine/console_trim.h"

enum {
    CHUNK = 64 << 10,
    TAKEN_LIMIT = 256,
    GIVE_BACK = 1 << 20, /* what was taken of a file that still grows goes in pieces of this size */
};

/* Up to where which file was read, and what the log had then. */
struct taken {
    uint64_t inode, offset, log;
};

/* A file of the chain, newest first. */
struct part {
    int fd;
    uint64_t inode;
};

struct gathering {
    char *log, *out, *taken;
    struct part *parts;
    size_t n;
    int fd; /* of the log, to append */
};

static void done(struct gathering *g)
{
    for (size_t i = 0; i < g->n; i++)
        close(g->parts[i].fd);
    free(g->parts);
    cunik_closep(&g->fd);
    free(g->log);
    free(g->out);
    free(g->taken);
}

/* False when there is no such file. One that is open already was set aside while the others were
 * opened. */
static bool open_part(struct gathering *g, const char *path)
{
    _cleanup_close_ int fd = open(path, O_RDWR | O_CLOEXEC | O_NOFOLLOW);
    struct stat st;

    if (fd < 0 || fstat(fd, &st) < 0 || !S_ISREG(st.st_mode))
        return false;
    for (size_t i = 0; i < g->n; i++)
        if (g->parts[i].inode == st.st_ino)
            return true;
    *ARRAY_APPEND(g->parts, g->n) = (struct part){TAKE_FD(fd), st.st_ino};
    return true;
}

/* The newest first: what is set aside meanwhile is met once more then, and never missed. */
static void open_parts(struct gathering *g)
{
    if (!open_part(g, g->out) && errno != ENOENT)
        return;
    for (unsigned i = 0;; i++) {
        _cleanup_free_ char *path = cunik_asprintf("%s.%u", g->out, i);
        if (!open_part(g, path))
            return;
    }
}

static uint64_t size_of(int fd)
{
    struct stat st;

    return fstat(fd, &st) == 0 ? (uint64_t)st.st_size : 0;
}

static bool read_taken(const struct gathering *g, struct taken *ret)
{
    _cleanup_free_ char *text = NULL;

    return cunik_file_read(g->taken, TAKEN_LIMIT, &text, NULL, NULL) == 0 &&
           sscanf(text, "%" SCNu64 " %" SCNu64 " %" SCNu64 "\n", &ret->inode, &ret->offset,
                  &ret->log) == 3;
}

static int write_taken(const struct gathering *g, const struct taken *t)
{
    _cleanup_free_ char *text =
        cunik_asprintf("%" PRIu64 " %" PRIu64 " %" PRIu64 "\n", t->inode, t->offset, t->log);

    return cunik_file_write(g->taken, text, strlen(text), 0600, false, NULL);
}

/* Appends what a part has from t->offset on, and advances that. What is noted before is enough to
 * go on from; what is noted after, also when somebody empties the log. */
static int take(const struct gathering *g, const struct part *p, struct taken *t)
{
    _cleanup_free_ char *chunk = cunik_malloc(CHUNK);
    ssize_t got;
    int r = 0;

    r = write_taken(g, t);
    while (r == 0 && (got = pread(p->fd, chunk, CHUNK, (off_t)t->offset)) > 0)
        if ((r = cunik_write_all(g->fd, chunk, (size_t)got)) == 0)
            t->offset += (uint64_t)got;
    if (r < 0)
        return r;
    t->log = size_of(g->fd);
    return write_taken(g, t);
}

/* Where to go on: the index of the part, of which t->offset bytes have been taken. */
static size_t find_start(const struct gathering *g, struct taken *t)
{
    uint64_t log = size_of(g->fd);

    bool known = read_taken(g, t);
    if (known)
        for (size_t i = 0; i < g->n; i++)
            if (g->parts[i].inode == t->inode) {
                t->offset += log > t->log ? log - t->log : 0;
                if (t->offset > size_of(g->parts[i].fd)) /* another file that got its number */
                    t->offset = 0;
                t->log = log;
                return i;
            }
    if (known)
        cunik_log(LOG_LEVEL_WARNING, "output of '%s' was set aside and dropped before it was taken",
                  g->out);
    *t = (struct taken){g->parts[g->n - 1].inode, 0, log};
    return g->n - 1;
}

static int gather(struct gathering *g)
{
    struct taken t;
    size_t i = find_start(g, &t);
    int r;

    if (i == 0 && t.offset == size_of(g->parts[0].fd))
        return 0;
    while ((r = take(g, &g->parts[i], &t)) == 0 && i > 0)
        t = (struct taken){g->parts[--i].inode, 0, t.log};
    if (r == 0 && t.offset >= cunik_trim_start(g->parts[0].fd) + GIVE_BACK)
        r = cunik_trim_to(g->parts[0].fd, t.offset);
    return r == -EOPNOTSUPP ? 0 : r;
}

void cunik_console_gather(const char *folder, const char *name)
{
    struct gathering g = {
        .log = cunik_asprintf("%s/%s.log", folder, name),
        .out = cunik_asprintf("%s/%s.out", folder, name),
        .taken = cunik_asprintf("%s/%s.taken", folder, name),
        .fd = -1,
    };
    int r = 0;

    open_parts(&g);
    if (g.n) {
        g.fd = open(g.log, O_RDWR | O_CREAT | O_APPEND | O_CLOEXEC | O_NOFOLLOW, 0600);
        r = g.fd < 0 ? -errno : gather(&g);
    }
    if (r < 0)
        cunik_log(LOG_LEVEL_WARNING, "the console of '%s': %s", name, strerror(-r));
    done(&g);
}

static int remove_file(const char *path, bool *ret_was_there, struct error **err)
{
    *ret_was_there = unlink(path) == 0;
    if (!*ret_was_there && errno != ENOENT)
        return cunik_error_errno(err, errno, "removing '%s'", path);
    return 0;
}

int cunik_console_gathered_remove(const char *folder, const char *name, struct error **err)
{
    _cleanup_free_ char *taken = cunik_asprintf("%s/%s.taken", folder, name);
    _cleanup_free_ char *out = cunik_asprintf("%s/%s.out", folder, name);

    bool more = true;
    int r = remove_file(out, &more, err);

    for (unsigned i = 0; r == 0 && (more || i == 0); i++) {
        _cleanup_free_ char *path = cunik_asprintf("%s.%u", out, i);
        r = remove_file(path, &more, err);
    }
    return r < 0 ? r : remove_file(taken, &more, err);
}
