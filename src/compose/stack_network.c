/* The networks that services are attached to. */
#include <string.h>

#include "base/memory.h"
#include "compose/stack_maker.h"
#include "network/address.h"

static void mistake(struct stack_maker *m, const struct place *place, const char *key,
                    const char *format, ...) _printf_(4, 5);

static void mistake(struct stack_maker *m, const struct place *place, const char *key,
                    const char *format, ...)
{
    _cleanup_free_ char *path = cunik_asprintf("networks.%s", key), *message = NULL;
    va_list args;

    va_start(args, format);
    message = cunik_vasprintf(format, args);
    va_end(args);
    cunik_diagnostics_error(m->d, place, path, "%s", message);
}

/* An address of the network itself; false after naming the mistake. */
static bool check_gateway(struct stack_maker *m, const struct node *n, const char *key,
                          const struct cidr *subnet)
{
    _cleanup_error_ struct error *err = NULL;
    uint32_t address;

    if (cunik_address_parse(n->text, &address, &err) < 0)
        mistake(m, &n->place, key, "%s", err->message);
    else if (!subnet)
        mistake(m, &n->place, key, "a gateway needs a subnet beside it");
    else if (!cunik_cidr_usable(subnet, address))
        mistake(m, &n->place, key, "gateway %s is no address of its subnet", n->text);
    else
        return true;
    return false;
}

static bool check_range(struct stack_maker *m, const struct node *n, const char *key,
                        const struct cidr *subnet)
{
    _cleanup_error_ struct error *err = NULL;
    struct cidr range;

    if (cunik_cidr_parse_subnet(n->text, &range, &err) < 0)
        mistake(m, &n->place, key, "%s", err->message);
    else if (!subnet)
        mistake(m, &n->place, key, "ip_range needs a subnet beside it");
    else if (range.length < subnet->length || !cunik_cidr_contains(subnet, range.address))
        mistake(m, &n->place, key, "ip_range %s is not within its subnet", n->text);
    else
        return true;
    return false;
}

/* What no interface can have an address of (RFC 6890). */
static const struct special {
    struct cidr range;
    const char *what;
} specials[] = {
    {{0x00000000, 8}, "the addresses of \"this network\""},
    {{0x7f000000, 8}, "the loopback addresses"},
    {{0xe0000000, 4}, "the multicast addresses"},
    {{0xf0000000, 4}, "the reserved addresses"},
};

static bool check_subnet(struct stack_maker *m, const struct node *n, const char *key,
                         const struct cidr *subnet)
{
    if (subnet->length < 8 || subnet->length > 30) {
        mistake(m, &n->place, key, "subnet %s: its length must be /8 to /30", n->text);
        return false;
    }
    for (size_t i = 0; i < ARRAY_SIZE(specials); i++)
        if (cunik_cidr_overlaps(subnet, &specials[i].range)) {
            _cleanup_free_ char *range = cunik_cidr_text(&specials[i].range);
            mistake(m, &n->place, key, "subnet %s is among %s, %s", n->text, specials[i].what,
                    range);
            return false;
        }
    return true;
}

static void read_subnet(struct stack_maker *m, const struct node *config, struct stack_network *ret)
{
    const struct node *text = cunik_node_get(config, "subnet");
    const struct node *gateway = cunik_node_get(config, "gateway");
    const struct node *range = cunik_node_get(config, "ip_range");
    _cleanup_error_ struct error *err = NULL;
    struct cidr subnet;
    bool good = text && cunik_cidr_parse_subnet(text->text, &subnet, &err) == 0;

    if (text && !good)
        mistake(m, &text->place, ret->key, "%s", err->message);
    good = good && check_subnet(m, text, ret->key, &subnet);
    if (good) {
        cunik_replace(&ret->subnet, text->text);
        ret->subnet_place = cunik_stack_place(m, &text->place);
    }
    if (text && !good)
        return; /* nothing to compare with */
    if (gateway && check_gateway(m, gateway, ret->key, text ? &subnet : NULL))
        cunik_replace(&ret->gateway, gateway->text);
    if (range && check_range(m, range, ret->key, text ? &subnet : NULL))
        cunik_replace(&ret->ip_range, range->text);
}

static bool is_true(const struct node *map, const char *key)
{
    const struct node *n = cunik_node_get(map, key);

    return n && n->kind == NODE_BOOL && n->boolean;
}

static void read_network(struct stack_maker *m, const struct node *n, struct stack_network *ret)
{
    const struct node *driver = cunik_node_get(n, "driver");
    const struct node *configs = cunik_node_get(cunik_node_get(n, "ipam"), "config");

    ret->place = cunik_stack_place(m, &n->key_place);
    ret->subnet_place = ret->place;
    if (*cunik_stack_text(n, "name"))
        cunik_replace(&ret->name, cunik_stack_text(n, "name"));
    ret->internal = is_true(n, "internal");
    ret->external = is_true(n, "external");
    cunik_stack_read_pairs(m, cunik_node_get(n, "labels"), &ret->labels);
    if (driver && *driver->text && strcmp(driver->text, "bridge") != 0 &&
        strcmp(driver->text, "default") != 0)
        mistake(m, &driver->place, n->key, "driver '%s' is not supported, only bridge is",
                driver->text);
    for (size_t i = 0; configs && i < configs->n; i++) {
        if (i == 0)
            read_subnet(m, configs->items[i], ret);
        else
            mistake(m, &configs->items[i]->place, n->key, "a network has one subnet here");
    }
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
