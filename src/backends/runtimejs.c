/* runtime.js: a multiboot kernel with V8 that runs the JavaScript bundle in its one module. The
 * command line goes to the script as one text, process.env and arguments there are none, and
 * addresses come by DHCP.
 */
#include <string.h>

#include "backends/dialect.h"
#include "backends/table.h"
#include "base/memory.h"
#include "base/text.h"

enum { CMDLINE_MOST = 4095 };

static const char *const machines[] = {"pc", NULL};
static const char *const params[] = {NULL};

static const struct ending_rule endings[] = {
    {"Unable to load %s from initrd.", ENDING_ABORTED, true},
    {"Initrd boot module required.", ENDING_ABORTED, true},
    {"Invalid initrd boot module.", ENDING_ABORTED, true},
    {NULL, 0, false},
};

static const struct dialect dialect = {
    .name = "runtime.js",
    .machines = machines,
    .cpu = "max",
    .nic_model = "virtio",
    .disk_bus = "virtio",
    .memory = INT64_C(512) << 20,
    .memory_least = INT64_C(256) << 20,
    .hears_poweroff = false,
    .cannot = DIALECT_KERNEL | DIALECT_NO_ENVIRONMENT | DIALECT_NO_HOSTNAME | DIALECT_NO_MTU |
              DIALECT_NO_NAMES | DIALECT_NO_SEARCH | DIALECT_NO_IPV6 | DIALECT_NO_SHARES |
              DIALECT_NO_MOUNTS | DIALECT_NO_ROOT,
    .params = params,
};

static bool claims(const struct kernel *k)
{
    return k->runtimejs && k->multiboot;
}

static int make(const struct boot_settings *s, _unused_ const struct kernel *k, struct boot *ret,
                struct error **err)
{
    _cleanup_buffer_ struct buffer line = {0};
    int r;

    if ((r = cunik_dialect_start(&dialect, s, ret, err)) < 0 ||
        (r = cunik_dialect_check_multiboot_path(s->kernel, "unikernel.kernel", err)) < 0 ||
        (r = cunik_dialect_check_multiboot_path(s->initrd, "unikernel.initrd", err)) < 0 ||
        (r = cunik_dialect_check_text(s->cmdline, "unikernel.cmdline", err)) < 0)
        return r;
    if (!*s->initrd)
        return cunik_error_set(err, ERROR_INVALID,
                               "unikernel.initrd: runtime.js runs the bundle that is there, and "
                               "there is none");
    if (s->n_interfaces > 1)
        return cunik_error_set(err, ERROR_INVALID, "networks: runtime.js takes one, not %zu",
                               s->n_interfaces);
    if (!cunik_text_blank(s->cmdline))
        cunik_dialect_add(&line, "%s", s->cmdline);
    for (size_t i = 0; i < s->command->n; i++) {
        const char *word = s->command->items[i];
        _cleanup_free_ char *what = cunik_asprintf("command[%zu]", i);

        if ((r = cunik_dialect_check_text(word, what, err)) < 0)
            return r;
        if (!*word || strpbrk(word, " \t\n"))
            return cunik_error_set(err, ERROR_INVALID,
                                   "%s: runtime.js gets one text, in which an argument that is "
                                   "empty or has a blank cannot be told: '%s'",
                                   what, word);
        if (strcmp(word, "snapshot") == 0)
            return cunik_error_set(err, ERROR_INVALID, "%s: runtime.js would take '%s' for its own",
                                   what, word);
        cunik_dialect_add(&line, "%s", word);
    }
    if ((r = cunik_dialect_check_size(&dialect, &line, 0, CMDLINE_MOST, err)) < 0)
        return r;
    ret->cmdline = cunik_strdup(cunik_buffer_text(&line));
    return 0;
}

const struct backend cunik_backend_runtimejs = {
    .name = "runtimejs",
    .help = "a runtime.js kernel (multiboot), with its JavaScript bundle as initrd",
    .claims = claims,
    .endings = endings,
    .no_files = "it mounts no disks",
    .make = make,
};
