/* What the backends share: filling a boot from settings and a backend's defaults, and checks of
 * what goes onto a command line. Internal to src/backends. */
#pragma once

#include "backends/backend.h"
#include "base/buffer.h"

enum dialect_needs {
    DIALECT_NO_COMMAND = 1 << 0,     /* it cannot be given arguments */
    DIALECT_NO_ENVIRONMENT = 1 << 1, /* nor variables */
    DIALECT_NO_CMDLINE = 1 << 2,
    DIALECT_NO_INITRD = 1 << 3,
    DIALECT_NO_HOSTNAME = 1 << 4, /* a host name that the file gives is a warning */
    DIALECT_NO_MTU = 1 << 5,      /* other than 1500 */
    DIALECT_NO_IPV6 = 1 << 6,
    DIALECT_NO_SHARES = 1 << 7,
    DIALECT_NO_MOUNTS = 1 << 8, /* it has disks, but cannot be told where to mount them */
    DIALECT_NO_ROOT = 1 << 9,
    DIALECT_KERNEL = 1 << 10,    /* it has to have a kernel file */
    DIALECT_NO_NAMES = 1 << 11,  /* of interfaces */
    DIALECT_NO_SEARCH = 1 << 12, /* DNS domains that the file gives */
};

/* What a backend gives a guest when the service does not say. */
struct dialect {
    const char *name;            /* for errors: "Unikraft" */
    const char *const *machines; /* families that work, ended by NULL; the first is the default */
    const char *cpu;
    const char *nic_model, *disk_bus;
    int64_t memory;       /* bytes, where the service names none */
    int64_t memory_least; /* below that the guest is known not to get anywhere: a warning */
    bool hears_poweroff;
    bool tells_panic;
    bool mtu_by_device; /* no word of the dialect says the MTU, the network device does */
    bool debug_exit;
    unsigned cannot;     /* of enum dialect_needs: refused before anything else is looked at */
    const char *instead; /* where it has what it cannot be told, a half sentence; NULL = nowhere */
    const char *const
        *params; /* names of `unikernel.params`, ended by NULL; "cpu" is known to all */
};

/* Fills everything of *ret but the command line. *ret must be empty; on an error the caller still
 * has to cunik_boot_done() it. */
int cunik_dialect_start(const struct dialect *d, const struct boot_settings *s, struct boot *ret,
                        struct error **err);

/* Whether a text that may be NULL has something in it. */
static inline bool cunik_dialect_given(const char *text)
{
    return text && *text;
}

/* "255.255.255.0"; the caller frees it. */
char *cunik_dialect_mask(unsigned prefix_length);

/* A parameter that is one of `choices` (ended by NULL, the first is the default) as its index. */
int cunik_dialect_choose(const struct boot_settings *s, const char *name,
                         const char *const *choices, size_t *ret, struct error **err);

/* Every mount point is an absolute path without any of `stops`. */
int cunik_dialect_check_mounts(const struct dialect *d, const struct boot_settings *s,
                               const char *stops, struct error **err);

/* Warns of each address that `text`, in which the guest would have it, does not hold. `why` ends
 * the sentence "…ADDRESS/LENGTH, ". */
void cunik_dialect_warn_addresses(const struct boot_settings *s, const char *text, const char *who,
                                  const char *why, struct boot *ret);

/* A value of `unikernel.params`; NULL when it is not given. */
const char *cunik_dialect_param(const struct boot_settings *s, const char *name);

/* ERROR_INVALID, naming `what`, when text cannot travel in a domain's XML byte for byte: no UTF-8,
 * or a control character other than tab and newline. */
int cunik_dialect_check_text(const char *text, const char *what, struct error **err);
/* The same for a host name or domain, which may only have letters, digits, '-', '_' and '.'. */
int cunik_dialect_check_name(const char *text, const char *what, struct error **err);
/* Names of environment variables: not empty, no '='. */
int cunik_dialect_check_environment(const struct boot_settings *s, struct error **err);
/* A path within the multiboot command line, which QEMU cuts at blanks (and modules at commas). */
int cunik_dialect_check_multiboot_path(const char *path, const char *what, struct error **err);
/* For dialects that have no word for them: IPv6 that the file asks for by address is an error, else
 * a warning; a name for an interface is an error. */
int cunik_dialect_no_ipv6(const struct dialect *d, const struct boot_settings *s, struct boot *ret,
                          struct error **err);
int cunik_dialect_no_interface_names(const struct dialect *d, const struct boot_settings *s,
                                     struct error **err);
/* Every interface has an address. */
int cunik_dialect_check_interfaces(const struct boot_settings *s, struct error **err);

/* `word` with a blank before it unless the line is empty. */
void cunik_dialect_add(struct buffer *line, const char *format, ...) _printf_(2, 3);
/* One word in a dialect's quoting, or an error that begins with `what`. */
typedef int dialect_word(struct buffer *line, const char *word, const char *what,
                         struct error **err);
/* Each word of the command, called "command[N]". */
int cunik_dialect_add_command(struct buffer *line, const struct boot_settings *s, dialect_word *add,
                              struct error **err);
/* ERROR_INVALID when the line, with `extra` bytes that others put before it, is longer than most.
 */
int cunik_dialect_check_size(const struct dialect *d, const struct buffer *line, size_t extra,
                             size_t most, struct error **err);
