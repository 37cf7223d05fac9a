/* What a guest may say of itself, frame by frame: one guest is a tap, opened here in QEMU's place:
 * what is written to it is what a guest would send, and what is read what it would get. The other,
 * and a port that somebody put on the bridge by hand, are veth pairs, at whose far ends frames are
 * made and read as they are on the wire. */
#include "tests/integration/netns.h"

#include <arpa/inet.h>
#include <linux/if_ether.h>
#include <linux/if_packet.h>
#include <linux/virtio_net.h>
#include <net/if.h>
#include <poll.h>
#include <sched.h>
#include <sys/socket.h>
#include <sys/uio.h>

#include "network/link.h"
#include "network/names.h"
#include "network/rules.h"
#include "network/tap.h"
#include "tests/support/test.h"

enum port { A, B, FOREIGN, OUTSIDE, HOST, N_PORTS };

/* Where frames of each are sent and read. */
static const char *const ends[] = {"va", "pb", "ps", "po", "ckb1"};
static int sockets[N_PORTS];

#define MAC_A "\x52\0\0\0\0\x0a"
#define MAC_B "\x52\0\0\0\0\x0b"
#define MAC_F "\x52\0\0\0\0\x0f"
#define MAC_O "\x52\0\0\0\0\x0c"
#define ALL "\xff\xff\xff\xff\xff\xff"
static char mac_host[6];

enum { ADDRESS_A = 0xac1e0102, ADDRESS_B, ADDRESS_F = 0xac1e0163, GATEWAY = 0xac1e0101 };

struct frame {
    unsigned char bytes[128];
    size_t size;
};

static void put(struct frame *f, const void *data, size_t size)
{
    assert_true(f->size + size <= sizeof(f->bytes));
    memcpy(f->bytes + f->size, data, size);
    f->size += size;
}

static void put16(struct frame *f, unsigned value)
{
    uint16_t v = htons((uint16_t)value);

    put(f, &v, sizeof(v));
}

static void put32(struct frame *f, uint32_t value)
{
    uint32_t v = htonl(value);

    put(f, &v, sizeof(v));
}

static void put_ether(struct frame *f, const char *to, const char *from, unsigned type)
{
    put(f, to, 6);
    put(f, from, 6);
    put16(f, type);
}

/* RFC 1071. A bridge whose frames pass through netfilter drops headers with a wrong one. */
static unsigned checksum(const unsigned char *data, size_t size)
{
    unsigned sum = 0;

    for (size_t i = 0; i + 1 < size; i += 2)
        sum += (unsigned)(data[i] << 8 | data[i + 1]);
    while (sum >> 16)
        sum = (sum & 0xffff) + (sum >> 16);
    return ~sum & 0xffff;
}

/* A UDP datagram over IPv4, itself without checksum, whose payload is a number. */
static void put_udp(struct frame *f, uint32_t from, uint32_t to, unsigned from_port,
                    unsigned to_port, uint32_t number)
{
    put16(f, 0x4500), put16(f, 20 + 8 + 4);
    put32(f, 0), put16(f, 0x4011), put16(f, 0);
    put32(f, from), put32(f, to);
    unsigned char *header = f->bytes + f->size - 20;
    unsigned sum = checksum(header, 20);
    header[10] = (unsigned char)(sum >> 8), header[11] = (unsigned char)sum;
    put16(f, from_port), put16(f, to_port), put16(f, 8 + 4), put16(f, 0);
    put32(f, number);
}

/* "from_mac is at from_address", with a number after it, where nobody looks. */
static void put_arp(struct frame *f, const char *from_mac, uint32_t from_address, uint32_t number)
{
    put16(f, 1), put16(f, ETH_P_IP), put16(f, 0x0604), put16(f, 2);
    put(f, from_mac, 6), put32(f, from_address);
    put(f, ALL, 6), put32(f, ADDRESS_B);
    put32(f, number);
}

enum { SIX_LINK = 0xfe80, SIX_A = 0x0a, SIX_B = 0x0b };

/* fd00::a and the like; SIX_LINK is fe80::1. */
static const struct in6_addr *six(unsigned which)
{
    static struct in6_addr address;

    inet_pton(AF_INET6,
              which == SIX_LINK ? "fe80::1"
              : which == SIX_A  ? "fd00::a"
                                : "fd00::b",
              &address);
    return &address;
}

