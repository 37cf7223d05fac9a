/* ClickOS: Mini-OS with the Click modular router, on Xen. It takes nothing from its command line:
 * the router's configuration, addresses and all, is written to Xenstore (data/clickos/0/config)
 * once it runs, which is for the user's own tools.
 */
#include "backends/table.h"
#include "backends/xen.h"
#include "base/memory.h"

static const char *const params[] = {NULL};

static const struct dialect dialect = {
    .name = "ClickOS",
    .machines = cunik_xen_machines,
    .cpu = "",
    .nic_model = "",
    .disk_bus = "xen",
    .memory = INT64_C(16) << 20,
    .memory_least = INT64_C(8) << 20,
    .hears_poweroff = true,
    .cannot = DIALECT_KERNEL | DIALECT_NO_COMMAND | DIALECT_NO_ENVIRONMENT | DIALECT_NO_INITRD |
              DIALECT_NO_HOSTNAME | DIALECT_NO_MTU | DIALECT_NO_NAMES | DIALECT_NO_SEARCH |
              DIALECT_NO_IPV6 | DIALECT_NO_SHARES | DIALECT_NO_MOUNTS | DIALECT_NO_ROOT,
    .instead = "its Click configuration in Xenstore",
    .params = params,
};

static bool claims(const struct kernel *k)
{
    return k->clickos && k->xen;
}

static int make(const struct boot_settings *s, _unused_ const struct kernel *k, struct boot *ret,
                struct error **err)
{
    int r = cunik_xen_start(&dialect, s, ret, err);

    if (r < 0)
        return r;
    cunik_dialect_warn_addresses(s, s->cmdline, "ClickOS",
                                 "which belongs into its Click configuration in Xenstore", ret);
    ret->cmdline = cunik_strdup(s->cmdline);
    return 0;
}

const struct backend cunik_backend_clickos = {
    .name = "clickos",
    .help = "a ClickOS kernel for Xen; its Click configuration goes to Xenstore",
    .claims = claims,
    .no_files = "it has no file system",
    .make = make,
};
