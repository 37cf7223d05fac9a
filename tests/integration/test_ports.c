/* Published ports and isolation, with processes in namespaces of their own in the place of guests:
 * each is joined to its bridge by a veth pair and answers on port 80 who it is and who asked. */
#include "tests/unit/rules_input.h"

#include "tests/integration/netns.h"

#include <arpa/inet.h>
#include <linux/if_ether.h>
#include <linux/if_packet.h>
#include <net/if.h>
#include <signal.h>
#include <sys/socket.h>

#include "network/gates.h"
#include "network/link.h"

#include "tests/integration/guests.h"

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
        {"", 8080, "tcp", 0xac1e0102, 80, IN6ADDR_ANY_INIT},
        {"127.0.0.1", 8081, "tcp", 0xac1e0202, 80, IN6ADDR_ANY_INIT},
        {"192.0.2.1", 8082, "tcp", 0xac1e0202, 80, IN6ADDR_ANY_INIT},
        {"", 8083, "tcp", 0xac1e0302, 80, IN6ADDR_ANY_INIT},
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
    struct rules_port ports[] = {{"", 8080, "tcp", 0xac1e0102, 80, IN6ADDR_ANY_INIT}};

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
        {"", 8080, "tcp", 0xac1e0102, 80, IN6ADDR_ANY_INIT},
        {"0.0.0.0", 8080, "tcp", 0xac1e0103, 80, IN6ADDR_ANY_INIT},
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
    struct rules_port ports[] = {{"", 8080, "udp", 0xac1e0102, 80, IN6ADDR_ANY_INIT}};

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
    struct rules_port ports[] = {{"", 8080, "tcp", 0xac1e0102, 80, IN6ADDR_ANY_INIT}};
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
        ports[i] =
            (struct rules_port){"", (uint16_t)(10000 + i), "tcp", 0xac1e0102, 80, IN6ADDR_ANY_INIT};
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
    start_guests();
    assert_true(cunik_link_forward("vout", true, NULL) >= 0);
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
    return cmocka_run_group_tests_name("ports", tests, start_all, stop_guests);
}
