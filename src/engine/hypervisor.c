/* The connection to libvirt, made and made again. */
#include "engine/hypervisor_internal.h"

#include <errno.h>
#include <libvirt/virterror.h>
#include <string.h>
#include <time.h>

#include "base/file.h"
#include "base/memory.h"
#include "base/text.h"

enum { PID_FILE_LIMIT = 64, KEEPALIVE_SECONDS = 5, KEEPALIVE_COUNT = 3 };

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
bool cunik_hypervisor_is_local(const struct hypervisor *h)
{
    const char *authority = strstr(h->uri, "://");

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
    h->lifecycle = h->monitor = h->added = h->removed = -1;
    h->user = (struct guest_user){.name = "", .group = ""};
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
    if (!h->embedded && cunik_hypervisor_is_local(h))
        r = cunik_hypervisor_decide(h, settings, err);
    if (r == 0 && h->embedded)
        r = cunik_reaper_create(cunik_hypervisor_reaped, h, &h->reaper, err);
    if (r == 0)
        r = open_connection(h, settings->root, err);
    if (r == 0 && !h->embedded && !cunik_hypervisor_is_local(h))
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

const struct guest_user *cunik_hypervisor_user(const struct hypervisor *h)
{
    return &h->user;
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

bool cunik_hypervisor_is_alone(const struct hypervisor *h)
{
    return h->embedded;
}
