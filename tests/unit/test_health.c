#include "engine/health.h"

#include <arpa/inet.h>
#include <dirent.h>
#include <fcntl.h>
#include <poll.h>
#include <pthread.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <time.h>

#include "base/buffer.h"
#include "base/file.h"
#include "base/memory.h"
#include "base/text.h"
#include "base/time.h"
#include "engine/health_internal.h"
#include "tests/support/test.h"

#define DEADLINE (20000 * NS_PER_MS)

static int64_t now_ns(void)
{
    return cunik_time_now(CLOCK_MONOTONIC);
}

/* What the prober has said, in order. */

struct said {
    char *name;
    enum cunik_health health;
    char *reason;
    int64_t at;
};

struct fixture {
    struct prober *prober;
    pthread_mutex_t lock;
    pthread_cond_t more;
    struct said *said;
    size_t n;
    struct world world;
    char *folder;
};

static void changed(void *ctx, const char *name, enum cunik_health health, const char *reason)
{
    struct fixture *f = ctx;

    pthread_mutex_lock(&f->lock);
    *ARRAY_APPEND(f->said, f->n) =
        (struct said){cunik_strdup(name), health, cunik_strdup(reason), now_ns()};
    pthread_cond_broadcast(&f->more);
    pthread_mutex_unlock(&f->lock);
}

/* The time at which the name was said to be so for the n-th time; fails after the deadline. */
static int64_t wait_nth(struct fixture *f, const char *name, enum cunik_health health, size_t nth,
                        char **ret_reason)
{
    int64_t at = 0;
    struct timespec end;

    clock_gettime(CLOCK_REALTIME, &end);
    end.tv_sec += DEADLINE / NS_PER_SECOND;
    pthread_mutex_lock(&f->lock);
    for (int r = 0; !at && r == 0;) {
        size_t seen = 0;
        for (size_t i = 0; i < f->n && !at; i++)
            if (strcmp(f->said[i].name, name) == 0 && f->said[i].health == health &&
                ++seen == nth) {
                at = f->said[i].at;
                if (ret_reason)
                    *ret_reason = cunik_strdup(f->said[i].reason);
            }
        if (!at)
            r = pthread_cond_timedwait(&f->more, &f->lock, &end);
    }
    pthread_mutex_unlock(&f->lock);
    if (!at)
        fail_msg("'%s' did not become %s", name, cunik_health_name(health));
    return at;
}

static int64_t wait_health(struct fixture *f, const char *name, enum cunik_health health)
{
    return wait_nth(f, name, health, 1, NULL);
}

/* Waits for a reason that contains `words`, whatever the health. */
static void wait_reason(struct fixture *f, const char *words)
{
    struct timespec end;
    bool found = false;

    clock_gettime(CLOCK_REALTIME, &end);
    end.tv_sec += DEADLINE / NS_PER_SECOND;
    pthread_mutex_lock(&f->lock);
    for (int r = 0; !found && r == 0;) {
        for (size_t i = 0; i < f->n; i++)
            found = found || strstr(f->said[i].reason, words);
        if (!found)
            r = pthread_cond_timedwait(&f->more, &f->lock, &end);
    }
    for (size_t i = 0; i < f->n && !found; i++)
        print_error("said: %s %s '%s'\n", f->said[i].name, cunik_health_name(f->said[i].health),
                    f->said[i].reason);
    pthread_mutex_unlock(&f->lock);
    if (!found)
        fail_msg("nobody said '%s'", words);
}

static size_t count_said(struct fixture *f)
{
    pthread_mutex_lock(&f->lock);
    size_t n = f->n;
    pthread_mutex_unlock(&f->lock);
    return n;
}

static int setup(void **state)
{
    struct fixture *f = cunik_calloc(1, sizeof(*f));
    _cleanup_error_ struct error *err = NULL;

    pthread_mutex_init(&f->lock, NULL);
    pthread_cond_init(&f->more, NULL);
    f->folder = test_temporary_folder();
    test_ok(cunik_prober_create(changed, f, &f->prober, &err), err);
    *state = f;
    return 0;
}

static int teardown(void **state)
{
    struct fixture *f = *state;

    cunik_prober_destroy(f->prober);
    for (size_t i = 0; i < f->n; i++) {
        free(f->said[i].name);
        free(f->said[i].reason);
    }
    free(f->said);
    cunik_world_done(&f->world);
    test_ok(cunik_file_remove_tree(f->folder, NULL), NULL);
    free(f->folder);
    pthread_mutex_destroy(&f->lock);
    pthread_cond_destroy(&f->more);
    free(f);
    return 0;
}

