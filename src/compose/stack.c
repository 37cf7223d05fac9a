#include "compose/stack.h"

#include <string.h>

#include "base/memory.h"
#include "base/text.h"
#include "base/time.h"
#include "compose/stack_maker.h"

enum { STOP_GRACE_SECONDS = 10, MOST_COPIES = 10000 };

struct stack_service *cunik_stack_service(const struct stack *s, const char *name)
{
    for (size_t i = 0; i < s->n_services; i++)
        if (strcmp(s->services[i].name, name) == 0)
            return &s->services[i];
    return NULL;
}

struct stack_network *cunik_stack_network(const struct stack *s, const char *key)
{
    for (size_t i = 0; i < s->n_networks; i++)
        if (strcmp(s->networks[i].key, key) == 0)
            return &s->networks[i];
    return NULL;
}

static const struct stack_port *fixed_port(const struct stack_service *service)
{
    for (size_t i = 0; i < service->n_ports; i++)
        if (service->ports[i].host_first &&
            service->ports[i].host_first == service->ports[i].host_last)
            return &service->ports[i];
    return NULL;
}

int cunik_stack_check_scale(const struct stack_service *service, int64_t scale, struct error **err)
{
    const struct stack_port *port = fixed_port(service);

    if (scale < 0 || scale > MOST_COPIES)
        return cunik_error_at(err, ERROR_INVALID, &service->place,
                              "service '%s': the number of copies must be 0 to %d, not %lld",
                              service->name, MOST_COPIES, (long long)scale);
    if (scale > 1 && *service->container_name)
        return cunik_error_at(err, ERROR_INVALID, &service->container_name_place,
                              "service '%s': can't set container_name and scale to %lld as "
                              "container name must be unique",
                              service->name, (long long)scale);
    if (scale > 1 && port)
        return cunik_error_at(err, ERROR_INVALID, &port->place,
                              "service '%s': %lld copies cannot share the published port %u; "
                              "publish a range, \"%u-%u:%u\", or the guest's port alone, \"%u\"",
                              service->name, (long long)scale, port->host_first, port->host_first,
                              (unsigned)(port->host_first + scale - 1), port->target, port->target);
    for (size_t i = 0; i < service->n_networks && scale > 1; i++) {
        const struct stack_attachment *a = &service->networks[i];
        const char *own = *a->ipv4_address   ? a->ipv4_address
                          : *a->ipv6_address ? a->ipv6_address
                                             : a->mac_address;
        if (*own)
            return cunik_error_at(err, ERROR_INVALID, &a->place,
                                  "service '%s': %lld copies cannot share the address %s",
                                  service->name, (long long)scale, own);
    }
    return 0;
}

int cunik_stack_set_scale(struct stack *s, const char *name, int64_t scale, struct error **err)
{
    struct stack_service *service = cunik_stack_service(s, name);
    int r;

    if (!service)
        return cunik_error_set(err, ERROR_INVALID, "no such service: %s", name);
    r = cunik_stack_check_scale(service, scale, err);
    if (r == 0)
        service->scale = scale;
    return r;
}

static void empty(char **strings[], size_t n)
{
    for (size_t i = 0; i < n; i++)
        *strings[i] = cunik_strdup("");
}

struct stack_service *cunik_stack_add_service(struct stack *s, const char *name)
{
    struct stack_service *service = ARRAY_APPEND(s->services, s->n_services);
    struct stack_unikernel *u = &service->unikernel;
    char **strings[] = {&service->image,
                        &service->build,
                        &service->cunikfile,
                        &service->pull_policy,
                        &service->hostname,
                        &service->container_name,
                        &u->backend,
                        &u->kernel,
                        &u->initrd,
                        &u->cmdline,
                        &u->machine,
                        &u->firmware,
                        &u->accel};

    empty(strings, ARRAY_SIZE(strings));
    service->name = cunik_strdup(name);
    service->scale = 1;
    service->stop_grace_ns = STOP_GRACE_SECONDS * NS_PER_SECOND;
    return service;
}

