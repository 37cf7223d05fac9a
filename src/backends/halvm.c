/* HaLVM: Haskell on Xen. Its runtime takes the command line apart (halvm-ghc's
 * rts/xen/entryexit.c): blanks separate words; '…' and "…" keep blanks and the other mark, and end
 * the word with their closing mark. GHC takes its own options between +RTS and -RTS. Addresses are
 * the program's business, or DHCP's.
 */
#include <string.h>

#include "backends/table.h"
#include "backends/xen.h"
#include "base/memory.h"
#include "base/text.h"

static const char *const params[] = {NULL};

static const struct dialect dialect = {
    .name = "HaLVM",
    .machines = cunik_xen_machines,
    .cpu = "",
    .nic_model = "",
    .disk_bus = "xen",
    .memory = INT64_C(64) << 20,
    .memory_least = INT64_C(16) << 20,
    .hears_poweroff = false,
    .cannot = DIALECT_KERNEL | DIALECT_NO_ENVIRONMENT | DIALECT_NO_INITRD | DIALECT_NO_HOSTNAME |
              DIALECT_NO_MTU | DIALECT_NO_NAMES | DIALECT_NO_SEARCH | DIALECT_NO_IPV6 |
              DIALECT_NO_SHARES | DIALECT_NO_MOUNTS | DIALECT_NO_ROOT,
    .params = params,
};

static bool claims(const struct kernel *k)
{
    return k->halvm && k->xen;
}

static int add_word(struct buffer *line, const char *word, const char *what, struct error **err)
{
    int r = cunik_dialect_check_text(word, what, err);
    const char *mark = strchr(word, '\'') ? "\"" : "'";

    if (r < 0)
        return r;
    if (!*word || (strchr(word, '\'') && strchr(word, '"')))
        return cunik_error_set(err, ERROR_INVALID, "%s: HaLVM cannot be told an argument that %s",
                               what, *word ? "has both an apostrophe and a '\"'" : "is empty");
    if (strcmp(word, "+RTS") == 0 || strcmp(word, "-RTS") == 0 || strcmp(word, "--RTS") == 0)
        return cunik_error_set(err, ERROR_INVALID,
                               "%s: '%s' is for GHC's runtime; it belongs into unikernel.cmdline",
                               what, word);
    if (!strpbrk(word, " '\""))
        mark = "";
    cunik_dialect_add(line, "%s%s%s", mark, word, mark);
    return 0;
}

static int make(const struct boot_settings *s, _unused_ const struct kernel *k, struct boot *ret,
                struct error **err)
{
    _cleanup_buffer_ struct buffer line = {0};
    int r = cunik_xen_start(&dialect, s, ret, err);

    if (r < 0)
        return r;
    if (!cunik_text_blank(s->cmdline))
        cunik_dialect_add(&line, "%s", s->cmdline);
    if ((r = cunik_dialect_add_command(&line, s, add_word, err)) < 0 ||
        (r = cunik_dialect_check_size(&dialect, &line, 0, XEN_CMDLINE_MOST, err)) < 0)
        return r;
    cunik_dialect_warn_addresses(s, cunik_buffer_text(&line), "HaLVM",
                                 "and command does not have it; its program may ask DHCP", ret);
    ret->cmdline = cunik_strdup(cunik_buffer_text(&line));
    return 0;
}

const struct backend cunik_backend_halvm = {
    .name = "halvm",
    .help = "a HaLVM kernel (Haskell) for Xen",
    .claims = claims,
    .no_files = "it cannot be told where to mount a disk",
    .make = make,
};
