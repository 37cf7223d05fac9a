/* Rumprun: a command line that looks like JSON and is less.
 *
 * The rules are those of Rumprun's lib/librumprun_base (config.c, parseargs.c), lib/libbmk_core
 * (jsmn.c) and platform/hw (multiboot.c):
 *
 * - All values are strings, keys may repeat and are carried out in their order, an unknown one ends
 *   the guest. So this cannot be written as an object of a JSON library.
 * - jsmn checks escapes and does not decode them. A text stands in a string as it is, if what looks
 *   like an escape in it is one: anything else is refused here.
 * - `cmdline` is taken apart once more, and there a backslash makes the next character a plain one:
 *   `\\` and `\"` say these two. Blanks stand within '…'. An apostrophe cannot be said: jsmn knows
 *   no `\'`, and a quotation mark that would enclose it cannot be said either.
 * - The text is looked for `_RUMPRUN_ROOTFSCFG=` before anything else.
 * - Disks are ld0, ld1, … in the order of PCI slots, with the filesystem at their beginning on
 *   partition a; ffs, ext2 and cd9660 are tried in turn.
 * - There is no key for a name server: /etc/resolv.conf has to come from a disk.
 * - It never powers off. Its console says how it ended.
 */
#include <string.h>

#include "backends/dialect.h"
#include "backends/table.h"
#include "base/memory.h"
#include "base/text.h"

/* BMK_MULTIBOOT_CMDLINE_SIZE is 4096 with the NUL and the kernel's path. */
enum { CMDLINE_MOST = 4095 };

static const char root_config[] = "_RUMPRUN_ROOTFSCFG=";

static const char *const machines[] = {"pc", "q35", NULL};
static const char *const params[] = {"program", NULL};

static const struct ending_rule endings[] = {
    {"=== ERROR: _exit(%d) called ===", ENDING_NUMBER, false},
    {"=== _exit(%d) called ===", ENDING_NUMBER, false},
    {"=== main() of \"%s\" returned %d ===", ENDING_NUMBER, false},
    {"PANIC: %s", ENDING_ABORTED, false},
    {"FATAL TRAP: %s", ENDING_ABORTED, true},
    {"panic: %s", ENDING_ABORTED, false},
    {"halted", ENDING_NOTHING, true},
    {NULL, 0, false},
};

static const struct dialect dialect = {
    .name = "Rumprun",
    .machines = machines,
    .cpu = "",
    .nic_model = "virtio",
    .disk_bus = "virtio",
    .memory = INT64_C(64) << 20,
    .memory_least = INT64_C(9) << 20,
    .hears_poweroff = false,
    .cannot = DIALECT_KERNEL | DIALECT_NO_CMDLINE | DIALECT_NO_INITRD | DIALECT_NO_MTU |
              DIALECT_NO_NAMES | DIALECT_NO_SEARCH | DIALECT_NO_SHARES | DIALECT_NO_ROOT,
    .params = params,
};

static bool claims(const struct kernel *k)
{
    return k->rumprun && k->multiboot;
}

/* A string that the guest takes as it stands. */
static int add_string(struct buffer *line, const char *text, const char *what, struct error **err)
{
    int r = cunik_dialect_check_text(text, what, err);

    if (r < 0)
        return r;
    for (const char *p = text; *p; p++) {
        if (*p == '"')
            return cunik_error_set(err, ERROR_INVALID, "%s: Rumprun cannot be told a '\"'", what);
        if (*p != '\\')
            continue;
        if (p[1] == '\0' || !strchr("\"/\\bfrnt", p[1]))
            return cunik_error_set(err, ERROR_INVALID,
                                   "%s: Rumprun cannot be told a backslash before '%.1s'", what,
                                   p + 1);
        p++;
    }
    cunik_buffer_printf(line, "\"%s\"", text);
    return 0;
}

/* An argument within the string of `cmdline`. */
static int add_argument(struct buffer *line, const char *text, const char *what, struct error **err)
{
    int r = cunik_dialect_check_text(text, what, err);
    const char *quote = !*text || strpbrk(text, " \t\n") ? "'" : "";

    if (r < 0)
        return r;
    if (strchr(text, '\''))
        return cunik_error_set(err, ERROR_INVALID, "%s: Rumprun cannot be told an apostrophe",
                               what);
    cunik_buffer_text_append(line, quote);
    for (const char *p = text; *p; p++) {
        if (*p == '"' || *p == '\\')
            cunik_buffer_char(line, '\\');
        cunik_buffer_char(line, *p);
    }
    cunik_buffer_text_append(line, quote);
    return 0;
}

