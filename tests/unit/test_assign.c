#include "tests/support/test.h"

#include <errno.h>
#include <string.h>

#include "base/json.h"
#include "base/memory.h"
#include "engine/assign.h"
#include "engine/world_network.h"
#include "network/address6.h"

static struct host_facts facts(void)
{
    struct host_facts f = {.engine = "e0", .first_port = 40000, .last_port = 40009};

    cunik_strv_add(&f.routes, "0.0.0.0/0");
    cunik_strv_add(&f.routes, "172.30.0.0/20");
    cunik_strv_add(&f.taken_ports, "tcp 0.0.0.0 22");
    cunik_strv_add(&f.taken_ports, "udp 127.0.0.1 53");
    cunik_strv_add(&f.taken_ports, "tcp 0.0.0.0 443");
    cunik_strv_add(&f.taken_ports, "tcp :: 443");
    cunik_strv_add(&f.taken_ports, "tcp fd00:9::1 444");
    cunik_strv_add(&f.pools, "172.30.0.0/16");
    return f;
}

static void facts_done(struct host_facts *f)
{
    cunik_strv_done(&f->routes);
    cunik_strv_done(&f->taken_ports);
    cunik_strv_done(&f->pools);
    cunik_strv_done(&f->addresses);
}
#define _cleanup_facts_ _cleanup_(facts_done)

static struct world_network *add_network(struct world *w, const char *name)
{
    struct world_network *n = cunik_world_add_network(w);

    cunik_replace(&n->name, name);
    cunik_replace(&n->stack, "demo");
    return n;
}

static struct world_cunik *add_cunik(struct world *w, const char *service, int64_t index,
                                     const char *network)
{
    struct world_cunik *c = cunik_world_add_cunik(w);

    free(c->name);
    c->name = cunik_asprintf("demo-%s-%lld", service, (long long)index);
    cunik_replace(&c->stack, "demo");
    cunik_replace(&c->service, service);
    c->index = index;
    if (network)
        cunik_replace(&cunik_world_add_interface(c)->network, network);
    return c;
}

static struct world_port *add_port(struct world_cunik *c, uint16_t host, uint16_t port,
                                   const char *protocol, const char *ip)
{
    struct world_port *p = cunik_world_add_port(c);

    p->host_port = host;
    p->port = port;
    cunik_replace(&p->protocol, protocol);
    cunik_replace(&p->host_ip, ip);
    return p;
}

static char *text_of(const struct world *w)
{
    _cleanup_json_ json_t *json = cunik_world_to_json(w);

    return cunik_json_text(json, JSON_COMPACT);
}

