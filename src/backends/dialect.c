#include "backends/dialect.h"

#include <inttypes.h>
#include <math.h>
#include <stdio.h>
#include <string.h>

#include "base/memory.h"
#include "base/text.h"

enum { VCPUS_MOST = 255 };

static const char *const cpu_param = "cpu";

static size_t count(const char *const *names)
{
    size_t n = 0;

    while (names && names[n])
        n++;
    return n;
}

static bool is_one_of(const char *s, const char *const *names)
{
    for (size_t i = 0; names && names[i]; i++)
        if (strcmp(s, names[i]) == 0)
            return true;
    return false;
}

const char *cunik_dialect_param(const struct boot_settings *s, const char *name)
{
    for (size_t i = 0; i < s->n_params; i++)
        if (strcmp(s->params[i].key, name) == 0)
            return s->params[i].value;
    return NULL;
}

static int check_params(const struct dialect *d, const struct boot_settings *s, struct error **err)
{
    for (size_t i = 0; i < s->n_params; i++) {
        const char *key = s->params[i].key;

        if (strcmp(key, cpu_param) == 0 || is_one_of(key, d->params))
            continue;
        const char *near = cunik_text_nearest(key, d->params, count(d->params));
        if (!near)
            near = cunik_text_nearest(key, &cpu_param, 1);
        if (near)
            return cunik_error_set(err, ERROR_INVALID,
                                   "unikernel.params.%s: %s knows no such parameter; did you mean "
                                   "'%s'?",
                                   key, d->name, near);
        return cunik_error_set(err, ERROR_INVALID,
                               "unikernel.params.%s: %s knows no such parameter", key, d->name);
    }
    return 0;
}

static int set_machine(const struct dialect *d, const struct boot_settings *s, struct boot *ret,
                       struct error **err)
{
    if (*s->machine && !is_one_of(s->machine, d->machines)) {
        _cleanup_buffer_ struct buffer b = {0};

        for (size_t i = 0; d->machines[i]; i++)
            cunik_buffer_printf(&b, "%s%s", i ? ", " : "", d->machines[i]);
        return cunik_error_set(err, ERROR_INVALID,
                               "unikernel.machine: '%s' is none that %s runs on (%s)", s->machine,
                               d->name, cunik_buffer_text(&b));
    }
    if (*s->firmware && s->firmware[0] != '/')
        return cunik_error_set(err, ERROR_INVALID,
                               "unikernel.firmware: '%s' is not the absolute path of a ROM",
                               s->firmware);
    ret->machine = cunik_strdup(*s->machine ? s->machine : d->machines[0]);
    ret->firmware = cunik_strdup(s->firmware);
    return 0;
}

static int set_memory(const struct dialect *d, const struct boot_settings *s, struct boot *ret,
                      struct error **err)
{
    if (s->memory < 0)
        return cunik_error_set(err, ERROR_INVALID, "mem_limit: %" PRId64 " is less than nothing",
                               s->memory);
    ret->memory = s->memory ? s->memory : d->memory;
    if (ret->memory >= d->memory_least)
        return 0;
    _cleanup_free_ char *has = cunik_text_from_bytes(ret->memory);
    _cleanup_free_ char *least = cunik_text_from_bytes(d->memory_least);
    cunik_strv_addf(&ret->warnings, "mem_limit: %s are less than the %s that %s is known to need",
                    has, least, d->name);
    return 0;
}

static int set_cpus(const struct dialect *d, const struct boot_settings *s, struct boot *ret,
                    struct error **err)
{
    const char *cpu = cunik_dialect_param(s, cpu_param);

    if (!(s->cpus >= 0 && s->cpus <= VCPUS_MOST))
        return cunik_error_set(err, ERROR_INVALID, "cpus: %g is not from 0 to %d", s->cpus,
                               VCPUS_MOST);
    ret->vcpus = s->cpus > 1 ? (unsigned)ceil(s->cpus) : 1;
    ret->cpu = cunik_strdup(cpu ? cpu : d->cpu);
    return 0;
}

