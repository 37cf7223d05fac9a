/* Probes over the network: a TCP connection, and an HTTP request on one. */
#include <arpa/inet.h>
#include <errno.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/socket.h>

#include "base/text.h"
#include "engine/probe.h"

enum {
    STATUS_LINE_LIMIT = 8192,
    DRAIN_LIMIT = 256 << 10, /* of a reply's rest, before the connection is just closed */
};

static const char *host_of(const struct probe *p)
{
    return *p->test.host ? p->test.host : p->address;
}

static enum probe_outcome fail_connect(struct probe *p, int number)
{
    return cunik_probe_fail(p, "connecting to %s port %u: %s", host_of(p), p->test.port,
                            strerror(number));
}

/* Becomes PENDING or FAILED, or HEALTHY when the connection stands at once. */
static enum probe_outcome begin_connect(struct probe *p)
{
    struct sockaddr_in to = {.sin_family = AF_INET, .sin_port = htons(p->test.port)};
    int r;

    if (inet_pton(AF_INET, host_of(p), &to.sin_addr) != 1)
        return cunik_probe_fail(p, "'%s' is no IPv4 address", host_of(p));
    p->fd = socket(AF_INET, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);
    if (p->fd < 0)
        return fail_connect(p, errno);
    if (connect(p->fd, (struct sockaddr *)&to, sizeof(to)) == 0) {
        p->connected = true;
        return OUTCOME_HEALTHY;
    }
    if (errno != EINPROGRESS)
        return fail_connect(p, errno);
    r = cunik_probe_watch_fd(p, p->fd, EPOLLOUT);
    return r < 0 ? fail_connect(p, -r) : OUTCOME_PENDING;
}

/* Whether a connection under way stands now. */
static enum probe_outcome proceed_connect(struct probe *p)
{
    struct sockaddr_in peer;
    socklen_t size = sizeof(int);
    int number = 0;

    if (p->connected)
        return OUTCOME_HEALTHY;
    if (getsockopt(p->fd, SOL_SOCKET, SO_ERROR, &number, &size) < 0)
        number = errno;
    if (number)
        return fail_connect(p, number);
    size = sizeof(peer);
    if (getpeername(p->fd, (struct sockaddr *)&peer, &size) < 0)
        return errno == ENOTCONN ? OUTCOME_PENDING : fail_connect(p, errno);
    p->connected = true;
    return OUTCOME_HEALTHY;
}

const struct probe_kind_ops cunik_probe_tcp = {begin_connect, proceed_connect};

static enum probe_outcome fail_http(struct probe *p, const char *what)
{
    return cunik_probe_fail(p, "GET http://%s:%u%s: %s", host_of(p), p->test.port, p->test.path,
                            what);
}

/* "HTTP/1.1 200 OK" (RFC 9112, section 4). */
static enum probe_outcome judge_status(struct probe *p)
{
    const char *line = cunik_buffer_text(&p->reply);
    uint64_t status;
    char digits[4] = "";

    if (!cunik_text_starts(line, "HTTP/1.") || strlen(line) < 12 || line[8] != ' ')
        return fail_http(p, "the answer is no HTTP");
    memcpy(digits, line + 9, 3);
    if (cunik_text_to_uint(digits, 100, 999, &status) < 0)
        return fail_http(p, "the answer is no HTTP");
    if (status >= p->test.status_min && status <= p->test.status_max)
        return OUTCOME_HEALTHY;
    return cunik_probe_fail(p, "GET http://%s:%u%s: status %u", host_of(p), p->test.port,
                            p->test.path, (unsigned)status);
}

static enum probe_outcome read_reply(struct probe *p)
{
    char chunk[4096];
    ssize_t got;

    while ((got = recv(p->fd, chunk, sizeof(chunk), 0)) > 0) {
        cunik_buffer_append(&p->reply, chunk, (size_t)got);
        if (memchr(p->reply.data, '\n', p->reply.size))
            return judge_status(p);
        if (p->reply.size > STATUS_LINE_LIMIT)
            return fail_http(p, "the answer is no HTTP");
    }
    if (got == 0)
        return fail_http(p, "closed without an answer");
    return errno == EAGAIN || errno == EINTR ? OUTCOME_PENDING : fail_http(p, strerror(errno));
}

/* The status is known, but a server that is cut off in mid-reply logs an error or worse: the rest
 * is read to its end, as long as nobody needs the probe for its next attempt. */
static void drain(struct probe *p)
{
    char chunk[16384];
    ssize_t got = -1;

    if (p->fd < 0)
        return;
    while (p->drained < DRAIN_LIMIT && (got = recv(p->fd, chunk, sizeof(chunk), 0)) > 0)
        p->drained += (size_t)got;
    if (got < 0 && (errno == EAGAIN || errno == EINTR))
        return;
    cunik_probe_end(p);
}

static enum probe_outcome send_request(struct probe *p)
{
    while (p->request.size) {
        ssize_t put = send(p->fd, p->request.data, p->request.size, MSG_NOSIGNAL);
        if (put < 0 && (errno == EAGAIN || errno == EINTR))
            return OUTCOME_PENDING;
        if (put < 0)
            return fail_http(p, strerror(errno));
        cunik_buffer_consume(&p->request, (size_t)put);
        if (!p->request.size && cunik_probe_watch_fd(p, p->fd, EPOLLIN) < 0)
            return fail_http(p, "epoll refuses the socket");
    }
    return read_reply(p);
}

static enum probe_outcome proceed_http(struct probe *p)
{
    if (p->settled) {
        drain(p);
        return OUTCOME_PENDING;
    }
    if (!p->connected) {
        enum probe_outcome outcome = proceed_connect(p);
        if (outcome != OUTCOME_HEALTHY)
            return outcome;
    }
    return send_request(p);
}

static enum probe_outcome begin_http(struct probe *p)
{
    cunik_buffer_printf(&p->request,
                        "GET %s HTTP/1.1\r\nHost: %s:%u\r\nUser-Agent: cunik-health/" CUNIK_VERSION
                        "\r\nAccept: */*\r\nConnection: close\r\n\r\n",
                        p->test.path, host_of(p), p->test.port);
    enum probe_outcome outcome = begin_connect(p);
    if (outcome != OUTCOME_HEALTHY)
        return outcome;
    int r = cunik_probe_watch_fd(p, p->fd, EPOLLOUT);
    return r < 0 ? fail_connect(p, -r) : send_request(p);
}

const struct probe_kind_ops cunik_probe_http = {begin_http, proceed_http};
