/* Subnets and gateways. A subnet that a network has already is kept; a new one starts from a place
 * in the pools that is derived from the network's name, and is the next free one from there. */
#include <string.h>

#include "base/memory.h"
#include "base/text.h"
#include "engine/assign_parts.h"

enum {
    PART_LENGTH = 24, /* what a network gets of a pool */
    PART_LONGEST = 30,
    CANDIDATES_MOST = 1 << 20 /* of one pool */
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

bool cunik_assign_parse_pool(const char *text, struct cidr *ret, unsigned *ret_part)
{
    const char *colon = strchr(text, ':');
    _cleanup_free_ char *subnet = colon ? cunik_strndup(text, (size_t)(colon - text)) : NULL;
    uint64_t part;
    struct cidr c;

    if (cunik_cidr_parse_subnet(colon ? subnet : text, &c, NULL) < 0 || c.length == 0)
        return false;
    part = c.length > PART_LENGTH ? c.length : PART_LENGTH;
    if (colon && cunik_text_to_uint(colon + 1, c.length, PART_LONGEST, &part) < 0)
        return false;
    *ret = c;
    *ret_part = (unsigned)part;
    return true;
}

static void init_pools(struct subnets *s)
{
    const struct strv *pools = &s->a->facts->pools;

    for (size_t i = 0; i < pools->n; i++) {
        struct cidr c;
        unsigned part;
        if (!cunik_assign_parse_pool(pools->items[i], &c, &part)) {
            cunik_assign_invalid(s->a, "the pool '%s' is no subnet", pools->items[i]);
            continue;
        }
        struct pool *p = ARRAY_APPEND(s->pools, s->n_pools);
        p->subnet = c;
        p->part = part;
        p->first = s->n;
        p->n = (size_t)1 << (p->part - c.length);
        if (p->n > CANDIDATES_MOST)
            p->n = CANDIDATES_MOST;
        s->n += p->n;
    }
    s->n_free = s->n;
    s->taken = cunik_calloc(s->n, sizeof(*s->taken));
}

bool cunik_assign_is_foreign(const struct world_network *n, const struct world_network *old)
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
        if (p && !cunik_assign_is_foreign(p->n, n))
            continue;
        if (cunik_cidr_parse(n->subnet, &c, NULL) == 0)
            use(s, &c, "the network", n->name);
        for (size_t k = 0; k < n->n_pools; k++)
            if (cunik_cidr_parse(n->pools[k].subnet, &c, NULL) == 0)
                use(s, &c, "the network", n->name);
    }
}

/* Takes a subnet for a network, or says what it overlaps. */
static bool claim(struct subnets *s, const struct world_network *n, const struct cidr *subnet)
{
    _cleanup_free_ char *text = cunik_cidr_text(subnet);

    for (size_t i = 0; !n->external && i < s->n_used; i++) {
        const struct used *u = &s->used[i];
        if (!cunik_cidr_overlaps(&u->subnet, subnet))
            continue;
        _cleanup_free_ char *other = cunik_cidr_text(&u->subnet);
        if (strcmp(u->name, other) == 0)
            cunik_assign_conflict(s->a, "network '%s': subnet %s overlaps %s %s", n->name, text,
                                  u->what, other);
        else
            cunik_assign_conflict(s->a, "network '%s': subnet %s overlaps %s '%s' (%s)", n->name,
                                  text, u->what, u->name, other);
        return false;
    }
    use(s, subnet, "the network", n->name);
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
    struct cidr subnet = {.address = cunik_cidr_first(&pool->subnet) + offset,
                          .length = pool->part};
    free(p->n->subnet);
    p->n->subnet = cunik_cidr_text(&subnet);
    use(s, &subnet, "the network", p->n->name);
    p->known = true;
}

