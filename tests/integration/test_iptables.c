/* iptables of both kinds: ports that others lead elsewhere, and legacy filters that are opened. */
#include "tests/support/test.h"

#include "tests/integration/netns.h"

#include "network/iptables.h"

static void assert_ports(const char *expected)
{
    _cleanup_strv_ struct strv found = {0};
    _cleanup_error_ struct error *err = NULL;

    test_ok(cunik_iptables_ports(&found, &err), err);
    cunik_strv_sort(&found);
    _cleanup_free_ char *text = cunik_strv_join(&found, ", ");
    assert_string_equal(text, expected);
}

static void test_ports(_unused_ void **state)
{
    assert_ports("");
    must("iptables-nft -t nat -N DOCKER && "
         "iptables-nft -t nat -A PREROUTING -m addrtype --dst-type LOCAL -j DOCKER && "
         "iptables-nft -t nat -A DOCKER ! -i docker0 -p tcp -m tcp --dport 8080 -j DNAT "
         "--to-destination 172.17.0.2:80 && "
         "iptables-nft -t nat -A DOCKER -d 127.0.0.1/32 ! -i docker0 -p udp -m udp "
         "--dport 53:54 -j DNAT --to-destination 172.17.0.3 && "
         "iptables-nft -t nat -A POSTROUTING -p tcp -m tcp --dport 9 -j MASQUERADE");
    assert_ports("tcp 0.0.0.0 8080 chain 'DOCKER' of iptables, "
                 "udp 127.0.0.1 53-54 chain 'DOCKER' of iptables");
    must("ip6tables-nft -t nat -A PREROUTING -p tcp --dport 81 -j REDIRECT --to-ports 82");
    must("iptables-legacy -t nat -A PREROUTING -p tcp --dport 8081 -j DNAT --to-destination "
         "172.17.0.2:80");
    assert_ports("tcp 0.0.0.0 8080 chain 'DOCKER' of iptables, "
                 "tcp 0.0.0.0 8081 chain 'PREROUTING' of iptables, "
                 "tcp :: 81 chain 'PREROUTING' of iptables, "
                 "udp 127.0.0.1 53-54 chain 'DOCKER' of iptables");
    must("nft flush ruleset && iptables-legacy -t nat -F");
    assert_ports("");
    /* One that iptables cannot say. */
    must("nft 'add table ip nat; add set ip nat s { type ipv4_addr; }; "
         "add chain ip nat pre { type nat hook prerouting priority -100; }; "
         "add rule ip nat pre tcp dport 80 ip saddr @s dnat to 10.0.0.1:8080'");
    assert_ports("");
    must("nft flush ruleset");
}

static void move(const char *engine, bool open, bool expected)
{
    _cleanup_error_ struct error *err = NULL;
    bool changed, left;

    test_ok(cunik_iptables_gates(engine, open, false, &changed, &err), err);
    assert_int_equal(changed, expected);
    test_ok(cunik_iptables_gates(engine, open, true, &left, &err), err);
    assert_false(left);
}

static void test_gates(_unused_ void **state)
{
    must("for t in iptables-legacy ip6tables-legacy; do $t -A INPUT -p tcp --dport 22 -j ACCEPT && "
         "$t -P INPUT DROP && $t -P FORWARD DROP || exit 1; done");
    must("iptables-legacy -N DOCKER-USER && iptables-legacy -A FORWARD -j DOCKER-USER");
    must("for t in iptables-legacy ip6tables-legacy; do $t -S; done >/tmp/cunik-legacy.%d",
         (int)getpid());
    move("e1", true, true);
    must("iptables-legacy -S DOCKER-USER 1 | grep -q 'mark 0x1000/0x1000 .*cunik_e1 -j ACCEPT'");
    must("iptables-legacy -S INPUT 1 | grep -q 'cunik_e1 -j ACCEPT'");
    must("! iptables-legacy -S FORWARD | grep cunik");
    must("ip6tables-legacy -S FORWARD 1 | grep -q 'cunik_e1 -j ACCEPT'");
    move("e1", true, false);
    move("e2", true, true);
    move("e1", false, true);
    must(
        "test $(iptables-legacy -S | grep -c cunik_) = 2 && iptables-legacy -S | grep -q cunik_e2");
    move("e2", false, true);
    must(
        "for t in iptables-legacy ip6tables-legacy; do $t -S; done | cmp - /tmp/cunik-legacy.%d && "
        "rm /tmp/cunik-legacy.%d",
        (int)getpid(), (int)getpid());
    must("iptables-legacy -P INPUT ACCEPT && iptables-legacy -P FORWARD ACCEPT && "
         "ip6tables-legacy -P INPUT ACCEPT && ip6tables-legacy -P FORWARD ACCEPT");
    move("e1", true, false);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_ports),
        cmocka_unit_test(test_gates),
    };
    if (!own_namespace())
        return 0;
    if (shell("iptables-nft -S >/dev/null 2>&1 && iptables-legacy -S >/dev/null 2>&1") != 0) {
        printf("1..1\nok 1 - iptables # SKIP needs iptables-nft and iptables-legacy\n");
        return 0;
    }
    return cmocka_run_group_tests_name("iptables", tests, NULL, NULL);
}
