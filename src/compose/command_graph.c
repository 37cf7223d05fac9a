/* graph: the stack as a picture. */
#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <spawn.h>
#include <stdio.h>
#include <string.h>
#include <sys/wait.h>

#include "base/file.h"
#include "base/memory.h"
#include "base/text.h"
#include "compose/command.h"
#include "compose/picture.h"

/* Runs `dot`, which reads from `in` and writes to `out`. */
static int spawn_dot(int in, int out, pid_t *ret, struct error **err)
{
    char *const argv[] = {(char[]){"dot"}, (char[]){"-Tsvg"}, NULL};
    posix_spawn_file_actions_t actions;

    posix_spawn_file_actions_init(&actions);
    posix_spawn_file_actions_adddup2(&actions, in, STDIN_FILENO);
    posix_spawn_file_actions_adddup2(&actions, out, STDOUT_FILENO);
    int r = posix_spawnp(ret, argv[0], &actions, NULL, argv, environ);
    posix_spawn_file_actions_destroy(&actions);
    if (r == ENOENT)
        return cunik_error_set(
            err, ERROR_UNAVAILABLE,
            "SVG is drawn by Graphviz, whose program 'dot' is not installed "
            "(Debian's package graphviz); --format dot and mermaid need nothing");
    return r ? cunik_error_errno(err, r, "starting 'dot'") : 0;
}

static int draw_svg(const char *dot, int out, struct error **err)
{
    int fds[2], status;
    pid_t pid;

    fflush(stdout);
    if (pipe2(fds, O_CLOEXEC) < 0)
        return cunik_error_errno(err, errno, "making a pipe");
    int r = spawn_dot(fds[0], out, &pid, err);
    close(fds[0]);
    /* When it ends early that is an error of its own; SIGPIPE is ignored. */
    int written = r < 0 ? 0 : cunik_write_all(fds[1], dot, strlen(dot));
    close(fds[1]);
    if (r < 0)
        return r;
    if (waitpid(pid, &status, 0) < 0)
        return cunik_error_errno(err, errno, "waiting for 'dot'");
    if (!WIFEXITED(status) || WEXITSTATUS(status) != 0 || written < 0)
        return cunik_error_set(err, ERROR_FAILED, "'dot' has failed");
    return 0;
}

static int open_output(const char *path, int *ret, struct error **err)
{
    int fd = open(path, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0644);

    if (fd < 0)
        return cunik_error_errno(err, errno, "writing '%s'", path);
    *ret = fd;
    return 0;
}

int cunik_command_graph(void *context, const struct arguments *a, int *status _unused_,
                        struct error **err)
{
    const char *format = cunik_arguments_value(a, "format");
    const char *path = cunik_arguments_value(a, "output");
    _cleanup_stack_ struct stack s = {0};
    _cleanup_close_ int file = -1;
    int r = cunik_command_load(context, &s, err);

    if (r == 0 && path)
        r = open_output(path, &file, err);
    if (r < 0)
        return r;
    bool mermaid = cunik_text_equal(format, "mermaid");
    _cleanup_free_ char *text = mermaid ? cunik_picture_mermaid(&s) : cunik_picture_dot(&s);
    int out = path ? file : STDOUT_FILENO;
    if (cunik_text_equal(format, "svg"))
        return draw_svg(text, out, err);
    r = cunik_write_all(out, text, strlen(text));
    return r < 0 ? cunik_error_errno(err, r, "writing '%s'", path ? path : "standard output") : 0;
}
