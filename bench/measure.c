/* Runs a command and prints what it cost: wall time in ms, CPU time in ms, peak memory in MiB.
 *
 *     measure COMMAND...
 *          "WALL CPU PEAK" on descriptor 3, the command's own output untouched
 *     measure --until-answer ADDRESS:PORT N COMMAND...
 *          starts the command N times at once, with each "%d" in its words replaced by 1..N, prints
 *          the time until each of the N addresses (with %d too) has begun to answer a GET, then
 *          kills them: the floor that bench/run compares with
 */
#include <arpa/inet.h>
#include <errno.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#include "base/memory.h"

static double now_ms(void)
{
    struct timespec t;

    clock_gettime(CLOCK_MONOTONIC, &t);
    return (double)t.tv_sec * 1e3 + (double)t.tv_nsec / 1e6;
}

/* With "%d" in it replaced by the number, and "%x" by its two hexadecimal digits. */
static char *numbered(char *word, int number)
{
    char *mark = strchr(word, '%');

    if (!mark || (mark[1] != 'd' && mark[1] != 'x'))
        return word;
    return cunik_asprintf(mark[1] == 'd' ? "%.*s%d%s" : "%.*s%02x%s", (int)(mark - word), word,
                          number, mark + 2);
}

static pid_t start(char **argv, int number)
{
    pid_t pid = fork();

    if (pid != 0)
        return pid;
    for (char **word = argv; *word; word++)
        *word = numbered(*word, number);
    close(3);
    execvp(argv[0], argv);
    perror(argv[0]);
    _exit(127);
}

static double ms_of(struct timeval t)
{
    return (double)t.tv_sec * 1e3 + (double)t.tv_usec / 1e3;
}

static int measure(char **argv)
{
    double begin = now_ms();
    struct rusage usage;
    int status;

    if (wait4(start(argv, 0), &status, 0, &usage) < 0)
        return 1;
    dprintf(3, "%.1f %.1f %.1f\n", now_ms() - begin, ms_of(usage.ru_utime) + ms_of(usage.ru_stime),
            (double)usage.ru_maxrss / 1024);
    return WIFEXITED(status) ? WEXITSTATUS(status) : 1;
}

/* Tries to get the first byte of an answer within `timeout_ms`. */
static int answers(const struct sockaddr_in *to, int timeout_ms)
{
    static const char request[] = "GET / HTTP/1.0\r\n\r\n";
    struct timeval timeout = {.tv_usec = timeout_ms * 1000};
    int fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
    char byte;

    setsockopt(fd, SOL_SOCKET, SO_RCVTIMEO, &timeout, sizeof(timeout));
    setsockopt(fd, SOL_SOCKET, SO_SNDTIMEO, &timeout, sizeof(timeout));
    int good = connect(fd, (const struct sockaddr *)to, sizeof(*to)) == 0 &&
               write(fd, request, sizeof(request) - 1) > 0 && read(fd, &byte, 1) == 1;
    close(fd);
    return good;
}

static void end_all(const pid_t *pids, int n)
{
    for (int i = 0; i < n; i++)
        kill(pids[i], SIGKILL);
    for (int i = 0; i < n; i++)
        waitpid(pids[i], NULL, 0);
}

static int until_answer(char *address, int n, char **argv)
{
    pid_t *pids = cunik_calloc((size_t)n, sizeof(*pids));
    double begin = now_ms();
    int missing = 0;

    for (int i = 0; i < n; i++)
        pids[i] = start(argv, i + 1);
    for (int i = 0; i < n && !missing; i++) {
        char *host = cunik_strdup(numbered(address, i + 1)), *colon = strchr(host, ':');
        struct sockaddr_in to = {.sin_family = AF_INET,
                                 .sin_port = htons((uint16_t)atoi(colon + 1))};
        *colon = '\0';
        inet_pton(AF_INET, host, &to.sin_addr);
        while (!answers(&to, 20) && !missing)
            missing = now_ms() - begin > 60000;
        free(host);
    }
    if (!missing)
        dprintf(3, "%.1f\n", now_ms() - begin);
    end_all(pids, n);
    free(pids);
    return missing;
}

int main(int argc, char **argv)
{
    if (argc > 4 && strcmp(argv[1], "--until-answer") == 0)
        return until_answer(argv[2], atoi(argv[3]), argv + 4);
    if (argc < 2) {
        fputs("usage: measure COMMAND... | measure --until-answer ADDRESS:PORT N COMMAND...\n",
              stderr);
        return 2;
    }
    return measure(argv + 1);
}