static int refuse(const struct dialect *d, const char *key, struct error **err)
{
    return cunik_error_set(err, ERROR_INVALID, "%s: %s has no way to be told%s%s", key, d->name,
                           d->instead ? "; it has that from " : "", d->instead ? d->instead : "");
}

static int check_disk_abilities(const struct dialect *d, const struct boot_settings *s,
                                struct error **err)
{
    for (size_t i = 0; i < s->n_disks; i++) {
        const struct boot_disk *disk = &s->disks[i];
        _cleanup_free_ char *key = cunik_asprintf("unikernel.disks[%zu]", i);

        if (disk->shared && d->cannot & DIALECT_NO_SHARES)
            return cunik_error_set(err, ERROR_INVALID,
                                   "volumes: %s cannot mount a folder of the host at '%s'; give "
                                   "it a disk",
                                   d->name, disk->mount);
        if (*disk->mount && d->cannot & DIALECT_NO_MOUNTS)
            return cunik_error_set(
                err, ERROR_INVALID, "%s.mount: %s has no way to be told where%s%s", key, d->name,
                d->instead ? "; it has that from " : "", d->instead ? d->instead : "");
        if (disk->root && d->cannot & DIALECT_NO_ROOT)
            return cunik_error_set(err, ERROR_INVALID, "%s.root: %s has no root filesystem there",
                                   key, d->name);
        if (disk->root && *disk->mount)
            return cunik_error_set(err, ERROR_INVALID,
                                   "%s: a disk is either the root or mounted at '%s'", key,
                                   disk->mount);
        for (size_t j = 0; disk->root && j < i; j++)
            if (s->disks[j].root)
                return cunik_error_set(err, ERROR_INVALID, "%s.root: disk %zu is the root already",
                                       key, j);
    }
    return 0;
}

static int check_interface_abilities(const struct dialect *d, const struct boot_settings *s,
                                     struct boot *ret, struct error **err)
{
    for (size_t i = 0; i < s->n_interfaces; i++) {
        const struct boot_interface *n = &s->interfaces[i];

        if (d->cannot & DIALECT_NO_MTU && n->mtu && n->mtu != 1500)
            return cunik_error_set(err, ERROR_INVALID, "networks: %s cannot be told an MTU of %u",
                                   d->name, n->mtu);
    }
    int r = d->cannot & DIALECT_NO_IPV6 ? cunik_dialect_no_ipv6(d, s, ret, err) : 0;
    return r == 0 && d->cannot & DIALECT_NO_NAMES ? cunik_dialect_no_interface_names(d, s, err) : r;
}

static int check_abilities(const struct dialect *d, const struct boot_settings *s, struct boot *ret,
                           struct error **err)
{
    int r;

    if (d->cannot & DIALECT_KERNEL && !*s->kernel)
        return cunik_error_set(err, ERROR_INVALID,
                               "unikernel.kernel: %s boots from one, not from "
                               "a disk",
                               d->name);
    if (d->cannot & DIALECT_NO_COMMAND && s->command->n)
        return refuse(d, "command", err);
    if (d->cannot & DIALECT_NO_ENVIRONMENT && s->n_environment)
        return refuse(d, "environment", err);
    if (d->cannot & DIALECT_NO_SEARCH && s->search && s->search->n)
        return refuse(d, "dns_search", err);
    if (d->cannot & DIALECT_NO_CMDLINE && *s->cmdline)
        return refuse(d, "unikernel.cmdline", err);
    if (d->cannot & DIALECT_NO_INITRD && *s->initrd)
        return cunik_error_set(err, ERROR_INVALID, "unikernel.initrd: %s takes none", d->name);
    if ((r = check_disk_abilities(d, s, err)) < 0 ||
        (r = check_interface_abilities(d, s, ret, err)) < 0)
        return r;
    if (d->cannot & DIALECT_NO_HOSTNAME && s->hostname_given)
        cunik_strv_addf(&ret->warnings, "hostname: %s cannot be told its name '%s'", d->name,
                        s->hostname);
    return 0;
}

