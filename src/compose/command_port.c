/* port: where a port of a service is published. */
#include <stdio.h>
#include <string.h>

#include "base/memory.h"
#include "base/text.h"
#include "compose/command.h"
#include "engine/world_network.h"

static const struct world_cunik *find(const struct world *w, const char *service, int64_t index)
{
    for (size_t i = 0; i < w->n_cuniks; i++)
        if (strcmp(w->cuniks[i].service, service) == 0 && w->cuniks[i].index == index)
            return &w->cuniks[i];
    return NULL;
}

static int not_found(const struct world *w, const char *stack, const char *service, uint64_t index,
                     struct error **err)
{
    bool known = false;

    for (size_t i = 0; i < w->n_cuniks; i++)
        known |= strcmp(w->cuniks[i].service, service) == 0;
    if (!known)
        return cunik_error_set(err, ERROR_NOT_FOUND, "no service '%s' in stack '%s' is up", service,
                               stack);
    return cunik_error_set(err, ERROR_NOT_FOUND, "service '%s' has no copy %llu", service,
                           (unsigned long long)index);
}

static const struct world_port *published(const struct world_cunik *c, uint64_t port,
                                          const char *protocol)
{
    for (size_t i = 0; i < c->n_ports; i++)
        if (c->ports[i].port == port && strcmp(c->ports[i].protocol, protocol) == 0)
            return &c->ports[i];
    return NULL;
}

static int read_words(const struct arguments *a, uint64_t *ret_port, uint64_t *ret_index,
                      struct error **err)
{
    const char *port = cunik_arguments_positional(a)->items[1];

    if (cunik_text_to_uint(port, 1, UINT16_MAX, ret_port) < 0)
        return cunik_error_set(err, ERROR_INVALID, "a port is a number up to 65535, not '%s'",
                               port);
    return cunik_command_index(a, ret_index, err);
}

int cunik_command_port(void *context, const struct arguments *a, int *status _unused_,
                       struct error **err)
{
    const char *service = cunik_arguments_positional(a)->items[0];
    const char *protocol = cunik_arguments_value(a, "protocol");
    _cleanup_world_ struct world w = {0};
    _cleanup_free_ char *stack = NULL;
    uint64_t port, index = 1;

    ((struct command *)context)->load.services = NULL;
    int r = read_words(a, &port, &index, err);

    if (!protocol)
        protocol = "tcp";
    if (r == 0)
        r = cunik_command_world(context, &stack, &w, err);
    if (r < 0)
        return r;
    const struct world_cunik *c = find(&w, service, (int64_t)index);
    if (!c)
        return not_found(&w, stack, service, index, err);
    const struct world_port *p = published(c, port, protocol);
    if (!p)
        return cunik_error_set(err, ERROR_NOT_FOUND, "'%s' publishes no port %llu/%s", c->name,
                               (unsigned long long)port, protocol);
    _cleanup_free_ char *host = cunik_world_port_text(p);
    puts(host);
    return 0;
}
