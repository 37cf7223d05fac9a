/* What the parts of the prober share: health.c (targets and the thread), health_attempt.c (attempts
 * and what they mean), health_schedule.c (what is due when). Everything is called with the prober's
 * lock held. */
#pragma once

#include <pthread.h>

#include "base/map.h"
#include "base/time.h"
#include "engine/health.h"
#include "engine/probe.h"

#define NEVER INT64_MAX

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

/* CLOCK_MONOTONIC in ns. */
int64_t cunik_prober_now(void);

static inline int64_t at_least(int64_t a, int64_t b)
{
    return a > b ? a : b;
}

static inline int64_t at_most(int64_t a, int64_t b)
{
    return a < b ? a : b;
}

/* a + b for times, without end when it is too far. */
static inline int64_t after(int64_t a, int64_t b)
{
    int64_t sum;

    return __builtin_add_overflow(a, b, &sum) ? NEVER : sum;
}

static const int64_t RETRY_MIN = 2 * NS_PER_MS;

/* How long to wait after an attempt at a target that is starting, which began so long ago: the
 * longer it takes, the less a moment more matters. */
int64_t cunik_prober_retry_wait(int64_t elapsed_ns, bool command, int64_t start_interval_ns);
/* When a target is due next. */
void cunik_prober_schedule(struct prober *p, struct target *t);
void cunik_prober_set_due(struct prober *p, struct target *t, int64_t due);
void cunik_prober_unschedule(struct prober *p, struct target *t);
/* Sets the timer to what comes first. */
void cunik_prober_arm(struct prober *p);
/* A killed process group (0 = none), to be collected now or soon. */
void cunik_prober_bury(struct prober *p, pid_t group);
void cunik_prober_visit_graves(struct prober *p, int64_t now);

/* What is due: an attempt begins, or has taken too long. */
void cunik_prober_due(struct prober *p, struct target *t, int64_t now);
/* One of its descriptors is ready. */
void cunik_prober_ready(struct prober *p, struct target *t);
/* Something was written to the console with that watch. */
void cunik_prober_console_grew(struct prober *p, int watch);
/* Gives up its attempt and its place among those that wait. */
void cunik_prober_give_up(struct prober *p, struct target *t);
