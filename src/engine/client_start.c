#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/wait.h>

#include "base/file.h"
#include "base/memory.h"
#include "base/text.h"
#include "base/time.h"
#include "engine/client_internal.h"
#include "engine/clock.h"

enum {
    START_MS = 60 * 1000, /* for an engine to answer */
    READY_FD = 3,         /* in the engine: it says "ready" or "running" there */
    WORDS_MAX = 16 << 10, /* of its log, looked at for why it did not start */
};

static bool can_run(const char *path)
{
    struct stat st;

    return stat(path, &st) == 0 && S_ISREG(st.st_mode) && access(path, X_OK) == 0;
}

/* Beside the running program, else in PATH; NULL when there is none. */
static char *find_engine(void)
{
    _cleanup_free_ char *self = realpath("/proc/self/exe", NULL);
    _cleanup_free_ char *folder = cunik_path_folder(self ? self : "/");
    _cleanup_free_ char *beside = cunik_path_join(folder, "cunikd");
    _cleanup_strv_ struct strv folders = {0};
    const char *path = getenv("PATH");

    if (can_run(beside))
        return TAKE_PTR(beside);
    cunik_strv_split(&folders, path ? path : "", ":");
    for (size_t i = 0; i < folders.n; i++) {
        _cleanup_free_ char *candidate = cunik_path_join(folders.items[i], "cunikd");
        if (can_run(candidate))
            return TAKE_PTR(candidate);
    }
    return NULL;
}

/* The part of a log that says why: its last line, without time and level; the caller frees it. NULL
 * when nothing stands behind `offset`. */
static char *last_words(const char *log, uint64_t offset)
{
    static const char level[] = " error: ";
    _cleanup_close_ int fd = open(log, O_RDONLY | O_CLOEXEC);
    _cleanup_free_ char *text = cunik_calloc(1, WORDS_MAX + 1);
    off_t end = fd < 0 ? -1 : lseek(fd, 0, SEEK_END);

    if (end < 0 || (uint64_t)end <= offset)
        return NULL;
    off_t start = end - (off_t)offset > WORDS_MAX ? end - WORDS_MAX : (off_t)offset;
    ssize_t size = pread(fd, text, (size_t)(end - start), start);
    while (size > 0 && strchr("\r\n ", text[size - 1]))
        text[--size] = '\0';
    if (size <= 0)
        return NULL;
    const char *newline = strrchr(text, '\n'), *line = newline ? newline + 1 : text;
    const char *words = strstr(line, level);
    return cunik_strdup(words ? words + strlen(level) : line);
}

/* In the child: only what is safe between fork and exec of a process with threads. */
_Noreturn static void become_engine(char *const *argv, int ready, int log)
{
    static const char words[] = " error: cunikd cannot be executed\n";
    sigset_t none;
    int null;

    if (setsid() < 0 || fork() != 0) /* the grandchild is nobody's to wait for */
        _exit(0);
    sigemptyset(&none);
    sigprocmask(SIG_SETMASK, &none, NULL);
    signal(SIGPIPE, SIG_DFL);
    signal(SIGINT, SIG_DFL);
    null = open("/dev/null", O_RDONLY);
    /* First out of the way of the numbers they are to have. */
    ready = fcntl(ready, F_DUPFD, 10);
    log = fcntl(log, F_DUPFD, 10);
    dup2(null, 0);
    dup2(log, 1);
    dup2(log, 2);
    dup2(ready, READY_FD);
    close_range(READY_FD + 1, ~0U, 0);
    if (chdir("/") == 0)
        execv(argv[0], argv);
    (void)!write(2, words, sizeof(words) - 1);
    _exit(127);
}

static int spawn(const struct client *c, const char *program, int ready, int log,
                 struct error **err)
{
    _cleanup_free_ char *ready_text = cunik_asprintf("%d", READY_FD);
    const char *argv[16] = {program,   "--root",     c->state,  "--socket",
                            c->socket, "--ready-fd", ready_text};
    size_t n = 7;

