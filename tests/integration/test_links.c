/* Bridges and taps, in a network namespace of the test's own. */
#include "tests/support/test.h"

#include "tests/integration/netns.h"

#include "network/link.h"
#include "network/names.h"
#include "network/tap.h"

#include <fcntl.h>
#include <linux/if_tun.h>
#include <net/if.h>
#include <pthread.h>
#include <sys/ioctl.h>
#include <unistd.h>

enum { GROUP = 0x1234567 };

static struct bridge_settings bridge(const char *name)
{
    return (struct bridge_settings){
        .name = name,
        .label = {"e0", "shop", "network", "shop_default"},
        .group = GROUP,
        .address = {.address = 0x0a090801, .length = 24},
    };
}

static struct tap_settings tap(const char *name)
{
    return (struct tap_settings){
        .name = name,
        .label = {"e0", "shop", "cunik", "shop-web-1"},
        .group = GROUP,
        .bridge = "ckb1",
        .uid = 65534,
        .gid = (gid_t)-1,
    };
}

static int start(_unused_ void **state)
{
    return shell("ip -o link | grep -q ckb1") == 0;
}

static int clean(_unused_ void **state)
{
    return shell("for l in $(ip -o link | sed -n 's/^[0-9]*: \\(ck[^:@]*\\)[:@].*/\\1/p'); do "
                 "ip link del $l 2>/dev/null; done; true");
}

static size_t count(void)
{
    struct links links = {0};

    test_ok(cunik_link_list(&links, NULL), NULL);
    size_t n = links.n;
    cunik_links_done(&links);
    return n;
}

static void test_create(_unused_ void **state)
{
    _cleanup_error_ struct error *err = NULL;
    _cleanup_links_ struct links links = {0};
    struct bridge_settings b = bridge("ckb1");
    struct tap_settings t = tap("ckt1");

    for (int i = 0; i < 2; i++) { /* twice: it is idempotent */
        test_ok(cunik_link_create_bridge(&b, &err), err);
        test_ok(cunik_link_create_tap(&t, &err), err);
    }
    test_ok(cunik_link_list(&links, &err), err);
    const struct link *l = cunik_links_find(&links, "ckb1"), *p = cunik_links_find(&links, "ckt1");
    assert_true(l && l->bridge && l->up && l->labelled && l->group == GROUP);
    assert_string_equal(l->label.engine, "e0");
    assert_string_equal(l->label.stack, "shop");
    assert_string_equal(l->label.kind, "network");
    assert_string_equal(l->label.name, "shop_default");
    assert_int_equal(l->n_addresses, 1);
    assert_true(l->addresses[0].address == 0x0a090801 && l->addresses[0].length == 24);
    assert_true(p && !p->bridge && p->up && p->master == l->index && p->group == GROUP);
    assert_string_equal(p->label.name, "shop-web-1");
    assert_null(cunik_links_find(&links, "ckt2"));

    must("test $(cat /proc/sys/net/ipv4/conf/ckb1/route_localnet) = 1");
    must("test $(cat /proc/sys/net/ipv4/conf/ckb1/forwarding) = 1");
    must("ip -d link show ckb1 | grep -q 'forward_delay 0 .*stp_state 0'");
    must("ip -d link show ckt1 | grep -q 'tun type tap.* persist on user nobody'");
    must("test -z \"$(ip -6 address show dev ckb1)\"");
    must("test -z \"$(ip -6 address show dev ckt1)\"");
}

/* Which taps a process has open, and which of them are dead. */
static void test_held(_unused_ void **state)
{
    _cleanup_strv_ struct strv before = {0}, open = {0}, dead = {0}, closed = {0}, nobody = {0};
    int a, b;

    test_ok(cunik_tap_held(getpid(), &before, NULL), NULL);
    assert_int_equal(before.n, 0);
    test_ok(cunik_tap_open("ckt1", -1, -1, &a, NULL), NULL);
    test_ok(cunik_tap_open("ckt2", -1, -1, &b, NULL), NULL);
    test_ok(cunik_tap_held(getpid(), &open, NULL), NULL);
    assert_int_equal(open.n, 2);
    assert_true(cunik_strv_has(&open, "ckt1") && cunik_strv_has(&open, "ckt2"));
    must("ip link del ckt2");
    test_ok(cunik_tap_held(getpid(), &dead, NULL), NULL);
    assert_true(dead.n == 2 && cunik_strv_has(&dead, "ckt1") && cunik_strv_has(&dead, ""));
    close(a);
    close(b);
    test_ok(cunik_tap_held(getpid(), &closed, NULL), NULL);
    assert_int_equal(closed.n, 0);
    test_ok(cunik_tap_held(0, &nobody, NULL), NULL);
    assert_int_equal(nobody.n, 0);
}

static _Atomic bool forks_end;

