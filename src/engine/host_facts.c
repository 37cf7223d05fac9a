/* What the host has that is not ours. */
#include <stdlib.h>
#include <string.h>

#include "base/memory.h"
#include "engine/host_prerequisites.h"
#include "engine/host_real_internal.h"
#include "network/iptables.h"
#include "network/link.h"
#include "network/nat.h"
#include "network/sockets.h"

enum { FIRST_PORT = 49152, LAST_PORT = 65535 }; /* RFC 6335: for anyone */

static bool is_ours(const struct host_real *h, const struct link *l)
{
    return l->labelled && strcmp(l->label.engine, h->engine) == 0;
}

static void add(struct strv *routes, const struct cidr *c)
{
    struct cidr subnet = cunik_cidr_subnet(c);
    _cleanup_free_ char *text = cunik_cidr_text(&subnet);

    if (!cunik_strv_has(routes, text))
        cunik_strv_take(routes, TAKE_PTR(text));
}

static void add_addresses(const struct host_real *h, const struct links *links, struct strv *ret)
{
    for (size_t i = 0; i < links->n; i++)
        for (size_t k = 0; !is_ours(h, &links->items[i]) && k < links->items[i].n_addresses; k++)
            add(ret, &links->items[i].addresses[k]);
}

static void add_own_addresses(const struct links *links, struct strv *ret)
{
    for (size_t i = 0; i < links->n; i++)
        for (size_t k = 0; k < links->items[i].n_addresses; k++)
            cunik_strv_take(ret, cunik_address_text(links->items[i].addresses[k].address));
    for (size_t i = 0; i < links->n; i++)
        for (size_t k = 0; k < links->items[i].n_addresses6; k++)
            cunik_strv_take(ret, cunik_address6_text(&links->items[i].addresses6[k].address));
}

/* Bridges that are nobody's of ours: a stack may name them as external networks. */
static void add_bridges(const struct links *links, struct strv *ret)
{
    for (size_t i = 0; i < links->n; i++) {
        const struct link *l = &links->items[i];
        if (!l->bridge || l->labelled)
            continue;
        _cleanup_free_ char *address = l->n_addresses ? cunik_cidr_text(&l->addresses[0]) : NULL;
        cunik_strv_addf(ret, "%s%s%s", l->name, address ? " " : "", address ? address : "");
    }
}

static void add_routes(const struct host_real *h, const struct links *links,
                       const struct routes *routes, struct strv *ret)
{
    for (size_t i = 0; i < routes->n; i++) {
        const struct route *r = &routes->items[i];
        bool ours = false;
        for (size_t k = 0; !ours && r->link && k < links->n; k++)
            ours = links->items[k].index == r->link && is_ours(h, &links->items[k]);
        if (!ours)
            add(ret, &r->destination);
    }
}

static bool is_names(const char *socket, const char *address)
{
    _cleanup_free_ char *own = cunik_asprintf(" %s 53", address);

    return strcmp(socket + strcspn(socket, " "), own) == 0;
}

/* Our own name servers listen at the gateways of our networks. */
static bool is_own_socket(const struct host_real *h, const struct links *links, const char *socket)
{
    for (size_t i = 0; i < links->n; i++) {
        const struct link *l = &links->items[i];
        if (!is_ours(h, l))
            continue;
        for (size_t k = 0; k < l->n_addresses; k++) {
            _cleanup_free_ char *address = cunik_address_text(l->addresses[k].address);
            if (is_names(socket, address))
                return true;
        }
        for (size_t k = 0; k < l->n_addresses6; k++) {
            _cleanup_free_ char *address = cunik_address6_text(&l->addresses6[k].address);
            if (is_names(socket, address))
                return true;
        }
    }
    return false;
}

static int collect(const struct host_real *h, struct host_facts *f, struct error **err)
{
    _cleanup_links_ struct links links = {0};
    _cleanup_routes_ struct routes routes = {0};
    _cleanup_strv_ struct strv sockets = {0};
    int r;

    if ((r = cunik_link_list(&links, err)) < 0 || (r = cunik_link_routes(&routes, err)) < 0 ||
        (r = cunik_sockets_list(&sockets, err)) < 0)
        return r;
    add_addresses(h, &links, &f->routes);
    add_routes(h, &links, &routes, &f->routes);
    add_bridges(&links, &f->bridges);
    add_own_addresses(&links, &f->addresses);
    for (size_t i = 0; i < sockets.n; i++)
        if (!is_own_socket(h, &links, sockets.items[i]))
            cunik_strv_add(&f->taken_ports, sockets.items[i]);
    /* Who may not look there can make no guest either, which is said when one is checked. */
    if (!h->outside && cunik_host_check_rights(NULL) == 0 &&
        ((r = cunik_iptables_ports(&f->taken_ports, err)) < 0 ||
         (r = cunik_nat_ports(h->engine, &f->addresses, &f->taken_ports, err)) < 0))
        return r;
    cunik_strv_copy(&f->pools, &h->pools);
    f->engine = h->engine;
    f->first_port = FIRST_PORT;
    f->last_port = LAST_PORT;
    return cunik_host_outside_facts(h, f, err);
}

void cunik_host_facts_free(void *facts)
{
    struct host_facts *f = facts;

    cunik_strv_done(&f->routes);
    cunik_strv_done(&f->taken_ports);
    cunik_strv_done(&f->pools);
    cunik_strv_done(&f->bridges);
    cunik_strv_done(&f->addresses);
    free(f);
}

/* The strings live until the same thread asks again, or ends. */
int cunik_host_facts(void *ctx, struct host_facts *ret, struct error **err)
{
    struct host_real *h = ctx;
    struct host_facts *f = cunik_calloc(1, sizeof(*f));
    int r = collect(h, f, err);

    if (r < 0) {
        cunik_host_facts_free(f);
        return r;
    }
    struct host_facts *old = pthread_getspecific(h->facts);
    if (pthread_setspecific(h->facts, f) != 0)
        abort();
    if (old)
        cunik_host_facts_free(old);
    *ret = *f;
    return 0;
}
