/* What the guests of Xen have in common. Internal to src/backends. */
#pragma once

#include "backends/dialect.h"

/* A paravirtualised guest has no machine and no firmware; cunik_dialect_start() with that said, and
 * refused where the service asks for one. */
int cunik_xen_start(const struct dialect *d, const struct boot_settings *s, struct boot *ret,
                    struct error **err);

/* Xen's start_info has room for 1024 bytes with the NUL. */
enum { XEN_CMDLINE_MOST = 1023 };

/* For the dialects' tables: the machine's name in libvirt. */
extern const char *const cunik_xen_machines[];
