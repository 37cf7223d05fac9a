#include <arpa/inet.h>
#include <linux/rtnetlink.h>
#include <net/if.h>
#include <netlink/addr.h>
#include <netlink/cache.h>
#include <netlink/route/addr.h>
#include <netlink/route/link.h>
#include <netlink/route/nexthop.h>
#include <netlink/route/route.h>
#include <string.h>

#include "base/memory.h"
#include "network/link.h"
#include "network/netlink.h"

static void free_cache(struct nl_cache **c)
{
    nl_cache_free(*c);
}
#define _cleanup_cache_ _cleanup_(free_cache)

static int failed(struct error **err, int r, const char *what)
{
    return cunik_error_set(err, ERROR_FAILED, "listing %s: %s", what, nl_geterror(r));
}

/* False for an address of another family. */
static bool read_cidr(struct nl_addr *a, struct cidr *ret)
{
    uint32_t raw = 0;

    if (!a || nl_addr_get_family(a) != AF_INET)
        return false;
    if (nl_addr_get_len(a) == sizeof(raw)) /* a default route has none */
        memcpy(&raw, nl_addr_get_binary_addr(a), sizeof(raw));
    *ret = (struct cidr){.address = ntohl(raw), .length = nl_addr_get_prefixlen(a)};
    return true;
}

static void read_link(struct nl_object *object, void *arg)
{
    struct rtnl_link *in = (struct rtnl_link *)object;
    struct links *links = arg;
    const char *type = rtnl_link_get_type(in);
    struct link *l = ARRAY_APPEND(links->items, links->n);

    l->name = cunik_strdup(rtnl_link_get_name(in));
    l->index = (unsigned)rtnl_link_get_ifindex(in);
    l->master = (unsigned)rtnl_link_get_master(in);
    l->group = rtnl_link_get_group(in);
    l->up = rtnl_link_get_flags(in) & IFF_UP;
    l->carrier = rtnl_link_get_carrier(in);
    l->bridge = type && strcmp(type, "bridge") == 0;
    l->aliased = rtnl_link_get_ifalias(in);
    l->labelled = cunik_link_label_parse(rtnl_link_get_ifalias(in), &l->label);
}

static int by_index(const void *a, const void *b)
{
    const struct link *x = a, *y = b;

    return x->index < y->index ? -1 : x->index > y->index;
}

static int by_name(const void *a, const void *b)
{
    return strcmp(((const struct link *)a)->name, ((const struct link *)b)->name);
}

static void read_address6(struct nl_addr *a, unsigned length, struct link *l)
{
    struct cidr6 c = {.length = length};

    if (!a || nl_addr_get_family(a) != AF_INET6 || nl_addr_get_len(a) != sizeof(c.address))
        return;
    memcpy(&c.address, nl_addr_get_binary_addr(a), sizeof(c.address));
    if (!IN6_IS_ADDR_LINKLOCAL(&c.address))
        *ARRAY_APPEND(l->addresses6, l->n_addresses6) = c;
}

static void read_address(struct nl_object *object, void *arg)
{
    struct rtnl_addr *in = (struct rtnl_addr *)object;
    struct links *links = arg;
    struct link key = {.index = (unsigned)rtnl_addr_get_ifindex(in)};
    unsigned length = (unsigned)rtnl_addr_get_prefixlen(in);
    struct link *l = bsearch(&key, links->items, links->n, sizeof(*l), by_index);
    struct cidr c;

    if (!l) /* it is of a link made after the first dump */
        return;
    read_address6(rtnl_addr_get_local(in), length, l);
    if (!read_cidr(rtnl_addr_get_local(in), &c))
        return;
    c.length = length;
    *ARRAY_APPEND(l->addresses, l->n_addresses) = c;
}

