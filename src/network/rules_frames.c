/* The rules of frames: what a guest may say of itself. */
#include <ctype.h>
#include <string.h>

#include "base/memory.h"
#include "network/names.h"
#include "network/rules_parts.h"

/* "xx:xx:xx:xx:xx:xx" */
static bool is_mac(const char *s)
{
    for (int i = 0; i < 17; i++)
        if (i % 3 == 2 ? s[i] != ':' : !isxdigit((unsigned char)s[i]))
            return false;
    return !s[17];
}

int cunik_rules_check_guest(const struct rules_guest *g, struct error **err)
{
    if (!is_mac(g->mac))
        return cunik_error_set(err, ERROR_INVALID, "'%s' is no MAC address", g->mac);
    return 0;
}

static bool has_six(const struct rules_guest *g)
{
    return !IN6_IS_ADDR_UNSPECIFIED(&g->address6);
}

/* As a number, which is how the language takes the parts of a packet that it has no name for. */
char *cunik_rules_hex(const struct in6_addr *address)
{
    _cleanup_buffer_ struct buffer b = {0};

    for (size_t i = 0; i < sizeof(address->s6_addr); i++)
        cunik_buffer_printf(&b, "%02x", address->s6_addr[i]);
    return cunik_buffer_take(&b);
}

char *cunik_rules_guest_name(const struct rules_guest *g)
{
    _cleanup_buffer_ struct buffer b = {0};

    cunik_buffer_printf(&b, "%s_", g->link);
    for (const char *p = g->mac; *p; p++)
        if (*p != ':')
            cunik_buffer_char(&b, (char)tolower((unsigned char)*p));
    if (g->address) {
        cunik_buffer_char(&b, '_');
        cunik_rules_append_address(&b, g->address);
    }
    if (has_six(g)) {
        _cleanup_free_ char *hex = cunik_rules_hex(&g->address6);
        cunik_buffer_printf(&b, "_%s", hex);
    }
    if (g->server) {
        cunik_buffer_text_append(&b, "_asks_");
        cunik_rules_append_address(&b, g->server);
    }
    if (g->trusted)
        cunik_buffer_text_append(&b, "_trusted");
    return cunik_buffer_take(&b);
}

static bool is_inside(const struct rules *r, const struct rules_guest *g)
{
    const struct rules_network key = {.bridge = g->bridge};

    return r->n_networks &&
           bsearch(&key, r->networks, r->n_networks, sizeof(key), cunik_rules_by_bridge);
}

/* What is held on networks of ours; on others its owner says what is whose. */
static void append_sets(struct buffer *b, const struct rules *r)
{
    struct rules_elements inside = {0}, macs = {0}, addresses = {0}, six = {0};

    for (size_t i = 0; i < r->n_networks; i++) {
        const struct rules_network *n = &r->networks[i];
        _cleanup_free_ char *mac = cunik_network_mac("", "bridge", 0, n->bridge);
        cunik_buffer_text_append(cunik_rules_element(&macs), mac);
        cunik_rules_append_address(cunik_rules_element(&addresses), n->gateway);
        for (size_t k = 0; k < n->n_more; k++)
            cunik_rules_append_address(cunik_rules_element(&addresses), n->more[k].address);
        if (n->gateway6)
            cunik_rules_append_address6(cunik_rules_element(&six), &n->gateway6->address);
    }
    for (size_t i = 0; i < r->n_guests; i++) {
        const struct rules_guest *g = &r->guests[i];
        if (!is_inside(r, g))
            continue;
        cunik_buffer_printf(cunik_rules_element(&inside), "\"%s\"", g->link);
        cunik_buffer_text_append(cunik_rules_element(&macs), g->mac);
        if (g->address)
            cunik_rules_append_address(cunik_rules_element(&addresses), g->address);
        if (has_six(g))
            cunik_rules_append_address6(cunik_rules_element(&six), &g->address6);
    }
    cunik_rules_append_set(b, "set", "inside", "ifname", &inside);
    cunik_rules_append_set(b, "set", "macs", "ether_addr", &macs);
    cunik_rules_append_set(b, "set", "addresses", "ipv4_addr", &addresses);
    cunik_rules_append_set(b, "set", "addresses6", "ipv6_addr", &six);
}

