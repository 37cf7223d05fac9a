/* The files that guests open: the engine's own become their user's, others' are opened to it. */
#include <errno.h>
#include <string.h>

#include "base/file.h"
#include "base/memory.h"
#include "base/text.h"
#include "engine/host_real_internal.h"

static bool is_own(const struct host_real *h, const char *path)
{
    _cleanup_free_ char *folder = cunik_asprintf("%s/", h->root);

    return cunik_text_starts(path, folder);
}

/* Whether QEMU itself opens a disk that is a folder, as the user of the guests (9p; who serves
 * virtiofs is root). */
static bool is_opened(const struct world_disk *d)
{
    return d->shared && strcmp(d->filesystem, "9p") == 0;
}

void cunik_host_warn_folders(const struct host_real *h, const struct world_cunik *attached,
                             struct strv *ret_warnings)
{
    const struct guest_user *u = cunik_hypervisor_user(h->hypervisor);

    for (size_t i = 0; i < attached->boot.n_disks; i++) {
        const struct world_disk *d = &attached->boot.disks[i];
        if (!is_opened(d) || is_own(h, d->path) ||
            cunik_access_try_folder(u, d->path, !d->readonly) != -EACCES)
            continue;
        cunik_strv_addf(ret_warnings,
                        "service '%s': the folder '%s' cannot be %s by the user '%s' that guests "
                        "run as, so its guest cannot either",
                        attached->service, d->path,
                        cunik_access_try_folder(u, d->path, false) == 0 ? "written" : "read",
                        u->name);
    }
}

static int own_disks(const struct host_real *h, const struct world_cunik *c, struct error **err)
{
    const struct guest_user *u = cunik_hypervisor_user(h->hypervisor);
    int r = 0;

    for (size_t i = 0; i < c->boot.n_disks && r == 0; i++) {
        const struct world_disk *d = &c->boot.disks[i];
        bool read_only = d->readonly || cunik_host_is_of_image(h, d->path);
        if (!d->shared && is_own(h, d->path))
            r = cunik_access_own(u, d->path, !read_only, err);
        if (is_opened(d) && is_own(h, d->path) && !read_only)
            r = cunik_access_own_folder(u, d->path, err);
    }
    return r;
}

/* c's own disks lie below those of `attached` that cover them. */
int cunik_host_files_own(const struct host_real *h, const struct world_cunik *c,
                         const struct world_cunik *attached, struct error **err)
{
    const struct guest_user *u = cunik_hypervisor_user(h->hypervisor);
    static const char *const kinds[] = {"kernel", "initrd", HOST_INITRD_WITH_FILES};
    int r = own_disks(h, c, err);

    if (r == 0)
        r = own_disks(h, attached, err);
    for (size_t i = 0; i < ARRAY_SIZE(kinds) && r == 0; i++) {
        _cleanup_free_ char *path = cunik_host_image_path(h, c->name, kinds[i]);
        if (cunik_file_exists(path))
            r = cunik_access_own(u, path, false, err);
    }
    return r;
}

static void find_others(const struct host_real *h, const struct world_cunik *c, struct strv *ret)
{
    for (size_t i = 0; i < c->boot.n_disks; i++)
        if (!is_own(h, c->boot.disks[i].path))
            cunik_strv_add(ret, c->boot.disks[i].path);
}

int cunik_host_files_open(struct host_real *h, const struct world_cunik *c, struct error **err)
{
    const struct guest_user *u = cunik_hypervisor_user(h->hypervisor);
    _cleanup_strv_ struct strv paths = {0};

    find_others(h, c, &paths);
    int r = cunik_host_opened_begin(h, c->name, &paths, err);
    for (size_t i = 0; i < c->boot.n_disks && r == 0; i++)
        if (!is_own(h, c->boot.disks[i].path))
            r = cunik_access_grant(u, c->boot.disks[i].path,
                                   !c->boot.disks[i].readonly && !cunik_host_covers(h, c, i), err);
    return r;
}

int cunik_host_files_close(struct host_real *h, const struct world_cunik *c, struct error **err)
{
    _cleanup_strv_ struct strv paths = {0};

    find_others(h, c, &paths);
    return cunik_host_opened_end(h, c->name, &paths, err);
}
