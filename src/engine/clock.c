#include "engine/clock.h"

#include <time.h>

#include "base/time.h"

static int64_t now(void *ctx)
{
    (void)ctx;
    return cunik_time_now(CLOCK_MONOTONIC);
}

static int64_t wall_ms(void *ctx)
{
    (void)ctx;
    return cunik_time_now(CLOCK_REALTIME) / NS_PER_MS;
}

static void wait(void *ctx, pthread_cond_t *cond, pthread_mutex_t *mutex, int64_t deadline)
{
    struct timespec t = cunik_time_spec(deadline);

    (void)ctx;
    if (deadline == CLOCK_NEVER)
        pthread_cond_wait(cond, mutex);
    else
        pthread_cond_timedwait(cond, mutex, &t);
}

const struct engine_clock cunik_clock_real = {.now = now, .wall_ms = wall_ms, .wait = wait};

void cunik_clock_cond_init(pthread_cond_t *cond)
{
    pthread_condattr_t attributes;

    pthread_condattr_init(&attributes);
    pthread_condattr_setclock(&attributes, CLOCK_MONOTONIC);
    pthread_cond_init(cond, &attributes);
    pthread_condattr_destroy(&attributes);
}
