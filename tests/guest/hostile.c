/* Hostile input for the probe guest: its network code and its command lines, built for the host
 * under AddressSanitizer, against a peer that sends correct, bent and random packets. Random, but
 * the same in every run: an argument is another seed. Every so often a well-behaved client asks for
 * a page, and must get it.
 *
 * Memory, card, clock and console are made up here; everything else is the guest's own source.
 * Packets stand in heap blocks of exactly their length, so that reading or writing one byte too far
 * is seen. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "arguments.h"
#include "arp.h"
#include "behave.h"
#include "clock.h"
#include "config.h"
#include "console.h"
#include "cpu.h"
#include "disk.h"
#include "http.h"
#include "ip.h"
#include "memory.h"
#include "tcp_internal.h"
#include "text.h"
#include "udp.h"

enum {
    ROUNDS = 300000,
    LINES = 100000,
    GUEST = 0x0A090002,
    PEER = 0x0A090001,
    KNOWN = 64,
    SEGMENT_MOST = 1460,
};

/* --- what the machine would do */

static struct nic card = {.mac = {2, 0, 0, 0, 0, 2}, .mtu = 1500};
static uint8_t *frame;
static uint32_t now_ms;
static struct timer *timers;

void *memory_take_raw(size_t bytes)
{
    return malloc(bytes);
}

void *memory_take(size_t bytes)
{
    return calloc(1, bytes);
}

size_t memory_left(void)
{
    return 2 << 20;
}

uint32_t cpu_wakeups(void)
{
    return 0;
}

void console_print(const char *format, ...)
{
    (void)format;
}

uint32_t console_lost(void)
{
    return 0;
}

size_t disk_count(void)
{
    return 0;
}

const char *disk_first_sector(size_t index, const char **ret_why)
{
    (void)index;
    *ret_why = "none";
    return NULL;
}

const char *disk_write(size_t index, const char *text)
{
    (void)index;
    (void)text;
    return "none";
}

bool behave_is_healthy(void)
{
    return true;
}

void behave_become(bool healthy)
{
    (void)healthy;
}

void behave_exit(uint32_t code)
{
    (void)code;
}

void behave_crash(uint32_t unused)
{
    (void)unused;
}

void behave_hang(uint32_t unused)
{
    (void)unused;
}

uint32_t clock_now(void)
{
    return now_ms;
}

void timer_stop(struct timer *timer)
{
    for (struct timer **at = &timers; timer->running && *at; at = &(*at)->next) {
        if (*at == timer) {
            *at = timer->next;
            break;
        }
    }
    timer->running = false;
}

void timer_start(struct timer *timer, uint32_t milliseconds)
{
    timer_stop(timer);
    timer->due = now_ms + milliseconds;
    timer->running = true;
    timer->next = timers;
    timers = timer;
}

static void pass_time(uint32_t milliseconds)
{
    now_ms += milliseconds;
    for (struct timer *timer = timers; timer;) {
        if ((int32_t)(timer->due - now_ms) > 0) {
            timer = timer->next;
            continue;
        }
        timer_stop(timer);
        timer->run(timer->data);
        timer = timers;
    }
}

/* --- the peer */

static uint64_t state = 88172645463325252u;

static uint32_t dice(uint32_t sides)
{
    state ^= state << 13;
    state ^= state >> 7;
    state ^= state << 17;
    return (uint32_t)(state >> 20) % sides;
}

/* A connection as the peer sees it. */
static struct known {
    uint16_t port, guest_port;
    uint32_t sequence;   /* ours, next */
    uint32_t guest_next; /* the guest's, next */
    size_t text_length;
    char text[256]; /* how what the guest sent last begins */
    uint8_t flags;  /* of the last segment */
} known[KNOWN];
static size_t next_known;

static uint16_t dns_id, dns_port;
static uint8_t dns_question[300];
static size_t dns_length;

static struct known *find_known(uint16_t port, uint16_t guest_port)
{
    for (size_t i = 0; i < KNOWN; i++)
        if (known[i].port == port && known[i].guest_port == guest_port)
            return &known[i];
    return NULL;
}

