#include "engine/hypervisor_internal.h"

#include <errno.h>
#include <fcntl.h>
#include <libvirt/virterror.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#include "base/file.h"
#include "base/memory.h"
#include "base/text.h"
#include "engine/domain_xml.h"

enum { DESCRIPTORS = 16, PID_FILE_LIMIT = 64, KEEPALIVE_SECONDS = 5, KEEPALIVE_COUNT = 3 };

static void domain_free(virDomainPtr *d)
{
    if (*d)
        virDomainFree(*d);
}
#define _cleanup_domain_ _cleanup_(domain_free)

static enum error_code code_of(int number)
{
    switch ((virErrorNumber)number) {
    case VIR_ERR_NO_DOMAIN:
        return ERROR_NOT_FOUND;
    case VIR_ERR_DOM_EXIST:
    case VIR_ERR_RESOURCE_BUSY:
        return ERROR_CONFLICT;
    case VIR_ERR_AUTH_FAILED:
    case VIR_ERR_AUTH_CANCELLED:
    case VIR_ERR_AUTH_UNAVAILABLE:
    case VIR_ERR_ACCESS_DENIED:
    case VIR_ERR_OPERATION_DENIED:
        return ERROR_PERMISSION;
    case VIR_ERR_NO_CONNECT:
    case VIR_ERR_INVALID_CONN:
    case VIR_ERR_RPC:
        return ERROR_UNAVAILABLE;
    case VIR_ERR_OPERATION_TIMEOUT:
        return ERROR_TIMEOUT;
    default:
        return ERROR_FAILED;
    }
}

int cunik_hypervisor_error(struct error **err, const char *format, ...)
{
    const virError *e = virGetLastError();
    _cleanup_free_ char *message =
        cunik_strdup(e && e->message ? e->message : "libvirt gives no reason");
    enum error_code code = e ? code_of(e->code) : ERROR_FAILED;
    va_list args;

    va_start(args, format);
    _cleanup_free_ char *doing = cunik_vasprintf(format, args);
    va_end(args);
    for (size_t n = strlen(message); n && message[n - 1] == '\n'; n--)
        message[n - 1] = '\0';
    return cunik_error_set(err, code, "%s: %s", doing, message);
}

bool cunik_hypervisor_error_is(int number)
{
    const virError *e = virGetLastError();

    return e && e->code == number;
}

static void say_nothing(_unused_ void *ctx, _unused_ virErrorPtr e)
{
}

pid_t cunik_hypervisor_read_pid(const struct hypervisor *h, const char *name)
{
    _cleanup_free_ char *path = h->folder ? cunik_asprintf("%s/run/qemu/%s.pid", h->folder, name)
                                          : cunik_asprintf("/run/libvirt/qemu/%s.pid", name);
    _cleanup_free_ char *text = NULL;
    uint64_t pid;

    if (cunik_file_read(path, PID_FILE_LIMIT, &text, NULL, NULL) < 0)
        return 0;
    text[strcspn(text, "\n")] = '\0';
    return cunik_text_to_uint(text, 1, INT32_MAX, &pid) == 0 ? (pid_t)pid : 0;
}

static bool connect_to(struct hypervisor *h)
{
    h->connection = virConnectOpen(h->uri);
    if (h->connection &&
        !h->embedded) /* what cannot, as the local drivers, says so and needs none */
        virConnectSetKeepAlive(h->connection, KEEPALIVE_SECONDS, KEEPALIVE_COUNT);
    return h->connection != NULL;
}

/* With the lock `connecting` held. */
static int connect_again(struct hypervisor *h, struct error **err)
{
    cunik_hypervisor_unlisten(h);
    if (h->connection)
        virConnectClose(h->connection);
    if (!connect_to(h))
        return cunik_hypervisor_error(err, "connecting to libvirt at %s", h->uri);
    int r = cunik_hypervisor_listen(h, err);
    if (r == 0)
        cunik_hypervisor_missed(h);
    return r;
}

virConnectPtr cunik_hypervisor_connect(struct hypervisor *h, struct error **err)
{
    int r = 0;

    pthread_mutex_lock(&h->connecting);
    if (!h->embedded && (!h->connection || virConnectIsAlive(h->connection) != 1))
        r = connect_again(h, err);
    virConnectPtr connection = r == 0 ? h->connection : NULL;
    if (connection)
        virConnectRef(connection);
    pthread_mutex_unlock(&h->connecting);
    return connection;
}

