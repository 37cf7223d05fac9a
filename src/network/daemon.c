#include "network/daemon.h"

#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <spawn.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/pidfd.h>
#include <sys/wait.h>

#include "base/file.h"
#include "base/memory.h"
#include "base/text.h"

enum {
    COMMAND_LINE_LIMIT = 1 << 20,
    PID_FILE_LIMIT = 32,
    COMPLAINT_LIMIT = 1 << 16,
    PATIENCE_MS = 2000,
};

extern char **environ;

static int spawn(const struct strv *argv, int complaints, pid_t *ret)
{
    _cleanup_free_ char **arguments = cunik_strv_argv(argv);
    posix_spawn_file_actions_t files;
    posix_spawnattr_t attributes;
    sigset_t all, none;

    sigfillset(&all);
    sigemptyset(&none);
    posix_spawnattr_init(&attributes);
    posix_spawnattr_setsigdefault(&attributes, &all);
    posix_spawnattr_setsigmask(&attributes, &none);
    posix_spawnattr_setflags(&attributes, POSIX_SPAWN_SETSIGDEF | POSIX_SPAWN_SETSIGMASK);
    posix_spawn_file_actions_init(&files);
    posix_spawn_file_actions_addopen(&files, 0, "/dev/null", O_RDONLY, 0);
    posix_spawn_file_actions_addopen(&files, 1, "/dev/null", O_WRONLY, 0);
    posix_spawn_file_actions_adddup2(&files, complaints, 2);
    int r = posix_spawn(ret, arguments[0], &files, &attributes, arguments, environ);
    posix_spawn_file_actions_destroy(&files);
    posix_spawnattr_destroy(&attributes);
    return -r;
}

/* What it wrote, in one line. */
static char *read_complaints(int fd)
{
    char *text = NULL;

    lseek(fd, 0, SEEK_SET);
    if (cunik_file_read_fd(fd, "complaints", COMPLAINT_LIMIT, &text, NULL, NULL) < 0)
        return cunik_strdup("");
    size_t size = strlen(text), blank = strspn(text, " \n");
    memmove(text, text + blank, size - blank + 1);
    size -= blank;
    while (size && text[size - 1] <= ' ')
        text[--size] = '\0';
    for (char *p = text; *p; p++)
        if (*p == '\n')
            *p = ' ';
    return text;
}

/* 0 when there is no such file, or no number in it. */
static pid_t read_pid(const char *pid_file)
{
    _cleanup_free_ char *text = NULL;
    uint64_t pid;

    if (cunik_file_read(pid_file, PID_FILE_LIMIT, &text, NULL, NULL) < 0)
        return 0;
    text[strcspn(text, "\n")] = '\0';
    return cunik_text_to_uint(text, 1, INT32_MAX, &pid) < 0 ? 0 : (pid_t)pid;
}

/* Between a program and its daemon there is a process that made the daemon's session and ended at
 * once. When we are the one orphans fall to (cunikd is), it waits for us as a zombie. */
static void reap_between(const char *pid_file)
{
    pid_t pid = read_pid(pid_file);
    pid_t leader = pid ? getsid(pid) : -1;

    if (leader > 0 && leader != pid && leader != getsid(0))
        while (waitpid(leader, NULL, 0) < 0 && errno == EINTR)
            ;
}

int cunik_daemon_start(const struct strv *argv, const char *pid_file, struct error **err)
{
    /* A file rather than a pipe: the daemon may keep it open, and nobody would read. */
    _cleanup_close_ int complaints = memfd_create("complaints", MFD_CLOEXEC);
    pid_t pid;
    int r, status;

    if (complaints < 0)
        return cunik_error_errno(err, errno, "starting '%s'", argv->items[0]);
    if ((r = spawn(argv, complaints, &pid)) < 0)
        return cunik_error_errno(err, r, "starting '%s'", argv->items[0]);
    while (waitpid(pid, &status, 0) < 0)
        if (errno != EINTR)
            return cunik_error_errno(err, errno, "waiting for '%s'", argv->items[0]);
    if (WIFEXITED(status) && WEXITSTATUS(status) == 0) {
        reap_between(pid_file);
        return 0;
    }
    _cleanup_free_ char *text = read_complaints(complaints);
    if (*text)
        return cunik_error_set(err, ERROR_FAILED, "%s", text);
    if (WIFSIGNALED(status))
        return cunik_error_set(err, ERROR_FAILED, "'%s' was ended by signal %d", argv->items[0],
                               WTERMSIG(status));
    return cunik_error_set(err, ERROR_FAILED, "'%s' ended with status %d", argv->items[0],
                           WEXITSTATUS(status));
}

