#include "udp.h"

#include "dns.h"
#include "text.h"

static bool send_from(const struct interface *interface, uint32_t target, uint16_t from_port,
                      uint16_t to_port, const uint8_t *data, size_t length)
{
    size_t total = UDP_HEADER + length;
    uint8_t *datagram = ip_payload(interface);

    if (!datagram || length > (size_t)interface->mtu - IP_HEADER - UDP_HEADER)
        return false;
    put16(datagram, from_port);
    put16(datagram + 2, to_port);
    put16(datagram + 4, (uint32_t)total);
    put16(datagram + 6, 0);
    memcpy(datagram + UDP_HEADER, data, length);
    uint16_t checksum = ip_checksum(datagram, total, interface->address, target, IP_UDP);
    put16(datagram + 6, checksum ? checksum : 0xFFFF);
    ip_send(interface, target, IP_UDP, total);
    return true;
}

bool udp_send(uint32_t target, uint16_t from_port, uint16_t to_port, const uint8_t *data,
              size_t length)
{
    const struct interface *interface = ip_route(target);

    return interface && send_from(interface, target, from_port, to_port, data, length);
}

void udp_input(const struct interface *interface, uint32_t from, const uint8_t *datagram,
               size_t length)
{
    if (length < UDP_HEADER)
        return;
    size_t total = get16(datagram + 4);
    if (total < UDP_HEADER || total > length)
        return;
    if (get16(datagram + 6) != 0 &&
        ip_checksum(datagram, total, from, interface->address, IP_UDP) != 0)
        return;
    uint16_t from_port = get16(datagram), to_port = get16(datagram + 2);
    const uint8_t *data = datagram + UDP_HEADER;

    if (to_port != UDP_ECHO)
        dns_input(from, from_port, to_port, data, total - UDP_HEADER);
    else if (from_port != UDP_ECHO) /* two echoes would talk for ever */
        send_from(interface, from, UDP_ECHO, from_port, data, total - UDP_HEADER);
}