/* A cunik with a test given as words; times are short: every 100 ms, 3 times, 5 s of time. */
static struct world_cunik *cunik(struct fixture *f, const char *name, const char *kind,
                                 const char *argument)
{
    struct world_cunik *c = cunik_world_add_cunik(&f->world);

    cunik_replace(&c->name, name);
    cunik_replace(&c->service, "web");
    cunik_replace(&c->stack, "demo");
    cunik_strv_add(&c->health.test, kind);
    if (argument)
        cunik_strv_add(&c->health.test, argument);
    c->health.interval_ns = 100 * NS_PER_MS;
    c->health.timeout_ns = 5000 * NS_PER_MS;
    c->health.start_interval_ns = 5000 * NS_PER_MS;
    c->health.retries = 3;
    return c;
}

static void add(struct fixture *f, const struct world_cunik *c)
{
    cunik_prober_add(f->prober, c, "127.0.0.1", "", 0);
}

/* A listening socket of this host; port 0 = any free one. */
static int listen_on(uint16_t *port, int backlog)
{
    int fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0), on = 1;
    struct sockaddr_in a = {
        .sin_family = AF_INET, .sin_port = htons(*port), .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
    socklen_t size = sizeof(a);

    setsockopt(fd, SOL_SOCKET, SO_REUSEADDR, &on, sizeof(on));
    assert_int_equal(bind(fd, (struct sockaddr *)&a, sizeof(a)), 0);
    if (backlog >= 0)
        assert_int_equal(listen(fd, backlog), 0);
    getsockname(fd, (struct sockaddr *)&a, &size);
    *port = ntohs(a.sin_port);
    return fd;
}

/* A small HTTP server: answers every connection with `reply` after `delay_ms`, until stopped. */
struct server {
    int fd, stop[2];
    uint16_t port;
    const char *_Atomic reply;
    _Atomic int delay_ms;
    _Atomic int requests;
    _Atomic int cut_off; /* connections that were reset before the reply was out */
    char request[1024];
    pthread_t thread;
};

static void answer(struct server *s, int fd)
{
    struct pollfd p = {.fd = s->stop[0], .events = POLLIN};
    char rest;
    ssize_t got = recv(fd, s->request, sizeof(s->request) - 1, 0);

    if (got <= 0)
        return;
    s->request[got] = '\0';
    s->requests++;
    poll(&p, 1, s->delay_ms);
    if (cunik_write_all(fd, s->reply, strlen(s->reply)) < 0)
        s->cut_off++;
    shutdown(fd, SHUT_WR);
    if (recv(fd, &rest, 1, 0) < 0)
        s->cut_off++;
}

static void *serve(void *arg)
{
    struct server *s = arg;
    struct pollfd p[] = {{.fd = s->stop[0], .events = POLLIN}, {.fd = s->fd, .events = POLLIN}};

    while (poll(p, 2, -1) > 0 && !p[0].revents) {
        int fd = accept4(s->fd, NULL, NULL, SOCK_CLOEXEC);
        answer(s, fd);
        close(fd);
    }
    return NULL;
}

static void start_server(struct server *s, const char *reply, int delay_ms)
{
    *s = (struct server){.reply = reply, .delay_ms = delay_ms};
    s->fd = listen_on(&s->port, 16);
    assert_int_equal(pipe2(s->stop, O_CLOEXEC), 0);
    assert_int_equal(pthread_create(&s->thread, NULL, serve, s), 0);
}

static void stop_server(struct server *s)
{
    close(s->stop[1]);
    pthread_join(s->thread, NULL);
    close(s->stop[0]);
    close(s->fd);
}

static char *port_text(uint16_t port)
{
    return cunik_asprintf("%u", port);
}

static char *url(uint16_t port)
{
    return cunik_asprintf("http://:%u/ok?a=b#part", port);
}

static void check(const char *words, const char *expected)
{
    _cleanup_strv_ struct strv test = {0};
    _cleanup_error_ struct error *err = NULL;

    cunik_strv_split(&test, words, "|");
    int r = cunik_health_check_test(&test, &err);
    if (!expected) {
        test_ok(r, err);
        return;
    }
    if (r == 0)
        fail_msg("%s is accepted", words);
    assert_int_equal(err->code, ERROR_INVALID);
    if (strcmp(err->message, expected) != 0)
        fail_msg("%s: %s", words, err->message);
}

