/* slirp4netns, run by the process outside (outside_slirp.h). */
#include "engine/outside_slirp.h"

#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <sched.h>
#include <signal.h>
#include <string.h>
#include <sys/pidfd.h>
#include <sys/prctl.h>
#include <sys/stat.h>
#include <sys/wait.h>

#include "base/file.h"
#include "base/memory.h"
#include "base/time.h"
#include "engine/clock.h"
#include "network/slirp.h"

enum {
    START_MS = 30 * 1000, /* for slirp4netns to be ready */
    END_MS = 5 * 1000,
    AGAIN_MS = 1000,      /* before one that ended is started again */
    LOG_LIMIT = 64 << 10, /* slirp4netns writes a line for every request */
    /* Descriptors of slirp4netns. */
    READY_FD = 3,
    LEAVE_FD = 4,
    NETNS_FD = 5,
};

static int64_t now_ns(void)
{
    return cunik_clock_real.now(NULL);
}

/* The last line of its log, as the reason; the caller frees it. */
static char *last_words(const struct outside_slirp *s)
{
    _cleanup_free_ char *text = NULL;

    if (cunik_file_read(s->log, LOG_LIMIT * 16, &text, NULL, NULL) < 0)
        return cunik_strdup("it ended");
    size_t size = strlen(text);
    while (size && strchr(" \n\r", text[size - 1]))
        text[--size] = '\0';
    const char *newline = strrchr(text, '\n');
    return cunik_strdup(newline ? newline + 1 : size ? text : "it ended");
}

/* In the child. It enters the user namespace, whose root may do in the network namespace what is
 * needed, and stays in the host's network. */
_Noreturn static void become_slirp(const struct outside_slirp *s, char *const *argv, int ready,
                                   int leave)
{
    static const char no_way[] = "it cannot enter the user namespace\n";
    static const char no_program[] = "it cannot be executed\n";
    umask(0077); /* its socket is nobody else's */
    int log = open(s->log, O_WRONLY | O_CREAT | O_APPEND | O_TRUNC | O_CLOEXEC, 0600);

    dup2(log, 1);
    dup2(log, 2);
    if (setns(s->namespaces->user, CLONE_NEWUSER) < 0) {
        (void)!write(2, no_way, sizeof(no_way) - 1);
        _exit(126);
    }
    ready = fcntl(ready, F_DUPFD_CLOEXEC, 10);
    leave = fcntl(leave, F_DUPFD_CLOEXEC, 10);
    int netns = fcntl(s->namespaces->net, F_DUPFD_CLOEXEC, 10);
    dup2(ready, READY_FD);
    dup2(leave, LEAVE_FD);
    dup2(netns, NETNS_FD);
    signal(SIGPIPE, SIG_DFL);
    prctl(PR_SET_PDEATHSIG, SIGKILL);
    execv(argv[0], argv);
    (void)!write(2, no_program, sizeof(no_program) - 1);
    _exit(127);
}

static void forget_slirp(struct outside_slirp *s)
{
    if (s->leave >= 0)
        close(s->leave);
    if (s->fd >= 0)
        close(s->fd);
    s->leave = s->fd = -1;
    s->pid = 0;
    cunik_strv_done(&s->made);
    unlink(s->api);
}

static void end_slirp(struct outside_slirp *s)
{
    struct pollfd p = {.fd = s->fd, .events = POLLIN};

    if (!s->pid)
        return;
    close(TAKE_FD(s->leave)); /* that is how it is asked */
    if (poll(&p, 1, END_MS) <= 0)
        kill(s->pid, SIGKILL);
    while (waitpid(s->pid, NULL, 0) < 0 && errno == EINTR)
        ;
    forget_slirp(s);
}

/* True when it said that it is ready. */
static bool wait_ready(int ready)
{
    struct pollfd p = {.fd = ready, .events = POLLIN};
    char byte;

    return poll(&p, 1, START_MS) > 0 && read(ready, &byte, 1) == 1;
}

