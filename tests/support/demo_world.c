#include "tests/support/demo_world.h"

#include "base/memory.h"

struct world_network *demo_add_network(struct world *w, const char *key)
{
    struct world_network *n = cunik_world_add_network(w);

    free(n->name);
    n->name = cunik_asprintf("demo_%s", key);
    cunik_replace(&n->stack, "demo");
    cunik_replace(&n->key, key);
    return n;
}

struct world_cunik *demo_add_cunik(struct world *w, const char *service, int64_t index,
                                   const char *network)
{
    struct world_cunik *c = cunik_world_add_cunik(w);

    free(c->name);
    c->name = cunik_asprintf("demo-%s-%lld", service, (long long)index);
    cunik_replace(&c->stack, "demo");
    cunik_replace(&c->service, service);
    c->index = index;
    cunik_replace(&c->boot.kernel, "/k");
    c->stop_grace_ns = 10000000000;
    if (network) {
        struct world_interface *i = cunik_world_add_interface(c);
        free(i->network);
        i->network = cunik_asprintf("demo_%s", network);
    }
    return c;
}

struct world_depend *demo_add_depend(struct world_cunik *c, const char *service,
                                     enum depend_condition condition)
{
    struct world_depend *d = cunik_world_add_depend(c);

    cunik_replace(&d->service, service);
    d->condition = condition;
    return d;
}

void demo_add_port(struct world_cunik *c, uint16_t host_port, uint16_t port)
{
    struct world_port *p = cunik_world_add_port(c);

    p->host_port = host_port;
    p->port = port;
    cunik_replace(&p->protocol, "tcp");
}

void demo_add_health(struct world_cunik *c)
{
    cunik_strv_add(&c->health.test, "TCP");
    cunik_strv_add(&c->health.test, "80");
}
