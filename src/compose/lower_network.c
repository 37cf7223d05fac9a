/* Lowering of networks and of what connects services to them. */
#include <string.h>

#include "base/memory.h"
#include "compose/lower_parts.h"
#include "network/names.h"

int cunik_lower_refused(struct error **err, const struct error *cause, const struct place *place,
                        const char *kind, const char *name)
{
    return cunik_error_at(err, cause->code, place, "%s '%s': %s", kind, name, cause->message);
}

static void lower_subnets(struct world_network *n, const struct stack_network *from)
{
    cunik_replace(&n->subnet, from->subnet);
    cunik_replace(&n->gateway, from->gateway);
    cunik_replace(&n->ip_range, from->ip_range);
    for (size_t i = 0; i < from->n_pools; i++) {
        struct world_pool *p = cunik_world_add_pool(n);
        cunik_replace(&p->subnet, from->pools[i].subnet);
        cunik_replace(&p->gateway, from->pools[i].gateway);
        cunik_replace(&p->ip_range, from->pools[i].ip_range);
    }
    cunik_strv_copy(&n->reserved, &from->reserved);
    n->ipv6 = from->ipv6;
    cunik_replace(&n->subnet6, from->subnet6);
    cunik_replace(&n->gateway6, from->gateway6);
    cunik_replace(&n->range6, from->range6);
}

int cunik_lower_network(struct world *w, const char *stack, const struct stack_network *from,
                        struct error **err)
{
    _cleanup_error_ struct error *cause = NULL;
    struct world_network *n = cunik_world_add_network(w);

    cunik_replace(&n->name, from->name);
    cunik_replace(&n->stack, from->external ? "" : stack);
    cunik_replace(&n->key, from->key);
    cunik_replace(&n->link, from->bridge);
    lower_subnets(n, from);
    n->mtu = from->mtu;
    n->hide_unhealthy = from->hide_unhealthy;
    n->internal = from->internal;
    n->external = from->external;
    for (size_t i = 0; i < from->labels.n; i++)
        cunik_world_pair_add(&n->labels, from->labels.items[i].key, from->labels.items[i].value);
    if (cunik_world_network_check(n, &cause) < 0)
        return cunik_lower_refused(err, cause, &from->place, "network", from->key);
    return 0;
}

void cunik_lower_interface(struct world_cunik *c, const struct stack_attachment *from,
                           const struct stack_network *network)
{
    struct world_interface *to = cunik_world_add_interface(c);

    cunik_replace(&to->network, network ? network->name : from->network);
    if (*from->mac_address) {
        cunik_replace(&to->mac, from->mac_address);
    } else {
        free(to->mac);
        to->mac = cunik_network_mac(c->stack, c->service, c->index, to->network);
    }
    cunik_replace(&to->address, from->ipv4_address);
    cunik_replace(&to->address6, from->ipv6_address);
    to->fixed6 = *to->address6 != '\0';
    cunik_replace(&to->name, from->interface_name);
    to->gw_priority = from->gw_priority;
    cunik_strv_copy(&to->aliases, &from->aliases);
    cunik_strv_sort(&to->aliases);
}

/* A service on one network asks that network's name server, unless it has words of its own. */
static bool needs_resolver(const struct stack_service *s)
{
    return s->scale && s->n_networks && (s->n_networks > 1 || s->dns.n || s->extra_hosts.n);
}

int cunik_lower_resolver(struct world *w, const struct stack_service *s, const struct map *networks,
                         struct error **err)
{
    const struct stack_network *at = NULL;

    if (!needs_resolver(s))
        return 0;
    for (size_t i = 0; !at && i < s->n_networks; i++) {
        const struct stack_network *n = cunik_map_get(networks, s->networks[i].network);
        at = n && !n->external ? n : NULL;
    }
    if (!at && !s->dns.n && !s->extra_hosts.n)
        return 0;
    if (!at)
        return cunik_error_at(err, ERROR_INVALID, &s->place,
                              "service '%s': dns and extra_hosts need a network that is not "
                              "external, where names are served to it",
                              s->name);
    struct world_resolver *r = cunik_world_add_resolver(cunik_world_network(w, at->name));
    cunik_replace(&r->service, s->name);
    cunik_strv_copy(&r->servers, &s->dns);
    cunik_strv_copy(&r->hosts, &s->extra_hosts);
    for (size_t i = 0; i < s->n_networks; i++) {
        const struct stack_network *n = cunik_map_get(networks, s->networks[i].network);
        if (n && n != at)
            cunik_strv_add(&r->networks, n->name);
    }
    cunik_strv_sort(&r->networks);
    return 0;
}
