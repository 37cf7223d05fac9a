/* The rules of packets. Those of IPv4 and of IPv6 say the same as far as both have it: what one
 * alone has is marked so. */
#include <string.h>

#include "base/memory.h"
#include "network/rules_parts.h"

#define MARK TEXT_OF(RULES_MARK)

/* Lines of rules: behind a column that says whose they are, '4' or '6', or both's; IP is written
 * as the family's name. */
static void append_lines(struct buffer *b, const char *lines, bool six)
{
    static const char name[] = "IP";

    for (const char *end; *lines; lines = end + 1) {
        end = strchr(lines, '\n');
        if (*lines == (six ? '4' : '6'))
            continue;
        _cleanup_free_ char *line = cunik_strndup(lines + 1, (size_t)(end - lines));
        const char *rest = line, *ip;
        for (; (ip = strstr(rest, name)); rest = ip + strlen(name))
            cunik_buffer_printf(b, "%.*s%s", (int)(ip - rest), rest, six ? "ip6" : "ip");
        cunik_buffer_text_append(b, rest);
    }
}

/* Sets */

struct sets {
    struct rules_elements gateways, own, trusted, servers, askers, shut;
};

static void add_pair(struct rules_elements *to, const char *bridge, const char *address)
{
    cunik_buffer_printf(cunik_rules_element(to), "\"%s\" . %s", bridge, address);
}

static void add_own(struct sets *s, const char *bridge, const char *address)
{
    cunik_buffer_text_append(cunik_rules_element(&s->gateways), address);
    add_pair(&s->own, bridge, address);
}

static void add_network(struct sets *s, const struct rules_network *n, bool six)
{
    _cleanup_free_ char *gateway = !six          ? cunik_address_text(n->gateway)
                                   : n->gateway6 ? cunik_address6_text(&n->gateway6->address)
                                                 : NULL;

    if (gateway)
        add_own(s, n->bridge, gateway);
    for (size_t i = 0; !six && i < n->n_more; i++) {
        _cleanup_free_ char *address = cunik_address_text(n->more[i].address);
        add_own(s, n->bridge, address);
        if (n->more[i].length == 32)
            cunik_buffer_text_append(cunik_rules_element(&s->servers), address);
    }
}

static void add_guest(struct sets *s, const struct rules_guest *g, bool six)
{
    bool has = six ? !IN6_IS_ADDR_UNSPECIFIED(&g->address6) : g->address != 0;
    _cleanup_free_ char *address =
        six ? cunik_address6_text(&g->address6) : cunik_address_text(g->address);

    if (has && g->server && !six) {
        cunik_buffer_printf(cunik_rules_element(&s->askers), "%s . ", address);
        cunik_rules_append_address(&s->askers.text, g->server);
    }
    if (has && g->trusted)
        add_pair(&s->trusted, g->bridge, address);
}

/* The bridges, each with itself, those of internal networks, and the host's ways out. */
static void append_bridges(struct buffer *b, const struct rules *r)
{
    struct rules_elements bridges = {0}, same = {0}, internal = {0}, ways = {0};

    for (size_t i = 0; i < r->n_networks; i++) {
        const char *bridge = r->networks[i].bridge;
        cunik_buffer_printf(cunik_rules_element(&bridges), "\"%s\"", bridge);
        cunik_buffer_printf(cunik_rules_element(&same), "\"%s\" . \"%s\"", bridge, bridge);
        if (r->networks[i].internal)
            cunik_buffer_printf(cunik_rules_element(&internal), "\"%s\"", bridge);
    }
    for (size_t i = 0; i < r->ways.n; i++)
        cunik_buffer_printf(cunik_rules_element(&ways), "\"%s\"", r->ways.items[i]);
    cunik_rules_append_set(b, "set", "bridges", "ifname", &bridges);
    cunik_rules_append_set(b, "set", "same", "ifname . ifname", &same);
    cunik_rules_append_set(b, "set", "internal", "ifname", &internal);
    cunik_rules_append_set(b, "set", "ways", "ifname", &ways);
}

static void append_sets(struct buffer *b, const struct rules *r, bool six)
{
    const char *address = six ? "ipv6_addr" : "ipv4_addr";
    const char *pair = six ? "ifname . ipv6_addr" : "ifname . ipv4_addr";
    struct sets s = {0};

    for (size_t i = 0; i < r->n_networks; i++)
        add_network(&s, &r->networks[i], six);
    for (size_t i = 0; i < r->n_guests; i++)
        add_guest(&s, &r->guests[i], six);
    for (size_t i = 0; six && i < r->shut.n; i++)
        cunik_buffer_printf(cunik_rules_element(&s.shut), "\"%s\"", r->shut.items[i]);
    append_bridges(b, r);
    cunik_rules_append_set(b, "set", "gateways", address, &s.gateways);
    cunik_rules_append_set(b, "set", "own", pair, &s.own);
    cunik_rules_append_set(b, "set", "trusted", pair, &s.trusted);
    if (six) {
        cunik_rules_append_set(b, "set", "shut", "ifname", &s.shut);
        return;
    }
    cunik_rules_append_set(b, "set", "servers", address, &s.servers);
    cunik_rules_append_set(b, "set", "askers", "ipv4_addr . ipv4_addr", &s.askers);
}

/* Chains */