/* A message that speaks of an address, as a neighbour's advertisement does. */
static void put_icmpv6(struct frame *f, unsigned type, unsigned from, unsigned about,
                       uint32_t number)
{
    static const unsigned char all_nodes[16] = {0xff, 2, [15] = 1};

    put32(f, 0x60000000), put16(f, 8 + 16 + 4), put16(f, 0x3aff);
    put(f, six(from), 16);
    put(f, all_nodes, sizeof(all_nodes));
    put16(f, type << 8), put16(f, 0), put32(f, 0);
    put(f, six(about), 16);
    put32(f, number);
}

static void open_end(enum port p)
{
    struct sockaddr_ll at = {.sll_family = AF_PACKET,
                             .sll_protocol = htons(ETH_P_ALL),
                             .sll_ifindex = (int)if_nametoindex(ends[p])};

    sockets[p] = socket(AF_PACKET, SOCK_RAW | SOCK_CLOEXEC, htons(ETH_P_ALL));
    assert_true(sockets[p] >= 0);
    assert_int_equal(bind(sockets[p], (struct sockaddr *)&at, sizeof(at)), 0);
}

static void send_frame(enum port from, const struct frame *f)
{
    /* Before its frames a tap has what QEMU says of checksums and sizes, here nothing. */
    struct virtio_net_hdr header = {0};
    struct iovec parts[] = {{&header, sizeof(header)}, {(void *)f->bytes, f->size}};

    if (from == A) {
        assert_int_equal(writev(sockets[A], parts, 2), (ssize_t)(sizeof(header) + f->size));
        return;
    }
    assert_int_equal(write(sockets[from], f->bytes, f->size), (ssize_t)f->size);
}

/* The numbers end our frames; all others have different sizes or numbers. */
static uint32_t read_number(enum port at)
{
    unsigned char bytes[2048];
    struct pollfd p = {.fd = sockets[at], .events = POLLIN};
    struct sockaddr_ll from = {0};
    socklen_t size = sizeof(from);
    uint32_t number;

    assert_int_equal(poll(&p, 1, 30000), 1);
    ssize_t n =
        at == A ? read(sockets[at], bytes, sizeof(bytes))
                : recvfrom(sockets[at], bytes, sizeof(bytes), 0, (struct sockaddr *)&from, &size);
    assert_true(n >= (ssize_t)sizeof(number));
    memcpy(&number, bytes + n - sizeof(number), sizeof(number));
    return from.sll_pkttype == PACKET_OUTGOING ? 0 : ntohl(number);
}

static uint32_t last_number = 0xc0de0000;

/* What is sent next is on its way behind this one: when it is there, this one is or never will be.
 */
static bool arrives(enum port from, enum port at, const struct frame *f, uint32_t number)
{
    uint32_t seen, mark = ++last_number;
    struct frame honest = {0};
    bool here = false;

    put_ether(&honest, ALL, at == A ? MAC_B : MAC_A, ETH_P_IP);
    put_udp(&honest, at == A ? ADDRESS_B : ADDRESS_A, 0xffffffff, 9, 9, mark);
    send_frame(from, f);
    send_frame(at == A ? B : A, &honest);
    while ((seen = read_number(at)) != mark)
        here |= seen == number;
    return here;
}

enum kind { UDP, DHCP_ASK, DHCP_ANSWER, ARP, ADVERT, DHCP6_ANSWER, TAGGED, ECHO6, NEIGHBOUR };

