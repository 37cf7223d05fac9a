/* Addresses and subnets of a stack that are in each other's way. */
#include <string.h>

#include "base/memory.h"
#include "compose/stack_maker.h"
#include "network/address.h"
#include "network/address6.h"

/* One IPv4 subnet of a network with its gateway; false when it has mistakes of its own. */
static bool read_pool(const char *subnet, const char *gateway, struct cidr *ret_subnet,
                      uint32_t *ret_gateway)
{
    return cunik_cidr_parse_subnet(subnet, ret_subnet, NULL) == 0 &&
           (*gateway ? cunik_address_parse(gateway, ret_gateway, NULL) == 0
                     : cunik_cidr_nth(ret_subnet, 1, ret_gateway));
}

/* Whether an address is one of a guest in this subnet; *ret_gateway: it is the gateway. */
static bool fits(uint32_t address, const char *subnet, const char *gateway, bool *ret_gateway)
{
    struct cidr c;
    uint32_t own;

    if (!read_pool(subnet, gateway, &c, &own) || !cunik_cidr_usable(&c, address))
        return false;
    *ret_gateway = address == own;
    return true;
}

static void check_four(struct stack_maker *m, const struct stack_service *s,
                       const struct stack_attachment *a, const struct stack_network *n,
                       const char *key)
{
    bool gateway = false;
    uint32_t address;

    if (cunik_address_parse(a->ipv4_address, &address, NULL) < 0)
        return;
    if (!*n->subnet) {
        cunik_stack_mistake(m, &a->place, s->name, key,
                            "ipv4_address needs a subnet: name one in networks.%s.ipam.config",
                            a->network);
        return;
    }
    bool found = fits(address, n->subnet, n->gateway, &gateway);
    for (size_t i = 0; !found && i < n->n_pools; i++)
        found = fits(address, n->pools[i].subnet, n->pools[i].gateway, &gateway);
    if (!found && n->n_pools)
        cunik_stack_mistake(m, &a->place, s->name, key, "%s is no address of its network's subnets",
                            a->ipv4_address);
    else if (!found)
        cunik_stack_mistake(m, &a->place, s->name, key, "%s is no address of its subnet %s",
                            a->ipv4_address, n->subnet);
    else if (gateway)
        cunik_stack_mistake(m, &a->place, s->name, key, "%s is the gateway of its network",
                            a->ipv4_address);
    else if (cunik_strv_has(&n->reserved, a->ipv4_address))
        cunik_stack_mistake(m, &a->place, s->name, key, "%s is kept free by aux_addresses",
                            a->ipv4_address);
}

static void check_six(struct stack_maker *m, const struct stack_service *s,
                      const struct stack_attachment *a, const struct stack_network *n,
                      const char *key)
{
    struct in6_addr address, gateway;
    struct cidr6 subnet;

    if (cunik_address6_parse(a->ipv6_address, &address, NULL) < 0)
        return;
    if (cunik_cidr6_parse_subnet(n->subnet6, &subnet, NULL) < 0) {
        cunik_stack_mistake(m, &a->place6, s->name, key,
                            "ipv6_address needs a subnet: name one in networks.%s.ipam.config",
                            a->network);
        return;
    }
    if (!*n->gateway6 || cunik_address6_parse(n->gateway6, &gateway, NULL) < 0)
        gateway = cunik_cidr6_host(&subnet, 1);
    if (!cunik_cidr6_usable(&subnet, &address))
        cunik_stack_mistake(m, &a->place6, s->name, key, "%s is no address of its subnet %s",
                            a->ipv6_address, n->subnet6);
    else if (memcmp(&address, &gateway, sizeof(address)) == 0)
        cunik_stack_mistake(m, &a->place6, s->name, key, "%s is the gateway of its network",
                            a->ipv6_address);
    else if (cunik_strv_has(&n->reserved, a->ipv6_address))
        cunik_stack_mistake(m, &a->place6, s->name, key, "%s is kept free by aux_addresses",
                            a->ipv6_address);
}

/* No two on one network may have the same address or MAC address. */
static void claim(struct stack_maker *m, struct map *claims, const struct stack_service *s,
                  const struct stack_attachment *a, const struct place *place, const char *address)
{
    _cleanup_free_ char *claim = cunik_asprintf("%s %s", a->network, address),
                        *key = cunik_asprintf("networks.%s", a->network);

    if (!*address || cunik_map_add(claims, claim, (void *)s))
        return;
    const struct stack_service *other = cunik_map_get(claims, claim);
    cunik_stack_mistake(m, place, s->name, key, "%s is already the address of service \"%s\"",
                        address, other->name);
}

