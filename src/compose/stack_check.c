/* What services and networks of a stack forbid each other. Everything is n log n at most. */
#include <string.h>

#include "base/memory.h"
#include "compose/graph.h"
#include "compose/stack_maker.h"
#include "network/address.h"

static void check_depends(struct stack_maker *m)
{
    struct stack *stack = m->stack;
    _cleanup_map_ struct map enabled = {0}, disabled = {0};

    for (size_t i = 0; i < stack->n_services; i++)
        cunik_map_add(&enabled, stack->services[i].name, &stack->services[i]);
    for (size_t i = 0; i < stack->n_disabled; i++)
        cunik_map_add(&disabled, stack->disabled[i].name, &stack->disabled[i]);
    for (size_t i = 0; i < stack->n_services; i++) {
        const struct stack_service *s = &stack->services[i];
        for (size_t k = 0; k < s->n_depends; k++) {
            const struct stack_depend *d = &s->depends[k];
            const struct stack_disabled *off = cunik_map_get(&disabled, d->service);
            if (cunik_map_has(&enabled, d->service) || (off && !d->required))
                continue;
            _cleanup_free_ char *profiles = off ? cunik_strv_join(&off->profiles, " ") : NULL;
            if (off)
                cunik_stack_mistake(m, &d->place, s->name, "depends_on",
                                    "service \"%s\" is required by \"%s\" but is disabled. Can be "
                                    "enabled by profiles [%s]",
                                    d->service, s->name, profiles);
            else
                cunik_stack_mistake(m, &d->place, s->name, "depends_on",
                                    "service \"%s\" depends on undefined service \"%s\"", s->name,
                                    d->service);
        }
    }
}

static void check_cycles(struct stack_maker *m)
{
    const struct stack *stack = m->stack;
    _cleanup_free_ struct graph_node *nodes = cunik_calloc(stack->n_services, sizeof(*nodes));
    _cleanup_free_ struct graph_edge *edges = NULL;
    _cleanup_graph_ struct graph g = {0};
    _cleanup_error_ struct error *err = NULL;
    size_t n = 0;

    for (size_t i = 0; i < stack->n_services; i++)
        n += stack->services[i].n_depends;
    edges = cunik_calloc(n, sizeof(*edges));
    n = 0;
    for (size_t i = 0; i < stack->n_services; i++) {
        const struct stack_service *s = &stack->services[i];
        nodes[i] = (struct graph_node){s->name, &edges[n], s->n_depends, s->place};
        /* What is not there has been said already. */
        for (size_t k = 0; k < s->n_depends; k++)
            edges[n++] = (struct graph_edge){.to = s->depends[k].service, .optional = true};
    }
    if (cunik_graph_init(&g, nodes, stack->n_services, &err) < 0)
        cunik_diagnostics_take(m->d, &err);
}

static void check_container_names(struct stack_maker *m)
{
    _cleanup_map_ struct map names = {0};

    for (size_t i = 0; i < m->stack->n_services; i++) {
        struct stack_service *s = &m->stack->services[i];
        if (*s->container_name && !cunik_map_add(&names, s->container_name, s))
            cunik_stack_mistake(
                m, &s->container_name_place, s->name, "container_name",
                "container name \"%s\" is already in use by service %s", s->container_name,
                ((struct stack_service *)cunik_map_get(&names, s->container_name))->name);
    }
}

static void check_address(struct stack_maker *m, const struct stack_service *s,
                          const struct stack_attachment *a, const struct stack_network *n)
{
    _cleanup_free_ char *key = cunik_asprintf("networks.%s", a->network);
    struct cidr subnet;
    uint32_t address, gateway;

    if (!n || n->external || cunik_address_parse(a->ipv4_address, &address, NULL) < 0)
        return;
    if (!*n->subnet) {
        cunik_stack_mistake(m, &a->place, s->name, key,
                            "ipv4_address needs a subnet: name one in networks.%s.ipam.config",
                            a->network);
        return;
    }
    if (cunik_cidr_parse_subnet(n->subnet, &subnet, NULL) < 0)
        return;
    if (*n->gateway ? cunik_address_parse(n->gateway, &gateway, NULL) < 0
                    : !cunik_cidr_nth(&subnet, 1, &gateway))
        return;
    if (!cunik_cidr_usable(&subnet, address))
        cunik_stack_mistake(m, &a->place, s->name, key, "%s is no address of its subnet %s",
                            a->ipv4_address, n->subnet);
    else if (address == gateway)
        cunik_stack_mistake(m, &a->place, s->name, key, "%s is the gateway of its network",
                            a->ipv4_address);
}

