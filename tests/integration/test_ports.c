/* Published ports and isolation, with processes in namespaces of their own in the place of guests:
 * each is joined to its bridge by a veth pair and answers on port 80 who it is and who asked. */
#include "tests/unit/rules_input.h"

#include "tests/integration/netns.h"

#include <arpa/inet.h>
#include <fcntl.h>
#include <linux/if_ether.h>
#include <linux/if_packet.h>
#include <net/if.h>
#include <poll.h>
#include <signal.h>
#include <sys/prctl.h>
#include <sys/socket.h>

#include "network/gates.h"
#include "network/link.h"

struct guest {
    const char *name;
    const char *bridge; /* NULL: the world outside */
    const char *address;
    const char *length;
    const char *gateway;
    pid_t pid;
    int net; /* its network namespace */
};

static struct guest guests[] = {
    {"a1", "ckb1", "172.30.1.2", "24", "172.30.1.1", 0, -1},
    {"a2", "ckb1", "172.30.1.3", "24", "172.30.1.1", 0, -1},
    {"b1", "ckb2", "172.30.2.2", "24", "172.30.2.1", 0, -1},
    {"i1", "ckb3", "172.30.3.2", "24", "172.30.3.1", 0, -1},
    {"out", NULL, "192.0.2.2", "24", "192.0.2.1", 0, -1},
};
enum { A1, A2, B1, I1, OUT, N_GUESTS };
enum { HOST = -1 }; /* in place of a guest: from the host itself */

static const struct timeval patience = {.tv_usec = 400000};

static int listening(int type, uint16_t port, const char *at)
{
    struct sockaddr_in in = {.sin_family = AF_INET, .sin_port = htons(port)};
    int fd = socket(AF_INET, type | SOCK_CLOEXEC, 0), on = 1;

    inet_pton(AF_INET, at, &in.sin_addr);
    setsockopt(fd, SOL_SOCKET, SO_REUSEADDR, &on, sizeof(on));
    if (bind(fd, (struct sockaddr *)&in, sizeof(in)) < 0 ||
        (type == SOCK_STREAM && listen(fd, 16) < 0))
        return -1;
    return fd;
}

/* Answers on both sockets until it is killed. */
static void serve(const char *name, int tcp, int udp)
{
    struct pollfd fds[] = {{.fd = tcp, .events = POLLIN}, {.fd = udp, .events = POLLIN}};
    struct sockaddr_in peer;
    socklen_t size;
    char ask[16];

    while (poll(fds, 2, -1) > 0) {
        int fd = -1;
        size = sizeof(peer);
        if (fds[0].revents)
            fd = accept(tcp, (struct sockaddr *)&peer, &size);
        else if (recvfrom(udp, ask, sizeof(ask), 0, (struct sockaddr *)&peer, &size) < 0)
            continue;
        _cleanup_free_ char *text = cunik_asprintf("%s from %s", name, inet_ntoa(peer.sin_addr));
        if (fd < 0) {
            sendto(udp, text, strlen(text), 0, (struct sockaddr *)&peer, size);
        } else {
            send(fd, text, strlen(text), MSG_NOSIGNAL);
            close(fd);
        }
    }
    _exit(1);
}

/* A process in a namespace of its own; it reports through `up` and goes on when `go` is closed. */
static void guest_main(const struct guest *g, int up, int go)
{
    char byte = 0;

    prctl(PR_SET_PDEATHSIG, SIGKILL);
    if (unshare(CLONE_NEWNET) < 0 || write(up, &byte, 1) != 1 || read(go, &byte, 1) != 1)
        _exit(1);
    if (shell("ip link set lo up && ip address add %s/%s dev eth0 && ip link set eth0 up && "
              "ip route add default via %s",
              g->address, g->length, g->gateway) != 0)
        _exit(1);
    int tcp = listening(SOCK_STREAM, 80, "0.0.0.0"), udp = listening(SOCK_DGRAM, 80, "0.0.0.0");
    if (tcp < 0 || udp < 0 || write(up, &byte, 1) != 1)
        _exit(1);
    serve(g->name, tcp, udp);
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
    if (g->bridge)
        must("ip link set v%s master %s up", g->name, g->bridge);
    else
        must("ip address add %s/%s dev v%s && ip link set v%s up", g->gateway, g->length, g->name,
             g->name);
    assert_int_equal(write(go[1], &byte, 1), 1);
    assert_int_equal(read(up[0], &byte, 1), 1);
    close(up[0]), close(up[1]), close(go[0]), close(go[1]);
}

