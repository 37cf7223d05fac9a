#include "engine/cunikd_parts.h"

#include <errno.h>
#include <fcntl.h>
#include <string.h>
#include <sys/socket.h>

#include "base/file.h"
#include "base/json.h"
#include "base/log.h"
#include "base/memory.h"
#include "base/text.h"
#include "engine/client.h"
#include "engine/engine.h"
#include "engine/hypervisor.h"
#include "engine/server.h"
#include "network/watch.h"

enum {
    CONSOLE_LIMIT_LEAST = 64 << 10,
    LISTEN_FD = 3, /* the first one that systemd hands over, sd_listen_fds(3) */
};

/* A socket of systemd's, or one of our own. */
static int get_socket(struct cunikd *d, int *ret, struct error **err)
{
    const char *pid = getenv("LISTEN_PID"), *count = getenv("LISTEN_FDS");
    uint64_t value;
    int listening = 0;
    socklen_t size = sizeof(listening);

    if (!pid || cunik_text_to_uint(pid, 1, INT32_MAX, &value) < 0 || (pid_t)value != getpid())
        return cunik_server_listen(d->set.socket, ret, err);
    unsetenv("LISTEN_PID");
    unsetenv("LISTEN_FDS");
    unsetenv("LISTEN_FDNAMES");
    if (!count || strcmp(count, "1") != 0)
        return cunik_error_set(err, ERROR_INVALID, "exactly one socket is wanted, not %s",
                               count ? count : "none");
    if (getsockopt(LISTEN_FD, SOL_SOCKET, SO_ACCEPTCONN, &listening, &size) < 0 || !listening)
        return cunik_error_set(err, ERROR_INVALID, "descriptor %d is no listening socket",
                               LISTEN_FD);
    if (fcntl(LISTEN_FD, F_SETFD, FD_CLOEXEC) < 0 || fcntl(LISTEN_FD, F_SETFL, O_NONBLOCK) < 0)
        return cunik_error_errno(err, errno, "taking over the socket");
    d->activated = true;
    *ret = LISTEN_FD;
    return 0;
}

static void domain_changed(void *ctx, const char *name)
{
    struct cunikd *d = ctx;

    pthread_mutex_lock(&d->told);
    if (d->engine)
        cunik_engine_wake(d->engine, name);
    pthread_mutex_unlock(&d->told);
}

static void host_changed(void *ctx)
{
    domain_changed(ctx, NULL);
}

static void console_grew(void *ctx, const char *name, uint64_t size)
{
    struct cunikd *d = ctx;

    pthread_mutex_lock(&d->told);
    if (d->engine) {
        cunik_engine_console(d->engine, name, size);
        cunik_host_endings_grew(d->host, name);
    }
    pthread_mutex_unlock(&d->told);
}

/* Returns the one that was told until now. */
static struct engine *set_engine(struct cunikd *d, struct engine *engine)
{
    pthread_mutex_lock(&d->told);
    struct engine *old = d->engine;
    d->engine = engine;
    pthread_mutex_unlock(&d->told);
    return old;
}

static json_t *version_object(const struct cunikd *d)
{
    const char *reason = NULL;
    json_t *v = json_object();
    const char *accel = cunik_hypervisor_accel(d->hypervisor, &reason);
    _cleanup_free_ char *libvirt_text = cunik_hypervisor_version();

    cunik_json_set_string(v, "version", CUNIK_VERSION);
    cunik_json_set_int(v, "api", CLIENT_API);
    cunik_json_set_string(v, "libvirt", libvirt_text);
    cunik_json_set_string(v, "connect", cunik_hypervisor_uri(d->hypervisor));
    cunik_json_set_string(v, "accel", accel);
    cunik_json_set_string(v, "accel_reason", reason);
    cunik_json_set_string(v, "root", d->set.root);
    cunik_json_set_int(v, "pid", getpid());
    cunik_json_set_string(v, "netns", d->netns);
    return v;
}

static int bound_consoles(const struct cunikd *d, struct error **err)
{
    const char *text = getenv("CUNIK_CONSOLE_LIMIT");
    int64_t bytes = CONSOLE_LIMIT;

    if (!cunik_text_blank(text) &&
        (cunik_text_to_bytes(text, &bytes) < 0 || bytes < CONSOLE_LIMIT_LEAST))
        return cunik_error_set(err, ERROR_INVALID,
                               "CUNIK_CONSOLE_LIMIT is a size of at least 64k, not '%s'", text);
    cunik_consoles_bound(d->consoles, (uint64_t)bytes);
    return 0;
}

int cunik_cunikd_open_host(struct cunikd *d, struct error **err)
{
    const struct hypervisor_settings settings = {
        .uri = d->set.connect, .root = d->set.root, .accel = d->set.accel};
    _cleanup_free_ char *folder = cunik_path_join(d->set.root, "consoles");
    int r;

    /* First of all: it must come before any thread. */
    r = cunik_hypervisor_open(&settings, domain_changed, d, &d->hypervisor, err);
    if (r == 0)
        r = cunik_consoles_create(folder, &d->consoles, err);
    if (r == 0)
        r = bound_consoles(d, err);
    if (r < 0)
        return r;
    _cleanup_error_ struct error *why = NULL;
    if (cunik_watch_create(host_changed, d, &d->watch, &why) < 0)
        cunik_log(LOG_LEVEL_WARNING, "what others change is seen late: %s",
                  why ? why->message : "failed");
    const struct host_real_settings host = {
        .root = d->set.root,
        .run = d->set.run,
        .hypervisor = d->hypervisor,
        .consoles = d->consoles,
        .pools = d->set.pools,
        .watch = d->watch,
        .outside = d->outside,
    };
    return cunik_host_real_create(&host, &d->host, err);
}

int cunik_cunikd_start_engine(struct cunikd *d, struct error **err)
{
    _cleanup_free_ char *path = cunik_path_join(d->set.root, "events.log");
    struct engine *engine;

    d->log = cunik_event_log_create(path, EVENT_LOG_MOST);
    const struct event_sink log = cunik_event_log_sink(d->log);
    int r = cunik_engine_create(cunik_host_real_table(d->host), &log, &engine, err);
    if (r < 0)
        return r;
    set_engine(d, engine);
    cunik_consoles_tell(d->consoles, console_grew, d);
    cunik_engine_wake(engine, NULL); /* for what changed before it could be told */
    return 0;
}

int cunik_cunikd_start_server(struct cunikd *d, struct error **err)
{
    _cleanup_json_ json_t *version = version_object(d);
    _cleanup_free_ char *folder = cunik_path_folder(d->set.socket);
    struct server_settings settings = {.engine = d->engine,
                                       .consoles = d->consoles,
                                       .log = d->log,
                                       .images = d->set.root,
                                       .version = version};
    int r;

    r = cunik_file_make_folders(folder, 0755, err);
    if (r == 0)
        r = get_socket(d, &settings.listen_fd, err);
    return r < 0 ? r : cunik_server_create(&settings, &d->server, err);
}

void cunik_cunikd_close(struct cunikd *d)
{
    if (d->server && !d->activated)
        unlink(d->set.socket);
    cunik_server_destroy(d->server);
    cunik_engine_destroy(set_engine(d, NULL));
    cunik_event_log_destroy(d->log);
    cunik_host_real_destroy(d->host);
    cunik_watch_destroy(d->watch);
    cunik_consoles_destroy(d->consoles);
    cunik_hypervisor_close(d->hypervisor);
}
