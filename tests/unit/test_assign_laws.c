/* Laws of assignment over random worlds: addresses are unique, within their range, nobody's gateway
 * and not kept free; they do not depend on the order in which things stand, and stay with a
 * (service, copy) whatever comes or goes beside it. */
#include "tests/support/test.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>

#include "base/map.h"
#include "base/memory.h"
#include "engine/assign.h"
#include "engine/world_network.h"
#include "network/address6.h"

enum { ROUNDS = 300, NETWORKS_MOST = 4, SERVICES_MOST = 8, COPIES_MOST = 5 };

static void facts_init(struct host_facts *f)
{
    *f = (struct host_facts){.engine = "e0", .first_port = 40000, .last_port = 49999};
    cunik_strv_add(&f->routes, "10.0.0.0/10");
    cunik_strv_add(&f->pools, "10.0.0.0/8:26");
    cunik_strv_add(&f->pools, "172.30.0.0/16");
}

static void facts_done(struct host_facts *f)
{
    cunik_strv_done(&f->routes);
    cunik_strv_done(&f->pools);
    cunik_strv_done(&f->bridges);
}
#define _cleanup_facts_ _cleanup_(facts_done)

static void add_network(struct world *w, uint64_t *seed, size_t i)
{
    struct world_network *n = cunik_world_add_network(w);

    free(n->name);
    n->name = cunik_asprintf("demo_net%zu", i);
    cunik_replace(&n->stack, "demo");
    n->ipv6 = test_random_below(seed, 2);
    n->internal = test_random_below(seed, 2);
    if (test_random_below(seed, 3) == 0)
        return; /* all of it is to be assigned */
    free(n->subnet);
    n->subnet = cunik_asprintf("192.168.%zu.0/26", i);
    if (test_random_below(seed, 2)) {
        free(n->ip_range);
        n->ip_range = cunik_asprintf("192.168.%zu.32/28", i);
    }
    cunik_strv_take(&n->reserved, cunik_asprintf("192.168.%zu.40", i));
    struct world_pool *p = cunik_world_add_pool(n);
    free(p->subnet);
    p->subnet = cunik_asprintf("192.168.%zu.0/24", 100 + i);
    if (test_random_below(seed, 2)) {
        free(p->gateway);
        p->gateway = cunik_asprintf("192.168.%zu.77", 100 + i);
    }
}

static void add_cunik(struct world *w, const char *service, int64_t index, unsigned networks)
{
    struct world_cunik *c = cunik_world_add_cunik(w);

    free(c->name);
    c->name = cunik_asprintf("demo-%s-%lld", service, (long long)index);
    cunik_replace(&c->stack, "demo");
    cunik_replace(&c->service, service);
    c->index = index;
    for (size_t i = 0; i < w->n_networks; i++)
        if (networks & 1u << i)
            cunik_replace(&cunik_world_add_interface(c)->network, w->networks[i].name);
}

static void make_world(struct world *w, uint64_t *seed)
{
    size_t networks = 1 + test_random_below(seed, NETWORKS_MOST);
    size_t services = 1 + test_random_below(seed, SERVICES_MOST);

    for (size_t i = 0; i < networks; i++)
        add_network(w, seed, i);
    for (size_t i = 0; i < services; i++) {
        _cleanup_free_ char *name = cunik_asprintf("s%zu", i);
        unsigned on = (unsigned)test_random_below(seed, 1u << networks);
        size_t copies = 1 + test_random_below(seed, COPIES_MOST);
        for (size_t k = 1; k <= copies; k++)
            add_cunik(w, name, (int64_t)k, on);
        if (on & 1) {
            struct world_resolver *r = cunik_world_add_resolver(&w->networks[0]);
            cunik_replace(&r->service, name);
        }
    }
}

static void claim(struct map *taken, const char *network, const char *address, const char *who)
{
    _cleanup_free_ char *key = cunik_asprintf("%s %s", network, address);

    if (!cunik_map_add(taken, key, (void *)who))
        fail_msg("%s has %s, which is %s's", who, key, (char *)cunik_map_get(taken, key));
}

static bool in_text(const char *subnet, uint32_t address)
{
    struct cidr c;

    return cunik_cidr_parse_subnet(subnet, &c, NULL) == 0 && cunik_cidr_usable(&c, address);
}

static bool in_range(const char *subnet, const char *range, uint32_t address)
{
    struct cidr c;

    return in_text(subnet, address) && (!*range || (cunik_cidr_parse(range, &c, NULL) == 0 &&
                                                    cunik_cidr_contains(&c, address)));
}

static void check_address(const struct world_network *n, const char *text)
{
    uint32_t address;
    bool found;

    test_ok(cunik_address_parse(text, &address, NULL), NULL);
    found = in_range(n->subnet, n->ip_range, address);
    for (size_t i = 0; i < n->n_pools; i++)
        found = found || in_range(n->pools[i].subnet, n->pools[i].ip_range, address);
    if (!found)
        fail_msg("%s is in no range of '%s'", text, n->name);
}

