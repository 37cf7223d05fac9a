#include "engine/health.h"

#include <errno.h>
#include <poll.h>
#include <pthread.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/eventfd.h>
#include <sys/inotify.h>
#include <sys/timerfd.h>
#include <time.h>

#include "base/map.h"
#include "base/memory.h"
#include "base/text.h"
#include "engine/probe.h"

/* How often a target that is starting is asked is a part of the time it has taken so far: what is
 * ready after 0.1 s is known within a few milliseconds, and what takes a minute is not asked a
 * thousand times. The same goes for an attempt to connect that hangs, for the guest has no address
 * yet. A program on the host costs more than a packet. */
#define MS INT64_C(1000000)
#define NEVER INT64_MAX
static const int64_t RETRY_MIN = 2 * MS, RETRY_PART = 16;
static const int64_t COMMAND_RETRY_MIN = 50 * MS, COMMAND_RETRY_PART = 4;
static const int64_t CONNECT_MIN = 20 * MS, CONNECT_PART = 8;

/* Docker's defaults, for a request that leaves them out. */
static const int64_t DEFAULT_INTERVAL = 30000 * MS, DEFAULT_TIMEOUT = 30000 * MS,
                     DEFAULT_START_INTERVAL = 5000 * MS;
enum { DEFAULT_RETRIES = 3 };

enum {
    EVENTS = 64,       /* taken from epoll at once */
    COMMANDS_MAX = 32, /* CMD probes that run at once; others wait for their turn */
    END_WAIT_MS = 1000 /* for killed commands to be gone, when the prober ends */
};
static const int64_t REAP_MIN = 1 * MS, REAP_MAX = 100 * MS;

struct target {
    char *name;
    struct probe probe;
    struct world_health times; /* its `test` is not used */
    enum cunik_health health;
    char *reason;
    int64_t failures;  /* in a row, as far as they count */
    int64_t started;   /* when it was added */
    int64_t counts_at; /* while starting: a failure from then on counts, once per interval */
    int64_t began;     /* the attempt under way, or the last one */
    bool pending;      /* an attempt is under way */
    bool queued;       /* a command that waits for its turn */
    bool once;         /* nothing more to ask */
    bool dead;         /* removed; freed when no event can name it any more */
    int64_t due;       /* of the attempt's end, or of the next attempt's beginning */
    size_t slot;       /* in the heap */
};

/* Killed process groups whose members have not all been collected. */
struct graves {
    pid_t *items;
    size_t n;
    int64_t due, wait;
};

struct notice {
    char *name;
    enum cunik_health health;
    char *reason;
};

struct prober {
    cunik_health_changed *changed;
    void *ctx;
    int epoll, timer, inotify, stop;
    pthread_t thread;
    bool running;

    pthread_mutex_t lock; /* of all below */
    struct target **heap; /* by due */
    size_t n;
    struct map names; /* → struct target *, NULL after removal */
    struct target **dead;
    size_t n_dead;
    struct target **queue; /* commands that wait, first come first served */
    size_t n_queue;
    size_t n_commands;
    struct graves graves;
    struct notice *notices;
    size_t n_notices;
};

static int64_t now_ns(void)
{
    struct timespec t;

    clock_gettime(CLOCK_MONOTONIC, &t);
    return t.tv_sec * INT64_C(1000000000) + t.tv_nsec;
}

static int64_t at_least(int64_t a, int64_t b)
{
    return a > b ? a : b;
}

static int64_t at_most(int64_t a, int64_t b)
{
    return a < b ? a : b;
}

/* a + b for times, without end when it is too far. */
static int64_t after(int64_t a, int64_t b)
{
    int64_t sum;

    return __builtin_add_overflow(a, b, &sum) ? NEVER : sum;
}

/* The heap: the target that is due first is at the top. */

static void heap_put(struct prober *p, size_t slot, struct target *t)
{
    p->heap[slot] = t;
    t->slot = slot;
}

static void heap_settle(struct prober *p, struct target *t)
{
    size_t i = t->slot;

    for (; i && p->heap[(i - 1) / 2]->due > t->due; i = (i - 1) / 2)
        heap_put(p, i, p->heap[(i - 1) / 2]);
    for (;;) {
        size_t child = 2 * i + 1;
        if (child + 1 < p->n && p->heap[child + 1]->due < p->heap[child]->due)
            child++;
        if (child >= p->n || p->heap[child]->due >= t->due)
            break;
        heap_put(p, i, p->heap[child]);
        i = child;
    }
    heap_put(p, i, t);
}

static void set_due(struct prober *p, struct target *t, int64_t due)
{
    t->due = due;
    heap_settle(p, t);
}

static void heap_remove(struct prober *p, struct target *t)
{
    struct target *last = p->heap[--p->n];

    if (last == t)
        return;
    last->slot = t->slot;
    heap_settle(p, last);
}

