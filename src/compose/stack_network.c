/* The networks that services are attached to. */
#include <string.h>

#include "base/memory.h"
#include "compose/stack_maker.h"

static void read_network(struct stack_maker *m, const struct node *n, struct stack_network *ret)
{
    const struct node *driver = cunik_node_get(n, "driver");
    const struct node *configs = cunik_node_get(cunik_node_get(n, "ipam"), "config");

    ret->place = cunik_stack_place(m, &n->key_place);
    ret->subnet_place = ret->place;
    if (*cunik_stack_text(n, "name"))
        cunik_replace(&ret->name, cunik_stack_text(n, "name"));
    ret->internal = cunik_node_is_true(n, "internal");
    ret->external = cunik_node_is_true(n, "external");
    cunik_stack_read_pairs(m, cunik_node_get(n, "labels"), &ret->labels);
    if (driver && *driver->text && strcmp(driver->text, "bridge") != 0 &&
        strcmp(driver->text, "default") != 0)
        cunik_stack_network_mistake(m, &driver->place, n->key,
                                    "driver '%s' is not supported, only bridge is", driver->text);
    ret->ipv6 = cunik_node_is_true(n, "enable_ipv6");
    cunik_stack_read_subnets(m, configs, ret);
    cunik_stack_read_network_options(m, cunik_node_get(n, "driver_opts"), ret);
}

void cunik_stack_read_networks(struct stack_maker *m)
{
    const struct node *networks = cunik_node_get(m->root, "networks");
    _cleanup_map_ struct map used = {0};

    for (size_t i = 0; i < m->stack->n_services; i++) {
        const struct stack_service *s = &m->stack->services[i];
        for (size_t k = 0; k < s->n_networks; k++)
            cunik_map_add(&used, s->networks[k].network, NULL);
    }
    for (size_t i = 0; networks && i < networks->n; i++)
        if (networks->items[i]->kind == NODE_MAP && cunik_map_has(&used, networks->items[i]->key))
            read_network(m, networks->items[i],
                         cunik_stack_add_network(m->stack, networks->items[i]->key));
    /* Not in the tree where all who use it have a network_mode. */
    if (cunik_map_has(&used, "default") && !cunik_node_get(networks, "default"))
        cunik_stack_add_network(m->stack, "default");
}
