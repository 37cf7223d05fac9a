/* Raw: kernel, initrd, disks and command line exactly as the file gives them. Nothing of the
 * service is put into words, so what would have to be is refused. */
#include <string.h>

#include "backends/dialect.h"
#include "backends/table.h"
#include "base/memory.h"
#include "base/text.h"

static const char *const machines[] = {"pc", "q35", "microvm", "isapc", NULL};
static const char *const params[] = {"nic", "disk", "poweroff", "debugexit", NULL};
static const char *const nics[] = {"virtio", "e1000", "rtl8139", "ne2k_pci", "pcnet", NULL};
static const char *const disks[] = {"virtio", "ide", "sata", NULL};
static const char *const debug_exits[] = {"false", "true", NULL};
static const char *const poweroffs[] = {"acpi", "none", NULL};

static const struct dialect dialect = {
    .name = "the raw backend",
    .machines = machines,
    .cpu = "",
    .nic_model = "virtio",
    .disk_bus = "virtio",
    .memory = INT64_C(128) << 20,
    .hears_poweroff = false,
    .mtu_by_device = true,
    .cannot = DIALECT_NO_NAMES | DIALECT_NO_SEARCH,
    .params = params,
};

static int choose(const struct boot_settings *s, const char *name, const char *const *choices,
                  char **ret, struct error **err)
{
    const char *value = cunik_dialect_param(s, name);
    _cleanup_buffer_ struct buffer list = {0};

    if (!value)
        return 0;
    for (size_t i = 0; choices[i]; i++) {
        if (strcmp(choices[i], value) == 0) {
            cunik_replace(ret, value);
            return 0;
        }
        cunik_buffer_printf(&list, "%s%s", i ? ", " : "", choices[i]);
    }
    return cunik_error_set(err, ERROR_INVALID, "unikernel.params.%s: '%s' is none of %s", name,
                           value, cunik_buffer_text(&list));
}

static int refuse_words(const struct boot_settings *s, struct error **err)
{
    const char *key = s->command->n ? "command" : s->n_environment ? "environment" : NULL;

    if (key)
        return cunik_error_set(err, ERROR_INVALID,
                               "%s: the raw backend has no way to say it; the guest gets "
                               "unikernel.cmdline as it is",
                               key);
    for (size_t i = 0; i < s->n_disks; i++)
        if (*s->disks[i].mount)
            return cunik_error_set(err, ERROR_INVALID,
                                   "unikernel.disks[%zu].mount: the raw backend has no way to say "
                                   "it; the guest gets unikernel.cmdline as it is",
                                   i);
    return 0;
}

/* A disk to boot from is the first one, for there is no other order for QEMU's firmware. */
static int check_root(const struct boot_settings *s, struct error **err)
{
    if (!*s->kernel && s->n_disks == 0)
        return cunik_error_set(err, ERROR_INVALID,
                               "unikernel: the raw backend needs a kernel or a disk to boot from");
    if (!*s->kernel && (*s->initrd || *s->cmdline))
        return cunik_error_set(err, ERROR_INVALID, "unikernel.%s: there is no kernel to give it to",
                               *s->initrd ? "initrd" : "cmdline");
    return 0;
}

/* One that takes its address from DHCP gets it there; nothing tells whether this one does. */
static void warn_of_addresses(const struct boot_settings *s, struct boot *ret)
{
    for (size_t i = 0; i < s->n_interfaces; i++) {
        const struct boot_interface *n = &s->interfaces[i];
        if (!strstr(s->cmdline, n->address))
            cunik_strv_addf(&ret->warnings,
                            "networks: the raw backend tells the guest its address %s/%u by DHCP "
                            "only, and unikernel.cmdline does not have it",
                            n->address, n->prefix_length);
        if (n->address6 && *n->address6 && !strstr(s->cmdline, n->address6))
            cunik_strv_addf(&ret->warnings,
                            "networks: the raw backend does not tell the guest its address %s/%u, "
                            "and unikernel.cmdline does not have it",
                            n->address6, n->prefix_length6);
    }
}

static int make(const struct boot_settings *s, const struct kernel *k, struct boot *ret,
                struct error **err)
{
    _cleanup_free_ char *poweroff = cunik_strdup(k && k->bzimage ? "acpi" : "none");
    size_t debug_exit;
    int r;

    if ((r = cunik_dialect_start(&dialect, s, ret, err)) < 0 || (r = refuse_words(s, err)) < 0 ||
        (r = cunik_dialect_choose(s, "debugexit", debug_exits, &debug_exit, err)) < 0 ||
        (r = check_root(s, err)) < 0 ||
        (r = cunik_dialect_check_text(s->cmdline, "unikernel.cmdline", err)) < 0 ||
        (r = choose(s, "nic", nics, &ret->nic_model, err)) < 0 ||
        (r = choose(s, "disk", disks, &ret->disk_bus, err)) < 0 ||
        (r = choose(s, "poweroff", poweroffs, &poweroff, err)) < 0)
        return r;
    if (k && k->multiboot &&
        ((r = cunik_dialect_check_multiboot_path(s->kernel, "unikernel.kernel", err)) < 0 ||
         (r = cunik_dialect_check_text(s->initrd, "unikernel.initrd", err)) < 0))
        return r;
    warn_of_addresses(s, ret);
    ret->hears_poweroff = strcmp(poweroff, "acpi") == 0;
    ret->debug_exit = debug_exit == 1;
    ret->cmdline = cunik_strdup(s->cmdline);
    return 0;
}

const struct backend cunik_backend_raw = {
    .name = "raw",
    .help = "kernel, initrd, disks and command line exactly as given",
    .claims = NULL,
    .no_files = "nobody tells its guest where they are",
    .make = make,
    .ipv6 = true,
};
