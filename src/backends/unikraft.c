/* Unikraft: `NAME PARAMETERS -- ARGUMENTS`, after the kernel's path that QEMU puts in front.
 *
 * The rules are those of Unikraft's lib/ukargparse (words), lib/uklibparam (parameters) and
 * lib/ukboot (limits), the same from 0.16 on:
 *
 * - '…' and "…" keep blanks and may stand within a word. A backslash means something outside of '…'
 *   only, so whatever has one goes into '…', and an apostrophe into "…". An empty word cannot be
 *   said: quotes with nothing in them leave nothing behind.
 * - Parameters apply only when `--` is there with something before it; NAME is that something, so
 *   it stands even when there are no parameters. The word `help` there prints a usage and halts.
 * - A parameter given several times fills an array. That is used in place of the list form
 *   `p=[ a b ]`, in which an element could not end in `]`, and a list never closed hands everything
 *   to the application. A value that begins with `[` would open such a list.
 * - What goes beyond an array or the table of words is dropped in silence. So it is refused here.
 * - The MTU is the network device's.
 * - Every version unpacks an initrd into what is mounted where it goes; only from 0.17 on it can
 *   mount that itself (`ramfs=1`), and 0.16 stops without. So the root is mounted first.
 */
#include <string.h>

#include "backends/dialect.h"
#include "backends/table.h"
#include "base/memory.h"
#include "base/text.h"

/* Unikraft's defaults of LIBUKBOOT_CMDLINE_MAX_LEN (with its NUL), LIBUKBOOT_MAXNBARGS,
 * LIBPOSIX_ENVIRON_LIBPARAM_MAXCOUNT, LIBUKNETDEV_EINFO_LIBPARAM_MAXCOUNT,
 * LIBVFSCORE_AUTOMOUNT_UP_SIZE. */
enum {
    CMDLINE_MOST = 4095,
    WORDS_MOST = 60,
    VARIABLES_MOST = 8,
    INTERFACES_MOST = 4,
    MOUNTS_MOST = 16
};

static const char blanks[] = " \t\n\r\v";

static const char *const machines[] = {"pc", "q35", NULL};
static const char *const params[] = {"fstab", NULL};

/* The level that says what main() returned is not switched on in every build. */
static const struct ending_rule endings[] = {
    {"main returned %d", ENDING_NUMBER, false},
    {"Unikraft crash", ENDING_ABORTED, false},
    {"Assertion failure: %s", ENDING_ABORTED, false},
    {"Init function at %s returned error", ENDING_ABORTED, false},
    {NULL, 0, false},
};

static const struct dialect dialect = {
    .name = "Unikraft",
    .machines = machines,
    .cpu = "host-passthrough",
    .nic_model = "virtio",
    .disk_bus = "virtio",
    .memory = INT64_C(64) << 20,
    .memory_least = INT64_C(4) << 20,
    .hears_poweroff = false,
    .tells_panic = true,
    .mtu_by_device = true,
    .cannot = DIALECT_KERNEL,
    .params = params,
};

static bool claims(const struct kernel *k)
{
    return k->unikraft && k->multiboot;
}

/* Appends text so that the guest's reader makes text of it again. */
static void quote(struct buffer *to, const char *text)
{
    if (!strpbrk(text, " \t\n\r\v'\"\\")) {
        cunik_buffer_text_append(to, text);
        return;
    }
    while (*text) {
        size_t n = strcspn(text, "'");
        char mark = '\'';

        if (n == 0) {
            n = strspn(text, "'");
            mark = '"';
        }
        cunik_buffer_char(to, mark);
        cunik_buffer_append(to, text, n);
        cunik_buffer_char(to, mark);
        text += n;
    }
}

static int add_word(struct buffer *line, size_t *words, const char *word, const char *what,
                    struct error **err)
{
    int r = cunik_dialect_check_text(word, what, err);

    if (r < 0)
        return r;
    if (!*word)
        return cunik_error_set(err, ERROR_INVALID,
                               "%s: Unikraft's command line cannot say an empty argument", what);
    if (line->size)
        cunik_buffer_char(line, ' ');
    quote(line, word);
    ++*words;
    return 0;
}

