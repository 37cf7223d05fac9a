/* How often a cunik has been started again, in a file of its own for as long as the cunik is there:
 * an engine that comes back goes on counting. */
#include <errno.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "base/file.h"
#include "base/memory.h"
#include "engine/host_real_internal.h"

enum { COUNTS_LIMIT = 256 };

static char *file_of(const struct host_real *h, const char *cunik)
{
    return cunik_asprintf("%s/restarts/%s", h->root, cunik);
}

int cunik_host_restarts_remove(const struct host_real *h, const char *cunik, struct error **err)
{
    _cleanup_free_ char *path = file_of(h, cunik);

    if (unlink(path) < 0 && errno != ENOENT)
        return cunik_error_errno(err, errno, "removing '%s'", path);
    return 0;
}

/* Most are never started again, and have no file. */
int cunik_host_restarts_keep(void *ctx, const struct world_cunik *c, struct error **err)
{
    const struct host_real *h = ctx;
    const struct world_status *s = &c->status;
    _cleanup_free_ char *path = file_of(h, c->name);

    if (!s->restarts && !s->attempts && !s->crashes)
        return cunik_host_restarts_remove(h, c->name, err);
    _cleanup_free_ char *text = cunik_asprintf("%lld %lld %lld\n", (long long)s->restarts,
                                               (long long)s->attempts, (long long)s->crashes);
    return cunik_file_write(path, text, strlen(text), 0600, false, err);
}

void cunik_host_restarts_recall(void *ctx, struct world_cunik *c)
{
    const struct host_real *h = ctx;
    _cleanup_free_ char *path = file_of(h, c->name), *text = NULL;
    long long restarts, attempts, crashes;

    if (cunik_file_read(path, COUNTS_LIMIT, &text, NULL, NULL) < 0 ||
        sscanf(text, "%lld %lld %lld", &restarts, &attempts, &crashes) != 3)
        return;
    c->status.restarts = restarts;
    c->status.attempts = attempts;
    c->status.crashes = crashes;
}