/* The timer is set to what comes first. */
static void arm(struct prober *p)
{
    int64_t due = at_most(p->n ? p->heap[0]->due : NEVER, p->graves.n ? p->graves.due : NEVER);
    struct itimerspec t = {0};

    if (due != NEVER) {
        due = at_least(due, 1); /* 0 would mean "never" */
        t.it_value.tv_sec = due / INT64_C(1000000000);
        t.it_value.tv_nsec = due % INT64_C(1000000000);
    }
    timerfd_settime(p->timer, TFD_TIMER_ABSTIME, &t, NULL);
}

static void bury(struct prober *p, pid_t group)
{
    if (!group || cunik_probe_reap(group))
        return;
    *ARRAY_APPEND(p->graves.items, p->graves.n) = group;
    p->graves.wait = REAP_MIN;
    p->graves.due = now_ns() + REAP_MIN;
}

/* A grandchild that became ours tells nobody of its end but by SIGCHLD, which others handle: those
 * few milliseconds are looked at by the clock. */
static void visit_graves(struct prober *p, int64_t now)
{
    struct graves *g = &p->graves;
    size_t kept = 0;

    if (!g->n || g->due > now)
        return;
    for (size_t i = 0; i < g->n; i++)
        if (!cunik_probe_reap(g->items[i]))
            g->items[kept++] = g->items[i];
    g->n = kept;
    g->wait = at_most(2 * g->wait, REAP_MAX);
    g->due = after(now, g->wait);
}

static bool is_command(const struct target *t)
{
    return t->probe.test.kind == PROBE_CMD || t->probe.test.kind == PROBE_CMD_SHELL;
}

static void unqueue(struct prober *p, const struct target *t)
{
    size_t kept = 0;

    for (size_t i = 0; i < p->n_queue; i++)
        if (p->queue[i] != t)
            p->queue[kept++] = p->queue[i];
    p->n_queue = kept;
}

static void end_attempt(struct prober *p, struct target *t)
{
    if (is_command(t) && t->pending) {
        p->n_commands--;
        if (p->n_queue) {
            set_due(p, p->queue[0], 0);
            p->queue[0]->queued = false;
            unqueue(p, p->queue[0]);
        }
    }
    t->pending = false;
    bury(p, cunik_probe_end(&t->probe));
}

static void set_health(struct prober *p, struct target *t, enum cunik_health health,
                       const char *reason)
{
    if (t->health == health && strcmp(t->reason, reason) == 0)
        return;
    t->health = health;
    cunik_replace(&t->reason, reason);
    *ARRAY_APPEND(p->notices, p->n_notices) =
        (struct notice){cunik_strdup(t->name), health, cunik_strdup(reason)};
}

/* When a target that is starting is asked again. */
static int64_t next_retry(const struct target *t, int64_t now)
{
    bool command = is_command(t);
    int64_t wait = at_least((now - t->started) / (command ? COMMAND_RETRY_PART : RETRY_PART),
                            command ? COMMAND_RETRY_MIN : RETRY_MIN);

    /* What the console gets is told by inotify. */
    if (t->probe.test.kind == PROBE_LOG && t->probe.watch >= 0)
        return t->counts_at;
    return at_most(after(now, at_most(wait, t->times.start_interval_ns)),
                   at_least(t->counts_at, now + RETRY_MIN));
}

static void succeeded(struct prober *p, struct target *t, int64_t now)
{
    t->failures = 0;
    t->once = t->probe.test.kind == PROBE_LOG;
    if (t->once && t->probe.watch >= 0)
        inotify_rm_watch(p->inotify, t->probe.watch);
    set_health(p, t, HEALTH_HEALTHY, "");
    set_due(p, t, t->once ? NEVER : after(now, t->times.interval_ns));
}

static void failed(struct prober *p, struct target *t, const char *reason, int64_t now)
{
    enum cunik_health health = t->health;

    if (health != HEALTH_STARTING) {
        t->failures++;
    } else if (now >= t->counts_at) {
        t->failures++;
        t->counts_at = after(now, t->times.interval_ns);
    }
    if (t->failures >= t->times.retries)
        health = HEALTH_UNHEALTHY;
    set_health(p, t, health, reason);
    set_due(p, t,
            health == HEALTH_STARTING ? next_retry(t, now) : after(now, t->times.interval_ns));
}

/* What an attempt has come to. */
static void take_outcome(struct prober *p, struct target *t, enum probe_outcome outcome)
{
    int64_t now = now_ns();

    if (outcome == OUTCOME_PENDING) {
        if (t->probe.test.kind == PROBE_LOG)
            set_due(p, t, now); /* there is more to read */
        else if (t->probe.connected)
            set_due(p, t, after(t->began, t->times.timeout_ns));
        return;
    }
    if (outcome == OUTCOME_HEALTHY) {
        if (t->probe.test.kind == PROBE_HTTP)
            t->pending = false; /* the rest of the reply is read in passing */
        else
            end_attempt(p, t);
        succeeded(p, t, now);
        return;
    }
    end_attempt(p, t);
    failed(p, t, t->probe.reason, now);
}

static int64_t attempt_limit(const struct target *t, int64_t now)
{
    int64_t limit = t->times.timeout_ns;

    if (t->health == HEALTH_STARTING && !is_command(t))
        limit = at_most(limit, at_least(CONNECT_MIN, (now - t->started) / CONNECT_PART));
    return after(now, limit);
}