/* No two on one network may have the same address or MAC address. */
static void claim(struct stack_maker *m, struct map *claims, const struct stack_service *s,
                  const struct stack_attachment *a, const char *address)
{
    _cleanup_free_ char *claim = cunik_asprintf("%s %s", a->network, address),
                        *key = cunik_asprintf("networks.%s", a->network);

    if (!*address || cunik_map_add(claims, claim, (void *)s))
        return;
    const struct stack_service *other = cunik_map_get(claims, claim);
    cunik_stack_mistake(m, &a->place, s->name, key, "%s is already the address of service \"%s\"",
                        address, other->name);
}

static void check_addresses(struct stack_maker *m)
{
    _cleanup_map_ struct map claims = {0}, networks = {0};

    for (size_t i = 0; i < m->stack->n_networks; i++)
        cunik_map_add(&networks, m->stack->networks[i].key, &m->stack->networks[i]);
    for (size_t i = 0; i < m->stack->n_services; i++) {
        const struct stack_service *s = &m->stack->services[i];
        for (size_t k = 0; k < s->n_networks; k++) {
            const struct stack_attachment *a = &s->networks[k];
            if (*a->ipv4_address)
                check_address(m, s, a, cunik_map_get(&networks, a->network));
            claim(m, &claims, s, a, a->ipv4_address);
            claim(m, &claims, s, a, a->mac_address);
        }
    }
}

/* A published port that is one number. */
struct published {
    const struct stack_service *service;
    const struct stack_port *port;
    size_t position; /* in the file */
};

static int compare_published(const void *a, const void *b)
{
    const struct published *x = a, *y = b;

    if (x->port->host_first != y->port->host_first)
        return x->port->host_first < y->port->host_first ? -1 : 1;
    int order = strcmp(x->port->protocol, y->port->protocol);
    if (order)
        return order;
    return x->position < y->position ? -1 : 1;
}

static bool same_address(const char *a, const char *b)
{
    bool any = !*a || !*b || strcmp(a, "0.0.0.0") == 0 || strcmp(b, "0.0.0.0") == 0;

    return any || strcmp(a, b) == 0;
}

static void check_published(struct stack_maker *m)
{
    _cleanup_free_ struct published *all = NULL;
    size_t n = 0;

    for (size_t i = 0; i < m->stack->n_services; i++)
        n += m->stack->services[i].n_ports;
    all = cunik_calloc(n, sizeof(*all));
    n = 0;
    for (size_t i = 0; i < m->stack->n_services; i++) {
        const struct stack_service *s = &m->stack->services[i];
        for (size_t k = 0; k < s->n_ports; k++)
            if (s->scale && s->ports[k].host_first &&
                s->ports[k].host_first == s->ports[k].host_last) {
                all[n] = (struct published){s, &s->ports[k], n};
                n++;
            }
    }
    if (n)
        qsort(all, n, sizeof(*all), compare_published);
    for (size_t i = 1; i < n; i++) {
        const struct stack_port *p = all[i].port;
        for (size_t k = i; k-- > 0 && all[k].port->host_first == p->host_first &&
                           strcmp(all[k].port->protocol, p->protocol) == 0;) {
            if (!same_address(all[k].port->host_ip, p->host_ip))
                continue;
            cunik_stack_mistake(m, &p->place, all[i].service->name, "ports",
                                "port %u/%s is already published by service \"%s\"", p->host_first,
                                p->protocol, all[k].service->name);
            break;
        }
    }
}

struct claimed_subnet {
    struct cidr subnet;
    const struct stack_network *network;
};

static int compare_subnets(const void *a, const void *b)
{
    const struct claimed_subnet *x = a, *y = b;

    if (x->subnet.address != y->subnet.address)
        return x->subnet.address < y->subnet.address ? -1 : 1;
    return x->network < y->network ? -1 : x->network > y->network;
}

