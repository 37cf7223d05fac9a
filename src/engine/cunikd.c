/* cunikd: the engine as a process of its own. It is started by the commands when they find none, or
 * by systemd, and leaves by itself when there is nothing to look after. Guests outlive it. */
#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <pthread.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <sys/resource.h>
#include <sys/signalfd.h>
#include <sys/socket.h>
#include <sys/stat.h>

#include "base/file.h"
#include "base/json.h"
#include "base/log.h"
#include "base/memory.h"
#include "base/text.h"
#include "base/time.h"
#include "base/verbs.h"
#include "engine/client.h"
#include "engine/clock.h"
#include "engine/cunikd_settings.h"
#include "engine/engine.h"
#include "engine/engine_lock.h"
#include "engine/host_real.h"
#include "engine/hypervisor.h"
#include "engine/outside.h"
#include "engine/rootless.h"
#include "engine/server.h"
#include "network/watch.h"

enum {
    CONSOLE_LIMIT_LEAST = 64 << 10,
    LISTEN_FD = 3, /* the first one that systemd hands over, sd_listen_fds(3) */
};

struct daemon {
    struct cunikd_settings set;
    char *netns;
    bool activated; /* the socket is systemd's */

    struct engine_lock lock;
    struct outside *outside; /* NULL = there are rights, and no need for it */
    struct hypervisor *hypervisor;
    struct consoles *consoles;
    struct host_real *host;
    struct watch *watch;
    pthread_mutex_t told; /* of `engine`, which the hypervisor's threads wake */
    struct engine *engine;
    struct event_log *log;
    struct server *server;
};

/* Tells who started us. That it is not listening any more is no reason to stop. */
static void tell(struct daemon *d, const char *line)
{
    if (d->set.ready_fd < 0)
        return;
    (void)cunik_write_all(d->set.ready_fd, line, strlen(line));
    close(d->set.ready_fd);
    d->set.ready_fd = -1;
}

/* For people and scripts; who is alive is told by the lock. */
static int write_pid(const struct daemon *d, struct error **err)
{
    _cleanup_free_ char *path = cunik_path_join(d->set.root, "cunikd.pid");
    _cleanup_free_ char *text = cunik_asprintf("%d\n", (int)getpid());

    return cunik_file_write(path, text, strlen(text), 0644, false, err);
}

static void remove_pid(const struct daemon *d)
{
    _cleanup_free_ char *path = cunik_path_join(d->set.root, "cunikd.pid");

    unlink(path);
}

/* A socket of systemd's, or one of our own. */
static int get_socket(struct daemon *d, int *ret, struct error **err)
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
    struct daemon *d = ctx;

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
    struct daemon *d = ctx;

    pthread_mutex_lock(&d->told);
    if (d->engine) {
        cunik_engine_console(d->engine, name, size);
        cunik_host_endings_grew(d->host, name);
    }
    pthread_mutex_unlock(&d->told);
}

/* Returns the one that was told until now. */
static struct engine *set_engine(struct daemon *d, struct engine *engine)
{
    pthread_mutex_lock(&d->told);
    struct engine *old = d->engine;
    d->engine = engine;
    pthread_mutex_unlock(&d->told);
    return old;
}

static json_t *version_object(const struct daemon *d)
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

static int bound_consoles(const struct daemon *d, struct error **err)
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

static int open_host(struct daemon *d, struct error **err)
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

static int start_engine(struct daemon *d, struct error **err)
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

static int start_server(struct daemon *d, struct error **err)
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

/* Everything the engine has open counts against one limit: a few for each guest. */
static void raise_limits(void)
{
    struct rlimit files;

    if (getrlimit(RLIMIT_NOFILE, &files) == 0) {
        files.rlim_cur = files.rlim_max;
        (void)setrlimit(RLIMIT_NOFILE, &files);
    }
}

/* What ends the process is taken by signalfd, in every thread that will be. */
static int take_signals(int *ret, struct error **err)
{
    sigset_t set;

    signal(SIGPIPE, SIG_IGN);
    sigemptyset(&set);
    sigaddset(&set, SIGTERM);
    sigaddset(&set, SIGINT);
    sigaddset(&set, SIGHUP);
    pthread_sigmask(SIG_BLOCK, &set, NULL);
    *ret = signalfd(-1, &set, SFD_CLOEXEC | SFD_NONBLOCK);
    return *ret < 0 ? cunik_error_errno(err, errno, "taking signals") : 0;
}

/* Whether there is nothing to do, and how long to wait before asking again (ms; -1 = for ever). */
static bool is_idle(struct daemon *d, int *ret_wait)
{
    int64_t since;
    bool busy = cunik_server_busy(d->server, &since);
    int64_t left = since + d->set.idle_ns - cunik_clock_real.now(NULL);

    *ret_wait = -1;
    if (!d->set.idle_ns)
        return false;
    if (!busy && left <= 0 && cunik_engine_idle(d->engine))
        return true;
    *ret_wait = (int)((busy || left <= 0 ? d->set.idle_ns : left) / NS_PER_MS + 1);
    return false;
}

/* Until a signal, or until there has been nothing to do for long enough; then lock.start is held.
 */
