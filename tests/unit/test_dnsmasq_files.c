/* What a dnsmasq is told: its command line and the files it watches, exactly; and which leases of
 * its own file are forgotten. */
#include "tests/support/test.h"

#include <string.h>

#include "base/file.h"
#include "base/memory.h"
#include "network/dnsmasq.h"
#include "network/dnsmasq_files.h"

#define GOLDEN "tests/golden/dnsmasq/"

static void check_arguments(const char *name, const struct dnsmasq_settings *s,
                            enum dnsmasq_user user)
{
    _cleanup_free_ char *path = cunik_asprintf(GOLDEN "%s.txt", name);
    _cleanup_strv_ struct strv arguments = {0};

    cunik_dnsmasq_arguments(s, "/usr/sbin/dnsmasq", user, &arguments);
    cunik_strv_add(&arguments, ""); /* a newline at the end */
    _cleanup_free_ char *text = cunik_strv_join(&arguments, "\n");
    test_golden(path, text);
}

static struct dnsmasq_settings network(void)
{
    return (struct dnsmasq_settings){.folder = "/run/cunik/names/shop_default",
                                     .domain = "shop_default",
                                     .address = 0xac1e0101,
                                     .link = "ckb0"};
}

static void test_network(_unused_ void **state)
{
    const struct cidr subnets[] = {{0xac1e0101, 24}, {0x0a430001, 16}};
    _cleanup_strv_ struct strv resolvers = {0};
    struct dnsmasq_settings s = network();

    s.subnets = subnets;
    s.n_subnets = 1;
    check_arguments("network", &s, DNSMASQ_AS_ITS_OWN);
    s.internal = true;
    check_arguments("internal", &s, DNSMASQ_AS_ROOT);
    s.internal = false;
    s.servers = "/etc/other.conf";
    s.n_subnets = 2;
    s.mtu = 1400;
    cunik_strv_add(&resolvers, "172.30.1.9");
    cunik_strv_add(&resolvers, "172.30.1.10");
    s.resolvers = &resolvers;
    check_arguments("full", &s, DNSMASQ_AS_ITS_OWN);

    /* In a user's namespace: by way of a name server of its own, and nobody else to be. */
    s = network();
    s.servers = "/home/u/.local/share/cunik/resolv.conf";
    s.subnets = subnets;
    s.n_subnets = 1;
    check_arguments("rootless", &s, DNSMASQ_AS_IT_IS);
}

static void test_service(_unused_ void **state)
{
    _cleanup_strv_ struct strv folders = {0}, upstream = {0}, records = {0};
    struct dnsmasq_settings s = network();

    s.link = NULL;
    s.folder = "/run/cunik/names/shop_default/resolvers/web";
    cunik_strv_add(&folders, "/run/cunik/names/shop_default");
    cunik_strv_add(&folders, "/run/cunik/names/shop_back");
    cunik_strv_add(&upstream, "9.9.9.9");
    cunik_strv_add(&records, "printer=10.1.2.3");
    cunik_strv_add(&records, "six=fd00::1");
    s.folders = &folders;
    s.upstream = &upstream;
    s.records = &records;
    check_arguments("service", &s, DNSMASQ_AS_ITS_OWN);
    s.internal = true; /* asks nobody, whatever it was given */
    check_arguments("service-internal", &s, DNSMASQ_AS_ITS_OWN);
}

static void check_host(const struct dnsmasq_host *h, const char *hosts, const char *lease)
{
    _cleanup_free_ char *a = cunik_dnsmasq_hosts_text(h), *b = cunik_dnsmasq_lease_text(h);

    assert_string_equal(a, hosts);
    assert_string_equal(b, lease);
}

static void test_host(_unused_ void **state)
{
    _cleanup_strv_ struct strv names = {0};
    struct dnsmasq_host h = {.address = "10.0.0.2",
                             .address6 = "",
                             .names = &names,
                             .mac = "52:00:00:00:00:01",
                             .way_out = true,
                             .server = ""};

    cunik_strv_add(&names, "shop-web-1");
    cunik_strv_add(&names, "web");
    check_host(&h, "10.0.0.2 shop-web-1 web\n", "52:00:00:00:00:01,10.0.0.2\n");
    h.address6 = "fd00::2";
    h.way_out = false;
    h.server = "10.0.0.9";
    check_host(&h, "10.0.0.2 shop-web-1 web\nfd00::2 shop-web-1 web\n",
               "52:00:00:00:00:01,set:inner,set:10.0.0.9,10.0.0.2\n");
    h.server = NULL;
    check_host(&h, "10.0.0.2 shop-web-1 web\nfd00::2 shop-web-1 web\n",
               "52:00:00:00:00:01,set:inner,set:mute,10.0.0.2\n");
}

static void test_leases(_unused_ void **state)
{
    static const char leases[] = "0 52:00:00:00:00:01 10.0.0.2 web 01:52:00:00:00:00:01\n"
                                 "0 52:00:00:00:00:0A 10.0.0.3 * *\n";
    _cleanup_free_ char *folder = test_temporary_folder();
    _cleanup_free_ char *file = cunik_asprintf("%s/leases", folder);

    assert_false(cunik_dnsmasq_leased(folder, "52:00:00:00:00:01")); /* no file */
    test_ok(cunik_dnsmasq_forget(folder, "52:00:00:00:00:01", NULL), NULL);
    test_ok(cunik_file_write(file, leases, strlen(leases), 0644, false, NULL), NULL);
    assert_true(cunik_dnsmasq_leased(folder, "52:00:00:00:00:01"));
    assert_true(cunik_dnsmasq_leased(folder, "52:00:00:00:00:0a"));
    assert_false(cunik_dnsmasq_leased(folder, "52:00:00:00:00:0"));
    assert_false(cunik_dnsmasq_leased(folder, "10.0.0.2"));
    test_ok(cunik_dnsmasq_forget(folder, "52:00:00:00:00:01", NULL), NULL);
    _cleanup_free_ char *rest = test_read(file);
    assert_string_equal(rest, "0 52:00:00:00:00:0A 10.0.0.3 * *\n");
    test_ok(cunik_file_remove_tree(folder, NULL), NULL);
}

static bool has_domain(const char *name)
{
    _cleanup_strv_ struct strv arguments = {0};
    struct dnsmasq_settings s = network();
    bool found = false;

    s.domain = name;
    cunik_dnsmasq_arguments(&s, "dnsmasq", DNSMASQ_AS_ITS_OWN, &arguments);
    for (size_t i = 0; i < arguments.n; i++)
        found = found || strncmp(arguments.items[i], "--domain=", strlen("--domain=")) == 0 ||
                strncmp(arguments.items[i], "--local=", strlen("--local=")) == 0;
    return found;
}

/* What DNS does not take as a name, dnsmasq does not take as an argument. */
static void test_domains(_unused_ void **state)
{
    char label[130];

    memset(label, 'a', sizeof(label));
    label[63] = '\0';
    assert_true(has_domain(label));
    label[63] = 'a';
    label[64] = '\0';
    assert_false(has_domain(label));
    label[32] = '.';
    assert_true(has_domain(label));
    label[33] = '.';
    assert_false(has_domain(label));
    assert_false(has_domain("a."));
    assert_false(has_domain(".a"));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_network), cmocka_unit_test(test_service), cmocka_unit_test(test_host),
        cmocka_unit_test(test_domains), cmocka_unit_test(test_leases),
    };

    return cmocka_run_group_tests_name("dnsmasq_files", tests, NULL, NULL);
}
