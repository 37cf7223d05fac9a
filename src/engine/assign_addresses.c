/* Addresses of cuniks. First come those of the file, then those that cuniks have already, then new
 * ones: from a place in the range that is derived from service, index and network, the next free.
 */
#include <string.h>

#include "base/memory.h"
#include "engine/assign_parts.h"
#include "engine/world_network.h"

/* The addresses of one network that are in use, and by whom: an open hash. */
struct table {
    const struct assign_network *p;
    uint32_t *keys;
    const char **owners; /* NULL = a free slot */
    size_t n, n_slots;
    uint64_t room; /* usable addresses of the range that are free */
    bool full;     /* has been said */
};

/* Owners that are no cuniks. */
static const char the_gateway[] = "the gateway", reserved[] = "aux_addresses";

static size_t slot_of(const struct table *t, uint32_t address)
{
    size_t i = (address * 2654435761u) & (t->n_slots - 1);

    while (t->owners[i] && t->keys[i] != address)
        i = (i + 1) & (t->n_slots - 1);
    return i;
}

static void grow(struct table *t)
{
    struct table old = *t;

    if ((t->n + 1) * 2 <= t->n_slots)
        return;
    t->n_slots = t->n_slots ? t->n_slots * 2 : 64;
    t->keys = cunik_calloc(t->n_slots, sizeof(*t->keys));
    t->owners = cunik_calloc(t->n_slots, sizeof(*t->owners));
    for (size_t i = 0; i < old.n_slots; i++)
        if (old.owners[i]) {
            size_t k = slot_of(t, old.keys[i]);
            t->keys[k] = old.keys[i];
            t->owners[k] = old.owners[i];
        }
    free(old.keys);
    free(old.owners);
}

static const char *owner_of(const struct table *t, uint32_t address)
{
    return t->n_slots ? t->owners[slot_of(t, address)] : NULL;
}

/* Whether the engine may choose an address by itself. */
static bool choosable(const struct assign_network *p, uint32_t address)
{
    for (size_t i = 0; i < p->n_pools; i++)
        if (cunik_cidr_contains(&p->pools[i].range, address))
            return cunik_cidr_usable(&p->pools[i].subnet, address);
    return false;
}

/* Whether it can be a guest's at all. */
static bool usable(const struct assign_network *p, uint32_t address)
{
    for (size_t i = 0; i < p->n_pools; i++)
        if (cunik_cidr_usable(&p->pools[i].subnet, address))
            return true;
    return false;
}

static void put(struct table *t, uint32_t address, const char *owner)
{
    grow(t);
    size_t i = slot_of(t, address);
    if (!t->owners[i]) {
        t->n++;
        t->room -= choosable(t->p, address);
    }
    t->keys[i] = address;
    t->owners[i] = owner;
}

static void table_init(struct table *t, const struct assign_network *p)
{
    uint32_t address;

    t->p = p;
    if (!p->known)
        return;
    for (size_t i = 0; i < p->n_pools; i++) {
        const struct assign_pool *pool = &p->pools[i];
        uint32_t first = cunik_cidr_first(&pool->range), last = cunik_cidr_last(&pool->range);
        t->room += cunik_cidr_size(&pool->range);
        t->room -= !cunik_cidr_usable(&pool->subnet, first);
        t->room -= first != last && !cunik_cidr_usable(&pool->subnet, last);
    }
    for (size_t i = 0; i < p->n_pools; i++)
        put(t, p->pools[i].gateway, the_gateway);
    for (size_t i = 0; i < p->n->reserved.n; i++)
        if (cunik_address_parse(p->n->reserved.items[i], &address, NULL) == 0)
            put(t, address, reserved);
}

static const struct world_interface *old_interface(const struct assignment *a,
                                                   const struct world_cunik *c, const char *network)
{
    const struct world_cunik *old = cunik_assign_old(a, c);

    for (size_t i = 0; old && i < old->n_interfaces; i++)
        if (strcmp(old->interfaces[i].network, network) == 0)
            return &old->interfaces[i];
    return NULL;
}

struct addresses {
    struct assignment *a;
    struct table *tables; /* of desired networks */
    struct map macs;      /* "network mac" → cunik */
};

/* NULL when the network is not there or is itself wrong. */
static struct table *table_of(struct addresses *s, const char *network)
{
    const struct assign_network *p = cunik_map_get(&s->a->networks, network);

    return p && p->known ? &s->tables[p - s->a->parts] : NULL;
}