static void serve(struct daemon *d, int signals)
{
    struct pollfd fds[] = {
        {.fd = signals, .events = POLLIN},
        {.fd = d->outside ? cunik_outside_fd(d->outside) : -1, .events = POLLRDHUP},
    };
    struct signalfd_siginfo info;
    int wait;

    for (;;) {
        if (is_idle(d, &wait)) {
            cunik_engine_lock_ending(&d->lock, d->set.root);
            /* Nobody can start another one now: who has come in the meantime is served. */
            if (is_idle(d, &wait)) {
                cunik_log(LOG_LEVEL_INFO, "nothing to do: leaving");
                return;
            }
            cunik_engine_lock_started(&d->lock);
        }
        int n = poll(fds, ARRAY_SIZE(fds), wait);
        if (n > 0 && fds[1].revents) {
            /* There is no way back out: another engine will find the guests' namespaces. */
            cunik_log(LOG_LEVEL_ERROR, "the process outside has ended: leaving; guests run on");
            cunik_engine_lock_ending(&d->lock, d->set.root);
            return;
        }
        if (n > 0 && read(signals, &info, sizeof(info)) == sizeof(info) &&
            info.ssi_signo != SIGHUP) {
            cunik_log(LOG_LEVEL_INFO, "%s: leaving; guests run on", strsignal((int)info.ssi_signo));
            cunik_engine_lock_ending(&d->lock, d->set.root);
            return;
        }
    }
}

static void stop(struct daemon *d)
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
    cunik_outside_leave(d->outside);
    if (d->lock.engine >= 0)
        remove_pid(d);
    free(d->netns);
    cunik_cunikd_settings_done(&d->set);
    /* The locks go with the process: until then the hypervisor's root is taken. */
}

/* Where published ports are reached: as text, "net:[4026531840]". */
static char *own_netns(void)
{
    char *text = cunik_calloc(1, 64);

    if (readlink("/proc/self/ns/net", text, 63) < 0)
        *text = '\0';
    return text;
}

/* libvirt's own daemon, where one is named, is not in namespaces of ours. */
static int enter_namespaces(struct daemon *d, struct error **err)
{
    _cleanup_error_ struct error *why = NULL;
    int r = cunik_rootless_enter(d->set.root, &d->outside, &why);

    if (r == 0 && !d->outside)
        cunik_log(LOG_LEVEL_WARNING, "no guests can be run: %s", why->message);
    return r < 0 ? cunik_error_pass(err, r, &why) : 0;
}

static int run(struct daemon *d, struct error **err)
{
    bool running = false;
    int signals = -1, r;

    raise_limits();
    r = cunik_file_make_folders(d->set.root, 0711, err);
    if (r == 0)
        r = cunik_file_make_folders(d->set.run, 0755, err);
    if (r == 0)
        r = cunik_engine_lock_take(d->set.root, &d->lock, &running, err);
    if (r < 0)
        return r;
    if (running) {
        cunik_log(LOG_LEVEL_INFO, "another engine runs for '%s'", d->set.root);
        tell(d, "running\n");
        return 0;
    }
    d->netns = own_netns();
    if (!*d->set.connect && cunik_rootless_needed())
        r = enter_namespaces(d, err);
    if (r == 0)
        r = take_signals(&signals, err);
    if (r == 0)
        r = write_pid(d, err);
    if (r == 0)
        r = open_host(d, err);
    if (r == 0)
        r = start_engine(d, err);
    if (r == 0)
        r = start_server(d, err);
    if (r < 0)
        return r;
    cunik_engine_lock_started(&d->lock);
    const char *reason = NULL, *accel = cunik_hypervisor_accel(d->hypervisor, &reason);
    cunik_log(LOG_LEVEL_INFO, "guests run under %s%s%s", accel, reason ? ": " : "",
              reason ? reason : "");
    cunik_log(LOG_LEVEL_INFO, "cunikd %s listens at '%s'", CUNIK_VERSION,
              d->activated ? "the socket it was given" : d->set.socket);
    tell(d, "ready\n");
    serve(d, signals);
    return 0;
}

int main(int argc, char **argv)
{
    _cleanup_(cunik_arguments_destroyp) struct arguments *arguments = NULL;
    _cleanup_error_ struct error *err = NULL;
    _cleanup_free_ char *help = NULL;
    struct daemon d = {.set.ready_fd = -1, .lock = {-1, -1}, .told = PTHREAD_MUTEX_INITIALIZER};
    int r;

    cunik_memory_init();
    r = cunik_verbs_parse(&cunik_cunikd_program, argc, argv, &arguments, &help, &err);
    if (r == 0 && help) {
        fputs(help, stdout);
        return 0;
    }
    if (r == 0 && cunik_arguments_flag(arguments, "version")) {
        puts("cunikd " CUNIK_VERSION);
        return 0;
    }
    if (r == 0)
        r = cunik_cunikd_settings(&d.set, arguments, &err);
    if (r == 0)
        r = run(&d, &err);
    stop(&d);
    if (r == 0)
        return 0;
    _cleanup_free_ char *text = cunik_error_text(err);
    /* One line: the command that started us shows the last one. */
    for (char *p = text; (p = strchr(p, '\n'));)
        *p = ';';
    cunik_log(LOG_LEVEL_ERROR, "%s", text);
    return cunik_error_exit_status(err->code);
}
