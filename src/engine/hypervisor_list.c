/* What domains there are, and what became of them. */
#include "engine/hypervisor_internal.h"

#include <errno.h>
#include <libvirt/virterror.h>
#include <string.h>

#include "base/memory.h"
#include "engine/domain_xml.h"

static enum cunik_end end_by_reason(int reason)
{
    switch ((virDomainShutoffReason)reason) {
    case VIR_DOMAIN_SHUTOFF_SHUTDOWN:
        return END_POWEROFF;
    case VIR_DOMAIN_SHUTOFF_DESTROYED:
    case VIR_DOMAIN_SHUTOFF_MIGRATED:
    case VIR_DOMAIN_SHUTOFF_SAVED:
    case VIR_DOMAIN_SHUTOFF_FROM_SNAPSHOT:
        return END_DESTROYED;
    case VIR_DOMAIN_SHUTOFF_CRASHED:
    case VIR_DOMAIN_SHUTOFF_DAEMON:
        return END_KILLED;
    default: /* unknown, or it never got to run */
        return END_NONE;
    }
}

/* What was seen knows most; then libvirt, while the process lives that saw the end; then what an
 * earlier one of us kept in the domain. libvirt's state may be there before its event. */
static enum cunik_end end_of(struct hypervisor *h, virDomainPtr domain, int reason)
{
    enum cunik_end end = end_by_reason(reason);

    pthread_mutex_lock(&h->lock);
    const struct seen *s = cunik_hypervisor_seen(h, virDomainGetName(domain));
    if (end == END_POWEROFF && s->reset)
        end = END_RESET;
    if (end == END_KILLED && s->panicked)
        end = END_PANICKED;
    if (s->end != END_NONE)
        end = s->end;
    bool fresh = s->fresh;
    pthread_mutex_unlock(&h->lock);
    return end != END_NONE || fresh ? end : cunik_hypervisor_kept_end(domain);
}

static int read_state(struct hypervisor *h, virDomainPtr domain, struct hypervisor_domain *ret)
{
    int state, reason;

    if (virDomainGetState(domain, &state, &reason, 0) < 0)
        return -ENOENT;
    switch ((virDomainState)state) {
    case VIR_DOMAIN_SHUTOFF:
    case VIR_DOMAIN_CRASHED:
        ret->end = end_of(h, domain, reason);
        ret->state = ret->end == END_NONE ? CUNIK_CREATED : CUNIK_EXITED;
        break;
    case VIR_DOMAIN_PAUSED:
    case VIR_DOMAIN_PMSUSPENDED:
        ret->state = CUNIK_PAUSED;
        break;
    default:
        ret->state = CUNIK_RUNNING;
    }
    return 0;
}

int64_t cunik_hypervisor_learn_pid(struct hypervisor *h, const char *name)
{
    pid_t pid = cunik_hypervisor_read_pid(h, name);

    pthread_mutex_lock(&h->lock);
    cunik_hypervisor_seen(h, name)->pid = pid;
    pthread_mutex_unlock(&h->lock);
    return pid;
}

/* One that vanishes meanwhile is not there. */
static int add_domain(struct hypervisor *h, virDomainPtr domain, struct hypervisor_domains *to,
                      struct error **err)
{
    const char *name = virDomainGetName(domain);
    _cleanup_free_ char *element =
        virDomainGetMetadata(domain, VIR_DOMAIN_METADATA_ELEMENT, DOMAIN_NAMESPACE, 0);
    struct hypervisor_domain found = {0};
    char uuid[VIR_UUID_STRING_BUFLEN];

    if (!element && cunik_hypervisor_error_is(VIR_ERR_NO_DOMAIN))
        return 0;
    if (!element && !cunik_hypervisor_error_is(VIR_ERR_NO_DOMAIN_METADATA))
        return cunik_hypervisor_error(err, "reading the label of domain '%s'", name);
    if (virDomainGetUUIDString(domain, uuid) < 0 || read_state(h, domain, &found) < 0)
        return 0;
    found.name = cunik_strdup(name);
    found.uuid = cunik_strdup(uuid);
    found.label = element ? cunik_domain_label(element) : NULL;
    if (element && !found.label) /* not as we write it; whoever reads the label says so */
        found.label = cunik_strdup("");
    pthread_mutex_lock(&h->lock);
    found.definition = cunik_hypervisor_seen(h, name)->definition;
    pthread_mutex_unlock(&h->lock);
    if (cunik_state_is_up(found.state)) {
        found.pid = cunik_hypervisor_learn_pid(h, name);
        found.memory = (int64_t)virDomainGetMaxMemory(domain) * 1024; /* 0 when it has vanished */
    }
    *ARRAY_APPEND(to->items, to->n) = found;
    return 0;
}

static int by_name(const void *a, const void *b)
{
    return strcmp(((const struct hypervisor_domain *)a)->name,
                  ((const struct hypervisor_domain *)b)->name);
}

int cunik_hypervisor_list(struct hypervisor *h, struct hypervisor_domains *ret, struct error **err)
{
    struct hypervisor_domains found = {0};
    _cleanup_connection_ virConnectPtr connection = cunik_hypervisor_connect(h, err);
    virDomainPtr *domains = NULL;
    int r = 0, n = connection ? virConnectListAllDomains(connection, &domains, 0) : -1;

    if (!connection)
        return -EIO;
    if (n < 0)
        return cunik_hypervisor_error(err, "listing domains");
    for (int i = 0; i < n; i++) {
        if (r == 0)
            r = add_domain(h, domains[i], &found, err);
        virDomainFree(domains[i]);
    }
    free(domains);
    if (r < 0) {
        cunik_hypervisor_domains_done(&found);
        return r;
    }
    if (found.n)
        qsort(found.items, found.n, sizeof(*found.items), by_name);
    *ret = found;
    return 0;
}

void cunik_hypervisor_domains_done(struct hypervisor_domains *d)
{
    for (size_t i = 0; i < d->n; i++) {
        free(d->items[i].name);
        free(d->items[i].uuid);
        free(d->items[i].label);
    }
    free(d->items);
    *d = (struct hypervisor_domains){0};
}
