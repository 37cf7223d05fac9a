#include "engine/health.h"

#include <errno.h>
#include <poll.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/eventfd.h>
#include <sys/inotify.h>
#include <sys/timerfd.h>

#include "base/memory.h"
#include "engine/health_internal.h"

enum {
    EVENTS = 64,       /* taken from epoll at once */
    END_WAIT_MS = 1000 /* for killed commands to be gone, when the prober ends */
};

static void run_timers(struct prober *p)
{
    int64_t now =
        cunik_prober_now(); /* not asked again: what becomes due meanwhile waits for its events */

    cunik_prober_visit_graves(p, now);
    while (p->n && p->heap[0]->due <= now)
        cunik_prober_due(p, p->heap[0], now);
}

static void read_inotify(struct prober *p)
{
    _Alignas(struct inotify_event) char events[4096];
    ssize_t got;

    while ((got = read(p->inotify, events, sizeof(events))) > 0) {
        for (char *at = events; at < events + got;) {
            const struct inotify_event *e = (const void *)at;
            if (e->mask & IN_MODIFY)
                cunik_prober_console_grew(p, e->wd);
            at += sizeof(*e) + e->len;
        }
    }
}

static void free_target(struct target *t)
{
    free(t->name);
    free(t->reason);
    free(t);
}

static void deliver(struct prober *p, struct notice *notices, size_t n)
{
    for (size_t i = 0; i < n; i++) {
        p->changed(p->ctx, notices[i].name, notices[i].health, notices[i].reason);
        free(notices[i].name);
        free(notices[i].reason);
    }
    free(notices);
}

static void handle_events(struct prober *p, const struct epoll_event *events, int n)
{
    uint64_t count;

    for (int i = 0; i < n; i++) {
        struct target *t = events[i].data.ptr;
        if (events[i].data.ptr == &p->timer)
            (void)!read(p->timer, &count, sizeof(count));
        else if (events[i].data.ptr == &p->inotify)
            read_inotify(p);
        else if (!t->dead)
            cunik_prober_ready(p, t);
    }
}

static void *run(void *arg)
{
    struct prober *p = arg;
    struct epoll_event events[EVENTS];
    bool stop = false;

    while (!stop) {
        int n = epoll_wait(p->epoll, events, EVENTS, -1);
        for (int i = 0; i < n; i++)
            stop = stop || events[i].data.ptr == &p->stop;
        pthread_mutex_lock(&p->lock);
        if (!stop) {
            handle_events(p, events, n > 0 ? n : 0);
            run_timers(p);
        }
        for (size_t i = 0; i < p->n_dead; i++)
            free_target(p->dead[i]);
        p->n_dead = 0;
        cunik_prober_arm(p);
        struct notice *notices = TAKE_PTR(p->notices);
        size_t n_notices = p->n_notices;
        p->n_notices = 0;
        pthread_mutex_unlock(&p->lock);
        deliver(p, notices, n_notices);
    }
    return NULL;
}

static int add_source(struct prober *p, int fd, void *tag)
{
    struct epoll_event e = {.events = EPOLLIN, .data.ptr = tag};

    return fd < 0 || epoll_ctl(p->epoll, EPOLL_CTL_ADD, fd, &e) < 0 ? -errno : 0;
}

int cunik_prober_create(cunik_health_changed *changed, void *ctx, struct prober **ret,
                        struct error **err)
{
    struct prober *p = cunik_calloc(1, sizeof(*p));
    int r;

    p->changed = changed;
    p->ctx = ctx;
    pthread_mutex_init(&p->lock, NULL);
    p->timer = timerfd_create(CLOCK_MONOTONIC, TFD_CLOEXEC | TFD_NONBLOCK);
    p->inotify = inotify_init1(IN_CLOEXEC | IN_NONBLOCK);
    p->stop = eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK);
    p->epoll = epoll_create1(EPOLL_CLOEXEC);
    r = p->epoll < 0 ? -errno : add_source(p, p->timer, &p->timer);
    if (r == 0)
        r = add_source(p, p->inotify, &p->inotify);
    if (r == 0)
        r = add_source(p, p->stop, &p->stop);
    if (r == 0)
        r = -pthread_create(&p->thread, NULL, run, p);
    p->running = r == 0;
    if (r < 0) {
        cunik_prober_destroy(p);
        return cunik_error_errno(err, r, "starting the prober");
    }
    *ret = p;
    return 0;
}

