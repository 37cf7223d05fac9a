/* Ethernet and IPv4 with the guest's interfaces; ICMP echo. No fragments, no options of our own. */
#ifndef GUEST_IP_H
#define GUEST_IP_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "nic.h"

enum {
    ETHERNET_HEADER = 14,
    ETHERNET_IP = 0x0800,
    ETHERNET_ARP = 0x0806,
    IP_HEADER = 20,
    IP_ICMP = 1,
    IP_TCP = 6,
    IP_UDP = 17,
};

struct interface {
    struct nic *nic;
    uint32_t address, mask, gateway; /* the machine's byte order; gateway 0: none */
    uint32_t length;
    uint16_t mtu;
};

/* The interfaces that the command line names and a card exists for; prints a line for each. Returns
 * how many. */
size_t ip_init(void);
size_t ip_count(void);
const struct interface *ip_interface(size_t index);
/* Takes frames from now on, and lets the neighbours know. */
void ip_up(void);

/* For nic_poll(). */
void ip_input(struct nic *nic, uint8_t *frame, size_t length);

/* The interface that leads to `target`, or NULL. */
const struct interface *ip_route(uint32_t target);
/* Room for the payload of a packet (mtu - IP_HEADER bytes), or NULL when nothing can be sent now.
 * Asking again before ip_send() gives the same room. */
uint8_t *ip_payload(const struct interface *interface);
/* Sends what stands there. */
void ip_send(const struct interface *interface, uint32_t target, uint8_t protocol, size_t length);

/* The internet checksum of TCP and UDP, over `bytes` and the pseudo header. */
uint16_t ip_checksum(const uint8_t *bytes, size_t length, uint32_t from, uint32_t to,
                     uint8_t protocol);

#endif