static int add_command(struct buffer *line, const struct boot_settings *s, struct error **err)
{
    const char *program = cunik_dialect_param(s, "program");
    int r;

    cunik_buffer_text_append(line, "\"cmdline\":\"");
    r = add_argument(line, program ? program : s->name, "unikernel.params.program", err);
    for (size_t i = 0; r == 0 && i < s->command->n; i++) {
        _cleanup_free_ char *what = cunik_asprintf("command[%zu]", i);
        cunik_buffer_char(line, ' ');
        r = add_argument(line, s->command->items[i], what, err);
    }
    cunik_buffer_char(line, '"');
    return r;
}

static int add_environment(struct buffer *line, const struct boot_settings *s, struct error **err)
{
    int r = cunik_dialect_check_environment(s, err);

    for (size_t i = 0; r == 0 && i < s->n_environment; i++) {
        const struct boot_pair *p = &s->environment[i];
        _cleanup_free_ char *what = cunik_asprintf("environment.%s", p->key);
        _cleanup_free_ char *pair = cunik_asprintf("%s=%s", p->key, p->value);

        cunik_buffer_text_append(line, ",\"env\":");
        r = add_string(line, pair, what, err);
    }
    return r;
}

static void add_address(struct buffer *line, size_t index, const char *type, const char *address,
                        unsigned length, const char *gateway)
{
    cunik_buffer_printf(line,
                        ",\"net\":{\"if\":\"vioif%zu\",\"type\":\"%s\",\"method\":\"static\","
                        "\"addr\":\"%s\",\"mask\":\"%u\"",
                        index, type, address, length);
    if (cunik_dialect_given(gateway))
        cunik_buffer_printf(line, ",\"gw\":\"%s\"", gateway);
    cunik_buffer_char(line, '}');
}

static int add_interfaces(struct buffer *line, const struct boot_settings *s, struct error **err)
{
    int r = cunik_dialect_check_interfaces(s, err);

    for (size_t i = 0; r == 0 && i < s->n_interfaces; i++) {
        const struct boot_interface *n = &s->interfaces[i];

        add_address(line, i, "inet", n->address, n->prefix_length, n->gateway);
        if (cunik_dialect_given(n->address6))
            add_address(line, i, "inet6", n->address6, n->prefix_length6, n->gateway6);
    }
    return r;
}

static int add_disks(struct buffer *line, const struct boot_settings *s, struct error **err)
{
    int r = cunik_dialect_check_mounts(&dialect, s, "", err);

    for (size_t i = 0; r == 0 && i < s->n_disks; i++) {
        _cleanup_free_ char *what = cunik_asprintf("unikernel.disks[%zu].mount", i);

        if (!*s->disks[i].mount)
            continue;
        cunik_buffer_printf(line,
                            ",\"blk\":{\"source\":\"dev\",\"path\":\"/dev/ld%zua\","
                            "\"fstype\":\"blk\",\"mountpoint\":",
                            i);
        r = add_string(line, s->disks[i].mount, what, err);
        cunik_buffer_char(line, '}');
    }
    return r;
}

static int make(const struct boot_settings *s, _unused_ const struct kernel *k, struct boot *ret,
                struct error **err)
{
    _cleanup_buffer_ struct buffer line = {0};
    int r;

    if ((r = cunik_dialect_start(&dialect, s, ret, err)) < 0 ||
        (r = cunik_dialect_check_multiboot_path(s->kernel, "unikernel.kernel", err)) < 0 ||
        (r = cunik_dialect_check_name(s->hostname, "hostname", err)) < 0)
        return r;
    cunik_buffer_char(&line, '{');
    if ((r = add_command(&line, s, err)) < 0 || (r = add_environment(&line, s, err)) < 0)
        return r;
    if (*s->hostname)
        cunik_buffer_printf(&line, ",\"hostname\":\"%s\"", s->hostname);
    /* Disks first: what the network needs may be on one of them. */
    if ((r = add_disks(&line, s, err)) < 0 || (r = add_interfaces(&line, s, err)) < 0)
        return r;
    cunik_buffer_char(&line, '}');
    if (strstr(line.data, root_config) || strstr(s->kernel, root_config))
        return cunik_error_set(err, ERROR_INVALID,
                               "command, environment: Rumprun takes '%s' anywhere for the place of "
                               "its configuration",
                               root_config);
    if ((r = cunik_dialect_check_size(&dialect, &line, strlen(s->kernel) + 1, CMDLINE_MOST, err)) <
        0)
        return r;
    ret->cmdline = cunik_buffer_take(&line);
    return 0;
}

const struct backend cunik_backend_rumprun = {
    .name = "rumprun",
    .help = "a Rumprun unikernel baked for hw (multiboot), with its files on disks",
    .claims = claims,
    .ipv6 = true,
    .filesystem = "ext2",
    .reads = "iso9660",
    .endings = endings,
    .files = FILES_DISK,
    .make = make,
};
