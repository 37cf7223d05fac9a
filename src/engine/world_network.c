#include "engine/world_network.h"

#include <string.h>

#include "base/memory.h"

static int read_pool(const char *subnet, const char *gateway, struct cidr *ret_subnet,
                     uint32_t *ret_gateway, struct error **err)
{
    int r = cunik_cidr_parse_subnet(subnet, ret_subnet, err);

    if (r == 0 && *gateway)
        r = cunik_address_parse(gateway, ret_gateway, err);
    else if (r == 0)
        *ret_gateway = cunik_cidr_first(ret_subnet) + (ret_subnet->length < 31);
    return r;
}

int cunik_world_network_addresses(const struct world_network *n, struct cidr *ret_subnet,
                                  uint32_t *ret_gateway, struct error **err)
{
    int r = read_pool(n->subnet, n->gateway, ret_subnet, ret_gateway, err);

    return cunik_error_prefix(err, r, "network '%s'", n->name);
}

int cunik_world_network_around(const struct world_network *n, const char *text,
                               struct cidr *ret_subnet, uint32_t *ret_gateway, struct error **err)
{
    uint32_t address, gateway;
    struct cidr subnet;
    int r = cunik_address_parse(text, &address, err);

    for (size_t i = 0; r == 0 && i <= n->n_pools; i++) {
        const struct world_pool *p = i ? &n->pools[i - 1] : NULL;
        r = read_pool(p ? p->subnet : n->subnet, p ? p->gateway : n->gateway, &subnet, &gateway,
                      err);
        if (r == 0 && cunik_cidr_contains(&subnet, address)) {
            *ret_subnet = subnet;
            *ret_gateway = gateway;
            return 0;
        }
    }
    if (r == 0)
        r = cunik_error_set(err, ERROR_INVALID, "%s is in none of its subnets", text);
    return cunik_error_prefix(err, r, "network '%s'", n->name);
}

int cunik_world_network_more(const struct world_network *n, struct cidr **ret, size_t *ret_n,
                             struct error **err)
{
    _cleanup_free_ struct cidr *list = NULL;
    size_t count = 0;
    uint32_t address;
    int r = 0;

    for (size_t i = 0; r == 0 && i < n->n_pools; i++) {
        struct cidr c;
        r = read_pool(n->pools[i].subnet, n->pools[i].gateway, &c, &address, err);
        if (r == 0)
            *ARRAY_APPEND(list, count) = (struct cidr){address, c.length};
    }
    for (size_t i = 0; r == 0 && i < n->n_resolvers; i++) {
        r = cunik_address_parse(n->resolvers[i].address, &address, err);
        if (r == 0)
            *ARRAY_APPEND(list, count) = (struct cidr){address, 32};
    }
    if (r < 0)
        return cunik_error_prefix(err, r, "network '%s'", n->name);
    *ret = TAKE_PTR(list);
    *ret_n = count;
    return 0;
}

size_t cunik_world_way_out(const struct world_cunik *c, const struct world *w)
{
    size_t best = SIZE_MAX;

    for (size_t i = 0; i < c->n_interfaces; i++) {
        const struct world_network *n = cunik_world_network(w, c->interfaces[i].network);
        if (n && !n->internal &&
            (best == SIZE_MAX || c->interfaces[i].gw_priority > c->interfaces[best].gw_priority))
            best = i;
    }
    /* No way out, but one to the network's other subnets. */
    for (size_t i = 0; best == SIZE_MAX && i < c->n_interfaces; i++) {
        const struct world_network *n = cunik_world_network(w, c->interfaces[i].network);
        if (n && n->n_pools)
            best = i;
    }
    return best;
}

size_t cunik_world_way_out6(const struct world_cunik *c, const struct world *w)
{
    size_t best = SIZE_MAX;

    for (size_t i = 0; i < c->n_interfaces; i++) {
        const struct world_interface *in = &c->interfaces[i];
        const struct world_network *n = cunik_world_network(w, in->network);
        if (n && !n->internal && *in->address6 && *n->gateway6 &&
            (best == SIZE_MAX || in->gw_priority > c->interfaces[best].gw_priority))
            best = i;
    }
    return best;
}

bool cunik_world_name_server(const struct world_cunik *c, size_t index,
                             const struct world_network *n)
{
    for (size_t i = 0; i < c->n_interfaces; i++)
        if (*c->interfaces[i].dns)
            return *c->interfaces[index].dns;
    return index == 0 && *n->stack;
}

bool cunik_world_is_on(const struct world_cunik *c, const char *network)
{
    for (size_t i = 0; i < c->n_interfaces; i++)
        if (strcmp(c->interfaces[i].network, network) == 0)
            return true;
    return false;
}

const struct world_resolver *cunik_world_resolver(const struct world_network *n,
                                                  const char *service)
{
    for (size_t i = 0; i < n->n_resolvers; i++)
        if (strcmp(n->resolvers[i].service, service) == 0)
            return &n->resolvers[i];
    return NULL;
}

char *cunik_world_port_text(const struct world_port *p)
{
    return cunik_asprintf(strchr(p->host_ip, ':') ? "[%s]:%u" : "%s:%u",
                          *p->host_ip ? p->host_ip : "0.0.0.0", p->host_port);
}

bool cunik_world_ports_overlap(const char *a, const char *b)
{
    bool six = strchr(a, ':'), all = strcmp(a, six ? "::" : "0.0.0.0") == 0;

    if (!*a || !*b)
        return true;
    return six == (strchr(b, ':') != NULL) &&
           (all || strcmp(b, six ? "::" : "0.0.0.0") == 0 || strcmp(a, b) == 0);
}