/* Everything is filled in, fits, is unique, and is the same in any order; what is there is kept. */
static void test_filled(_unused_ void **state)
{
    _cleanup_facts_ struct host_facts f = facts();
    _cleanup_world_ struct world none = {0}, a = {0}, b = {0}, again = {0};
    _cleanup_error_ struct error *err = NULL;

    add_network(&a, "demo_default");
    add_network(&a, "demo_back");
    for (int64_t i = 1; i <= 100; i++)
        add_port(add_cunik(&a, "web", i, "demo_default"), i <= 10 ? 0 : (uint16_t)(i + 5000), 80,
                 "tcp", "");
    add_network(&b, "demo_back");
    add_network(&b, "demo_default");
    for (int64_t i = 100; i >= 1; i--)
        add_port(add_cunik(&b, "web", i, "demo_default"), i <= 10 ? 0 : (uint16_t)(i + 5000), 80,
                 "tcp", "");
    test_ok(cunik_assign(&a, &none, &f, &err), err);
    test_ok(cunik_assign(&b, &none, &f, &err), err);
    for (size_t i = 0; i < 100; i++) {
        const struct world_cunik *c = &a.cuniks[i], *d = &b.cuniks[99 - i];
        const struct world_interface *p = &c->interfaces[0];
        assert_string_equal(c->uuid, d->uuid);
        assert_string_equal(p->address, d->interfaces[0].address);
        assert_string_equal(p->link, d->interfaces[0].link);
        assert_string_equal(p->mac, d->interfaces[0].mac);
        assert_int_equal(c->ports[0].host_port, d->ports[0].host_port);
        assert_true(*p->mac && *p->link && strlen(p->link) <= 15 && c->ports[0].host_port);
        assert_true(strncmp(p->address, "172.30.", 7) == 0);
        for (size_t k = 0; k < i; k++) {
            assert_string_not_equal(p->address, a.cuniks[k].interfaces[0].address);
            assert_string_not_equal(p->link, a.cuniks[k].interfaces[0].link);
            assert_int_not_equal(c->ports[0].host_port, a.cuniks[k].ports[0].host_port);
        }
    }
    assert_string_not_equal(a.networks[0].subnet, a.networks[1].subnet);
    assert_string_equal(a.networks[0].subnet, b.networks[1].subnet);
    int third = atoi(a.networks[0].subnet + 7);
    assert_true(third >= 16); /* beside the route */
    assert_true(*a.networks[0].gateway && strlen(a.networks[0].link) <= 15);

    /* The same wish, with that world there: nothing new. One more cunik disturbs nobody. */
    add_network(&again, "demo_back");
    add_network(&again, "demo_default");
    add_cunik(&again, "alpha", 1, "demo_default");
    for (int64_t i = 1; i <= 100; i++)
        add_port(add_cunik(&again, "web", i, "demo_default"), i <= 10 ? 0 : (uint16_t)(i + 5000),
                 80, "tcp", "");
    cunik_strv_add(&f.routes, "192.168.0.0/16");
    test_ok(cunik_assign(&again, &a, &f, &err), err);
    for (size_t i = 0; i < 100; i++) {
        _cleanup_strv_ struct strv recreate = {0}, update = {0};
        cunik_world_cunik_diff(&a.cuniks[i], &again.cuniks[i + 1], &recreate, &update);
        assert_int_equal(recreate.n + update.n, 0);
    }
}

/* An address stays with its service and index through other names, unless it no longer fits. */
static void test_kept(_unused_ void **state)
{
    _cleanup_facts_ struct host_facts f = facts();
    _cleanup_world_ struct world actual = {0}, w = {0};
    _cleanup_error_ struct error *err = NULL;

    cunik_replace(&add_network(&actual, "demo_default")->subnet, "172.30.99.0/24");
    cunik_replace(&actual.networks[0].gateway, "172.30.99.254");
    cunik_replace(&add_cunik(&actual, "web", 1, "demo_default")->interfaces[0].address,
                  "172.30.99.77");
    cunik_replace(&actual.cuniks[0].interfaces[0].link, "ckt-old");
    cunik_replace(&add_cunik(&actual, "web", 2, "demo_default")->interfaces[0].address,
                  "172.30.99.78");
    cunik_replace(&add_cunik(&actual, "web", 3, "demo_default")->interfaces[0].address,
                  "172.30.98.79");
    add_network(&w, "demo_default");
    add_cunik(&w, "web", 1, "demo_default");
    cunik_replace(&w.cuniks[0].name, "mine");
    add_cunik(&w, "web", 2, "demo_default");
    add_cunik(&w, "web", 3, "demo_default");
    cunik_replace(&add_cunik(&w, "db", 1, "demo_default")->interfaces[0].address, "172.30.99.78");
    /* "demo-web-1" is replaced by "mine": the caller takes it out of what stays. */
    free(actual.cuniks[0].name);
    actual.cuniks[0].name = cunik_strdup("mine");
    test_ok(cunik_assign(&w, &actual, &f, &err), err);
    assert_string_equal(w.networks[0].subnet, "172.30.99.0/24");
    assert_string_equal(w.networks[0].gateway, "172.30.99.254");
    assert_string_equal(w.cuniks[0].interfaces[0].address, "172.30.99.77");
    assert_string_equal(w.cuniks[0].interfaces[0].link, "ckt-old");
    assert_string_not_equal(w.cuniks[1].interfaces[0].address, "172.30.99.78");
    assert_int_equal(strncmp(w.cuniks[1].interfaces[0].address, "172.30.99.", 10), 0);
    assert_int_equal(strncmp(w.cuniks[2].interfaces[0].address, "172.30.99.", 10), 0);
    assert_string_equal(w.cuniks[3].interfaces[0].address, "172.30.99.78");
}