static void take_given(struct addresses *s, const struct world_cunik *c,
                       const struct world_interface *i, struct table *t)
{
    const struct world_network *n = t->p->n;
    uint32_t address;

    if (cunik_address_parse(i->address, &address, NULL) < 0 || !usable(t->p, address)) {
        cunik_assign_invalid(s->a, "'%s': %s is no address for a guest on network '%s' (%s)",
                             c->name, i->address, n->name, n->subnet);
        return;
    }
    const char *owner = owner_of(t, address);
    if (owner == the_gateway)
        cunik_assign_invalid(s->a, "'%s': %s is the gateway of network '%s'", c->name, i->address,
                             n->name);
    else if (owner == reserved)
        cunik_assign_invalid(s->a, "'%s': %s is kept free by aux_addresses of network '%s'",
                             c->name, i->address, n->name);
    else if (owner)
        cunik_assign_invalid(s->a, "'%s' and '%s' have the same address %s on network '%s'", owner,
                             c->name, i->address, n->name);
    else
        put(t, address, c->name);
}

/* Keeps an address that somebody had, if it is still free; false when not. */
static bool keep(struct table *t, const char *text, const char *owner, char **ret)
{
    uint32_t address;

    if (!text || cunik_address_parse(text, &address, NULL) < 0 || !choosable(t->p, address) ||
        owner_of(t, address))
        return false;
    cunik_replace(ret, text);
    put(t, address, owner);
    return true;
}

static void take_old(struct addresses *s, const struct world_cunik *c, struct world_interface *i,
                     struct table *t)
{
    const struct world_interface *was = old_interface(s->a, c, i->network);

    keep(t, was ? was->address : NULL, c->name, &i->address);
}

/* The n-th address of all ranges, one behind the other. */
static uint32_t nth(const struct assign_network *p, uint64_t n)
{
    const struct assign_pool *pool = p->pools;

    for (; n >= cunik_cidr_size(&pool->range); pool++)
        n -= cunik_cidr_size(&pool->range);
    return cunik_cidr_first(&pool->range) + (uint32_t)n;
}

/* The first subnet's addresses come first: the others are for when it is full. */
static bool find_free(const struct table *t, const char *seed, uint32_t *ret)
{
    uint64_t base = 0;

    if (!t->room)
        return false;
    for (size_t i = 0; i < t->p->n_pools; i++) {
        uint64_t size = cunik_cidr_size(&t->p->pools[i].range), first = cunik_assign_hash(seed);
        for (uint64_t k = 0; k < size; k++) {
            uint32_t address = nth(t->p, base + (first % size + k) % size);
            if (choosable(t->p, address) && !owner_of(t, address)) {
                *ret = address;
                return true;
            }
        }
        base += size;
    }
    return false;
}

static void choose(struct addresses *s, struct table *t, const char *seed, const char *owner,
                   char **ret)
{
    uint32_t address;

    if (!find_free(t, seed, &address)) {
        if (!t->full)
            cunik_assign_conflict(s->a, "network '%s' is full: no address of %s is left for '%s'",
                                  t->p->n->name,
                                  *t->p->n->ip_range ? t->p->n->ip_range : t->p->n->subnet, owner);
        t->full = true;
        return;
    }
    free(*ret);
    *ret = cunik_address_text(address);
    put(t, address, owner);
}

static void take_new(struct addresses *s, const struct world_cunik *c, struct world_interface *i,
                     struct table *t)
{
    _cleanup_free_ char *seed =
        cunik_asprintf("%s/%lld/%s", c->service, (long long)c->index, i->network);

    choose(s, t, seed, c->name, &i->address);
}

enum pass { PASS_GIVEN, PASS_OLD, PASS_NEW, PASS_MAX_ };

static void run_pass(struct addresses *s, enum pass pass)
{
    struct assignment *a = s->a;

    for (size_t i = 0; i < a->desired->n_cuniks; i++) {
        struct world_cunik *c = &a->desired->cuniks[a->order[i]];
        for (size_t k = 0; k < c->n_interfaces; k++) {
            struct world_interface *p = &c->interfaces[k];
            struct table *t = table_of(s, p->network);
            if (!t)
                continue;
            if (pass == PASS_GIVEN && *p->address)
                take_given(s, c, p, t);
            else if (pass == PASS_OLD && !*p->address)
                take_old(s, c, p, t);
            else if (pass == PASS_NEW && !*p->address)
                take_new(s, c, p, t);
        }
    }
}

/* Name servers of single services have addresses like guests do: kept, or chosen. */
static void run_resolvers(struct addresses *s, enum pass pass)
{
    struct assignment *a = s->a;

    for (size_t i = 0; i < a->desired->n_networks; i++) {
        struct world_network *n = a->parts[a->network_order[i]].n;
        const struct world_network *old = cunik_map_get(&a->actual_networks, n->name);
        struct table *t = table_of(s, n->name);
        for (size_t k = 0; t && k < n->n_resolvers; k++) {
            struct world_resolver *r = &n->resolvers[k];
            const struct world_resolver *was = old ? cunik_world_resolver(old, r->service) : NULL;
            _cleanup_free_ char *seed = cunik_asprintf("resolver/%s/%s", r->service, n->name);
            if (pass == PASS_OLD && !*r->address)
                keep(t, was ? was->address : NULL, r->service, &r->address);
            else if (pass == PASS_NEW && !*r->address)
                choose(s, t, seed, r->service, &r->address);
        }
    }
}