static void test_check(void **state _unused_)
{
    check("", NULL);
    check("NONE", NULL);
    check("TCP|6379", NULL);
    check("TCP|:6379", NULL);
    check("TCP|10.0.0.1:6379", NULL);
    check("TCP|localhost:6379", NULL);
    check("HTTP|http://:8080/ok", NULL);
    check("HTTP|http://localhost", NULL);
    check("HTTP|http://10.0.0.1?x=1", NULL);
    check("HTTP|http://:80/|204", NULL);
    check("HTTP|http://:80/|200-204", NULL);
    check("LOG|ready|", NULL);
    check("LOG|^(a|b)+$", "LOG takes one regular expression");
    check("CMD|true", NULL);
    check("CMD|a|b|c", NULL);
    check("CMD-SHELL|exit 0", NULL);

    check("tcp|80", "'tcp' is no kind of health check (TCP, HTTP, LOG, CMD, CMD-SHELL, NONE)");
    check("HTTPS|x", "'HTTPS' is no kind of health check (TCP, HTTP, LOG, CMD, CMD-SHELL, NONE); "
                     "did you mean 'HTTP'?");
    check("NONE|x", "NONE takes nothing");
    check("TCP", "TCP takes a port");
    check("TCP|0", "TCP: '0' is no port (1 to 65535)");
    check("TCP|65536", "TCP: '65536' is no port (1 to 65535)");
    check("TCP|8o", "TCP: '8o' is no port (1 to 65535)");
    check("TCP|redis:80",
          "TCP: 'redis' is no IPv4 address; leave the host out for the guest itself");
    check("HTTP|https://:80/", "HTTP: the URL 'https://:80/' does not begin with 'http://'");
    check("HTTP|http://:0/", "HTTP: the URL 'http://:0/': '0' is no port (1 to 65535)");
    check("HTTP|http://:/", "HTTP: the URL 'http://:/': '' is no port (1 to 65535)");
    check("HTTP|http://:80/a b",
          "HTTP: the URL 'http://:80/a b' has a blank or control character; write it as %20");
    check("HTTP|http://:80/|2xx",
          "HTTP: '2xx' is no HTTP status (\"204\") or range of them (\"200-299\")");
    check("HTTP|http://:80/|300-200",
          "HTTP: '300-200' is no HTTP status (\"204\") or range of them (\"200-299\")");
    check("LOG|(", "LOG: the regular expression '(': Unmatched ( or \\(");
    check("CMD", "CMD takes a program and its arguments");
    check("CMD-SHELL|a|b", "CMD-SHELL takes one command for the shell");
    check("CMD-SHELL| ", "CMD-SHELL: the command is empty");
}

static void test_tcp(void **state)
{
    struct fixture *f = *state;
    uint16_t port = 0;
    int fd = listen_on(&port, 16);
    _cleanup_free_ char *text = port_text(port);
    _cleanup_free_ char *reason = NULL;

    int64_t begin = now_ns();
    add(f, cunik(f, "a", "TCP", text));
    assert_true(wait_health(f, "a", HEALTH_HEALTHY) - begin < NS_PER_SECOND);
    assert_int_equal(cunik_prober_health(f->prober, "a", &reason), HEALTH_HEALTHY);
    assert_string_equal(reason, "");
    assert_int_equal(cunik_prober_health(f->prober, "b", NULL), HEALTH_NONE);

    /* It goes away: three failures, 100 ms apart, then it is unhealthy; and comes back. */
    close(fd);
    begin = now_ns();
    assert_true(wait_health(f, "a", HEALTH_UNHEALTHY) - begin > 150 * NS_PER_MS);
    wait_reason(f, "connecting to 127.0.0.1 port ");
    wait_reason(f, ": Connection refused");
    fd = listen_on(&port, 16);
    wait_nth(f, "a", HEALTH_HEALTHY, 3, NULL); /* the second was "healthy, but refused once" */
    close(fd);
}

static int compare_times(const void *a, const void *b)
{
    int64_t x = *(const int64_t *)a, y = *(const int64_t *)b;

    return x < y ? -1 : x > y;
}

/* A port that opens after a while is known to be open within a small part of that time. */
static void test_start_is_seen_at_once(void **state)
{
    enum { ROUNDS = 9 };
    struct fixture *f = *state;
    int64_t late[ROUNDS];

    for (int i = 0; i < ROUNDS; i++) {
        uint16_t port = 0;
        int fd = listen_on(&port, -1); /* bound, so that nobody else takes it, but refusing */
        _cleanup_free_ char *text = port_text(port), *name = cunik_asprintf("round-%d", i);
        struct world_cunik *c = cunik(f, name, "TCP", text);
        c->health.interval_ns = 30000 * NS_PER_MS;
        add(f, c);
        poll(NULL, 0, 150);
        assert_int_equal(listen(fd, 16), 0);
        int64_t ready = now_ns();
        late[i] = wait_health(f, name, HEALTH_HEALTHY) - ready;
        cunik_prober_remove(f->prober, name);
        close(fd);
    }
    qsort(late, ROUNDS, sizeof(*late), compare_times);
    print_message("# from ready to healthy, after 150 ms: median %.2f ms, most %.2f ms\n",
                  (double)late[ROUNDS / 2] / 1e6, (double)late[ROUNDS - 1] / 1e6);
    assert_true(late[ROUNDS / 2] < 60 * NS_PER_MS);
}

