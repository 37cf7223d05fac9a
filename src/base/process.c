#include "base/process.h"

#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <pthread.h>
#include <signal.h>
#include <spawn.h>
#include <string.h>
#include <sys/wait.h>

#include "base/buffer.h"
#include "base/memory.h"

enum { WORDS_KEPT = 4096 };

static pthread_mutex_t beginning = PTHREAD_MUTEX_INITIALIZER;

void cunik_process_release(void)
{
    pthread_mutex_unlock(&beginning);
}

static void hold(void)
{
    pthread_mutex_lock(&beginning);
}

static void have_forks_wait(void)
{
    pthread_atfork(hold, cunik_process_release, cunik_process_release);
}

void cunik_process_hold(void)
{
    static pthread_once_t once = PTHREAD_ONCE_INIT;

    pthread_once(&once, have_forks_wait);
    hold();
}

/* How many of the words are KEY=VALUE in front of the program. */
static size_t n_assignments(const struct strv *argv)
{
    size_t n = 0;

    while (n + 1 < argv->n && strchr(argv->items[n], '='))
        n++;
    return n;
}

/* Those and our own environment; of two of one name programs see the first. */
static char **make_environment(const struct strv *argv, size_t n)
{
    size_t own = 0;

    while (environ[own])
        own++;
    char **all = cunik_calloc(n + own + 1, sizeof(*all));
    for (size_t i = 0; i < n; i++)
        all[i] = argv->items[i];
    for (size_t i = 0; i < own; i++)
        all[n + i] = environ[i];
    return all;
}

/* -1 leaves a stream as it is. The child gets the signals that programs expect. */
static int spawn(const struct strv *argv, int output, int errors, pid_t *ret)
{
    _cleanup_free_ char **words = cunik_strv_argv(argv);
    size_t skip = n_assignments(argv);
    _cleanup_free_ char **environment = make_environment(argv, skip);
    posix_spawn_file_actions_t files;
    posix_spawnattr_t attributes;
    sigset_t none, all;

    sigemptyset(&none);
    sigfillset(&all);
    posix_spawnattr_init(&attributes);
    posix_spawnattr_setflags(&attributes, POSIX_SPAWN_SETSIGMASK | POSIX_SPAWN_SETSIGDEF);
    posix_spawnattr_setsigmask(&attributes, &none);
    posix_spawnattr_setsigdefault(&attributes, &all);
    posix_spawn_file_actions_init(&files);
    if (errors >= 0) {
        posix_spawn_file_actions_addopen(&files, STDIN_FILENO, "/dev/null", O_RDONLY, 0);
        if (output >= 0)
            posix_spawn_file_actions_adddup2(&files, output, STDOUT_FILENO);
        else
            posix_spawn_file_actions_addopen(&files, STDOUT_FILENO, "/dev/null", O_WRONLY, 0);
        posix_spawn_file_actions_adddup2(&files, errors, STDERR_FILENO);
    }
    posix_spawn_file_actions_addclosefrom_np(&files, STDERR_FILENO + 1);
    hold(); /* no fork(3), which would wait by itself */
    int r = posix_spawnp(ret, words[skip], &files, &attributes, words + skip, environment);
    cunik_process_release();
    posix_spawn_file_actions_destroy(&files);
    posix_spawnattr_destroy(&attributes);
    return -r;
}

static int wait_for(pid_t pid)
{
    int status;

    while (waitpid(pid, &status, 0) < 0)
        if (errno != EINTR)
            return -errno;
    return status;
}

/* Of what it said, the last line that is not blank. */
static char *last_line(const struct buffer *said)
{
    const char *text = said->size ? said->data : "";
    size_t end = said->size, start;

    while (end && strchr(" \t\r\n", text[end - 1]))
        end--;
    for (start = end; start && text[start - 1] != '\n';)
        start--;
    return cunik_strndup(text + start, end - start);
}

static int judge(const char *program, int status, const struct buffer *said, struct error **err)
{
    if (status < 0)
        return cunik_error_errno(err, status, "waiting for '%s'", program);
    if (WIFEXITED(status) && WEXITSTATUS(status) == 0)
        return 0;
    _cleanup_free_ char *line = last_line(said);
    if (WIFSIGNALED(status))
        return cunik_error_set(err, ERROR_FAILED, "'%s' was ended by signal %d%s%s", program,
                               WTERMSIG(status), *line ? ": " : "", line);
    return cunik_error_set(err, ERROR_FAILED, "'%s' ended with status %d%s%s", program,
                           WEXITSTATUS(status), *line ? ": " : "", line);
}

