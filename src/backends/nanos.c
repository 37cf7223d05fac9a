/* Nanos: boots from its disk image, in which its mkfs or `ops build` has written the kernel and a
 * manifest with the program, its arguments and environment, mounts and addresses. Nothing of these
 * can be said from outside, so what would have to be is refused.
 *
 * Without an address in the manifest it asks DHCP, and Cunik's answers with the address of the
 * service: so the image stays as it is. With `debug_exit:t` in the manifest it ends through QEMU's
 * isa-debug-exit device, and its exit status is known; else it powers off.
 */
#include <string.h>

#include "backends/dialect.h"
#include "backends/table.h"
#include "base/memory.h"

static const char *const machines[] = {"pc", "q35", NULL};
static const char *const params[] = {NULL};

static const struct ending_rule endings[] = {
    {"signal %d received by tid", ENDING_ABORTED, false},
    {"halt: %s", ENDING_ABORTED, false},
    {"frame trace:", ENDING_ABORTED, false},
    {NULL, 0, false},
};

static const struct dialect dialect = {
    .name = "Nanos",
    .machines = machines,
    .cpu = "max",
    .nic_model = "virtio",
    .disk_bus = "virtio",
    .memory = INT64_C(128) << 20,
    .memory_least = INT64_C(16) << 20,
    .hears_poweroff = true,
    .debug_exit = true,
    .cannot = DIALECT_NO_COMMAND | DIALECT_NO_ENVIRONMENT | DIALECT_NO_CMDLINE | DIALECT_NO_INITRD |
              DIALECT_NO_HOSTNAME | DIALECT_NO_MTU | DIALECT_NO_IPV6 | DIALECT_NO_NAMES |
              DIALECT_NO_SEARCH | DIALECT_NO_SHARES | DIALECT_NO_MOUNTS,
    .instead = "the manifest in its image",
    .params = params,
};

static int make(const struct boot_settings *s, _unused_ const struct kernel *k, struct boot *ret,
                struct error **err)
{
    int r;

    if (*s->kernel)
        return cunik_error_set(err, ERROR_INVALID,
                               "unikernel.kernel: Nanos boots from its disk image, which has its "
                               "kernel; give it as the first of unikernel.disks");
    if (s->n_disks == 0)
        return cunik_error_set(err, ERROR_INVALID,
                               "unikernel.disks: Nanos boots from its disk image; there is none");
    if (s->disks[0].readonly)
        return cunik_error_set(err, ERROR_INVALID,
                               "unikernel.disks[0].readonly: Nanos writes to its image");
    for (size_t i = 1; i < s->n_disks; i++)
        if (s->disks[i].root)
            return cunik_error_set(err, ERROR_INVALID,
                                   "unikernel.disks[%zu].root: Nanos boots from the first disk", i);
    if ((r = cunik_dialect_start(&dialect, s, ret, err)) < 0)
        return r;
    ret->cmdline = cunik_strdup("");
    return 0;
}

const struct backend cunik_backend_nanos = {
    .name = "nanos",
    .help = "a disk image of Nanos, as `ops build` makes it",
    .claims = NULL,
    .endings = endings,
    .no_files = "its disks hold a file system of its own that only its mkfs writes",
    .make = make,
};