/* Processes that begin, and take their time to become another program. */
static void *fork_on(void *data)
{
    (void)data;
    while (!forks_end) {
        pid_t pid = fork();
        if (pid == 0) {
            usleep(3000);
            _exit(0);
        }
        waitpid(pid, NULL, 0);
    }
    return NULL;
}

/* A tap that was just made is free to be taken, whoever is being forked meanwhile. */
static void test_made_is_free(_unused_ void **state)
{
    struct bridge_settings b = bridge("ckb1");
    struct tap_settings t = tap("ckt1");
    pthread_t forker;

    test_ok(cunik_link_create_bridge(&b, NULL), NULL);
    forks_end = false;
    assert_int_equal(pthread_create(&forker, NULL, fork_on, NULL), 0);
    bool busy = false;
    for (int i = 0; i < 200 && !busy; i++) {
        struct ifreq request = {.ifr_name = "ckt1",
                                .ifr_flags = IFF_TAP | IFF_NO_PI | IFF_VNET_HDR};
        test_ok(cunik_link_create_tap(&t, NULL), NULL);
        int fd = open("/dev/net/tun", O_RDWR | O_CLOEXEC);
        busy = ioctl(fd, TUNSETIFF, &request) < 0;
        ioctl(fd, TUNSETPERSIST, 0UL);
        close(fd);
        for (int tries = 0; tries < 1000 && if_nametoindex("ckt1"); tries++)
            usleep(1000); /* until those who were forked meanwhile have ended */
    }
    forks_end = true;
    pthread_join(forker, NULL);
    assert_false(busy);
}

/* The bridge's MAC address is its own, whatever comes and goes on it. */
static void test_mac_stays(_unused_ void **state)
{
    struct bridge_settings b = bridge("ckb1");
    struct tap_settings t = tap("ckt1");

    test_ok(cunik_link_create_bridge(&b, NULL), NULL);
    must("ip link show ckb1 | grep link/ether >/tmp/cunik-mac.$PPID");
    test_ok(cunik_link_create_tap(&t, NULL), NULL);
    must("ip link set ckt1 address 02:00:00:00:00:01");
    must("ip link show ckb1 | grep link/ether | cmp - /tmp/cunik-mac.$PPID; "
         "r=$?; rm /tmp/cunik-mac.$PPID; exit $r");
}

static void test_repair(_unused_ void **state)
{
    struct bridge_settings b = bridge("ckb1");
    struct tap_settings t = tap("ckt1");
    _cleanup_error_ struct error *err = NULL;

    test_ok(cunik_link_create_bridge(&b, &err), err);
    test_ok(cunik_link_create_tap(&t, &err), err);
    must("ip link set ckt1 nomaster down");
    must("ip link set ckb1 down; ip address flush dev ckb1");
    test_ok(cunik_link_create_bridge(&b, &err), err);
    test_ok(cunik_link_create_tap(&t, &err), err);
    must("ip -o link show ckt1 | grep -q '[<,]UP[,>].* master ckb1 '");
    must("ip -o -4 address show ckb1 | grep -q 10.9.8.1/24");

    /* What dies between making a bridge and labelling it leaves one in its group without alias. */
    must("ip link del ckb1; ip link add ckb1 group %d type bridge", GROUP);
    test_ok(cunik_link_create_bridge(&b, &err), err);
    must("ip link show ckb1 | grep -q 'alias cunik e0 shop network shop_default'");
}

static void assert_conflict(int r, struct error **err, const char *name)
{
    assert_true(r < 0);
    assert_int_equal((*err)->code, ERROR_CONFLICT);
    assert_non_null(strstr((*err)->message, name));
    cunik_error_destroy(*err);
    *err = NULL;
}

/* Whoever else made a link under a name of ours keeps it, as it is. */
static void test_foreign(_unused_ void **state)
{
    static const char *const makers[] = {
        "ip link add %s type bridge",
        "ip link add %s type bridge && ip link set %s alias 'someone else'",
        "ip link add %s type bridge && ip link set %s alias 'cunik e1 shop network shop_default'",
        "ip tuntap add %s mode tap",
        "ip tuntap add %s mode tap && ip link set %s alias 'cunik e1 shop cunik shop-web-1'",
        "ip tuntap add %s mode tun",
        "ip link add %s type veth peer name ckp2",
    };
    struct bridge_settings home = bridge("ckb1");

    test_ok(cunik_link_create_bridge(&home, NULL), NULL);
    for (size_t i = 0; i < ARRAY_SIZE(makers); i++) {
        struct bridge_settings b = bridge("ckb2");
        struct tap_settings t = tap("ckb2");
        struct error *err = NULL;
        _cleanup_free_ char *maker = cunik_strdup(makers[i]);

        for (char *p; (p = strstr(maker, "%s"));) { /* at most two of them */
            char *next = cunik_asprintf("%.*sckb2%s", (int)(p - maker), maker, p + 2);
            free(maker);
            maker = next;
        }
        must("%s", maker);
        must("ip -d link show ckb2 >/tmp/cunik-before.$PPID");
        assert_conflict(cunik_link_create_bridge(&b, &err), &err, "ckb2");
        assert_conflict(cunik_link_create_tap(&t, &err), &err, "ckb2");
        assert_conflict(cunik_link_remove("ckb2", "e0", GROUP, &err), &err, "ckb2");
        must("ip -d link show ckb2 | cmp - /tmp/cunik-before.$PPID; "
             "r=$?; rm /tmp/cunik-before.$PPID; exit $r");
        must("ip link del ckb2");
    }
}