static const struct saying {
    const char *what;
    enum port from, at;
    enum kind kind;
    const char *mac, *arp_mac;
    uint32_t address;
    bool allowed;
} sayings[] = {
    {"a guest's own addresses", A, B, UDP, MAC_A, NULL, ADDRESS_A, true},
    {"its neighbour's MAC address", A, B, UDP, MAC_B, NULL, ADDRESS_A, false},
    {"the host's MAC address", A, B, UDP, mac_host, NULL, ADDRESS_A, false},
    {"a MAC address of nobody", A, B, UDP, MAC_F, NULL, ADDRESS_A, false},
    {"its neighbour's address", A, HOST, UDP, MAC_A, NULL, ADDRESS_B, false},
    {"the gateway's address", A, B, UDP, MAC_A, NULL, GATEWAY, false},
    {"an address of nobody", A, B, UDP, MAC_A, NULL, ADDRESS_F, false},
    {"an address outside", A, B, UDP, MAC_A, NULL, 0x08080808, false},
    {"ARP: its own addresses", A, B, ARP, MAC_A, MAC_A, ADDRESS_A, true},
    {"ARP: is it free?", A, B, ARP, MAC_A, MAC_A, 0, true},
    {"ARP: its neighbour's address", A, HOST, ARP, MAC_A, MAC_A, ADDRESS_B, false},
    {"ARP: the gateway's address", A, B, ARP, MAC_A, MAC_A, GATEWAY, false},
    {"ARP: its neighbour's MAC address", A, HOST, ARP, MAC_A, MAC_B, ADDRESS_A, false},
    {"DHCP: a question", A, HOST, DHCP_ASK, MAC_A, NULL, 0, true},
    {"DHCP: an answer", A, B, DHCP_ANSWER, MAC_A, NULL, ADDRESS_A, false},
    {"no address but no question", A, B, UDP, MAC_A, NULL, 0, false},
    {"a route", A, B, ADVERT, MAC_A, NULL, 0, false},
    {"DHCPv6: an answer", A, B, DHCP6_ANSWER, MAC_A, NULL, ADDRESS_A, false},
    {"a frame with a VLAN tag", A, B, TAGGED, MAC_A, NULL, ADDRESS_B, false},
    {"IPv6: its own address", A, B, ECHO6, MAC_A, NULL, SIX_A, true},
    {"IPv6: one of its link's own", A, B, ECHO6, MAC_A, NULL, SIX_LINK, true},
    {"IPv6: its neighbour's address", A, HOST, ECHO6, MAC_A, NULL, SIX_B, false},
    {"IPv6: being itself", A, B, NEIGHBOUR, MAC_A, NULL, SIX_A, true},
    {"IPv6: being one of its link's", A, B, NEIGHBOUR, MAC_A, NULL, SIX_LINK, true},
    {"IPv6: being its neighbour", A, HOST, NEIGHBOUR, MAC_A, NULL, SIX_B, false},
    {"IPv6 where there is none", B, A, ECHO6, MAC_B, NULL, SIX_LINK, false},
    {"a stranger with a guest's IPv6 address", FOREIGN, B, ECHO6, MAC_F, NULL, SIX_A, false},
    {"the host's own DHCP", HOST, A, DHCP_ANSWER, mac_host, NULL, GATEWAY, true},
    {"a stranger's own addresses", FOREIGN, B, UDP, MAC_F, NULL, ADDRESS_F, true},
    {"a stranger with a guest's MAC address", FOREIGN, B, UDP, MAC_A, NULL, ADDRESS_F, false},
    {"a stranger with the host's MAC address", FOREIGN, B, UDP, mac_host, NULL, ADDRESS_F, false},
    {"a stranger with a guest's address", FOREIGN, B, UDP, MAC_F, NULL, ADDRESS_A, false},
    {"a stranger's ARP", FOREIGN, B, ARP, MAC_F, MAC_F, ADDRESS_F, true},
    {"a stranger's ARP: the gateway's", FOREIGN, B, ARP, MAC_F, MAC_F, GATEWAY, false},
    {"a stranger's ARP: a guest's", FOREIGN, B, ARP, MAC_F, MAC_F, ADDRESS_A, false},
    {"a stranger's DHCP", FOREIGN, B, DHCP_ANSWER, MAC_F, NULL, ADDRESS_F, false},
    {"a stranger's route", FOREIGN, B, ADVERT, MAC_F, NULL, 0, false},
};

static void say(const struct saying *s, struct frame *f, uint32_t number)
{
    switch (s->kind) {
    case UDP:
        put_ether(f, ALL, s->mac, ETH_P_IP);
        put_udp(f, s->address, 0xffffffff, 7, 7, number);
        return;
    case DHCP_ASK:
        put_ether(f, ALL, s->mac, ETH_P_IP);
        put_udp(f, s->address, 0xffffffff, 68, 67, number);
        return;
    case DHCP_ANSWER:
        put_ether(f, ALL, s->mac, ETH_P_IP);
        put_udp(f, s->address, 0xffffffff, 67, 68, number);
        return;
    case DHCP6_ANSWER:
        put_ether(f, ALL, s->mac, ETH_P_IP);
        put_udp(f, s->address, 0xffffffff, 547, 546, number);
        return;
    case ARP:
        put_ether(f, ALL, s->mac, ETH_P_ARP);
        put_arp(f, s->arp_mac, s->address, number);
        return;
    case ADVERT:
        put_ether(f, ALL, s->mac, ETH_P_IPV6);
        put_icmpv6(f, 134, SIX_LINK, SIX_A, number);
        return;
    case ECHO6:
        put_ether(f, ALL, s->mac, ETH_P_IPV6);
        put_icmpv6(f, 128, s->address, SIX_A, number);
        return;
    case NEIGHBOUR:
        put_ether(f, ALL, s->mac, ETH_P_IPV6);
        put_icmpv6(f, 136, SIX_LINK, s->address, number);
        return;
    case TAGGED:
        put_ether(f, ALL, s->mac, ETH_P_8021Q);
        put16(f, 0), put16(f, ETH_P_IP);
        put_udp(f, s->address, 0xffffffff, 7, 7, number);
        return;
    }
}

