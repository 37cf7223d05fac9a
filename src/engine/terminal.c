#include "engine/terminal.h"

#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <pthread.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include <sys/eventfd.h>
#include <termios.h>
#include <unistd.h>

#include "base/file.h"
#include "base/memory.h"
#include "base/time.h"
#include "engine/clock.h"

enum { CHUNK = 16 << 10 };

struct terminal {
    char *name, *path;
    int fd;
    size_t users; /* who has it open, and who is typing */
    bool over;    /* the other end is closed */
};

struct terminals {
    pthread_t thread;
    bool running;
    int wake; /* eventfd: the list has changed, or `stop` */
    pthread_mutex_t lock;
    bool stop;
    struct terminal **items;
    size_t n;
};

static void wake(const struct terminals *t)
{
    const uint64_t one = 1;

    (void)!write(t->wake, &one, sizeof(one));
}

/* With the lock held. */
static struct terminal *find(const struct terminals *t, const char *name, const char *path)
{
    for (size_t i = 0; i < t->n; i++)
        if (strcmp(t->items[i]->name, name) == 0 && !t->items[i]->over &&
            (!path || strcmp(t->items[i]->path, path) == 0))
            return t->items[i];
    return NULL;
}

/* Reads some of what there is and drops it: with the lock held a guest that never stops writing
 * must not keep it. False when the other end is closed. */
static bool drain(int fd)
{
    _cleanup_free_ char *chunk = cunik_malloc(CHUNK);
    ssize_t got = read(fd, chunk, CHUNK);

    return got > 0 || (got < 0 && (errno == EAGAIN || errno == EINTR));
}

/* With the lock held: what is waited for, which the caller frees. */
static struct pollfd *list(const struct terminals *t, size_t *ret_n)
{
    struct pollfd *fds = cunik_calloc(t->n + 1, sizeof(*fds));
    size_t n = 0;

    fds[n++] = (struct pollfd){.fd = t->wake, .events = POLLIN};
    for (size_t i = 0; i < t->n; i++)
        if (!t->items[i]->over)
            fds[n++] = (struct pollfd){.fd = t->items[i]->fd, .events = POLLIN};
    *ret_n = n;
    return fds;
}

/* A descriptor that was closed meanwhile may be another one's by now: it is only looked for in the
 * list. */
static void take_ready(struct terminals *t, const struct pollfd *ready)
{
    for (size_t i = 0; i < t->n; i++)
        if (t->items[i]->fd == ready->fd && !drain(ready->fd))
            t->items[i]->over = true;
}

static void *empty(void *arg)
{
    struct terminals *t = arg;
    uint64_t count;
    size_t n;

    for (;;) {
        pthread_mutex_lock(&t->lock);
        bool stop = t->stop;
        _cleanup_free_ struct pollfd *fds = list(t, &n);
        pthread_mutex_unlock(&t->lock);
        if (stop)
            return NULL;
        poll(fds, n, -1);
        (void)!read(t->wake, &count, sizeof(count));
        pthread_mutex_lock(&t->lock);
        for (size_t i = 1; i < n; i++)
            if (fds[i].revents)
                take_ready(t, &fds[i]);
        pthread_mutex_unlock(&t->lock);
    }
}

int cunik_terminals_create(struct terminals **ret, struct error **err)
{
    struct terminals *t = cunik_calloc(1, sizeof(*t));

    pthread_mutex_init(&t->lock, NULL);
    t->wake = eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK);
    int r = t->wake < 0 ? -errno : -pthread_create(&t->thread, NULL, empty, t);
    if (r < 0) {
        cunik_terminals_destroy(t);
        return cunik_error_errno(err, r, "watching terminals");
    }
    t->running = true;
    *ret = t;
    return 0;
}

void cunik_terminals_destroy(struct terminals *t)
{
    if (!t)
        return;
    if (t->running) {
        pthread_mutex_lock(&t->lock);
        t->stop = true;
        pthread_mutex_unlock(&t->lock);
        wake(t);
        pthread_join(t->thread, NULL);
    }
    cunik_closep(&t->wake);
    pthread_mutex_destroy(&t->lock);
    free(t->items);
    free(t);
}

