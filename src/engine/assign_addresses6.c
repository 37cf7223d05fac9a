/* IPv6 subnets and addresses. A subnet that nobody names is derived from the engine and the
 * network's name, a guest's address from its IPv4 address: both are the same again whatever comes
 * or goes, and an address is as unique as the one it is made of. */
#include <string.h>

#include "base/memory.h"
#include "engine/assign_parts.h"

/* What another network has that is there or wanted; NULL when the subnet is free. */
static const char *in_the_way(const struct assignment *a, const struct world_network *self,
                              const struct cidr6 *subnet)
{
    struct cidr6 c;

    for (size_t i = 0; i < a->actual->n_networks; i++) {
        const struct world_network *n = &a->actual->networks[i];
        if (strcmp(n->name, self->name) != 0 &&
            cunik_cidr6_parse_subnet(n->subnet6, &c, NULL) == 0 && cunik_cidr6_overlaps(&c, subnet))
            return n->name;
    }
    for (size_t i = 0; i < a->desired->n_networks; i++) {
        const struct world_network *n = a->parts[a->network_order[i]].n;
        if (n == self)
            break; /* the later one is told */
        if (cunik_cidr6_parse_subnet(n->subnet6, &c, NULL) == 0 && cunik_cidr6_overlaps(&c, subnet))
            return n->name;
    }
    return NULL;
}

static void choose_subnet(const struct assignment *a, struct world_network *n)
{
    _cleanup_free_ char *seed = cunik_asprintf("%s/%s/ipv6", a->facts->engine, n->name);
    uint64_t hash = cunik_assign_hash(seed);
    struct cidr6 c = cunik_cidr6_own(hash);

    for (uint64_t i = 1; in_the_way(a, n, &c); i++)
        c = cunik_cidr6_own(hash + (i << 8));
    free(n->subnet6);
    n->subnet6 = cunik_cidr6_text(&c);
}

static bool set_range(struct assignment *a, struct assign_network *p, const struct cidr6 *subnet)
{
    struct world_network *n = p->n;

    p->range6 = *subnet;
    if (*n->range6 && (cunik_cidr6_parse_subnet(n->range6, &p->range6, NULL) < 0 ||
                       !cunik_cidr6_contains(subnet, &p->range6.address))) {
        cunik_assign_invalid(a, "network '%s': ip_range %s is not within %s", n->name, n->range6,
                             n->subnet6);
        return false;
    }
    if (p->range6.length <= 96)
        return true;
    cunik_assign_invalid(a, "network '%s': IPv6 needs a subnet or range of /96 at most", n->name);
    return false;
}

static bool set_gateway(struct assignment *a, struct assign_network *p, const struct cidr6 *subnet)
{
    struct world_network *n = p->n;

    if (!*n->gateway6) {
        struct in6_addr first = cunik_cidr6_host(subnet, 1);
        free(n->gateway6);
        n->gateway6 = cunik_address6_text(&first);
    }
    if (cunik_address6_parse(n->gateway6, &p->gateway6, NULL) == 0 &&
        cunik_cidr6_usable(subnet, &p->gateway6))
        return true;
    cunik_assign_invalid(a, "network '%s': the gateway %s is no address of %s", n->name,
                         n->gateway6, n->subnet6);
    return false;
}

static void set_subnet(struct assignment *a, struct assign_network *p)
{
    struct world_network *n = p->n;
    const struct world_network *old = cunik_map_get(&a->actual_networks, n->name);
    _cleanup_error_ struct error *e = NULL;
    struct cidr6 subnet;

    if (!n->ipv6 || cunik_assign_is_foreign(n, old))
        return;
    if (!*n->subnet6 && old)
        cunik_replace(&n->subnet6, old->subnet6);
    if (!*n->subnet6)
        choose_subnet(a, n);
    if (cunik_cidr6_parse_subnet(n->subnet6, &subnet, &e) < 0) {
        cunik_assign_invalid(a, "network '%s': %s", n->name, e->message);
        return;
    }
    const char *other = n->external ? NULL : in_the_way(a, n, &subnet);
    if (other) {
        cunik_assign_conflict(a, "network '%s': subnet %s overlaps the network '%s'", n->name,
                              n->subnet6, other);
        return;
    }
    p->known6 = set_range(a, p, &subnet) && set_gateway(a, p, &subnet);
}