/* The output hook knows no name for the priority of dstnat. Neighbours of IPv6 are asked and
 * answered, and groups joined, at addresses of the link's own or of groups. */
static const char chains[] =
    "     chain published {\n"
    "6        ip6 daddr { ::1, fe80::/10 } return\n"
    "         IP daddr @gateways th dport 53 return\n"
    "         IP daddr . meta l4proto . th dport vmap @published_at\n"
    "         meta l4proto . th dport vmap @published_any\n"
    "     }\n"
    "     chain prerouting {\n"
    "         type nat hook prerouting priority dstnat; policy accept;\n"
    "         meta l4proto { tcp, udp } fib daddr type local jump published\n"
    "     }\n"
    "     chain output {\n"
    "         type nat hook output priority -100; policy accept;\n"
    "         meta l4proto { tcp, udp } fib daddr type local jump published\n"
    "     }\n"
    "4    chain guard {\n"
    "4        type filter hook prerouting priority raw; policy accept;\n"
    "4        iifname @bridges ip daddr 127.0.0.0/8 drop\n"
    "4        iifname @bridges ip saddr 127.0.0.0/8 drop\n"
    "4    }\n"
    "     chain ours {\n"
    "         meta mark set meta mark or " MARK " accept\n"
    "     }\n"
    "     chain input {\n"
    "         type filter hook input priority filter - 10; policy accept;\n"
    "         iifname != @bridges iifname != \"lo\" IP daddr @gateways ct state new drop\n"
    "         iifname != @bridges accept\n"
    "         ct state established,related goto ours\n"
    "4        udp sport 68 udp dport 67 goto ours\n"
    "6        icmpv6 type { nd-neighbor-solicit, nd-neighbor-advert, nd-router-solicit, "
    "mld2-listener-report } goto ours\n"
    "         iifname . IP daddr != @own drop\n"
    "4        ip daddr @servers ip saddr . ip daddr != @askers drop\n"
    "         meta l4proto { tcp, udp } th dport 53 goto ours\n"
    "         iifname . IP saddr @trusted goto ours\n"
    "4        icmp type echo-request goto ours\n"
    "6        icmpv6 type echo-request goto ours\n"
    "         drop\n"
    "     }\n"
    "     chain forward {\n"
    "         type filter hook forward priority filter - 10; policy accept;\n"
    "6        iifname @shut oifname @shut drop\n"
    "         iifname != @bridges oifname != @bridges accept\n"
    "         ct state established,related goto ours\n"
    "         iifname . oifname @same goto ours\n"
    "         iifname @internal drop\n"
    "         oifname @bridges ct status dnat goto ours\n"
    "         oifname @bridges drop\n"
    "         meta oifkind != \"bridge\" goto ours\n"
    "         oifname @ways goto ours\n"
    "     }\n";

/* The way out */

static void append_network(struct buffer *b, const struct rules_network *n, const char *name)
{
    cunik_buffer_printf(b, "    chain %s {\n", name);
    cunik_buffer_printf(b, "        oifname \"%s\" ct status dnat masquerade\n", n->bridge);
    if (!n->internal)
        cunik_buffer_printf(b, "        oifname != \"%s\" masquerade\n", n->bridge);
    cunik_buffer_text_append(b, "    }\n");
}

static void add_source(struct rules_elements *sources, const struct cidr *of, const char *name)
{
    const struct cidr c = cunik_cidr_subnet(of);
    _cleanup_free_ char *subnet = cunik_cidr_text(&c);

    cunik_buffer_printf(cunik_rules_element(sources), "%s : jump %s", subnet, name);
}

static void add_source6(struct rules_elements *sources, const struct cidr6 *of, const char *name)
{
    const struct cidr6 c = cunik_cidr6_subnet(of);
    _cleanup_free_ char *subnet = cunik_cidr6_text(&c);

    cunik_buffer_printf(cunik_rules_element(sources), "%s : jump %s", subnet, name);
}

static const char postrouting[] =
    "     chain postrouting {\n"
    "         type nat hook postrouting priority srcnat; policy accept;\n"
    "4        ip saddr 127.0.0.0/8 oifname @bridges masquerade\n"
    "         IP saddr vmap @sources\n"
    "     }\n";

/* A chain for each network, for what its guests send. */
static void append_way_out(struct buffer *b, const struct rules *r, bool six)
{
    struct rules_elements sources = {0};

    for (size_t i = 0; i < r->n_networks; i++) {
        const struct rules_network *n = &r->networks[i];
        if (six && !n->gateway6)
            continue;
        _cleanup_free_ char *name = cunik_rules_network_name(n);
        append_network(b, n, name);
        if (six)
            add_source6(&sources, n->gateway6, name);
        else
            add_source(&sources, &n->subnet, name);
        for (size_t k = 0; !six && k < n->n_more; k++)
            if (n->more[k].length < 32)
                add_source(&sources, &n->more[k], name);
    }
    cunik_rules_append_set(b, "map", "sources",
                           six ? "ipv6_addr : verdict\n        flags interval"
                               : "ipv4_addr : verdict\n        flags interval",
                           &sources);
    append_lines(b, postrouting, six);
}

void cunik_rules_append_packets(struct buffer *b, const struct rules *r, bool six)
{
    append_sets(b, r, six);
    cunik_rules_append_ports(b, r, six);
    append_lines(b, chains, six);
    append_way_out(b, r, six);
}
