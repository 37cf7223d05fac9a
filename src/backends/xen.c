#include "backends/xen.h"

#include "base/memory.h"

const char *const cunik_xen_machines[] = {"xenpv", NULL};

int cunik_xen_start(const struct dialect *d, const struct boot_settings *s, struct boot *ret,
                    struct error **err)
{
    int r;

    if (*s->firmware)
        return cunik_error_set(err, ERROR_INVALID, "unikernel.firmware: a guest of Xen has none");
    if ((r = cunik_dialect_start(d, s, ret, err)) < 0 ||
        (r = cunik_dialect_check_text(s->kernel, "unikernel.kernel", err)) < 0 ||
        (r = cunik_dialect_check_text(s->cmdline, "unikernel.cmdline", err)) < 0)
        return r;
    ret->xen = true;
    ret->acpi = false;
    return 0;
}
