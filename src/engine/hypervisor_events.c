/* What libvirt tells by itself: its event loop, why a guest ended, and who hears of it.
 *
 * Callbacks run in the loop's thread, which libvirt needs for itself to get on with starting and
 * stopping guests. So they only note what happened; a thread of its own, the teller, calls others
 * and libvirt.
 *
 * The end of a guest is kept in its domain, in a second element of metadata: libvirt forgets it
 * when its process ends.
 */
#include "engine/hypervisor_internal.h"

#include <libvirt/libvirt-qemu.h>
#include <libvirt/virterror.h>
#include <signal.h>
#include <string.h>

#include "base/json.h"
#include "base/memory.h"
#include "base/text.h"
#include "engine/domain_xml.h"

#define END_NAMESPACE "urn:cunik:end:1"
#define END_PREFIX "cunikend"

struct seen *cunik_hypervisor_seen(struct hypervisor *h, const char *name)
{
    struct seen *s = cunik_map_get(&h->seen, name);

    if (s)
        return s;
    s = cunik_calloc(1, sizeof(*s));
    s->name = cunik_strdup(name);
    s->exit_status = -1;
    cunik_map_add(&h->seen, name, s);
    return s;
}

void cunik_hypervisor_seen_done(struct hypervisor *h)
{
    for (size_t i = 0; i < h->seen.n; i++) {
        struct seen *s = h->seen.entries[i].value;
        free(s->name);
        free(s);
    }
    cunik_map_done(&h->seen);
    for (size_t i = 0; i < h->n_news; i++)
        free(h->news[i].name);
    free(h->news);
}

/* Whose QEMU a pid is. libvirt's files know for sure, and are there until we return; what was
 * learnt before only says where to look first. */
static struct seen *owner_of(struct hypervisor *h, pid_t pid)
{
    for (int pass = 0; pass < 2; pass++)
        for (size_t i = 0; i < h->seen.n; i++) {
            struct seen *s = h->seen.entries[i].value;
            if ((pass == 1 || s->pid == pid) && cunik_hypervisor_read_pid(h, s->name) == pid)
                return s;
        }
    return NULL;
}

void cunik_hypervisor_reaped(void *ctx, pid_t pid, int code, int status)
{
    struct hypervisor *h = ctx;

    pthread_mutex_lock(&h->lock);
    struct seen *s = owner_of(h, pid);
    if (s) {
        s->exit_status = code == CLD_EXITED ? status : 128 + status;
        s->pid = 0;
    }
    pthread_mutex_unlock(&h->lock);
}

static enum cunik_end end_of(const struct seen *s, int detail)
{
    switch ((virDomainEventStoppedDetailType)detail) {
    case VIR_DOMAIN_EVENT_STOPPED_SHUTDOWN:
        return s->reset ? END_RESET : END_POWEROFF;
    case VIR_DOMAIN_EVENT_STOPPED_DESTROYED:
    case VIR_DOMAIN_EVENT_STOPPED_MIGRATED:
    case VIR_DOMAIN_EVENT_STOPPED_SAVED:
    case VIR_DOMAIN_EVENT_STOPPED_FROM_SNAPSHOT:
        return END_DESTROYED;
    default:
        return s->panicked ? END_PANICKED : END_KILLED;
    }
}

static void note(struct hypervisor *h, struct seen *s, int event, int detail)
{
    switch ((virDomainEventType)event) {
    case VIR_DOMAIN_EVENT_STARTED:
        s->end = END_NONE;
        s->reset = s->panicked = false;
        break;
    case VIR_DOMAIN_EVENT_CRASHED:
        s->panicked = true;
        break;
    case VIR_DOMAIN_EVENT_STOPPED:
        s->end = end_of(s, detail);
        break;
    default:
        break;
    }
    h->changes++;
    pthread_cond_broadcast(&h->moved);
    struct news *n = ARRAY_APPEND(h->news, h->n_news);
    n->name = cunik_strdup(s->name);
    n->ended = event == VIR_DOMAIN_EVENT_STOPPED;
}

static int on_lifecycle(_unused_ virConnectPtr connection, virDomainPtr domain, int event,
                        int detail, void *data)
{
    struct hypervisor *h = data;

    if (event == VIR_DOMAIN_EVENT_DEFINED)
        return 0; /* our own doing, nearly always, and it changes no state */
    pthread_mutex_lock(&h->lock);
    struct seen *s = cunik_map_get(&h->seen, virDomainGetName(domain));
    if (s)
        note(h, s, event, detail);
    pthread_mutex_unlock(&h->lock);
    return 0;
}

/* QEMU says why a guest went down; libvirt's own event does not tell a reset from a power-off. */
static void on_shutdown(_unused_ virConnectPtr connection, virDomainPtr domain,
                        _unused_ const char *event, _unused_ long long seconds,
                        _unused_ unsigned micros, const char *details, void *data)
{
    struct hypervisor *h = data;
    _cleanup_json_ json_t *json = json_loads(details ? details : "", 0, NULL);
    const char *reason = json_string_value(json_object_get(json, "reason"));

    pthread_mutex_lock(&h->lock);
    struct seen *s = cunik_map_get(&h->seen, virDomainGetName(domain));
    /* A second one follows with libvirt's own signal as its reason. */
    if (s && reason && strcmp(reason, "guest-reset") == 0)
        s->reset = true;
    pthread_mutex_unlock(&h->lock);
}

