/* LING: Erlang on Xen. Words are separated by blanks; one that begins with ' or " goes to the next
 * such mark (LING's core/ling.c). `-ipaddr`, `-netmask` and `-gateway` set its one interface; all
 * else is what Erlang's init takes.
 */
#include <string.h>

#include "backends/table.h"
#include "backends/xen.h"
#include "base/memory.h"
#include "base/text.h"

static const char *const params[] = {NULL};

static const struct ending_rule endings[] = {
    {"*** CRASH: %s", ENDING_ABORTED, true},
    {NULL, 0, false},
};

static const struct dialect dialect = {
    .name = "LING",
    .machines = cunik_xen_machines,
    .cpu = "",
    .nic_model = "",
    .disk_bus = "xen",
    .memory = INT64_C(128) << 20,
    .memory_least = INT64_C(32) << 20,
    .hears_poweroff = true,
    .cannot = DIALECT_KERNEL | DIALECT_NO_ENVIRONMENT | DIALECT_NO_INITRD | DIALECT_NO_HOSTNAME |
              DIALECT_NO_MTU | DIALECT_NO_NAMES | DIALECT_NO_SEARCH | DIALECT_NO_IPV6 |
              DIALECT_NO_SHARES | DIALECT_NO_MOUNTS | DIALECT_NO_ROOT,
    .params = params,
};

static bool claims(const struct kernel *k)
{
    return k->ling && k->xen;
}

static int add_word(struct buffer *line, const char *word, const char *what, struct error **err)
{
    int r = cunik_dialect_check_text(word, what, err);
    const char *mark = strchr(word, '\'') ? "\"" : "'";

    if (r < 0)
        return r;
    if (*word && !strchr("'\"", *word) && !strchr(word, ' '))
        mark = "";
    else if (strchr(word, '\'') && strchr(word, '"'))
        return cunik_error_set(err, ERROR_INVALID,
                               "%s: LING cannot be told an argument with a blank, an apostrophe "
                               "and a '\"'",
                               what);
    cunik_dialect_add(line, "%s%s%s", mark, word, mark);
    return 0;
}

static int make(const struct boot_settings *s, _unused_ const struct kernel *k, struct boot *ret,
                struct error **err)
{
    _cleanup_buffer_ struct buffer line = {0};
    int r = cunik_xen_start(&dialect, s, ret, err);

    if (r < 0 || (r = cunik_dialect_check_interfaces(s, err)) < 0)
        return r;
    if (s->n_interfaces > 1)
        return cunik_error_set(err, ERROR_INVALID, "networks: LING takes one, not %zu",
                               s->n_interfaces);
    if (s->n_interfaces) {
        const struct boot_interface *n = s->interfaces;
        _cleanup_free_ char *mask = cunik_dialect_mask(n->prefix_length);
        cunik_dialect_add(&line, "-ipaddr %s -netmask %s", n->address, mask);
        if (*n->gateway)
            cunik_dialect_add(&line, "-gateway %s", n->gateway);
    }
    if (!cunik_text_blank(s->cmdline))
        cunik_dialect_add(&line, "%s", s->cmdline);
    if ((r = cunik_dialect_add_command(&line, s, add_word, err)) < 0 ||
        (r = cunik_dialect_check_size(&dialect, &line, 0, XEN_CMDLINE_MOST, err)) < 0)
        return r;
    ret->cmdline = cunik_strdup(cunik_buffer_text(&line));
    return 0;
}

const struct backend cunik_backend_ling = {
    .name = "ling",
    .help = "a LING kernel (Erlang) for Xen",
    .claims = claims,
    .endings = endings,
    .no_files = "it cannot be told where to mount a disk",
    .make = make,
};
