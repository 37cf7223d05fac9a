/* What the tests of rules share: processes in namespaces of their own in the place of guests, each
 * joined to its bridge by a veth pair, that answer on port 80, by IPv4 and IPv6, who they are and
 * who asked. */
#pragma once

#include "tests/integration/netns.h"

#include <arpa/inet.h>
#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <sys/prctl.h>
#include <sys/socket.h>

#include "tests/support/test.h"

struct guest {
    const char *name;
    const char *bridge; /* NULL: the world outside */
    const char *address;
    const char *length;
    const char *gateway;
    const char *address6, *gateway6;
    pid_t pid;
    int net; /* its network namespace */
};

static struct guest guests[] = {
    {"a1", "ckb1", "172.30.1.2", "24", "172.30.1.1", "fd00:1::2", "fd00:1::1", 0, -1},
    {"a2", "ckb1", "172.30.1.3", "24", "172.30.1.1", "fd00:1::3", "fd00:1::1", 0, -1},
    {"b1", "ckb2", "172.30.2.2", "24", "172.30.2.1", "fd00:2::2", "fd00:2::1", 0, -1},
    {"i1", "ckb3", "172.30.3.2", "24", "172.30.3.1", "fd00:3::2", "fd00:3::1", 0, -1},
    {"out", NULL, "192.0.2.2", "24", "192.0.2.1", "2001:db8::2", "2001:db8::1", 0, -1},
};
enum { A1, A2, B1, I1, OUT, N_GUESTS };
enum { HOST = -1 }; /* in place of a guest: from the host itself */

static const struct timeval patience = {.tv_usec = 400000};

/* The address with a port in *ret; its size. */
static socklen_t endpoint(const char *address, uint16_t port, struct sockaddr_storage *ret)
{
    struct sockaddr_in four = {.sin_family = AF_INET, .sin_port = htons(port)};
    struct sockaddr_in6 six = {.sin6_family = AF_INET6, .sin6_port = htons(port)};

    if (inet_pton(AF_INET, address, &four.sin_addr) == 1) {
        memcpy(ret, &four, sizeof(four));
        return sizeof(four);
    }
    inet_pton(AF_INET6, address, &six.sin6_addr);
    memcpy(ret, &six, sizeof(six));
    return sizeof(six);
}

static int listening(int type, uint16_t port, const char *at)
{
    struct sockaddr_storage in = {0};
    socklen_t size = endpoint(at, port, &in);
    int fd = socket(in.ss_family, type | SOCK_CLOEXEC, 0), on = 1;

    setsockopt(fd, SOL_SOCKET, SO_REUSEADDR, &on, sizeof(on));
    if (in.ss_family == AF_INET6)
        setsockopt(fd, IPPROTO_IPV6, IPV6_V6ONLY, &on, sizeof(on));
    if (bind(fd, (struct sockaddr *)&in, size) < 0 || (type == SOCK_STREAM && listen(fd, 16) < 0))
        return -1;
    return fd;
}

static char *peer_text(const struct sockaddr_storage *peer)
{
    char text[INET6_ADDRSTRLEN];
    const void *from = peer->ss_family == AF_INET
                           ? (const void *)&((const struct sockaddr_in *)peer)->sin_addr
                           : (const void *)&((const struct sockaddr_in6 *)peer)->sin6_addr;

    return cunik_strdup(inet_ntop(peer->ss_family, from, text, sizeof(text)));
}

static void serve_one(const char *name, int at, bool stream)
{
    struct sockaddr_storage peer;
    socklen_t size = sizeof(peer);
    char ask[16];
    int fd = -1;

    if (stream)
        fd = accept(at, (struct sockaddr *)&peer, &size);
    else if (recvfrom(at, ask, sizeof(ask), 0, (struct sockaddr *)&peer, &size) < 0)
        return;
    if (stream && fd < 0)
        return;
    _cleanup_free_ char *from = peer_text(&peer), *text = cunik_asprintf("%s from %s", name, from);
    if (!stream) {
        sendto(at, text, strlen(text), 0, (struct sockaddr *)&peer, size);
    } else {
        send(fd, text, strlen(text), MSG_NOSIGNAL);
        close(fd);
    }
}

enum { SERVED = 4 }; /* TCP and UDP, of IPv4 and of IPv6 */

static bool listen_all(uint16_t port, int *ret)
{
    bool all = true;

    for (int i = 0; i < SERVED; i++) {
        ret[i] = listening(i % 2 ? SOCK_DGRAM : SOCK_STREAM, port, i < 2 ? "0.0.0.0" : "::");
        all = all && ret[i] >= 0;
    }
    return all;
}

/* Answers on all sockets until it is killed. */
static void serve(const char *name, const int *sockets)
{
    struct pollfd fds[SERVED];

    for (int i = 0; i < SERVED; i++)
        fds[i] = (struct pollfd){.fd = sockets[i], .events = POLLIN};
    while (poll(fds, SERVED, -1) > 0)
        for (int i = 0; i < SERVED; i++)
            if (fds[i].revents)
                serve_one(name, fds[i].fd, i % 2 == 0);
    _exit(1);
}

/* A process in a namespace of its own; it reports through `up` and goes on when `go` is closed. */
static void guest_main(const struct guest *g, int up, int go)
{
    char byte = 0;

    prctl(PR_SET_PDEATHSIG, SIGKILL);
    if (unshare(CLONE_NEWNET) < 0 || write(up, &byte, 1) != 1 || read(go, &byte, 1) != 1)
        _exit(1);
    if (shell("ip link set lo up && echo 0 >/proc/sys/net/ipv6/conf/eth0/accept_dad && "
              "ip address add %s/%s dev eth0 && "
              "ip address add %s/64 dev eth0 nodad && ip link set eth0 up && "
              "ip route add default via %s && ip -6 route add default via %s",
              g->address, g->length, g->address6, g->gateway, g->gateway6) != 0)
        _exit(1);
    int sockets[SERVED];
    if (!listen_all(80, sockets) || write(up, &byte, 1) != 1)
        _exit(1);
    serve(g->name, sockets);
}

