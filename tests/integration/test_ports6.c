/* Published ports, the way out and isolation by IPv6; see test_ports.c. */
#include "tests/integration/guests.h"

#include <linux/if_ether.h>
#include <linux/if_packet.h>
#include <net/if.h>

#include "network/gates.h"
#include "network/link.h"
#include "network/rules.h"

/* fd00:N::LAST */
#define SIX(n, last)                                                                               \
    {                                                                                              \
        {                                                                                          \
            {                                                                                      \
                0xfd, 0, 0, n, [15] = last                                                         \
            }                                                                                      \
        }                                                                                          \
    }
/* One that leads to a guest by IPv6. */
#define PORT(ip, port, protocol, n, last)                                                          \
    {                                                                                              \
        ip, port, protocol, 0xac1e0000 | (n) << 8 | (last), 80, SIX(n, last)                       \
    }

static const struct cidr6 gateways[] = {{SIX(1, 1), 64}, {SIX(2, 1), 64}, {SIX(3, 1), 64}};

static struct rules_network networks[] = {
    {.bridge = "ckb1", .subnet = {0xac1e0100, 24}, .gateway = 0xac1e0101, .gateway6 = &gateways[0]},
    {.bridge = "ckb2", .subnet = {0xac1e0200, 24}, .gateway = 0xac1e0201, .gateway6 = &gateways[1]},
    {.bridge = "ckb3",
     .subnet = {0xac1e0300, 24},
     .gateway = 0xac1e0301,
     .gateway6 = &gateways[2],
     .internal = true},
};

static void put(struct rules r)
{
    _cleanup_free_ char *text = NULL;
    _cleanup_strv_ struct strv chains = {0};
    _cleanup_error_ struct error *err = NULL;
    bool present;

    r.engine = "e0";
    r.networks = networks;
    r.n_networks = ARRAY_SIZE(networks);
    test_ok(cunik_rules_make(&r, &text, &chains, &err), err);
    test_ok(cunik_rules_replace(text, &err), err);
    test_ok(cunik_rules_present("e0", &chains, &present, &err), err);
    assert_true(present);
}

static void publish(struct rules_port *ports, size_t n)
{
    put((struct rules){.ports = ports, .n_ports = n});
}

static void test_published(_unused_ void **state)
{
    struct rules_port ports[] = {
        PORT("", 8080, "tcp", 1, 2),
        PORT("2001:db8::1", 8081, "tcp", 2, 2),
        PORT("0.0.0.0", 8082, "tcp", 1, 2),
        PORT("::", 8083, "tcp", 3, 2),
        {"", 8084, "tcp", 0xac1e0102, 80, IN6ADDR_ANY_INIT},
    };

    assert_silence(HOST, "2001:db8::1", 8080);
    publish(ports, ARRAY_SIZE(ports));
    assert_answer(HOST, "2001:db8::1", 8080, "a1 from 2001:db8::1");
    assert_answer(HOST, "fd00:2::1", 8080, "a1 from fd00:1::1");
    assert_answer(OUT, "2001:db8::1", 8080, "a1 from 2001:db8::2");
    assert_answer(OUT, "192.0.2.1", 8080, "a1 from 192.0.2.2");

    assert_answer(OUT, "2001:db8::1", 8081, "b1 from 2001:db8::2");
    assert_silence(OUT, "192.0.2.1", 8081);
    assert_silence(HOST, "fd00:2::1", 8081);
    assert_answer(HOST, "192.0.2.1", 8082, "a1 from 192.0.2.1");
    assert_silence(OUT, "2001:db8::1", 8082);
    assert_answer(OUT, "2001:db8::1", 8083, "i1 from 2001:db8::2");
    assert_silence(OUT, "192.0.2.1", 8083);
    /* The guest has no address of IPv6. */
    assert_answer(OUT, "192.0.2.1", 8084, "a1 from 192.0.2.2");
    assert_silence(OUT, "2001:db8::1", 8084);
    /* Refused at once, so that who asks for "localhost" goes on to 127.0.0.1. */
    assert_silence(HOST, "::1", 8080);
    assert_answer(HOST, "127.0.0.1", 8080, "a1 from 172.30.1.1");

    publish(NULL, 0);
    assert_silence(OUT, "2001:db8::1", 8080);
}

static void test_hairpin(_unused_ void **state)
{
    struct rules_port ports[] = {PORT("", 8080, "tcp", 1, 2)};

    publish(ports, 1);
    assert_answer(A2, "fd00:1::1", 8080, "a1 from fd00:1::1");
    assert_answer(A2, "2001:db8::1", 8080, "a1 from fd00:1::1");
    assert_answer(B1, "fd00:2::1", 8080, "a1 from fd00:1::1");
    assert_answer(B1, "2001:db8::1", 8080, "a1 from fd00:1::1");
}

