#include "engine/console.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <poll.h>
#include <pthread.h>
#include <stdio.h>
#include <string.h>
#include <sys/eventfd.h>
#include <sys/inotify.h>
#include <sys/stat.h>

#include "base/buffer.h"
#include "base/file.h"
#include "base/log.h"
#include "base/map.h"
#include "base/memory.h"
#include "base/text.h"
#include "engine/clock.h"
#include "engine/console_trim.h"

enum {
    PAUSE_MS = 20,   /* between two looks, so that a flood of output costs little */
    TIME_WIDTH = 33, /* of a line of NAME.times: "%16u %15d\n" */
    CHUNK = 64 << 10,
    MOMENTS_MOST = 1 << 16, /* of a console; before them only the day is known, so to say */
};

struct consoles {
    char *folder;
    _Atomic uint64_t limit;
    int inotify, stop;
    pthread_t thread;
    bool running;
    pthread_mutex_t lock; /* of the watchers, and of removal against the watcher's writing */
    int *watchers;
    size_t n_watchers;
    pthread_mutex_t telling; /* of the two below; taken without the other */
    cunik_console_grew *grew;
    void *grew_ctx;
};

static char *path_of(const struct consoles *c, const char *name, const char *suffix)
{
    return cunik_asprintf("%s/%s.%s", c->folder, name, suffix);
}

char *cunik_console_path(const struct consoles *c, const char *name)
{
    return path_of(c, name, "log");
}

uint64_t cunik_console_size(const struct consoles *c, const char *name)
{
    _cleanup_free_ char *path = path_of(c, name, "log");
    struct stat st;

    return stat(path, &st) == 0 ? (uint64_t)st.st_size : 0;
}

/* The times: a table of lines of one width, ascending by offset. */