static struct known *add_known(uint16_t port, uint16_t guest_port)
{
    struct known *one = &known[next_known++ % KNOWN];

    *one = (struct known){.port = port, .guest_port = guest_port, .sequence = dice(1 << 30)};
    return one;
}

static void see_tcp(const uint8_t *segment, size_t length)
{
    size_t header = (segment[12] >> 4) * 4u;
    uint16_t guest_port = get16(segment), port = get16(segment + 2);
    struct known *one = find_known(port, guest_port);

    if (ip_checksum(segment, length, GUEST, PEER, IP_TCP) != 0)
        abort();
    if (!one && (segment[13] & (TCP_SYN | TCP_ACK)) == TCP_SYN)
        one = add_known(port, guest_port);
    if (!one)
        return;
    one->flags = segment[13];
    one->guest_next = get32(segment + 4) + (uint32_t)(length - header) + !!(segment[13] & TCP_SYN) +
                      !!(segment[13] & TCP_FIN);
    if (length > header) {
        one->text_length =
            length - header < sizeof(one->text) ? length - header : sizeof(one->text);
        memcpy(one->text, segment + header, one->text_length);
    }
}

static void see_udp(const uint8_t *datagram, size_t length)
{
    if (get16(datagram + 2) != 53 || length < UDP_HEADER + 12 ||
        length > UDP_HEADER + sizeof(dns_question))
        return;
    dns_port = get16(datagram);
    dns_id = get16(datagram + UDP_HEADER);
    dns_length = length - UDP_HEADER;
    memcpy(dns_question, datagram + UDP_HEADER, dns_length);
}

size_t nic_count(void)
{
    return 1;
}

struct nic *nic_at(size_t index)
{
    (void)index;
    return &card;
}

static bool may_be_full;

uint8_t *nic_frame(struct nic *nic)
{
    /* Once given, the room stays until it is sent. */
    if (!frame && may_be_full && dice(200) == 0)
        return NULL;
    if (!frame)
        frame = malloc(NIC_FRAME);
    (void)nic;
    return frame;
}

void nic_send(struct nic *nic, size_t length)
{
    (void)nic;
    if (length > NIC_FRAME || !frame)
        abort();
    const uint8_t *packet = frame + ETHERNET_HEADER;
    if (get16(frame + 12) == ETHERNET_IP) {
        size_t total = get16(packet + 2);
        if (total + ETHERNET_HEADER != length)
            abort();
        if (packet[9] == IP_TCP && get32(packet + 16) == PEER)
            see_tcp(packet + IP_HEADER, total - IP_HEADER);
        else if (packet[9] == IP_UDP)
            see_udp(packet + IP_HEADER, total - IP_HEADER);
    }
    free(frame);
    frame = NULL;
}

static void deliver(const uint8_t *bytes, size_t length)
{
    uint8_t *exact = malloc(length ? length : 1);

    memcpy(exact, bytes, length);
    ip_input(&card, exact, length);
    free(exact);
}

static void bend(uint8_t *bytes, size_t length)
{
    for (uint32_t times = dice(4); times > 0 && length > 0; times--)
        bytes[dice((uint32_t)length)] = (uint8_t)dice(256);
}

static uint16_t ip_header_checksum(const uint8_t *header)
{
    uint32_t total = 0;

    for (int i = 0; i < IP_HEADER; i += 2)
        total += get16(header + i);
    total = (total >> 16) + (total & 0xFFFF);
    return (uint16_t) ~((total >> 16) + total);
}

/* One packet with right checksums around `payload`, sometimes bent afterwards. */
static void send_packet(uint8_t protocol, const uint8_t *payload, size_t length, bool honest)
{
    uint8_t bytes[NIC_FRAME] = {2, 0, 0, 0, 0, 2, 2, 0, 0, 0, 0, 1, 8, 0, 0x45};
    uint8_t *packet = bytes + ETHERNET_HEADER;

    put16(packet + 2, (uint32_t)(IP_HEADER + length));
    packet[8] = 64;
    packet[9] = protocol;
    put32(packet + 12, PEER);
    put32(packet + 16, GUEST);
    put16(packet + 10, ip_header_checksum(packet));
    memcpy(packet + IP_HEADER, payload, length);
    size_t total = ETHERNET_HEADER + IP_HEADER + length;
    if (!honest && dice(8) == 0)
        bend(bytes, total);
    if (!honest && dice(8) == 0)
        total = dice((uint32_t)total + 1);
    deliver(bytes, total);
}