static void test_shared(_unused_ void **state)
{
    struct rules_port ports[] = {PORT("", 8080, "tcp", 1, 2), PORT("::", 8080, "tcp", 1, 3)};
    unsigned first = 0, second = 0;

    publish(ports, ARRAY_SIZE(ports));
    for (int i = 0; i < 40; i++) { /* all on one side: once in 2^39 */
        _cleanup_free_ char *who = ask(OUT, SOCK_STREAM, "2001:db8::1", 8080);
        first += strcmp(who, "a1 from 2001:db8::2") == 0;
        second += strcmp(who, "a2 from 2001:db8::2") == 0;
    }
    assert_int_equal(first + second, 40);
    assert_true(first && second);
}

static void test_udp(_unused_ void **state)
{
    struct rules_port ports[] = {PORT("", 8080, "udp", 1, 2)};

    publish(ports, 1);
    _cleanup_free_ char *there = ask(OUT, SOCK_DGRAM, "2001:db8::1", 8080);
    assert_string_equal(there, "a1 from 2001:db8::2");
    assert_silence(OUT, "2001:db8::1", 8080);
}

static void test_isolation(_unused_ void **state)
{
    publish(NULL, 0);
    assert_answer(A2, "fd00:1::2", 80, "a1 from fd00:1::3");
    assert_answer(HOST, "fd00:1::2", 80, "a1 from fd00:1::1");
    assert_silence(B1, "fd00:1::2", 80);
    assert_silence(OUT, "fd00:1::2", 80);
    /* The way out is the host's address; an internal network has none. */
    assert_answer(A1, "2001:db8::2", 80, "out from 2001:db8::1");
    assert_silence(I1, "2001:db8::2", 80);
    assert_silence(I1, "fd00:1::2", 80);
    assert_silence(B1, "fd00:3::2", 80);
}

/* Whether a frame has such four bytes anywhere: the start of an address. */
static bool names(const unsigned char *frame, ssize_t size, const char *prefix)
{
    for (ssize_t i = 0; i + 4 <= size; i++)
        if (memcmp(frame + i, prefix, 4) == 0)
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
        assert_silence(from, "fd00:2::2", 80);
        _cleanup_free_ char *one = ask(from, SOCK_DGRAM, "fd00:2::2", 80);
        assert_string_equal(one, "");
    }
    assert_answer(HOST, "fd00:2::2", 80, "b1 from fd00:2::1");
    for (ssize_t n; (n = recv(fd, frame, sizeof(frame), MSG_DONTWAIT)) > 0;) {
        assert_false(names(frame, n, "\xfd\x00\x00\x01"));
        assert_false(names(frame, n, "\xfd\x00\x00\x03"));
        assert_false(names(frame, n, "\x20\x01\x0d\xb8"));
        own |= names(frame, n, "\xfd\x00\x00\x02");
    }
    assert_true(own);
    close(fd);
}

/* Of what the host serves guests reach names, at their own gateway, and nobody else reaches those.
 */
static void test_host(_unused_ void **state)
{
    struct rules_guest trusted = {.link = "va2",
                                  .bridge = "ckb1",
                                  .mac = "52:00:00:00:00:0a",
                                  .address6 = SIX(1, 3),
                                  .trusted = true};
    pid_t server = start_host(7777), served = start_host(53);

    publish(NULL, 0);
    assert_answer(OUT, "2001:db8::1", 7777, "host from 2001:db8::2");
    assert_silence(A1, "fd00:1::1", 7777);
    assert_silence(A1, "fd00:2::1", 7777);
    assert_silence(A1, "2001:db8::1", 7777);
    assert_silence(I1, "fd00:3::1", 7777);
    assert_answer(A1, "fd00:1::1", 53, "host from fd00:1::2");
    _cleanup_free_ char *name = ask(A1, SOCK_DGRAM, "fd00:1::1", 53);
    assert_string_equal(name, "host from fd00:1::2");
    assert_silence(A1, "fd00:2::1", 53);
    assert_silence(OUT, "fd00:1::1", 53);
    must("nsenter --net=/proc/%d/ns/net ip link set eth0 address 52:00:00:00:00:0a && "
         "ip neigh flush all",
         (int)guests[A2].pid);
    put((struct rules){.guests = &trusted, .n_guests = 1});
    assert_answer(A2, "fd00:1::1", 7777, "host from fd00:1::3");
    assert_silence(A1, "fd00:1::1", 7777);
    stop_host(served);
    stop_host(server);
}

