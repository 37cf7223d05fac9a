/* Packets on their way through rules of nftables, and how what a rule asks of them narrows them
 * down: to protocols, families, ports and addresses of the destination. Pure; expressions and
 * values are those of libnftables-json(5). What is wanted of anything else (a link, a source) some
 * packets have, and so narrows nothing.
 */
#pragma once

#include <stdbool.h>

#include "base/json.h"
#include "base/memory.h"
#include "base/strv.h"

enum { NAT_TCP = 1, NAT_UDP = 2, NAT_PROTOCOLS = 3 }; /* bits */
enum { NAT_FOUR = 1, NAT_SIX = 2, NAT_FAMILIES = 3 };
enum { NAT_PORT_MAX = UINT16_MAX };

struct nat_flow {
    unsigned protocols, families;
    unsigned first, last; /* ports; first 0: no port was named */
    const char *address;  /* NULL: every one; borrowed */
};

struct nat_flows {
    struct nat_flow *items;
    size_t n;
};

void cunik_nat_flows_done(struct nat_flows *f);
#define _cleanup_nat_flows_ _cleanup_(cunik_nat_flows_done)

/* Whether an expression, or one of several together ("concat"), is about what narrows. */
bool cunik_nat_flow_is_told_by(const json_t *expression);

/* All these add to *to what is left of *in, which may be nothing. */
void cunik_nat_flow_all(const struct nat_flows *in, struct nat_flows *to);
/* Of some protocols and some families: bits. */
void cunik_nat_flow_bits(const struct nat_flows *in, unsigned protocols, unsigned families,
                         struct nat_flows *to);
/* What an expression has one value of: a port, an address, a range, a prefix, "*", the like of
 * several together, or an element of a set of them. addresses: the host's, to which what is wanted
 * of the destination leads; where there are none it may be any. They are borrowed. */
void cunik_nat_flow_equal(const struct nat_flows *in, const json_t *expression, const json_t *value,
                          const struct strv *addresses, struct nat_flows *to);
/* All but one value or range; all but some addresses may be any. */
void cunik_nat_flow_unequal(const struct nat_flows *in, const json_t *expression,
                            const json_t *value, struct nat_flows *to);
/* Ports from low to high. */
void cunik_nat_flow_between(const struct nat_flows *in, const json_t *expression, json_int_t low,
                            json_int_t high, struct nat_flows *to);