static int open_connection(struct hypervisor *h, const char *root, struct error **err)
{
    int r = cunik_hypervisor_loop_start(h, err);

    if (r < 0)
        return r;
    if (connect_to(h)) {
        r = cunik_hypervisor_listen(h, err);
        return r < 0 ? r : cunik_hypervisor_teller_start(h, err);
    }
    if (h->embedded && cunik_hypervisor_error_is(VIR_ERR_SYSTEM_ERROR) &&
        strstr(virGetLastErrorMessage(), "pid file"))
        return cunik_error_set(err, ERROR_CONFLICT,
                               "another process has the engine's folder '%s' (only one may)", root);
    return cunik_hypervisor_error(err, "connecting to libvirt at %s", h->uri);
}

/* "qemu:///system" and "qemu+unix:///session" name no host. */
static bool is_local(const char *uri)
{
    const char *authority = strstr(uri, "://");

    return !authority || authority[3] == '/' || authority[3] == '\0';
}

/* On another host nothing can be tried from here: KVM is used where its libvirt offers it. */
static int decide_remote(struct hypervisor *h, const char *forced, struct error **err)
{
    int r = cunik_accel_force(forced, &h->accel, err);

    if (r != 0)
        return r < 0 ? r : 0;
    _cleanup_free_ char *offers =
        virConnectGetDomainCapabilities(h->connection, NULL, "x86_64", "pc", "kvm", 0);
    h->accel.kvm = offers != NULL;
    h->accel.reason = cunik_strdup(offers ? "the libvirt connected to offers KVM"
                                          : "the libvirt connected to offers no KVM");
    return 0;
}

static struct hypervisor *create(cunik_hypervisor_changed *changed, void *ctx)
{
    struct hypervisor *h = cunik_calloc(1, sizeof(*h));
    pthread_condattr_t attributes;

    h->changed = changed;
    h->ctx = ctx;
    h->lifecycle = h->monitor = -1;
    pthread_mutex_init(&h->connecting, NULL);
    pthread_mutex_init(&h->lock, NULL);
    pthread_condattr_init(&attributes);
    pthread_condattr_setclock(&attributes, CLOCK_MONOTONIC);
    pthread_cond_init(&h->moved, &attributes);
    pthread_condattr_destroy(&attributes);
    return h;
}

int cunik_hypervisor_open(const struct hypervisor_settings *settings,
                          cunik_hypervisor_changed *changed, void *ctx, struct hypervisor **ret,
                          struct error **err)
{
    struct hypervisor *h = create(changed, ctx);
    int r = 0;

    virSetErrorFunc(NULL, say_nothing);
    h->embedded = !*settings->uri;
    if (h->embedded)
        r = cunik_hypervisor_embed(h, settings, &h->uri, err);
    else
        h->uri = cunik_strdup(settings->uri);
    if (!h->embedded && is_local(h->uri))
        r = cunik_hypervisor_decide(h, settings, err);
    if (r == 0 && h->embedded)
        r = cunik_reaper_create(cunik_hypervisor_reaped, h, &h->reaper, err);
    if (r == 0)
        r = open_connection(h, settings->root, err);
    if (r == 0 && !h->embedded && !is_local(h->uri))
        r = decide_remote(h, settings->accel, err);
    if (r < 0) {
        cunik_hypervisor_close(h);
        return r;
    }
    *ret = h;
    return 0;
}

void cunik_hypervisor_close(struct hypervisor *h)
{
    if (!h)
        return;
    cunik_hypervisor_deafen(h);
    if (h->connection)
        virConnectClose(h->connection);
    cunik_hypervisor_loop_stop(h);
    cunik_reaper_destroy(h->reaper);
    cunik_hypervisor_seen_done(h);
    cunik_accel_done(&h->accel);
    pthread_cond_destroy(&h->moved);
    pthread_mutex_destroy(&h->connecting);
    pthread_mutex_destroy(&h->lock);
    free(h->folder);
    free(h->uri);
    free(h);
}

const char *cunik_hypervisor_accel(const struct hypervisor *h, const char **ret_reason)
{
    if (ret_reason)
        *ret_reason = h->accel.reason;
    return h->accel.kvm ? "kvm" : "tcg";
}

const char *cunik_hypervisor_uri(const struct hypervisor *h)
{
    return h->uri;
}

char *cunik_hypervisor_version(void)
{
    unsigned long v = 0;

    virGetVersion(&v, NULL, NULL);
    return cunik_asprintf("%lu.%lu.%lu", v / 1000000, v / 1000 % 1000, v % 1000);
}

bool cunik_hypervisor_has_quota(const struct hypervisor *h)
{
    return !h->embedded;
}

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

static int find_required(struct hypervisor *h, const char *name, virDomainPtr *ret,
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
    int r = find_required(h, name, &domain, err);

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
        r = find_required(h, name, &domain, err);

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
    int r = find_required(h, name, &domain, err);

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
    const struct timespec deadline = {.tv_sec = deadline_ns / 1000000000,
                                      .tv_nsec = deadline_ns % 1000000000};
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