static void check_attachments(struct stack_maker *m)
{
    _cleanup_map_ struct map claims = {0}, networks = {0};

    for (size_t i = 0; i < m->stack->n_networks; i++)
        cunik_map_add(&networks, m->stack->networks[i].key, &m->stack->networks[i]);
    for (size_t i = 0; i < m->stack->n_services; i++) {
        const struct stack_service *s = &m->stack->services[i];
        for (size_t k = 0; k < s->n_networks; k++) {
            const struct stack_attachment *a = &s->networks[k];
            const struct stack_network *n = cunik_map_get(&networks, a->network);
            _cleanup_free_ char *key = cunik_asprintf("networks.%s", a->network);
            if (*a->ipv4_address && n && !n->external)
                check_four(m, s, a, n, key);
            if (*a->ipv6_address && n && !n->external)
                check_six(m, s, a, n, key);
            claim(m, &claims, s, a, &a->place, a->ipv4_address);
            claim(m, &claims, s, a, &a->place6, a->ipv6_address);
            claim(m, &claims, s, a, &a->place, a->mac_address);
        }
    }
}

/* Subnets */

struct claimed {
    struct cidr subnet;
    const struct stack_network *network;
    const char *text;
    const struct place *place;
    size_t position; /* in the file */
};

struct claims {
    struct claimed *items;
    size_t n;
};

static void add_claim(struct claims *c, const struct stack_network *n, const char *text,
                      const struct place *place)
{
    struct cidr subnet;

    if (!*text || cunik_cidr_parse_subnet(text, &subnet, NULL) < 0)
        return;
    struct claimed *p = ARRAY_APPEND(c->items, c->n);
    *p = (struct claimed){subnet, n, text, place, c->n};
}

static int compare_claims(const void *a, const void *b)
{
    const struct claimed *x = a, *y = b;

    if (x->subnet.address != y->subnet.address)
        return x->subnet.address < y->subnet.address ? -1 : 1;
    return x->position < y->position ? -1 : x->position > y->position;
}

static void check_overlaps(struct stack_maker *m)
{
    struct claims all = {0};

    for (size_t i = 0; i < m->stack->n_networks; i++) {
        const struct stack_network *n = &m->stack->networks[i];
        if (n->external)
            continue;
        add_claim(&all, n, n->subnet, &n->subnet_place);
        for (size_t k = 0; k < n->n_pools; k++)
            add_claim(&all, n, n->pools[k].subnet, &n->pools[k].place);
    }
    if (all.n)
        qsort(all.items, all.n, sizeof(*all.items), compare_claims);
    for (size_t i = 1; i < all.n; i++) {
        const struct claimed *a = &all.items[i - 1], *b = &all.items[i];
        if (!cunik_cidr_overlaps(&a->subnet, &b->subnet))
            continue;
        const struct claimed *later = a->position > b->position ? a : b;
        const struct claimed *earlier = later == a ? b : a;
        cunik_stack_network_mistake(m, later->place, later->network->key,
                                    "subnet %s overlaps %s of network '%s'", later->text,
                                    earlier->text, earlier->network->key);
    }
    free(all.items);
}

static void check_overlaps6(struct stack_maker *m)
{
    const struct stack *s = m->stack;
    struct cidr6 a, b;

    for (size_t i = 0; i < s->n_networks; i++) {
        const struct stack_network *n = &s->networks[i];
        if (n->external || cunik_cidr6_parse_subnet(n->subnet6, &a, NULL) < 0)
            continue;
        for (size_t k = 0; k < i; k++)
            if (!s->networks[k].external &&
                cunik_cidr6_parse_subnet(s->networks[k].subnet6, &b, NULL) == 0 &&
                cunik_cidr6_overlaps(&a, &b))
                cunik_stack_network_mistake(m, &n->place, n->key,
                                            "subnet %s overlaps %s of network '%s'", n->subnet6,
                                            s->networks[k].subnet6, s->networks[k].key);
    }
}

static void check_names(struct stack_maker *m)
{
    _cleanup_map_ struct map names = {0}, bridges = {0};

    for (size_t i = 0; i < m->stack->n_networks; i++) {
        struct stack_network *n = &m->stack->networks[i];
        _cleanup_free_ char *path = cunik_asprintf("networks.%s.name", n->key);
        if (!cunik_map_add(&names, n->name, n))
            cunik_diagnostics_error(m->d, &n->place, path,
                                    "'%s' is already the name of network '%s'", n->name,
                                    ((struct stack_network *)cunik_map_get(&names, n->name))->key);
        if (*n->bridge && !cunik_map_add(&bridges, n->bridge, n))
            cunik_stack_network_mistake(
                m, &n->place, n->key, "'%s' is already the bridge of network '%s'", n->bridge,
                ((struct stack_network *)cunik_map_get(&bridges, n->bridge))->key);
    }
}

void cunik_stack_check_addresses(struct stack_maker *m)
{
    check_attachments(m);
    check_names(m);
    check_overlaps(m);
    check_overlaps6(m);
}
