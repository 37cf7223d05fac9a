/* DHCP (RFC 2131): before anything else, an address for every card that the command line gives
 * none. A lease is taken once and kept: a guest of the tests does not live to see it end. */
#ifndef GUEST_DHCP_H
#define GUEST_DHCP_H

/* Asks until every such card has an address, or none has come for half a minute; fills `config`. */
void dhcp_configure(void);

#endif