/* Counts the words of unikernel.cmdline, and refuses what would make a mess of those around it. */
static int check_cmdline(const char *text, size_t *words, struct error **err)
{
    bool in_list = false;

    while (*(text += strspn(text, blanks))) {
        const char *start = text;
        char mark = '\0';

        for (; *text && (mark || !strchr(blanks, *text)); text++) {
            if (*text == '\\' && mark != '\'' && text[1])
                text++;
            else if (mark ? *text == mark : (*text == '\'' || *text == '"'))
                mark = mark ? '\0' : *text;
        }
        _cleanup_free_ char *word = cunik_strndup(start, (size_t)(text - start));
        if (mark)
            return cunik_error_set(err, ERROR_INVALID,
                                   "unikernel.cmdline: the quote in `%s` is not closed", word);
        if (!in_list && (strcmp(word, "--") == 0 || strcmp(word, "help") == 0))
            return cunik_error_set(err, ERROR_INVALID,
                                   "unikernel.cmdline: '%s' may not stand there; it holds "
                                   "parameters only, arguments go to command",
                                   word);
        if (!in_list && strstr(word, "=["))
            in_list = true;
        if (in_list && cunik_text_ends(word, "]"))
            in_list = false;
        ++*words;
    }
    if (in_list)
        return cunik_error_set(err, ERROR_INVALID,
                               "unikernel.cmdline: a list opened by '[' is not closed by ']'");
    return 0;
}

static int add_interfaces(struct buffer *line, size_t *words, const struct boot_settings *s,
                          struct error **err)
{
    int r;

    if (s->n_interfaces > INTERFACES_MOST)
        return cunik_error_set(err, ERROR_INVALID, "networks: Unikraft takes at most %d, not %zu",
                               INTERFACES_MOST, s->n_interfaces);
    if ((r = cunik_dialect_check_interfaces(s, err)) < 0 ||
        (r = cunik_dialect_check_name(s->hostname, "hostname", err)) < 0 ||
        (r = cunik_dialect_check_name(s->domain, "domainname", err)) < 0)
        return r;
    const struct strv *own = s->search;
    if (own && own->n > 1)
        return cunik_error_set(err, ERROR_INVALID, "dns_search: Unikraft takes one domain, not %zu",
                               own->n);
    const char *domain = own && own->n ? own->items[0] : s->domain;
    for (size_t i = 0; i < s->n_interfaces; i++) {
        const struct boot_interface *n = &s->interfaces[i];

        _cleanup_free_ char *word =
            cunik_asprintf("netdev.ip=%s/%u:%s:%s::%s:%s", n->address, n->prefix_length, n->gateway,
                           n->dns, s->hostname, domain);
        if ((r = add_word(line, words, word, "networks", err)) < 0)
            return r;
    }
    return 0;
}

static int add_environment(struct buffer *line, size_t *words, const struct boot_settings *s,
                           struct error **err)
{
    int r = cunik_dialect_check_environment(s, err);

    if (r < 0)
        return r;
    if (s->n_environment > VARIABLES_MOST)
        return cunik_error_set(err, ERROR_INVALID,
                               "environment: Unikraft takes at most %d variables, not %zu",
                               VARIABLES_MOST, s->n_environment);
    for (size_t i = 0; i < s->n_environment; i++) {
        const struct boot_pair *p = &s->environment[i];
        _cleanup_free_ char *what = cunik_asprintf("environment.%s", p->key);
        _cleanup_free_ char *word = cunik_asprintf("env.vars=%s=%s", p->key, p->value);

        if (p->key[0] == '[')
            return cunik_error_set(err, ERROR_INVALID,
                                   "%s: Unikraft takes no variable whose name begins with '['",
                                   what);
        if ((r = add_word(line, words, word, what, err)) < 0)
            return r;
    }
    return 0;
}

/* Folders of the host, by 9p; `mkmp` makes the mount point. Who may write is QEMU's to say. */
static int add_shares(struct buffer *line, size_t *words, const struct boot_settings *s,
                      struct error **err)
{
    size_t n = 0;
    int r = 0;

    for (size_t i = 0; r == 0 && i < s->n_disks; i++) {
        if (!s->disks[i].shared)
            continue;
        if (strpbrk(s->disks[i].mount, ":[]"))
            return cunik_error_set(err, ERROR_INVALID,
                                   "volumes: Unikraft cannot be told to mount something at '%s'",
                                   s->disks[i].mount);
        _cleanup_free_ char *word =
            cunik_asprintf("vfs.fstab=fs%zu:%s:9pfs:::mkmp", n++, s->disks[i].mount);
        r = add_word(line, words, word, "volumes", err);
    }
    return r;
}

static size_t count_shares(const struct boot_settings *s)
{
    size_t n = 0;

    for (size_t i = 0; i < s->n_disks; i++)
        n += s->disks[i].shared;
    return n;
}

/* The table of filesystems: what params.fstab says, entries separated by blanks, or the initrd
 * unpacked as the root. */
static int add_filesystems(struct buffer *line, size_t *words, const struct boot_settings *s,
                           struct error **err)
{
    const char *given = cunik_dialect_param(s, "fstab");
    const char *wanted = given ? given : *s->initrd ? "none:/:ramfs initrd0:/:extract" : "";
    _cleanup_strv_ struct strv entries = {0};
    size_t mounts;
    int r;

