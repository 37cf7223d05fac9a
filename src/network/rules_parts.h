/* What the parts of the rule set share: rules_packets.c has that of packets, of IPv4 and of IPv6,
 * rules_ports.c their published ports, rules_frames.c what is said of frames. Not for others. */
#pragma once

#include "base/buffer.h"
#include "network/rules.h"

/* The value of a macro as text. */
#define TEXT_OF_(x) #x
#define TEXT_OF(x) TEXT_OF_(x)

/* Elements of a set or map, one a line; nothing at all for an empty one, as the language wants it.
 */
struct rules_elements {
    struct buffer text;
};

/* Where to append the next one. */
struct buffer *cunik_rules_element(struct rules_elements *e);
/* Writes the set or map, and frees its elements. */
void cunik_rules_append_set(struct buffer *b, const char *kind, const char *name, const char *type,
                            struct rules_elements *e);
void cunik_rules_append_address(struct buffer *b, uint32_t address);

/* Addresses without sign between their digits, for names of chains; the caller frees it. */
char *cunik_rules_hex(const struct in6_addr *address);
void cunik_rules_append_address6(struct buffer *b, const struct in6_addr *address);

/* The chain of a network: the caller frees its name. */
char *cunik_rules_network_name(const struct rules_network *n);

int cunik_rules_check_port(const struct rules_port *p, struct error **err);
/* A chain for each guest behind a port, and the maps "published_at" and "published_any". */
void cunik_rules_append_ports(struct buffer *b, const struct rules *r, bool six);
/* The names of those chains. */
void cunik_rules_port_chains(const struct rules *r, bool six, struct strv *ret);
/* What the table of a family's packets has between its braces; r is checked and sorted. */
void cunik_rules_append_packets(struct buffer *b, const struct rules *r, bool six);

/* The order of networks. */
int cunik_rules_by_bridge(const void *a, const void *b);

/* A guest's chain: "ckt1_520000000001_172.30.1.2"; the caller frees it. */
char *cunik_rules_guest_name(const struct rules_guest *g);
int cunik_rules_check_guest(const struct rules_guest *g, struct error **err);
/* The table of frames; r is checked and sorted. */
void cunik_rules_append_frames(struct buffer *b, const struct rules *r);
