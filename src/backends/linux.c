/* Linux running a single program under our own init (guests/linux/init.c), packed into an
 * initramfs.
 *
 * Everything stands on the kernel's command line as blank-separated `key=value`; the kernel hands
 * what it does not know to the init. Values are percent-encoded (RFC 3986), so every byte but NUL
 * can be said:
 *
 *   ip=ADDR:SERVER:GW:MASK:HOST:DEV:off:DNS0:DNS1   one for each interface, eth0, eth1, … (the form
 *                                                   of the kernel's nfsroot.rst; not encoded)
 *   ip6=DEV,ADDR/LENGTH   ifname=DEV:NAME (once all is set up)
 *   mtu=DEV:N   hostname=NAME   search=DOMAIN   env=NAME=VALUE   arg=VALUE
 *   mount=DEV:PATH:FSTYPE:ro|rw      DEV is the tag of a shared folder when FSTYPE is virtiofs
 *   mount=tmpfs:PATH:tmpfs:ro|rw:size=BYTES,mode=OCTAL,uid=N,gid=N   (what says nothing left off)
 */
#include <inttypes.h>
#include <netinet/in.h>
#include <string.h>

#include "backends/dialect.h"
#include "backends/table.h"
#include "base/memory.h"
#include "base/text.h"

/* COMMAND_LINE_SIZE of x86 is 2048 with the NUL; the kernel cuts what is longer in silence. */
enum { CMDLINE_MOST = 2047 };

/* What a guest without a display and without a user wants: the console that is logged, on a panic a
 * reset at once, which ends the guest, no self-tests of the kernel's cryptography (0.3 s of a boot
 * of 2.3 s under TCG), and none of the timer: it counts interrupts over some busy cycles, and a
 * host without KVM that is busy itself makes that a panic ("IO-APIC + timer doesn't work"). Under
 * KVM the kernel leaves it out on its own. */
static const char kernel_parameters[] =
    "console=ttyS0 quiet panic=-1 cryptomgr.notests=1 no_timer_check";

static const char *const machines[] = {"pc", "q35", "microvm", NULL};
static const char *const params[] = {"fstype", NULL};

/* What the init says (guests/linux/supervise.c, and say.c when it gives up), and the kernel. */
static const struct ending_rule endings[] = {
    {"init: %s exited with status %d", ENDING_NUMBER, false},
    {"init: %s killed by signal %d", ENDING_SIGNAL, false},
    {"Kernel panic - not syncing: %s", ENDING_ABORTED, false},
    {NULL, 0, false},
};

static const struct dialect dialect = {
    .name = "Linux",
    .machines = machines,
    .cpu = "max", /* RDRAND: without it the kernel gathers entropy for half a second */
    .nic_model = "virtio",
    .disk_bus = "virtio",
    .memory = INT64_C(128) << 20,
    .memory_least = INT64_C(80) << 20,
    .hears_poweroff = true,
    .params = params,
};

static bool claims(const struct kernel *k)
{
    return k->bzimage;
}

/* Keeps, besides the unreserved characters, those of `keep`. */
static char *encode(const char *text, const char *keep)
{
    _cleanup_buffer_ struct buffer b = {0};

    for (const char *p = text; *p; p++)
        if ((*p >= 'a' && *p <= 'z') || (*p >= 'A' && *p <= 'Z') || (*p >= '0' && *p <= '9') ||
            strchr("-._~", *p) || strchr(keep, *p))
            cunik_buffer_char(&b, *p);
        else
            cunik_buffer_printf(&b, "%%%02X", (unsigned char)*p);
    return cunik_buffer_take(&b);
}

static void add_encoded(struct buffer *line, const char *key, const char *value)
{
    _cleanup_free_ char *encoded = encode(value, "/:,+@=");

    cunik_dialect_add(line, "%s=%s", key, encoded);
}