static void send_tcp(struct known *one, uint8_t flags, const char *text, size_t length, bool honest)
{
    uint8_t segment[TCP_HEADER + SEGMENT_MOST];

    memset(segment, 0, TCP_HEADER);
    put16(segment, one->port);
    put16(segment + 2, one->guest_port);
    put32(segment + 4, one->sequence);
    put32(segment + 8, flags & TCP_ACK ? one->guest_next : 0);
    segment[12] = TCP_HEADER / 4 << 4;
    segment[13] = flags;
    put16(segment + 14, honest || dice(4) ? 65535 : dice(3000) % 1500);
    if (length > 0)
        memcpy(segment + TCP_HEADER, text, length);
    if (!honest && dice(4) == 0)
        bend(segment, TCP_HEADER);
    if (!honest && dice(8) == 0)
        put32(segment + 4, one->sequence + dice(20000) - 10000);
    if (!honest && dice(8) == 0)
        put32(segment + 8, one->guest_next + dice(20000) - 10000);
    put16(segment + 16, 0);
    put16(segment + 16, ip_checksum(segment, TCP_HEADER + length, PEER, GUEST, IP_TCP));
    if (honest || dice(16))
        one->sequence += (uint32_t)length + !!(flags & TCP_SYN) + !!(flags & TCP_FIN);
    send_packet(IP_TCP, segment, TCP_HEADER + length, honest);
}

static const char *const texts[] = {
    "GET / HTTP/1.1\r\n\r\n",
    "GET /big?20000 HTTP/1.0\r\n\r\n",
    "HEAD /net HTTP/1.1\r\nConnection: close\r\n\r\n",
    "GET /get?http://10.9.0.1:99/x HTTP/1.1\r\n\r\n",
    "GET /resolve?some.name HTTP/1.1\r\n\r\n",
    "GET /get?http://a/ HTTP/1.1\r\n",
    "\r\n",
    "POST / HTTP/1.1\r\nContent-Length: 9\r\n\r\n",
    "GET /echo?%41%zz%00 HTTP/1.1\n\n",
    "GET ",
    "/args HTTP/1.1\r\n\r\n",
    "GET /exit?7 HTTP/1.1\r\n\r\n",
    "GET /disk?0 HTTP/1.1\r\n\r\n",
    "HTTP/1.0 200 OK\r\nContent-Length: 5\r\n\r\nabcde",
    "HTTP/1.0 200 OK\r\n\r\nbody",
    "HTTP/1.1 abc\r\n\r\n",
    "HTTP/1.0 503 No\r\ncontent-length:99999999999\r\n\r\n",
    "GET /stats HTTP/1.1\r\nConnection: keep-alive\r\n\r\nGET /env HTTP/1.1\r\n\r\n",
};

static void attack_tcp(void)
{
    struct known *one = &known[dice(KNOWN)];
    char text[SEGMENT_MOST];
    size_t length = 0;

    if (dice(6) == 0)
        one = add_known((uint16_t)(1000 + dice(3000)), dice(10) ? 80 : (uint16_t)dice(65536));
    if (one->guest_next == 0 && dice(10)) {
        send_tcp(one, TCP_SYN, NULL, 0, dice(3) != 0);
        return;
    }
    if ((one->flags & (TCP_SYN | TCP_ACK)) == TCP_SYN) { /* the guest calls us */
        send_tcp(one, dice(5) ? TCP_SYN | TCP_ACK : TCP_RST | TCP_ACK, NULL, 0, dice(4) != 0);
        return;
    }
    if (dice(3)) {
        const char *chosen = texts[dice(COUNT(texts))];
        length = strlen(chosen);
        memcpy(text, chosen, length);
        if (dice(6) == 0)
            bend((uint8_t *)text, length);
    } else if (dice(4) == 0) {
        length = dice(SEGMENT_MOST + 1);
        memset(text, (int)dice(256), length);
    }
    uint8_t flags = dice(12) ? TCP_ACK | (dice(12) ? 0 : TCP_FIN) : (uint8_t)dice(256);
    send_tcp(one, flags, text, length, dice(2));
}

