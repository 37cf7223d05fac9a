/* The pseudo terminal behind a guest's serial port or console. */
#include "engine/hypervisor_internal.h"

#include <errno.h>
#include <string.h>

#include "base/memory.h"
#include "base/text.h"

/* libvirt's own words for a running guest: "<console type='pty' tty='/dev/pts/3'>". The caller
 * frees it; NULL when there is none. */
static char *find_tty(const char *xml)
{
    static const char before[] = "<console type='pty' tty='";
    const char *at = strstr(xml, before);

    if (!at)
        return NULL;
    at += strlen(before);
    char *path = cunik_strndup(at, strcspn(at, "'"));
    if (cunik_text_starts(path, "/dev/"))
        return path;
    free(path);
    return NULL;
}

int cunik_hypervisor_terminal(struct hypervisor *h, const char *name, char **ret,
                              struct error **err)
{
    _cleanup_domain_ virDomainPtr domain = NULL;

    if (!cunik_hypervisor_is_local(h))
        return cunik_error_set(err, ERROR_INVALID,
                               "the console of a guest on another host cannot be attached to");
    int r = cunik_hypervisor_find(h, name, &domain, err);
    if (r < 0)
        return r;
    _cleanup_free_ char *xml = virDomainGetXMLDesc(domain, 0);
    if (!xml)
        return cunik_hypervisor_error(err, "looking for the console of '%s'", name);
    char *path = find_tty(xml);
    if (!path)
        return cunik_error_set(err, ERROR_CONFLICT, "'%s' has no console at the moment", name);
    *ret = path;
    return 0;
}
