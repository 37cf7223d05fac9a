/* The engine's rule set: published ports, the guests' way out, isolation between networks, and what
 * a guest may say of itself.
 *
 * Tables of one name, cunik_ENGINE, for IPv4, frames on bridges and (where it is used) IPv6,
 * replaced whole and at once: whoever looks finds the old rules or the new ones. cunik_rules_make()
 * is pure and canonical: the same networks, guests and ports in any order give the same text. Each
 * network, each guest and each guest behind a port has a chain whose name says all there is to say
 * ("tcp_8080_to_172.30.1.2_80"), so that the names of the chains tell which are in force.
 *
 * What the rules of packets say:
 *
 *   prerouting,   to an address of the host, by protocol and port: to a guest; several guests
 *   output        behind one port share its connections at random
 *   guard         a guest cannot reach the host's 127.0.0.0/8, although its bridge may carry such
 *                 addresses (link.h)
 *   input         of the host, a guest reaches names, addresses (DHCP) and echoes at the
 *                 gateways of its own network, and all the host serves there when it is
 *                 trusted; a name server for single guests is theirs alone; nobody outside
 *                 reaches the gateways
 *   forward       guests reach guests of their network, and others through published ports
 *                 alone; so does the world outside; internal networks have no way out
 *   postrouting   guests' connections to the outside, a host's own over 127.0.0.1, and a
 *                 guest's to a port published by its own network take the host's address
 *
 * Names are served at the gateways: port 53 there is never published.
 *
 * The table of IPv6 says the same where a network has it, for guests with such an address, but for
 * 127.0.0.0/8. Nothing is published at ::1. A connection from there could be led to a guest, and
 * its answers back by a local route of ::1 on the bridge; but where frames of bridges pass
 * ip6tables (br_netfilter, which Docker loads at any time) an answer becomes ::1's before the
 * kernel checks that no such packet comes by a link, and is dropped. Who asks for localhost would
 * hang then; as it is, ::1 refuses at once and 127.0.0.1 answers.
 *
 * What the rules of frames (the bridge's table) say: a guest sends IPv4 and ARP alone, only from
 * its own MAC and IP address; nobody on a bridge answers DHCP or announces routes but the host; who
 * else is on a bridge of ours (put there by hand) cannot take the addresses of a guest or the
 * gateway.
 *
 * Whoever else filters on the host (another table's chain) has the last word: an accept here does
 * not overrule a drop there. What is let through here on purpose, between guests, to and from the
 * world and to the gateway, carries RULES_MARK in its mark from then on, by which gates.h asks
 * others to let it through.
 */
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/error.h"
#include "base/strv.h"
#include "network/address.h"
#include "network/address6.h"

/* A bit that neither Docker, Kubernetes nor the usual overlays use. */
#define RULES_MARK 0x1000
/* What the names of engines' tables begin with. */
#define RULES_TABLE "cunik_"

struct rules_network {
    const char *bridge;
    struct cidr subnet;
    uint32_t gateway; /* the bridge's own address */
    bool internal;
    /* More of the bridge's own: gateways of further subnets, with their lengths, and as /32 those
     * of name servers. */
    const struct cidr *more;
    size_t n_more;
    const struct cidr6 *gateway6; /* the bridge's, with the subnet's length; NULL = no IPv6 */
};

/* A guest's attachment to a network. */
struct rules_guest {
    const char *link;         /* its tap */
    const char *bridge;       /* ours or not */
    const char *mac;          /* "52:…" */
    uint32_t address;         /* 0: not known, then any is let through */
    struct in6_addr address6; /* all 0: none */
    uint32_t server;          /* the name server of its own that it asks; 0: none */
    bool trusted;             /* may use what the host serves at its gateways */
};

/* Several with the same host side (address, port, protocol) share it. */
struct rules_port {
    const char *host_ip; /* "": every address of the host; "0.0.0.0": of IPv4, "::": of IPv6 */
    uint16_t host_port;
    const char *protocol;     /* "tcp" or "udp" */
    uint32_t address;         /* the guest's */
    uint16_t port;            /* the guest's */
    struct in6_addr address6; /* the guest's; all 0: none, then it is not published over IPv6 */
};

struct rules {
    const char *engine; /* hexadecimal digits */
    struct rules_network *networks;
    size_t n_networks;
    struct rules_guest *guests;
    size_t n_guests;
    struct rules_port *ports;
    size_t n_ports;
    /* Bridges of the host's own by which guests reach the world, as a bridge with the default route
     * is; other bridges are taken for networks like ours, of containers or of other guests. */
    struct strv ways;
    /* Links between which no IPv6 packets were forwarded, and are not to be, although the host as a
     * whole forwards them now for our sake. */
    struct strv shut;
};

/* Frees the arrays, with `more` and `gateway6` of the networks; texts are borrowed. */
void cunik_rules_done(struct rules *r);

/* *ret_text is for cunik_rules_replace(); the caller frees it. ret_chains gets the names of the
 * chains of r's networks, guests and ports, for cunik_rules_present(). Either may be NULL. Without
 * networks, guests and ports the text removes the tables. Sorts the arrays of r. ERROR_INVALID for
 * a host address that is none, a port 0, another protocol, a name of a link that cannot
 * be one, a MAC address that is none. */
int cunik_rules_make(struct rules *r, char **ret_text, struct strv *ret_chains, struct error **err);

bool cunik_rules_six(const struct rules *r); /* whether any network has IPv6 */

/* Effects; both need CAP_NET_ADMIN. Safe to call from several threads. */
int cunik_rules_replace(const char *text, struct error **err);
/* Whether rules could be set here; nothing is changed. */
int cunik_rules_check(struct error **err);
/* Whether the engine's tables have all of these chains (and maybe more). */
int cunik_rules_present(const char *engine, const struct strv *chains, bool *ret,
                        struct error **err);
