#include "dhcp.h"

#include "clock.h"
#include "config.h"
#include "console.h"
#include "cpu.h"
#include "ip.h"
#include "nic.h"
#include "text.h"

enum {
    SERVER_PORT = 67,
    CLIENT_PORT = 68,
    UDP_HEADER_LENGTH = 8,
    FIXED = 236, /* of a message, before the cookie */
    HEADERS = ETHERNET_HEADER + IP_HEADER + UDP_HEADER_LENGTH,
    OPTIONS = FIXED + 4,
    MESSAGE = 300, /* some servers pass over shorter ones */
    COOKIE = 0x63825363,
    BROADCAST_FLAG = 0x8000,
    REQUEST = 1,
    REPLY = 2,
    RETRY_MS = 500,
    ROUNDS = 60,
    PAD = 0,
    MASK = 1,
    ROUTER = 3,
    NAME_SERVER = 6,
    HOST_NAME = 12,
    MTU = 26,
    WANTED_ADDRESS = 50,
    KIND = 53,
    SERVER = 54,
    WANTED_OPTIONS = 55,
    END = 255,
    DISCOVER = 1,
    OFFER = 2,
    ASK = 3,
    ACK = 5,
};

static struct client {
    bool asks;
    uint32_t id, offered, server;
} clients[NIC_MOST];

static char host_name[64];
static struct timer retry;
static uint32_t rounds;

static uint16_t header_sum(const uint8_t *header)
{
    uint32_t total = 0;

    for (size_t i = 0; i < IP_HEADER; i += 2)
        total += get16(header + i);
    total = (total >> 16) + (total & 0xFFFF);
    return (uint16_t) ~((total >> 16) + (total & 0xFFFF));
}

static uint8_t *put_option(uint8_t *at, uint8_t option, uint32_t value)
{
    at[0] = option;
    at[1] = 4;
    put32(at + 2, value);
    return at + 6;
}

static void fill_message(uint8_t *m, const struct client *c, const struct nic *nic)
{
    static const uint8_t wanted[] = {WANTED_OPTIONS, 5, MASK, ROUTER, NAME_SERVER, HOST_NAME, MTU};
    uint8_t *at = m + OPTIONS;

    memset(m, 0, MESSAGE);
    m[0] = REQUEST;
    m[1] = 1; /* Ethernet */
    m[2] = sizeof(nic->mac);
    put32(m + 4, c->id);
    put16(m + 10, BROADCAST_FLAG);
    memcpy(m + 28, nic->mac, sizeof(nic->mac));
    put32(m + FIXED, COOKIE);
    at[0] = KIND;
    at[1] = 1;
    at[2] = c->offered ? ASK : DISCOVER;
    at += 3;
    if (c->offered) {
        at = put_option(at, WANTED_ADDRESS, c->offered);
        at = put_option(at, SERVER, c->server);
    }
    memcpy(at, wanted, sizeof(wanted));
    at[sizeof(wanted)] = END;
}

static void ask(size_t index)
{
    struct nic *nic = nic_at(index);
    uint8_t *frame = nic_frame(nic);
    uint8_t *header = frame + ETHERNET_HEADER, *udp = header + IP_HEADER;

    if (!frame)
        return;
    memset(frame, 0xFF, 6);
    memcpy(frame + 6, nic->mac, 6);
    put16(frame + 12, ETHERNET_IP);
    memset(header, 0, IP_HEADER + UDP_HEADER_LENGTH);
    header[0] = 0x45;
    put16(header + 2, IP_HEADER + UDP_HEADER_LENGTH + MESSAGE);
    header[8] = 64;
    header[9] = IP_UDP;
    put32(header + 16, ~0u);
    put16(header + 10, header_sum(header));
    put16(udp, CLIENT_PORT);
    put16(udp + 2, SERVER_PORT);
    put16(udp + 4, UDP_HEADER_LENGTH + MESSAGE); /* no checksum: it may be left out */
    fill_message(udp + UDP_HEADER_LENGTH, &clients[index], nic);
    nic_send(nic, HEADERS + MESSAGE);
}