    cunik_strv_split(&entries, wanted, blanks);
    mounts = entries.n + count_shares(s);
    if (mounts > MOUNTS_MOST)
        return cunik_error_set(err, ERROR_INVALID,
                               "volumes: Unikraft mounts at most %d filesystems, not %zu",
                               MOUNTS_MOST, mounts);
    for (size_t i = 0; i < entries.n; i++) {
        _cleanup_free_ char *word = cunik_asprintf("vfs.fstab=%s", entries.items[i]);

        if (entries.items[i][0] == '[')
            return cunik_error_set(err, ERROR_INVALID,
                                   "unikernel.params.fstab: '%s' is no DEV:MOUNT:FS:FLAGS:OPTS:"
                                   "UKOPTS (a list needs no brackets here)",
                                   entries.items[i]);
        if ((r = add_word(line, words, word, "unikernel.params.fstab", err)) < 0)
            return r;
    }
    return add_shares(line, words, s, err);
}

static int check_disks(const struct boot_settings *s, struct error **err)
{
    for (size_t i = 0; i < s->n_disks; i++) {
        if (s->disks[i].shared || (!*s->disks[i].mount && !s->disks[i].root))
            continue;
        if (s->disks[i].volume)
            return cunik_error_set(err, ERROR_INVALID,
                                   "the volume '%s' is a disk, and Unikraft mounts no disks: give "
                                   "it 'driver_opts: {format: directory}'",
                                   s->disks[i].volume);
        return cunik_error_set(err, ERROR_INVALID,
                               "unikernel.disks[%zu]: Unikraft mounts no disk images; it has "
                               "its files in the initrd",
                               i);
    }
    return 0;
}

static int add_parameters(struct buffer *line, size_t *words, const struct boot_settings *s,
                          struct error **err)
{
    int r;

    /* Only a place holder (see above), so it may be another where the name would mean something. */
    const char *name = strcmp(s->name, "help") == 0 ? "cunik" : s->name;
    if ((r = cunik_dialect_check_name(name, "container_name", err)) < 0 ||
        (r = add_word(line, words, name, "container_name", err)) < 0 ||
        (r = add_interfaces(line, words, s, err)) < 0 ||
        (r = add_environment(line, words, s, err)) < 0 ||
        (r = add_filesystems(line, words, s, err)) < 0)
        return r;
    if ((r = cunik_dialect_check_text(s->cmdline, "unikernel.cmdline", err)) < 0 ||
        (r = check_cmdline(s->cmdline, words, err)) < 0)
        return r;
    if (!cunik_text_blank(s->cmdline))
        cunik_dialect_add(line, "%s", s->cmdline);
    return 0;
}

static int make(const struct boot_settings *s, _unused_ const struct kernel *k, struct boot *ret,
                struct error **err)
{
    _cleanup_buffer_ struct buffer line = {0};
    size_t words = 1; /* the path */
    int r;

    if ((r = cunik_dialect_start(&dialect, s, ret, err)) < 0 || (r = check_disks(s, err)) < 0 ||
        (r = cunik_dialect_check_multiboot_path(s->kernel, "unikernel.kernel", err)) < 0 ||
        (r = cunik_dialect_check_multiboot_path(s->initrd, "unikernel.initrd", err)) < 0 ||
        (r = cunik_dialect_no_ipv6(&dialect, s, ret, err)) < 0 ||
        (r = cunik_dialect_no_interface_names(&dialect, s, err)) < 0 ||
        (r = add_parameters(&line, &words, s, err)) < 0 ||
        (r = add_word(&line, &words, "--", "command", err)) < 0)
        return r;
    for (size_t i = 0; i < s->command->n; i++) {
        _cleanup_free_ char *what = cunik_asprintf("command[%zu]", i);
        if ((r = add_word(&line, &words, s->command->items[i], what, err)) < 0)
            return r;
    }
    if (words > WORDS_MOST)
        return cunik_error_set(err, ERROR_INVALID,
                               "command and environment make a command line of %zu words; Unikraft "
                               "takes at most %d",
                               words, WORDS_MOST);
    if ((r = cunik_dialect_check_size(&dialect, &line, strlen(s->kernel) + 1, CMDLINE_MOST, err)) <
        0)
        return r;
    ret->cmdline = cunik_buffer_take(&line);
    return 0;
}

const struct backend cunik_backend_unikraft = {
    .name = "unikraft",
    .help = "a Unikraft kernel for KVM (multiboot), with its files in an initrd",
    .claims = claims,
    .shares = "9p",
    .endings = endings,
    .files = FILES_SHARE,
    .make = make,
};