/* When a guest that is ready at this time is asked next, where attempts take no time. */
static int64_t asked_at(int64_t ready, bool command, int64_t start_interval)
{
    int64_t now = 0;

    while (now < ready)
        now += cunik_prober_retry_wait(now, command, start_interval);
    return now;
}

/* On a clock of the test's own: a guest that is ready after 80 ms is asked before 86 ms are over,
 * and whenever it is, a sixteenth of that time later at most. */
static void test_asked_when_ready(void **state _unused_)
{
    const int64_t second = NS_PER_SECOND;

    assert_true(asked_at(80 * NS_PER_MS, false, 5 * second) < 86 * NS_PER_MS);
    for (int64_t ready = 0; ready < 200 * second; ready += 1 + ready / 50) {
        int64_t late = asked_at(ready, false, 5 * second) - ready;
        assert_true(late >= 0 && late <= RETRY_MIN + ready / 16);
        assert_true(late <= 5 * second);
        assert_true(asked_at(ready, true, 5 * second) - ready <= 50 * NS_PER_MS + ready / 4);
    }
    assert_int_equal(asked_at(1, false, NS_PER_MS), NS_PER_MS);
    assert_true(asked_at(second, false, 10 * NS_PER_MS) - second <= 10 * NS_PER_MS);
}

/* Failures while starting count once per interval, not once per attempt. */
static void test_starting_counts_intervals(void **state)
{
    struct fixture *f = *state;
    uint16_t port = 0;
    int fd = listen_on(&port, -1);
    _cleanup_free_ char *text = port_text(port);
    struct world_cunik *c = cunik(f, "a", "TCP", text);

    c->health.start_period_ns = 200 * NS_PER_MS;
    int64_t begin = now_ns();
    add(f, c);
    int64_t took = wait_health(f, "a", HEALTH_UNHEALTHY) - begin;
    assert_true(took >= 500 * NS_PER_MS && took < 3000 * NS_PER_MS); /* 200 + 3 * 100 */
    close(fd);
}

/* An address that nobody answers for does not hold up the later attempts. (TEST-NET of a namespace
 * without a route would fail at once; a full backlog of our own is what hangs.) */
static void test_hanging_connect(void **state)
{
    struct fixture *f = *state;
    uint16_t port = 0;
    int fd = listen_on(&port, 0), filler[8];
    _cleanup_free_ char *text = port_text(port);
    struct sockaddr_in a = {
        .sin_family = AF_INET, .sin_port = htons(port), .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};

    for (size_t i = 0; i < ARRAY_SIZE(filler); i++) {
        filler[i] = socket(AF_INET, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);
        (void)!connect(filler[i], (struct sockaddr *)&a, sizeof(a));
    }
    struct world_cunik *c = cunik(f, "a", "TCP", text);
    c->health.timeout_ns = 30000 * NS_PER_MS;
    c->health.interval_ns = 30000 * NS_PER_MS;
    add(f, c);
    wait_reason(f, ": no answer");
    /* Room again: the kernel would send the first attempt's packet again after 1 s only. */
    assert_int_equal(listen(fd, 64), 0);
    for (size_t i = 0; i < ARRAY_SIZE(filler); i++)
        close(filler[i]);
    int64_t begin = now_ns();
    int64_t took = wait_health(f, "a", HEALTH_HEALTHY) - begin;
    print_message("# after a connect that hung: %.1f ms\n", (double)took / 1e6);
    assert_true(took < 800 * NS_PER_MS);
    close(fd);
}

static void test_http(void **state)
{
    struct fixture *f = *state;
    struct server s;

    start_server(&s, "HTTP/1.1 503 Busy\r\nContent-Length: 0\r\n\r\n", 0);
    _cleanup_free_ char *where = url(s.port);
    _cleanup_free_ char *expected =
        cunik_asprintf("GET http://127.0.0.1:%u/ok?a=b: status 503", s.port);
    add(f, cunik(f, "a", "HTTP", where));
    wait_reason(f, expected);
    s.reply = "HTTP/1.0 399 Odd\r\n\r\n";
    wait_nth(f, "a", HEALTH_HEALTHY, 1, NULL);
    s.reply = "SSH-2.0-nonsense\r\n";
    wait_reason(f, "the answer is no HTTP");
    s.reply = "";
    wait_reason(f, "closed without an answer");
    s.reply = "HTTP/1.1 200 OK\r\n\r\n";
    wait_nth(f, "a", HEALTH_HEALTHY, 3, NULL);
    stop_server(&s);
    assert_non_null(strstr(s.request, "GET /ok?a=b HTTP/1.1\r\n"));
    assert_non_null(strstr(s.request, "\r\nHost: 127.0.0.1:"));
    assert_non_null(strstr(s.request, "\r\nConnection: close\r\n"));
}