static void keep_end(struct hypervisor *h, const char *name)
{
    virDomainPtr domain = virDomainLookupByName(h->connection, name);

    pthread_mutex_lock(&h->lock);
    enum cunik_end end = cunik_hypervisor_seen(h, name)->end;
    pthread_mutex_unlock(&h->lock);
    if (!domain)
        return; /* undefined already: nobody will ask */
    _cleanup_free_ char *element =
        cunik_asprintf("<" END_PREFIX ">%s</" END_PREFIX ">", cunik_end_name(end));
    /* One that is removed at this moment needs no end either. */
    if (end != END_NONE)
        virDomainSetMetadata(domain, VIR_DOMAIN_METADATA_ELEMENT, element, END_PREFIX,
                             END_NAMESPACE, VIR_DOMAIN_AFFECT_CONFIG);
    virDomainFree(domain);
}

enum cunik_end cunik_hypervisor_kept_end(virDomainPtr domain)
{
    _cleanup_free_ char *element = virDomainGetMetadata(domain, VIR_DOMAIN_METADATA_ELEMENT,
                                                        END_NAMESPACE, VIR_DOMAIN_AFFECT_CONFIG);
    _cleanup_free_ char *text = element ? cunik_domain_label(element) : NULL;
    enum cunik_end end;

    return text && cunik_end_parse(text, &end) == 0 ? end : END_NONE;
}

/* The next piece of news; false when there will be none. */
static bool next_news(struct hypervisor *h, struct news *ret)
{
    pthread_mutex_lock(&h->lock);
    while (h->n_news == 0 && !h->closing)
        pthread_cond_wait(&h->moved, &h->lock);
    bool any = h->n_news > 0 && !h->closing;
    if (any) {
        *ret = h->news[0];
        memmove(h->news, h->news + 1, --h->n_news * sizeof(*h->news));
    }
    pthread_mutex_unlock(&h->lock);
    return any;
}

static void *tell(void *data)
{
    struct hypervisor *h = data;
    struct news news;

    pthread_setname_np(pthread_self(), "domains");
    while (next_news(h, &news)) {
        if (news.ended)
            keep_end(h, news.name);
        if (h->changed)
            h->changed(h->ctx, news.name);
        free(news.name);
    }
    return NULL;
}

static void *run_loop(void *data)
{
    struct hypervisor *h = data;
    bool closing;

    pthread_setname_np(pthread_self(), "libvirt");
    do {
        if (virEventRunDefaultImpl() < 0)
            break; /* it would only fail again, at once */
        pthread_mutex_lock(&h->lock);
        closing = h->closing;
        pthread_mutex_unlock(&h->lock);
    } while (!closing);
    return NULL;
}

static void ignore_timer(_unused_ int timer, _unused_ void *data)
{
}

int cunik_hypervisor_loop_start(struct hypervisor *h, struct error **err)
{
    if (virEventRegisterDefaultImpl() < 0)
        return cunik_hypervisor_error(err, "preparing libvirt's event loop");
    int number = pthread_create(&h->loop, NULL, run_loop, h);
    if (number)
        return cunik_error_errno(err, number, "starting libvirt's event loop");
    h->loop_runs = true;
    return 0;
}

void cunik_hypervisor_loop_stop(struct hypervisor *h)
{
    pthread_mutex_lock(&h->lock);
    h->closing = true;
    pthread_cond_broadcast(&h->moved);
    pthread_mutex_unlock(&h->lock);
    if (!h->loop_runs)
        return;
    int timer = virEventAddTimeout(0, ignore_timer, NULL, NULL); /* one more turn */
    pthread_join(h->loop, NULL);
    virEventRemoveTimeout(timer);
    h->loop_runs = false;
}

int cunik_hypervisor_listen(struct hypervisor *h, struct error **err)
{
    h->lifecycle =
        virConnectDomainEventRegisterAny(h->connection, NULL, VIR_DOMAIN_EVENT_ID_LIFECYCLE,
                                         VIR_DOMAIN_EVENT_CALLBACK(on_lifecycle), h, NULL);
    if (h->lifecycle < 0)
        return cunik_hypervisor_error(err, "listening to domains");
    /* A connection that is not to QEMU, or a user who may not, goes without: a reset then counts as
     * a power-off. */
    h->monitor = virConnectDomainQemuMonitorEventRegister(h->connection, NULL, "SHUTDOWN",
                                                          on_shutdown, h, NULL, 0);
    int number = pthread_create(&h->teller, NULL, tell, h);
    if (number)
        return cunik_error_errno(err, number, "starting the thread that tells of domains");
    h->teller_runs = true;
    return 0;
}

void cunik_hypervisor_deafen(struct hypervisor *h)
{
    if (h->lifecycle >= 0)
        virConnectDomainEventDeregisterAny(h->connection, h->lifecycle);
    if (h->monitor >= 0)
        virConnectDomainQemuMonitorEventDeregister(h->connection, h->monitor);
    h->lifecycle = h->monitor = -1;
    pthread_mutex_lock(&h->lock);
    h->closing = true;
    pthread_cond_broadcast(&h->moved);
    pthread_mutex_unlock(&h->lock);
    if (h->teller_runs)
        pthread_join(h->teller, NULL);
    h->teller_runs = false;
}