int cunik_dialect_start(const struct dialect *d, const struct boot_settings *s, struct boot *ret,
                        struct error **err)
{
    int r;

    if ((r = check_abilities(d, s, ret, err)) < 0 || (r = check_params(d, s, err)) < 0 ||
        (r = set_machine(d, s, ret, err)) < 0 || (r = set_memory(d, s, ret, err)) < 0 ||
        (r = set_cpus(d, s, ret, err)) < 0)
        return r;
    ret->kernel = cunik_strdup(s->kernel);
    ret->initrd = cunik_strdup(s->initrd);
    ret->nic_model = cunik_strdup(d->nic_model);
    ret->disk_bus = cunik_strdup(d->disk_bus);
    ret->acpi = true;
    ret->hears_poweroff = d->hears_poweroff;
    ret->tells_panic = d->tells_panic;
    ret->mtu_by_device = d->mtu_by_device;
    ret->debug_exit = d->debug_exit;
    return 0;
}

char *cunik_dialect_mask(unsigned prefix_length)
{
    uint32_t mask = prefix_length ? UINT32_MAX << (32 - prefix_length) : 0;

    return cunik_asprintf("%u.%u.%u.%u", mask >> 24, mask >> 16 & 255, mask >> 8 & 255, mask & 255);
}

int cunik_dialect_choose(const struct boot_settings *s, const char *name,
                         const char *const *choices, size_t *ret, struct error **err)
{
    const char *value = cunik_dialect_param(s, name);
    _cleanup_buffer_ struct buffer list = {0};

    *ret = 0;
    if (!value)
        return 0;
    for (size_t i = 0; choices[i]; i++) {
        if (strcmp(choices[i], value) == 0) {
            *ret = i;
            return 0;
        }
        cunik_buffer_printf(&list, "%s%s", i ? ", " : "", choices[i]);
    }
    return cunik_error_set(err, ERROR_INVALID, "unikernel.params.%s: '%s' is none of %s", name,
                           value, cunik_buffer_text(&list));
}

int cunik_dialect_check_mounts(const struct dialect *d, const struct boot_settings *s,
                               const char *stops, struct error **err)
{
    for (size_t i = 0; i < s->n_disks; i++) {
        const char *mount = s->disks[i].mount;
        _cleanup_free_ char *what = cunik_asprintf("unikernel.disks[%zu].mount", i);
        int r = cunik_dialect_check_text(mount, what, err);

        if (r < 0)
            return r;
        if (*mount && *mount != '/')
            return cunik_error_set(err, ERROR_INVALID, "%s: '%s' is not an absolute path", what,
                                   mount);
        size_t at = strcspn(mount, stops);
        if (mount[at])
            return cunik_error_set(err, ERROR_INVALID, "%s: %s cannot be told a path with '%c': %s",
                                   what, d->name, mount[at], mount);
    }
    return 0;
}

void cunik_dialect_warn_addresses(const struct boot_settings *s, const char *text, const char *who,
                                  const char *why, struct boot *ret)
{
    for (size_t i = 0; i < s->n_interfaces; i++)
        if (!strstr(text, s->interfaces[i].address))
            cunik_strv_addf(&ret->warnings,
                            "networks: %s does not tell the guest its address "
                            "%s/%u, %s",
                            who, s->interfaces[i].address, s->interfaces[i].prefix_length, why);
}

/* XML 1.0 has no U+FFFE and U+FFFF. */
static bool is_no_character(const unsigned char *s)
{
    return s[0] == 0xef && s[1] == 0xbf && s[2] >= 0xbe;
}

int cunik_dialect_check_text(const char *text, const char *what, struct error **err)
{
    const unsigned char *s = (const unsigned char *)text;

    for (size_t n; *s; s += n) {
        n = cunik_text_utf8_length((const char *)s, SIZE_MAX);
        if (n == 0 || is_no_character(s))
            return cunik_error_set(err, ERROR_INVALID,
                                   "%s: byte 0x%02x after '%.*s' is no UTF-8 text, and a command "
                                   "line cannot hold anything else",
                                   what, *s, (int)((const char *)s - text), text);
        if ((*s < 0x20 && *s != '\t' && *s != '\n') || *s == 0x7f)
            return cunik_error_set(err, ERROR_INVALID,
                                   "%s: a command line cannot hold the control character 0x%02x",
                                   what, *s);
    }
    return 0;
}

