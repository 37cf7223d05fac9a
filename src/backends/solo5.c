/* Solo5 for virtio, as MirageOS unikernels are built: all of the command line is the application's.
 *
 * The rules are those of Solo5's bindings (cmdline.c, virtio/platform.c, virtio/pci.c) and, for the
 * words, of MirageOS's parse-argv:
 *
 * - Blanks separate words; a backslash makes the next character a plain one. An empty word is none.
 * - White space and `--solo5:LEVEL` at the front are taken off.
 * - Devices are given to the entries of the manifest in the order of PCI slots. A device too many,
 *   too few, or of the other kind ends the guest at once, with status 0.
 * - The MTU is the network device's (from 0.10 on; before that it is 1500).
 * - A MirageOS application takes `--ipv4=ADDRESS/LENGTH --ipv4-gateway=ADDRESS` for its network and
 *   `--NAME-ipv4=…` for others, and stops at an option that it does not know. An application
 *   without a network stack of its own is started with `params.network: none`.
 */
#include <string.h>

#include "backends/dialect.h"
#include "backends/table.h"
#include "base/memory.h"
#include "base/text.h"

/* The buffer has 8192 bytes; what is longer is cut off. */
enum { CMDLINE_MOST = 8191 };

static const char *const machines[] = {"pc", "q35", NULL};
static const char *const params[] = {"network", "log", NULL};
static const char *const networks[] = {"mirage", "none", NULL};
static const char *const logs[] = {"info", "quiet", "error", "warn", "debug", NULL};

enum { NETWORK_NONE = 1 };

static const struct ending_rule endings[] = {
    {"Solo5: solo5_exit(%d) called", ENDING_NUMBER, false},
    {"Solo5: ABORT: %s", ENDING_ABORTED, false},
    {"Solo5: PANIC: %s", ENDING_ABORTED, false},
    {"Solo5: %s. Aborting.", ENDING_ABORTED, false},
    {"Solo5: Halted", ENDING_NOTHING, true},
    {NULL, 0, false},
};

static const struct dialect dialect = {
    .name = "Solo5",
    .machines = machines,
    .cpu = "",
    .nic_model = "virtio",
    .disk_bus = "virtio",
    .memory = INT64_C(32) << 20,
    .memory_least = INT64_C(3) << 20,
    .hears_poweroff = false,
    .mtu_by_device = true,
    .cannot = DIALECT_KERNEL | DIALECT_NO_ENVIRONMENT | DIALECT_NO_INITRD | DIALECT_NO_HOSTNAME |
              DIALECT_NO_NAMES | DIALECT_NO_SEARCH | DIALECT_NO_SHARES | DIALECT_NO_MOUNTS |
              DIALECT_NO_ROOT,
    .params = params,
};

static bool claims(const struct kernel *k)
{
    return k->solo5 && k->multiboot;
}

static int add_word(struct buffer *line, const char *text, const char *what, struct error **err)
{
    int r = cunik_dialect_check_text(text, what, err);

    if (r < 0)
        return r;
    if (!*text)
        return cunik_error_set(err, ERROR_INVALID, "%s: Solo5 cannot be told an empty argument",
                               what);
    if (line->size)
        cunik_buffer_char(line, ' ');
    /* What Solo5 itself would take at the front. */
    if (line->size == 0 && (cunik_text_starts(text, "--solo5:") || strchr("\t\n", *text)))
        cunik_buffer_char(line, '\\');
    for (; *text; text++) {
        if (strchr(" \"\\", *text))
            cunik_buffer_char(line, '\\');
        cunik_buffer_char(line, *text);
    }
    return 0;
}

static size_t count_devices(const struct kernel *k, bool net)
{
    size_t n = 0;

    for (size_t i = 0; i < k->n_devices; i++)
        n += k->devices[i].net == net;
    return n;
}

/* The names of the devices of a kind that the manifest has, for messages. */
static char *device_names(const struct kernel *k, bool net)
{
    _cleanup_strv_ struct strv names = {0};

    for (size_t i = 0; i < k->n_devices; i++)
        if (k->devices[i].net == net)
            cunik_strv_addf(&names, "'%s'", k->devices[i].name);
    return names.n ? cunik_strv_join(&names, ", ") : cunik_strdup("none");
}