static int start_slirp(struct outside_slirp *s, struct error **err)
{
    _cleanup_free_ char *program = NULL;
    _cleanup_strv_ struct strv words = {0};
    int ready[2], leave[2], r = cunik_slirp_find(&program, err);

    if (r < 0)
        return r;
    if (pipe2(ready, O_CLOEXEC) < 0)
        return cunik_error_errno(err, errno, "making a pipe");
    _cleanup_close_ int ready_in = ready[0], ready_out = ready[1];
    if (pipe2(leave, O_CLOEXEC) < 0)
        return cunik_error_errno(err, errno, "making a pipe");
    _cleanup_close_ int leave_in = leave[0];
    s->leave = leave[1];
    cunik_slirp_arguments(&(struct slirp_settings){.program = program,
                                                   .api = s->api,
                                                   .subnet = s->subnet,
                                                   .ready = READY_FD,
                                                   .leave = LEAVE_FD,
                                                   .netns = NETNS_FD},
                          &words);
    _cleanup_free_ char **argv = cunik_strv_argv(&words);
    unlink(s->api);
    s->pid = fork();
    if (s->pid == 0)
        become_slirp(s, argv, ready_out, leave_in);
    if (s->pid < 0) {
        s->pid = 0;
        close(TAKE_FD(s->leave));
        return cunik_error_errno(err, errno, "starting slirp4netns");
    }
    s->fd = pidfd_open(s->pid, 0);
    close(TAKE_FD(ready_out));
    if (s->fd >= 0 && wait_ready(ready_in))
        return 0;
    end_slirp(s);
    _cleanup_free_ char *why = last_words(s);
    return cunik_error_set(err, ERROR_UNAVAILABLE, "starting slirp4netns: %s", why);
}

/* Level, not edge: whatever was asked last is made so. */
static int bring_about(struct outside_slirp *s, struct error **err)
{
    int r = 0;

    s->again_ns = 0;
    if (!s->wanted) {
        end_slirp(s);
        unlink(s->log);
        return 0;
    }
    if (!s->pid)
        r = start_slirp(s, err);
    if (r < 0)
        return r;
    cunik_strv_done(&s->made);
    r = cunik_slirp_forward(s->api, &s->forwards, &s->subnet, &s->made, err);
    struct stat st;
    if (stat(s->log, &st) == 0 && st.st_size > LOG_LIMIT)
        (void)!truncate(s->log, 0);
    return r;
}

void cunik_outside_slirp_ended(struct outside_slirp *s)
{
    while (waitpid(s->pid, NULL, 0) < 0 && errno == EINTR)
        ;
    forget_slirp(s);
    s->again_ns = now_ns() + AGAIN_MS * NS_PER_MS;
}

int cunik_outside_slirp_wait_ms(const struct outside_slirp *s)
{
    int64_t left = (s->again_ns - now_ns()) / NS_PER_MS + 1;

    return !s->again_ns ? -1 : left > 0 ? (int)left : 0;
}

/* What cannot be brought about is seen by the next engine that looks, and tried again. */
void cunik_outside_slirp_try_again(struct outside_slirp *s)
{
    if (s->again_ns && now_ns() >= s->again_ns && bring_about(s, NULL) < 0 && !s->pid)
        s->again_ns = now_ns() + AGAIN_MS * NS_PER_MS;
}

int cunik_outside_slirp_set(struct outside_slirp *s, const struct cidr *subnet,
                            const struct strv *forwards, struct error **err)
{
    const struct cidr none = {0};

    if (!subnet)
        subnet = &none;
    if (s->pid && memcmp(subnet, &s->subnet, sizeof(*subnet)) != 0)
        end_slirp(s);
    s->wanted = subnet != &none;
    s->subnet = *subnet;
    cunik_strv_done(&s->forwards);
    cunik_strv_copy(&s->forwards, forwards);
    return bring_about(s, err);
}

void cunik_outside_slirp_init(struct outside_slirp *s, const char *root,
                              const struct namespaces *namespaces)
{
    *s = (struct outside_slirp){
        .api = cunik_asprintf("%s/slirp.sock", root),
        .log = cunik_asprintf("%s/slirp.log", root),
        .namespaces = namespaces,
        .fd = -1,
        .leave = -1,
    };
}

void cunik_outside_slirp_done(struct outside_slirp *s)
{
    end_slirp(s);
    cunik_strv_done(&s->forwards);
    free(s->api);
    free(s->log);
}