int cunik_dialect_check_name(const char *text, const char *what, struct error **err)
{
    size_t n = strspn(text, "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789-_.");

    if (text[n])
        return cunik_error_set(err, ERROR_INVALID,
                               "%s: '%s' may only have letters, digits, '-', '_' and '.'", what,
                               text);
    return 0;
}

int cunik_dialect_check_environment(const struct boot_settings *s, struct error **err)
{
    for (size_t i = 0; i < s->n_environment; i++) {
        const char *key = s->environment[i].key;

        if (!*key || strchr(key, '='))
            return cunik_error_set(err, ERROR_INVALID,
                                   "environment: '%s' is not the name of a variable", key);
    }
    return 0;
}

int cunik_dialect_check_multiboot_path(const char *path, const char *what, struct error **err)
{
    if (strpbrk(path, " \t\n\r\v,"))
        return cunik_error_set(err, ERROR_INVALID,
                               "%s: '%s' has a blank or a comma, which a multiboot kernel would "
                               "take for the end of the path",
                               what, path);
    return cunik_dialect_check_text(path, what, err);
}

int cunik_dialect_check_interfaces(const struct boot_settings *s, struct error **err)
{
    for (size_t i = 0; i < s->n_interfaces; i++)
        if (!*s->interfaces[i].address || s->interfaces[i].prefix_length > 32)
            return cunik_error_set(err, ERROR_INVALID, "networks: interface %zu has no address", i);
    return 0;
}

int cunik_dialect_no_ipv6(const struct dialect *d, const struct boot_settings *s, struct boot *ret,
                          struct error **err)
{
    for (size_t i = 0; i < s->n_interfaces; i++) {
        const struct boot_interface *n = &s->interfaces[i];
        if (!n->address6 || !*n->address6)
            continue;
        if (n->fixed6)
            return cunik_error_set(err, ERROR_INVALID,
                                   "networks: %s cannot be told the IPv6 address %s", d->name,
                                   n->address6);
        cunik_strv_addf(&ret->warnings,
                        "networks: %s cannot be told an IPv6 address; it has IPv4 only", d->name);
        return 0;
    }
    return 0;
}

int cunik_dialect_no_interface_names(const struct dialect *d, const struct boot_settings *s,
                                     struct error **err)
{
    for (size_t i = 0; i < s->n_interfaces; i++)
        if (s->interfaces[i].name && *s->interfaces[i].name)
            return cunik_error_set(err, ERROR_INVALID,
                                   "networks: %s names its interfaces itself, none can be '%s'",
                                   d->name, s->interfaces[i].name);
    return 0;
}

void cunik_dialect_add(struct buffer *line, const char *format, ...)
{
    va_list args;

    va_start(args, format);
    _cleanup_free_ char *word = cunik_vasprintf(format, args);
    va_end(args);
    if (line->size)
        cunik_buffer_char(line, ' ');
    cunik_buffer_text_append(line, word);
}

int cunik_dialect_add_command(struct buffer *line, const struct boot_settings *s, dialect_word *add,
                              struct error **err)
{
    int r = 0;

    for (size_t i = 0; r == 0 && i < s->command->n; i++) {
        _cleanup_free_ char *what = cunik_asprintf("command[%zu]", i);
        r = add(line, s->command->items[i], what, err);
    }
    return r;
}

int cunik_dialect_check_size(const struct dialect *d, const struct buffer *line, size_t extra,
                             size_t most, struct error **err)
{
    if (line->size + extra > most)
        return cunik_error_set(err, ERROR_INVALID,
                               "command and environment make a command line of %zu bytes; %s takes "
                               "at most %zu",
                               line->size + extra, d->name, most);
    return 0;
}