static bool has_no_address(const struct target *t)
{
    enum probe_kind kind = t->probe.test.kind;

    return (kind == PROBE_TCP || kind == PROBE_HTTP) && !*t->probe.test.host && !*t->probe.address;
}

static void begin_attempt(struct prober *p, struct target *t, int64_t now)
{
    if (has_no_address(t)) {
        t->once = true;
        set_health(p, t, HEALTH_UNHEALTHY, "it has no address to connect to");
        set_due(p, t, NEVER);
        return;
    }
    if (is_command(t) && p->n_commands == COMMANDS_MAX) {
        *ARRAY_APPEND(p->queue, p->n_queue) = t;
        t->queued = true;
        set_due(p, t, NEVER);
        return;
    }
    end_attempt(p, t); /* what the last one left: the rest of a reply */
    p->n_commands += is_command(t);
    t->pending = true;
    t->began = now;
    set_due(p, t, attempt_limit(t, now));
    take_outcome(p, t, cunik_probe_begin(&t->probe));
}

static char *no_answer(const struct target *t)
{
    const struct probe_test *test = &t->probe.test;
    _cleanup_free_ char *limit = cunik_text_from_duration(t->times.timeout_ns);

    if (is_command(t))
        return cunik_asprintf("it did not end within %s", limit);
    if (t->probe.connected)
        return cunik_asprintf("no answer within %s", limit);
    return cunik_asprintf("connecting to %s port %u: no answer",
                          *test->host ? test->host : t->probe.address, test->port);
}

static void give_up_attempt(struct prober *p, struct target *t, int64_t now)
{
    _cleanup_free_ char *reason = no_answer(t);

    end_attempt(p, t);
    failed(p, t, reason, now);
}

static void run_timers(struct prober *p)
{
    int64_t now = now_ns(); /* not asked again: what becomes due meanwhile waits for its events */

    visit_graves(p, now);
    while (p->n && p->heap[0]->due <= now) {
        struct target *t = p->heap[0];
        if (t->pending && t->probe.test.kind == PROBE_LOG)
            take_outcome(p, t, cunik_probe_proceed(&t->probe));
        else if (t->pending)
            give_up_attempt(p, t, now);
        else
            begin_attempt(p, t, now);
    }
}

/* Something was written to a console: look now; that nothing matches yet is no failure. */
static void console_grew(struct prober *p, int watch)
{
    for (size_t i = 0; i < p->n; i++) {
        struct target *t = p->heap[i];
        if (t->probe.test.kind != PROBE_LOG || t->probe.watch != watch || t->once || t->pending)
            continue;
        enum probe_outcome outcome = cunik_probe_proceed(&t->probe);
        t->pending = outcome == OUTCOME_PENDING;
        if (outcome == OUTCOME_FAILED)
            continue;
        take_outcome(p, t, outcome);
        i = (size_t)-1; /* the heap has changed: once more from its beginning */
    }
}

static void read_inotify(struct prober *p)
{
    _Alignas(struct inotify_event) char events[4096];
    ssize_t got;

    while ((got = read(p->inotify, events, sizeof(events))) > 0) {
        for (char *at = events; at < events + got;) {
            const struct inotify_event *e = (const void *)at;
            if (e->mask & IN_MODIFY)
                console_grew(p, e->wd);
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
        else if (!t->dead && t->pending)
            take_outcome(p, t, cunik_probe_proceed(&t->probe));
        else if (!t->dead && t->probe.settled)
            cunik_probe_proceed(&t->probe); /* the rest of a reply */
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
        arm(p);
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
    unqueue(p, t);
    end_attempt(p, t);
    if (t->probe.watch >= 0 && !t->once)
        inotify_rm_watch(p->inotify, t->probe.watch);
    bury(p, cunik_probe_done(&t->probe));
    heap_remove(p, t);
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
        visit_graves(p, NEVER);
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
        .interval_ns = h->interval_ns > 0 ? h->interval_ns : DEFAULT_INTERVAL,
        .timeout_ns = h->timeout_ns > 0 ? h->timeout_ns : DEFAULT_TIMEOUT,
        .start_period_ns = at_least(h->start_period_ns, 0),
        .start_interval_ns =
            h->start_interval_ns > 0 ? h->start_interval_ns : DEFAULT_START_INTERVAL,
        .retries = h->retries > 0 ? h->retries : DEFAULT_RETRIES,
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
        t->started = t->due = now_ns();
        t->counts_at = after(after(t->started, t->times.start_period_ns), t->times.interval_ns);
        t->slot = p->n;
        *ARRAY_APPEND(p->heap, p->n) = t;
        heap_settle(p, t);
        cunik_map_set(&p->names, t->name, t);
    }
    arm(p);
    pthread_mutex_unlock(&p->lock);
}

void cunik_prober_remove(struct prober *p, const char *name)
{
    pthread_mutex_lock(&p->lock);
    struct target *t = cunik_map_get(&p->names, name);
    if (t)
        drop(p, t);
    arm(p);
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
