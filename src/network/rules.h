/* The engine's rule set: published ports, the guests' way out, isolation between networks.
 *
 * One table, `ip cunik_ENGINE`, replaced whole and at once: whoever looks finds the old rules or
 * the new ones. cunik_rules_make() is pure and canonical: the same networks and ports in any order
 * give the same text. Each network and each guest behind a port has a chain whose name says all
 * there is to say ("tcp_8080_to_172.30.1.2_80"), so that the names of the chains tell which are in
 * force.
 *
 * What the rules say:
 *
 *   prerouting,   to an address of the host, by protocol and port: to a guest; several guests
 *   output        behind one port share its connections at random
 *   guard         a guest cannot reach the host's 127.0.0.0/8, although its bridge may carry such
 *                 addresses (link.h)
 *   input         a guest reaches the gateway of its own network, not those of others
 *   forward       guests reach guests of their network, and others through published ports alone;
 *                 so does the world outside; internal networks have no way out
 *   postrouting   guests' connections to the outside, a host's own over 127.0.0.1, and a guest's to
 *                 a port published by its own network take the host's address
 *
 * Names are served at the gateways: port 53 there is never published.
 */
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/error.h"
#include "base/strv.h"
#include "network/address.h"

struct rules_network {
    const char *bridge;
    struct cidr subnet;
    uint32_t gateway; /* the bridge's own address */
    bool internal;
};

/* Several with the same host side (address, port, protocol) share it. */
struct rules_port {
    const char *host_ip; /* "" or "0.0.0.0": every address of the host */
    uint16_t host_port;
    const char *protocol; /* "tcp" or "udp" */
    uint32_t address;     /* the guest's */
    uint16_t port;        /* the guest's */
};

struct rules {
    const char *engine; /* hexadecimal digits */
    struct rules_network *networks;
    size_t n_networks;
    struct rules_port *ports;
    size_t n_ports;
};

/* *ret_text is for cunik_rules_replace(); the caller frees it. ret_chains gets the names of the
 * chains of r's networks and ports, for cunik_rules_present(). Either may be NULL. Without networks
 * and ports the text removes the table. Sorts the arrays of r. ERROR_INVALID for a host address
 * that is no IPv4 address, a port 0, another protocol, a bridge's name that cannot be one. */
int cunik_rules_make(struct rules *r, char **ret_text, struct strv *ret_chains, struct error **err);

/* Effects; both need CAP_NET_ADMIN. Safe to call from several threads. */
int cunik_rules_replace(const char *text, struct error **err);
/* Whether rules could be set here; nothing is changed. */
int cunik_rules_check(struct error **err);
/* Whether the engine's table has all of these chains (and maybe more). */
int cunik_rules_present(const char *engine, const struct strv *chains, bool *ret,
                        struct error **err);
