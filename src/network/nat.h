/* Ports of the host that others lead elsewhere by rules of nftables: firewalls, engines of
 * containers, another engine of ours. Such a port has no socket, and yet is taken: of two rules for
 * one port the first has it, and which is first is nobody's choice.
 *
 * What is read: from the chains of type nat at prerouting and output, through jumps and verdict
 * maps, to each dnat or redirect, and on the way what narrows it down to a port: protocol, port of
 * the destination, its address, its family; from single values, ranges and sets, named or not,
 * together or alone. Other conditions (a link, a source) make a rule one for some packets, which
 * still takes the port from us. A rule that names no port is passed over, as are rules before it
 * that let a port pass.
 *
 * Rules of iptables(8) are iptables.h's: their targets say nothing here.
 */
#pragma once

#include "base/error.h"
#include "base/json.h"
#include "base/strv.h"

/* Where the elements of a named set or map are; NULL when they are not known. The answer is
 * borrowed. */
struct nat_elements {
    const json_t *(*get)(void *ctx, const char *name, bool map);
    void *ctx;
};

/* Of one table, as nft(8) lists it in JSON, the array "nftables"; pure. Adds what sockets.h has,
 * with ranges and words about whose it is: "tcp 0.0.0.0 8000-8010 chain 'dnat' of nftables' table
 * 'ip wall'", "udp 192.0.2.1 53 …". addresses: the host's; what is led elsewhere at others only
 * passes by. With none at all every address may be one of them.
 *
 * False when the rules were too many ways to follow (a million); what was found by then is added.
 */
bool cunik_nat_read(const json_t *listing, const struct nat_elements *elements,
                    const struct strv *addresses, struct strv *ret);

/* Of all tables but the engine's own. A table that cannot be listed is passed over, and logged.
 * Needs CAP_NET_ADMIN. Nothing is listed where nobody has a chain of that kind; of named sets only
 * those are that rules on the way look ports and addresses up in. */
int cunik_nat_ports(const char *engine, const struct strv *addresses, struct strv *ret,
                    struct error **err);