static void add_interface(struct buffer *line, const struct boot_settings *s, size_t index)
{
    const struct boot_interface *i = &s->interfaces[index];
    uint32_t mask = i->prefix_length ? UINT32_MAX << (32 - i->prefix_length) : 0;

    cunik_dialect_add(line, "ip=%s::%s:%u.%u.%u.%u:%s:eth%zu:off:%s:", i->address, i->gateway,
                      mask >> 24, mask >> 16 & 255, mask >> 8 & 255, mask & 255, s->hostname, index,
                      i->dns);
    if (i->mtu)
        cunik_dialect_add(line, "mtu=eth%zu:%u", index, i->mtu);
    if (i->address6 && *i->address6)
        cunik_dialect_add(line, "ip6=eth%zu,%s/%u", index, i->address6, i->prefix_length6);
    if (cunik_dialect_given(i->gateway6))
        cunik_dialect_add(line, "gw6=eth%zu,%s", index, i->gateway6);
    if (i->name && *i->name)
        cunik_dialect_add(line, "ifname=eth%zu:%s", index, i->name);
}

/* "vda", …, "vdz", "vdaa", …, as the kernel counts. */
static char *device_name(size_t index)
{
    char letters[16];
    size_t at = sizeof(letters);

    letters[--at] = '\0';
    for (size_t n = index + 1; n; n = (n - 1) / 26)
        letters[--at] = (char)('a' + (n - 1) % 26);
    return cunik_asprintf("/dev/vd%s", letters + at);
}

static int add_disk(struct buffer *line, const struct boot_settings *s, size_t index,
                    struct error **err)
{
    const struct boot_disk *d = &s->disks[index];
    const char *type = cunik_dialect_param(s, "fstype");
    const char *mode = d->readonly ? "ro" : "rw";
    size_t shared = 0;

    for (size_t i = 0; i < index; i++)
        shared += s->disks[i].shared;
    if (d->filesystem && *d->filesystem)
        type = d->filesystem;
    _cleanup_free_ char *device =
        d->shared ? cunik_asprintf("fs%zu", shared) : device_name(index - shared);

    if (d->root && *d->mount)
        return cunik_error_set(err, ERROR_INVALID,
                               "unikernel.disks[%zu]: a disk is either the root or mounted at '%s'",
                               index, d->mount);
    for (size_t i = 0; d->root && i < index; i++)
        if (s->disks[i].root)
            return cunik_error_set(err, ERROR_INVALID,
                                   "unikernel.disks[%zu].root: disk %zu is the root already", index,
                                   i);
    if (*d->mount && d->mount[0] != '/')
        return cunik_error_set(err, ERROR_INVALID,
                               "unikernel.disks[%zu].mount: '%s' is not an absolute path", index,
                               d->mount);
    if (d->root) {
        cunik_dialect_add(line, "root=%s %s", device, mode);
        if (type)
            cunik_dialect_add(line, "rootfstype=%s", type);
    } else if (*d->mount) {
        /* Its fields are taken apart before they are decoded, so a colon must not stay one. */
        _cleanup_free_ char *path = encode(d->mount, "/,+@=");
        cunik_dialect_add(line, "mount=%s:%s:%s:%s", device, path, type ? type : "ext4", mode);
    }
    return 0;
}

static void add_tmpfs(struct buffer *line, const struct boot_tmpfs *t)
{
    _cleanup_free_ char *path = encode(t->mount, "/,+@=");
    _cleanup_buffer_ struct buffer options = {0};

    if (t->size)
        cunik_buffer_printf(&options, "size=%" PRId64 ",", t->size);
    cunik_buffer_printf(&options, "mode=%04o", t->mode);
    if (t->uid)
        cunik_buffer_printf(&options, ",uid=%u", t->uid);
    if (t->gid)
        cunik_buffer_printf(&options, ",gid=%u", t->gid);
    cunik_dialect_add(line, "mount=tmpfs:%s:tmpfs:%s:%s", path, t->readonly ? "ro" : "rw",
                      cunik_buffer_text(&options));
}

