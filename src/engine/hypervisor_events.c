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
    cunik_strv_done(&h->news);
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
        s->reset = s->panicked = s->fresh = false;
        break;
    case VIR_DOMAIN_EVENT_DEFINED:
    case VIR_DOMAIN_EVENT_UNDEFINED:
        s->definition++;
        break;
    case VIR_DOMAIN_EVENT_CRASHED:
        s->panicked = true;
        break;
    case VIR_DOMAIN_EVENT_STOPPED:
        if (!s->fresh) /* else it is late, of the domain that had this name before */
            s->end = end_of(s, detail);
        break;
    default:
        break;
    }
    if (event == VIR_DOMAIN_EVENT_STARTED || event == VIR_DOMAIN_EVENT_STOPPED)
        s->unkept = h->unkept = true;
    h->changes++;
    cunik_strv_add(&h->news, s->name);
    pthread_cond_broadcast(&h->moved);
}

static int on_lifecycle(_unused_ virConnectPtr connection, virDomainPtr domain, int event,
                        int detail, void *data)
{
    struct hypervisor *h = data;

    pthread_mutex_lock(&h->lock);
    struct seen *s = cunik_map_get(&h->seen, virDomainGetName(domain));
    if (s && event == VIR_DOMAIN_EVENT_DEFINED && s->defining)
        s->defining--; /* our own doing, which changes no state */
    else if (s)
        note(h, s, event, detail);
    pthread_mutex_unlock(&h->lock);
    return 0;
}

/* A device came or went while the guest runs: not our doing, but at its end. Others' links that are
 * cut and the like are told by nobody. */
