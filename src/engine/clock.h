/* The clock of the engine: a table, so that tests of waits, restarts and deadlines run on a clock
 * that they set. */
#pragma once

#include <pthread.h>
#include <stdint.h>

#define CLOCK_NEVER INT64_MAX

struct engine_clock {
    int64_t (*now)(void *ctx);     /* ns, never goes back */
    int64_t (*wall_ms)(void *ctx); /* ms since the epoch */
    /* As pthread_cond_timedwait(3) on a condition of cunik_clock_cond_init(); it may return before
     * the deadline (in ns of now(), or CLOCK_NEVER) without a signal. */
    void (*wait)(void *ctx, pthread_cond_t *cond, pthread_mutex_t *mutex, int64_t deadline);
    void *ctx;
};

/* CLOCK_MONOTONIC and CLOCK_REALTIME. */
extern const struct engine_clock cunik_clock_real;

void cunik_clock_cond_init(pthread_cond_t *cond);
