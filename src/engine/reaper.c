#include "engine/reaper.h"

#include <errno.h>
#include <poll.h>
#include <pthread.h>
#include <signal.h>
#include <stdbool.h>
#include <stdio.h>
#include <string.h>
#include <sys/eventfd.h>
#include <sys/prctl.h>
#include <sys/signalfd.h>
#include <sys/wait.h>

#include "base/file.h"
#include "base/folder.h"
#include "base/memory.h"
#include "base/strv.h"
#include "base/text.h"

enum { STAT_LIMIT = 4096, CHILDREN_LIMIT = 1 << 20, LOOK_AGAIN_MS = 5, LOOKS_MOST = 10 };

struct reaper {
    cunik_reaper_ended *ended;
    void *ctx;
    int signals, stop; /* a signalfd of SIGCHLD, an eventfd */
    pthread_t thread;
    bool running;
};

/* What /proc/PID/stat says. */
struct process {
    char comm[32];
    char state;
    pid_t session;
};

static bool look_at(pid_t pid, struct process *ret)
{
    _cleanup_free_ char *path = cunik_asprintf("/proc/%d/stat", pid);
    _cleanup_free_ char *text = NULL;

    if (cunik_file_read(path, STAT_LIMIT, &text, NULL, NULL) < 0)
        return false;
    /* PID (COMM) STATE PPID PGRP SESSION …; COMM may hold anything, parentheses too. */
    char *open = strchr(text, '('), *close = strrchr(text, ')');
    if (!open || !close || close < open)
        return false;
    *close = '\0';
    snprintf(ret->comm, sizeof(ret->comm), "%s", open + 1);
    return sscanf(close + 1, " %c %*d %*d %d", &ret->state, &ret->session) == 2;
}

/* Programs that make themselves daemons: of their processes in between, the leader of the new
 * session falls to us as well. */
static bool is_daemon(const char *comm)
{
    return cunik_text_starts(comm, "qemu-system") || cunik_text_equal(comm, "dnsmasq");
}

static bool fell_to_us(pid_t pid)
{
    struct process p;

    return look_at(pid, &p) && p.state == 'Z' && p.session != getsid(0) &&
           (p.session != pid || is_daemon(p.comm));
}

/* Whether it was reaped. Looking for a zombie comes first: it costs far less than /proc, and most
 * children run on. */
static bool reap(const struct reaper *r, pid_t pid)
{
    siginfo_t info = {0};

    if (waitid(P_PID, (id_t)pid, &info, WEXITED | WNOWAIT | WNOHANG) < 0 || info.si_pid != pid ||
        !fell_to_us(pid))
        return false;
    r->ended(r->ctx, pid, info.si_code, info.si_status);
    waitid(P_PID, (id_t)pid, &info, WEXITED | WNOHANG);
    return true;
}

/* The children of one of our threads; each thread has a list of its own. */
static bool reap_children_of(const struct reaper *r, const char *thread)
{
    _cleanup_free_ char *path = cunik_asprintf("/proc/self/task/%s/children", thread);
    _cleanup_free_ char *text = NULL;
    _cleanup_strv_ struct strv pids = {0};
    bool reaped = false;
    uint64_t pid;

    if (cunik_file_read(path, CHILDREN_LIMIT, &text, NULL, NULL) < 0)
        return false;
    cunik_strv_split(&pids, text, " \n");
    for (size_t i = 0; i < pids.n; i++)
        if (cunik_text_to_uint(pids.items[i], 1, INT32_MAX, &pid) == 0)
            reaped |= reap(r, (pid_t)pid);
    return reaped;
}

static bool reap_once(const struct reaper *r)
{
    _cleanup_strv_ struct strv threads = {0};
    bool reaped = false;

    if (cunik_folder_list("/proc/self/task", 0, &threads, NULL) < 0)
        return false;
    for (size_t i = 0; i < threads.n; i++)
        reaped |= reap_children_of(r, threads.items[i]);
    return reaped;
}

/* Every child of every thread. A list read while it changes may leave one out, so look until there
 * is nothing more. */
static void reap_all(const struct reaper *r)
{
    while (reap_once(r))
        ;
}

/* Reaps the first zombie for as long as that is one of ours. True when one that somebody else waits
 * for stands in front: it hides what is behind it. */
static bool reap_first(const struct reaper *r)
{
    for (;;) {
        siginfo_t info = {0};
        if (waitid(P_ALL, 0, &info, WEXITED | WNOWAIT | WNOHANG) < 0 || !info.si_pid)
            return false;
        if (!reap(r, info.si_pid))
            return true;
    }
}

/* After a signal. Reading all lists of children costs milliseconds with many threads, so it is the
 * last resort, for a zombie in front that nobody takes away. Returns how many more times to look.
 */
static int look(const struct reaper *r, int looks)
{
    if (!reap_first(r))
        return 0;
    if (looks == 0)
        reap_all(r);
    return looks;
}

static void *run(void *data)
{
    struct reaper *r = data;
    struct pollfd fds[] = {{.fd = r->signals, .events = POLLIN}, {.fd = r->stop, .events = POLLIN}};

    int looks = 0;

    pthread_setname_np(pthread_self(), "reaper");
    for (;;) {
        struct signalfd_siginfo info[16];

        if (poll(fds, ARRAY_SIZE(fds), looks ? LOOK_AGAIN_MS : -1) < 0 && errno != EINTR)
            break;
        if (fds[1].revents)
            break;
        if (read(r->signals, info, sizeof(info)) > 0)
            looks = look(r, LOOKS_MOST);
        else if (looks)
            looks = look(r, looks - 1);
    }
    return NULL;
}

int cunik_reaper_create(cunik_reaper_ended *ended, void *ctx, struct reaper **ret,
                        struct error **err)
{
    struct reaper *r = cunik_calloc(1, sizeof(*r));
    sigset_t set;
    int number;

    r->ended = ended;
    r->ctx = ctx;
    sigemptyset(&set);
    sigaddset(&set, SIGCHLD);
    r->signals = signalfd(-1, &set, SFD_CLOEXEC | SFD_NONBLOCK);
    r->stop = eventfd(0, EFD_CLOEXEC);
    if (r->signals < 0 || r->stop < 0 || pthread_sigmask(SIG_BLOCK, &set, NULL) != 0 ||
        prctl(PR_SET_CHILD_SUBREAPER, 1) < 0) {
        number = errno;
        cunik_reaper_destroy(r);
        return cunik_error_errno(err, number, "preparing to wait for guests");
    }
    number = pthread_create(&r->thread, NULL, run, r);
    if (number) {
        cunik_reaper_destroy(r);
        return cunik_error_errno(err, number, "starting the thread that waits for guests");
    }
    r->running = true;
    *ret = r;
    return 0;
}

void cunik_reaper_destroy(struct reaper *r)
{
    if (!r)
        return;
    if (r->running) {
        eventfd_write(r->stop, 1);
        pthread_join(r->thread, NULL);
    }
    if (r->signals >= 0)
        close(r->signals);
    if (r->stop >= 0)
        close(r->stop);
    free(r);
}