static void check_six(const struct world_network *n, const struct world_interface *i)
{
    struct in6_addr address;
    struct cidr6 subnet;

    if (!n->ipv6) {
        assert_string_equal(i->address6, "");
        return;
    }
    test_ok(cunik_cidr6_parse_subnet(n->subnet6, &subnet, NULL), NULL);
    test_ok(cunik_address6_parse(i->address6, &address, NULL), NULL);
    assert_true(cunik_cidr6_usable(&subnet, &address));
}

/* Within its network, and nobody else's. */
static void check_world(const struct world *w)
{
    _cleanup_map_ struct map taken = {0};

    for (size_t i = 0; i < w->n_networks; i++) {
        const struct world_network *n = &w->networks[i];
        struct cidr a, b;
        test_ok(cunik_cidr_parse_subnet(n->subnet, &a, NULL), NULL);
        for (size_t k = 0; k < i; k++)
            if (cunik_cidr_parse_subnet(w->networks[k].subnet, &b, NULL) == 0)
                assert_false(cunik_cidr_overlaps(&a, &b));
        test_ok(cunik_cidr_parse_subnet("10.0.0.0/10", &b, NULL), NULL);
        assert_false(cunik_cidr_overlaps(&a, &b)); /* the host's route */
        claim(&taken, n->name, n->gateway, "the gateway");
        if (n->ipv6)
            claim(&taken, n->name, n->gateway6, "the gateway");
        for (size_t k = 0; k < n->n_pools; k++)
            claim(&taken, n->name, n->pools[k].gateway, "a further gateway");
        for (size_t k = 0; k < n->reserved.n; k++)
            claim(&taken, n->name, n->reserved.items[k], "nobody");
        for (size_t k = 0; k < n->n_resolvers; k++) {
            claim(&taken, n->name, n->resolvers[k].address, n->resolvers[k].service);
            check_address(n, n->resolvers[k].address);
        }
    }
    for (size_t i = 0; i < w->n_cuniks; i++)
        for (size_t k = 0; k < w->cuniks[i].n_interfaces; k++) {
            const struct world_interface *in = &w->cuniks[i].interfaces[k];
            const struct world_network *n = cunik_world_network(w, in->network);
            claim(&taken, n->name, in->address, w->cuniks[i].name);
            if (*in->address6)
                claim(&taken, n->name, in->address6, w->cuniks[i].name);
            check_address(n, in->address);
            check_six(n, in);
        }
}

static void same_cunik(const struct world_cunik *a, const struct world_cunik *b)
{
    assert_int_equal(a->n_interfaces, b->n_interfaces);
    for (size_t i = 0; i < a->n_interfaces; i++) {
        assert_string_equal(a->interfaces[i].address, b->interfaces[i].address);
        assert_string_equal(a->interfaces[i].address6, b->interfaces[i].address6);
        assert_string_equal(a->interfaces[i].mac, b->interfaces[i].mac);
        assert_string_equal(a->interfaces[i].dns, b->interfaces[i].dns);
    }
}

static void shuffle(void *items, size_t n, size_t size, uint64_t *seed)
{
    _cleanup_free_ char *spare = cunik_malloc(size);
    char *list = items;

    for (size_t i = n; i > 1; i--) {
        size_t k = test_random_below(seed, i);
        memcpy(spare, list + (i - 1) * size, size);
        memmove(list + (i - 1) * size, list + k * size, size);
        memcpy(list + k * size, spare, size);
    }
}

static void check_same(const struct world *a, const struct world *b)
{
    for (size_t i = 0; i < b->n_cuniks; i++) {
        const struct world_cunik *c = cunik_world_cunik(a, b->cuniks[i].name);
        if (c)
            same_cunik(c, &b->cuniks[i]);
    }
    for (size_t i = 0; i < b->n_networks; i++) {
        const struct world_network *n = cunik_world_network(a, b->networks[i].name);
        if (!n)
            continue;
        assert_string_equal(n->subnet, b->networks[i].subnet);
        assert_string_equal(n->subnet6, b->networks[i].subnet6);
    }
}

static void test_laws(_unused_ void **state)
{
    _cleanup_facts_ struct host_facts f;
    uint64_t seed = test_seed();

    facts_init(&f);
    for (int round = 0; round < ROUNDS; round++) {
        _cleanup_world_ struct world none = {0}, wish = {0}, a = {0}, b = {0}, c = {0};
        _cleanup_error_ struct error *err = NULL;

        make_world(&wish, &seed);
        cunik_world_copy(&a, &wish);
        test_ok(cunik_assign(&a, &none, &f, &err), err);
        check_world(&a);

        /* In any order. */
        cunik_world_copy(&b, &wish);
        shuffle(b.cuniks, b.n_cuniks, sizeof(*b.cuniks), &seed);
        shuffle(b.networks, b.n_networks, sizeof(*b.networks), &seed);
        test_ok(cunik_assign(&b, &none, &f, &err), err);
        check_same(&a, &b);

        /* With that there: some go, others come, and what stays is as it was. */
        cunik_world_copy(&c, &wish);
        for (size_t i = c.n_cuniks; i-- > 0;)
            if (test_random_below(&seed, 3) == 0) {
                cunik_world_cunik_done(&c.cuniks[i]);
                c.cuniks[i] = c.cuniks[--c.n_cuniks];
            }
        for (int64_t i = 1; i <= 3; i++)
            add_cunik(&c, "aaa", i, (1u << c.n_networks) - 1);
        test_ok(cunik_assign(&c, &a, &f, &err), err);
        check_world(&c);
        check_same(&a, &c);
    }
}