/* A name that a guest's own interface keeps cannot be given to another. */
static int check_interface_names(const struct boot_settings *s, struct error **err)
{
    for (size_t i = 0; i < s->n_interfaces; i++) {
        const char *name = s->interfaces[i].name;
        if (!name || !*name)
            continue;
        for (size_t k = 0; k < s->n_interfaces; k++) {
            const char *other = s->interfaces[k].name;
            _cleanup_free_ char *kept = cunik_asprintf("eth%zu", k);
            if (k != i && strcmp(name, other && *other ? other : kept) == 0)
                return cunik_error_set(err, ERROR_INVALID,
                                       "networks: interfaces %zu and %zu cannot both be '%s'", i, k,
                                       name);
        }
    }
    return 0;
}

static int check(const struct boot_settings *s, struct error **err)
{
    const char *type = cunik_dialect_param(s, "fstype");
    int r;

    if ((r = cunik_dialect_check_name(s->hostname, "hostname", err)) < 0 ||
        (r = cunik_dialect_check_interfaces(s, err)) < 0 ||
        (r = check_interface_names(s, err)) < 0 ||
        (r = cunik_dialect_check_environment(s, err)) < 0 ||
        (r = cunik_dialect_check_text(s->cmdline, "unikernel.cmdline", err)) < 0 ||
        (type && (r = cunik_dialect_check_name(type, "unikernel.params.fstype", err)) < 0))
        return r;
    size_t quotes = 0;
    for (const char *p = s->cmdline; *p; p++)
        quotes += *p == '"';
    if (quotes % 2)
        return cunik_error_set(err, ERROR_INVALID,
                               "unikernel.cmdline: '%s' has a quote that is not closed",
                               s->cmdline);
    return 0;
}

static int make(const struct boot_settings *s, _unused_ const struct kernel *k, struct boot *ret,
                struct error **err)
{
    _cleanup_buffer_ struct buffer line = {0};
    int r;

    if ((r = cunik_dialect_start(&dialect, s, ret, err)) < 0 || (r = check(s, err)) < 0)
        return r;
    cunik_dialect_add(&line, "%s", kernel_parameters);
    if (*s->cmdline)
        cunik_dialect_add(&line, "%s", s->cmdline);
    for (size_t i = 0; i < s->n_interfaces; i++)
        add_interface(&line, s, i);
    if (*s->hostname)
        add_encoded(&line, "hostname", s->hostname);
    if (*s->domain)
        add_encoded(&line, "search", s->domain);
    for (size_t i = 0; s->search && i < s->search->n; i++)
        add_encoded(&line, "search", s->search->items[i]);
    for (size_t i = 0; i < s->n_disks; i++)
        if ((r = add_disk(&line, s, i, err)) < 0)
            return r;
    for (size_t i = 0; i < s->n_tmpfs; i++)
        add_tmpfs(&line, &s->tmpfs[i]);
    for (size_t i = 0; i < s->n_environment; i++) {
        _cleanup_free_ char *pair =
            cunik_asprintf("%s=%s", s->environment[i].key, s->environment[i].value);
        add_encoded(&line, "env", pair);
    }
    for (size_t i = 0; i < s->command->n; i++)
        add_encoded(&line, "arg", s->command->items[i]);
    if ((r = cunik_dialect_check_size(&dialect, &line, 0, CMDLINE_MOST, err)) < 0)
        return r;
    ret->cmdline = cunik_buffer_take(&line);
    return 0;
}

const struct backend cunik_backend_linux = {
    .name = "linux",
    .help = "a Linux kernel with a single program in its initramfs, started by Cunik's init",
    .claims = claims,
    .filesystem = "ext4",
    .shares = "virtiofs",
    .endings = endings,
    .files = FILES_INITRD,
    .make = make,
    .ipv6 = true,
    .tmpfs = true,
};
