/* IncludeOS: a multiboot kernel whose addresses stand in a config.json linked into it, section
 * .config; without one it asks DHCP. It takes the command line apart at white space, at most 64
 * words with the kernel's path (IncludeOS's src/kernel/service_stub.cpp), and has no environment.
 */
#include <string.h>

#include "backends/dialect.h"
#include "backends/table.h"
#include "base/memory.h"
#include "base/text.h"

enum { WORDS_MOST = 63, CMDLINE_MOST = 4095 };

static const char *const machines[] = {"pc", "q35", NULL};
static const char *const params[] = {NULL};

static const struct ending_rule endings[] = {
    {"returned with status %d", ENDING_NUMBER, false},
    {"**** PANIC ****", ENDING_ABORTED, false},
    /* Where its panic action is to halt, this byte is the last that it sends. */
    {"\004", ENDING_NOTHING, true},
    {NULL, 0, false},
};

static const struct dialect dialect = {
    .name = "IncludeOS",
    .machines = machines,
    .cpu = "max",
    .nic_model = "virtio",
    .disk_bus = "virtio",
    .memory = INT64_C(128) << 20,
    .memory_least = INT64_C(32) << 20,
    .hears_poweroff = false,
    .cannot = DIALECT_KERNEL | DIALECT_NO_ENVIRONMENT | DIALECT_NO_INITRD | DIALECT_NO_HOSTNAME |
              DIALECT_NO_MTU | DIALECT_NO_NAMES | DIALECT_NO_SEARCH | DIALECT_NO_IPV6 |
              DIALECT_NO_SHARES | DIALECT_NO_MOUNTS | DIALECT_NO_ROOT,
    .params = params,
};

static bool claims(const struct kernel *k)
{
    return k->includeos && k->multiboot;
}

static int add_words(struct buffer *line, const struct boot_settings *s, struct error **err)
{
    if (s->command->n > WORDS_MOST)
        return cunik_error_set(err, ERROR_INVALID, "command: IncludeOS takes at most %d arguments",
                               WORDS_MOST);
    for (size_t i = 0; i < s->command->n; i++) {
        const char *word = s->command->items[i];
        _cleanup_free_ char *what = cunik_asprintf("command[%zu]", i);
        int r = cunik_dialect_check_text(word, what, err);

        if (r < 0)
            return r;
        if (!*word || strpbrk(word, " \t\n"))
            return cunik_error_set(err, ERROR_INVALID,
                                   "%s: IncludeOS cannot be told an argument that is empty or has "
                                   "a blank: '%s'",
                                   what, word);
        cunik_dialect_add(line, "%s", word);
    }
    return 0;
}

static int make(const struct boot_settings *s, const struct kernel *k, struct boot *ret,
                struct error **err)
{
    _cleanup_buffer_ struct buffer line = {0};
    const char *config = k && k->config ? k->config : NULL;
    int r;

    if ((r = cunik_dialect_start(&dialect, s, ret, err)) < 0 ||
        (r = cunik_dialect_check_multiboot_path(s->kernel, "unikernel.kernel", err)) < 0 ||
        (r = cunik_dialect_check_text(s->cmdline, "unikernel.cmdline", err)) < 0)
        return r;
    if (config && strstr(config, "\"address\""))
        cunik_dialect_warn_addresses(s, config, "IncludeOS",
                                     "and the config.json in its kernel does not have it", ret);
    if (!cunik_text_blank(s->cmdline))
        cunik_dialect_add(&line, "%s", s->cmdline);
    if ((r = add_words(&line, s, err)) < 0 ||
        (r = cunik_dialect_check_size(&dialect, &line, 0, CMDLINE_MOST, err)) < 0)
        return r;
    ret->cmdline = cunik_strdup(cunik_buffer_text(&line));
    return 0;
}

const struct backend cunik_backend_includeos = {
    .name = "includeos",
    .help = "an IncludeOS service (multiboot), with its addresses in its config.json or by DHCP",
    .claims = claims,
    .endings = endings,
    .no_files = "it cannot be told where to mount a disk",
    .make = make,
};