/* The parts of one subnet whose texts are good or open; an open gateway is filled in. */
static bool set_pool(struct assignment *a, struct assign_network *p, const char *subnet,
                     char **gateway, const char *ip_range, const char *old_gateway)
{
    struct assign_pool *out = ARRAY_APPEND(p->pools, p->n_pools);
    struct cidr c;

    if (cunik_cidr_parse_subnet(subnet, &out->subnet, NULL) < 0)
        return false;
    out->range = out->subnet;
    if (*ip_range) {
        if (cunik_cidr_parse_subnet(ip_range, &c, NULL) < 0 ||
            !cunik_cidr_contains(&out->subnet, cunik_cidr_first(&c)) ||
            !cunik_cidr_contains(&out->subnet, cunik_cidr_last(&c)))
            cunik_assign_invalid(a, "network '%s': ip_range %s is not within %s", p->n->name,
                                 ip_range, subnet);
        else
            out->range = c;
    }
    if (!**gateway && old_gateway && cunik_address_parse(old_gateway, &out->gateway, NULL) == 0 &&
        cunik_cidr_usable(&out->subnet, out->gateway))
        cunik_replace(gateway, old_gateway);
    if (!**gateway) {
        out->gateway = cunik_cidr_first(&out->subnet) + (out->subnet.length < 31);
        free(*gateway);
        *gateway = cunik_address_text(out->gateway);
    }
    if (cunik_address_parse(*gateway, &out->gateway, NULL) == 0 &&
        cunik_cidr_usable(&out->subnet, out->gateway))
        return true;
    cunik_assign_invalid(a, "network '%s': the gateway %s is no address of %s", p->n->name,
                         *gateway, subnet);
    return false;
}

static const char *old_gateway(const struct world_network *old, const char *subnet)
{
    for (size_t i = 0; old && i < old->n_pools; i++)
        if (strcmp(old->pools[i].subnet, subnet) == 0)
            return old->pools[i].gateway;
    return NULL;
}

static void set_pools(struct assignment *a, struct assign_network *p)
{
    struct world_network *n = p->n;
    const struct world_network *old = cunik_map_get(&a->actual_networks, n->name);

    p->known = set_pool(a, p, n->subnet, &n->gateway, n->ip_range, old ? old->gateway : NULL);
    for (size_t i = 0; i < n->n_pools; i++) {
        struct world_pool *pool = &n->pools[i];
        p->known &= set_pool(a, p, pool->subnet, &pool->gateway, pool->ip_range,
                             old_gateway(old, pool->subnet));
    }
}

/* An external network is as the one who has made it says. */
static void take_external(struct world_network *n, const struct world_network *old)
{
    if (!n->external)
        return;
    cunik_replace(&n->stack, old ? old->stack : "");
    if (!old)
        return;
    if (!*n->ip_range)
        cunik_replace(&n->ip_range, old->ip_range);
    n->mtu = old->mtu;
    n->internal = old->internal;
    n->ipv6 = old->ipv6;
    cunik_replace(&n->subnet6, old->subnet6);
    cunik_replace(&n->gateway6, old->gateway6);
    cunik_replace(&n->range6, old->range6);
    cunik_strv_done(&n->reserved);
    cunik_strv_copy(&n->reserved, &old->reserved);
    for (size_t i = 0; i < old->n_pools && !n->n_pools; i++) {
        struct world_pool *p = cunik_world_add_pool(n);
        cunik_replace(&p->subnet, old->pools[i].subnet);
        cunik_replace(&p->gateway, old->pools[i].gateway);
        cunik_replace(&p->ip_range, old->pools[i].ip_range);
    }
}

static bool claim_text(struct subnets *s, const struct world_network *n, const char *text)
{
    _cleanup_error_ struct error *e = NULL;
    struct cidr subnet;

    if (cunik_cidr_parse_subnet(text, &subnet, &e) == 0)
        return claim(s, n, &subnet);
    cunik_assign_invalid(s->a, "network '%s': %s", n->name, e->message);
    return false;
}

/* What the file says, or what the network has. */
static void take_given(struct subnets *s, struct assign_network *p)
{
    struct world_network *n = p->n;
    const struct world_network *old = cunik_map_get(&s->a->actual_networks, n->name);

    if (cunik_assign_is_foreign(n, old))
        return;
    take_external(n, old);
    if (!*n->subnet && old)
        cunik_replace(&n->subnet, old->subnet);
    if (!*n->subnet) {
        if (n->external && *n->link)
            cunik_assign_invalid(s->a,
                                 "network '%s' is external, and the bridge '%s' has no IPv4 "
                                 "address that would tell its subnet",
                                 n->name, n->link);
        return;
    }
    p->known = claim_text(s, n, n->subnet);
    for (size_t i = 0; i < n->n_pools; i++)
        p->known &= claim_text(s, n, n->pools[i].subnet);
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
            !cunik_assign_is_foreign(p->n, cunik_map_get(&a->actual_networks, p->n->name)))
            choose(&s, p);
    }
    for (size_t i = 0; i < a->desired->n_networks; i++) {
        struct assign_network *p = &a->parts[a->network_order[i]];
        if (p->known)
            set_pools(a, p);
    }
    free(s.used);
    free(s.pools);
    free(s.taken);
}