static bool is_heard(const struct saying *s)
{
    struct frame f = {0};
    uint32_t number = ++last_number;

    say(s, &f, number);
    return arrives(s->from, s->at, &f, number);
}

static void put_rules(bool guests)
{
    struct rules_network network = {
        .bridge = "ckb1", .subnet = {0xac1e0100, 24}, .gateway = GATEWAY};
    struct rules_guest all[] = {
        {.link = "va",
         .bridge = "ckb1",
         .mac = "52:00:00:00:00:0A",
         .address = ADDRESS_A,
         .address6 = *six(SIX_A)},
        {.link = "vb", .bridge = "ckb1", .mac = "52:00:00:00:00:0b", .address = ADDRESS_B},
        {.link = "vo", .bridge = "home", .mac = "52:00:00:00:00:0c"}};
    struct rules r = {.engine = "e0"};
    _cleanup_free_ char *text = NULL;
    _cleanup_error_ struct error *err = NULL;

    if (guests)
        r = (struct rules){.engine = "e0",
                           .networks = &network,
                           .n_networks = 1,
                           .guests = all,
                           .n_guests = ARRAY_SIZE(all)};
    test_ok(cunik_rules_make(&r, &text, NULL, &err), err);
    test_ok(cunik_rules_replace(text, &err), err);
}

static void test_sayings(_unused_ void **state)
{
    put_rules(true);
    for (size_t i = 0; i < ARRAY_SIZE(sayings); i++)
        if (is_heard(&sayings[i]) != sayings[i].allowed)
            fail_msg("%s: %s", sayings[i].what, sayings[i].allowed ? "lost" : "heard");
}

/* Nothing of it is lost without the rules: it is they that the test above has seen at work. */
static void test_without(_unused_ void **state)
{
    put_rules(false);
    for (size_t i = 0; i < ARRAY_SIZE(sayings); i++)
        if (!is_heard(&sayings[i]))
            fail_msg("%s: lost", sayings[i].what);
}

/* Frames of a spoofer do not move its neighbour's address in the bridge's memory. */
static void test_memory(_unused_ void **state)
{
    const struct saying spoof = {"", A, HOST, UDP, MAC_B, NULL, ADDRESS_B, false};
    const struct saying own = {"", B, HOST, UDP, MAC_B, NULL, ADDRESS_B, true};

    put_rules(true);
    assert_true(is_heard(&own));
    assert_false(is_heard(&spoof));
    must("bridge fdb show br ckb1 | grep '52:00:00:00:00:0b dev vb master ckb1 $' >/dev/null");
    put_rules(false);
    assert_true(is_heard(&spoof));
    must("bridge fdb show br ckb1 | grep '52:00:00:00:00:0b dev va master ckb1 $' >/dev/null");
}

/* On somebody else's bridge a guest is known by its MAC address alone, and others say what they
 * like.
 */