static void test_small_networks(_unused_ void **state)
{
    _cleanup_facts_ struct host_facts f = facts();
    _cleanup_world_ struct world none = {0}, w = {0};
    _cleanup_error_ struct error *err = NULL;

    cunik_replace(&add_network(&w, "demo_small")->subnet, "192.168.7.0/29");
    cunik_replace(&add_network(&w, "demo_range")->subnet, "192.168.8.0/24");
    cunik_replace(&w.networks[1].ip_range, "192.168.8.128/30");
    for (int64_t i = 1; i <= 5; i++)
        add_cunik(&w, "a", i, "demo_small");
    for (int64_t i = 1; i <= 4; i++)
        add_cunik(&w, "b", i, "demo_range");
    test_ok(cunik_assign(&w, &none, &f, &err), err);
    for (size_t i = 5; i < 9; i++) {
        int last = atoi(strrchr(w.cuniks[i].interfaces[0].address, '.') + 1);
        assert_in_range(last, 128, 131);
    }
    add_cunik(&w, "c", 1, "demo_small");
    add_cunik(&w, "c", 2, "demo_small");
    add_cunik(&w, "c", 3, "demo_range");
    assert_int_equal(cunik_assign(&w, &none, &f, &err), -EIO);
    assert_int_equal(err->code, ERROR_CONFLICT);
    assert_string_equal(err->message,
                        "network 'demo_small' is full: no address of 192.168.7.0/29 is left for "
                        "'demo-c-1'\n"
                        "network 'demo_range' is full: no address of 192.168.8.128/30 is left for "
                        "'demo-c-3'");
}

/* All mistakes of one wish come at once, a line each. */
static void test_mistakes(_unused_ void **state)
{
    _cleanup_facts_ struct host_facts f = facts();
    _cleanup_world_ struct world actual = {0}, w = {0};
    _cleanup_error_ struct error *err = NULL;

    cunik_replace(&add_network(&actual, "other_net")->subnet, "192.168.50.0/24");
    cunik_replace(&actual.networks[0].stack, "other");
    add_port(add_cunik(&actual, "taker", 1, "other_net"), 9000, 80, "tcp", "");
    cunik_replace(&actual.cuniks[0].stack, "other");

    cunik_replace(&add_network(&w, "demo_a")->subnet, "192.168.1.0/24");
    cunik_replace(&add_network(&w, "demo_b")->subnet, "172.30.1.0/24");
    cunik_replace(&add_network(&w, "demo_c")->subnet, "192.168.50.128/25");
    cunik_replace(&add_network(&w, "demo_d")->subnet, "192.168.0.0/16");
    cunik_replace(&add_network(&w, "demo_e")->subnet, "192.168.60.0/24");
    cunik_replace(&w.networks[4].gateway, "192.168.61.1");
    add_network(&w, "demo_f")->external = true;
    add_network(&w, "other_net");
    cunik_replace(&add_cunik(&w, "a", 1, "demo_a")->interfaces[0].address, "192.168.1.7");
    cunik_replace(&add_cunik(&w, "a", 2, "demo_a")->interfaces[0].address, "192.168.1.7");
    cunik_replace(&add_cunik(&w, "a", 3, "demo_a")->interfaces[0].address, "192.168.2.7");
    cunik_replace(&add_cunik(&w, "a", 4, "demo_a")->interfaces[0].address, "192.168.1.255");
    cunik_replace(&add_cunik(&w, "a", 5, "demo_a")->interfaces[0].address, "192.168.1.1");
    add_cunik(&w, "a", 6, "nowhere");
    add_port(add_cunik(&w, "p", 1, NULL), 22, 80, "tcp", "127.0.0.1");
    add_port(add_cunik(&w, "p", 2, NULL), 53, 80, "udp", "");
    add_port(add_cunik(&w, "p", 3, NULL), 53, 80, "udp", "127.0.0.2");
    add_port(add_cunik(&w, "p", 4, NULL), 443, 80, "tcp", "10.0.0.1");
    add_port(add_cunik(&w, "p", 5, NULL), 9000, 80, "tcp", "");
    add_port(add_cunik(&w, "p", 6, NULL), 8000, 80, "tcp", "127.0.0.1");
    add_port(add_cunik(&w, "p", 7, NULL), 8000, 80, "tcp", "");
    add_port(add_cunik(&w, "p", 8, NULL), 8000, 80, "udp", "");
    assert_int_equal(cunik_assign(&w, &actual, &f, &err), -EINVAL);
    assert_string_equal(
        err->message,
        "network 'demo_f' is external and does not exist\n"
        "network 'other_net' belongs to the stack 'other'\n"
        "network 'demo_b': subnet 172.30.1.0/24 overlaps the host's route 172.30.0.0/20\n"
        "network 'demo_c': subnet 192.168.50.128/25 overlaps the network 'other_net' "
        "(192.168.50.0/24)\n"
        "network 'demo_d': subnet 192.168.0.0/16 overlaps the network 'other_net' "
        "(192.168.50.0/24)\n"
        "network 'demo_e': the gateway 192.168.61.1 is no address of 192.168.60.0/24\n"
        "'demo-a-6' is on the network 'nowhere', which is not defined\n"
        "'demo-a-1' and 'demo-a-2' have the same address 192.168.1.7 on network 'demo_a'\n"
        "'demo-a-3': 192.168.2.7 is no address for a guest on network 'demo_a' (192.168.1.0/24)\n"
        "'demo-a-4': 192.168.1.255 is no address for a guest on network 'demo_a' (192.168.1.0/24)\n"
        "'demo-a-5': 192.168.1.1 is the gateway of network 'demo_a'\n"
        "'demo-p-1': port 127.0.0.1:22/tcp is in use on the host\n"
        "'demo-p-2': port 0.0.0.0:53/udp is in use on the host\n"
        "'demo-p-4': port 10.0.0.1:443/tcp is in use on the host\n"
        "'demo-p-5': port 0.0.0.0:9000/tcp is published by 'demo-taker-1' already\n"
        "'demo-p-6' and 'demo-p-7' both publish port 0.0.0.0:8000/tcp");
}

