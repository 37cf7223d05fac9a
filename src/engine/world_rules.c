#include "engine/world_rules.h"

#include <string.h>

#include "base/map.h"
#include "base/memory.h"
#include "base/text.h"
#include "engine/world_network.h"

/* The first network that is not internal, else the first: of those where it has an address. */
static const char *published_address(const struct world_cunik *c, const struct map *networks,
                                     bool six)
{
    const char *first = "";

    for (size_t i = 0; i < c->n_interfaces; i++) {
        const struct world_interface *in = &c->interfaces[i];
        const struct world_network *n = cunik_map_get(networks, in->network);
        const char *address = six ? in->address6 : in->address;
        if (*address && n && !n->internal)
            return address;
        if (!*first)
            first = address;
    }
    return first;
}

static int add_gateway6(const struct world_network *n, struct rules_network *to, struct error **err)
{
    struct cidr6 *six = cunik_calloc(1, sizeof(*six));
    int r = cunik_cidr6_parse_subnet(n->subnet6, six, err);

    to->gateway6 = six;
    return r < 0 ? r : cunik_address6_parse(n->gateway6, &six->address, err);
}

static int add_network(const struct world_network *n, struct rules *ret, struct error **err)
{
    struct rules_network *out = ARRAY_APPEND(ret->networks, ret->n_networks);
    struct cidr *more = NULL;
    int r;

    *out = (struct rules_network){.bridge = n->link, .internal = n->internal};
    r = cunik_world_network_addresses(n, &out->subnet, &out->gateway, err);
    if (r == 0)
        r = cunik_world_network_more(n, &more, &out->n_more, err);
    out->more = more;
    return r == 0 && n->ipv6 && *n->gateway6 ? add_gateway6(n, out, err) : r;
}

/* Who is told where the host is may use what it serves. */
static bool is_trusted(const struct world_cunik *c)
{
    for (size_t i = 0; i < c->extra_hosts.n; i++)
        if (cunik_text_ends(c->extra_hosts.items[i], "=host-gateway"))
            return true;
    return false;
}

static int add_ports(const struct world_cunik *c, const struct map *networks,
                     const struct world_rules_facts *facts, struct rules *ret, struct error **err)
{
    const char *at = published_address(c, networks, false);
    const char *at6 = published_address(c, networks, true);
    struct in6_addr six = IN6ADDR_ANY_INIT;
    uint32_t address;
    int r;

    if (!c->n_ports || !*at)
        return 0;
    if ((r = cunik_address_parse(at, &address, err)) < 0)
        return r;
    if (*at6 && facts->takes_ipv6(facts->ctx, c) && (r = cunik_address6_parse(at6, &six, err)) < 0)
        return r;
    for (size_t i = 0; i < c->n_ports; i++)
        *ARRAY_APPEND(ret->ports, ret->n_ports) = (struct rules_port){
            .host_ip = c->ports[i].host_ip,
            .host_port = c->ports[i].host_port,
            .protocol = c->ports[i].protocol,
            .address = address,
            .port = c->ports[i].port,
            .address6 = six,
        };
    return 0;
}

static int add_guests(const struct world_cunik *c, const struct map *networks, struct rules *ret,
                      struct error **err)
{
    int r = 0;

    for (size_t i = 0; r == 0 && i < c->n_interfaces; i++) {
        const struct world_interface *in = &c->interfaces[i];
        const struct world_network *n = cunik_map_get(networks, in->network);
        struct rules_guest out = {.link = in->link, .mac = in->mac, .trusted = is_trusted(c)};
        /* Of one whose label cannot be read not all is known. */
        if (!n || !*n->link || !*in->link || !*in->mac)
            continue;
        out.bridge = n->link;
        if (*in->address)
            r = cunik_address_parse(in->address, &out.address, err);
        if (r == 0 && *in->dns)
            r = cunik_address_parse(in->dns, &out.server, err);
        if (r == 0 && *in->address6)
            r = cunik_address6_parse(in->address6, &out.address6, err);
        if (r == 0)
            *ARRAY_APPEND(ret->guests, ret->n_guests) = out;
    }
    return r;
}

int cunik_world_rules(const struct world *w, const char *engine, bool running_only,
                      const struct world_rules_facts *facts, struct rules *ret, struct error **err)
{
    _cleanup_map_ struct map networks = {0}, bridges = {0};
    struct rules rules = {.engine = engine};
    int r = 0;

    for (size_t i = 0; r == 0 && i < w->n_networks; i++) {
        struct world_network *n = &w->networks[i];
        cunik_map_add(&networks, n->name, n);
        if (facts->is_ours(facts->ctx, n) && cunik_map_add(&bridges, n->link, n))
            r = add_network(n, &rules, err);
    }
    for (size_t i = 0; r == 0 && i < w->n_cuniks; i++) {
        if (running_only && !cunik_state_is_up(w->cuniks[i].status.state))
            continue;
        if ((r = add_guests(&w->cuniks[i], &networks, &rules, err)) == 0)
            r = add_ports(&w->cuniks[i], &networks, facts, &rules, err);
    }
    if (r < 0) {
        cunik_rules_done(&rules);
        return r;
    }
    *ret = rules;
    return 0;
}
