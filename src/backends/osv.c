/* OSv: `--option=value` words of the loader, then the command.
 *
 * The rules are those of OSv's core/commands.cc, core/options.cc and loader.cc:
 *
 * - The loader's words end at the first that does not begin with '-'. Among them a backslash takes
 *   the special meaning of what follows, which is a blank or itself; an empty value is an error.
 * - The command is taken apart by another reader. `;`, `&` and `!` end a command and begin another
 *   one, but within "…"; `\"`, `\\` and the escapes of C mean there what they mean in C. It reads
 *   ASCII only. `$` begins the name of a variable everywhere, in quotes too, and cannot be said.
 * - Without an address it asks DHCP, and waits. There is one gateway and one name server, and no
 *   option for a host name.
 * - Without a kernel it boots from its disk image (usr.img of its build), whose loader reads 63
 *   sectors behind the first one for a command line. It finds its root on that disk by itself.
 * - Disks are vblk0, vblk1, … The root is vblk0, on its first partition; others have their
 *   filesystem at their beginning.
 */
#include <string.h>

#include "backends/dialect.h"
#include "backends/table.h"
#include "base/memory.h"
#include "base/text.h"

/* QEMU hands over more; OSv's own scripts give no more room either. */
enum { CMDLINE_MOST = 65535, CMDLINE_ON_DISK_MOST = 63 * 512 - 1 };

static const char *const machines[] = {"pc", "q35", NULL};
static const char *const params[] = {"rootfs", "fstype", "verbose", NULL};
static const char *const rootfs[] = {"rofs", "zfs", "ramfs", "ext", "virtiofs", NULL};
static const char *const filesystems[] = {"rofs", "ext", "zfs", NULL};
static const char *const verbose[] = {"true", "false", NULL};

enum { ROOTFS_RAMFS = 2 };

static const struct ending_rule endings[] = {
    {"program exited with status %d", ENDING_NUMBER, false},
    {"program %s returned %d", ENDING_NUMBER, false},
    {"Assertion failed: %s", ENDING_ABORTED, false},
    {"Aborted", ENDING_ABORTED, false},
    {"page fault outside application", ENDING_ABORTED, false},
    {"general protection fault", ENDING_ABORTED, false},
    {"unrecognized option: %s", 1, false},
    {"Failed to load object: %s", 1, false},
    {NULL, 0, false},
};

static const struct dialect dialect = {
    .name = "OSv",
    .machines = machines,
    .cpu = "max",
    .nic_model = "virtio",
    .disk_bus = "virtio",
    .memory = INT64_C(128) << 20,
    .memory_least = INT64_C(14) << 20,
    .hears_poweroff = true,
    .tells_panic = true,
    .cannot = DIALECT_NO_INITRD | DIALECT_NO_HOSTNAME | DIALECT_NO_MTU | DIALECT_NO_NAMES |
              DIALECT_NO_SEARCH | DIALECT_NO_IPV6,
    .params = params,
};

static bool claims(const struct kernel *k)
{
    return k->osv && k->pvh;
}

/* A word of the loader's. */
static void add_option(struct buffer *line, const char *text)
{
    if (line->size)
        cunik_buffer_char(line, ' ');
    for (; *text; text++) {
        if (strchr(" \t\n\\", *text))
            cunik_buffer_char(line, '\\');
        cunik_buffer_char(line, *text);
    }
}

static int add_argument(struct buffer *line, const char *text, const char *what, struct error **err)
{
    static const char plain[] = "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789"
                                "_./:=,@%+-";
    int r = cunik_dialect_check_text(text, what, err);

    if (r < 0)
        return r;
    for (const char *p = text; *p; p++)
        if (*p == '$' || (unsigned char)*p > '~')
            return cunik_error_set(err, ERROR_INVALID, "%s: OSv cannot be told %s in a command",
                                   what, *p == '$' ? "a '$'" : "other characters than ASCII");
    cunik_buffer_char(line, ' ');
    if (*text && !text[strspn(text, plain)]) {
        cunik_buffer_text_append(line, text);
        return 0;
    }
    cunik_buffer_char(line, '"');
    for (const char *p = text; *p; p++) {
        if (*p == '"' || *p == '\\')
            cunik_buffer_char(line, '\\');
        cunik_buffer_char(line, *p);
    }
    cunik_buffer_char(line, '"');
    return 0;
}

static int add_interfaces(struct buffer *line, const struct boot_settings *s, struct error **err)
{
    const char *gateway = "", *server = "";
    int r = cunik_dialect_check_interfaces(s, err);

    for (size_t i = 0; r == 0 && i < s->n_interfaces; i++) {
        const struct boot_interface *n = &s->interfaces[i];
        _cleanup_free_ char *mask = cunik_dialect_mask(n->prefix_length);

        cunik_dialect_add(line, "--ip=eth%zu,%s,%s", i, n->address, mask);
        gateway = *gateway ? gateway : n->gateway;
        server = *server ? server : n->dns;
    }
    if (*gateway)
        cunik_dialect_add(line, "--defaultgw=%s", gateway);
    if (*server)
        cunik_dialect_add(line, "--nameserver=%s", server);
    return r;
}

static int add_environment(struct buffer *line, const struct boot_settings *s, struct error **err)
{
    int r = cunik_dialect_check_environment(s, err);

    for (size_t i = 0; r == 0 && i < s->n_environment; i++) {
        const struct boot_pair *p = &s->environment[i];
        _cleanup_free_ char *what = cunik_asprintf("environment.%s", p->key);
        _cleanup_free_ char *word = cunik_asprintf("--env=%s=%s", p->key, p->value);

        if ((r = cunik_dialect_check_text(p->key, what, err)) == 0 &&
            (r = cunik_dialect_check_text(p->value, what, err)) == 0)
            add_option(line, word);
    }
    return r;
}