static void read_command_line(pid_t pid, struct strv *ret)
{
    _cleanup_free_ char *path = cunik_asprintf("/proc/%d/cmdline", (int)pid);
    _cleanup_free_ char *text = NULL;
    size_t size;

    if (cunik_file_read(path, COMMAND_LINE_LIMIT, &text, &size, NULL) < 0)
        return;
    for (size_t i = 0; i < size; i += strlen(text + i) + 1)
        cunik_strv_add(ret, text + i);
}

pid_t cunik_daemon_find(const char *pid_file, const char *argument, struct strv *ret_argv)
{
    _cleanup_strv_ struct strv argv = {0};
    pid_t pid = read_pid(pid_file);

    if (!pid)
        return 0;
    read_command_line(pid, &argv);
    if (!cunik_strv_has(&argv, argument)) {
        /* It may be a child of ours that has ended (cunikd is a subreaper): then nobody else asks
         * for its status. */
        if (!argv.n)
            (void)waitpid(pid, NULL, WNOHANG);
        return 0;
    }
    if (ret_argv)
        cunik_strv_copy(ret_argv, &argv);
    return pid;
}

/* True when the process ended in time. */
static bool wait_end(int fd)
{
    struct pollfd p = {.fd = fd, .events = POLLIN};
    int r;

    while ((r = poll(&p, 1, PATIENCE_MS)) < 0 && errno == EINTR)
        ;
    return r > 0;
}

/* A process that ends loses its command line first and its sockets a little later. */
static void wait_for_ending(const char *pid_file, const char *name)
{
    pid_t pid = read_pid(pid_file);
    _cleanup_free_ char *path = cunik_asprintf("/proc/%d/comm", (int)pid), *comm = NULL;
    _cleanup_strv_ struct strv argv = {0};
    _cleanup_close_ int fd = pid ? pidfd_open(pid, 0) : -1;

    if (fd < 0 || cunik_file_read(path, COMMAND_LINE_LIMIT, &comm, NULL, NULL) < 0)
        return;
    comm[strcspn(comm, "\n")] = '\0';
    read_command_line(pid, &argv);
    if (!argv.n && strcmp(comm, name) == 0 && wait_end(fd))
        (void)waitpid(pid, NULL, WNOHANG);
}

int cunik_daemon_stop(const char *pid_file, const char *argument, const char *name,
                      struct error **err)
{
    pid_t pid = cunik_daemon_find(pid_file, argument, NULL);

    if (!pid) {
        wait_for_ending(pid_file, name);
        return 0;
    }
    _cleanup_close_ int fd = pidfd_open(pid, 0);
    if (fd < 0)
        return errno == ESRCH ? 0 : cunik_error_errno(err, errno, "watching process %d", (int)pid);
    /* From here on it is this process whatever happens to its number; was it still the one? */
    if (cunik_daemon_find(pid_file, argument, NULL) != pid)
        return 0;
    if (pidfd_send_signal(fd, SIGTERM, NULL, 0) < 0 && errno != ESRCH)
        return cunik_error_errno(err, errno, "ending process %d", (int)pid);
    if (!wait_end(fd)) {
        (void)pidfd_send_signal(fd, SIGKILL, NULL, 0);
        if (!wait_end(fd))
            return cunik_error_set(err, ERROR_TIMEOUT, "process %d does not end", (int)pid);
    }
    (void)waitpid(pid, NULL, WNOHANG);
    return 0;
}
