#include "ip.h"

#include "arp.h"
#include "config.h"
#include "console.h"
#include "tcp.h"
#include "text.h"
#include "udp.h"

enum {
    VERSION_AND_LENGTH = 0x45,
    DONT_FRAGMENT = 0x4000,
    FRAGMENT_BITS = 0x3FFF, /* more fragments, offset */
    TIME_TO_LIVE = 64,
    ECHO_REPLY = 0,
    ECHO_REQUEST = 8,
    ICMP_HEADER = 8,
};

static struct interface interfaces[NIC_MOST];
static size_t count;
static bool up;
static uint16_t identification;

size_t ip_init(void)
{
    for (size_t i = 0; i < CONFIG_INTERFACES; i++) {
        const struct config_interface *wanted = &config.interfaces[i];
        if (!wanted->set)
            continue;
        if (i >= nic_count()) {
            console_print("probe: eth%u has no network card\n", (uint32_t)i);
            continue;
        }
        struct nic *nic = nic_at(i);
        interfaces[count++] = (struct interface){
            .nic = nic,
            .address = wanted->address,
            .length = wanted->length,
            .mask = text_mask_of(wanted->length),
            .gateway = wanted->gateway,
            .mtu = wanted->mtu && wanted->mtu < nic->mtu ? wanted->mtu : nic->mtu,
        };
        console_print("probe: eth%u %i/%u gw %i\n", (uint32_t)i, wanted->address, wanted->length,
                      wanted->gateway);
    }
    return count;
}

size_t ip_count(void)
{
    return count;
}

const struct interface *ip_interface(size_t index)
{
    return &interfaces[index];
}

void ip_up(void)
{
    up = true;
    for (size_t i = 0; i < count; i++)
        arp_announce(&interfaces[i]);
}

const struct interface *ip_route(uint32_t target)
{
    for (size_t i = 0; i < count; i++)
        if (((target ^ interfaces[i].address) & interfaces[i].mask) == 0)
            return &interfaces[i];
    for (size_t i = 0; i < count; i++)
        if (interfaces[i].gateway)
            return &interfaces[i];
    return NULL;
}

static uint32_t sum(const uint8_t *bytes, size_t length, uint32_t start)
{
    size_t i = 0;

    for (; i + 1 < length; i += 2)
        start += get16(bytes + i);
    if (i < length)
        start += (uint32_t)bytes[i] << 8;
    return start;
}

static uint16_t fold(uint32_t total)
{
    total = (total >> 16) + (total & 0xFFFF);
    total = (total >> 16) + (total & 0xFFFF);
    return (uint16_t)~total;
}

uint16_t ip_checksum(const uint8_t *bytes, size_t length, uint32_t from, uint32_t to,
                     uint8_t protocol)
{
    uint32_t pseudo =
        (from >> 16) + (from & 0xFFFF) + (to >> 16) + (to & 0xFFFF) + protocol + (uint32_t)length;

    return fold(sum(bytes, length, pseudo));
}

uint8_t *ip_payload(const struct interface *interface)
{
    uint8_t *frame = nic_frame(interface->nic);

    return frame ? frame + ETHERNET_HEADER + IP_HEADER : NULL;
}

void ip_send(const struct interface *interface, uint32_t target, uint8_t protocol, size_t length)
{
    uint8_t *frame = nic_frame(interface->nic);
    uint8_t *header = frame + ETHERNET_HEADER;
    bool near = ((target ^ interface->address) & interface->mask) == 0;

    header[0] = VERSION_AND_LENGTH;
    header[1] = 0;
    put16(header + 2, (uint32_t)(IP_HEADER + length));
    put16(header + 4, identification++);
    put16(header + 6, DONT_FRAGMENT);
    header[8] = TIME_TO_LIVE;
    header[9] = protocol;
    put16(header + 10, 0);
    put32(header + 12, interface->address);
    put32(header + 16, target);
    put16(header + 10, fold(sum(header, IP_HEADER, 0)));

    memcpy(frame + 6, interface->nic->mac, 6);
    put16(frame + 12, ETHERNET_IP);
    arp_send(interface, near || !interface->gateway ? target : interface->gateway,
             ETHERNET_HEADER + IP_HEADER + length);
}

static void icmp_input(const struct interface *interface, uint32_t from, const uint8_t *message,
                       size_t length)
{
    if (length < ICMP_HEADER || length > interface->mtu - (size_t)IP_HEADER ||
        fold(sum(message, length, 0)) != 0)
        return;
    if (message[0] != ECHO_REQUEST || message[1] != 0)
        return;
    uint8_t *reply = ip_payload(interface);
    if (!reply)
        return;
    memcpy(reply, message, length);
    reply[0] = ECHO_REPLY;
    put16(reply + 2, 0);
    put16(reply + 2, fold(sum(reply, length, 0)));
    ip_send(interface, from, IP_ICMP, length);
}

/* An address that one host can have: an answer to any other would go to many or to ourselves. */
static bool is_host(const struct interface *interface, uint32_t address)
{
    bool near = ((address ^ interface->address) & interface->mask) == 0;
    bool all_ones = near && interface->length < 31 && (address | interface->mask) == ~0u;

    return address >> 24 != 0 && address >> 24 != 127 && address >> 28 < 0xE && !all_ones &&
           address != interface->address;
}

static void packet_input(const struct interface *interface, uint8_t *packet, size_t length)
{
    if (length < IP_HEADER || packet[0] >> 4 != 4)
        return;
    size_t header = (packet[0] & 15) * 4u, total = get16(packet + 2);
    if (header < IP_HEADER || total < header || total > length || fold(sum(packet, header, 0)) != 0)
        return;
    if ((get16(packet + 6) & FRAGMENT_BITS) != 0 || get32(packet + 16) != interface->address)
        return;
    uint32_t from = get32(packet + 12);
    if (!is_host(interface, from))
        return;

    const uint8_t *payload = packet + header;
    if (packet[9] == IP_TCP)
        tcp_input(interface, from, payload, total - header);
    else if (packet[9] == IP_UDP)
        udp_input(interface, from, payload, total - header);
    else if (packet[9] == IP_ICMP)
        icmp_input(interface, from, payload, total - header);
}

void ip_input(struct nic *nic, uint8_t *frame, size_t length)
{
    if (!up || length < ETHERNET_HEADER)
        return;
    for (size_t i = 0; i < count; i++) {
        if (interfaces[i].nic != nic)
            continue;
        if (get16(frame + 12) == ETHERNET_ARP)
            arp_input(&interfaces[i], frame + ETHERNET_HEADER, length - ETHERNET_HEADER);
        else if (get16(frame + 12) == ETHERNET_IP)
            packet_input(&interfaces[i], frame + ETHERNET_HEADER, length - ETHERNET_HEADER);
    }
}
