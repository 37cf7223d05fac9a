/* Addresses of cuniks. First come those of the file, then those that cuniks have already, then new
 * ones: from a place in the range that is derived from service, index and network, the next free.
 */
#include <string.h>

#include "base/memory.h"
#include "engine/assign_parts.h"

/* The addresses of one network that are in use, and by whom: an open hash. */
struct table {
    const struct assign_network *p;
    uint32_t *keys;
    const char **owners; /* NULL = a free slot */
    size_t n, n_slots;
    uint64_t room; /* usable addresses of the range that are free */
    bool full;     /* has been said */
};

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
    return cunik_cidr_contains(&p->range, address) && cunik_cidr_usable(&p->subnet, address);
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
    uint32_t first = cunik_cidr_first(&p->range), last = cunik_cidr_last(&p->range);

    t->p = p;
    if (!p->known)
        return;
    t->room = cunik_cidr_size(&p->range);
    t->room -= !cunik_cidr_usable(&p->subnet, first);
    t->room -= first != last && !cunik_cidr_usable(&p->subnet, last);
    put(t, p->gateway, "the gateway");
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

    if (cunik_address_parse(i->address, &address, NULL) < 0 ||
        !cunik_cidr_usable(&t->p->subnet, address)) {
        cunik_assign_invalid(s->a, "'%s': %s is no address for a guest on network '%s' (%s)",
                             c->name, i->address, n->name, n->subnet);
        return;
    }
    const char *owner = owner_of(t, address);
    if (owner && address == t->p->gateway)
        cunik_assign_invalid(s->a, "'%s': %s is the gateway of network '%s'", c->name, i->address,
                             n->name);
    else if (owner)
        cunik_assign_invalid(s->a, "'%s' and '%s' have the same address %s on network '%s'", owner,
                             c->name, i->address, n->name);
    else
        put(t, address, c->name);
}

static void take_old(struct addresses *s, const struct world_cunik *c, struct world_interface *i,
                     struct table *t)
{
    const struct world_interface *was = old_interface(s->a, c, i->network);
    uint32_t address;

    if (!was || cunik_address_parse(was->address, &address, NULL) < 0 ||
        !choosable(t->p, address) || owner_of(t, address))
        return;
    cunik_replace(&i->address, was->address);
    put(t, address, c->name);
}

static void take_new(struct addresses *s, const struct world_cunik *c, struct world_interface *i,
                     struct table *t)
{
    uint64_t size = cunik_cidr_size(&t->p->range);

    if (!t->room) {
        if (!t->full)
            cunik_assign_conflict(
                s->a, "network '%s' is full: no address of %s is left for '%s'", t->p->n->name,
                *t->p->n->ip_range ? t->p->n->ip_range : t->p->n->subnet, c->name);
        t->full = true;
        return;
    }
    _cleanup_free_ char *seed =
        cunik_asprintf("%s/%lld/%s", c->service, (long long)c->index, i->network);
    uint64_t offset = cunik_assign_hash(seed) % size;
    uint32_t address = cunik_cidr_first(&t->p->range) + (uint32_t)offset;
    while (!choosable(t->p, address) || owner_of(t, address)) {
        offset = (offset + 1) % size;
        address = cunik_cidr_first(&t->p->range) + (uint32_t)offset;
    }
    free(i->address);
    i->address = cunik_address_text(address);
    put(t, address, c->name);
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

/* Cuniks that stay beside the desired ones: of other stacks, or orphans. */
static void take_others(struct addresses *s)
{
    const struct world *actual = s->a->actual;
    uint32_t address;

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
    for (enum pass pass = 0; pass < PASS_MAX_; pass++)
        run_pass(&s, pass);
    for (size_t i = 0; i < a->desired->n_networks; i++) {
        free(s.tables[i].keys);
        free(s.tables[i].owners);
    }
    free(s.tables);
    cunik_map_done(&s.macs);
}
