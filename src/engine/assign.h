/* Filling in what a desired world leaves open: link names, subnets, addresses, host ports.
 *
 * Pure: everything it knows of the host comes in as facts. What an actual cunik or network of the
 * same name has already is kept, so that addresses survive a recreate; what is new is derived, not
 * counted, where that is possible, so that one service's addresses do not depend on another's
 * coming or going.
 */
#pragma once

#include "engine/world.h"

/* What the host has that is not ours. */
struct host_facts {
    const char *engine; /* the engine's id (a few hex digits): part of derived link names */
    struct strv routes; /* "10.0.0.0/8": destinations of routes and addresses of links, not ours */
    struct strv taken_ports; /* "tcp 0.0.0.0 80", "tcp :: 80", "udp 127.0.0.1 53": listening sockets
                                of the host; "tcp 0.0.0.0 8000-8010 chain 'X' of …": by whom a
                                port, or a range of them, is led elsewhere */
    struct strv pools;   /* subnets to choose from: "172.30.0.0/16", of which networks get a /24, or
                            with their length, "10.8.0.0/16:26" */
    struct strv bridges; /* that others have made: "br0 10.0.0.1/24", or "br0" without address */
    struct strv addresses;          /* "192.0.2.1": the host's, all links'; empty = not known */
    uint16_t first_port, last_port; /* for ports published without a number */
    uint16_t least_port;            /* the first that this engine may publish; 0 = all */
    bool four_only;                 /* ports are published at addresses of IPv4 alone */
};

/* A pool (see above); false when the text is none. */
struct cidr;
bool cunik_assign_parse_pool(const char *text, struct cidr *ret, unsigned *ret_part);

/* `actual` is what will be there beside the desired world: cuniks that are about to be removed are
 * left out by the caller, or their addresses and ports count as taken.
 *
 * Mistakes (ERROR_INVALID or ERROR_CONFLICT, all of them in one message, a line each): two cuniks
 * on one address, an address outside its subnet or equal to its gateway, a subnet that overlaps a
 * route of the host or another network, a full network or bridge, a published port that is taken or
 * at an address that the host does not have. */
int cunik_assign(struct world *desired, const struct world *actual, const struct host_facts *facts,
                 struct error **err);
