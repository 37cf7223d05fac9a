/* cunikd: the engine as a process of its own. It is started by the commands when they find none, or
 * by systemd, and leaves by itself when there is nothing to look after. Guests outlive it. */
#include <errno.h>
#include <poll.h>
#include <pthread.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <sys/resource.h>
#include <sys/signalfd.h>
#include <sys/stat.h>

#include "base/file.h"
#include "base/log.h"
#include "base/memory.h"
#include "base/time.h"
#include "base/verbs.h"
#include "engine/clock.h"
#include "engine/cunikd_parts.h"
#include "engine/engine.h"
#include "engine/hypervisor.h"
#include "engine/outside.h"
#include "engine/rootless.h"
#include "engine/server.h"

/* Tells who started us. That it is not listening any more is no reason to stop. */
static void tell(struct cunikd *d, const char *line)
{
    if (d->set.ready_fd < 0)
        return;
    (void)cunik_write_all(d->set.ready_fd, line, strlen(line));
    close(d->set.ready_fd);
    d->set.ready_fd = -1;
}

/* For people and scripts; who is alive is told by the lock. */
static int write_pid(const struct cunikd *d, struct error **err)
{
    _cleanup_free_ char *path = cunik_path_join(d->set.root, "cunikd.pid");
    _cleanup_free_ char *text = cunik_asprintf("%d\n", (int)getpid());

    return cunik_file_write(path, text, strlen(text), 0644, false, err);
}

static void remove_pid(const struct cunikd *d)
{
    _cleanup_free_ char *path = cunik_path_join(d->set.root, "cunikd.pid");

    unlink(path);
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
static bool is_idle(struct cunikd *d, int *ret_wait)
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
static void serve(struct cunikd *d, int signals)
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

static void stop(struct cunikd *d)
{
    cunik_cunikd_close(d);
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
static int enter_namespaces(struct cunikd *d, struct error **err)
{
    _cleanup_error_ struct error *why = NULL;
    int r = cunik_rootless_enter(d->set.root, &d->outside, &why);

    if (r == 0 && !d->outside)
        cunik_log(LOG_LEVEL_WARNING, "no guests can be run: %s", why->message);
    return r < 0 ? cunik_error_pass(err, r, &why) : 0;
}

static int run(struct cunikd *d, struct error **err)
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
        r = cunik_cunikd_open_host(d, err);
    if (r == 0)
        r = cunik_cunikd_start_engine(d, err);
    if (r == 0)
        r = cunik_cunikd_start_server(d, err);
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
    struct cunikd d = {.set.ready_fd = -1, .lock = {-1, -1}, .told = PTHREAD_MUTEX_INITIALIZER};
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