static void test_http_expected_status(void **state)
{
    struct fixture *f = *state;
    struct server s;

    start_server(&s, "HTTP/1.1 200 OK\r\n\r\n", 0);
    _cleanup_free_ char *where = url(s.port);
    struct world_cunik *c = cunik(f, "a", "HTTP", where);
    cunik_strv_add(&c->health.test, "404");
    add(f, c);
    wait_reason(f, "status 200");
    s.reply = "HTTP/1.1 404 Not Found\r\n\r\n";
    wait_health(f, "a", HEALTH_HEALTHY);
    stop_server(&s);
}

/* A slow first answer has the whole timeout even while starting; and one that is too slow fails. */
static void test_http_slow(void **state)
{
    struct fixture *f = *state;
    struct server s;

    start_server(&s, "HTTP/1.1 200 OK\r\n\r\n", 700);
    _cleanup_free_ char *where = url(s.port);
    struct world_cunik *c = cunik(f, "slow", "HTTP", where);
    c->health.interval_ns = 30000 * NS_PER_MS;
    add(f, c);
    wait_health(f, "slow", HEALTH_HEALTHY);
    assert_int_equal(s.requests, 1);

    c = cunik(f, "too-slow", "HTTP", where);
    c->health.timeout_ns = 300 * NS_PER_MS;
    add(f, c);
    wait_nth(f, "too-slow", HEALTH_UNHEALTHY, 1, NULL);
    wait_reason(f, "no answer within 300ms");
    cunik_prober_remove(f->prober, "too-slow");
    s.delay_ms = 0;
    stop_server(&s);
}

/* A reply is read to its end although its status is known before. */
static void test_http_reply_is_read(void **state)
{
    struct fixture *f = *state;
    struct server s;
    enum { SIZE = 200 << 10 };
    _cleanup_free_ char *reply = cunik_calloc(1, SIZE);

    memset(reply, 'x', SIZE - 1);
    memcpy(reply, "HTTP/1.1 200 OK\r\n\r\n", strlen("HTTP/1.1 200 OK\r\n\r\n"));
    start_server(&s, reply, 0);
    _cleanup_free_ char *where = url(s.port);
    add(f, cunik(f, "a", "HTTP", where));
    wait_health(f, "a", HEALTH_HEALTHY);
    for (int64_t end = now_ns() + DEADLINE; s.requests < 4 && now_ns() < end;)
        poll(NULL, 0, 10);
    stop_server(&s);
    assert_true(s.requests >= 4);
    assert_int_equal(s.cut_off, 0);
}

static void test_no_address(void **state)
{
    struct fixture *f = *state;
    char *reason = NULL;

    cunik_prober_add(f->prober, cunik(f, "a", "TCP", "80"), "", "", 0);
    wait_nth(f, "a", HEALTH_UNHEALTHY, 1, &reason);
    assert_string_equal(reason, "it has no address to connect to");
    free(reason);
    /* With a host in the test it needs none. */
    uint16_t port = 0;
    int fd = listen_on(&port, 16);
    _cleanup_free_ char *text = cunik_asprintf("127.0.0.1:%u", port);
    cunik_prober_add(f->prober, cunik(f, "b", "TCP", text), "", "", 0);
    wait_health(f, "b", HEALTH_HEALTHY);
    close(fd);
}

static void append(const char *path, const char *text)
{
    FILE *file = fopen(path, "a");

    assert_non_null(file);
    fputs(text, file);
    assert_int_equal(fclose(file), 0);
}

static void test_log(void **state)
{
    struct fixture *f = *state;
    _cleanup_free_ char *console = cunik_path_join(f->folder, "a.log");
    struct world_cunik *c = cunik(f, "a", "LOG", "^[Rr]eady( for .*)?$");

    append(console, "ready\nsecond life\nnot quite ready\n");
    c->health.interval_ns = 30000 * NS_PER_MS;
    cunik_prober_add(f->prober, c, "", console, strlen("ready\n"));
    wait_reason(f, "no line of the console matches '^[Rr]eady( for .*)?$'");
    append(console, "Ready for con");
    append(console, "nections ");
    int64_t begin = now_ns();
    append(console, "now\r\n");
    int64_t took = wait_health(f, "a", HEALTH_HEALTHY) - begin;
    print_message("# from a line to healthy: %.2f ms\n", (double)took / 1e6);
    assert_true(took < NS_PER_SECOND);
    /* Once healthy it is left alone. */
    size_t said = count_said(f);
    append(console, "more\n");
    poll(NULL, 0, 50);
    assert_int_equal(count_said(f), said);
}