struct moment {
    uint64_t offset;
    int64_t time_ms;
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

/* A reader of times, which remembers where it was: the next line is mostly of the same moment. */
struct times {
    int fd; /* -1 = there are none */
    uint64_t from;
    struct moment until; /* the bytes [from, until.offset) came at until.time_ms */
    int64_t newest;      /* when the console grew last, for what has not been noted yet */
};

/* When the byte at `offset` was first seen: the time of the first moment behind it. */
static int64_t time_of(struct times *t, uint64_t offset)
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

static int64_t to_ms(const struct timespec *t)
{
    return t->tv_sec * INT64_C(1000) + t->tv_nsec / 1000000;
}

/* Gives back what is more than the console may take. */
static void bound(const struct consoles *c, const char *log, uint64_t size)
{
    uint64_t limit = c->limit;

    if (size <= limit + limit / 4)
        return;
    _cleanup_close_ int fd = open(log, O_RDWR | O_CLOEXEC | O_NOFOLLOW);
    int r = fd < 0 ? -errno : cunik_trim(fd, limit);
    if (r < 0)
        cunik_log(LOG_LEVEL_DEBUG, "bounding '%s': %s", log, strerror(-r));
}

/* Notes how far a console has got. Times are an extra: when they cannot be written (a full disk),
 * lines just have none. */
static void note_growth(const struct consoles *c, const char *name, bool at_start)
{
    _cleanup_free_ char *log = path_of(c, name, "log"), *times = path_of(c, name, "times");
    struct moment last = {0};
    struct stat st;

    if (stat(log, &st) < 0)
        return;
    bound(c, log, (uint64_t)st.st_size);
    _cleanup_close_ int fd = open(times, O_RDWR | O_CREAT | O_CLOEXEC, 0640);
    if (fd < 0)
        return;
    uint64_t n = count_moments(fd), size = (uint64_t)st.st_size;
    if (n && !read_moment(fd, n - 1, &last))
        n = 0;
    if (size < last.offset) { /* emptied: what was known is of other bytes */
        n = 0;
        last.offset = 0;
    }
    /* What a crash left of a line is cut off. */
    if (ftruncate(fd, (off_t)(n * TIME_WIDTH)) < 0 || size == last.offset)
        return;
    int64_t when = at_start ? to_ms(&st.st_mtim) : cunik_clock_real.wall_ms(NULL);
    _cleanup_free_ char *line = cunik_asprintf("%16" PRIu64 " %15" PRId64 "\n", size, when);
    if (pwrite(fd, line, TIME_WIDTH, (off_t)(n * TIME_WIDTH)) != TIME_WIDTH)
        (void)!ftruncate(fd, (off_t)(n * TIME_WIDTH));
    (void)cunik_trim(fd, (uint64_t)MOMENTS_MOST * TIME_WIDTH);
}

/* "NAME.log" gives NAME, which the caller frees; else NULL. */
static char *console_name(const char *file)
{
    return cunik_text_ends(file, ".log") ? cunik_strndup(file, strlen(file) - strlen(".log"))
                                         : NULL;
}

static void note_all(const struct consoles *c, bool at_start)
{
    DIR *dir = opendir(c->folder);
    const struct dirent *entry;

    while (dir && (entry = readdir(dir))) {
        _cleanup_free_ char *name = console_name(entry->d_name);
        if (name)
            note_growth(c, name, at_start);
    }
    if (dir)
        closedir(dir);
}

static void wake_watchers(const struct consoles *c)
{
    const uint64_t one = 1;

    for (size_t i = 0; i < c->n_watchers; i++)
        (void)!write(c->watchers[i], &one, sizeof(one));
}

/* Reads what inotify has and collects the names of the consoles that changed; true when it has lost
 * some. */
static bool read_changes(const struct consoles *c, struct map *names)
{
    _Alignas(struct inotify_event) char events[16384];
    bool lost = false;
    ssize_t got;

    while ((got = read(c->inotify, events, sizeof(events))) > 0) {
        for (const char *at = events; at < events + got;) {
            const struct inotify_event *e = (const void *)at;
            _cleanup_free_ char *name = e->len ? console_name(e->name) : NULL;
            if (name)
                cunik_map_add(names, name, NULL);
            lost = lost || (e->mask & IN_Q_OVERFLOW);
            at += sizeof(*e) + e->len;
        }
    }
    return lost;
}

static void tell_growth(struct consoles *c, const struct map *names)
{
    pthread_mutex_lock(&c->telling);
    for (size_t i = 0; c->grew && i < names->n; i++)
        c->grew(c->grew_ctx, names->entries[i].key, cunik_console_size(c, names->entries[i].key));
    pthread_mutex_unlock(&c->telling);
}

void cunik_consoles_tell(struct consoles *c, cunik_console_grew *grew, void *ctx)
{
    pthread_mutex_lock(&c->telling);
    c->grew = grew;
    c->grew_ctx = ctx;
    pthread_mutex_unlock(&c->telling);
}

static void *watch(void *arg)
{
    struct consoles *c = arg;
    struct pollfd fds[] = {{.fd = c->stop, .events = POLLIN}, {.fd = c->inotify, .events = POLLIN}};

    for (;;) {
        poll(fds, 2, -1);
        if (fds[0].revents)
            return NULL;
        _cleanup_map_ struct map names = {0};
        bool lost = read_changes(c, &names);
        pthread_mutex_lock(&c->lock);
        if (lost)
            note_all(c, false);
        for (size_t i = 0; i < names.n; i++)
            note_growth(c, names.entries[i].key, false);
        if (lost || names.n)
            wake_watchers(c);
        pthread_mutex_unlock(&c->lock);
        tell_growth(c, &names);
        if (poll(fds, 1, PAUSE_MS) > 0)
            return NULL;
    }
}

int cunik_consoles_create(const char *folder, struct consoles **ret, struct error **err)
{
    struct consoles *c = cunik_calloc(1, sizeof(*c));
    int r;

    c->folder = cunik_strdup(folder);
    c->limit = CONSOLE_LIMIT;
    c->inotify = c->stop = -1;
    pthread_mutex_init(&c->lock, NULL);
    pthread_mutex_init(&c->telling, NULL);
    r = cunik_file_make_folders(folder, 0711, err);
    if (r < 0)
        goto fail;
    c->inotify = inotify_init1(IN_CLOEXEC | IN_NONBLOCK);
    c->stop = eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK);
    if (c->inotify < 0 || c->stop < 0 ||
        inotify_add_watch(c->inotify, folder, IN_MODIFY | IN_CREATE | IN_MOVED_TO) < 0) {
        r = cunik_error_errno(err, errno, "watching '%s'", folder);
        goto fail;
    }
    note_all(c, true);
    r = -pthread_create(&c->thread, NULL, watch, c);
    if (r < 0) {
        cunik_error_errno(err, r, "watching '%s'", folder);
        goto fail;
    }
    c->running = true;
    *ret = c;
    return 0;
fail:
    cunik_consoles_destroy(c);
    return r;
}

