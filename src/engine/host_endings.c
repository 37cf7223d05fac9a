/* What consoles say of their guests' ends, and the end of guests that stand still after it.
 *
 * Some unikernels never power off: their console says that they are done, and then they halt their
 * CPU for ever. The engine destroys those; a thread of its own does it, for whoever tells of a
 * console must not be kept waiting.
 */
#include <errno.h>
#include <fcntl.h>
#include <string.h>

#include "base/log.h"
#include "base/memory.h"
#include "base/time.h"
#include "engine/exit_status.h"
#include "engine/host_endings.h"

struct host_endings {
    struct host_real *host;
    pthread_mutex_t lock;
    pthread_cond_t moved;
    struct strv still; /* names of guests to be destroyed */
    bool closing;
    pthread_t thread;
    bool running;
};

static bool can_stand_still(const struct backend *b)
{
    for (const struct ending_rule *r = b ? b->endings : NULL; r && r->pattern; r++)
        if (r->still)
            return true;
    return false;
}

/* The last bytes of a console, from `start` on at most. */
static char *read_tail(const char *path, uint64_t start, size_t *ret_size)
{
    _cleanup_close_ int fd = open(path, O_RDONLY | O_CLOEXEC);
    struct stat st;

    *ret_size = 0;
    if (fd < 0 || fstat(fd, &st) < 0 || (uint64_t)st.st_size <= start)
        return NULL;
    uint64_t size = (uint64_t)st.st_size - start;
    if (size > ENDING_TAIL) {
        start += size - ENDING_TAIL;
        size = ENDING_TAIL;
    }
    char *text = cunik_malloc((size_t)size);
    ssize_t got = pread(fd, text, (size_t)size, (off_t)start);
    *ret_size = got > 0 ? (size_t)got : 0;
    return text;
}

static bool read_ending(const struct host_real *h, const struct backend *backend, const char *name,
                        uint64_t start, struct ending *ret)
{
    _cleanup_free_ char *path = cunik_console_path(h->consoles, name);
    _cleanup_free_ char *tail = NULL;
    size_t size;

    if (!backend || !backend->endings)
        return false;
    cunik_console_settle(h->consoles, name);
    tail = read_tail(path, start, &size);
    return tail && cunik_ending_read(backend->endings, tail, size, ret);
}

static void destroy_one(struct host_endings *e, const char *name)
{
    _cleanup_error_ struct error *err = NULL;

    cunik_log(LOG_LEVEL_INFO, "the guest of '%s' has ended and stands still: it is destroyed",
              name);
    if (cunik_hypervisor_destroy(e->host->hypervisor, name, &err) < 0)
        cunik_log(LOG_LEVEL_ERROR, "destroying the guest of '%s', which has ended: %s", name,
                  err->message);
}

static void *destroy(void *arg)
{
    struct host_endings *e = arg;

    pthread_setname_np(pthread_self(), "endings");
    pthread_mutex_lock(&e->lock);
    while (!e->closing) {
        if (!e->still.n) {
            pthread_cond_wait(&e->moved, &e->lock);
            continue;
        }
        _cleanup_strv_ struct strv names = e->still;
        e->still = (struct strv){0};
        pthread_mutex_unlock(&e->lock);
        for (size_t i = 0; i < names.n; i++)
            destroy_one(e, names.items[i]);
        pthread_mutex_lock(&e->lock);
    }
    pthread_mutex_unlock(&e->lock);
    return NULL;
}

int cunik_host_endings_create(struct host_real *h, struct host_endings **ret, struct error **err)
{
    struct host_endings *e = cunik_calloc(1, sizeof(*e));

    e->host = h;
    pthread_mutex_init(&e->lock, NULL);
    pthread_cond_init(&e->moved, NULL);
    int number = pthread_create(&e->thread, NULL, destroy, e);
    if (number) {
        cunik_host_endings_destroy(e);
        return cunik_error_errno(err, number, "starting the thread for guests that stand still");
    }
    e->running = true;
    *ret = e;
    return 0;
}

void cunik_host_endings_destroy(struct host_endings *e)
{
    if (!e)
        return;
    pthread_mutex_lock(&e->lock);
    e->closing = true;
    pthread_cond_signal(&e->moved);
    pthread_mutex_unlock(&e->lock);
    if (e->running)
        pthread_join(e->thread, NULL);
    pthread_mutex_destroy(&e->lock);
    pthread_cond_destroy(&e->moved);
    cunik_strv_done(&e->still);
    free(e);
}

void cunik_host_endings_grew(struct host_real *h, const char *name)
{
    struct host_endings *e = h->endings;
    struct ending said = {0};

    pthread_mutex_lock(&h->lock);
    const struct seen_cunik *s = cunik_map_get(&h->seen, name);
    const struct backend *backend = s ? s->backend : NULL;
    uint64_t start = s ? s->console_start : 0;
    pthread_mutex_unlock(&h->lock);
    if (!can_stand_still(backend) || !read_ending(h, backend, name, start, &said))
        return;
    free(said.reason);
    if (!said.still)
        return;
    pthread_mutex_lock(&e->lock);
    if (!cunik_strv_has(&e->still, name))
        cunik_strv_add(&e->still, name);
    pthread_cond_signal(&e->moved);
    pthread_mutex_unlock(&e->lock);
}

void cunik_host_endings_started(struct host_real *h, const char *name)
{
    uint64_t size = cunik_console_size(h->consoles, name);

    pthread_mutex_lock(&h->lock);
    struct seen_cunik *s = cunik_host_seen(h, name);
    s->console_start = size;
    s->console_known = true;
    pthread_mutex_unlock(&h->lock);
}

/* A guest that another engine process has started: what is on its console from before it started is
 * of the one before it. */
static void look_at_found(struct host_real *h, const struct world_cunik *c)
{
    _cleanup_free_ char *path = cunik_console_path(h->consoles, c->name);
    struct stat st;

    if (stat(path, &st) < 0)
        return;
    bool spoke = cunik_time_ms(&st.st_mtim) > c->status.started_ms;
    pthread_mutex_lock(&h->lock);
    struct seen_cunik *s = cunik_host_seen(h, c->name);
    bool known = s->console_known;
    s->console_known = true;
    if (!known && !spoke)
        s->console_start = (uint64_t)st.st_size;
    pthread_mutex_unlock(&h->lock);
    if (!known && spoke)
        cunik_host_endings_grew(h, c->name);
}

void cunik_host_endings_see(struct host_real *h, struct world_cunik *c)
{
    struct world_status *status = &c->status;
    struct ending said = {0};

    if (status->state == CUNIK_RUNNING)
        look_at_found(h, c);
    if (status->state != CUNIK_EXITED)
        return;
    pthread_mutex_lock(&h->lock);
    const struct seen_cunik *s = cunik_host_seen(h, c->name);
    const struct backend *backend = s->backend;
    uint64_t start = s->console_start;
    pthread_mutex_unlock(&h->lock);
    const struct exit_facts facts = {
        .end = status->end,
        .qemu_status = cunik_hypervisor_exit_status(h->hypervisor, c->name),
        .said = read_ending(h, backend, c->name, start, &said) ? &said : NULL,
    };
    struct exit_verdict verdict = cunik_exit_decide(&facts);
    status->end = verdict.end;
    status->exit_code = verdict.code;
    cunik_replace(&status->reason, verdict.reason);
    free(said.reason);
}