/* The console may not be there yet, a prompt has no newline, and what was unhealthy may recover. */
static void test_log_late(void **state)
{
    struct fixture *f = *state;
    _cleanup_free_ char *console = cunik_path_join(f->folder, "a.log");

    cunik_prober_add(f->prober, cunik(f, "a", "LOG", "login:"), "", console, 0);
    wait_reason(f, "opening its console");
    append(console, "booting\n");
    wait_reason(f, "no line of the console matches");
    wait_health(f, "a", HEALTH_UNHEALTHY);
    append(console, "host login: ");
    wait_health(f, "a", HEALTH_HEALTHY);
}

static void test_log_flood(void **state)
{
    struct fixture *f = *state;
    _cleanup_free_ char *console = cunik_path_join(f->folder, "a.log");
    _cleanup_buffer_ struct buffer b = {0};

    while (b.size < 5 << 20)
        cunik_buffer_text_append(&b, "a line of no interest at all, of which there are many\n");
    cunik_buffer_text_append(&b, "done\n");
    append(console, cunik_buffer_text(&b));
    cunik_prober_add(f->prober, cunik(f, "a", "LOG", "^done$"), "", console, 0);
    wait_health(f, "a", HEALTH_HEALTHY);
}

static void test_command(void **state)
{
    struct fixture *f = *state;
    _cleanup_free_ char *out = cunik_path_join(f->folder, "environment");
    _cleanup_free_ char *script = cunik_asprintf(
        "echo \"$CUNIK_NAME,$CUNIK_STACK,$CUNIK_SERVICE,$CUNIK_ADDRESS,$CUNIK_ADDRESSES,"
        "$CUNIK_ADDRESS_DEMO_BACK_END,$CUNIK_SECRET\" >%s.new; mv %s.new %s",
        out, out, out);
    struct world_cunik *c = cunik(f, "a", "CMD-SHELL", script);

    c->interfaces = cunik_calloc(2, sizeof(*c->interfaces));
    c->n_interfaces = 2;
    for (size_t i = 0; i < 2; i++)
        c->interfaces[i] = (struct world_interface){
            .network = cunik_strdup(i ? "demo_back-end" : "demo_front"),
            .link = cunik_strdup(""),
            .mac = cunik_strdup(""),
            .address = cunik_asprintf("10.0.%zu.2", i),
        };
    setenv("CUNIK_SECRET", "of the engine", 1);
    cunik_prober_add(f->prober, c, "10.0.0.2", "", 0);
    wait_health(f, "a", HEALTH_HEALTHY);
    unsetenv("CUNIK_SECRET");
    _cleanup_free_ char *text = test_read(out);
    assert_string_equal(text, "a,demo,web,10.0.0.2,10.0.0.2 10.0.1.2,10.0.1.2,\n");

    c = cunik(f, "b", "CMD", "/bin/sh");
    cunik_strv_add(&c->health.test, "-c");
    cunik_strv_add(&c->health.test, "echo first; echo 'it hurts' >&2; exit 3");
    add(f, c);
    wait_reason(f, "'/bin/sh' ended with 3: it hurts");
    add(f, cunik(f, "c", "CMD-SHELL", "kill -9 $$"));
    wait_reason(f, "'kill -9 $$' ended by signal 9");
    add(f, cunik(f, "d", "CMD", "/no/such/program"));
    wait_reason(f, "starting '/no/such/program' on this host: No such file or directory");
    wait_health(f, "b", HEALTH_UNHEALTHY);
}

/* Signals and descriptors of the engine do not reach a command. */
static void test_command_is_clean(void **state)
{
    struct fixture *f = *state;
    _cleanup_free_ char *out = cunik_path_join(f->folder, "out");
    _cleanup_free_ char *script = cunik_asprintf(
        "{ ls /proc/self/fd | tr '\\n' ' '; grep -E '^Sig(Blk|Ign)' /proc/self/status; } >%s.new; "
        "mv %s.new %s",
        out, out, out);
    int leaked = open("/dev/null", O_RDONLY); /* not close-on-exec on purpose */
    sigset_t pipe_set;

    sigemptyset(&pipe_set);
    sigaddset(&pipe_set, SIGCHLD);
    pthread_sigmask(SIG_BLOCK, &pipe_set, NULL);
    signal(SIGPIPE, SIG_IGN);
    add(f, cunik(f, "a", "CMD-SHELL", script));
    wait_health(f, "a", HEALTH_HEALTHY);
    signal(SIGPIPE, SIG_DFL);
    pthread_sigmask(SIG_UNBLOCK, &pipe_set, NULL);
    close(leaked);
    _cleanup_free_ char *text = test_read(out);
    assert_non_null(strstr(text, "SigBlk:\t0000000000000000"));
    const char *ignored = strstr(text, "SigIgn:\t");
    assert_non_null(ignored);
    uint64_t signals = strtoull(ignored + strlen("SigIgn:\t"), NULL, 16);
    assert_int_equal(signals & 0x7fffffff, 0);           /* 32 and 33 are the C library's own */
    assert_true(cunik_text_starts(text, "0 1 2 3 Sig")); /* 3 is ls reading the folder */
}