static int check_manifest(const struct kernel *k, const struct boot_settings *s, struct error **err)
{
    static const struct {
        const char *key, *what;
        bool net;
    } kinds[] = {{"networks", "interface", true}, {"unikernel.disks", "disk", false}};

    for (size_t i = 0; i < ARRAY_SIZE(kinds); i++) {
        size_t has = kinds[i].net ? s->n_interfaces : s->n_disks;
        size_t wants = count_devices(k, kinds[i].net);
        _cleanup_free_ char *names = device_names(k, kinds[i].net);

        if (has != wants)
            return cunik_error_set(err, ERROR_INVALID,
                                   "%s: the manifest of '%s' asks for %zu %s%s (%s) and the "
                                   "service has %zu; Solo5 stops at any other number",
                                   kinds[i].key, k->path, wants, kinds[i].what,
                                   wants == 1 ? "" : "s", names, has);
    }
    return 0;
}

static char *order_of(const struct kernel *k)
{
    _cleanup_buffer_ struct buffer b = {0};

    for (size_t i = 0; i < k->n_devices; i++)
        cunik_buffer_char(&b, k->devices[i].net ? 'n' : 'd');
    return cunik_buffer_take(&b);
}

/* The prefix of the options of interface number `index`: none for the first, for others the name
 * that the manifest gives it. */
static char *option_prefix(const struct kernel *k, size_t index)
{
    size_t seen = 0;

    for (size_t i = 0; index && k && i < k->n_devices; i++)
        if (k->devices[i].net && seen++ == index)
            return cunik_asprintf("%s-", k->devices[i].name);
    return index ? cunik_asprintf("net%zu-", index) : cunik_strdup("");
}

static int add_interfaces(struct buffer *line, const struct boot_settings *s,
                          const struct kernel *k, struct error **err)
{
    int r = cunik_dialect_check_interfaces(s, err);

    for (size_t i = 0; r == 0 && i < s->n_interfaces; i++) {
        const struct boot_interface *n = &s->interfaces[i];
        _cleanup_free_ char *prefix = option_prefix(k, i);

        if ((r = cunik_dialect_check_name(prefix, "unikernel.kernel: its manifest", err)) < 0)
            return r;
        cunik_dialect_add(line, "--%sipv4=%s/%u", prefix, n->address, n->prefix_length);
        if (*n->gateway)
            cunik_dialect_add(line, "--%sipv4-gateway=%s", prefix, n->gateway);
        if (cunik_dialect_given(n->address6))
            cunik_dialect_add(line, "--%sipv6=%s/%u", prefix, n->address6, n->prefix_length6);
        if (cunik_dialect_given(n->gateway6))
            cunik_dialect_add(line, "--%sipv6-gateway=%s", prefix, n->gateway6);
    }
    return r;
}

static int make(const struct boot_settings *s, const struct kernel *k, struct boot *ret,
                struct error **err)
{
    _cleanup_buffer_ struct buffer line = {0};
    size_t network, log;
    int r;

    if ((r = cunik_dialect_start(&dialect, s, ret, err)) < 0 ||
        (r = cunik_dialect_check_multiboot_path(s->kernel, "unikernel.kernel", err)) < 0 ||
        (r = cunik_dialect_choose(s, "network", networks, &network, err)) < 0 ||
        (r = cunik_dialect_choose(s, "log", logs, &log, err)) < 0 ||
        (r = cunik_dialect_check_text(s->cmdline, "unikernel.cmdline", err)) < 0)
        return r;
    if (k && k->manifest && (r = check_manifest(k, s, err)) < 0)
        return r;
    if (log)
        cunik_dialect_add(&line, "--solo5:%s", logs[log]);
    if (network == NETWORK_NONE)
        cunik_dialect_warn_addresses(s, s->cmdline, "params.network: none",
                                     "and unikernel.cmdline does not have it", ret);
    else if ((r = add_interfaces(&line, s, k, err)) < 0)
        return r;
    if (!cunik_text_blank(s->cmdline))
        cunik_dialect_add(&line, "%s", s->cmdline);
    if ((r = cunik_dialect_add_command(&line, s, add_word, err)) < 0 ||
        (r = cunik_dialect_check_size(&dialect, &line, 0, CMDLINE_MOST, err)) < 0)
        return r;
    if (k && k->manifest)
        ret->order = order_of(k);
    ret->cmdline = cunik_buffer_take(&line);
    return 0;
}

const struct backend cunik_backend_solo5 = {
    .name = "solo5",
    .help = "a Solo5 unikernel for virtio, such as those of MirageOS",
    .claims = claims,
    .ipv6 = true,
    .endings = endings,
    .no_files = "Solo5 gives a program blocks and no file system",
    .make = make,
};