static void attack_udp(void)
{
    uint8_t datagram[UDP_HEADER + 600];
    uint8_t *message = datagram + UDP_HEADER;
    size_t length = dice(500);

    for (size_t i = 0; i < length; i++)
        message[i] = (uint8_t)dice(256);
    bool answer = dns_length > 0 && dice(4);
    if (answer) {
        memcpy(message, dns_question, dns_length);
        message[2] |= 0x80;
        message[3] = dice(4) ? 0 : (uint8_t)dice(16);
        put16(message + 6, dice(3));
        length = dns_length;
        static const uint8_t record[] = {0xC0, 12, 0, 1, 0, 1, 0, 0, 0, 9, 0, 4, 10, 9, 0, 1};
        for (uint32_t i = dice(3); i > 0; i--, length += sizeof(record))
            memcpy(message + length, record, sizeof(record));
        if (dice(2))
            bend(message + 2, length - 2);
        if (dice(4) == 0)
            length = dice((uint32_t)length);
    }
    put16(datagram, answer ? 53 : dice(65536));
    put16(datagram + 2, answer ? dns_port : dice(2) ? UDP_ECHO : dice(65536));
    put16(datagram + 4, dice(20) ? (uint32_t)(UDP_HEADER + length) : dice(65536));
    put16(datagram + 6, 0);
    send_packet(IP_UDP, datagram, UDP_HEADER + length, dice(3) != 0);
}

static void attack_raw(void)
{
    uint8_t bytes[2038];
    size_t length = dice(4) ? dice(64) : dice(sizeof(bytes));

    for (size_t i = 0; i < length; i++)
        bytes[i] = (uint8_t)dice(256);
    if (length > 20 && dice(4)) {
        put16(bytes + 12, dice(2) ? ETHERNET_IP : ETHERNET_ARP);
        bytes[14] = 0x45;
    }
    deliver(bytes, length);
}

static void attack_arp(void)
{
    uint8_t bytes[42] = {2, 0, 0, 0, 0, 2, 2, 0, 0, 0, 0, 1, 8, 6,
                         0, 1, 8, 0, 6, 4, 0, 1, 2, 0, 0, 0, 0, 1};

    bytes[21] = (uint8_t)(1 + dice(2));
    put32(bytes + 28, PEER + (dice(3) ? 0 : dice(300)));
    put32(bytes + 38, GUEST);
    if (dice(4) == 0)
        bend(bytes + 14, 28);
    deliver(bytes, dice(8) ? sizeof(bytes) : dice(sizeof(bytes)));
}

static void attack_icmp(void)
{
    uint8_t message[SEGMENT_MOST] = {8, 0};
    size_t length = dice(sizeof(message));

    for (size_t i = 4; i < length; i++)
        message[i] = (uint8_t)dice(256);
    uint32_t total = 0;
    for (size_t i = 0; i < length; i += 2)
        total += get16(message + i) & (i + 1 < length ? 0xFFFF : 0xFF00);
    total = (total >> 16) + (total & 0xFFFF);
    put16(message + 2, (uint32_t) ~((total >> 16) + total) & 0xFFFF);
    send_packet(IP_ICMP, message, length, dice(2));
}

/* --- the well-behaved client */

