/* Other people's packet filters: what is put into them, and that nothing else is and nothing stays.
 */
#include "tests/support/test.h"

#include "tests/integration/netns.h"

#include "network/gates.h"
#include "network/rules.h"

#define OURS "meta mark & 0x00001000 == 0x00001000 counter packets 0 bytes 0 accept comment"

static void move(const char *engine, bool open)
{
    _cleanup_free_ char *text = NULL, *again = NULL;
    _cleanup_error_ struct error *err = NULL;

    test_ok(cunik_gates_text(engine, open, &text, &err), err);
    assert_true(*text);
    test_ok(cunik_rules_replace(text, &err), err);
    test_ok(cunik_gates_text(engine, open, &again, &err), err);
    assert_string_equal(again, "");
}

static void remember(const char *file)
{
    must("nft -s list ruleset >/tmp/cunik-gates-%d.%s 2>/dev/null", (int)getpid(), file);
}

static bool same(const char *a, const char *b)
{
    return shell("cmp -s /tmp/cunik-gates-%d.%s /tmp/cunik-gates-%d.%s", (int)getpid(), a,
                 (int)getpid(), b) == 0;
}

static const struct filter {
    const char *what;
    const char *commands;
    const char *gates[3]; /* chains that get a rule */
} filters[] = {
    {"nobody else's", "true", {NULL}},
    {"policies that let pass",
     "iptables -P FORWARD ACCEPT && nft 'add table inet a; add chain inet a f { type filter hook "
     "forward priority 0; }'",
     {NULL}},
    {"iptables with policies of drop",
     "iptables -P FORWARD DROP && iptables -P INPUT DROP && iptables -P OUTPUT DROP",
     {"ip filter FORWARD", "ip filter INPUT"}},
    {"Docker's",
     "iptables -P FORWARD DROP && iptables -N DOCKER-USER && "
     "iptables -A DOCKER-USER -j RETURN && iptables -A FORWARD -j DOCKER-USER",
     {"ip filter DOCKER-USER"}},
    {"Docker's on a host that forwarded already",
     "iptables -N DOCKER-USER && iptables -A FORWARD -j DOCKER-USER",
     {NULL}},
    {"firewalld's",
     "nft 'add table inet firewalld; "
     "add chain inet firewalld filter_INPUT { type filter hook input priority 10; }; "
     "add chain inet firewalld filter_FORWARD { type filter hook forward priority 10; }; "
     "add chain inet firewalld filter_OUTPUT { type filter hook output priority 10; }; "
     "add rule inet firewalld filter_INPUT reject; add rule inet firewalld filter_FORWARD reject'",
     {"inet firewalld filter_INPUT", "inet firewalld filter_FORWARD"}},
    {"a person's",
     "nft 'add table inet own; "
     "add chain inet own in { type filter hook input priority 0; policy drop; }; "
     "add chain inet own other; add rule inet own in tcp dport 22 accept comment cunik_e1x; "
     "add table ip6 own; "
     "add chain ip6 own in { type filter hook input priority 0; policy drop; }'",
     {"inet own in", "ip6 own in"}},
    {"ip6tables with policies of drop",
     "ip6tables -P FORWARD DROP && ip6tables -P INPUT DROP && ip6tables -P OUTPUT DROP",
     {"ip6 filter FORWARD", "ip6 filter INPUT"}},
    {"Docker's of both families",
     "for t in iptables ip6tables; do $t -P FORWARD DROP && $t -N DOCKER-USER && "
     "$t -A FORWARD -j DOCKER-USER || exit 1; done",
     {"ip filter DOCKER-USER", "ip6 filter DOCKER-USER"}},
    {"libvirt's",
     "iptables -N LIBVIRT_FWI && iptables -A LIBVIRT_FWI -o virbr0 -j REJECT && "
     "iptables -A FORWARD -j LIBVIRT_FWI",
     {NULL}},
};

static void check_filter(const struct filter *f)
{
    _cleanup_free_ char *text = NULL;
    size_t n = 0;

    must("%s", f->commands);
    remember("before");
    while (n < ARRAY_SIZE(f->gates) && f->gates[n])
        n++;
    if (n) {
        move("e1", true);
        for (size_t i = 0; i < n; i++)
            must("nft list chain %s 2>/dev/null | grep -m1 -A2 '^.chain' | grep -qF '" OURS
                 " \"cunik_e1\"' || nft list chain %s 2>/dev/null | grep -A3 '^.chain' | "
                 "grep -qF '" OURS " \"cunik_e1\"'",
                 f->gates[i], f->gates[i]);
        must("test $(nft list ruleset 2>/dev/null | grep -c '\"cunik_e1\"') = %zu", n);
        /* Another engine has its own, and each takes away its own alone. */
        move("e2", true);
        must("iptables -S >/dev/null");
        move("e1", false);
        must("test $(nft list ruleset 2>/dev/null | grep -c '\"cunik_e2\"') = %zu", n);
        move("e2", false);
    }
    test_ok(cunik_gates_text("e1", true, &text, NULL), NULL);
    assert_int_equal(*text == '\0', n == 0);
    remember("after");
    assert_true(same("before", "after"));
    must("nft flush ruleset");
}

static void test_filters(_unused_ void **state)
{
    for (size_t i = 0; i < ARRAY_SIZE(filters); i++) {
        print_message("# %s\n", filters[i].what);
        check_filter(&filters[i]);
    }
    must("rm /tmp/cunik-gates-%d.*", (int)getpid());
}

/* What comes later moves the rule: Docker that starts, or a policy that is changed back. */
static void test_changes(_unused_ void **state)
{
    must("iptables -P FORWARD DROP");
    move("e1", true);
    must("iptables -S FORWARD | grep -q -- '-m mark --mark 0x1000/0x1000 .*-j ACCEPT'");
    must("iptables -N DOCKER-USER && iptables -A FORWARD -j DOCKER-USER");
    move("e1", true);
    must("iptables -S DOCKER-USER | grep -q 0x1000 && ! iptables -S FORWARD | grep -q 0x1000");
    must("iptables -P FORWARD ACCEPT");
    move("e1", true);
    must("! iptables -S | grep -q 0x1000");
    must("nft flush ruleset");
}

static void test_others(_unused_ void **state)
{
    bool others;

    must("nft 'add table ip cunik_e1; add chain ip cunik_e1 x; add table ip cunikold; "
         "add chain ip cunikold x'");
    test_ok(cunik_gates_others("e1", &others, NULL), NULL);
    assert_false(others);
    test_ok(cunik_gates_others("e2", &others, NULL), NULL);
    assert_true(others);
    must("nft flush ruleset");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_filters),
        cmocka_unit_test(test_changes),
        cmocka_unit_test(test_others),
    };
    if (!own_namespace())
        return 0;
    if (shell("command -v iptables-nft >/dev/null") != 0) {
        printf("1..1\nok 1 - gates # SKIP needs iptables-nft\n");
        return 0;
    }
    return cmocka_run_group_tests_name("gates", tests, NULL, NULL);
}