static void test_pool_runs_out(_unused_ void **state)
{
    _cleanup_facts_ struct host_facts f = facts();
    _cleanup_world_ struct world none = {0}, w = {0};
    _cleanup_error_ struct error *err = NULL;
    char name[] = "demo_x000";

    for (int i = 0; i < 240; i++) {
        name[6] = (char)('0' + i / 100);
        name[7] = (char)('0' + i / 10 % 10);
        name[8] = (char)('0' + i % 10);
        add_network(&w, name);
    }
    test_ok(cunik_assign(&w, &none, &f, &err), err);
    for (size_t i = 0; i < w.n_networks; i++)
        for (size_t k = 0; k < i; k++)
            assert_string_not_equal(w.networks[i].subnet, w.networks[k].subnet);
    add_network(&w, "demo_y");
    assert_int_equal(cunik_assign(&w, &none, &f, &err), -EIO);
    assert_string_equal(err->message, "network 'demo_y': no free subnet is left in the pools");
}

static void test_external(_unused_ void **state)
{
    _cleanup_facts_ struct host_facts f = facts();
    _cleanup_world_ struct world actual = {0}, w = {0};
    _cleanup_error_ struct error *err = NULL;
    struct world_network *n = add_network(&actual, "shared");

    cunik_replace(&n->stack, "other");
    cunik_replace(&n->link, "ckb-shared");
    cunik_replace(&n->subnet, "172.30.40.0/24");
    cunik_replace(&n->gateway, "172.30.40.1");
    cunik_replace(&add_cunik(&actual, "x", 1, "shared")->interfaces[0].address, "172.30.40.9");
    cunik_replace(&actual.cuniks[0].name, "other-x-1");
    cunik_replace(&actual.cuniks[0].stack, "other");
    n = add_network(&w, "shared");
    n->external = true;
    cunik_replace(&n->stack, "");
    cunik_replace(&add_cunik(&w, "a", 1, "shared")->interfaces[0].address, "172.30.40.9");
    assert_int_equal(cunik_assign(&w, &actual, &f, &err), -EINVAL);
    assert_string_equal(
        err->message,
        "'other-x-1' and 'demo-a-1' have the same address 172.30.40.9 on network 'shared'");
    cunik_replace(&w.cuniks[0].interfaces[0].address, "");
    test_ok(cunik_assign(&w, &actual, &f, &err), NULL);
    assert_string_equal(w.networks[0].link, "ckb-shared");
    _cleanup_free_ char *text = text_of(&w);
    assert_non_null(strstr(text, "172.30.40."));
}

