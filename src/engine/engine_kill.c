/* A kill before its turn. */
#include <string.h>

#include "base/memory.h"
#include "engine/engine_internal.h"
#include "engine/parallel.h"

enum { KILLS_AT_ONCE = 32 };

struct kills {
    struct engine *e;
    const struct world_cunik **cuniks;
    size_t n;
};

static void kill_one(void *ctx, size_t i)
{
    struct kills *k = ctx;

    (void)k->e->host.ops->domain_destroy(k->e->host.ctx, k->cuniks[i], NULL);
}

int cunik_engine_kill_at_once(struct engine *e, const struct request *r, struct error **err)
{
    _cleanup_world_ struct world w = {0};
    struct kills k = {.e = e};
    int e_ = e->host.ops->observe(e->host.ctx, &w, err);

    for (size_t i = 0; e_ == 0 && i < w.n_cuniks; i++) {
        const struct world_cunik *c = &w.cuniks[i];
        if (strcmp(c->stack, r->stack) == 0 && c->status.state == CUNIK_RUNNING &&
            cunik_request_names(r, c))
            *ARRAY_APPEND(k.cuniks, k.n) = c;
    }
    cunik_parallel(k.n, KILLS_AT_ONCE, kill_one, &k);
    free(k.cuniks);
    return e_;
}
