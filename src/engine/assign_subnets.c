/* Subnets and gateways. A subnet that a network has already is kept; a new one starts from a place
 * in the pools that is derived from the network's name, and is the next free one from there. */
#include <string.h>

#include "base/memory.h"
#include "engine/assign_parts.h"

enum {
    PART_LENGTH = 24,       /* what a network gets of a pool */
    CANDIDATES_MOST = 65536 /* of all pools */
};

/* A subnet that is in use, and by what. */
struct used {
    struct cidr subnet;
    const char *what; /* "the host's route", "the network" */
    const char *name;
};

struct pool {
    struct cidr subnet;
    unsigned part; /* length of its parts */
    size_t first;  /* candidate */
    size_t n;
};

struct subnets {
    struct assignment *a;
    struct used *used;
    size_t n_used;
    struct pool *pools;
    size_t n_pools;
    bool *taken; /* by candidate */
    size_t n, n_free;
};

static void use(struct subnets *s, const struct cidr *subnet, const char *what, const char *name)
{
    struct used *u = ARRAY_APPEND(s->used, s->n_used);

    *u = (struct used){.subnet = cunik_cidr_subnet(subnet), .what = what, .name = name};
    for (size_t i = 0; i < s->n_pools; i++) {
        const struct pool *p = &s->pools[i];
        if (!cunik_cidr_overlaps(&p->subnet, &u->subnet))
            continue;
        uint32_t base = cunik_cidr_first(&p->subnet);
        uint32_t first = cunik_cidr_first(&u->subnet), last = cunik_cidr_last(&u->subnet);
        if (first < base)
            first = base;
        if (last > cunik_cidr_last(&p->subnet))
            last = cunik_cidr_last(&p->subnet);
        for (size_t k = (first - base) >> (32 - p->part); k <= (last - base) >> (32 - p->part); k++)
            if (k < p->n && !s->taken[p->first + k]) {
                s->taken[p->first + k] = true;
                s->n_free--;
            }
    }
}

static void init_pools(struct subnets *s)
{
    const struct strv *pools = &s->a->facts->pools;

    for (size_t i = 0; i < pools->n; i++) {
        struct cidr c;
        if (cunik_cidr_parse_subnet(pools->items[i], &c, NULL) < 0 || c.length == 0) {
            cunik_assign_invalid(s->a, "the pool '%s' is no subnet", pools->items[i]);
            continue;
        }
        struct pool *p = ARRAY_APPEND(s->pools, s->n_pools);
        p->subnet = c;
        p->part = c.length > PART_LENGTH ? c.length : PART_LENGTH;
        p->first = s->n;
        p->n = (size_t)1 << (p->part - c.length);
        if (p->n > CANDIDATES_MOST - s->n)
            p->n = CANDIDATES_MOST - s->n;
        s->n += p->n;
    }
    s->n_free = s->n;
    s->taken = cunik_calloc(s->n, sizeof(*s->taken));
}

/* A network of another stack that has the name of ours: that has been said already. */
static bool foreign(const struct world_network *n, const struct world_network *old)
{
    return old && !n->external && strcmp(n->stack, old->stack) != 0;
}

static void init_used(struct subnets *s)
{
    const struct assignment *a = s->a;
    struct cidr c;

    for (size_t i = 0; i < a->facts->routes.n; i++)
        /* A default route leads everywhere and is in nobody's way. */
        if (cunik_cidr_parse(a->facts->routes.items[i], &c, NULL) == 0 && c.length > 0)
            use(s, &c, "the host's route", a->facts->routes.items[i]);
    for (size_t i = 0; i < a->actual->n_networks; i++) {
        const struct world_network *n = &a->actual->networks[i];
        const struct assign_network *p = cunik_map_get(&a->networks, n->name);
        if ((!p || foreign(p->n, n)) && cunik_cidr_parse(n->subnet, &c, NULL) == 0)
            use(s, &c, "the network", n->name);
    }
}

/* Takes a subnet for a network, or says what it overlaps. */
static bool claim(struct subnets *s, struct assign_network *p)
{
    for (size_t i = 0; !p->n->external && i < s->n_used; i++) {
        const struct used *u = &s->used[i];
        if (!cunik_cidr_overlaps(&u->subnet, &p->subnet))
            continue;
        _cleanup_free_ char *other = cunik_cidr_text(&u->subnet);
        if (strcmp(u->name, other) == 0)
            cunik_assign_conflict(s->a, "network '%s': subnet %s overlaps %s %s", p->n->name,
                                  p->n->subnet, u->what, other);
        else
            cunik_assign_conflict(s->a, "network '%s': subnet %s overlaps %s '%s' (%s)", p->n->name,
                                  p->n->subnet, u->what, u->name, other);
        return false;
    }
    use(s, &p->subnet, "the network", p->n->name);
    return true;
}

