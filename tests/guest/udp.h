/* UDP: an echo on port 7, and answers to what dns.c asked. */
#ifndef GUEST_UDP_H
#define GUEST_UDP_H

#include "ip.h"

enum { UDP_HEADER = 8, UDP_ECHO = 7 };

void udp_input(const struct interface *interface, uint32_t from, const uint8_t *datagram,
               size_t length);
/* False when the target has no route, the data is too long or the card is full. */
bool udp_send(uint32_t target, uint16_t from_port, uint16_t to_port, const uint8_t *data,
              size_t length);

#endif
