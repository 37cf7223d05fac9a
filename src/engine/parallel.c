#include "engine/parallel.h"

#include <pthread.h>
#include <stdatomic.h>

#include "base/memory.h"

struct parallel {
    void (*work)(void *ctx, size_t i);
    void *ctx;
    size_t n;
    atomic_size_t next;
};

static void *work_some(void *arg)
{
    struct parallel *p = arg;
    size_t i;

    while ((i = atomic_fetch_add(&p->next, 1)) < p->n)
        p->work(p->ctx, i);
    return NULL;
}

void cunik_parallel(size_t n, size_t threads, void (*work)(void *ctx, size_t i), void *ctx)
{
    struct parallel p = {.work = work, .ctx = ctx, .n = n};
    size_t started = 0, most = threads < n ? threads : n;
    _cleanup_free_ pthread_t *others = cunik_calloc(most, sizeof(*others));

    while (started + 1 < most && pthread_create(&others[started], NULL, work_some, &p) == 0)
        started++;
    work_some(&p);
    for (size_t i = 0; i < started; i++)
        pthread_join(others[i], NULL);
}