struct stack_network *cunik_stack_add_network(struct stack *s, const char *key)
{
    struct stack_network *n = ARRAY_APPEND(s->networks, s->n_networks);
    char **strings[] = {&n->subnet,   &n->gateway, &n->ip_range, &n->subnet6,
                        &n->gateway6, &n->range6,  &n->bridge};

    empty(strings, ARRAY_SIZE(strings));
    n->key = cunik_strdup(key);
    n->name = s->name ? cunik_asprintf("%s_%s", s->name, key) : cunik_strdup(key);
    n->driver = cunik_strdup("bridge");
    return n;
}

void cunik_stack_pairs_done(struct stack_pairs *p)
{
    for (size_t i = 0; i < p->n; i++) {
        free(p->items[i].key);
        free(p->items[i].value);
    }
    free(p->items);
}

static void unikernel_done(struct stack_unikernel *u)
{
    for (size_t i = 0; i < u->n_disks; i++) {
        free(u->disks[i].path);
        free(u->disks[i].mount);
    }
    free(u->disks);
    cunik_stack_pairs_done(&u->params);
    free(u->backend);
    free(u->kernel);
    free(u->initrd);
    free(u->cmdline);
    free(u->machine);
    free(u->firmware);
    free(u->accel);
}

static void lists_done(struct stack_service *s)
{
    for (size_t i = 0; i < s->n_depends; i++)
        free(s->depends[i].service);
    for (size_t i = 0; i < s->n_networks; i++) {
        free(s->networks[i].network);
        free(s->networks[i].ipv4_address);
        free(s->networks[i].ipv6_address);
        free(s->networks[i].mac_address);
        free(s->networks[i].interface_name);
        cunik_strv_done(&s->networks[i].aliases);
    }
    for (size_t i = 0; i < s->n_ports; i++) {
        free(s->ports[i].host_ip);
        free(s->ports[i].protocol);
    }
    free(s->depends);
    free(s->networks);
    free(s->ports);
}

static void service_done(struct stack_service *s)
{
    lists_done(s);
    cunik_stack_mounts_done(s);
    unikernel_done(&s->unikernel);
    cunik_strv_done(&s->profiles);
    cunik_strv_done(&s->entrypoint);
    cunik_strv_done(&s->command);
    cunik_strv_done(&s->health.test);
    cunik_strv_done(&s->dns);
    cunik_strv_done(&s->dns_search);
    cunik_strv_done(&s->extra_hosts);
    cunik_stack_pairs_done(&s->environment);
    cunik_stack_pairs_done(&s->labels);
    free(s->name);
    free(s->image);
    free(s->build);
    free(s->cunikfile);
    free(s->pull_policy);
    free(s->hostname);
    free(s->container_name);
}

static void network_done(struct stack_network *n)
{
    free(n->key);
    free(n->name);
    free(n->driver);
    free(n->subnet);
    free(n->gateway);
    free(n->ip_range);
    free(n->subnet6);
    free(n->gateway6);
    free(n->range6);
    free(n->bridge);
    for (size_t i = 0; i < n->n_pools; i++) {
        free(n->pools[i].subnet);
        free(n->pools[i].gateway);
        free(n->pools[i].ip_range);
    }
    free(n->pools);
    cunik_strv_done(&n->reserved);
    cunik_stack_pairs_done(&n->labels);
}

void cunik_stack_done(struct stack *s)
{
    for (size_t i = 0; i < s->n_services; i++)
        service_done(&s->services[i]);
    for (size_t i = 0; i < s->n_networks; i++)
        network_done(&s->networks[i]);
    for (size_t i = 0; i < s->n_disabled; i++) {
        free(s->disabled[i].name);
        cunik_strv_done(&s->disabled[i].profiles);
    }
    cunik_stack_volumes_done(s);
    cunik_stack_contents_done(s);
    free(s->services);
    free(s->networks);
    free(s->disabled);
    free(s->name);
    free(s->working_dir);
    cunik_strv_done(&s->files);
    *s = (struct stack){0};
}