static void test_bad(_unused_ void **state)
{
    struct error *err = NULL;
    struct bridge_settings b = bridge("a/b");
    struct tap_settings t = tap("ckt1");

    assert_int_equal(cunik_link_create_bridge(&b, &err), -EINVAL);
    b = bridge("ckb4567890123456");
    assert_int_equal(cunik_link_create_bridge(&b, &err), -EINVAL);
    b = bridge("ckb1");
    b.label.name = (char *)"with space";
    assert_int_equal(cunik_link_create_bridge(&b, &err), -EINVAL);
    cunik_error_destroy(err);
    err = NULL;

    /* No bridge to be on: no tap is left. */
    assert_true(cunik_link_create_tap(&t, &err) < 0);
    assert_string_equal(err->message, "creating tap 'ckt1': there is no bridge 'ckb1'");
    cunik_error_destroy(err);
    assert_int_not_equal(shell("ip link show ckt1 2>/dev/null"), 0);
    test_ok(cunik_link_remove("ckt1", "e0", GROUP, NULL), NULL);
}

static void test_remove_stack(_unused_ void **state)
{
    enum { TAPS = 200 };
    struct bridge_settings b = bridge("ckb1");
    size_t before = count();
    double t0 = now_ms();

    test_ok(cunik_link_create_bridge(&b, NULL), NULL);
    double t1 = now_ms();
    for (int i = 0; i < TAPS; i++) {
        _cleanup_free_ char *name = cunik_asprintf("ckt%d", i);
        struct tap_settings t = tap(name);
        test_ok(cunik_link_create_tap(&t, NULL), NULL);
    }
    double t2 = now_ms();
    assert_int_equal(count(), before + TAPS + 1);
    double t3 = now_ms();
    test_ok(cunik_link_remove_stack("e0", "shop", GROUP, NULL), NULL);
    double t4 = now_ms();
    print_message("# bridge %.1f ms, tap %.2f ms, list of %d %.1f ms\n", t1 - t0, (t2 - t1) / TAPS,
                  TAPS, t3 - t2);
    print_message("# links of %d guests: made in %.1f ms, removed in %.1f ms\n", TAPS, t2 - t0,
                  t4 - t3);
    assert_int_equal(count(), before);
    test_ok(cunik_link_remove_stack("e0", "shop", GROUP, NULL), NULL);
}

/* Somebody else's link in the group, another stack's, and another engine's all stay. */
static void test_remove_stack_only(_unused_ void **state)
{
    struct bridge_settings b = bridge("ckb1");
    struct tap_settings t = tap("ckt1"), other = tap("ckt2"), foreign = tap("ckt3");

    other.label.stack = (char *)"other";
    foreign.label.engine = (char *)"e1";
    test_ok(cunik_link_create_bridge(&b, NULL), NULL);
    test_ok(cunik_link_create_tap(&t, NULL), NULL);
    test_ok(cunik_link_create_tap(&other, NULL), NULL);
    test_ok(cunik_link_create_tap(&foreign, NULL), NULL);
    must("ip link add ckd1 group %d type veth peer name ckd2", GROUP);
    test_ok(cunik_link_remove_stack("e0", "shop", GROUP, NULL), NULL);
    assert_int_not_equal(shell("ip link show ckt1 2>/dev/null"), 0);
    assert_int_not_equal(shell("ip link show ckb1 2>/dev/null"), 0);
    must("ip link show ckt2 >/dev/null && ip link show ckt3 >/dev/null && "
         "ip link show ckd1 >/dev/null");
}