static int check_service(uint32_t round)
{
    static const char wanted[] = "HTTP/1.1 200 OK\r\n";
    static const char request[] = "GET /health HTTP/1.0\r\n\r\n";
    static const uint8_t arp[42] = {2,  0, 0, 0, 0, 2, 2, 0, 0, 0, 0,  1, 8, 6,
                                    0,  1, 8, 0, 6, 4, 0, 1, 2, 0, 0,  0, 0, 1,
                                    10, 9, 0, 1, 0, 0, 0, 0, 0, 0, 10, 9, 0, 2};

    may_be_full = false;
    pass_time(6000);
    deliver(arp,
            sizeof(arp)); /* after the time: the guest may have lost faith in the address it knew */
    struct known *one = add_known((uint16_t)(5000 + round % 50000), 80);
    send_tcp(one, TCP_SYN, NULL, 0, true);
    bool opened = (one->flags & (TCP_SYN | TCP_ACK)) == (TCP_SYN | TCP_ACK);
    send_tcp(one, TCP_ACK, request, sizeof(request) - 1, true);
    bool answered =
        one->text_length > sizeof(wanted) && memcmp(one->text, wanted, sizeof(wanted) - 1) == 0;
    bool ended = one->flags & TCP_FIN;
    send_tcp(one, TCP_ACK | TCP_FIN, NULL, 0, true);
    may_be_full = true;
    if (opened && answered && ended)
        return 0;
    printf("round %u: a good client got no answer (opened %d, answered %d, ended %d)\n", round,
           opened, answered, ended);
    return 1;
}

static int attack_network(void)
{
    for (uint32_t round = 1; round <= ROUNDS; round++) {
        switch (dice(16)) {
        case 0:
            attack_raw();
            break;
        case 1:
            attack_arp();
            break;
        case 2:
            attack_icmp();
            break;
        case 3:
        case 4:
            attack_udp();
            break;
        case 5:
            pass_time(dice(20) ? dice(50) : dice(5000));
            break;
        default:
            attack_tcp();
            break;
        }
        if (round % 1000 == 0 && check_service(round) != 0)
            return 1;
    }
    return 0;
}

static void attack_lines(void)
{
    static const char *const lines[] = {
        "k ip=10.9.0.2::10.9.0.1:255.255.255.0:h:eth0:off:10.9.0.1 mtu=eth0:1400 hostname=w%41 "
        "env=A=1 arg=x%25 mount=a:b:c:ro",
        "k n netdev.ip=[ \"10.9.0.2/24:10.9.0.1:1.2.3.4::h:d\" \"10.9.1.2/24\" ] env.vars=[ "
        "\"A=1\" 'B=2' ] -- a \"b c\"",
        "k {\"cmdline\": \"a 'b c'\", \"env\": \"A=1\", \"net\": {\"if\": \"vioif0\", \"method\": "
        "\"static\", \"addr\": \"10.9.0.2\", "
        "\"mask\": \"24\", \"gw\": \"10.9.0.1\"}, \"blk\": {\"source\": \"dev\", \"path\": "
        "\"/dev/ld0a\"}}",
        "k --ip=eth0,10.9.0.2,255.255.255.0 --defaultgw=10.9.0.1 --env=A=b\\ c /cmd \"a b\" c",
        "k --solo5:quiet --ipv4=10.9.0.2/24 --ipv4-gateway=10.9.0.1 --x-ipv4=10.9.1.2/24 a \"b\" "
        "'c",
    };

    for (uint32_t round = 0; round < LINES; round++) {
        const char *chosen = lines[dice(COUNT(lines))];
        size_t length = strlen(chosen);
        char *line = malloc(length + 1);
        memcpy(line, chosen, length + 1);
        bend((uint8_t *)line, length);
        if (dice(2))
            line[dice((uint32_t)length)] = "\"'\\{}[]:,/% =-"[dice(14)];
        config = (struct config){0};
        config_read(line);
        free(line);
    }
}

int main(int argc, char **argv)
{
    if (argc > 1)
        state ^= strtoull(argv[1], NULL, 10) << 8;
    attack_lines();
    config = (struct config){0};
    config_read("kernel ip=10.9.0.2::10.9.0.1:24:web:eth0:off:10.9.0.1 env=A=1 arg=one");
    if (config.error || ip_init() != 1 || !tcp_init())
        return 1;
    http_listen(80);
    ip_up();
    may_be_full = true;
    int failed = attack_network();
    printf("%s hostile input\n", failed ? "not ok" : "ok");
    return failed;
}