static void test_outside(_unused_ void **state)
{
    static const struct saying said[] = {
        {"any address", OUTSIDE, OUTSIDE, UDP, MAC_O, NULL, 0x0a000001, true},
        {"another MAC address", OUTSIDE, OUTSIDE, UDP, MAC_F, NULL, 0x0a000001, false},
        {"an address of ours", OUTSIDE, OUTSIDE, UDP, MAC_O, NULL, ADDRESS_A, false},
        {"a DHCP answer", OUTSIDE, OUTSIDE, DHCP_ANSWER, MAC_O, NULL, 0x0a000001, false},
    };
    struct frame mark = {0}, answer = {0};
    uint32_t last = ++last_number, seen, heard[4] = {0}, first = last_number + 1;
    struct sockaddr_ll at = {.sll_family = AF_PACKET,
                             .sll_protocol = htons(ETH_P_ALL),
                             .sll_ifindex = (int)if_nametoindex("home")};

    put_rules(true);
    close(sockets[B]);
    sockets[B] = socket(AF_PACKET, SOCK_RAW | SOCK_CLOEXEC, htons(ETH_P_ALL));
    assert_int_equal(bind(sockets[B], (struct sockaddr *)&at, sizeof(at)), 0);
    for (size_t i = 0; i < ARRAY_SIZE(said); i++) {
        struct frame f = {0};
        say(&said[i], &f, ++last_number);
        send_frame(OUTSIDE, &f);
    }
    put_ether(&mark, ALL, MAC_O, ETH_P_IP);
    put_udp(&mark, 0x0a000001, 0xffffffff, 9, 9, last);
    send_frame(OUTSIDE, &mark);
    while ((seen = read_number(B)) != last)
        if (seen >= first && seen < first + ARRAY_SIZE(said))
            heard[seen - first]++;
    for (size_t i = 0; i < ARRAY_SIZE(said); i++)
        if (!!heard[i] != said[i].allowed)
            fail_msg("%s: %s", said[i].what, said[i].allowed ? "lost" : "heard");

    /* The DHCP of that network's owner is heard. */
    put_ether(&answer, ALL, MAC_F, ETH_P_IP);
    put_udp(&answer, 0x0a000002, 0xffffffff, 67, 68, ++last_number);
    send_frame(B, &answer);
    while (read_number(OUTSIDE) != last_number)
        ;
}

static int start(_unused_ void **state)
{
    struct bridge_settings b = {
        .name = "ckb1",
        .label = {(char *)"e0", (char *)"s", (char *)"network", (char *)"n"},
        .group = 77,
        .address = {GATEWAY, 24}};
    _cleanup_free_ char *mac = cunik_network_mac("", "bridge", 0, "ckb1");
    cpu_set_t one;

    /* Frames overtake each other between processors only. */
    CPU_ZERO(&one);
    CPU_SET(sched_getcpu(), &one);
    if (sched_setaffinity(0, sizeof(one), &one) < 0)
        return -1;
    sscanf(mac, "%hhx:%hhx:%hhx:%hhx:%hhx:%hhx", (unsigned char *)&mac_host[0],
           (unsigned char *)&mac_host[1], (unsigned char *)&mac_host[2],
           (unsigned char *)&mac_host[3], (unsigned char *)&mac_host[4],
           (unsigned char *)&mac_host[5]);
    test_ok(cunik_link_create_bridge(&b, NULL), NULL);
    must("ip link add home type bridge forward_delay 0 && ip link set home up");
    test_ok(cunik_tap_open("va", (uid_t)-1, (gid_t)-1, &sockets[A], NULL), NULL);
    must("sysctl -qw net.ipv6.conf.va.disable_ipv6=1 && ip link set va master ckb1 up");
    must("for i in b s o; do ip link add v$i type veth peer name p$i && "
         "sysctl -qw net.ipv6.conf.v$i.disable_ipv6=1 net.ipv6.conf.p$i.disable_ipv6=1 && "
         "b=ckb1 && { [ $i != o ] || b=home; } && "
         "ip link set v$i master $b up && ip link set p$i up || exit 1; done");
    /* The kernel notices a carrier in its own time. */
    must("for i in a b s o; do n=0; until ip -d link show v$i | grep -q 'state forwarding'; do "
         "n=$((n + 1)); [ $n -lt 3000 ] && sleep 0.01 || exit 1; done; done");
    for (enum port p = B; p < N_PORTS; p++)
        open_end(p);
    return 0;
}

static int clean(_unused_ void **state)
{
    for (enum port p = 0; p < N_PORTS; p++)
        close(sockets[p]);
    put_rules(false);
    return shell("for i in b s o; do ip link del v$i; done; ip link del ckb1; ip link del home");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(test_without, start, clean),
        cmocka_unit_test_setup_teardown(test_sayings, start, clean),
        cmocka_unit_test_setup_teardown(test_memory, start, clean),
        cmocka_unit_test_setup_teardown(test_outside, start, clean),
    };
    if (!own_namespace())
        return 0;
    return cmocka_run_group_tests_name("frames", tests, NULL, NULL);
}