/* Bytes go through as they are, whoever used it before. */
static int open_raw(const char *name, const char *path, int *ret, struct error **err)
{
    _cleanup_close_ int fd = open(path, O_RDWR | O_NOCTTY | O_NONBLOCK | O_CLOEXEC);
    struct termios settings;

    if (fd < 0 && (errno == ENOENT || errno == EIO))
        return cunik_error_set(err, ERROR_CONFLICT, "'%s' has ended", name);
    if (fd < 0)
        return cunik_error_errno(err, errno, "opening '%s'", path);
    if (tcgetattr(fd, &settings) < 0)
        return cunik_error_errno(err, errno, "'%s'", path);
    cfmakeraw(&settings);
    if (tcsetattr(fd, TCSANOW, &settings) < 0)
        return cunik_error_errno(err, errno, "making '%s' raw", path);
    *ret = TAKE_FD(fd);
    return 0;
}

int cunik_terminal_open(struct terminals *t, const char *name, const char *path,
                        struct terminal **ret, struct error **err)
{
    int fd = -1, r = 0;

    pthread_mutex_lock(&t->lock);
    struct terminal *found = find(t, name, path);
    if (!found && (r = open_raw(name, path, &fd, err)) == 0) {
        found = cunik_calloc(1, sizeof(*found));
        found->name = cunik_strdup(name);
        found->path = cunik_strdup(path);
        found->fd = fd;
        *ARRAY_APPEND(t->items, t->n) = found;
        wake(t);
    }
    if (found)
        found->users++;
    pthread_mutex_unlock(&t->lock);
    if (r == 0)
        *ret = found;
    return r;
}

/* With the lock held. */
static void leave(struct terminals *t, struct terminal *terminal)
{
    if (--terminal->users)
        return;
    for (size_t i = 0; i < t->n; i++)
        if (t->items[i] == terminal)
            t->items[i] = t->items[--t->n];
    close(terminal->fd);
    free(terminal->name);
    free(terminal->path);
    free(terminal);
    wake(t);
}

void cunik_terminal_close(struct terminals *t, struct terminal *terminal)
{
    if (!terminal)
        return;
    pthread_mutex_lock(&t->lock);
    leave(t, terminal);
    pthread_mutex_unlock(&t->lock);
}

/* Writes until all is taken, the guest has ended, or the deadline. */
static int type(const struct terminal *terminal, const char *data, size_t size, int64_t deadline_ns,
                size_t *ret_taken)
{
    struct pollfd ready = {.fd = terminal->fd, .events = POLLOUT};
    size_t taken = 0;

    while (taken < size) {
        ssize_t n = write(terminal->fd, data + taken, size - taken);
        int64_t left = deadline_ns - cunik_clock_real.now(NULL);
        if (n > 0) {
            taken += (size_t)n;
            continue;
        }
        if (n < 0 && errno != EAGAIN && errno != EINTR)
            return -errno;
        if (left <= 0)
            break;
        poll(&ready, 1, (int)(left / NS_PER_MS) + 1);
        if (ready.revents & POLLHUP)
            return -EIO;
    }
    *ret_taken = taken;
    return 0;
}

int cunik_terminal_type(struct terminals *t, const char *name, const void *data, size_t size,
                        int wait_ms, size_t *ret_taken, struct error **err)
{
    pthread_mutex_lock(&t->lock);
    struct terminal *terminal = find(t, name, NULL);
    if (terminal)
        terminal->users++;
    pthread_mutex_unlock(&t->lock);
    if (!terminal)
        return cunik_error_set(err, ERROR_CONFLICT, "nobody is attached to '%s'", name);
    int r = type(terminal, data, size, cunik_clock_real.now(NULL) + wait_ms * NS_PER_MS, ret_taken);
    cunik_terminal_close(t, terminal);
    if (r == -EIO)
        return cunik_error_set(err, ERROR_CONFLICT, "'%s' has ended", name);
    return r < 0 ? cunik_error_errno(err, r, "typing to '%s'", name) : 0;
}