/* It asks the outside when one of its networks may. */
static void set_internal(struct assignment *a, const struct world_network *n,
                         struct world_resolver *r)
{
    struct strv known = {0};

    r->internal = n->internal;
    for (size_t i = 0; i < r->networks.n; i++) {
        const struct assign_network *p = cunik_map_get(&a->networks, r->networks.items[i]);
        if (!p)
            continue;
        r->internal &= p->n->internal;
        /* We know no names of a network that is none of ours. */
        if (!p->n->external || *p->n->stack)
            cunik_strv_add(&known, p->n->name);
    }
    cunik_strv_done(&r->networks);
    r->networks = known;
}

/* Whom a guest asks: its service's own name server, on whichever network that is. */
static void set_dns(struct assignment *a, struct world_cunik *c)
{
    const char *asker = *c->one_off ? c->one_off : c->service;

    for (size_t k = 0; k < c->n_interfaces; k++) {
        struct world_interface *i = &c->interfaces[k];
        const struct assign_network *p = cunik_map_get(&a->networks, i->network);
        const struct world_resolver *r = p ? cunik_world_resolver(p->n, asker) : NULL;
        cunik_replace(&i->dns, r ? r->address : "");
    }
}

/* Name servers of an external network, which are not ours to choose. */
static void take_their_resolvers(struct addresses *s, const struct world_network *n)
{
    struct table *t = table_of(s, n->name);
    uint32_t address;

    for (size_t k = 0; t && t->p->n->external && k < n->n_resolvers; k++)
        if (cunik_address_parse(n->resolvers[k].address, &address, NULL) == 0)
            put(t, address, n->resolvers[k].service);
}

/* Cuniks that stay beside the desired ones: of other stacks, or orphans. */
static void take_others(struct addresses *s)
{
    const struct world *actual = s->a->actual;
    uint32_t address;

    for (size_t i = 0; i < actual->n_networks; i++)
        take_their_resolvers(s, &actual->networks[i]);
    for (size_t i = 0; i < actual->n_cuniks; i++) {
        const struct world_cunik *c = &actual->cuniks[i];
        if (!cunik_assign_stays(s->a, c))
            continue;
        for (size_t k = 0; k < c->n_interfaces; k++) {
            struct table *t = table_of(s, c->interfaces[k].network);
            if (t && cunik_address_parse(c->interfaces[k].address, &address, NULL) == 0)
                put(t, address, c->name);
        }
    }
}

static void check_interfaces(struct addresses *s, const struct world_cunik *c)
{
    for (size_t k = 0; k < c->n_interfaces; k++) {
        const struct world_interface *i = &c->interfaces[k];
        if (!cunik_map_has(&s->a->networks, i->network))
            cunik_assign_invalid(s->a, "'%s' is on the network '%s', which is not defined", c->name,
                                 i->network);
        for (size_t m = 0; m < k; m++)
            if (strcmp(c->interfaces[m].network, i->network) == 0)
                cunik_assign_invalid(s->a, "'%s' is on the network '%s' twice", c->name,
                                     i->network);
        _cleanup_free_ char *key = cunik_asprintf("%s %s", i->network, i->mac);
        const char *other = cunik_map_get(&s->macs, key);
        if (other)
            cunik_assign_invalid(s->a, "'%s' and '%s' have the same MAC address %s", other, c->name,
                                 i->mac);
        else
            cunik_map_add(&s->macs, key, c->name);
    }
}

void cunik_assign_addresses(struct assignment *a)
{
    struct addresses s = {.a = a};

    s.tables = cunik_calloc(a->desired->n_networks, sizeof(*s.tables));
    for (size_t i = 0; i < a->desired->n_networks; i++)
        table_init(&s.tables[i], &a->parts[i]);
    for (size_t i = 0; i < a->desired->n_cuniks; i++)
        check_interfaces(&s, &a->desired->cuniks[a->order[i]]);
    take_others(&s);
    for (enum pass pass = 0; pass < PASS_MAX_; pass++) {
        /* A new one comes before new guests, so that it is in the first subnet, which they reach.
         */
        if (pass == PASS_NEW)
            run_resolvers(&s, pass);
        run_pass(&s, pass);
        if (pass != PASS_NEW)
            run_resolvers(&s, pass);
    }
    for (size_t i = 0; i < a->desired->n_cuniks; i++)
        set_dns(a, &a->desired->cuniks[i]);
    for (size_t i = 0; i < a->desired->n_networks; i++)
        for (size_t k = 0; k < a->desired->networks[i].n_resolvers; k++)
            set_internal(a, &a->desired->networks[i], &a->desired->networks[i].resolvers[k]);
    for (size_t i = 0; i < a->desired->n_networks; i++) {
        free(s.tables[i].keys);
        free(s.tables[i].owners);
    }
    free(s.tables);
    cunik_map_done(&s.macs);
}