static void check_networks(struct stack_maker *m)
{
    _cleanup_free_ struct claimed_subnet *all = cunik_calloc(m->stack->n_networks, sizeof(*all));
    _cleanup_map_ struct map names = {0};
    size_t n = 0;

    for (size_t i = 0; i < m->stack->n_networks; i++) {
        struct stack_network *network = &m->stack->networks[i];
        _cleanup_free_ char *path = cunik_asprintf("networks.%s.name", network->key);
        if (!cunik_map_add(&names, network->name, network))
            cunik_diagnostics_error(
                m->d, &network->place, path, "'%s' is already the name of network '%s'",
                network->name, ((struct stack_network *)cunik_map_get(&names, network->name))->key);
        if (*network->subnet && !network->external &&
            cunik_cidr_parse_subnet(network->subnet, &all[n].subnet, NULL) == 0)
            all[n++].network = network;
    }
    if (n)
        qsort(all, n, sizeof(*all), compare_subnets);
    for (size_t i = 1; i < n; i++) {
        const struct stack_network *a = all[i - 1].network, *b = all[i].network;
        if (!cunik_cidr_overlaps(&all[i - 1].subnet, &all[i].subnet))
            continue;
        const struct stack_network *later = a > b ? a : b, *earlier = a > b ? b : a;
        _cleanup_free_ char *path = cunik_asprintf("networks.%s", later->key);
        cunik_diagnostics_error(m->d, &later->subnet_place, path,
                                "subnet %s overlaps %s of network '%s'", later->subnet,
                                earlier->subnet, earlier->key);
    }
}

/* Names of volumes, configs and secrets that nothing defines are mistakes even though what they
 * name is not carried out. */
static void check_references(struct stack_maker *m)
{
    static const struct {
        const char *key, *what;
    } kinds[] = {{"volumes", "volume"}, {"configs", "config"}, {"secrets", "secret"}};
    const struct node *services = cunik_node_get(m->root, "services");

    for (size_t i = 0; i < m->stack->n_services; i++) {
        const char *name = m->stack->services[i].name;
        const struct node *service = cunik_node_get(services, name);
        for (size_t k = 0; k < ARRAY_SIZE(kinds); k++) {
            const struct node *list = cunik_node_get(service, kinds[k].key);
            const struct node *defined = cunik_node_get(m->root, kinds[k].key);
            for (size_t j = 0; list && j < list->n; j++) {
                const char *source = cunik_stack_text(list->items[j], "source");
                const char *type = cunik_stack_text(list->items[j], "type");
                if (!*source || (k == 0 && strcmp(type, "volume") != 0) ||
                    cunik_node_get(defined, source))
                    continue;
                cunik_stack_mistake(m, &list->items[j]->place, name, kinds[k].key,
                                    "service \"%s\" refers to undefined %s %s", name, kinds[k].what,
                                    source);
            }
        }
    }
}

/* What another key of a service says about a service must be about one that is there. */
static void check_network_mode(struct stack_maker *m, const struct node *services,
                               const struct node *service)
{
    const struct node *mode = cunik_node_get(service, "network_mode");

    if (!mode || mode->kind != NODE_STRING || strncmp(mode->text, "service:", 8) != 0 ||
        cunik_node_get(services, mode->text + 8))
        return;
    cunik_stack_mistake(m, &mode->place, service->key, "network_mode",
                        "service \"%s\" not found for network_mode '%s'", mode->text + 8,
                        mode->text);
}

static void check_watch(struct stack_maker *m, const struct node *service)
{
    const struct node *watch = cunik_node_get(cunik_node_get(service, "develop"), "watch");

    for (size_t i = 0; watch && i < watch->n; i++) {
        const char *action = cunik_stack_text(watch->items[i], "action");
        if (strncmp(action, "sync", 4) == 0 && !cunik_node_get(watch->items[i], "target"))
            cunik_stack_mistake(m, &watch->items[i]->place, service->key, "develop.watch",
                                "target is required for non-rebuild actions");
    }
}

static void check_secrets(struct stack_maker *m)
{
    const struct node *secrets = cunik_node_get(m->root, "secrets");

    for (size_t i = 0; secrets && i < secrets->n; i++) {
        const struct node *secret = secrets->items[i];
        _cleanup_free_ char *path = cunik_asprintf("secrets.%s", secret->key);
        const struct node *external = cunik_node_get(secret, "external");
        if (cunik_node_get(secret, "file") || cunik_node_get(secret, "environment") ||
            cunik_node_get(secret, "content") || cunik_node_get(secret, "driver") ||
            (external && external->boolean))
            continue;
        cunik_diagnostics_error(m->d, &secret->key_place, path,
                                "secret \"%s\" must declare either `file` or `environment`",
                                secret->key);
    }
}

static void check_services(struct stack_maker *m)
{
    const struct node *services = cunik_node_get(m->root, "services");

    for (size_t i = 0; i < m->stack->n_services; i++) {
        const struct node *service = cunik_node_get(services, m->stack->services[i].name);
        check_network_mode(m, services, service);
        check_watch(m, service);
    }
}

void cunik_stack_check(struct stack_maker *m)
{
    check_services(m);
    check_secrets(m);
    check_depends(m);
    check_cycles(m);
    check_container_names(m);
    check_addresses(m);
    check_published(m);
    check_networks(m);
    check_references(m);
}