/* OSv looks for its root on the first disk, and a virtiofs of its own number. */
static int add_root(struct buffer *line, const struct boot_settings *s, struct error **err)
{
    size_t type, at = s->n_disks;
    int r = cunik_dialect_choose(s, "rootfs", rootfs, &type, err);

    for (size_t i = 0; i < s->n_disks; i++)
        if (s->disks[i].root)
            at = i;
    if (r < 0)
        return r;
    if (!*s->kernel && (s->n_disks == 0 || s->disks[0].shared || *s->disks[0].mount))
        return cunik_error_set(err, ERROR_INVALID,
                               "unikernel.kernel: OSv boots from one, or from its disk image as "
                               "the first of unikernel.disks, not mounted anywhere");
    if (!*s->kernel && at != 0 && at != s->n_disks)
        return cunik_error_set(err, ERROR_INVALID,
                               "unikernel.disks[%zu].root: OSv boots from the first disk, which "
                               "has its root",
                               at);
    if (!*s->kernel) {
        if (cunik_dialect_param(s, "rootfs"))
            cunik_dialect_add(line, "--rootfs=%s", rootfs[type]);
        return 0;
    }
    if (at == s->n_disks) {
        bool given = cunik_dialect_param(s, "rootfs") != NULL;
        cunik_dialect_add(line, "--rootfs=%s", given ? rootfs[type] : rootfs[ROOTFS_RAMFS]);
        return 0;
    }
    for (size_t i = 0; i < at; i++)
        if (s->disks[i].shared == s->disks[at].shared)
            return cunik_error_set(err, ERROR_INVALID,
                                   "unikernel.disks[%zu].root: OSv has its root on the first disk",
                                   at);
    cunik_dialect_add(line, "--rootfs=%s", s->disks[at].shared ? "virtiofs" : rootfs[type]);
    return 0;
}

static int add_mounts(struct buffer *line, const struct boot_settings *s, struct error **err)
{
    size_t type, disks = 0, shares = 0;
    int r;

    if ((r = cunik_dialect_choose(s, "fstype", filesystems, &type, err)) < 0 ||
        (r = cunik_dialect_check_mounts(&dialect, s, " ,", err)) < 0)
        return r;
    for (size_t i = 0; i < s->n_disks; i++) {
        const struct boot_disk *d = &s->disks[i];
        const char *filesystem = cunik_text_starts(d->filesystem ? d->filesystem : "", "ext")
                                     ? "ext"
                                 : cunik_dialect_given(d->filesystem) ? d->filesystem
                                                                      : filesystems[type];
        _cleanup_free_ char *word =
            d->shared
                ? cunik_asprintf("--mount-fs=virtiofs,/dev/virtiofs%zu,%s", shares, d->mount)
                : cunik_asprintf("--mount-fs=%s,/dev/vblk%zu,%s", filesystem, disks, d->mount);
        *(d->shared ? &shares : &disks) += 1;
        if (*d->mount)
            add_option(line, word);
    }
    return 0;
}

static int add_command(struct buffer *line, const struct boot_settings *s, struct error **err)
{
    if (s->command->n == 0)
        return cunik_error_set(err, ERROR_INVALID,
                               "command: OSv has to be told the program, such as /hello");
    if (!*s->command->items[0] || s->command->items[0][0] == '-')
        return cunik_error_set(err, ERROR_INVALID,
                               "command[0]: '%s' is not the path of a program, which OSv has to be "
                               "told first",
                               s->command->items[0]);
    return cunik_dialect_add_command(line, s, add_argument, err);
}

static int make(const struct boot_settings *s, _unused_ const struct kernel *k, struct boot *ret,
                struct error **err)
{
    _cleanup_buffer_ struct buffer line = {0};
    size_t quiet;
    int r;

    if ((r = cunik_dialect_start(&dialect, s, ret, err)) < 0 ||
        (r = cunik_dialect_choose(s, "verbose", verbose, &quiet, err)) < 0 ||
        (r = cunik_dialect_check_text(s->cmdline, "unikernel.cmdline", err)) < 0)
        return r;
    /* Only when it is verbose its console says how a program ended. */
    cunik_dialect_add(&line, "--console=serial --power-off-on-abort%s", quiet ? "" : " --verbose");
    if ((r = add_root(&line, s, err)) < 0 || (r = add_mounts(&line, s, err)) < 0 ||
        (r = add_interfaces(&line, s, err)) < 0 || (r = add_environment(&line, s, err)) < 0)
        return r;
    if (!cunik_text_blank(s->cmdline)) {
        if (s->cmdline[strspn(s->cmdline, " \t\n")] != '-')
            return cunik_error_set(err, ERROR_INVALID,
                                   "unikernel.cmdline: '%s' is no option; arguments go to command",
                                   s->cmdline);
        cunik_dialect_add(&line, "%s", s->cmdline);
    }
    if ((r = add_command(&line, s, err)) < 0 ||
        (r = cunik_dialect_check_size(&dialect, &line, 0,
                                      *s->kernel ? CMDLINE_MOST : CMDLINE_ON_DISK_MOST, err)) < 0)
        return r;
    ret->cmdline_on_disk = !*s->kernel;
    ret->cmdline = cunik_buffer_take(&line);
    return 0;
}

const struct backend cunik_backend_osv = {
    .name = "osv",
    .help = "an OSv loader with a PVH entry (loader-stripped.elf), or its disk image (usr.img)",
    .claims = claims,
    .filesystem = "ext4",
    .reads = "rofs",
    .shares = "virtiofs",
    .boots_from_disk = true,
    .endings = endings,
    .files = FILES_DISK,
    .make = make,
};