static bool has_children(void)
{
    siginfo_t info;

    return waitid(P_ALL, 0, &info, WEXITED | WNOHANG | WNOWAIT) == 0;
}

/* A command that takes too long ends with everything it started, and nothing is left of it, not
 * even what it orphaned: this process is a subreaper as the engine is. */
static void test_command_timeout(void **state)
{
    struct fixture *f = *state;
    struct world_cunik *c =
        cunik(f, "a", "CMD-SHELL", "(sleep 1000; :) & (sleep 1000 & ) ; sleep 1000; :");
    int64_t end = now_ns() + DEADLINE;

    prctl(PR_SET_CHILD_SUBREAPER, 1);
    c->health.timeout_ns = 200 * NS_PER_MS;
    c->health.interval_ns = 30000 * NS_PER_MS;
    c->health.start_interval_ns = 30000 * NS_PER_MS;
    c->health.retries = 1;
    c->health.start_period_ns = 0;
    add(f, c);
    wait_reason(f, "it did not end within 200ms");
    cunik_prober_remove(f->prober, "a");
    while (has_children() && now_ns() < end)
        poll(NULL, 0, 10);
    assert_false(has_children());

    /* One that ends well but leaves something behind is cleaned up likewise. */
    c = cunik(f, "b", "CMD-SHELL", "sleep 1000 & exit 0");
    c->health.interval_ns = 30000 * NS_PER_MS;
    add(f, c);
    wait_health(f, "b", HEALTH_HEALTHY);
    while (has_children() && now_ns() < end)
        poll(NULL, 0, 10);
    assert_false(has_children());

    /* And so is one under way when the prober ends. */
    add(f, cunik(f, "c", "CMD-SHELL", "sleep 1000; :"));
    while (!has_children() && now_ns() < end)
        poll(NULL, 0, 10);
    assert_true(has_children());
    cunik_prober_destroy(TAKE_PTR(f->prober));
    assert_false(has_children());
    prctl(PR_SET_CHILD_SUBREAPER, 0);
}

/* More commands than may run at once: each has its turn. */
static void test_many_commands(void **state)
{
    enum { N = 100 };
    struct fixture *f = *state;

    for (int i = 0; i < N; i++) {
        _cleanup_free_ char *name = cunik_asprintf("cmd-%d", i);
        struct world_cunik *c = cunik(f, name, "CMD-SHELL", "sleep 0.05");
        c->health.interval_ns = 30000 * NS_PER_MS;
        add(f, c);
    }
    cunik_prober_remove(f->prober, "cmd-50");
    for (int i = 0; i < N; i++) {
        _cleanup_free_ char *name = cunik_asprintf("cmd-%d", i);
        if (i != 50)
            wait_health(f, name, HEALTH_HEALTHY);
    }
}

static void test_many_targets(void **state)
{
    enum { N = 500 };
    struct fixture *f = *state;
    uint16_t ports[N];
    int fds[N];

    for (int i = 0; i < N; i++) {
        ports[i] = 0;
        fds[i] = listen_on(&ports[i], -1);
        _cleanup_free_ char *name = cunik_asprintf("t%d", i), *text = port_text(ports[i]);
        struct world_cunik *c = cunik(f, name, "TCP", text);
        c->health.interval_ns = 30000 * NS_PER_MS;
        add(f, c);
    }
    poll(NULL, 0, 300);
    int64_t begin = now_ns();
    for (int i = 0; i < N; i++)
        listen(fds[i], 4);
    int64_t last = 0;
    for (int i = 0; i < N; i++) {
        _cleanup_free_ char *name = cunik_asprintf("t%d", i);
        int64_t at = wait_health(f, name, HEALTH_HEALTHY);
        last = at > last ? at : last;
    }
    print_message("# 500 targets healthy %.1f ms after they were ready\n",
                  (double)(last - begin) / 1e6);
    assert_true(last - begin < 5000 * NS_PER_MS);
    for (int i = 0; i < N; i++)
        close(fds[i]);

    /* Healthy, and nothing due for 30 s: no CPU. */
    struct rusage before, after;
    getrusage(RUSAGE_SELF, &before);
    poll(NULL, 0, 300);
    getrusage(RUSAGE_SELF, &after);
    assert_true(after.ru_nvcsw - before.ru_nvcsw < 10);
}

