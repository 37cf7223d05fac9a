#include "engine/event_log.h"

#include <errno.h>
#include <fcntl.h>
#include <pthread.h>
#include <stdbool.h>
#include <string.h>
#include <sys/stat.h>

#include "base/file.h"
#include "base/json.h"
#include "base/log.h"
#include "base/memory.h"

struct event_log {
    char *path, *older;
    size_t most;
    pthread_mutex_t lock; /* of all below, and of the files against each other */
    int fd;               /* -1 = not open */
    size_t size;
    bool torn;    /* the last line was cut off */
    bool failing; /* that has been logged */
};

struct event_log *cunik_event_log_create(const char *path, size_t most)
{
    struct event_log *l = cunik_calloc(1, sizeof(*l));

    l->path = cunik_strdup(path);
    l->older = cunik_asprintf("%s.1", path);
    l->most = most;
    l->fd = -1;
    pthread_mutex_init(&l->lock, NULL);
    return l;
}

void cunik_event_log_destroy(struct event_log *l)
{
    if (!l)
        return;
    cunik_closep(&l->fd);
    pthread_mutex_destroy(&l->lock);
    free(l->path);
    free(l->older);
    free(l);
}

/* Opens the file; one that a death has left in the middle of a line gets that line ended. What is
 * no file (a pipe) could make every event wait. */
static int open_file(struct event_log *l)
{
    _cleanup_close_ int fd =
        open(l->path, O_RDWR | O_CREAT | O_APPEND | O_NONBLOCK | O_CLOEXEC, 0640);
    struct stat st;
    char last = '\n';

    if (fd < 0 || fstat(fd, &st) < 0)
        return -errno;
    if (!S_ISREG(st.st_mode))
        return -EBADFD;
    if (st.st_size && pread(fd, &last, 1, st.st_size - 1) < 0)
        return -errno;
    l->fd = fd;
    fd = -1;
    l->size = (size_t)st.st_size;
    l->torn = last != '\n';
    return 0;
}

static int rotate(struct event_log *l)
{
    if (rename(l->path, l->older) < 0)
        return -errno;
    cunik_closep(&l->fd);
    l->fd = -1;
    return open_file(l);
}

static int append(struct event_log *l, const char *line, size_t size)
{
    int r = l->fd < 0 ? open_file(l) : 0;

    if (r == 0 && l->size && l->size + size > l->most / 2)
        r = rotate(l);
    if (r == 0 && l->torn)
        r = cunik_write_all(l->fd, "\n", 1);
    if (r < 0)
        return r;
    r = cunik_write_all(l->fd, line, size);
    l->torn = r < 0;
    if (r == 0)
        l->size += size;
    return r;
}

/* With its newline; the caller frees it. */
static char *line_of(const struct event *e, size_t *ret_size)
{
    _cleanup_json_ json_t *json = cunik_event_to_json(e);
    char *text = cunik_json_text(json, JSON_COMPACT);
    size_t size = strlen(text);

    if (size >= EVENT_LINE_MOST && json_object_get(json, "data")) {
        free(text);
        json_object_del(json, "data");
        text = cunik_json_text(json, JSON_COMPACT);
        size = strlen(text);
    }
    text[size] = '\n'; /* in place of the NUL */
    *ret_size = size + 1;
    return text;
}

static void put(void *ctx, const struct event *e)
{
    struct event_log *l = ctx;
    size_t size;
    _cleanup_free_ char *line = line_of(e, &size);

    pthread_mutex_lock(&l->lock);
    int r = append(l, line, size);
    if (r < 0 && !l->failing)
        cunik_log(LOG_LEVEL_WARNING, "events are not kept in '%s': %s", l->path, strerror(-r));
    l->failing = r < 0;
    pthread_mutex_unlock(&l->lock);
}

struct event_sink cunik_event_log_sink(struct event_log *l)
{
    return (struct event_sink){put, l};
}

static int open_one(const char *path, int *ret_fd, struct error **err)
{
    _cleanup_close_ int fd = open(path, O_RDONLY | O_NONBLOCK | O_CLOEXEC);
    struct stat st;

    if (fd < 0 && errno == ENOENT)
        return 0;
    if (fd < 0 || fstat(fd, &st) < 0)
        return cunik_error_errno(err, errno, "reading '%s'", path);
    if (!S_ISREG(st.st_mode))
        return cunik_error_set(err, ERROR_FAILED, "'%s' is no file that events are kept in", path);
    *ret_fd = fd;
    fd = -1;
    return 0;
}

/* What the two files hold now; what comes while they are read is not waited for. */
static int open_both(struct event_log *l, int fds[2], struct error **err)
{
    const char *const paths[] = {l->older, l->path};
    int r = 0;

    pthread_mutex_lock(&l->lock);
    for (size_t i = 0; i < 2 && r == 0; i++)
        r = open_one(paths[i], &fds[i], err);
    pthread_mutex_unlock(&l->lock);
    return r;
}

static void give_line(const char *line, size_t size, int64_t since_ms, cunik_event_log_put *give,
                      void *ctx)
{
    _cleanup_json_ json_t *json = NULL;
    struct event e;

    if (cunik_json_parse(line, size, "", &json, NULL) < 0 ||
        cunik_event_from_json(json, &e, NULL) < 0)
        return;
    if (e.time_ms >= since_ms)
        give(ctx, &e, json);
}

static void give_lines(const char *text, size_t size, int64_t since_ms, cunik_event_log_put *give,
                       void *ctx)
{
    const char *end;

    for (; (end = memchr(text, '\n', size)); text = end + 1) {
        size_t length = (size_t)(end - text);
        if (length)
            give_line(text, length, since_ms, give, ctx);
        size -= length + 1;
    }
}

int cunik_event_log_read(struct event_log *l, int64_t since_ms, cunik_event_log_put *give,
                         void *ctx, struct error **err)
{
    int fds[2] = {-1, -1};
    int r = open_both(l, fds, err);

    for (size_t i = 0; i < 2 && r == 0; i++) {
        _cleanup_free_ char *text = NULL;
        size_t size = 0;
        if (fds[i] < 0)
            continue;
        /* A line may still have been written after the bound was reached. */
        r = cunik_file_read_fd(fds[i], i ? l->path : l->older, l->most + EVENT_LINE_MOST, &text,
                               &size, err);
        if (r == 0)
            give_lines(text, size, since_ms, give, ctx);
    }
    cunik_closep(&fds[0]);
    cunik_closep(&fds[1]);
    return r;
}