/* A host that forwards for our sake alone forwards nobody else's packets. */
static void test_shut(_unused_ void **state)
{
    struct guest lan = {
        "lan", NULL, "198.51.100.2", "24", "198.51.100.1", "2001:db8:1::2", "2001:db8:1::1", 0, -1};
    struct rules r = {0};

    start_guest(&lan);
    must("echo 1 >/proc/sys/net/ipv6/conf/all/forwarding");
    publish(NULL, 0);
    assert_answer(OUT, "2001:db8:1::2", 80, "lan from 2001:db8::2");
    cunik_strv_add(&r.shut, "vout");
    cunik_strv_add(&r.shut, "vlan");
    put(r);
    assert_silence(OUT, "2001:db8:1::2", 80);
    assert_answer(A1, "2001:db8:1::2", 80, "lan from 2001:db8:1::1");
    assert_answer(A1, "2001:db8::2", 80, "out from 2001:db8::1");
    cunik_strv_done(&r.shut);
    must("echo 0 >/proc/sys/net/ipv6/conf/all/forwarding");
    kill(lan.pid, SIGKILL);
    waitpid(lan.pid, NULL, 0);
    close(lan.net);
}

/* Beside filters that drop all they do not know, of IPv6 alone or of both. */
static void test_gates(_unused_ void **state)
{
    static const char *const families[] = {"ip6", "inet"};
    struct rules_port ports[] = {PORT("", 8080, "tcp", 1, 2)};
    pid_t served = start_host(53);

    publish(ports, 1);
    for (size_t i = 0; i < ARRAY_SIZE(families); i++) {
        const char *f = families[i];
        _cleanup_free_ char *text = NULL, *undo = NULL;
        must("nft 'add table %s wall; "
             "add chain %s wall in { type filter hook input priority 0; policy drop; }; "
             "add chain %s wall through { type filter hook forward priority 0; policy drop; }; "
             "add rule %s wall in iif lo accept; "
             "add rule %s wall in icmpv6 type { nd-neighbor-solicit, nd-neighbor-advert } accept; "
             "add rule %s wall in ct state established accept'",
             f, f, f, f, f, f);
        assert_silence(OUT, "2001:db8::1", 8080);
        assert_silence(A1, "fd00:1::1", 53);
        test_ok(cunik_gates_text("e0", true, &text, NULL), NULL);
        test_ok(cunik_rules_replace(text, NULL), NULL);
        assert_answer(OUT, "2001:db8::1", 8080, "a1 from 2001:db8::2");
        assert_answer(A1, "fd00:1::1", 53, "host from fd00:1::2");
        assert_answer(A1, "2001:db8::2", 80, "out from 2001:db8::1");
        assert_silence(OUT, "2001:db8::1", 53);
        test_ok(cunik_gates_text("e0", false, &undo, NULL), NULL);
        test_ok(cunik_rules_replace(undo, NULL), NULL);
        assert_silence(OUT, "2001:db8::1", 8080);
        must("nft delete table %s wall", f);
    }
    stop_host(served);
}

/* Forwarding as the engine switches it on: for each link, where the kernel can; else this test does
 * it for the whole host, in the namespace of its own. */
static int start_all(_unused_ void **state)
{
    for (size_t i = 0; i < ARRAY_SIZE(networks); i++) {
        struct bridge_settings b = {
            .name = networks[i].bridge,
            .label = {(char *)"e0", (char *)"s", (char *)"network", (char *)networks[i].bridge},
            .group = 7,
            .address = {networks[i].gateway, 24},
            .address6 = networks[i].gateway6,
        };
        test_ok(cunik_link_create_bridge(&b, NULL), NULL);
    }
    start_guests();
    assert_true(cunik_link_forward("vout", true, NULL) >= 0);
    must("cd /proc/sys/net/ipv6/conf && if test -e vout/force_forwarding; "
         "then echo 1 >vout/force_forwarding; else echo 1 >all/forwarding; fi");
    return 0;
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_published), cmocka_unit_test(test_hairpin),
        cmocka_unit_test(test_shared),    cmocka_unit_test(test_udp),
        cmocka_unit_test(test_isolation), cmocka_unit_test(test_leaks),
        cmocka_unit_test(test_host),      cmocka_unit_test(test_gates),
        cmocka_unit_test(test_shut),
    };
    if (!own_namespace())
        return 0;
    return cmocka_run_group_tests_name("ports6", tests, start_all, stop_guests);
}
