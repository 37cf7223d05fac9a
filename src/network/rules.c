#include "network/rules.h"

#include <string.h>

#include "base/buffer.h"
#include "base/digest.h"
#include "base/memory.h"
#include "base/text.h"
#include "network/rules_parts.h"

enum { CHAIN_MAX = 127 }; /* NFT_NAME_MAXLEN, without the NUL */

int cunik_rules_by_bridge(const void *a, const void *b)
{
    const struct rules_network *x = a, *y = b;

    return strcmp(x->bridge, y->bridge);
}

static int by_link(const void *a, const void *b)
{
    const struct rules_guest *x = a, *y = b;

    return strcmp(x->link, y->link);
}

/* What goes into the text between quotes or as it is: names that could mean something else there
 * are refused rather than escaped. */
static int check_word(const char *s, const char *what, struct error **err)
{
    if (!*s ||
        strspn(s, "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789_-.") != strlen(s))
        return cunik_error_set(err, ERROR_INVALID, "'%s' cannot be %s", s, what);
    return 0;
}

static int check(const struct rules *r, struct error **err)
{
    int e = check_word(r->engine, "the id of an engine", err);

    for (size_t i = 0; e == 0 && i < r->n_networks; i++)
        e = check_word(r->networks[i].bridge, "the name of a bridge", err);
    for (size_t i = 0; e == 0 && i < r->ways.n; i++)
        e = check_word(r->ways.items[i], "the name of a bridge", err);
    for (size_t i = 0; e == 0 && i < r->shut.n; i++)
        e = check_word(r->shut.items[i], "the name of a link", err);
    for (size_t i = 0; e == 0 && i < r->n_guests; i++)
        if ((e = check_word(r->guests[i].link, "the name of a link", err)) == 0 &&
            (e = check_word(r->guests[i].bridge, "the name of a bridge", err)) == 0)
            e = cunik_rules_check_guest(&r->guests[i], err);
    for (size_t i = 0; e == 0 && i < r->n_ports; i++)
        e = cunik_rules_check_port(&r->ports[i], err);
    return e;
}

void cunik_rules_append_address(struct buffer *b, uint32_t address)
{
    _cleanup_free_ char *text = cunik_address_text(address);

    cunik_buffer_text_append(b, text);
}

struct buffer *cunik_rules_element(struct rules_elements *e)
{
    cunik_buffer_text_append(&e->text, e->text.size ? ",\n            " : "            ");
    return &e->text;
}

void cunik_rules_append_set(struct buffer *b, const char *kind, const char *name, const char *type,
                            struct rules_elements *e)
{
    cunik_buffer_printf(b, "    %s %s {\n        type %s\n", kind, name, type);
    if (e->text.size)
        cunik_buffer_printf(b, "        elements = {\n%s\n        }\n",
                            cunik_buffer_text(&e->text));
    cunik_buffer_text_append(b, "    }\n");
    cunik_buffer_done(&e->text);
}

static void append_own(struct rules_elements *gateways, struct rules_elements *own,
                       const char *bridge, uint32_t address)
{
    cunik_rules_append_address(cunik_rules_element(gateways), address);
    cunik_buffer_printf(cunik_rules_element(own), "\"%s\" . ", bridge);
    cunik_rules_append_address(&own->text, address);
}

void cunik_rules_append_bridges(struct buffer *b, const struct rules *r)
{
    struct rules_elements bridges = {0}, same = {0};

    for (size_t i = 0; i < r->n_networks; i++) {
        const char *bridge = r->networks[i].bridge;
        cunik_buffer_printf(cunik_rules_element(&bridges), "\"%s\"", bridge);
        cunik_buffer_printf(cunik_rules_element(&same), "\"%s\" . \"%s\"", bridge, bridge);
    }
    cunik_rules_append_set(b, "set", "bridges", "ifname", &bridges);
    cunik_rules_append_set(b, "set", "same", "ifname . ifname", &same);
}

void cunik_rules_append_ways(struct buffer *b, const struct rules *r)
{
    struct rules_elements internal = {0}, ways = {0};

    for (size_t i = 0; i < r->n_networks; i++)
        if (r->networks[i].internal)
            cunik_buffer_printf(cunik_rules_element(&internal), "\"%s\"", r->networks[i].bridge);
    for (size_t i = 0; i < r->ways.n; i++)
        cunik_buffer_printf(cunik_rules_element(&ways), "\"%s\"", r->ways.items[i]);
    cunik_rules_append_set(b, "set", "internal", "ifname", &internal);
    cunik_rules_append_set(b, "set", "ways", "ifname", &ways);
}

