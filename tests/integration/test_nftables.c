/* nftables as others use it too: chains are listed while somebody changes them, and ports that
 * others lead elsewhere are found. */
#include "tests/support/test.h"

#include <pthread.h>
#include <stdatomic.h>

#include "tests/integration/netns.h"

#include "base/buffer.h"
#include "network/nat.h"
#include "network/nftables.h"
#include "network/rules.h"

static atomic_bool over;

static void carry_out(const char *commands)
{
    _cleanup_free_ char *complaint = NULL;

    if (cunik_nftables_run(commands, false, &complaint) != 0)
        fail_msg("%s", complaint);
}

static void *keep_changing(_unused_ void *arg)
{
    while (!over)
        carry_out("add chain ip others x; delete chain ip others x");
    return NULL;
}

/* The kernel says of a list that it changed underway: then it is asked again. */
static void test_changing(_unused_ void **state)
{
    enum { CHAINS = 1500, ROUNDS = 40 };
    _cleanup_buffer_ struct buffer b = {0};
    pthread_t other;

    cunik_buffer_text_append(&b, "add table ip others; add table ip mine\n");
    for (int i = 0; i < CHAINS; i++)
        cunik_buffer_printf(&b, "add chain ip mine c%d\n", i);
    carry_out(cunik_buffer_text(&b));
    assert_int_equal(pthread_create(&other, NULL, keep_changing, NULL), 0);
    for (int i = 0; i < ROUNDS; i++) {
        _cleanup_nftables_chains_ struct nftables_chains all = {0}, mine = {0};
        _cleanup_error_ struct error *err = NULL;
        test_ok(cunik_nftables_chains(NULL, &all, &err), err);
        test_ok(cunik_nftables_chains("mine", &mine, &err), err);
        assert_true(all.n == CHAINS || all.n == CHAINS + 1);
        assert_int_equal(mine.n, CHAINS);
    }
    over = true;
    pthread_join(other, NULL);
    carry_out("delete table ip others; delete table ip mine");
}

/* What is found, sorted, a line each, when the engine is `engine`; the caller frees it. */
static char *ports_of(const char *engine)
{
    _cleanup_strv_ struct strv addresses = {0}, found = {0};
    _cleanup_error_ struct error *err = NULL;

    cunik_strv_split(&addresses, "127.0.0.1 192.0.2.1 192.0.2.5 10.0.0.1 fd00:1::1 fd00:1::2", " ");
    test_ok(cunik_nat_ports(engine, &addresses, &found, &err), err);
    cunik_strv_sort(&found);
    _cleanup_free_ char *joined = cunik_strv_join(&found, "\n");
    return cunik_asprintf("%s\n", joined);
}

/* The golden tables, as the kernel has them: what test_nat.c reads from their listings. */
static void test_golden_tables(_unused_ void **state)
{
    _cleanup_strv_ struct strv cases = {0};

    test_folders("tests/golden/nat", &cases);
    assert_true(cases.n >= 4);
    for (size_t i = 0; i < cases.n; i++) {
        _cleanup_free_ char *path = cunik_asprintf("tests/golden/nat/%s/ports", cases.items[i]);
        must("nft -f tests/golden/nat/%s/rules.nft", cases.items[i]);
        _cleanup_free_ char *found = ports_of("e1");
        test_golden(path, found);
        must("nft flush ruleset");
    }
}

/* Another engine's published ports are somebody else's, this one's are not. */
static void test_engines(_unused_ void **state)
{
    struct rules_port ports[] = {{"", 8080, "tcp", 0xac1e0102, 80, IN6ADDR_ANY_INIT},
                                 {"192.0.2.1", 53, "udp", 0xac1e0102, 53, IN6ADDR_ANY_INIT}};
    struct rules_network network = {
        .bridge = "ckb1", .subnet = {0xac1e0100, 24}, .gateway = 0xac1e0101};
    struct rules r = {
        .engine = "e1", .networks = &network, .n_networks = 1, .ports = ports, .n_ports = 2};
    _cleanup_free_ char *text = NULL;
    _cleanup_error_ struct error *err = NULL;

    test_ok(cunik_rules_make(&r, &text, NULL, &err), err);
    carry_out(text);
    _cleanup_free_ char *own = ports_of("e1"), *others = ports_of("e2");
    assert_string_equal(own, "\n");
    assert_string_equal(
        others,
        "tcp 0.0.0.0 8080 chain 'tcp_8080_to_172.30.1.2_80' of nftables' table 'ip cunik_e1'\n"
        "udp 192.0.2.1 53 chain 'udp_53_at_192.0.2.1_to_172.30.1.2_53' of nftables' table "
        "'ip cunik_e1'\n");
    must("nft flush ruleset");
}