/* Reads both pipes until they are closed; of the errors only the end is kept. */
static int collect(int output, int errors, struct buffer *out, struct buffer *said)
{
    struct pollfd ends[] = {{.fd = output, .events = POLLIN}, {.fd = errors, .events = POLLIN}};
    struct buffer *to[] = {out, said};
    char chunk[8192];

    while (ends[0].fd >= 0 || ends[1].fd >= 0) {
        if (poll(ends, 2, -1) < 0) {
            if (errno == EINTR)
                continue;
            return -errno;
        }
        for (size_t i = 0; i < 2; i++) {
            if (ends[i].fd < 0 || !ends[i].revents)
                continue;
            ssize_t n = read(ends[i].fd, chunk, sizeof(chunk));
            if (n < 0 && errno == EINTR)
                continue;
            if (n <= 0) {
                ends[i].fd = -1;
                continue;
            }
            if (out->size + (size_t)n > PROCESS_OUTPUT_MAX && i == 0)
                return -EFBIG;
            cunik_buffer_append(to[i], chunk, (size_t)n);
            if (said->size > 2 * WORDS_KEPT)
                cunik_buffer_consume(said, said->size - WORDS_KEPT);
        }
    }
    return 0;
}

static int not_started(int r, const char *program, struct error **err)
{
    if (r == -ENOENT)
        return cunik_error_set(err, ERROR_UNAVAILABLE, "the program '%s' is not installed",
                               program);
    return cunik_error_errno(err, r, "starting '%s'", program);
}

static void close_end(int *fd)
{
    close(*fd);
    *fd = -1;
}

int cunik_process_run(const struct strv *argv, char **ret_output, struct error **err)
{
    _cleanup_buffer_ struct buffer out = {0}, said = {0};
    const char *program = argv->items[n_assignments(argv)];
    int pipes[2][2] = {{-1, -1}, {-1, -1}};
    pid_t pid = 0;
    int r = 0;

    for (size_t i = 0; i < 2 && r == 0; i++)
        r = pipe2(pipes[i], O_CLOEXEC) < 0 ? -errno : 0;
    if (r == 0)
        r = spawn(argv, ret_output ? pipes[0][1] : -1, pipes[1][1], &pid);
    for (size_t i = 0; i < 2; i++)
        if (pipes[i][1] >= 0)
            close_end(&pipes[i][1]);
    int collected = r == 0 ? collect(pipes[0][0], pipes[1][0], &out, &said) : 0;
    for (size_t i = 0; i < 2; i++)
        if (pipes[i][0] >= 0)
            close_end(&pipes[i][0]);
    if (r < 0)
        return not_started(r, program, err);
    if (collected < 0)
        kill(pid, SIGKILL);
    r = judge(program, wait_for(pid), &said, collected < 0 ? NULL : err);
    if (collected < 0)
        return cunik_error_errno(err, collected, "reading what '%s' writes", program);
    if (r == 0 && ret_output)
        *ret_output = cunik_buffer_take(&out);
    return r;
}

int cunik_process_run_words(const char *const *words, size_t n, struct error **err)
{
    _cleanup_strv_ struct strv argv = {0};

    for (size_t i = 0; i < n; i++)
        cunik_strv_add(&argv, words[i]);
    return cunik_process_run(&argv, NULL, err);
}

int cunik_process_show(const struct strv *argv, struct error **err)
{
    static const struct buffer nothing;
    pid_t pid = 0;
    int r = spawn(argv, -1, -1, &pid);

    return r < 0 ? not_started(r, argv->items[0], err)
                 : judge(argv->items[0], wait_for(pid), &nothing, err);
}

bool cunik_process_keeps_groups(void)
{
    _cleanup_close_ int fd = open("/proc/self/setgroups", O_RDONLY | O_CLOEXEC);
    char word[8] = "";

    return fd >= 0 && read(fd, word, sizeof(word) - 1) > 0 && strncmp(word, "deny", 4) == 0;
}
