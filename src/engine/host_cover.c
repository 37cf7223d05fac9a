/* Disks that several guests share and that none of them writes to: each guest gets a file of its
 * own over it, which goes with it. */
#include <errno.h>
#include <fcntl.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/file.h"
#include "base/memory.h"
#include "base/process.h"
#include "base/text.h"
#include "engine/host_real_internal.h"

/* Where OSv's loader reads its command line, in whole sectors. */
enum { SECTOR = 512, CMDLINE_AT = SECTOR };

static const char cmdline_kind[] = "cmdline";

static bool is_booted(const struct world_cunik *c, size_t index)
{
    const struct backend *backend;

    return index == 0 && !*c->boot.kernel && !c->boot.disks[0].shared &&
           cunik_backend_find(c->boot.backend, NULL, &backend, NULL) == 0 &&
           backend->boots_from_disk;
}

bool cunik_host_covers(const struct host_real *h, const struct world_cunik *c, size_t index)
{
    const struct world_disk *d = &c->boot.disks[index];

    return is_booted(c, index) || (!d->readonly && cunik_host_is_of_image(h, d->path));
}

static char *over_name(size_t index)
{
    return cunik_asprintf("disk-%zu.qcow2", index);
}

int cunik_host_cover(const struct host_real *h, struct world_cunik *c, bool make,
                     struct error **err)
{
    int r = 0;

    for (size_t i = 0; i < c->boot.n_disks && r == 0; i++) {
        struct world_disk *d = &c->boot.disks[i];
        if (!cunik_host_covers(h, c, i))
            continue;
        _cleanup_free_ char *name = over_name(i);
        _cleanup_free_ char *over = cunik_host_image_path(h, c->name, name);
        if (make)
            r = PROCESS_RUN(err, "qemu-img", "create", "-q", "-f", "qcow2", "-b", d->path, "-F",
                            cunik_text_ends(d->path, ".qcow2") ? "qcow2" : "raw", over);
        /* A command line on it may hold what is not for all. */
        if (make && r == 0 && chmod(over, 0600) < 0)
            r = cunik_error_errno(err, errno, "'%s'", over);
        cunik_replace(&d->path, over);
    }
    return r;
}

/* qemu-io takes its words apart at blanks, which a path may have: so it works in the folder. */
int cunik_host_cover_cmdline(const struct host_real *h, const struct world_cunik *attached,
                             const char *cmdline, struct error **err)
{
    size_t size = (strlen(cmdline) / SECTOR + 1) * SECTOR;
    _cleanup_free_ char *sectors = cunik_calloc(size, 1);
    _cleanup_free_ char *folder = cunik_host_image_path(h, attached->name, "");
    _cleanup_free_ char *path = cunik_host_image_path(h, attached->name, cmdline_kind);
    _cleanup_free_ char *name = over_name(0);
    _cleanup_free_ char *write =
        cunik_asprintf("write -q -s %s %d %zu", cmdline_kind, CMDLINE_AT, size);
    int r;

    memcpy(sectors, cmdline, strlen(cmdline));
    if ((r = cunik_file_write(path, sectors, size, 0600, false, err)) < 0)
        return r;
    r = PROCESS_RUN(err, "env", "-C", folder, "qemu-io", "-f", "qcow2", "-c", write, name);
    unlink(path);
    return cunik_error_prefix(err, r, "writing the command line onto '%s%s'", folder, name);
}

int cunik_host_check_format(const char *path, struct error **err)
{
    static const char magic[4] = {'Q', 'F', 'I', '\xfb'};
    _cleanup_close_ int fd = open(path, O_RDONLY | O_CLOEXEC);
    char head[sizeof(magic)];

    if (fd < 0 || cunik_text_ends(path, ".qcow2") ||
        pread(fd, head, sizeof(head), 0) != sizeof(head) || memcmp(head, magic, sizeof(magic)) != 0)
        return 0;
    return cunik_error_set(err, ERROR_INVALID,
                           "'%s' is a qcow2 image and is taken for one only when its name ends "
                           "in '.qcow2'; rename it or make a link",
                           path);
}
