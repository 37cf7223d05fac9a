/* What is done to one domain. */
#include "engine/hypervisor_internal.h"

#include <errno.h>
#include <fcntl.h>
#include <libvirt/virterror.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#include "base/memory.h"
#include "base/time.h"
#include "engine/domain_xml.h"

enum { DESCRIPTORS = 16 };

/* *ret is NULL when there is no such domain, which is no error here. */
static int find(struct hypervisor *h, const char *name, virDomainPtr *ret, struct error **err)
{
    _cleanup_connection_ virConnectPtr connection = cunik_hypervisor_connect(h, err);

    *ret = NULL;
    if (!connection)
        return -EIO;
    *ret = virDomainLookupByName(connection, name);
    if (*ret || cunik_hypervisor_error_is(VIR_ERR_NO_DOMAIN))
        return 0;
    return cunik_hypervisor_error(err, "looking for domain '%s'", name);
}

int cunik_hypervisor_find(struct hypervisor *h, const char *name, virDomainPtr *ret,
                          struct error **err)
{
    int r = find(h, name, ret, err);

    if (r == 0 && !*ret)
        return cunik_error_set(err, ERROR_NOT_FOUND, "there is no domain '%s'", name);
    return r;
}

/* libvirt will tell of it as it tells of what others define. */
static int define(struct hypervisor *h, const char *name, const char *xml, struct error **err)
{
    _cleanup_connection_ virConnectPtr connection = cunik_hypervisor_connect(h, err);

    if (!connection)
        return -EIO;
    pthread_mutex_lock(&h->lock);
    cunik_hypervisor_seen(h, name)->defining++;
    pthread_mutex_unlock(&h->lock);
    _cleanup_domain_ virDomainPtr domain = virDomainDefineXML(connection, xml);
    if (domain)
        return 0;
    int r = cunik_hypervisor_error(err, "defining domain '%s'", name);
    pthread_mutex_lock(&h->lock);
    struct seen *s = cunik_hypervisor_seen(h, name);
    s->defining -= s->defining > 0;
    pthread_mutex_unlock(&h->lock);
    return r;
}

int cunik_hypervisor_define(struct hypervisor *h, const char *name, const char *xml,
                            struct error **err)
{
    int r = define(h, name, xml, err);

    if (r < 0)
        return r;
    pthread_mutex_lock(&h->lock);
    struct seen *s = cunik_hypervisor_seen(h, name);
    s->end = END_NONE;
    s->exit_status = -1;
    s->fresh = true;
    s->unkept = false;
    pthread_mutex_unlock(&h->lock);
    return 0;
}

int cunik_hypervisor_definition(struct hypervisor *h, const char *name, char **ret_xml,
                                struct error **err)
{
    _cleanup_domain_ virDomainPtr domain = NULL;
    int r = cunik_hypervisor_find(h, name, &domain, err);

    if (r < 0)
        return r;
    int kept = virDomainIsPersistent(domain);
    char *xml = kept == 1
                    ? virDomainGetXMLDesc(domain, VIR_DOMAIN_XML_INACTIVE | VIR_DOMAIN_XML_SECURE)
                    : NULL;
    if (kept < 0 || (kept == 1 && !xml))
        return cunik_hypervisor_error(err, "reading the definition of domain '%s'", name);
    *ret_xml = xml;
    return 0;
}

int cunik_hypervisor_guest(struct hypervisor *h, const char *name, char **ret_xml,
                           struct error **err)
{
    _cleanup_domain_ virDomainPtr domain = NULL;
    int r = cunik_hypervisor_find(h, name, &domain, err);

    if (r < 0)
        return r;
    *ret_xml = virDomainGetXMLDesc(domain, 0);
    return *ret_xml ? 0 : cunik_hypervisor_error(err, "reading the guest of domain '%s'", name);
}

int cunik_hypervisor_redefine(struct hypervisor *h, const char *name, const char *xml,
                              struct error **err)
{
    return define(h, name, xml, err);
}