/* What it says of neighbours (RFC 4861, 4.4) is of itself: its address, or one of its link's own.
 */
static void append_guest6(struct buffer *b, const struct rules_guest *g)
{
    _cleanup_free_ char *text = cunik_address6_text(&g->address6),
                        *hex = cunik_rules_hex(&g->address6);

    cunik_buffer_printf(b,
                        "        ip6 saddr != :: ip6 saddr != fe80::/10 ip6 saddr != %s drop\n"
                        "        icmpv6 type nd-neighbor-advert @th,64,10 != 0x3fa "
                        "@th,64,128 != 0x%s drop\n",
                        text, hex);
}

/* Before it has an address, a guest asks for one, by DHCP (RFC 2131) or whether it is free
 * (RFC 5227). */
static void append_guest(struct buffer *b, const struct rules_guest *g, const char *name)
{
    _cleanup_free_ char *address = cunik_address_text(g->address);

    cunik_buffer_printf(b,
                        "    chain %s {\n"
                        "        ether saddr != %s drop\n"
                        "        ether type != ip ether type != arp%s drop\n"
                        "        arp saddr ether != %s drop\n",
                        name, g->mac, has_six(g) ? " ether type != ip6" : "", g->mac);
    if (g->address)
        cunik_buffer_printf(b,
                            "        arp saddr ip != 0.0.0.0 arp saddr ip != %s drop\n"
                            "        ip saddr 0.0.0.0 udp sport 68 udp dport 67 accept\n"
                            "        ip saddr != %s drop\n",
                            address, address);
    else
        cunik_buffer_text_append(b, "        arp saddr ip @addresses drop\n"
                                    "        ip saddr @addresses drop\n");
    if (has_six(g))
        append_guest6(b, g);
    cunik_buffer_text_append(b, "        jump answers\n"
                                "        accept\n"
                                "    }\n");
}

static const char answers[] = "    chain answers {\n"
                              "        udp sport { 67, 547 } drop\n"
                              "        icmpv6 type { nd-router-advert, nd-redirect } drop\n"
                              "    }\n";

/* Before the bridge learns where an address is, and before anybody else's rules of frames. Which
 * bridge a frame comes in by is nothing that every kernel can ask for here: subnets and MAC
 * addresses of ours are nobody else's on this host. */
static const char chains[] = "    chain prerouting {\n"
                             "        type filter hook prerouting priority -350; policy accept;\n"
                             "        iifname vmap @guests\n"
                             "        ether saddr @macs drop\n"
                             "        arp saddr ip @addresses drop\n"
                             "        ip saddr @addresses drop\n"
                             "        ip6 saddr @addresses6 drop\n"
                             "    }\n"
                             "    chain forward {\n"
                             "        type filter hook forward priority -350; policy accept;\n"
                             "        oifname @inside jump answers\n"
                             "    }\n";

void cunik_rules_append_frames(struct buffer *b, const struct rules *r)
{
    struct rules_elements guests = {0};

    append_sets(b, r);
    cunik_buffer_text_append(b, answers);
    for (size_t i = 0; i < r->n_guests; i++) {
        _cleanup_free_ char *name = cunik_rules_guest_name(&r->guests[i]);
        append_guest(b, &r->guests[i], name);
        cunik_buffer_printf(cunik_rules_element(&guests), "\"%s\" : jump %s", r->guests[i].link,
                            name);
    }
    cunik_rules_append_set(b, "map", "guests", "ifname : verdict", &guests);
    cunik_buffer_text_append(b, chains);
}