void cunik_assign_subnets6(struct assignment *a)
{
    for (size_t i = 0; i < a->desired->n_networks; i++)
        set_subnet(a, &a->parts[a->network_order[i]]);
}

/* "NETWORK ADDRESS" of all that are taken, to whom they belong. */
static void note(struct map *taken, const char *network, const char *address, const char *owner)
{
    _cleanup_free_ char *key = cunik_asprintf("%s %s", network, address);

    cunik_map_add(taken, key, (void *)owner);
}

static const char *owner_of(const struct map *taken, const char *network, const char *address)
{
    _cleanup_free_ char *key = cunik_asprintf("%s %s", network, address);

    return cunik_map_get(taken, key);
}

static void derive(struct assignment *a, const struct map *taken, const struct world_cunik *c,
                   struct world_interface *i, const struct assign_network *p)
{
    uint32_t four;

    if (cunik_address_parse(i->address, &four, NULL) < 0)
        return; /* has been said */
    struct in6_addr six = cunik_cidr6_host(&p->range6, four);
    free(i->address6);
    i->address6 = cunik_address6_text(&six);
    const char *owner = owner_of(taken, p->n->name, i->address6);
    if (owner)
        cunik_assign_conflict(a, "'%s': %s on network '%s' is taken by '%s'", c->name, i->address6,
                              p->n->name, owner);
}

static void take_fixed(struct assignment *a, struct map *taken, const struct world_cunik *c,
                       const struct world_interface *i, const struct assign_network *p)
{
    struct in6_addr six;
    struct cidr6 subnet;

    if (!p->n->ipv6) {
        cunik_assign_invalid(a, "'%s': network '%s' has no IPv6 for %s", c->name, p->n->name,
                             i->address6);
        return;
    }
    if (!p->known6 || cunik_cidr6_parse_subnet(p->n->subnet6, &subnet, NULL) < 0)
        return;
    if (cunik_address6_parse(i->address6, &six, NULL) < 0 || !cunik_cidr6_usable(&subnet, &six)) {
        cunik_assign_invalid(a, "'%s': %s is no address for a guest on network '%s' (%s)", c->name,
                             i->address6, p->n->name, p->n->subnet6);
        return;
    }
    const char *owner = owner_of(taken, p->n->name, i->address6);
    if (owner)
        cunik_assign_invalid(a, "'%s': %s on network '%s' is taken by '%s'", c->name, i->address6,
                             p->n->name, owner);
    else
        note(taken, p->n->name, i->address6, c->name);
}

static void note_others(const struct assignment *a, struct map *taken)
{
    for (size_t i = 0; i < a->desired->n_networks; i++) {
        const struct assign_network *p = &a->parts[i];
        if (p->known6)
            note(taken, p->n->name, p->n->gateway6, "the gateway");
        for (size_t k = 0; k < p->n->reserved.n; k++)
            note(taken, p->n->name, p->n->reserved.items[k], "aux_addresses");
    }
    for (size_t i = 0; i < a->actual->n_cuniks; i++) {
        const struct world_cunik *c = &a->actual->cuniks[i];
        for (size_t k = 0; cunik_assign_stays(a, c) && k < c->n_interfaces; k++)
            if (*c->interfaces[k].address6)
                note(taken, c->interfaces[k].network, c->interfaces[k].address6, c->name);
    }
}

/* Those of the file first. */
static void run(struct assignment *a, struct map *taken, bool fixed)
{
    for (size_t i = 0; i < a->desired->n_cuniks; i++) {
        const struct world_cunik *c = &a->desired->cuniks[a->order[i]];
        for (size_t k = 0; k < c->n_interfaces; k++) {
            struct world_interface *in = &c->interfaces[k];
            const struct assign_network *p = cunik_map_get(&a->networks, in->network);
            if (!p || in->fixed6 != fixed)
                continue;
            if (fixed)
                take_fixed(a, taken, c, in, p);
            else if (p->known6)
                derive(a, taken, c, in, p);
            else
                cunik_replace(&in->address6, "");
        }
    }
}

void cunik_assign_addresses6(struct assignment *a)
{
    _cleanup_map_ struct map taken = {0};

    note_others(a, &taken);
    run(a, &taken, true);
    run(a, &taken, false);
}