static void on_device(_unused_ virConnectPtr connection, virDomainPtr domain,
                      _unused_ const char *alias, void *data)
{
    struct hypervisor *h = data;

    pthread_mutex_lock(&h->lock);
    const struct seen *s = cunik_map_get(&h->seen, virDomainGetName(domain));
    if (s) {
        h->changes++;
        cunik_strv_add(&h->news, s->name);
        pthread_cond_broadcast(&h->moved);
    }
    pthread_mutex_unlock(&h->lock);
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

static void keep_end(struct hypervisor *h, const char *name, enum cunik_end end)
{
    _cleanup_domain_ virDomainPtr domain = NULL;
    _cleanup_free_ char *element =
        cunik_asprintf("<" END_PREFIX ">%s</" END_PREFIX ">", cunik_end_name(end));

    if (cunik_hypervisor_find(h, name, &domain, NULL) < 0)
        return; /* undefined already: nobody will ask */
    /* One that is removed at this moment needs no end either. */
    virDomainSetMetadata(domain, VIR_DOMAIN_METADATA_ELEMENT, element, END_PREFIX, END_NAMESPACE,
                         VIR_DOMAIN_AFFECT_CONFIG);
}

enum cunik_end cunik_hypervisor_kept_end(virDomainPtr domain)
{
    _cleanup_free_ char *element = virDomainGetMetadata(domain, VIR_DOMAIN_METADATA_ELEMENT,
                                                        END_NAMESPACE, VIR_DOMAIN_AFFECT_CONFIG);
    _cleanup_free_ char *text = element ? cunik_domain_label(element) : NULL;
    enum cunik_end end;

    return text && cunik_end_parse(text, &end) == 0 ? end : END_NONE;
}

enum task { TASK_NONE, TASK_TELL, TASK_KEEP };

/* Of one that runs it is kept that it was killed: that is what it was when its end is never seen,
 * because the host went down. */
static enum task take_unkept(struct hypervisor *h, char **ret_name, enum cunik_end *ret_end)
{
    for (size_t i = 0; i < h->seen.n; i++) {
        struct seen *s = h->seen.entries[i].value;
        if (!s->unkept)
            continue;
        s->unkept = false;
        if (s->fresh)
            continue;
        *ret_name = cunik_strdup(s->name);
        *ret_end = s->end == END_NONE ? END_KILLED : s->end;
        return TASK_KEEP;
    }
    h->unkept = false;
    return TASK_NONE;
}

/* What to do next: telling goes first, for others wait for it. When all is about to end, what is to
 * be kept is kept still; then it is TASK_NONE. */
static enum task next_task(struct hypervisor *h, char **ret_name, enum cunik_end *ret_end)
{
    enum task task = TASK_NONE;

    pthread_mutex_lock(&h->lock);
    while (task == TASK_NONE) {
        if (h->news.n && !h->closing) {
            task = TASK_TELL;
            *ret_name = h->news.items[0];
            memmove(h->news.items, h->news.items + 1, --h->news.n * sizeof(*h->news.items));
        } else if (h->unkept) {
            task = take_unkept(h, ret_name, ret_end);
        } else if (h->closing) {
            break;
        } else {
            pthread_cond_wait(&h->moved, &h->lock);
        }
    }
    pthread_mutex_unlock(&h->lock);
    return task;
}

static void *tell(void *data)
{
    struct hypervisor *h = data;
    enum cunik_end end;
    enum task task;
    char *name;

    pthread_setname_np(pthread_self(), "domains");
    while ((task = next_task(h, &name, &end)) != TASK_NONE) {
        if (task == TASK_KEEP)
            keep_end(h, name, end);
        else if (h->changed)
            h->changed(h->ctx, *name ? name : NULL);
        free(name);
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

/* libvirtd has gone, or does not answer. Who looks now is told why, and looks again. */
static void on_close(_unused_ virConnectPtr connection, _unused_ int reason, void *data)
{
    cunik_hypervisor_missed(data);
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
    /* Nobody else can change the embedded driver's guests. */
    if (h->embedded)
        return 0;
    h->added =
        virConnectDomainEventRegisterAny(h->connection, NULL, VIR_DOMAIN_EVENT_ID_DEVICE_ADDED,
                                         VIR_DOMAIN_EVENT_CALLBACK(on_device), h, NULL);
    h->removed =
        virConnectDomainEventRegisterAny(h->connection, NULL, VIR_DOMAIN_EVENT_ID_DEVICE_REMOVED,
                                         VIR_DOMAIN_EVENT_CALLBACK(on_device), h, NULL);
    virConnectRegisterCloseCallback(h->connection, on_close, h, NULL);
    return 0;
}

void cunik_hypervisor_missed(struct hypervisor *h)
{
    pthread_mutex_lock(&h->lock);
    for (size_t i = 0; i < h->seen.n; i++) {
        struct seen *s = h->seen.entries[i].value;
        s->defining = 0;
        s->definition++;
    }
    h->changes++;
    cunik_strv_add(&h->news, "");
    pthread_cond_broadcast(&h->moved);
    pthread_mutex_unlock(&h->lock);
}

int cunik_hypervisor_teller_start(struct hypervisor *h, struct error **err)
{
    int number = pthread_create(&h->teller, NULL, tell, h);
    if (number)
        return cunik_error_errno(err, number, "starting the thread that tells of domains");
    h->teller_runs = true;
    return 0;
}

void cunik_hypervisor_unlisten(struct hypervisor *h)
{
    if (h->lifecycle >= 0)
        virConnectDomainEventDeregisterAny(h->connection, h->lifecycle);
    if (h->added >= 0)
        virConnectDomainEventDeregisterAny(h->connection, h->added);
    if (h->removed >= 0)
        virConnectDomainEventDeregisterAny(h->connection, h->removed);
    if (h->monitor >= 0)
        virConnectDomainQemuMonitorEventDeregister(h->connection, h->monitor);
    h->lifecycle = h->monitor = h->added = h->removed = -1;
    if (h->connection && !h->embedded)
        virConnectUnregisterCloseCallback(h->connection, on_close);
}

void cunik_hypervisor_deafen(struct hypervisor *h)
{
    pthread_mutex_lock(&h->connecting);
    cunik_hypervisor_unlisten(h);
    pthread_mutex_unlock(&h->connecting);
    pthread_mutex_lock(&h->lock);
    h->closing = true;
    pthread_cond_broadcast(&h->moved);
    pthread_mutex_unlock(&h->lock);
    if (h->teller_runs)
        pthread_join(h->teller, NULL);
    h->teller_runs = false;
}
