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

static int compare(uint64_t a, uint64_t b)
{
    return a < b ? -1 : a > b;
}

/* The host's side: what is the same for guests that share a port. */
static int by_host(const struct rules_port *x, const struct rules_port *y)
{
    int c = strcmp(x->protocol, y->protocol);

    if (!c)
        c = compare(x->host_port, y->host_port);
    return c ? c : strcmp(x->host_ip, y->host_ip);
}

static int by_all(const void *a, const void *b)
{
    const struct rules_port *x = a, *y = b;
    int c = by_host(x, y);

    if (!c)
        c = compare(x->address, y->address);
    return c ? c : compare(x->port, y->port);
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

static int check(struct rules *r, struct error **err)
{
    uint32_t address;
    int e = check_word(r->engine, "the id of an engine", err);

    for (size_t i = 0; e == 0 && i < r->n_networks; i++)
        e = check_word(r->networks[i].bridge, "the name of a bridge", err);
    for (size_t i = 0; e == 0 && i < r->ways.n; i++)
        e = check_word(r->ways.items[i], "the name of a bridge", err);
    for (size_t i = 0; e == 0 && i < r->n_guests; i++)
        if ((e = check_word(r->guests[i].link, "the name of a link", err)) == 0 &&
            (e = check_word(r->guests[i].bridge, "the name of a bridge", err)) == 0)
            e = cunik_rules_check_guest(&r->guests[i], err);
    for (size_t i = 0; e == 0 && i < r->n_ports; i++) {
        struct rules_port *p = &r->ports[i];
        if (strcmp(p->protocol, "tcp") != 0 && strcmp(p->protocol, "udp") != 0)
            return cunik_error_set(err, ERROR_INVALID,
                                   "publishing port %u: protocol '%s' is neither "
                                   "tcp nor udp",
                                   p->host_port, p->protocol);
        if (!p->host_port || !p->port)
            return cunik_error_set(err, ERROR_INVALID, "publishing port %u to %u: 0 is no port",
                                   p->host_port, p->port);
        if (strcmp(p->host_ip, "0.0.0.0") == 0)
            p->host_ip = "";
        if (*p->host_ip && (e = cunik_address_parse(p->host_ip, &address, err)) < 0)
            cunik_error_prefix(err, e, "publishing port %u", p->host_port);
    }
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

static void append_bridges(struct buffer *b, const struct rules *r)
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

static void append_network_sets(struct buffer *b, const struct rules *r)
{
    struct rules_elements internal = {0}, gateways = {0}, own = {0}, ways = {0}, trusted = {0};
    struct rules_elements servers = {0}, askers = {0};

    append_bridges(b, r);
    for (size_t i = 0; i < r->n_networks; i++) {
        const struct rules_network *n = &r->networks[i];
        if (n->internal)
            cunik_buffer_printf(cunik_rules_element(&internal), "\"%s\"", n->bridge);
        append_own(&gateways, &own, n->bridge, n->gateway);
        for (size_t k = 0; k < n->n_more; k++) {
            append_own(&gateways, &own, n->bridge, n->more[k].address);
            if (n->more[k].length == 32)
                cunik_rules_append_address(cunik_rules_element(&servers), n->more[k].address);
        }
    }
    for (size_t i = 0; i < r->ways.n; i++)
        cunik_buffer_printf(cunik_rules_element(&ways), "\"%s\"", r->ways.items[i]);
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
    cunik_rules_append_set(b, "set", "internal", "ifname", &internal);
    cunik_rules_append_set(b, "set", "gateways", "ipv4_addr", &gateways);
    cunik_rules_append_set(b, "set", "own", "ifname . ipv4_addr", &own);
    cunik_rules_append_set(b, "set", "ways", "ifname", &ways);
    cunik_rules_append_set(b, "set", "trusted", "ifname . ipv4_addr", &trusted);
    cunik_rules_append_set(b, "set", "servers", "ipv4_addr", &servers);
    cunik_rules_append_set(b, "set", "askers", "ipv4_addr . ipv4_addr", &askers);
}

/* The host's side of a port as a chain's name: "tcp_8080", "tcp_8080_at_127.0.0.1". */
static char *host_name(const struct rules_port *p)
{
    return *p->host_ip ? cunik_asprintf("%s_%u_at_%s", p->protocol, p->host_port, p->host_ip)
                       : cunik_asprintf("%s_%u", p->protocol, p->host_port);
}

/* With the guest's: "tcp_8080_to_172.30.1.2_80". */
static char *port_name(const struct rules_port *p)
{
    _cleanup_free_ char *host = host_name(p), *address = cunik_address_text(p->address);

    return cunik_asprintf("%s_to_%s_%u", host, address, p->port);
}

static void append_part(struct buffer *b, const struct cidr *c)
{
    cunik_buffer_char(b, '_');
    cunik_rules_append_address(b, c->address);
    cunik_buffer_printf(b, "_%u", c->length);
}

static char *network_name(const struct rules_network *n)
{
    const struct cidr first = {.address = n->gateway, .length = n->subnet.length};
    _cleanup_buffer_ struct buffer b = {0};

    cunik_buffer_text_append(&b, n->bridge);
    append_part(&b, &first);
    for (size_t i = 0; i < n->n_more; i++)
        append_part(&b, &n->more[i]);
    cunik_buffer_text_append(&b, n->gateway6 ? "_six" : "");
    cunik_buffer_text_append(&b, n->internal ? "_internal" : "");
    _cleanup_free_ char *all = cunik_buffer_take(&b);
    if (strlen(all) <= CHAIN_MAX)
        return TAKE_PTR(all);
    _cleanup_free_ char *digits = cunik_digest_hex(all, strlen(all), 32);
    return cunik_asprintf("%s_%s", n->bridge, digits);
}

/* The chains of the n guests behind one port of the host, and one that chooses among them when they
 * are several. Guests named twice count once. Gives the name of the chain to jump to. */
static char *append_port(struct buffer *b, const struct rules_port *p, size_t n)
{
    _cleanup_buffer_ struct buffer choice = {0};
    _cleanup_free_ char *first = port_name(p);
    size_t guests = 0;

    for (size_t i = 0; i < n; i++) {
        if (i && by_all(&p[i - 1], &p[i]) == 0)
            continue;
        _cleanup_free_ char *name = port_name(&p[i]), *address = cunik_address_text(p[i].address);
        cunik_buffer_printf(b, "    chain %s {\n        meta l4proto %s dnat to %s:%u\n    }\n",
                            name, p->protocol, address, p[i].port);
        cunik_buffer_printf(&choice, "%s%zu : jump %s", guests ? ", " : "", guests, name);
        guests++;
    }
    if (guests == 1)
        return TAKE_PTR(first);
    char *name = host_name(p);
    cunik_buffer_printf(b, "    chain %s {\n        numgen random mod %zu vmap { %s }\n    }\n",
                        name, guests, cunik_buffer_text(&choice));
    return name;
}

static void append_ports(struct buffer *b, const struct rules *r)
{
    struct rules_elements any = {0}, at = {0};
    size_t n;

    for (size_t i = 0; i < r->n_ports; i += n) {
        const struct rules_port *p = &r->ports[i];
        for (n = 1; i + n < r->n_ports && by_host(p, p + n) == 0;)
            n++;
        _cleanup_free_ char *name = append_port(b, p, n);
        if (*p->host_ip)
            cunik_buffer_printf(cunik_rules_element(&at), "%s . %s . %u : jump %s", p->host_ip,
                                p->protocol, p->host_port, name);
        else
            cunik_buffer_printf(cunik_rules_element(&any), "%s . %u : jump %s", p->protocol,
                                p->host_port, name);
    }
    cunik_rules_append_set(b, "map", "published_at",
                           "ipv4_addr . inet_proto . inet_service : verdict", &at);
    cunik_rules_append_set(b, "map", "published_any", "inet_proto . inet_service : verdict", &any);
}

#define TEXT_OF_(x) #x
#define TEXT_OF(x) TEXT_OF_(x)

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

/* A chain for each network, for what its guests send. */
static void append_way_out(struct buffer *b, const struct rules *r)
{
    struct rules_elements jumps = {0};

    for (size_t i = 0; i < r->n_networks; i++) {
        const struct rules_network *n = &r->networks[i];
        _cleanup_free_ char *name = network_name(n);
        cunik_buffer_printf(b, "    chain %s {\n", name);
        cunik_buffer_printf(b, "        oifname \"%s\" ct status dnat masquerade\n", n->bridge);
        if (!n->internal)
            cunik_buffer_printf(b, "        oifname != \"%s\" masquerade\n", n->bridge);
        cunik_buffer_text_append(b, "    }\n");
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
    if (r->n_ports)
        qsort(r->ports, r->n_ports, sizeof(*r->ports), by_all);
    cunik_strv_sort(&r->ways);
}

static void append_emptied(struct buffer *b, const char *family, const char *engine)
{
    cunik_buffer_printf(b, "add table %s cunik_%s\ndelete table %s cunik_%s\n", family, engine,
                        family, engine);
}

static const char chains6[] =
    "    chain ours {\n"
    "        meta mark set meta mark or " TEXT_OF(
        RULES_MARK) " accept\n"
                    "    }\n"
                    "    chain input {\n"
                    "        type filter hook input priority filter - 10; policy accept;\n"
                    "        iifname != @bridges accept\n"
                    "        ct state established,related goto ours\n"
                    "        icmpv6 type { nd-neighbor-solicit, nd-neighbor-advert, "
                    "nd-router-solicit, "
                    "mld2-listener-report, echo-request } goto ours\n"
                    "        meta l4proto { tcp, udp } th dport 53 goto ours\n"
                    "        drop\n"
                    "    }\n"
                    "    chain forward {\n"
                    "        type filter hook forward priority filter - 10; policy accept;\n"
                    "        iifname . oifname @same goto ours\n"
                    "        iifname @bridges drop\n"
                    "        oifname @bridges drop\n"
                    "    }\n";

static bool has_six(const struct rules *r)
{
    bool six = false;

    for (size_t i = 0; i < r->n_networks; i++)
        six |= r->networks[i].gateway6 != NULL;
    return six;
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
    append_ports(&b, r);
    cunik_buffer_text_append(&b, chains);
    append_way_out(&b, r);
    if (has_six(r)) {
        cunik_buffer_printf(&b, "}\ntable ip6 cunik_%s {\n", r->engine);
        append_bridges(&b, r);
        cunik_buffer_text_append(&b, chains6);
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
        cunik_strv_take(ret_chains, network_name(&r->networks[i]));
    for (size_t i = 0; ret_chains && i < r->n_guests; i++)
        cunik_strv_take(ret_chains, cunik_rules_guest_name(&r->guests[i]));
    for (size_t i = 0; ret_chains && i < r->n_ports; i++)
        cunik_strv_take(ret_chains, port_name(&r->ports[i]));
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
    *r = (struct rules){0};
}
