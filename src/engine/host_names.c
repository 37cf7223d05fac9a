/* Names of the real host: a dnsmasq for each network, and one for each service that has a resolver
 * of its own, in RUN/names/NETWORK/resolvers/SERVICE. */
#include <string.h>

#include "base/file.h"
#include "base/folder.h"
#include "base/memory.h"
#include "engine/host_real_internal.h"
#include "engine/world_network.h"
#include "network/dnsmasq.h"
#include "network/link.h"
#include "network/watch.h"

static char *resolver_folder(const char *folder, const char *service)
{
    return cunik_asprintf("%s/resolvers/%s", folder, service);
}

/* Resolvers */

static void make_records(const struct world_network *n, const struct world_resolver *r,
                         struct strv *ret)
{
    static const char host[] = "host-gateway";

    for (size_t i = 0; i < r->hosts.n; i++) {
        const char *record = r->hosts.items[i], *equals = strchr(record, '=');
        if (equals && strcmp(equals + 1, host) == 0)
            cunik_strv_addf(ret, "%.*s=%s", (int)(equals - record), record, n->gateway);
        else if (equals)
            cunik_strv_add(ret, record);
    }
}

/* Resolvers of other networks that know the names of this one watch its folder, which has just been
 * made: an earlier one that they may have watched is gone. */
static int wake_watchers(const struct host_real *h, const char *network, struct error **err)
{
    _cleanup_strv_ struct strv names = {0};
    int r = cunik_host_network_names(h, &names, err);

    for (size_t i = 0; r == 0 && i < names.n; i++) {
        _cleanup_free_ char *folder = cunik_host_names_folder(h, names.items[i]);
        struct world_network n = {0};
        bool other =
            strcmp(names.items[i], network) != 0 && cunik_host_network_read(h, names.items[i], &n);
        for (size_t k = 0; r == 0 && other && k < n.n_resolvers; k++) {
            _cleanup_free_ char *own = resolver_folder(folder, n.resolvers[k].service);
            if (cunik_strv_has(&n.resolvers[k].networks, network))
                r = cunik_dnsmasq_restart(own, err);
        }
        cunik_world_network_done(&n);
    }
    return r;
}

/* dnsmasq wants a folder that it watches to be there; the network itself may only be about to
 * come. */
static int prepare(const struct host_real *h, const char *network, const char *folder,
                   struct error **err)
{
    bool new = !cunik_file_exists(folder);
    int r = cunik_dnsmasq_prepare(folder, err);

    return r == 0 && new ? wake_watchers(h, network, err) : r;
}

static int start_resolver(const struct host_real *h, const struct world_network *n,
                          const struct world_resolver *r, const char *folder, struct error **err)
{
    _cleanup_strv_ struct strv folders = {0}, records = {0};
    _cleanup_free_ char *own = resolver_folder(folder, r->service);
    struct dnsmasq_settings s = {
        .folder = own,
        .domain = n->name,
        .internal = r->internal,
        .servers = h->resolv,
        .folders = &folders,
        .upstream = &r->servers,
        .records = &records,
    };
    int e = cunik_address_parse(r->address, &s.address, err);

    if (e < 0)
        return e;
    make_records(n, r, &records);
    cunik_strv_add(&folders, folder);
    for (size_t i = 0; i < r->networks.n; i++) {
        char *other = cunik_host_names_folder(h, r->networks.items[i]);
        cunik_strv_take(&folders, other);
        if ((e = prepare(h, r->networks.items[i], other, err)) < 0)
            return e;
    }
    return cunik_dnsmasq_start(&s, err);
}

/* Those that `keep` does not have; all for NULL. */
static int stop_resolvers(const char *folder, const struct world_network *keep, struct error **err)
{
    _cleanup_free_ char *path = cunik_asprintf("%s/resolvers", folder);
    _cleanup_strv_ struct strv services = {0};
    int r = cunik_folder_list(path, FOLDER_MAYBE, &services, err);

    for (size_t i = 0; r == 0 && i < services.n; i++) {
        _cleanup_free_ char *own = resolver_folder(folder, services.items[i]);
        if (!keep || !cunik_world_resolver(keep, services.items[i]))
            r = cunik_dnsmasq_stop(own, err);
    }
    return r;
}

/* From here on its end is told. */
static bool runs(const struct host_real *h, const char *folder)
{
    pid_t pid = cunik_dnsmasq_runs(folder);

    cunik_watch_process(h->watch, pid);
    return pid != 0;
}

bool cunik_host_names_served(const struct host_real *h, const struct world_network *n)
{
    _cleanup_free_ char *folder = cunik_host_names_folder(h, n->name);
    bool all = runs(h, folder);

    for (size_t i = 0; all && i < n->n_resolvers; i++) {
        _cleanup_free_ char *own = resolver_folder(folder, n->resolvers[i].service);
        all = runs(h, own);
    }
    return all;
}

/* Networks */

