#include "engine/console_internal.h"

#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <string.h>
#include <sys/eventfd.h>
#include <sys/inotify.h>

#include "base/file.h"
#include "base/folder.h"
#include "base/log.h"
#include "base/map.h"
#include "base/memory.h"
#include "base/text.h"
#include "engine/clock.h"
#include "engine/console_gather.h"
#include "engine/console_times.h"
#include "engine/console_trim.h"

enum { PAUSE_MS = 20 }; /* between two looks, so that a flood of output costs little */

char *cunik_console_path(const struct consoles *c, const char *name)
{
    return cunik_console_file(c, name, "log");
}

char *cunik_console_source(const struct consoles *c, const char *name)
{
    return cunik_console_file(c, name, "out");
}

void cunik_console_settle(struct consoles *c, const char *name)
{
    pthread_mutex_lock(&c->lock);
    cunik_console_gather(c->folder, name);
    pthread_mutex_unlock(&c->lock);
}

uint64_t cunik_console_size(struct consoles *c, const char *name)
{
    cunik_console_settle(c, name);

    _cleanup_free_ char *path = cunik_console_file(c, name, "log");
    struct stat st;

    return stat(path, &st) == 0 ? (uint64_t)st.st_size : 0;
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

/* Notes how far a console has got. */
static void note_growth(const struct consoles *c, const char *name, bool at_start)
{
    _cleanup_free_ char *log = cunik_console_file(c, name, "log");
    _cleanup_free_ char *times = cunik_console_file(c, name, "times");
    struct stat st;

    cunik_console_gather(c->folder, name);
    if (stat(log, &st) < 0)
        return;
    bound(c, log, (uint64_t)st.st_size);
    cunik_console_times_note(times, (uint64_t)st.st_size,
                             at_start ? cunik_console_changed(&st)
                                      : cunik_clock_real.wall_ms(NULL));
}

/* "NAME.log" and "NAME.out" give NAME, which the caller frees; else NULL. */
static char *console_name(const char *file)
{
    if (!cunik_text_ends(file, ".log") && !cunik_text_ends(file, ".out"))
        return NULL;
    return cunik_strndup(file, strlen(file) - strlen(".log"));
}

static void note_all(const struct consoles *c, bool at_start)
{
    _cleanup_error_ struct error *err = NULL;
    _cleanup_strv_ struct strv files = {0};

    if (cunik_folder_list(c->folder, FOLDER_DOTTED, &files, &err) < 0)
        cunik_log(LOG_LEVEL_WARNING, "how far consoles have got is not noted: %s", err->message);
    for (size_t i = 0; i < files.n; i++) {
        _cleanup_free_ char *name = console_name(files.items[i]);
        if (name)
            note_growth(c, name, at_start);
    }
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

int cunik_console_remove(struct consoles *c, const char *name, struct error **err)
{
    static const char *const suffixes[] = {"log", "times"};
    int r = 0;

    pthread_mutex_lock(&c->lock);
    for (size_t i = 0; i < ARRAY_SIZE(suffixes) && r == 0; i++) {
        _cleanup_free_ char *path = cunik_console_file(c, name, suffixes[i]);
        if (unlink(path) < 0 && errno != ENOENT)
            r = cunik_error_errno(err, errno, "removing '%s'", path);
    }
    if (r == 0)
        r = cunik_console_gathered_remove(c->folder, name, err);
    wake_watchers(c);
    pthread_mutex_unlock(&c->lock);
    return r;
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