int cunik_link_list(struct links *ret, struct error **err)
{
    _cleanup_nl_socket_ struct nl_sock *s = NULL;
    _cleanup_cache_ struct nl_cache *links = NULL, *addresses = NULL;
    struct links found = {0};
    int r;

    if ((r = cunik_netlink_open(NETLINK_ROUTE, &s, err)) < 0)
        return r;
    if ((r = rtnl_link_alloc_cache(s, AF_UNSPEC, &links)) < 0)
        return failed(err, r, "links");
    if ((r = rtnl_addr_alloc_cache(s, &addresses)) < 0)
        return failed(err, r, "addresses");
    nl_cache_foreach(links, read_link, &found);
    if (found.n) {
        qsort(found.items, found.n, sizeof(*found.items), by_index);
        nl_cache_foreach(addresses, read_address, &found);
        qsort(found.items, found.n, sizeof(*found.items), by_name);
    }
    *ret = found;
    return 0;
}

void cunik_links_done(struct links *l)
{
    for (size_t i = 0; i < l->n; i++) {
        free(l->items[i].name);
        free(l->items[i].addresses);
        free(l->items[i].addresses6);
        cunik_link_label_done(&l->items[i].label);
    }
    free(l->items);
    *l = (struct links){0};
}

const struct link *cunik_links_find(const struct links *l, const char *name)
{
    struct link key = {.name = (char *)name};

    return l->n ? bsearch(&key, l->items, l->n, sizeof(key), by_name) : NULL;
}

static void read_route(struct nl_object *object, void *arg)
{
    struct rtnl_route *in = (struct rtnl_route *)object;
    struct routes *routes = arg;
    struct cidr c;

    if (rtnl_route_get_table(in) == RT_TABLE_LOCAL || !read_cidr(rtnl_route_get_dst(in), &c) ||
        !c.length)
        return;
    struct route *r = ARRAY_APPEND(routes->items, routes->n);
    r->destination = c;
    if (rtnl_route_get_nnexthops(in) > 0)
        r->link = (unsigned)rtnl_route_nh_get_ifindex(rtnl_route_nexthop_n(in, 0));
}

int cunik_link_routes(struct routes *ret, struct error **err)
{
    _cleanup_nl_socket_ struct nl_sock *s = NULL;
    _cleanup_cache_ struct nl_cache *cache = NULL;
    struct routes found = {0};
    int r;

    if ((r = cunik_netlink_open(NETLINK_ROUTE, &s, err)) < 0)
        return r;
    if ((r = rtnl_route_alloc_cache(s, AF_INET, 0, &cache)) < 0)
        return failed(err, r, "routes");
    nl_cache_foreach(cache, read_route, &found);
    *ret = found;
    return 0;
}

struct ways {
    unsigned *items;
    size_t n;
};

static void read_way(struct nl_object *object, void *arg)
{
    struct rtnl_route *in = (struct rtnl_route *)object;
    struct ways *ways = arg;
    const struct nl_addr *to = rtnl_route_get_dst(in);

    if (rtnl_route_get_table(in) != RT_TABLE_MAIN || (to && nl_addr_get_prefixlen(to)))
        return;
    for (int i = 0; i < rtnl_route_get_nnexthops(in); i++)
        *ARRAY_APPEND(ways->items, ways->n) =
            (unsigned)rtnl_route_nh_get_ifindex(rtnl_route_nexthop_n(in, i));
}

int cunik_link_ways_out(unsigned **ret, size_t *ret_n, struct error **err)
{
    _cleanup_nl_socket_ struct nl_sock *s = NULL;
    _cleanup_cache_ struct nl_cache *cache = NULL;
    struct ways found = {0};
    int r;

    if ((r = cunik_netlink_open(NETLINK_ROUTE, &s, err)) < 0)
        return r;
    if ((r = rtnl_route_alloc_cache(s, AF_UNSPEC, 0, &cache)) < 0)
        return failed(err, r, "routes");
    nl_cache_foreach(cache, read_way, &found);
    *ret = found.items;
    *ret_n = found.n;
    return 0;
}

void cunik_routes_done(struct routes *r)
{
    free(r->items);
    *r = (struct routes){0};
}