/* Ports are published where somebody can ask for them. */
static void test_host_addresses(_unused_ void **state)
{
    static const struct {
        const char *ip;
        uint16_t port;
        bool good;
    } cases[] = {
        {"", 80, true},           {"0.0.0.0", 80, true},   {"127.0.0.1", 80, true},
        {"127.1.2.3", 80, true},  {"192.0.2.1", 80, true}, {"192.0.2.1", 0, true},
        {"192.0.2.2", 80, false}, {"192.0.2.2", 0, false},
    };

    for (size_t i = 0; i < ARRAY_SIZE(cases); i++) {
        _cleanup_facts_ struct host_facts f = facts();
        _cleanup_world_ struct world none = {0}, w = {0};
        _cleanup_error_ struct error *err = NULL;
        cunik_strv_add(&f.addresses, "127.0.0.1");
        cunik_strv_add(&f.addresses, "192.0.2.1");
        add_network(&w, "demo_default");
        add_port(add_cunik(&w, "web", 1, "demo_default"), cases[i].port, 80, "tcp", cases[i].ip);
        int r = cunik_assign(&w, &none, &f, &err);
        assert_int_equal(r == 0, cases[i].good);
        if (r == 0)
            continue;
        assert_int_equal(err->code, ERROR_CONFLICT);
        assert_string_equal(err->message, "'demo-web-1': port 80/tcp is to be published at "
                                          "192.0.2.2, which is no address of this host");
    }
}

/* Who has no rights publishes no port below the first for users; those without a number are above
 * it anyway. */
static void test_least_port(_unused_ void **state)
{
    static const struct {
        uint16_t least, port;
        bool good;
    } cases[] = {
        {0, 1, true}, {1024, 1023, false}, {1024, 1024, true}, {1024, 0, true}, {80, 80, true},
    };

    for (size_t i = 0; i < ARRAY_SIZE(cases); i++) {
        _cleanup_facts_ struct host_facts f = facts();
        _cleanup_world_ struct world none = {0}, w = {0};
        _cleanup_error_ struct error *err = NULL;
        f.least_port = cases[i].least;
        add_network(&w, "demo_default");
        add_port(add_cunik(&w, "web", 1, "demo_default"), cases[i].port, 80, "tcp", "");
        int r = cunik_assign(&w, &none, &f, &err);
        assert_int_equal(r == 0, cases[i].good);
        if (r == 0)
            continue;
        assert_int_equal(err->code, ERROR_CONFLICT);
        assert_string_equal(err->message,
                            "'demo-web-1': port 80/tcp is to be published at port 1023, and this "
                            "user may publish from 1024 on (the host's "
                            "net.ipv4.ip_unprivileged_port_start)");
    }
}

