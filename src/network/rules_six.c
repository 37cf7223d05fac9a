/* The rules of IPv6 packets; what they say is what those of IPv4 say. */
#include <string.h>

#include "base/memory.h"
#include "network/rules_parts.h"

bool cunik_rules_six(const struct rules *r)
{
    bool six = false;

    for (size_t i = 0; i < r->n_networks; i++)
        six |= r->networks[i].gateway6 != NULL;
    return six;
}

void cunik_rules_append_address6(struct buffer *b, const struct in6_addr *address)
{
    _cleanup_free_ char *text = cunik_address6_text(address);

    cunik_buffer_text_append(b, text);
}

static void append_pair(struct rules_elements *to, const char *bridge,
                        const struct in6_addr *address)
{
    cunik_buffer_printf(cunik_rules_element(to), "\"%s\" . ", bridge);
    cunik_rules_append_address6(&to->text, address);
}

static void append_sets(struct buffer *b, const struct rules *r)
{
    struct rules_elements gateways = {0}, own = {0}, trusted = {0}, shut = {0};

    for (size_t i = 0; i < r->n_networks; i++) {
        const struct rules_network *n = &r->networks[i];
        if (!n->gateway6)
            continue;
        cunik_rules_append_address6(cunik_rules_element(&gateways), &n->gateway6->address);
        append_pair(&own, n->bridge, &n->gateway6->address);
    }
    for (size_t i = 0; i < r->n_guests; i++) {
        const struct rules_guest *g = &r->guests[i];
        if (g->trusted && !IN6_IS_ADDR_UNSPECIFIED(&g->address6))
            append_pair(&trusted, g->bridge, &g->address6);
    }
    for (size_t i = 0; i < r->shut.n; i++)
        cunik_buffer_printf(cunik_rules_element(&shut), "\"%s\"", r->shut.items[i]);
    cunik_rules_append_bridges(b, r);
    cunik_rules_append_ways(b, r);
    cunik_rules_append_set(b, "set", "gateways", "ipv6_addr", &gateways);
    cunik_rules_append_set(b, "set", "own", "ifname . ipv6_addr", &own);
    cunik_rules_append_set(b, "set", "trusted", "ifname . ipv6_addr", &trusted);
    cunik_rules_append_set(b, "set", "shut", "ifname", &shut);
}

/* Neighbours are asked and answered, and groups joined, at addresses of the link's own or of
 * groups. */
static const char chains[] =
    "    chain published {\n"
    "        ip6 daddr { ::1, fe80::/10 } return\n"
    "        ip6 daddr @gateways th dport 53 return\n"
    "        ip6 daddr . meta l4proto . th dport vmap @published_at\n"
    "        meta l4proto . th dport vmap @published_any\n"
    "    }\n"
    "    chain prerouting {\n"
    "        type nat hook prerouting priority dstnat; policy accept;\n"
    "        meta l4proto { tcp, udp } fib daddr type local jump published\n"
    "    }\n"
    "    chain output {\n"
    "        type nat hook output priority -100; policy accept;\n"
    "        meta l4proto { tcp, udp } fib daddr type local jump published\n"
    "    }\n"
    "    chain ours {\n"
    "        meta mark set meta mark or " TEXT_OF(
        RULES_MARK) " accept\n"
                    "    }\n"
                    "    chain input {\n"
                    "        type filter hook input priority filter - 10; policy accept;\n"
                    "        iifname != @bridges iifname != \"lo\" ip6 daddr @gateways ct state "
                    "new drop\n"
                    "        iifname != @bridges accept\n"
                    "        ct state established,related goto ours\n"
                    "        icmpv6 type { nd-neighbor-solicit, nd-neighbor-advert, "
                    "nd-router-solicit, mld2-listener-report } goto ours\n"
                    "        iifname . ip6 daddr != @own drop\n"
                    "        meta l4proto { tcp, udp } th dport 53 goto ours\n"
                    "        iifname . ip6 saddr @trusted goto ours\n"
                    "        icmpv6 type echo-request goto ours\n"
                    "        drop\n"
                    "    }\n"
                    "    chain forward {\n"
                    "        type filter hook forward priority filter - 10; policy accept;\n"
                    "        iifname @shut oifname @shut drop\n"
                    "        iifname != @bridges oifname != @bridges accept\n"
                    "        ct state established,related goto ours\n"
                    "        iifname . oifname @same goto ours\n"
                    "        iifname @internal drop\n"
                    "        oifname @bridges ct status dnat goto ours\n"
                    "        oifname @bridges drop\n"
                    "        meta oifkind != \"bridge\" goto ours\n"
                    "        oifname @ways goto ours\n"
                    "    }\n";

void cunik_rules_append_six(struct buffer *b, const struct rules *r)
{
    struct rules_elements jumps = {0};

    append_sets(b, r);
    cunik_rules_append_ports(b, r, true);
    cunik_buffer_text_append(b, chains);
    for (size_t i = 0; i < r->n_networks; i++) {
        const struct rules_network *n = &r->networks[i];
        if (!n->gateway6)
            continue;
        _cleanup_free_ char *name = cunik_rules_network_name(n);
        const struct cidr6 c = cunik_cidr6_subnet(n->gateway6);
        _cleanup_free_ char *subnet = cunik_cidr6_text(&c);
        cunik_rules_append_network(b, n);
        cunik_buffer_printf(cunik_rules_element(&jumps), "%s : jump %s", subnet, name);
    }
    cunik_rules_append_set(b, "map", "sources", "ipv6_addr : verdict\n        flags interval",
                           &jumps);
    cunik_buffer_text_append(b,
                             "    chain postrouting {\n"
                             "        type nat hook postrouting priority srcnat; policy accept;\n"
                             "        ip6 saddr vmap @sources\n"
                             "    }\n");
}