static bool is_in_state(virDomainPtr domain, int wanted)
{
    int state;

    return virDomainGetState(domain, &state, NULL, 0) == 0 && state == wanted;
}

/* libvirt takes some descriptors for each start, and when it gets none its errors say nothing of
 * that. */
static int check_descriptors(struct error **err)
{
    int fds[DESCRIPTORS], n = 0, number = 0;

    while (n < DESCRIPTORS && (fds[n] = fcntl(STDERR_FILENO, F_DUPFD_CLOEXEC, 0)) >= 0)
        n++;
    if (n < DESCRIPTORS)
        number = errno;
    while (n)
        close(fds[--n]);
    if (number != EMFILE && number != ENFILE)
        return 0;
    return cunik_error_errno(err, number, "starting a guest takes up to %d descriptors",
                             DESCRIPTORS);
}

int cunik_hypervisor_start(struct hypervisor *h, const char *name, struct error **err)
{
    _cleanup_domain_ virDomainPtr domain = NULL;
    int r = h->embedded ? check_descriptors(err) : 0;

    if (r == 0)
        r = cunik_hypervisor_find(h, name, &domain, err);

    if (r < 0)
        return r;
    pthread_mutex_lock(&h->lock);
    struct seen *s = cunik_hypervisor_seen(h, name);
    s->exit_status = -1;
    s->fresh = false;
    pthread_mutex_unlock(&h->lock);
    if (virDomainCreate(domain) == 0) {
        cunik_hypervisor_learn_pid(h, name);
        return 0;
    }
    if (!cunik_hypervisor_error_is(VIR_ERR_OPERATION_INVALID) || virDomainIsActive(domain) != 1)
        return cunik_hypervisor_error(err, "starting domain '%s'", name);
    /* It runs already, or stands still. */
    if (is_in_state(domain, VIR_DOMAIN_PAUSED) && virDomainResume(domain) < 0)
        return cunik_hypervisor_error(err, "resuming domain '%s'", name);
    return 0;
}

int cunik_hypervisor_relabel(struct hypervisor *h, const char *name, const char *label,
                             struct error **err)
{
    _cleanup_free_ char *element = cunik_domain_metadata(label);
    _cleanup_domain_ virDomainPtr domain = NULL;
    int r = cunik_hypervisor_find(h, name, &domain, err);

    if (r < 0)
        return r;
    unsigned flags = VIR_DOMAIN_AFFECT_CONFIG;
    if (virDomainIsActive(domain) == 1)
        flags |= VIR_DOMAIN_AFFECT_LIVE;
    if (virDomainSetMetadata(domain, VIR_DOMAIN_METADATA_ELEMENT, element, DOMAIN_PREFIX,
                             DOMAIN_NAMESPACE, flags) == 0)
        return 0;
    /* It may have ended between the question and the answer. */
    if (flags & VIR_DOMAIN_AFFECT_LIVE && virDomainIsActive(domain) == 0 &&
        virDomainSetMetadata(domain, VIR_DOMAIN_METADATA_ELEMENT, element, DOMAIN_PREFIX,
                             DOMAIN_NAMESPACE, VIR_DOMAIN_AFFECT_CONFIG) == 0)
        return 0;
    return cunik_hypervisor_error(err, "labelling domain '%s'", name);
}

/* Waits until a domain changed since `changes`; -ETIME at the deadline. */
static int wait_for_change(struct hypervisor *h, uint64_t changes, int64_t deadline_ns)
{
    const struct timespec deadline = cunik_time_spec(deadline_ns);
    int r = 0;

    pthread_mutex_lock(&h->lock);
    while (r == 0 && h->changes == changes)
        r = pthread_cond_timedwait(&h->moved, &h->lock, &deadline);
    pthread_mutex_unlock(&h->lock);
    return r == ETIMEDOUT ? -ETIME : -r;
}

/* How many changes there were of all the domains that were ever met, from now on of this one too.
 */