/* A bridge that somebody has made by hand is an external network of its name. */
static void test_bridge(_unused_ void **state)
{
    _cleanup_facts_ struct host_facts f;
    _cleanup_world_ struct world none = {0}, w = {0}, bare = {0};
    _cleanup_error_ struct error *err = NULL;

    facts_init(&f);
    cunik_strv_add(&f.bridges, "br0 10.7.0.3/24");
    cunik_strv_add(&f.bridges, "bare");
    struct world_network *n = cunik_world_add_network(&w);
    cunik_replace(&n->name, "br0");
    n->external = true;
    add_cunik(&w, "a", 1, 1);
    test_ok(cunik_assign(&w, &none, &f, &err), err);
    assert_string_equal(w.networks[0].link, "br0");
    assert_string_equal(w.networks[0].subnet, "10.7.0.0/24");
    assert_string_equal(w.networks[0].gateway, "10.7.0.3");
    assert_string_equal(w.networks[0].stack, "");
    check_address(&w.networks[0], w.cuniks[0].interfaces[0].address);

    n = cunik_world_add_network(&bare);
    cunik_replace(&n->name, "bare");
    n->external = true;
    assert_int_equal(cunik_assign(&bare, &none, &f, &err), -EINVAL);
    assert_string_equal(err->message, "network 'bare' is external, and the bridge 'bare' has no "
                                      "IPv4 address that would tell its subnet");
}

static void test_six_mistakes(_unused_ void **state)
{
    _cleanup_facts_ struct host_facts f;
    _cleanup_world_ struct world actual = {0}, w = {0};
    _cleanup_error_ struct error *err = NULL;

    facts_init(&f);
    struct world_network *n = cunik_world_add_network(&actual);
    cunik_replace(&n->name, "other_net");
    cunik_replace(&n->stack, "other");
    cunik_replace(&n->subnet, "192.168.9.0/24");
    n->ipv6 = true;
    cunik_replace(&n->subnet6, "fd00:9::/64");
    for (size_t i = 0; i < 2; i++) {
        n = cunik_world_add_network(&w);
        cunik_replace(&n->name, i ? "demo_b" : "demo_a");
        cunik_replace(&n->stack, "demo");
        n->ipv6 = true;
        cunik_replace(&n->subnet, i ? "192.168.1.0/24" : "192.168.2.0/24");
        cunik_replace(&n->subnet6, i ? "fd00:9:0:0:8000::/80" : "fd00:1::/64");
    }
    static const char *const given[] = {"fd00:1::1", "fd00:2::5", "fd00:1::5", "fd00:1::5"};
    for (size_t i = 0; i < ARRAY_SIZE(given); i++) {
        add_cunik(&w, "s", (int64_t)i + 1, 1);
        cunik_replace(&w.cuniks[i].interfaces[0].address6, given[i]);
        w.cuniks[i].interfaces[0].fixed6 = true;
    }
    assert_int_equal(cunik_assign(&w, &actual, &f, &err), -EINVAL);
    assert_string_equal(
        err->message,
        "network 'demo_b': subnet fd00:9:0:0:8000::/80 overlaps the network 'other_net'\n"
        "'demo-s-1': fd00:1::1 on network 'demo_a' is taken by 'the gateway'\n"
        "'demo-s-2': fd00:2::5 is no address for a guest on network 'demo_a' (fd00:1::/64)\n"
        "'demo-s-4': fd00:1::5 on network 'demo_a' is taken by 'demo-s-3'");
}

static void test_pool_texts(_unused_ void **state)
{
    static const char *const bad[] = {"",
                                      "10.0.0.0",
                                      "10.0.0.1/8",
                                      "10.0.0.0/8:7",
                                      "10.0.0.0/8:31",
                                      "10.0.0.0/8:",
                                      "10.0.0.0/8:24x",
                                      "fd00::/8"};
    struct cidr c;
    unsigned part;

    assert_true(cunik_assign_parse_pool("10.0.0.0/8", &c, &part) && part == 24);
    assert_true(cunik_assign_parse_pool("10.0.0.0/28", &c, &part) && part == 28);
    assert_true(cunik_assign_parse_pool("10.0.0.0/8:12", &c, &part) && part == 12);
    assert_int_equal(c.length, 8);
    for (size_t i = 0; i < ARRAY_SIZE(bad); i++)
        if (cunik_assign_parse_pool(bad[i], &c, &part))
            fail_msg("'%s' was taken for a pool", bad[i]);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_laws),
        cmocka_unit_test(test_bridge),
        cmocka_unit_test(test_six_mistakes),
        cmocka_unit_test(test_pool_texts),
    };

    return cmocka_run_group_tests_name("assign_laws", tests, NULL, NULL);
}