static void append_network_sets(struct buffer *b, const struct rules *r)
{
    struct rules_elements gateways = {0}, own = {0}, trusted = {0}, servers = {0}, askers = {0};

    cunik_rules_append_bridges(b, r);
    for (size_t i = 0; i < r->n_networks; i++) {
        const struct rules_network *n = &r->networks[i];
        append_own(&gateways, &own, n->bridge, n->gateway);
        for (size_t k = 0; k < n->n_more; k++) {
            append_own(&gateways, &own, n->bridge, n->more[k].address);
            if (n->more[k].length == 32)
                cunik_rules_append_address(cunik_rules_element(&servers), n->more[k].address);
        }
    }
    for (size_t i = 0; i < r->n_guests; i++) {
        const struct rules_guest *g = &r->guests[i];
        if (g->server && g->address) {
            cunik_rules_append_address(cunik_rules_element(&askers), g->address);
            cunik_buffer_text_append(&askers.text, " . ");
            cunik_rules_append_address(&askers.text, g->server);
        }
        if (!g->trusted || !g->address)
            continue;
        cunik_buffer_printf(cunik_rules_element(&trusted), "\"%s\" . ", g->bridge);
        cunik_rules_append_address(&trusted.text, g->address);
    }
    cunik_rules_append_ways(b, r);
    cunik_rules_append_set(b, "set", "gateways", "ipv4_addr", &gateways);
    cunik_rules_append_set(b, "set", "own", "ifname . ipv4_addr", &own);
    cunik_rules_append_set(b, "set", "trusted", "ifname . ipv4_addr", &trusted);
    cunik_rules_append_set(b, "set", "servers", "ipv4_addr", &servers);
    cunik_rules_append_set(b, "set", "askers", "ipv4_addr . ipv4_addr", &askers);
}

static void append_part(struct buffer *b, const struct cidr *c)
{
    cunik_buffer_char(b, '_');
    cunik_rules_append_address(b, c->address);
    cunik_buffer_printf(b, "_%u", c->length);
}

char *cunik_rules_network_name(const struct rules_network *n)
{
    const struct cidr first = {.address = n->gateway, .length = n->subnet.length};
    _cleanup_buffer_ struct buffer b = {0};

    cunik_buffer_text_append(&b, n->bridge);
    append_part(&b, &first);
    for (size_t i = 0; i < n->n_more; i++)
        append_part(&b, &n->more[i]);
    if (n->gateway6) {
        _cleanup_free_ char *hex = cunik_rules_hex(&n->gateway6->address);
        cunik_buffer_printf(&b, "_%s_%u", hex, n->gateway6->length);
    }
    cunik_buffer_text_append(&b, n->internal ? "_internal" : "");
    _cleanup_free_ char *all = cunik_buffer_take(&b);
    if (strlen(all) <= CHAIN_MAX)
        return TAKE_PTR(all);
    _cleanup_free_ char *digits = cunik_digest_hex(all, strlen(all), 32);
    return cunik_asprintf("%s_%s", n->bridge, digits);
}

/* The output hook knows no name for the priority of dstnat. */
static const char chains[] =
    "    chain published {\n"
    "        ip daddr @gateways th dport 53 return\n"
    "        ip daddr . meta l4proto . th dport vmap @published_at\n"
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
    "    chain guard {\n"
    "        type filter hook prerouting priority raw; policy accept;\n"
    "        iifname @bridges ip daddr 127.0.0.0/8 drop\n"
    "        iifname @bridges ip saddr 127.0.0.0/8 drop\n"
    "    }\n"
    "    chain ours {\n"
    "        meta mark set meta mark or " TEXT_OF(
        RULES_MARK) " accept\n"
                    "    }\n"
                    "    chain input {\n"
                    "        type filter hook input priority filter - 10; policy accept;\n"
                    "        iifname != @bridges iifname != \"lo\" ip daddr @gateways ct state new "
                    "drop\n"
                    "        iifname != @bridges accept\n"
                    "        ct state established,related goto ours\n"
                    "        udp sport 68 udp dport 67 goto ours\n"
                    "        iifname . ip daddr != @own drop\n"
                    "        ip daddr @servers ip saddr . ip daddr != @askers drop\n"
                    "        meta l4proto { tcp, udp } th dport 53 goto ours\n"
                    "        iifname . ip saddr @trusted goto ours\n"
                    "        icmp type echo-request goto ours\n"
                    "        drop\n"
                    "    }\n"
                    "    chain forward {\n"
                    "        type filter hook forward priority filter - 10; policy accept;\n"
                    "        iifname != @bridges oifname != @bridges accept\n"
                    "        ct state established,related goto ours\n"
                    "        iifname . oifname @same goto ours\n"
                    "        iifname @internal drop\n"
                    "        oifname @bridges ct status dnat goto ours\n"
                    "        oifname @bridges drop\n"
                    "        meta oifkind != \"bridge\" goto ours\n"
                    "        oifname @ways goto ours\n"
                    "    }\n";

