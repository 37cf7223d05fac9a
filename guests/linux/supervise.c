#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/resource.h>
#include <sys/signalfd.h>
#include <sys/wait.h>
#include <unistd.h>

#include "power.h"
#include "say.h"
#include "supervise.h"

/* PID 1 gets 4096 from the kernel, and servers want more; those that need more than 1024 raise it
 * themselves. */
enum { DESCRIPTORS = 1024, DESCRIPTORS_MOST = 65536 };

static const char *name_of(const struct settings *settings)
{
    const char *path = settings->arguments[0], *slash = strrchr(path, '/');

    return slash && slash[1] ? slash + 1 : path;
}

/* In the child: becomes the program, or tells errno through REPORT_FD, which exec closes. */
static _Noreturn void become(const struct settings *settings, const sigset_t *mask, int report_fd)
{
    struct rlimit limit = {.rlim_cur = DESCRIPTORS, .rlim_max = DESCRIPTORS_MOST};

    setsid();
    /* What is typed can interrupt it, as at any terminal; a console that is none is no matter. */
    ioctl(STDIN_FILENO, TIOCSCTTY, 0);
    sigprocmask(SIG_SETMASK, mask, NULL);
    setrlimit(RLIMIT_NOFILE, &limit);
    /* Its PATH is where to look for it, and getenv() is what execvp asks. */
    environ = settings->environment;
    execvp(settings->arguments[0], settings->arguments);

    int error = errno;
    if (write(report_fd, &error, sizeof error) < 0)
        say("reporting to init: %s", strerror(errno));
    _exit(127);
}

static pid_t start(const struct settings *settings, const sigset_t *mask)
{
    int report[2], error;

    if (pipe2(report, O_CLOEXEC) < 0)
        give_up("making a pipe: %s", strerror(errno));
    pid_t pid = fork();
    if (pid < 0)
        give_up("starting '%s': %s", settings->arguments[0], strerror(errno));
    if (pid == 0)
        become(settings, mask, report[1]);

    close(report[1]);
    if (read(report[0], &error, sizeof error) == sizeof error)
        give_up_with(error == ENOENT ? STATUS_NOT_FOUND : STATUS_CANNOT_RUN, "cannot run '%s': %s",
                     settings->arguments[0], strerror(error));
    close(report[0]);
    return pid;
}

/* Reaps all that has ended. True if PROGRAM is among them, with its status in RET_STATUS. */
static bool reap(pid_t program, int *ret_status)
{
    bool ended = false;
    int status;
    pid_t pid;

    while ((pid = waitpid(-1, &status, WNOHANG)) > 0)
        if (pid == program) {
            *ret_status = status;
            ended = true;
        }
    return ended;
}

static int wait_for_end(pid_t program, const char *name, int signal_fd, int power_fd)
{
    struct pollfd fds[] = {
        {.fd = signal_fd, .events = POLLIN},
        {.fd = power_fd, .events = POLLIN}, /* -1 is passed over */
    };
    struct signalfd_siginfo info;
    int status;

    for (;;) {
        if (poll(fds, 2, -1) < 0)
            give_up("waiting for '%s': %s", name, strerror(errno));
        if (fds[1].revents && power_button_pressed(power_fd)) {
            say("power button pressed, stopping %s", name);
            kill(program, SIGTERM);
        }
        if (fds[0].revents && read(signal_fd, &info, sizeof info) > 0 && reap(program, &status))
            return status;
    }
}

void supervise(const struct settings *settings, int power_fd)
{
    const char *name = name_of(settings);
    sigset_t mask, old;

    sigemptyset(&mask);
    sigaddset(&mask, SIGCHLD);
    sigprocmask(SIG_BLOCK, &mask, &old);
    int signal_fd = signalfd(-1, &mask, SFD_CLOEXEC);
    if (signal_fd < 0)
        give_up("waiting for signals: %s", strerror(errno));

    pid_t program = start(settings, &old);
    int status = wait_for_end(program, name, signal_fd, power_fd);
    close(signal_fd);
    if (WIFSIGNALED(status))
        say("%s killed by signal %d", name, WTERMSIG(status));
    else
        say("%s exited with status %d", name, WEXITSTATUS(status));
}