/* Replacing starts anew: what was healthy is starting from then on. */
static void test_replace_and_remove(void **state)
{
    struct fixture *f = *state;
    uint16_t port = 0;
    int fd = listen_on(&port, 16);
    _cleanup_free_ char *text = port_text(port);
    struct world_cunik *c = cunik(f, "a", "TCP", text);

    add(f, c);
    wait_health(f, "a", HEALTH_HEALTHY);
    close(fd);
    add(f, c);
    assert_int_equal(cunik_prober_health(f->prober, "a", NULL), HEALTH_STARTING);
    wait_nth(f, "a", HEALTH_STARTING, 1, NULL); /* refused */
    cunik_prober_remove(f->prober, "a");
    cunik_prober_remove(f->prober, "never-there");
    assert_int_equal(cunik_prober_health(f->prober, "a", NULL), HEALTH_NONE);
    poll(NULL, 0, 50); /* a call that was under way */
    size_t said = count_said(f);
    poll(NULL, 0, 300);
    assert_int_equal(count_said(f), said);
    /* Without a test there is nothing to say. */
    add(f, cunik(f, "b", "NONE", NULL));
    assert_int_equal(cunik_prober_health(f->prober, "b", NULL), HEALTH_NONE);
}

/* Targets come and go from several threads while probes are under way. */
static void *churn(void *arg)
{
    struct fixture *f = arg;
    _cleanup_world_ struct world w = {0};
    struct world_cunik *c = cunik_world_add_cunik(&w);
    _cleanup_free_ char *thread = cunik_asprintf("%lu", (unsigned long)pthread_self());
    static const char *const tests[][2] = {
        {"TCP", "9"}, {"HTTP", "http://:9/"}, {"LOG", "x"}, {"CMD", "true"}, {"CMD", "sleep"}};

    for (int i = 0; i < 200; i++) {
        cunik_strv_done(&c->health.test);
        for (size_t k = 0; k < 2; k++)
            cunik_strv_add(&c->health.test, tests[i % 5][k]);
        free(c->name);
        c->name = cunik_asprintf("%s-%d", thread, i % 7);
        cunik_prober_add(f->prober, c, "127.0.0.1", "/dev/null", 0);
        if (i % 3 == 0)
            cunik_prober_remove(f->prober, c->name);
    }
    return NULL;
}

static void test_churn(void **state)
{
    pthread_t threads[4];

    for (size_t i = 0; i < ARRAY_SIZE(threads); i++)
        assert_int_equal(pthread_create(&threads[i], NULL, churn, *state), 0);
    for (size_t i = 0; i < ARRAY_SIZE(threads); i++)
        pthread_join(threads[i], NULL);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_check),
        cmocka_unit_test_setup_teardown(test_tcp, setup, teardown),
        cmocka_unit_test_setup_teardown(test_start_is_seen_at_once, setup, teardown),
        cmocka_unit_test(test_asked_when_ready),
        cmocka_unit_test_setup_teardown(test_starting_counts_intervals, setup, teardown),
        cmocka_unit_test_setup_teardown(test_hanging_connect, setup, teardown),
        cmocka_unit_test_setup_teardown(test_http, setup, teardown),
        cmocka_unit_test_setup_teardown(test_http_expected_status, setup, teardown),
        cmocka_unit_test_setup_teardown(test_http_slow, setup, teardown),
        cmocka_unit_test_setup_teardown(test_http_reply_is_read, setup, teardown),
        cmocka_unit_test_setup_teardown(test_no_address, setup, teardown),
        cmocka_unit_test_setup_teardown(test_log, setup, teardown),
        cmocka_unit_test_setup_teardown(test_log_late, setup, teardown),
        cmocka_unit_test_setup_teardown(test_log_flood, setup, teardown),
        cmocka_unit_test_setup_teardown(test_command, setup, teardown),
        cmocka_unit_test_setup_teardown(test_command_is_clean, setup, teardown),
        cmocka_unit_test_setup_teardown(test_command_timeout, setup, teardown),
        cmocka_unit_test_setup_teardown(test_many_commands, setup, teardown),
        cmocka_unit_test_setup_teardown(test_many_targets, setup, teardown),
        cmocka_unit_test_setup_teardown(test_replace_and_remove, setup, teardown),
        cmocka_unit_test_setup_teardown(test_churn, setup, teardown),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