static void ask_child(int out, int type, const char *address, uint16_t port)
{
    struct sockaddr_in to = {.sin_family = AF_INET, .sin_port = htons(port)};
    int fd = socket(AF_INET, type, 0);
    char answer[64];

    inet_pton(AF_INET, address, &to.sin_addr);
    setsockopt(fd, SOL_SOCKET, SO_SNDTIMEO, &patience, sizeof(patience));
    setsockopt(fd, SOL_SOCKET, SO_RCVTIMEO, &patience, sizeof(patience));
    if (connect(fd, (struct sockaddr *)&to, sizeof(to)) == 0 &&
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
static void echo_child(const char *address)
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

static bool echoes(int from, const char *address)
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

static struct rules_network networks[] = {
    {.bridge = "ckb1", .subnet = {0xac1e0100, 24}, .gateway = 0xac1e0101, .internal = false},
    {.bridge = "ckb2", .subnet = {0xac1e0200, 24}, .gateway = 0xac1e0201, .internal = false},
    {.bridge = "ckb3", .subnet = {0xac1e0300, 24}, .gateway = 0xac1e0301, .internal = true},
};

static void publish(struct rules_port *ports, size_t n)
{
    struct rules r = {
        .engine = "e0", .networks = networks, .n_networks = 3, .ports = ports, .n_ports = n};
    _cleanup_free_ char *text = NULL;
    _cleanup_strv_ struct strv chains = {0};
    _cleanup_error_ struct error *err = NULL;
    bool present;

    test_ok(cunik_rules_make(&r, &text, &chains, &err), err);
    test_ok(cunik_rules_replace(text, &err), err);
    test_ok(cunik_rules_present("e0", &chains, &present, &err), err);
    assert_true(present);
}

static void test_published(_unused_ void **state)
{
    struct rules_port ports[] = {
        {"", 8080, "tcp", 0xac1e0102, 80},
        {"127.0.0.1", 8081, "tcp", 0xac1e0202, 80},
        {"192.0.2.1", 8082, "tcp", 0xac1e0202, 80},
        {"", 8083, "tcp", 0xac1e0302, 80},
    };

    assert_silence(HOST, "127.0.0.1", 8080);
    publish(ports, ARRAY_SIZE(ports));
    assert_answer(HOST, "127.0.0.1", 8080, "a1 from 172.30.1.1");
    assert_answer(HOST, "127.0.0.2", 8080, "a1 from 172.30.1.1");
    assert_answer(HOST, "192.0.2.1", 8080, "a1 from 192.0.2.1");
    assert_answer(HOST, "172.30.2.1", 8080, "a1 from 172.30.1.1");
    assert_answer(OUT, "192.0.2.1", 8080, "a1 from 192.0.2.2");

    assert_answer(HOST, "127.0.0.1", 8081, "b1 from 172.30.2.1");
    assert_silence(OUT, "192.0.2.1", 8081);
    assert_answer(OUT, "192.0.2.1", 8082, "b1 from 192.0.2.2");
    assert_silence(HOST, "127.0.0.1", 8082);
    assert_answer(HOST, "127.0.0.1", 8083, "i1 from 172.30.3.1");

    publish(NULL, 0);
    assert_silence(HOST, "127.0.0.1", 8080);
    assert_silence(OUT, "192.0.2.1", 8080);
}

/* From guests: their own network's port, their own, another network's. */
static void test_hairpin(_unused_ void **state)
{
    struct rules_port ports[] = {{"", 8080, "tcp", 0xac1e0102, 80}};

    publish(ports, 1);
    assert_answer(A2, "172.30.1.1", 8080, "a1 from 172.30.1.1");
    assert_answer(A2, "192.0.2.1", 8080, "a1 from 172.30.1.1");
    /* Where frames on bridges pass through netfilter (br_netfilter, for containers' sake), a frame
     * to its own sender's port is dropped by the bridge: only without that can a guest ask itself.
     */
    must("s=/proc/sys/net/bridge/bridge-nf-call-iptables; ! test -e $s || echo 0 >$s");
    assert_answer(A1, "172.30.1.1", 8080, "a1 from 172.30.1.1");
    must("s=/proc/sys/net/bridge/bridge-nf-call-iptables; ! test -e $s || echo 1 >$s");
    assert_answer(B1, "172.30.2.1", 8080, "a1 from 172.30.1.1");
    assert_answer(B1, "192.0.2.1", 8080, "a1 from 172.30.1.1");
}

static void test_shared(_unused_ void **state)
{
    struct rules_port ports[] = {
        {"", 8080, "tcp", 0xac1e0102, 80},
        {"0.0.0.0", 8080, "tcp", 0xac1e0103, 80},
    };
    unsigned first = 0, second = 0;

    publish(ports, ARRAY_SIZE(ports));
    for (int i = 0; i < 40; i++) { /* all on one side: once in 2^39 */
        _cleanup_free_ char *who = ask(HOST, SOCK_STREAM, "127.0.0.1", 8080);
        first += strcmp(who, "a1 from 172.30.1.1") == 0;
        second += strcmp(who, "a2 from 172.30.1.1") == 0;
    }
    assert_int_equal(first + second, 40);
    assert_true(first && second);
}

static void test_udp(_unused_ void **state)
{
    struct rules_port ports[] = {{"", 8080, "udp", 0xac1e0102, 80}};

    publish(ports, 1);
    _cleanup_free_ char *here = ask(HOST, SOCK_DGRAM, "127.0.0.1", 8080);
    assert_string_equal(here, "a1 from 172.30.1.1");
    _cleanup_free_ char *there = ask(OUT, SOCK_DGRAM, "192.0.2.1", 8080);
    assert_string_equal(there, "a1 from 192.0.2.2");
    assert_silence(HOST, "127.0.0.1", 8080);
}

static void test_isolation(_unused_ void **state)
{
    publish(NULL, 0);
    assert_answer(A2, "172.30.1.2", 80, "a1 from 172.30.1.3");
    assert_answer(HOST, "172.30.1.2", 80, "a1 from 172.30.1.1");
    assert_silence(B1, "172.30.1.2", 80);
    assert_silence(OUT, "172.30.1.2", 80);
    /* The way out is the host's address; an internal network has none. */
    assert_answer(A1, "192.0.2.2", 80, "out from 192.0.2.1");
    assert_silence(I1, "192.0.2.2", 80);
    assert_silence(I1, "172.30.1.2", 80);
}

/* Whether a frame has such three bytes anywhere: the start of an address. */
static bool names(const unsigned char *frame, ssize_t size, const char *prefix)
{
    for (ssize_t i = 0; i + 3 <= size; i++)
        if (memcmp(frame + i, prefix, 3) == 0)
            return true;
    return false;
}

/* What is said on other networks, to this one and to all, is not to be heard on its bridge. */
static void test_leaks(_unused_ void **state)
{
    struct sockaddr_ll at = {.sll_family = AF_PACKET,
                             .sll_protocol = htons(ETH_P_ALL),
                             .sll_ifindex = (int)if_nametoindex("ckb2")};
    int fd = socket(AF_PACKET, SOCK_RAW | SOCK_CLOEXEC, htons(ETH_P_ALL));
    unsigned char frame[2048];
    bool own = false;

    publish(NULL, 0);
    assert_int_equal(bind(fd, (struct sockaddr *)&at, sizeof(at)), 0);
    for (int from = 0; from < N_GUESTS; from++) {
        if (from == B1)
            continue;
        assert_silence(from, "172.30.2.2", 80);
        _cleanup_free_ char *one = ask(from, SOCK_DGRAM, "172.30.2.2", 80);
        _cleanup_free_ char *all = ask(from, SOCK_DGRAM, "172.30.2.255", 80);
        assert_string_equal(one, "");
        assert_string_equal(all, "");
    }
    assert_answer(HOST, "172.30.2.2", 80, "b1 from 172.30.2.1");
    for (ssize_t n; (n = recv(fd, frame, sizeof(frame), MSG_DONTWAIT)) > 0;) {
        assert_false(names(frame, n, "\xac\x1e\x01"));
        assert_false(names(frame, n, "\xac\x1e\x03"));
        assert_false(names(frame, n, "\xc0\x00\x02"));
        own |= names(frame, n, "\xac\x1e\x02");
    }
    assert_true(own);
    close(fd);
}

/* Answers for the host until it is killed. */
static pid_t start_host(uint16_t port)
{
    int any = listening(SOCK_STREAM, port, "0.0.0.0"), udp = listening(SOCK_DGRAM, port, "0.0.0.0");
    pid_t pid = fork();

    if (pid == 0) {
        prctl(PR_SET_PDEATHSIG, SIGKILL);
        serve("host", any, udp);
    }
    close(any), close(udp);
    return pid;
}

static void stop_host(pid_t pid)
{
    kill(pid, SIGKILL);
    waitpid(pid, NULL, 0);
}

/* Of what the host serves guests reach names, at their own gateway, and nobody else reaches those.
 */
static void test_host(_unused_ void **state)
{
    pid_t server = start_host(7777), names = start_host(53);

    publish(NULL, 0);
    assert_answer(OUT, "192.0.2.1", 7777, "host from 192.0.2.2");
    assert_silence(A1, "172.30.1.1", 7777);
    assert_silence(A1, "172.30.2.1", 7777);
    assert_silence(A1, "192.0.2.1", 7777);
    assert_silence(I1, "172.30.3.1", 7777);
    assert_answer(A1, "172.30.1.1", 53, "host from 172.30.1.2");
    _cleanup_free_ char *name = ask(A1, SOCK_DGRAM, "172.30.1.1", 53);
    assert_string_equal(name, "host from 172.30.1.2");
    assert_answer(I1, "172.30.3.1", 53, "host from 172.30.3.2");
    assert_silence(A1, "172.30.2.1", 53);
    assert_silence(A1, "192.0.2.1", 53);
    assert_silence(OUT, "172.30.1.1", 53);
    assert_answer(HOST, "172.30.1.1", 53, "host from 172.30.1.1");
    assert_true(echoes(A1, "172.30.1.1"));
    assert_false(echoes(A1, "172.30.2.1"));
    stop_host(names);
    stop_host(server);
}

/* A name server of single guests' own answers nobody else, neighbours neither. */
static void test_servers(_unused_ void **state)
{
    static const struct cidr server = {0xac1e0135, 32};
    struct rules_network with = networks[0];
    struct rules_guest asks = {.link = "none",
                               .bridge = "elsewhere",
                               .mac = "52:00:00:00:00:0a",
                               .address = 0xac1e0102,
                               .server = server.address};
    struct rules r = {
        .engine = "e0", .networks = &with, .n_networks = 1, .guests = &asks, .n_guests = 1};
    _cleanup_free_ char *text = NULL;
    pid_t names = start_host(53);

    with.more = &server;
    with.n_more = 1;
    must("ip address add 172.30.1.53/32 dev ckb1");
    test_ok(cunik_rules_make(&r, &text, NULL, NULL), NULL);
    test_ok(cunik_rules_replace(text, NULL), NULL);
    assert_answer(A1, "172.30.1.53", 53, "host from 172.30.1.2");
    assert_answer(A2, "172.30.1.1", 53, "host from 172.30.1.3");
    assert_silence(A2, "172.30.1.53", 53);
    _cleanup_free_ char *by_udp = ask(A2, SOCK_DGRAM, "172.30.1.53", 53);
    assert_string_equal(by_udp, "");
    assert_false(echoes(A2, "172.30.1.53"));
    must("ip address del 172.30.1.53/32 dev ckb1");
    stop_host(names);
}

static void pass_gates(bool open)
{
    _cleanup_free_ char *text = NULL;
    _cleanup_error_ struct error *err = NULL;

    test_ok(cunik_gates_text("e0", open, &text, &err), err);
    assert_true(*text);
    test_ok(cunik_rules_replace(text, &err), err);
}

/* Beside filters that drop all they do not know: ours pass, and nothing else does. */
static void test_gates(_unused_ void **state)
{
    struct rules_port ports[] = {{"", 8080, "tcp", 0xac1e0102, 80}};
    pid_t names = start_host(53);

    publish(ports, 1);
    must("nft 'add table inet wall; "
         "add chain inet wall in { type filter hook input priority 0; policy drop; }; "
         "add chain inet wall through { type filter hook forward priority 0; policy drop; }; "
         "add rule inet wall in iif lo accept;"
         "add rule inet wall in ct state established accept'");
    assert_silence(A1, "172.30.1.1", 53);
    assert_silence(OUT, "192.0.2.1", 8080);
    assert_silence(A1, "192.0.2.2", 80);
    pass_gates(true);
    assert_answer(A1, "172.30.1.1", 53, "host from 172.30.1.2");
    assert_answer(OUT, "192.0.2.1", 8080, "a1 from 192.0.2.2");
    assert_answer(A1, "192.0.2.2", 80, "out from 192.0.2.1");
    assert_answer(A2, "172.30.1.2", 80, "a1 from 172.30.1.3");
    assert_answer(B1, "192.0.2.1", 8080, "a1 from 172.30.1.1");
    assert_silence(OUT, "192.0.2.1", 53);
    assert_silence(B1, "172.30.1.2", 80);
    assert_silence(I1, "192.0.2.2", 80);
    pass_gates(false);
    assert_silence(OUT, "192.0.2.1", 8080);
    must("nft delete table inet wall");
    stop_host(names);
}

/* Containers' bridges and the like are no way out behind such a filter, unless the default route is
 * there. */
static void test_ways(_unused_ void **state)
{
    struct rules r = {.engine = "e0", .networks = networks, .n_networks = 3};

    must("ip link add br9 type bridge forward_delay 0 && ip address del 192.0.2.1/24 dev vout && "
         "ip link set vout master br9 && ip address add 192.0.2.1/24 dev br9 && "
         "ip link set br9 up && echo 1 >/proc/sys/net/ipv4/conf/br9/forwarding");
    must("nft 'add table ip wall; "
         "add chain ip wall through { type filter hook forward priority 0; policy drop; }'");
    publish(NULL, 0);
    pass_gates(true);
    assert_silence(A1, "192.0.2.2", 80);
    cunik_strv_add(&r.ways, "br9");
    _cleanup_free_ char *text = NULL;
    test_ok(cunik_rules_make(&r, &text, NULL, NULL), NULL);
    test_ok(cunik_rules_replace(text, NULL), NULL);
    assert_answer(A1, "192.0.2.2", 80, "out from 192.0.2.1");
    cunik_strv_done(&r.ways);
    must("nft delete table ip wall && ip link del br9 && ip address add 192.0.2.1/24 dev vout");
}

/* Never on 127.0.0.1, although their bridge carries such packets. */
static void test_guard(_unused_ void **state)
{
    pid_t pid = start_host(7777);

    publish(NULL, 0);
    must("nsenter --net=/proc/%d/ns/net sh -c 'ip address del 127.0.0.1/8 dev lo; "
         "ip route add 127.0.0.1 via 172.30.1.1; "
         "echo 1 >/proc/sys/net/ipv4/conf/eth0/route_localnet'",
         (int)guests[A1].pid);
    must("nft flush chain ip cunik_e0 input");
    assert_silence(A1, "127.0.0.1", 7777);
    must("nft flush chain ip cunik_e0 guard"); /* it is this that kept it out */
    assert_answer(A1, "127.0.0.1", 7777, "host from 172.30.1.2");
    stop_host(pid);
}

/* Every golden rule set is one that the kernel takes. */
static void test_golden_rules(_unused_ void **state)
{
    _cleanup_strv_ struct strv cases = {0};

    test_folders(RULES_FOLDER, &cases);
    for (size_t i = 0; i < cases.n; i++) {
        _cleanup_free_ char *text = NULL;
        _cleanup_strv_ struct strv chains = {0};
        _cleanup_error_ struct error *err = NULL;
        struct rules r = {0};
        _cleanup_json_ json_t *input = read_rules(cases.items[i], &r);
        bool present;

        if (cunik_rules_make(&r, &text, &chains, NULL) == 0) {
            test_ok(cunik_rules_present(r.engine, &chains, &present, &err), err);
            assert_int_equal(present, chains.n == 0);
            test_ok(cunik_rules_replace(text, &err), err);
            test_ok(cunik_rules_present(r.engine, &chains, &present, &err), err);
            assert_true(present);
            cunik_strv_add(&chains, "another");
            test_ok(cunik_rules_present(r.engine, &chains, &present, &err), err);
            assert_false(present);
            must("nft flush ruleset");
        }
        cunik_rules_done(&r);
    }
}

static void test_bad(_unused_ void **state)
{
    _cleanup_error_ struct error *err = NULL;

    assert_true(cunik_rules_replace("add chain ip nowhere x\n", &err) < 0);
    assert_non_null(strstr(err->message, "publishing ports: nftables: "));
    assert_null(strchr(err->message, '\n'));
}

static void test_time(_unused_ void **state)
{
    enum { PORTS = 1000 };
    struct rules_port *ports = cunik_calloc(PORTS, sizeof(*ports));
    double t0 = now_ms();

    publish(ports, 0);
    double t1 = now_ms();
    for (uint16_t i = 0; i < PORTS; i++)
        ports[i] = (struct rules_port){"", (uint16_t)(10000 + i), "tcp", 0xac1e0102, 80};
    publish(ports, PORTS);
    double t2 = now_ms();
    _cleanup_strv_ struct strv chains = {0};
    bool present;
    cunik_strv_add(&chains, "tcp_10999_to_172.30.1.2_80");
    test_ok(cunik_rules_present("e0", &chains, &present, NULL), NULL);
    assert_true(present);
    print_message("# replaced and read back: no port %.1f ms, %d ports %.1f ms; asked %.1f ms\n",
                  t1 - t0, PORTS, t2 - t1, now_ms() - t2);
    free(ports);
}

static int start_all(_unused_ void **state)
{
    for (size_t i = 0; i < ARRAY_SIZE(networks); i++) {
        struct bridge_settings b = {
            .name = networks[i].bridge,
            .label = {(char *)"e0", (char *)"s", (char *)"network", (char *)networks[i].bridge},
            .group = 7,
            .address = {networks[i].gateway, 24},
        };
        test_ok(cunik_link_create_bridge(&b, NULL), NULL);
    }
    for (size_t i = 0; i < N_GUESTS; i++)
        start_guest(&guests[i]);
    assert_true(cunik_link_forward("vout", true, NULL) >= 0);
    return 0;
}

static int stop_all(_unused_ void **state)
{
    for (size_t i = 0; i < N_GUESTS; i++) {
        if (guests[i].pid > 0 && kill(guests[i].pid, SIGKILL) == 0)
            waitpid(guests[i].pid, NULL, 0);
        if (guests[i].net >= 0)
            close(guests[i].net);
    }
    return 0;
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_golden_rules), cmocka_unit_test(test_bad),
        cmocka_unit_test(test_published),    cmocka_unit_test(test_hairpin),
        cmocka_unit_test(test_shared),       cmocka_unit_test(test_udp),
        cmocka_unit_test(test_isolation),    cmocka_unit_test(test_leaks),
        cmocka_unit_test(test_host),         cmocka_unit_test(test_servers),
        cmocka_unit_test(test_gates),        cmocka_unit_test(test_ways),
        cmocka_unit_test(test_guard),        cmocka_unit_test(test_time),
    };
    if (!own_namespace())
        return 0;
    return cmocka_run_group_tests_name("ports", tests, start_all, stop_all);
}
