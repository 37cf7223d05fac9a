/* Published ports: who of the host's side leads to whom, in IPv4 and in IPv6. */
#include <arpa/inet.h>
#include <string.h>

#include "base/memory.h"
#include "network/rules_parts.h"

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
    if (!c)
        c = memcmp(&x->address6, &y->address6, sizeof(x->address6));
    return c ? c : compare(x->port, y->port);
}

int cunik_rules_check_port(const struct rules_port *p, struct error **err)
{
    struct in6_addr six;
    uint32_t four;

    if (strcmp(p->protocol, "tcp") != 0 && strcmp(p->protocol, "udp") != 0)
        return cunik_error_set(err, ERROR_INVALID,
                               "publishing port %u: protocol '%s' is neither tcp nor udp",
                               p->host_port, p->protocol);
    if (!p->host_port || !p->port)
        return cunik_error_set(err, ERROR_INVALID, "publishing port %u to %u: 0 is no port",
                               p->host_port, p->port);
    if (*p->host_ip && cunik_address6_parse(p->host_ip, &six, NULL) < 0 &&
        cunik_address_parse(p->host_ip, &four, NULL) < 0)
        return cunik_error_set(err, ERROR_INVALID, "publishing port %u: '%s' is no address",
                               p->host_port, p->host_ip);
    return 0;
}

/* Those of one family, sorted, with "" for all of its addresses; the caller frees the array. Of a
 * guest without address of the family there are none. */
static struct rules_port *list(const struct rules *r, bool six, size_t *ret_n)
{
    const char *all = six ? "::" : "0.0.0.0";
    struct rules_port *out = NULL;
    size_t n = 0;

    for (size_t i = 0; i < r->n_ports; i++) {
        struct rules_port p = r->ports[i];
        if (*p.host_ip && (strchr(p.host_ip, ':') != NULL) != six)
            continue;
        if (six && IN6_IS_ADDR_UNSPECIFIED(&p.address6))
            continue;
        if (strcmp(p.host_ip, all) == 0)
            p.host_ip = "";
        *ARRAY_APPEND(out, n) = p;
    }
    if (n)
        qsort(out, n, sizeof(*out), by_all);
    *ret_n = n;
    return out;
}

/* The host's side of a port as a chain's name: "tcp_8080", "tcp_8080_at_127.0.0.1". */
static char *host_name(const struct rules_port *p, bool six)
{
    struct in6_addr address;

    if (!*p->host_ip)
        return cunik_asprintf("%s_%u", p->protocol, p->host_port);
    if (!six || cunik_address6_parse(p->host_ip, &address, NULL) < 0)
        return cunik_asprintf("%s_%u_at_%s", p->protocol, p->host_port, p->host_ip);
    _cleanup_free_ char *hex = cunik_rules_hex(&address);
    return cunik_asprintf("%s_%u_at_%s", p->protocol, p->host_port, hex);
}

/* With the guest's: "tcp_8080_to_172.30.1.2_80". */
static char *port_name(const struct rules_port *p, bool six)
{
    _cleanup_free_ char *host = host_name(p, six);
    _cleanup_free_ char *address =
        six ? cunik_rules_hex(&p->address6) : cunik_address_text(p->address);

    return cunik_asprintf("%s_to_%s_%u", host, address, p->port);
}

static void append_guest(struct buffer *b, const struct rules_port *p, const char *name, bool six)
{
    _cleanup_free_ char *address =
        six ? cunik_address6_text(&p->address6) : cunik_address_text(p->address);

    cunik_buffer_printf(b, "    chain %s {\n        meta l4proto %s dnat to %s%s%s:%u\n    }\n",
                        name, p->protocol, six ? "[" : "", address, six ? "]" : "", p->port);
}

/* The chains of the n guests behind one port of the host, and one that chooses among them when they
 * are several. Guests named twice count once. Gives the name of the chain to jump to. */
static char *append_port(struct buffer *b, const struct rules_port *p, size_t n, bool six)
{
    _cleanup_buffer_ struct buffer choice = {0};
    _cleanup_free_ char *first = port_name(p, six);
    size_t guests = 0;

    for (size_t i = 0; i < n; i++) {
        if (i && by_all(&p[i - 1], &p[i]) == 0)
            continue;
        _cleanup_free_ char *name = port_name(&p[i], six);
        append_guest(b, &p[i], name, six);
        cunik_buffer_printf(&choice, "%s%zu : jump %s", guests ? ", " : "", guests, name);
        guests++;
    }
    if (guests == 1)
        return TAKE_PTR(first);
    char *name = host_name(p, six);
    cunik_buffer_printf(b, "    chain %s {\n        numgen random mod %zu vmap { %s }\n    }\n",
                        name, guests, cunik_buffer_text(&choice));
    return name;
}

void cunik_rules_append_ports(struct buffer *b, const struct rules *r, bool six)
{
    struct rules_elements any = {0}, at = {0};
    size_t n, n_ports;
    _cleanup_free_ struct rules_port *ports = list(r, six, &n_ports);

    for (size_t i = 0; i < n_ports; i += n) {
        const struct rules_port *p = &ports[i];
        for (n = 1; i + n < n_ports && by_host(p, p + n) == 0;)
            n++;
        _cleanup_free_ char *name = append_port(b, p, n, six);
        if (*p->host_ip)
            cunik_buffer_printf(cunik_rules_element(&at), "%s . %s . %u : jump %s", p->host_ip,
                                p->protocol, p->host_port, name);
        else
            cunik_buffer_printf(cunik_rules_element(&any), "%s . %u : jump %s", p->protocol,
                                p->host_port, name);
    }
    cunik_rules_append_set(b, "map", "published_at",
                           six ? "ipv6_addr . inet_proto . inet_service : verdict"
                               : "ipv4_addr . inet_proto . inet_service : verdict",
                           &at);
    cunik_rules_append_set(b, "map", "published_any", "inet_proto . inet_service : verdict", &any);
}

void cunik_rules_port_chains(const struct rules *r, bool six, struct strv *ret)
{
    size_t n;
    _cleanup_free_ struct rules_port *ports = list(r, six, &n);

    for (size_t i = 0; i < n; i++)
        cunik_strv_take(ret, port_name(&ports[i], six));
}