static void append_source(struct rules_elements *jumps, const struct cidr *of, const char *name)
{
    struct cidr c = cunik_cidr_subnet(of);
    _cleanup_free_ char *subnet = cunik_cidr_text(&c);

    cunik_buffer_printf(cunik_rules_element(jumps), "%s : jump %s", subnet, name);
}

void cunik_rules_append_network(struct buffer *b, const struct rules_network *n)
{
    _cleanup_free_ char *name = cunik_rules_network_name(n);

    cunik_buffer_printf(b, "    chain %s {\n", name);
    cunik_buffer_printf(b, "        oifname \"%s\" ct status dnat masquerade\n", n->bridge);
    if (!n->internal)
        cunik_buffer_printf(b, "        oifname != \"%s\" masquerade\n", n->bridge);
    cunik_buffer_text_append(b, "    }\n");
}

/* A chain for each network, for what its guests send. */
static void append_way_out(struct buffer *b, const struct rules *r)
{
    struct rules_elements jumps = {0};

    for (size_t i = 0; i < r->n_networks; i++) {
        const struct rules_network *n = &r->networks[i];
        _cleanup_free_ char *name = cunik_rules_network_name(n);

        cunik_rules_append_network(b, n);
        append_source(&jumps, &n->subnet, name);
        for (size_t k = 0; k < n->n_more; k++)
            if (n->more[k].length < 32)
                append_source(&jumps, &n->more[k], name);
    }
    cunik_rules_append_set(b, "map", "sources", "ipv4_addr : verdict\n        flags interval",
                           &jumps);
    cunik_buffer_text_append(b,
                             "    chain postrouting {\n"
                             "        type nat hook postrouting priority srcnat; policy accept;\n"
                             "        ip saddr 127.0.0.0/8 oifname @bridges masquerade\n"
                             "        ip saddr vmap @sources\n"
                             "    }\n");
}

static void sort(struct rules *r)
{
    if (r->n_networks)
        qsort(r->networks, r->n_networks, sizeof(*r->networks), cunik_rules_by_bridge);
    if (r->n_guests)
        qsort(r->guests, r->n_guests, sizeof(*r->guests), by_link);
    cunik_strv_sort(&r->ways);
    cunik_strv_sort(&r->shut);
}

static void append_emptied(struct buffer *b, const char *family, const char *engine)
{
    cunik_buffer_printf(b, "add table %s cunik_%s\ndelete table %s cunik_%s\n", family, engine,
                        family, engine);
}

static char *make_text(const struct rules *r)
{
    _cleanup_buffer_ struct buffer b = {0};

    append_emptied(&b, "ip", r->engine);
    append_emptied(&b, "ip6", r->engine);
    append_emptied(&b, "bridge", r->engine);
    if (!r->n_networks && !r->n_guests && !r->n_ports)
        return cunik_buffer_take(&b);
    cunik_buffer_printf(&b, "table ip cunik_%s {\n", r->engine);
    append_network_sets(&b, r);
    cunik_rules_append_ports(&b, r, false);
    cunik_buffer_text_append(&b, chains);
    append_way_out(&b, r);
    if (cunik_rules_six(r)) {
        cunik_buffer_printf(&b, "}\ntable ip6 cunik_%s {\n", r->engine);
        cunik_rules_append_six(&b, r);
    }
    cunik_buffer_printf(&b, "}\ntable bridge cunik_%s {\n", r->engine);
    cunik_rules_append_frames(&b, r);
    cunik_buffer_text_append(&b, "}\n");
    return cunik_buffer_take(&b);
}

int cunik_rules_make(struct rules *r, char **ret_text, struct strv *ret_chains, struct error **err)
{
    int e = check(r, err);

    if (e < 0)
        return e;
    sort(r);
    for (size_t i = 0; ret_chains && i < r->n_networks; i++)
        cunik_strv_take(ret_chains, cunik_rules_network_name(&r->networks[i]));
    for (size_t i = 0; ret_chains && i < r->n_guests; i++)
        cunik_strv_take(ret_chains, cunik_rules_guest_name(&r->guests[i]));
    if (ret_chains)
        cunik_rules_port_chains(r, false, ret_chains);
    if (ret_chains && cunik_rules_six(r))
        cunik_rules_port_chains(r, true, ret_chains);
    if (ret_text)
        *ret_text = make_text(r);
    return 0;
}

void cunik_rules_done(struct rules *r)
{
    for (size_t i = 0; i < r->n_networks; i++) {
        free((void *)r->networks[i].more);
        free((void *)r->networks[i].gateway6);
    }
    free(r->networks);
    free(r->guests);
    free(r->ports);
    cunik_strv_done(&r->ways);
    cunik_strv_done(&r->shut);
    *r = (struct rules){0};
}