/* By IPv6, where the guest has it: elsewhere nobody's address of IPv6 is in the way. */
static void test_published6(_unused_ void **state)
{
    static const struct {
        const char *ip;
        uint16_t port;
        bool six;
        const char *error; /* NULL = none */
    } cases[] = {
        {"", 80, true, NULL},
        {"::", 80, true, NULL},
        {"fd00:9::1", 80, true, NULL},
        {"", 444, false, NULL},
        {"0.0.0.0", 444, true, NULL},
        {"", 444, true, "'demo-web-1': port 0.0.0.0:444/tcp is in use on the host"},
        {"::", 444, true, "'demo-web-1': port [::]:444/tcp is in use on the host"},
        {"::1", 80, true,
         "'demo-web-1': port 80/tcp is to be published at ::1, from where no guest can be reached: "
         "127.0.0.1 can be used"},
        {"fd00:9::1", 80, false,
         "'demo-web-1': port 80/tcp is to be published at fd00:9::1, but no network of its has "
         "IPv6 "
         "(enable_ipv6)"},
        {"fd00:9::2", 80, true,
         "'demo-web-1': port 80/tcp is to be published at fd00:9::2, which is no address of this "
         "host"},
    };

    for (size_t i = 0; i < ARRAY_SIZE(cases); i++) {
        _cleanup_facts_ struct host_facts f = facts();
        _cleanup_world_ struct world none = {0}, w = {0};
        _cleanup_error_ struct error *err = NULL;
        cunik_strv_add(&f.addresses, "192.0.2.1");
        cunik_strv_add(&f.addresses, "fd00:9::1");
        add_network(&w, "demo_default")->ipv6 = cases[i].six;
        add_port(add_cunik(&w, "web", 1, "demo_default"), cases[i].port, 80, "tcp", cases[i].ip);
        int r = cunik_assign(&w, &none, &f, &err);
        if (!cases[i].error)
            test_ok(r, err);
        else
            assert_string_equal(err ? err->message : "", cases[i].error);
    }
    assert_true(cunik_world_ports_overlap("", "fd00::1"));
    assert_true(cunik_world_ports_overlap("::", "fd00::1"));
    assert_false(cunik_world_ports_overlap("0.0.0.0", "fd00::1"));
    assert_false(cunik_world_ports_overlap("::", "0.0.0.0"));
    assert_false(cunik_world_ports_overlap("127.0.0.1", "127.0.0.2"));
}

/* What others lead elsewhere, single ports and ranges, and who does. */
static void test_led_elsewhere(_unused_ void **state)
{
    static const struct {
        const char *ip;
        uint16_t port;
        const char *protocol;
        const char *error; /* NULL = none */
    } cases[] = {
        {"", 8079, "tcp", NULL},
        {"", 8080, "tcp",
         "'demo-web-1': port 0.0.0.0:8080/tcp is in use on the host: chain 'pre' of table 'ip a' "
         "leads it elsewhere"},
        {"192.0.2.1", 8090, "tcp",
         "'demo-web-1': port 192.0.2.1:8090/tcp is in use on the host: chain 'pre' of table 'ip a' "
         "leads it elsewhere"},
        {"", 8091, "tcp", NULL},
        {"", 8080, "udp", NULL},
        {"", 9000, "udp",
         "'demo-web-1': port 0.0.0.0:9000/udp is in use on the host: chain 'X' of iptables leads "
         "it "
         "elsewhere"},
        {"127.0.0.1", 9000, "udp", NULL},
    };

    for (size_t i = 0; i < ARRAY_SIZE(cases); i++) {
        _cleanup_facts_ struct host_facts f = facts();
        _cleanup_world_ struct world none = {0}, w = {0};
        _cleanup_error_ struct error *err = NULL;
        cunik_strv_add(&f.addresses, "192.0.2.1");
        cunik_strv_add(&f.taken_ports, "tcp 0.0.0.0 8080-8090 chain 'pre' of table 'ip a'");
        cunik_strv_add(&f.taken_ports, "udp 192.0.2.1 9000 chain 'X' of iptables");
        cunik_strv_add(&f.taken_ports, "tcp 0.0.0.0 8091-8090 no range");
        cunik_strv_add(&f.taken_ports, "tcp 0.0.0.0 many no number");
        cunik_strv_add(&f.taken_ports, "tcp");
        add_network(&w, "demo_default");
        add_port(add_cunik(&w, "web", 1, "demo_default"), cases[i].port, 80, cases[i].protocol,
                 cases[i].ip);
        int r = cunik_assign(&w, &none, &f, &err);
        if (!cases[i].error)
            test_ok(r, err);
        else
            assert_string_equal(err ? err->message : "", cases[i].error);
    }
}

