/* While a guest is being started nobody begins to copy its volumes: who copies looks for guests
 * that run, and this one is not seen to yet. */
#include <string.h>

#include "base/file.h"
#include "base/memory.h"
#include "engine/host_real_internal.h"
#include "engine/volume.h"

int cunik_host_hold_volumes(const struct host_real *h, const struct world_cunik *c,
                            struct host_holds *ret, struct error **err)
{
    int r = 0, fd = -1;

    for (size_t i = 0; i < c->n_mounts && r == 0; i++) {
        const struct world_mount *m = &c->mounts[i];
        if (m->kind != MOUNT_VOLUME || !*m->source)
            continue;
        r = cunik_volume_share(h->root, m->source, &fd, err);
        if (r == 0 && fd >= 0)
            *ARRAY_APPEND(ret->fds, ret->n) = fd;
    }
    return r;
}

void cunik_host_holds_done(struct host_holds *holds)
{
    for (size_t i = 0; i < holds->n; i++)
        cunik_closep(&holds->fds[i]);
    free(holds->fds);
}