static void start_guest(struct guest *g)
{
    int up[2], go[2];
    char byte;

    assert_int_equal(pipe2(up, O_CLOEXEC) | pipe2(go, O_CLOEXEC), 0);
    g->pid = fork();
    if (g->pid == 0)
        guest_main(g, up[1], go[0]);
    assert_int_equal(read(up[0], &byte, 1), 1);
    _cleanup_free_ char *path = cunik_asprintf("/proc/%d/ns/net", (int)g->pid);
    assert_true((g->net = open(path, O_RDONLY | O_CLOEXEC)) >= 0);
    must("ip link add v%s type veth peer name eth0 netns %d", g->name, (int)g->pid);
    /* Until it is sure that nobody has its address, a link asks nobody for theirs. */
    must("echo 0 >/proc/sys/net/ipv6/conf/v%s/accept_dad", g->name);
    if (g->bridge)
        must("ip link set v%s master %s up", g->name, g->bridge);
    else
        must("ip address add %s/%s dev v%s && ip address add %s/64 dev v%s nodad && "
             "ip link set v%s up",
             g->gateway, g->length, g->name, g->gateway6, g->name, g->name);
    assert_int_equal(write(go[1], &byte, 1), 1);
    assert_int_equal(read(up[0], &byte, 1), 1);
    close(up[0]), close(up[1]), close(go[0]), close(go[1]);
}

static void ask_child(int out, int type, const char *address, uint16_t port)
{
    struct sockaddr_storage to = {0};
    socklen_t size = endpoint(address, port, &to);
    int fd = socket(to.ss_family, type, 0);
    char answer[64];

    setsockopt(fd, SOL_SOCKET, SO_SNDTIMEO, &patience, sizeof(patience));
    setsockopt(fd, SOL_SOCKET, SO_RCVTIMEO, &patience, sizeof(patience));
    if (connect(fd, (struct sockaddr *)&to, size) == 0 &&
        (type == SOCK_STREAM || send(fd, "?", 1, 0) == 1)) {
        ssize_t n = recv(fd, answer, sizeof(answer), 0);
        if (n > 0 && write(out, answer, (size_t)n) == n)
            _exit(0);
    }
    _exit(1);
}

/* What answers at an address and port when a guest (or the HOST) asks; "" for nobody. */
static char *ask(int from, int type, const char *address, uint16_t port)
{
    char answer[64] = "";
    int p[2];

    assert_int_equal(pipe2(p, O_CLOEXEC), 0);
    pid_t pid = fork();
    if (pid == 0) {
        if (from != HOST && setns(guests[from].net, CLONE_NEWNET) < 0)
            _exit(2);
        ask_child(p[1], type, address, port);
    }
    close(p[1]);
    ssize_t n = read(p[0], answer, sizeof(answer) - 1);
    close(p[0]);
    waitpid(pid, NULL, 0);
    return cunik_strndup(answer, n > 0 ? (size_t)n : 0);
}

/* An echo request of ICMP, whose checksum is that of its one byte that is not 0. */
_unused_ static void echo_child(const char *address)
{
    static const unsigned char request[8] = {8, 0, 0xf7, 0xff};
    struct sockaddr_in to = {.sin_family = AF_INET};
    int fd = socket(AF_INET, SOCK_RAW, IPPROTO_ICMP);
    unsigned char answer[64];

    inet_pton(AF_INET, address, &to.sin_addr);
    setsockopt(fd, SOL_SOCKET, SO_RCVTIMEO, &patience, sizeof(patience));
    _exit(connect(fd, (struct sockaddr *)&to, sizeof(to)) < 0 ||
          send(fd, request, sizeof(request), 0) < 0 || recv(fd, answer, sizeof(answer), 0) < 20 ||
          answer[20] != 0);
}

_unused_ static bool echoes(int from, const char *address)
{
    int status;
    pid_t pid = fork();

    if (pid == 0) {
        if (setns(guests[from].net, CLONE_NEWNET) < 0)
            _exit(2);
        echo_child(address);
    }
    waitpid(pid, &status, 0);
    return status == 0;
}

#define assert_answer(from, address, port, expected)                                               \
    do {                                                                                           \
        _cleanup_free_ char *got_ = ask(from, SOCK_STREAM, address, port);                         \
        assert_string_equal(got_, expected);                                                       \
    } while (0)
#define assert_silence(from, address, port) assert_answer(from, address, port, "")

/* Answers for the host until it is killed. */
static pid_t start_host(uint16_t port)
{
    int sockets[SERVED];

    assert_true(listen_all(port, sockets));
    pid_t pid = fork();

    if (pid == 0) {
        prctl(PR_SET_PDEATHSIG, SIGKILL);
        serve("host", sockets);
    }
    for (int i = 0; i < SERVED; i++)
        close(sockets[i]);
    return pid;
}

static void stop_host(pid_t pid)
{
    kill(pid, SIGKILL);
    waitpid(pid, NULL, 0);
}

static void start_guests(void)
{
    for (size_t i = 0; i < N_GUESTS; i++)
        start_guest(&guests[i]);
}

static int stop_guests(_unused_ void **state)
{
    for (size_t i = 0; i < N_GUESTS; i++) {
        if (guests[i].pid > 0 && kill(guests[i].pid, SIGKILL) == 0)
            waitpid(guests[i].pid, NULL, 0);
        if (guests[i].net >= 0)
            close(guests[i].net);
    }
    return 0;
}