static double cpu_ms(void)
{
    struct timespec t;

    clock_gettime(CLOCK_PROCESS_CPUTIME_ID, &t);
    return (double)t.tv_sec * 1e3 + (double)t.tv_nsec / 1e6;
}

static size_t found_of(const char *what, const char *table)
{
    _cleanup_strv_ struct strv none = {0}, found = {0};
    _cleanup_error_ struct error *err = NULL;

    carry_out(table);
    double before = cpu_ms();
    test_ok(cunik_nat_ports("e1", &none, &found, &err), err);
    double took = cpu_ms() - before;
    print_message("# %s: %.1f ms of CPU\n", what, took);
    assert_true(took < 2000); /* some 100; what is not bounded takes minutes */
    carry_out("flush ruleset");
    return found.n;
}

/* Firewalls have sets of thousands. */
static void test_cost(_unused_ void **state)
{
    enum { MANY = 10000 };
    _cleanup_buffer_ struct buffer shut = {0}, doors = {0}, rules = {0}, both = {0};

    cunik_buffer_text_append(&shut, "table ip wall {\nset bad { type ipv4_addr; elements = { ");
    cunik_buffer_text_append(&doors, "table ip wall {\nchain to {\nmeta l4proto tcp dnat to "
                                     "10.0.0.1:80\n}\n"
                                     "map doors { type inet_service : verdict; elements = { ");
    cunik_buffer_text_append(&rules, "table ip wall {\nchain pre {\ntype nat hook prerouting "
                                     "priority -100; policy accept;\n");
    cunik_buffer_text_append(&both, "table ip wall {\nset a { type inet_service; elements = { ");
    for (int i = 1; i <= MANY; i++) {
        cunik_buffer_printf(&shut, "10.0.%d.%d, ", i / 256, i % 256);
        cunik_buffer_printf(&doors, "%d : jump to, ", i);
        cunik_buffer_printf(&rules, "tcp dport %d dnat to 10.0.0.1:80\n", i);
        cunik_buffer_printf(&both, "%d, ", i);
    }
    cunik_buffer_text_append(&shut, "}\n}\nchain in {\ntype filter hook input priority 0;\n"
                                    "ip saddr @bad drop\n}\nchain pre {\ntype nat hook prerouting "
                                    "priority -100;\ntcp dport 80 redirect to :81\n}\n}\n");
    cunik_buffer_text_append(&doors, "}\n}\nchain pre {\ntype nat hook prerouting priority -100;\n"
                                     "tcp dport vmap @doors\n}\n}\n");
    cunik_buffer_text_append(&rules, "}\n}\n");
    cunik_buffer_text_append(&both,
                             "}\n}\nchain pre {\ntype nat hook prerouting priority -100;\n"
                             "tcp dport @a tcp dport @a tcp dport @a redirect to :81\n}\n}\n");
    assert_int_equal(found_of("a set of 10,000 that says nothing", cunik_buffer_text(&shut)), 1);
    assert_int_equal(found_of("a map of 10,000 ports", cunik_buffer_text(&doors)), MANY);
    assert_int_equal(found_of("10,000 rules", cunik_buffer_text(&rules)), MANY);
    (void)found_of("10,000 ports thrice", cunik_buffer_text(&both)); /* 10^12 ways are given up */
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_changing),
        cmocka_unit_test(test_golden_tables),
        cmocka_unit_test(test_engines),
        cmocka_unit_test(test_cost),
    };
    if (!own_namespace())
        return 0;
    return cmocka_run_group_tests_name("nftables", tests, NULL, NULL);
}