static void test_routes(_unused_ void **state)
{
    struct bridge_settings b = bridge("ckb1");
    _cleanup_routes_ struct routes routes = {0};
    bool connected = false, via = false, blackhole = false;

    test_ok(cunik_link_create_bridge(&b, NULL), NULL);
    must("ip route add 10.200.0.0/16 via 10.9.8.2 && ip route add default via 10.9.8.2 && "
         "ip route add blackhole 10.201.0.0/16 table 77");
    test_ok(cunik_link_routes(&routes, NULL), NULL);
    must("ip route del blackhole 10.201.0.0/16 table 77");
    for (size_t i = 0; i < routes.n; i++) {
        _cleanup_free_ char *text = cunik_cidr_text(&routes.items[i].destination);
        connected = connected || strcmp(text, "10.9.8.0/24") == 0;
        via = via || (strcmp(text, "10.200.0.0/16") == 0 && routes.items[i].link);
        blackhole = blackhole || strcmp(text, "10.201.0.0/16") == 0;
        assert_string_not_equal(text, "0.0.0.0/0");
        assert_string_not_equal(text, "127.0.0.0/8");
    }
    assert_true(connected && via && blackhole);
}

static void test_labels(_unused_ void **state)
{
    struct link_label label = {0}, l = {"e", "s", "network", NULL};
    _cleanup_free_ char *text = NULL, *name = cunik_malloc(300);

    assert_false(cunik_link_label_parse(NULL, &label));
    assert_false(cunik_link_label_parse("", &label));
    assert_false(cunik_link_label_parse("cunik e s network", &label));
    assert_false(cunik_link_label_parse("cunik e s network n more", &label));
    assert_false(cunik_link_label_parse("other e s network n", &label));
    memset(name, 'x', 299);
    name[299] = '\0';
    l.name = name;
    assert_int_equal(cunik_link_label_text(&l, &text, NULL), -EINVAL);
    name[255 - strlen("cunik e s network ")] = '\0';
    test_ok(cunik_link_label_text(&l, &text, NULL), NULL);
    assert_int_equal(strlen(text), 255);
    assert_true(cunik_link_label_parse(text, &label));
    assert_string_equal(label.name, name);
    cunik_link_label_done(&label);
}

/* Further subnets, a name server's address with a label of its own, IPv6 and an MTU; what is no
 * longer wanted of the name servers goes. */
static void test_more_addresses(_unused_ void **state)
{
    _cleanup_error_ struct error *err = NULL;
    struct cidr more[] = {{0x0a430001, 16}, {0x0a090805, 32}};
    struct bridge_settings b = bridge("ckb6");
    struct tap_settings t = tap("ckt6");
    struct cidr6 six;

    test_ok(cunik_cidr6_parse("fd00:8::1/64", &six, NULL), NULL);
    b.more = more;
    b.n_more = ARRAY_SIZE(more);
    b.address6 = &six;
    b.mtu = 1400;
    t.bridge = "ckb6";
    t.mtu = 1400;
    for (int i = 0; i < 2; i++) {
        test_ok(cunik_link_create_bridge(&b, &err), err);
        test_ok(cunik_link_create_tap(&t, &err), err);
    }
    must("ip -o addr show ckb6 | grep -q 'inet 10.9.8.1/24 .* ckb6'");
    must("ip -o addr show ckb6 | grep -q 'inet 10.67.0.1/16 .* ckb6'");
    must("ip -o addr show ckb6 | grep -q 'inet 10.9.8.5/32 .* ck-names'");
    must("ip -o addr show ckb6 | grep 'inet6 fd00:8::1/64 ' | grep -qv tentative");
    must("ip -o link show ckb6 | grep -q 'mtu 1400 '");
    must("ip -o link show ckt6 | grep -q 'mtu 1400 '");

    more[1].address = 0x0a090806;
    test_ok(cunik_link_create_bridge(&b, &err), err);
    must("ip -o addr show ckb6 | grep -q 'inet 10.9.8.6/32 '");
    must("! ip -o addr show ckb6 | grep -q 'inet 10.9.8.5/32 '");
    b.n_more = 1;
    test_ok(cunik_link_create_bridge(&b, &err), err);
    must("! ip -o addr show ckb6 | grep -q ck-names");
    must("ip -o addr show ckb6 | grep -q 'inet 10.67.0.1/16 '");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(test_more_addresses, start, clean),
        cmocka_unit_test(test_labels),
        cmocka_unit_test_setup_teardown(test_create, start, clean),
        cmocka_unit_test_setup_teardown(test_held, start, clean),
        cmocka_unit_test_setup_teardown(test_made_is_free, start, clean),
        cmocka_unit_test_setup_teardown(test_mac_stays, start, clean),
        cmocka_unit_test_setup_teardown(test_repair, start, clean),
        cmocka_unit_test_setup_teardown(test_foreign, start, clean),
        cmocka_unit_test_setup_teardown(test_bad, start, clean),
        cmocka_unit_test_setup_teardown(test_remove_stack, start, clean),
        cmocka_unit_test_setup_teardown(test_remove_stack_only, start, clean),
        cmocka_unit_test_setup_teardown(test_routes, start, clean),
    };
    if (!own_namespace())
        return 0;
    return cmocka_run_group_tests_name("links", tests, NULL, NULL);
}
