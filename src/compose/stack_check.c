/* What services and networks of a stack forbid each other. Everything is n log n at most. */
#include <string.h>

#include "base/memory.h"
#include "compose/graph.h"
#include "compose/stack_maker.h"
#include "compose/volume_type.h"
#include "engine/world_network.h"
#include "network/address6.h"

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

/* As a file that is right; the engine refuses to carry it out. */
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
            if (!cunik_world_ports_overlap(all[k].port->host_ip, p->host_ip))
                continue;
            _cleanup_free_ char *path = cunik_asprintf("services.%s.ports", all[i].service->name);
            const struct world_port port = {.host_ip = p->host_ip,
                                            .host_port = (uint16_t)p->host_first};
            _cleanup_free_ char *at = cunik_world_port_text(&port); /* as the engine says it */
            cunik_diagnostics_warn(m->d, &p->place, path,
                                   "port %s/%s is published by service \"%s\" too", at, p->protocol,
                                   all[k].service->name);
            break;
        }
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
                bool elsewhere =
                    k == 0 && cunik_volume_type_of(list->items[j]) != VOLUME_TYPE_VOLUME;
                if (!*source || elsewhere || cunik_node_get(defined, source))
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
        cunik_stack_check_parts(m, service);
    }
}

void cunik_stack_check(struct stack_maker *m)
{
    check_services(m);
    check_secrets(m);
    check_depends(m);
    check_cycles(m);
    check_container_names(m);
    cunik_stack_check_addresses(m);
    check_published(m);
    check_references(m);
}