    if (*c->connect) {
        argv[n++] = "--connect";
        argv[n++] = c->connect;
    }
    if (*c->accel) {
        argv[n++] = "--accel";
        argv[n++] = c->accel;
    }
    pid_t child = fork();
    if (child < 0)
        return cunik_error_errno(err, errno, "starting '%s'", program);
    if (child == 0)
        become_engine((char *const *)argv, ready, log);
    while (waitpid(child, NULL, 0) < 0 && errno == EINTR)
        ;
    return 0;
}

static int64_t now_ms(void)
{
    return cunik_clock_real.now(NULL) / NS_PER_MS;
}

/* Reads what the engine says until it has said a line or is gone; what came is in *said. */
static int listen_to(const struct client *c, int ready, struct buffer *said, struct error **err)
{
    struct pollfd fds[] = {{.fd = ready, .events = POLLIN}, {.fd = c->cancel_fd, .events = POLLIN}};
    int64_t end = now_ms() + START_MS;
    char chunk[64];

    while (!said->size || !strchr(said->data, '\n')) {
        int64_t left = end - now_ms();
        int n = poll(fds, ARRAY_SIZE(fds), left > 0 ? (int)left : 0);
        if (n < 0 && errno == EINTR)
            continue;
        if (n <= 0)
            return cunik_error_set(err, ERROR_TIMEOUT, "it did not answer within %d s",
                                   START_MS / (int)MS_PER_SECOND);
        if (fds[1].revents)
            return cunik_error_set(err, ERROR_CANCELLED, "cancelled");
        ssize_t got = read(ready, chunk, sizeof(chunk));
        if (got <= 0)
            return 0;
        cunik_buffer_append(said, chunk, (size_t)got);
    }
    return 0;
}

static int wait_ready(const struct client *c, int ready, const char *log, uint64_t offset,
                      struct error **err)
{
    _cleanup_buffer_ struct buffer said = {0};
    int r = listen_to(c, ready, &said, err);

    if (r < 0)
        return r;
    if (cunik_text_equal(cunik_buffer_text(&said), "ready\n") ||
        cunik_text_equal(cunik_buffer_text(&said), "running\n"))
        return 0;
    _cleanup_free_ char *words = last_words(log, offset);
    return cunik_error_set(err, ERROR_UNAVAILABLE, "%s%s%s", words ? words : "it ended at once",
                           words ? "; its log is " : ", and nothing is in its log, ", log);
}

static int start(const struct client *c, struct error **err)
{
    _cleanup_free_ char *program = find_engine();
    _cleanup_free_ char *log_path = cunik_path_join(c->state, "cunikd.log");
    _cleanup_close_ int log = -1, ready = -1, say = -1;
    int ends[2], r;

    if (!program)
        return cunik_error_set(err, ERROR_NOT_FOUND,
                               "there is no 'cunikd' beside this program or in PATH");
    r = cunik_file_make_folders(c->state, 0711, err);
    if (r < 0)
        return r;
    log = open(log_path, O_WRONLY | O_CREAT | O_APPEND | O_CLOEXEC, 0640);
    if (log < 0)
        return cunik_error_errno(err, errno, "opening '%s'", log_path);
    off_t offset = lseek(log, 0, SEEK_END);
    if (pipe2(ends, O_CLOEXEC) < 0)
        return cunik_error_errno(err, errno, "making a pipe");
    ready = ends[0];
    say = ends[1];
    r = spawn(c, program, say, log, err);
    if (r < 0)
        return r;
    close(TAKE_FD(say)); /* so that its end is seen */
    return wait_ready(c, ready, log_path, offset < 0 ? 0 : (uint64_t)offset, err);
}

int cunik_client_start(const struct client *c, struct error **err)
{
    int r = start(c, err);

    return r < 0 ? cunik_error_prefix(err, r, "starting the engine") : 0;
}