/* Takes a target out; the prober's thread frees it once it holds no event of it. */
static void drop(struct prober *p, struct target *t)
{
    cunik_prober_give_up(p, t);
    if (t->probe.watch >= 0 && !t->once)
        inotify_rm_watch(p->inotify, t->probe.watch);
    cunik_prober_bury(p, cunik_probe_done(&t->probe));
    cunik_prober_unschedule(p, t);
    cunik_map_set(&p->names, t->name, NULL);
    t->dead = true;
    *ARRAY_APPEND(p->dead, p->n_dead) = t;
}

void cunik_prober_destroy(struct prober *p)
{
    const uint64_t one = 1;

    if (!p)
        return;
    if (p->running) {
        (void)!write(p->stop, &one, sizeof(one));
        pthread_join(p->thread, NULL);
    }
    while (p->n)
        drop(p, p->heap[0]);
    for (int waited = 0; p->graves.n && waited < END_WAIT_MS; waited++) {
        poll(NULL, 0, 1);
        cunik_prober_visit_graves(p, NEVER);
    }
    for (size_t i = 0; i < p->n_dead; i++)
        free_target(p->dead[i]);
    cunik_closep(&p->epoll);
    cunik_closep(&p->timer);
    cunik_closep(&p->inotify);
    cunik_closep(&p->stop);
    pthread_mutex_destroy(&p->lock);
    cunik_map_done(&p->names);
    free(p->heap);
    free(p->dead);
    free(p->queue);
    free(p->graves.items);
    free(p->notices);
    free(p);
}

static struct world_health times_of(const struct world_health *h)
{
    return (struct world_health){
        .interval_ns = h->interval_ns > 0 ? h->interval_ns : cunik_health_usual.interval_ns,
        .timeout_ns = h->timeout_ns > 0 ? h->timeout_ns : cunik_health_usual.timeout_ns,
        .start_period_ns = at_least(h->start_period_ns, 0),
        .start_interval_ns =
            h->start_interval_ns > 0 ? h->start_interval_ns : cunik_health_usual.start_interval_ns,
        .retries = h->retries > 0 ? h->retries : cunik_health_usual.retries,
    };
}

void cunik_prober_add(struct prober *p, const struct world_cunik *c, const char *address,
                      const char *console, uint64_t console_offset)
{
    struct target *t = cunik_calloc(1, sizeof(*t));

    t->name = cunik_strdup(c->name);
    t->reason = cunik_strdup("");
    t->health = HEALTH_STARTING;
    t->times = times_of(&c->health);
    cunik_probe_init(&t->probe, c, address, console, console_offset);
    t->probe.epoll = p->epoll;
    t->probe.inotify = p->inotify;
    t->probe.tag = t;

    pthread_mutex_lock(&p->lock);
    struct target *old = cunik_map_get(&p->names, c->name);
    if (old)
        drop(p, old);
    if (t->probe.test.kind == PROBE_NONE) {
        cunik_probe_done(&t->probe);
        free_target(t);
    } else {
        t->started = t->due = cunik_prober_now();
        t->counts_at = after(after(t->started, t->times.start_period_ns), t->times.interval_ns);
        cunik_prober_schedule(p, t);
        cunik_map_set(&p->names, t->name, t);
    }
    cunik_prober_arm(p);
    pthread_mutex_unlock(&p->lock);
}

void cunik_prober_remove(struct prober *p, const char *name)
{
    pthread_mutex_lock(&p->lock);
    struct target *t = cunik_map_get(&p->names, name);
    if (t)
        drop(p, t);
    cunik_prober_arm(p);
    pthread_mutex_unlock(&p->lock);
}

enum cunik_health cunik_prober_health(struct prober *p, const char *name, char **ret_reason)
{
    pthread_mutex_lock(&p->lock);
    const struct target *t = cunik_map_get(&p->names, name);
    enum cunik_health health = t ? t->health : HEALTH_NONE;
    if (ret_reason)
        *ret_reason = cunik_strdup(t ? t->reason : "");
    pthread_mutex_unlock(&p->lock);
    return health;
}

int cunik_health_check_test(const struct strv *test, struct error **err)
{
    _cleanup_probe_test_ struct probe_test parsed = {0};

    return cunik_probe_test_parse(test, &parsed, err);
}
