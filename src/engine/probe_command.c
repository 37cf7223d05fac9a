/* Probes by a program on the host, in a process group of its own. */
#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <spawn.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/syscall.h>
#include <sys/wait.h>

#include "base/memory.h"
#include "engine/probe.h"

enum { OUTPUT_LIMIT = 4096 }; /* kept of what it writes: the last of it */

static enum probe_outcome fail_start(struct probe *p, int number)
{
    return cunik_probe_fail(p, "starting '%s' on this host: %s", p->test.command.items[0],
                            strerror(number));
}

/* The child gets the signals that programs expect, and none of our descriptors. */
static int spawn(struct probe *p, int output, pid_t *ret)
{
    _cleanup_free_ char **argv = cunik_strv_argv(&p->test.command);
    _cleanup_free_ char **envp = cunik_strv_argv(&p->environment);
    posix_spawn_file_actions_t files;
    posix_spawnattr_t attributes;
    sigset_t none, all;
    int r;

    sigemptyset(&none);
    sigfillset(&all);
    posix_spawnattr_init(&attributes);
    posix_spawnattr_setflags(&attributes, POSIX_SPAWN_SETPGROUP | POSIX_SPAWN_SETSIGMASK |
                                              POSIX_SPAWN_SETSIGDEF);
    posix_spawnattr_setpgroup(&attributes, 0);
    posix_spawnattr_setsigmask(&attributes, &none);
    posix_spawnattr_setsigdefault(&attributes, &all);
    posix_spawn_file_actions_init(&files);
    posix_spawn_file_actions_addopen(&files, 0, "/dev/null", O_RDONLY, 0);
    posix_spawn_file_actions_adddup2(&files, output, 1);
    posix_spawn_file_actions_adddup2(&files, output, 2);
    posix_spawn_file_actions_addclosefrom_np(&files, 3);
    r = posix_spawnp(ret, argv[0], &files, &attributes, argv, envp);
    posix_spawn_file_actions_destroy(&files);
    posix_spawnattr_destroy(&attributes);
    return -r;
}

static void keep_output(struct probe *p)
{
    char chunk[4096];
    ssize_t got;

    while ((got = read(p->output, chunk, sizeof(chunk))) > 0) {
        cunik_buffer_append(&p->reply, chunk, (size_t)got);
        if (p->reply.size > OUTPUT_LIMIT)
            cunik_buffer_consume(&p->reply, p->reply.size - OUTPUT_LIMIT);
    }
    if (got == 0) { /* closed by all that had it: nothing more to hear of */
        close(p->output);
        p->output = -1;
    }
}

/* The last line that it wrote and that is not blank; "" when there is none. */
static char *last_line(struct probe *p)
{
    const char *text = cunik_buffer_text(&p->reply);
    size_t end = p->reply.size, start;

    while (end && strchr(" \t\r\n", text[end - 1]))
        end--;
    for (start = end; start && text[start - 1] != '\n';)
        start--;
    return cunik_strndup(text + start, end - start);
}

static enum probe_outcome judge(struct probe *p, const siginfo_t *info)
{
    if (info->si_code == CLD_EXITED && info->si_status == 0)
        return OUTCOME_HEALTHY;
    _cleanup_free_ char *line = last_line(p);
    const char *by = info->si_code == CLD_EXITED ? "with" : "by signal";
    return cunik_probe_fail(p, "'%s' ended %s %d%s%s",
                            p->test.command.items[p->test.kind == PROBE_CMD_SHELL ? 2 : 0], by,
                            info->si_status, *line ? ": " : "", line);
}

static enum probe_outcome proceed_command(struct probe *p)
{
    siginfo_t info = {0};

    /* It is only looked at: cunik_probe_end() kills its group first and then collects it. */
    if (waitid(P_PID, (id_t)p->pid, &info, WEXITED | WNOHANG | WNOWAIT) < 0)
        return cunik_probe_fail(p, "waiting for '%s': %s", p->test.command.items[0],
                                strerror(errno));
    if (p->output >= 0)
        keep_output(p);
    return info.si_pid ? judge(p, &info) : OUTCOME_PENDING;
}

static enum probe_outcome begin_command(struct probe *p)
{
    int ends[2];
    int r;

    if (pipe2(ends, O_CLOEXEC) < 0)
        return fail_start(p, errno);
    p->output = ends[0];
    r = fcntl(p->output, F_SETFL, O_NONBLOCK) < 0 ? -errno : spawn(p, ends[1], &p->pid);
    close(ends[1]);
    if (r < 0) {
        p->pid = 0;
        return fail_start(p, -r);
    }
    p->pidfd = (int)syscall(SYS_pidfd_open, p->pid, 0);
    r = p->pidfd < 0 ? -errno : cunik_probe_watch_fd(p, p->pidfd, EPOLLIN);
    if (r == 0)
        r = cunik_probe_watch_fd(p, p->output, EPOLLIN);
    return r < 0 ? fail_start(p, -r) : OUTCOME_PENDING;
}

const struct probe_kind_ops cunik_probe_command = {begin_command, proceed_command};

bool cunik_probe_reap(pid_t group)
{
    siginfo_t info;

    do {
        info.si_pid = 0;
        if (waitid(P_PGID, (id_t)group, &info, WEXITED | WNOHANG) < 0)
            return errno != EINTR;
    } while (info.si_pid);
    return false;
}
