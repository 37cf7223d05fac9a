#include "network/rules.h"

#include <string.h>

#include "base/buffer.h"
#include "base/memory.h"
#include "base/text.h"

static int by_bridge(const void *a, const void *b)
{
    const struct rules_network *x = a, *y = b;

    return strcmp(x->bridge, y->bridge);
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

static void append_address(struct buffer *b, uint32_t address)
{
    _cleanup_free_ char *text = cunik_address_text(address);

    cunik_buffer_text_append(b, text);
}

/* Elements of a set or map, one a line; nothing at all for an empty one, as the language wants it.
 */
struct elements {
    struct buffer text;
};

static struct buffer *element(struct elements *e)
{
    cunik_buffer_text_append(&e->text, e->text.size ? ",\n            " : "            ");
    return &e->text;
}

static void append_set(struct buffer *b, const char *kind, const char *name, const char *type,
                       struct elements *e)
{
    cunik_buffer_printf(b, "    %s %s {\n        type %s\n", kind, name, type);
    if (e->text.size)
        cunik_buffer_printf(b, "        elements = {\n%s\n        }\n",
                            cunik_buffer_text(&e->text));
    cunik_buffer_text_append(b, "    }\n");
    cunik_buffer_done(&e->text);
}

static void append_network_sets(struct buffer *b, const struct rules *r)
{
    struct elements bridges = {0}, internal = {0}, same = {0}, gateways = {0}, own = {0};

    for (size_t i = 0; i < r->n_networks; i++) {
        const struct rules_network *n = &r->networks[i];
        cunik_buffer_printf(element(&bridges), "\"%s\"", n->bridge);
        if (n->internal)
            cunik_buffer_printf(element(&internal), "\"%s\"", n->bridge);
        cunik_buffer_printf(element(&same), "\"%s\" . \"%s\"", n->bridge, n->bridge);
        append_address(element(&gateways), n->gateway);
        cunik_buffer_printf(element(&own), "\"%s\" . ", n->bridge);
        append_address(&own.text, n->gateway);
    }
    append_set(b, "set", "bridges", "ifname", &bridges);
    append_set(b, "set", "internal", "ifname", &internal);
    append_set(b, "set", "same", "ifname . ifname", &same);
    append_set(b, "set", "gateways", "ipv4_addr", &gateways);
    append_set(b, "set", "own", "ifname . ipv4_addr", &own);
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

static char *network_name(const struct rules_network *n)
{
    struct cidr c = {.address = n->gateway, .length = n->subnet.length};
    _cleanup_free_ char *address = cunik_address_text(c.address);

    return cunik_asprintf("%s_%s_%u%s", n->bridge, address, c.length,
                          n->internal ? "_internal" : "");
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
    struct elements any = {0}, at = {0};
    size_t n;

    for (size_t i = 0; i < r->n_ports; i += n) {
        const struct rules_port *p = &r->ports[i];
        for (n = 1; i + n < r->n_ports && by_host(p, p + n) == 0;)
            n++;
        _cleanup_free_ char *name = append_port(b, p, n);
        if (*p->host_ip)
            cunik_buffer_printf(element(&at), "%s . %s . %u : jump %s", p->host_ip, p->protocol,
                                p->host_port, name);
        else
            cunik_buffer_printf(element(&any), "%s . %u : jump %s", p->protocol, p->host_port,
                                name);
    }
    append_set(b, "map", "published_at", "ipv4_addr . inet_proto . inet_service : verdict", &at);
    append_set(b, "map", "published_any", "inet_proto . inet_service : verdict", &any);
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
    "    chain input {\n"
    "        type filter hook input priority filter; policy accept;\n"
    "        ct state established,related accept\n"
    "        iifname @bridges ip daddr @gateways iifname . ip daddr != @own drop\n"
    "    }\n"
    "    chain forward {\n"
    "        type filter hook forward priority filter; policy accept;\n"
    "        ct state established,related accept\n"
    "        iifname . oifname @same accept\n"
    "        iifname @internal drop\n"
    "        oifname @bridges ct status dnat accept\n"
    "        oifname @bridges drop\n"
    "    }\n";

/* A chain for each network, for what its guests send. */
static void append_way_out(struct buffer *b, const struct rules *r)
{
    struct elements jumps = {0};

    for (size_t i = 0; i < r->n_networks; i++) {
        const struct rules_network *n = &r->networks[i];
        struct cidr c = cunik_cidr_subnet(&n->subnet);
        _cleanup_free_ char *subnet = cunik_cidr_text(&c), *name = network_name(n);
        cunik_buffer_printf(b, "    chain %s {\n", name);
        cunik_buffer_printf(b, "        oifname \"%s\" ct status dnat masquerade\n", n->bridge);
        if (!n->internal)
            cunik_buffer_printf(b, "        oifname != \"%s\" masquerade\n", n->bridge);
        cunik_buffer_text_append(b, "    }\n");
        cunik_buffer_printf(element(&jumps), "%s : jump %s", subnet, name);
    }
    append_set(b, "map", "sources", "ipv4_addr : verdict\n        flags interval", &jumps);
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
        qsort(r->networks, r->n_networks, sizeof(*r->networks), by_bridge);
    if (r->n_ports)
        qsort(r->ports, r->n_ports, sizeof(*r->ports), by_all);
}

static char *make_text(const struct rules *r)
{
    _cleanup_buffer_ struct buffer b = {0};

    cunik_buffer_printf(&b, "add table ip cunik_%s\ndelete table ip cunik_%s\n", r->engine,
                        r->engine);
    if (r->n_networks || r->n_ports) {
        cunik_buffer_printf(&b, "table ip cunik_%s {\n", r->engine);
        append_network_sets(&b, r);
        append_ports(&b, r);
        cunik_buffer_text_append(&b, chains);
        append_way_out(&b, r);
        cunik_buffer_text_append(&b, "}\n");
    }
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
    for (size_t i = 0; ret_chains && i < r->n_ports; i++)
        cunik_strv_take(ret_chains, port_name(&r->ports[i]));
    if (ret_text)
        *ret_text = make_text(r);
    return 0;
}