/* A port without a number gets none of a range that is led elsewhere. */
static void test_led_range(_unused_ void **state)
{
    _cleanup_facts_ struct host_facts f = facts();
    _cleanup_world_ struct world none = {0}, w = {0};
    _cleanup_error_ struct error *err = NULL;

    cunik_strv_add(&f.taken_ports, "tcp 0.0.0.0 40000-40006 chain 'pre' of table 'ip a'");
    add_network(&w, "demo_default");
    for (int i = 1; i <= 3; i++)
        add_port(add_cunik(&w, "web", i, "demo_default"), 0, 80, "tcp", "");
    test_ok(cunik_assign(&w, &none, &f, &err), err);
    for (size_t i = 0; i < w.n_cuniks; i++)
        assert_in_range(w.cuniks[i].ports[0].host_port, 40007, 40009);
    add_port(add_cunik(&w, "web", 4, "demo_default"), 0, 80, "tcp", "");
    assert_true(cunik_assign(&w, &none, &f, &err) < 0);
    assert_string_equal(err->message, "'demo-web-4': no free port of the host is left for its port "
                                      "80/tcp");
}

static void test_four_only(_unused_ void **state)
{
    _cleanup_facts_ struct host_facts f = facts();
    _cleanup_world_ struct world none = {0}, w = {0};
    _cleanup_error_ struct error *err = NULL;

    f.four_only = true;
    add_network(&w, "demo_default");
    add_port(add_cunik(&w, "web", 1, "demo_default"), 80, 80, "tcp", "::");
    assert_int_equal(cunik_assign(&w, &none, &f, &err), -EINVAL);
    assert_string_equal(err->message,
                        "'demo-web-1': port 80/tcp is to be published at ::, and an engine without "
                        "rights publishes at addresses of IPv4 alone");
}

/* The kernel gives a bridge 1023 ports. */
static void test_full_bridge(_unused_ void **state)
{
    _cleanup_facts_ struct host_facts f = facts();
    _cleanup_world_ struct world others = {0}, w = {0};
    _cleanup_error_ struct error *err = NULL;
    struct world_network *n = add_network(&w, "demo_default");

    cunik_replace(&n->subnet, "10.9.0.0/16");
    for (int i = 1; i <= 1022; i++)
        add_cunik(&w, "web", i, "demo_default");
    struct world_cunik *c = add_cunik(&others, "other", 1, "demo_default");
    cunik_replace(&c->stack, "other");
    cunik_replace(&c->name, "other-other-1");
    cunik_replace(&c->interfaces[0].address, "10.9.0.2");
    test_ok(cunik_assign(&w, &others, &f, &err), err);
    add_cunik(&w, "web", 1023, "demo_default");
    assert_true(cunik_assign(&w, &others, &f, &err) < 0);
    assert_int_equal(err->code, ERROR_INVALID);
    assert_string_equal(err->message, "network 'demo_default': a bridge has room for 1023 guests, "
                                      "not for 1024");
}

static void test_many(_unused_ void **state)
{
    _cleanup_facts_ struct host_facts f = facts();
    _cleanup_world_ struct world none = {0}, w = {0};
    _cleanup_error_ struct error *err = NULL;

    for (int i = 0; i < 16; i++) {
        _cleanup_free_ char *name = cunik_asprintf("demo_n%d", i);
        _cleanup_free_ char *subnet = cunik_asprintf("192.168.%d.0/20", i * 16);
        cunik_replace(&add_network(&w, name)->subnet, subnet);
    }
    for (int64_t i = 1; i <= 10000; i++)
        add_cunik(&w, "web", i, w.networks[i % 16].name);
    test_ok(cunik_assign(&w, &none, &f, &err), err);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_filled),        cmocka_unit_test(test_kept),
        cmocka_unit_test(test_mistakes),      cmocka_unit_test(test_small_networks),
        cmocka_unit_test(test_external),      cmocka_unit_test(test_pool_runs_out),
        cmocka_unit_test(test_many),          cmocka_unit_test(test_host_addresses),
        cmocka_unit_test(test_least_port),    cmocka_unit_test(test_four_only),
        cmocka_unit_test(test_led_elsewhere), cmocka_unit_test(test_led_range),
        cmocka_unit_test(test_full_bridge),   cmocka_unit_test(test_published6),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