static int start_network(const struct host_real *h, const struct world_network *n,
                         const char *folder, struct error **err)
{
    struct dnsmasq_settings s = {
        .folder = folder,
        .domain = n->name,
        .internal = n->internal,
        .servers = h->resolv,
        .link = n->link,
    };
    _cleanup_free_ struct cidr *more = NULL, *subnets = NULL;
    _cleanup_strv_ struct strv resolvers = {0};
    struct cidr subnet;
    size_t n_more;
    int r;

    if ((r = cunik_world_network_addresses(n, &subnet, &s.address, err)) < 0 ||
        (r = cunik_world_network_more(n, &more, &n_more, err)) < 0)
        return r;
    *ARRAY_APPEND(subnets, s.n_subnets) = (struct cidr){s.address, subnet.length};
    for (size_t i = 0; i < n->n_pools; i++)
        *ARRAY_APPEND(subnets, s.n_subnets) = more[i];
    for (size_t i = 0; i < n->n_resolvers; i++)
        cunik_strv_add(&resolvers, n->resolvers[i].address);
    s.subnets = subnets;
    s.resolvers = &resolvers;
    s.mtu = (unsigned)n->mtu;
    return cunik_dnsmasq_start(&s, err);
}

int cunik_host_names_start(void *ctx, const struct world_network *n, struct error **err)
{
    const struct host_real *h = ctx;
    _cleanup_free_ char *folder = cunik_host_names_folder(h, n->name);
    int r;

    if (n->external)
        return 0;
    bool new = !cunik_file_exists(folder);
    if ((r = stop_resolvers(folder, n, err)) < 0 || (r = start_network(h, n, folder, err)) < 0 ||
        (new && (r = wake_watchers(h, n->name, err)) < 0))
        return r;
    for (size_t i = 0; r == 0 && i < n->n_resolvers; i++)
        r = start_resolver(h, n, &n->resolvers[i], folder, err);
    return r;
}

int cunik_host_names_stop(void *ctx, const struct world_network *n, struct error **err)
{
    const struct host_real *h = ctx;
    _cleanup_free_ char *folder = cunik_host_names_folder(h, n->name);
    _cleanup_links_ struct links links = {0};
    int r;

    if (n->external)
        return 0;
    if ((r = stop_resolvers(folder, NULL, err)) < 0 || (r = cunik_dnsmasq_stop(folder, err)) < 0 ||
        (r = cunik_link_list(&links, err)) < 0)
        return r;
    return *n->link && cunik_links_find(&links, n->link)
               ? 0
               : cunik_host_network_forget(h, n->name, err);
}

/* Names */

/* What a cunik is called, its own name first: that is what its address is resolved to. One that was
 * renamed gives its old names up, for another one may have them. */
static void collect_names(const struct world_cunik *c, const struct world_interface *i,
                          struct strv *ret)
{
    _cleanup_free_ char *copy = cunik_asprintf("%s-%lld", c->service, (long long)c->index);
    const char *const usual[] = {c->name, c->service, copy, c->hostname};
    const char *const renamed[] = {c->called, strcmp(c->hostname, c->name) == 0 ? "" : c->hostname,
                                   "", ""};
    const char *const *names = *c->called ? renamed : usual;

    for (size_t k = 0; k < ARRAY_SIZE(usual); k++)
        if (*names[k] && !cunik_strv_has(ret, names[k]))
            cunik_strv_add(ret, names[k]);
    for (size_t k = 0; k < i->aliases.n; k++)
        if (!cunik_strv_has(ret, i->aliases.items[k]))
            cunik_strv_add(ret, i->aliases.items[k]);
}

/* The networks of a cunik, as far as they are ours. */
static void read_networks(const struct host_real *h, const struct world_cunik *c, struct world *ret)
{
    for (size_t i = 0; i < c->n_interfaces; i++) {
        struct world_network n = {0};
        if (cunik_host_network_read(h, c->interfaces[i].network, &n))
            *ARRAY_APPEND(ret->networks, ret->n_networks) = n;
        else
            cunik_world_network_done(&n);
    }
}

static int add_names(struct host_real *h, const struct world_cunik *c, size_t index,
                     const struct world *w, struct error **err)
{
    const struct world_interface *in = &c->interfaces[index];
    const struct world_network *n = cunik_world_network(w, in->network);
    _cleanup_free_ char *folder = cunik_host_names_folder(h, in->network);
    _cleanup_strv_ struct strv names = {0};

    /* A network that someone else made has its own way of naming, or none. */
    if (!n || !*in->address)
        return 0;
    collect_names(c, in, &names);
    struct dnsmasq_host host = {
        .address = in->address,
        .address6 = *in->address6 && cunik_host_takes_ipv6(h, c) ? in->address6 : "",
        .names = &names,
        .mac = *in->mac ? in->mac : NULL,
        .way_out = cunik_world_way_out(c, w) == index,
        .server = cunik_world_name_server(c, index, n) ? in->dns : NULL,
    };
    if (n->hide_unhealthy && c->status.health == HEALTH_UNHEALTHY)
        return cunik_dnsmasq_hide(folder, c->name, err);
    return cunik_dnsmasq_add(folder, c->name, &host, err);
}

int cunik_host_names_add(void *ctx, const struct world_cunik *c, struct error **err)
{
    struct host_real *h = ctx;
    _cleanup_world_ struct world w = {0};
    int r = 0;

    read_networks(h, c, &w);
    for (size_t i = 0; r == 0 && i < c->n_interfaces; i++)
        r = add_names(h, c, i, &w, err);
    return cunik_error_prefix(err, r, "naming '%s'", c->name);
}

int cunik_host_names_remove(void *ctx, const struct world_cunik *c, struct error **err)
{
    const struct host_real *h = ctx;

    for (size_t i = 0; i < c->n_interfaces; i++) {
        _cleanup_free_ char *folder = cunik_host_names_folder(h, c->interfaces[i].network);
        int r = cunik_dnsmasq_remove(folder, c->name, err);
        if (r < 0)
            return r;
    }
    return 0;
}