/* What an option holds, at least `least` bytes, or NULL. */
static const uint8_t *option_of(const uint8_t *m, size_t length, uint8_t option, size_t least)
{
    size_t at = OPTIONS;

    while (at + 1 < length && m[at] != END) {
        if (m[at] == PAD) {
            at++;
            continue;
        }
        size_t size = m[at + 1];
        if (size > length - at - 2)
            return NULL;
        if (m[at] == option)
            return size >= least ? m + at + 2 : NULL;
        at += size + 2;
    }
    return NULL;
}

static uint32_t prefix_of(uint32_t mask)
{
    uint32_t length = 0;

    for (; mask & 0x80000000u; mask <<= 1)
        length++;
    return length;
}

static void add_server(uint32_t address)
{
    for (size_t i = 0; i < config.server_count; i++)
        if (config.servers[i] == address)
            return;
    if (config.server_count < CONFIG_SERVERS)
        config.servers[config.server_count++] = address;
}

static void take(size_t index, const uint8_t *m, size_t length)
{
    struct config_interface *to = &config.interfaces[index];
    const uint8_t *mask = option_of(m, length, MASK, 4), *router = option_of(m, length, ROUTER, 4);
    const uint8_t *server = option_of(m, length, NAME_SERVER, 4);
    const uint8_t *mtu = option_of(m, length, MTU, 2), *name = option_of(m, length, HOST_NAME, 1);

    to->set = true;
    to->address = get32(m + 16);
    to->length = mask ? prefix_of(get32(mask)) : 24;
    to->gateway = router ? get32(router) : 0;
    to->mtu = mtu ? (uint16_t)get16(mtu) : 0;
    if (server)
        add_server(get32(server));
    if (name && name[-1] < sizeof(host_name) && !config.hostname) {
        memcpy(host_name, name, name[-1]);
        config.hostname = host_name;
    }
    clients[index].asks = false;
    console_print("probe: eth%u has a lease of %i\n", (uint32_t)index, to->address);
}

static void read_answer(size_t index, const uint8_t *m, size_t length)
{
    struct client *c = &clients[index];

    if (length < OPTIONS || m[0] != REPLY || get32(m + 4) != c->id || get32(m + FIXED) != COOKIE)
        return;
    const uint8_t *kind = option_of(m, length, KIND, 1), *server = option_of(m, length, SERVER, 4);
    if (kind && server && *kind == OFFER && !c->offered) {
        c->offered = get32(m + 16);
        c->server = get32(server);
        ask(index);
    } else if (kind && *kind == ACK && c->offered && get32(m + 16) == c->offered) {
        take(index, m, length);
    }
}

static void input(struct nic *nic, uint8_t *frame, size_t length)
{
    size_t index = (size_t)(nic - nic_at(0));
    const uint8_t *header = frame + ETHERNET_HEADER, *udp = header + IP_HEADER;

    if (length < HEADERS || !clients[index].asks || get16(frame + 12) != ETHERNET_IP ||
        header[0] != 0x45 || header[9] != IP_UDP || get16(udp) != SERVER_PORT ||
        get16(udp + 2) != CLIENT_PORT)
        return;
    size_t total = get16(udp + 4);
    if (total >= UDP_HEADER_LENGTH && total <= length - ETHERNET_HEADER - IP_HEADER)
        read_answer(index, udp + UDP_HEADER_LENGTH, total - UDP_HEADER_LENGTH);
}

static bool asks_any(void)
{
    for (size_t i = 0; i < nic_count(); i++)
        if (clients[i].asks)
            return true;
    return false;
}

/* From the beginning: an offer that is not kept is worth nothing. */
static void ask_all(void *data)
{
    (void)data;
    rounds++;
    for (size_t i = 0; i < nic_count(); i++)
        if (clients[i].asks) {
            clients[i].offered = 0;
            clients[i].id = (uint32_t)(cpu_cycles() >> 4) + (uint32_t)i;
            ask(i);
        }
    if (asks_any())
        timer_start(&retry, RETRY_MS);
}

void dhcp_configure(void)
{
    for (size_t i = 0; i < nic_count() && i < CONFIG_INTERFACES; i++)
        clients[i].asks = !config.interfaces[i].set;
    retry.run = ask_all;
    ask_all(NULL);
    while (asks_any() && rounds < ROUNDS) {
        nic_poll(input);
        clock_run();
        nic_flush();
        if (asks_any())
            clock_wait();
    }
    timer_stop(&retry);
}