static void choose(struct subnets *s, struct assign_network *p)
{
    if (!s->n_free) {
        cunik_assign_conflict(s->a, "network '%s': no free subnet is left in the pools",
                              p->n->name);
        return;
    }
    _cleanup_free_ char *seed = cunik_asprintf("%s/%s", s->a->facts->engine, p->n->name);
    size_t i = cunik_assign_hash(seed) % s->n;
    while (s->taken[i])
        i = (i + 1) % s->n;
    const struct pool *pool = s->pools;
    while (i >= pool->first + pool->n)
        pool++;
    uint32_t offset = (uint32_t)((uint64_t)(i - pool->first) << (32 - pool->part));
    p->subnet =
        (struct cidr){.address = cunik_cidr_first(&pool->subnet) + offset, .length = pool->part};
    free(p->n->subnet);
    p->n->subnet = cunik_cidr_text(&p->subnet);
    use(s, &p->subnet, "the network", p->n->name);
    p->known = true;
}

static void set_gateway(struct assignment *a, struct assign_network *p, const char *old)
{
    struct world_network *n = p->n;
    struct cidr c;

    p->range = p->subnet;
    if (*n->ip_range) {
        if (cunik_cidr_parse_subnet(n->ip_range, &c, NULL) < 0 ||
            !cunik_cidr_contains(&p->subnet, cunik_cidr_first(&c)) ||
            !cunik_cidr_contains(&p->subnet, cunik_cidr_last(&c)))
            cunik_assign_invalid(a, "network '%s': ip_range %s is not within %s", n->name,
                                 n->ip_range, n->subnet);
        else
            p->range = c;
    }
    if (!*n->gateway && old && cunik_address_parse(old, &p->gateway, NULL) == 0 &&
        cunik_cidr_usable(&p->subnet, p->gateway))
        cunik_replace(&n->gateway, old);
    if (!*n->gateway) {
        p->gateway = cunik_cidr_first(&p->subnet) + (p->subnet.length < 31);
        free(n->gateway);
        n->gateway = cunik_address_text(p->gateway);
    }
    if (cunik_address_parse(n->gateway, &p->gateway, NULL) < 0 ||
        !cunik_cidr_usable(&p->subnet, p->gateway)) {
        cunik_assign_invalid(a, "network '%s': the gateway %s is no address of %s", n->name,
                             n->gateway, n->subnet);
        p->known = false;
    }
}

/* What the file says, or what the network has. */
static void take_given(struct subnets *s, struct assign_network *p)
{
    struct world_network *n = p->n;
    const struct world_network *old = cunik_map_get(&s->a->actual_networks, n->name);
    _cleanup_error_ struct error *e = NULL;

    if (foreign(n, old))
        return;
    if (!*n->subnet && old)
        cunik_replace(&n->subnet, old->subnet);
    if (n->external && old && !*n->ip_range)
        cunik_replace(&n->ip_range, old->ip_range);
    if (!*n->subnet) {
        if (n->external && *n->link)
            cunik_assign_invalid(s->a, "network '%s' is external and its subnet is not known",
                                 n->name);
        return;
    }
    if (cunik_cidr_parse_subnet(n->subnet, &p->subnet, &e) < 0)
        cunik_assign_invalid(s->a, "network '%s': %s", n->name, e->message);
    else
        p->known = claim(s, p);
}

void cunik_assign_subnets(struct assignment *a)
{
    struct subnets s = {.a = a};

    init_pools(&s);
    init_used(&s);
    for (size_t i = 0; i < a->desired->n_networks; i++)
        take_given(&s, &a->parts[a->network_order[i]]);
    for (size_t i = 0; i < a->desired->n_networks; i++) {
        struct assign_network *p = &a->parts[a->network_order[i]];
        if (!*p->n->subnet && !p->n->external &&
            !foreign(p->n, cunik_map_get(&a->actual_networks, p->n->name)))
            choose(&s, p);
    }
    for (size_t i = 0; i < a->desired->n_networks; i++) {
        struct assign_network *p = &a->parts[a->network_order[i]];
        const struct world_network *old = cunik_map_get(&a->actual_networks, p->n->name);
        if (p->known)
            set_gateway(a, p, old ? old->gateway : NULL);
    }
    free(s.used);
    free(s.pools);
    free(s.taken);
}
