/* Which card has which address on the link (RFC 826). */
#ifndef GUEST_ARP_H
#define GUEST_ARP_H

#include "ip.h"

void arp_input(const struct interface *interface, const uint8_t *message, size_t length);
/* Tells the link our own address, so that whoever asked before we listened need not ask again. */
void arp_announce(const struct interface *interface);
/* Sends the frame that stands in the room of the interface's card to `hop` on its link, all but the
 * target's hardware address filled in. Asks for that address first when it is unknown; a second
 * packet for the same unknown target replaces the first. */
void arp_send(const struct interface *interface, uint32_t hop, size_t length);
/* `hop` does not answer any more: ask again before the next packet. */
void arp_forget(const struct interface *interface, uint32_t hop);

#endif
