/* Whether the guests of a network find room on its bridge. */
#include "base/memory.h"
#include "engine/assign_parts.h"

enum { PORTS_MOST = 1023 }; /* the kernel's, net/bridge/br_private.h (BR_MAX_PORTS) */

struct count {
    size_t ports;
};

static void add(struct map *counts, const struct world_cunik *c)
{
    for (size_t i = 0; i < c->n_interfaces; i++) {
        struct count *n = cunik_map_get(counts, c->interfaces[i].network);
        if (n)
            n->ports++;
    }
}

void cunik_assign_bridges(struct assignment *a)
{
    _cleanup_free_ struct count *all = cunik_calloc(a->desired->n_networks, sizeof(*all));
    _cleanup_map_ struct map counts = {0};

    for (size_t i = 0; i < a->desired->n_networks; i++)
        cunik_map_add(&counts, a->desired->networks[i].name, &all[i]);
    for (size_t i = 0; i < a->desired->n_cuniks; i++)
        add(&counts, &a->desired->cuniks[i]);
    for (size_t i = 0; i < a->actual->n_cuniks; i++)
        if (cunik_assign_stays(a, &a->actual->cuniks[i]))
            add(&counts, &a->actual->cuniks[i]);
    for (size_t i = 0; i < a->desired->n_networks; i++)
        if (all[i].ports > PORTS_MOST)
            cunik_assign_invalid(a, "network '%s': a bridge has room for %d guests, not for %zu",
                                 a->desired->networks[i].name, PORTS_MOST, all[i].ports);
}