static uint64_t changes_until_now(struct hypervisor *h, const char *name)
{
    pthread_mutex_lock(&h->lock);
    cunik_hypervisor_seen(h, name);
    uint64_t changes = h->changes;
    pthread_mutex_unlock(&h->lock);
    return changes;
}

int cunik_hypervisor_shutdown(struct hypervisor *h, const char *name, int64_t deadline_ns,
                              struct error **err)
{
    _cleanup_domain_ virDomainPtr domain = NULL;
    uint64_t changes = changes_until_now(h, name);
    int r = find(h, name, &domain, err);

    if (r < 0 || !domain || virDomainIsActive(domain) == 0)
        return r;
    if (virDomainShutdownFlags(domain, VIR_DOMAIN_SHUTDOWN_ACPI_POWER_BTN) < 0 &&
        virDomainIsActive(domain) == 1)
        return cunik_hypervisor_error(err, "asking domain '%s' to power off", name);
    while ((r = virDomainIsActive(domain)) == 1) {
        if (wait_for_change(h, changes, deadline_ns) < 0) {
            cunik_error_set(err, ERROR_TIMEOUT, "domain '%s' has not powered off in time", name);
            return -ETIME;
        }
        changes = changes_until_now(h, name);
    }
    if (r < 0 && !cunik_hypervisor_error_is(VIR_ERR_NO_DOMAIN))
        return cunik_hypervisor_error(err, "waiting for domain '%s' to power off", name);
    return 0;
}

int cunik_hypervisor_pause(struct hypervisor *h, const char *name, bool pause, struct error **err)
{
    _cleanup_domain_ virDomainPtr domain = NULL;
    int r = find(h, name, &domain, err);

    if (r < 0)
        return r;
    if (!domain || virDomainIsActive(domain) == 0)
        return cunik_error_set(err, ERROR_CONFLICT, "'%s' does not run", name);
    if (is_in_state(domain, VIR_DOMAIN_PAUSED) == pause)
        return 0;
    if ((pause ? virDomainSuspend(domain) : virDomainResume(domain)) == 0)
        return 0;
    return cunik_hypervisor_error(err, "%s domain '%s'", pause ? "pausing" : "resuming", name);
}

int cunik_hypervisor_destroy(struct hypervisor *h, const char *name, struct error **err)
{
    _cleanup_domain_ virDomainPtr domain = NULL;
    int r = find(h, name, &domain, err);

    if (r < 0 || !domain || virDomainIsActive(domain) == 0)
        return r;
    if (virDomainDestroy(domain) == 0 || cunik_hypervisor_error_is(VIR_ERR_NO_DOMAIN) ||
        virDomainIsActive(domain) == 0)
        return 0;
    return cunik_hypervisor_error(err, "ending domain '%s'", name);
}

int cunik_hypervisor_undefine(struct hypervisor *h, const char *name, struct error **err)
{
    _cleanup_domain_ virDomainPtr domain = NULL;
    int r = find(h, name, &domain, err);

    if (r < 0 || !domain)
        return r;
    if (virDomainUndefineFlags(domain, VIR_DOMAIN_UNDEFINE_MANAGED_SAVE |
                                           VIR_DOMAIN_UNDEFINE_SNAPSHOTS_METADATA |
                                           VIR_DOMAIN_UNDEFINE_CHECKPOINTS_METADATA |
                                           VIR_DOMAIN_UNDEFINE_NVRAM) == 0 ||
        cunik_hypervisor_error_is(VIR_ERR_NO_DOMAIN))
        return 0;
    return cunik_hypervisor_error(err, "undefining domain '%s'", name);
}

int cunik_hypervisor_exit_status(struct hypervisor *h, const char *name)
{
    pthread_mutex_lock(&h->lock);
    const struct seen *s = cunik_map_get(&h->seen, name);
    int status = s ? s->exit_status : -1;
    pthread_mutex_unlock(&h->lock);
    return status;
}