void cunik_consoles_destroy(struct consoles *c)
{
    const uint64_t one = 1;

    if (!c)
        return;
    if (c->running) {
        (void)!write(c->stop, &one, sizeof(one));
        pthread_join(c->thread, NULL);
    }
    cunik_closep(&c->inotify);
    cunik_closep(&c->stop);
    pthread_mutex_destroy(&c->lock);
    pthread_mutex_destroy(&c->telling);
    free(c->watchers);
    free(c->folder);
    free(c);
}

void cunik_consoles_bound(struct consoles *c, uint64_t bytes)
{
    c->limit = bytes;
}

/* What virtlogd, which writes for a libvirtd, has set aside: NAME.log.0 and on. */
static int remove_rotated(const struct consoles *c, const char *name, struct error **err)
{
    for (unsigned i = 0;; i++) {
        _cleanup_free_ char *path = cunik_asprintf("%s/%s.log.%u", c->folder, name, i);
        if (unlink(path) == 0)
            continue;
        return errno == ENOENT ? 0 : cunik_error_errno(err, errno, "removing '%s'", path);
    }
}

int cunik_console_remove(struct consoles *c, const char *name, struct error **err)
{
    static const char *const suffixes[] = {"log", "times"};
    int r = 0;

    pthread_mutex_lock(&c->lock);
    for (size_t i = 0; i < ARRAY_SIZE(suffixes) && r == 0; i++) {
        _cleanup_free_ char *path = path_of(c, name, suffixes[i]);
        if (unlink(path) < 0 && errno != ENOENT)
            r = cunik_error_errno(err, errno, "removing '%s'", path);
    }
    if (r == 0)
        r = remove_rotated(c, name, err);
    wake_watchers(c);
    pthread_mutex_unlock(&c->lock);
    return r;
}

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
static int put_lines(struct buffer *b, struct times *times, uint64_t *offset,
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
        r = put(ctx, &(struct console_line){text, size, time_of(times, *offset)});
        start += step;
        *offset += step;
    }
    cunik_buffer_consume(b, start);
    return r;
}

int cunik_console_read(struct consoles *c, const char *name, bool all, uint64_t *offset,
                       cunik_console_put *put, void *ctx, struct error **err)
{
    _cleanup_free_ char *path = path_of(c, name, "log"), *times_path = path_of(c, name, "times");
    _cleanup_free_ char *chunk = cunik_malloc(CHUNK);
    _cleanup_close_ int times_fd = open(times_path, O_RDONLY | O_CLOEXEC);
    _cleanup_close_ int fd = open(path, O_RDONLY | O_CLOEXEC);
    _cleanup_buffer_ struct buffer b = {0};
    struct times times = {.fd = times_fd};
    struct stat st;
    ssize_t got;
    int r;

    if (fd < 0 && errno == ENOENT) {
        *offset = 0;
        return 0;
    }
    if (fd < 0 || fstat(fd, &st) < 0)
        return cunik_error_errno(err, errno, "reading '%s'", path);
    times.newest = to_ms(&st.st_mtim);
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
    r = put(ctx, &(struct console_line){b.data, size, time_of(&times, *offset)});
    *offset += b.size;
    return r;
}

uint64_t cunik_console_tail(struct consoles *c, const char *name, uint64_t lines)
{
    _cleanup_free_ char *path = path_of(c, name, "log"), *chunk = cunik_malloc(CHUNK);
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

int cunik_consoles_watch(struct consoles *c)
{
    int fd = eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK);

    if (fd < 0)
        return -errno;
    pthread_mutex_lock(&c->lock);
    *ARRAY_APPEND(c->watchers, c->n_watchers) = fd;
    pthread_mutex_unlock(&c->lock);
    return fd;
}

void cunik_consoles_unwatch(struct consoles *c, int fd)
{
    pthread_mutex_lock(&c->lock);
    for (size_t i = 0; i < c->n_watchers; i++)
        if (c->watchers[i] == fd) {
            c->watchers[i] = c->watchers[--c->n_watchers];
            break;
        }
    pthread_mutex_unlock(&c->lock);
    if (fd >= 0)
        close(fd);
}
