/* The way out of an engine without rights: its subnet, its command line, and which forwards are
 * made and taken away. */
#include "tests/support/test.h"

#include <errno.h>
#include <string.h>

#include "base/json.h"
#include "base/memory.h"
#include "network/slirp.h"

static const struct cidr subnet = {0x0a000200, 24}; /* 10.0.2.0/24 */

static void expect_subnet(const char *routes, const char *wanted)
{
    _cleanup_strv_ struct strv list = {0};

    cunik_strv_split(&list, routes, " ");
    struct cidr c = cunik_slirp_subnet(&list);
    _cleanup_free_ char *text = cunik_cidr_text(&c);
    assert_string_equal(text, wanted);
}

static void subnets(void **state _unused_)
{
    expect_subnet("", "10.0.2.0/24");
    expect_subnet("127.0.0.0/8 192.168.1.0/24", "10.0.2.0/24");
    expect_subnet("10.0.2.15/32", "10.0.3.0/24"); /* many a virtual machine */
    expect_subnet("10.0.0.0/8", "172.29.255.0/24");
    expect_subnet("10.0.0.0/8 172.16.0.0/12", "192.168.231.0/24");
    expect_subnet("0.0.0.0/0", "10.0.2.0/24");
}

static void command_line(void **state _unused_)
{
    _cleanup_strv_ struct strv words = {0};
    const struct slirp_settings s = {.program = "/usr/bin/slirp4netns",
                                     .api = "/r/slirp.sock",
                                     .subnet = subnet,
                                     .ready = 3,
                                     .leave = 4,
                                     .netns = 5};

    cunik_slirp_arguments(&s, &words);
    _cleanup_free_ char *text = cunik_strv_join(&words, " ");
    assert_string_equal(text,
                        "/usr/bin/slirp4netns --configure --enable-sandbox "
                        "--enable-seccomp --mtu=65520 --cidr=10.0.2.0/24 "
                        "--api-socket=/r/slirp.sock --ready-fd=3 --exit-fd=4 --netns-type=path "
                        "/proc/self/fd/5 slirp0");
    assert_int_equal(cunik_slirp_own(&subnet), 0x0a000264);
    assert_int_equal(cunik_slirp_double(0xc0a80105), 0xf0a80105);
    assert_int_equal(cunik_slirp_dns(&subnet), 0x0a000203);
}

/* The requests, without their quotes; lists are separated by ", ". */
static void expect(const char *listed, const char *wanted, const char *requests)
{
    _cleanup_json_ json_t *answer = NULL, *changes = NULL;
    _cleanup_strv_ struct strv lines = {0};
    _cleanup_free_ char *got = NULL;

    assert_int_equal(cunik_json_parse(listed, strlen(listed), "listed", &answer, NULL), 0);
    cunik_strv_split(&lines, wanted, ",");
    assert_int_equal(cunik_slirp_changes(answer, &lines, &subnet, &changes, NULL), 0);
    got = cunik_json_text(changes, JSON_COMPACT);
    size_t n = 0;
    for (char *p = got; *p; p++)
        if (*p != '"')
            got[n++] = *p;
    got[n] = '\0';
    assert_string_equal(got, requests);
}

#define ENTRY(id, host, port, guest)                                                               \
    "{\"id\":" #id ",\"proto\":\"tcp\",\"host_addr\":\"" host "\",\"host_port\":" #port            \
    ",\"guest_addr\":\"" guest "\",\"guest_port\":" #port "}"
#define LISTED(...) "{\"entries\":[" __VA_ARGS__ "]}"

static void forwards(void **state _unused_)
{
    expect(LISTED(), "", "[]");
    expect(LISTED(), "tcp 0.0.0.0 8080,udp 127.0.0.1 53",
           "[{execute:add_hostfwd,arguments:{proto:tcp,host_addr:0.0.0.0,host_port:8080,"
           "guest_addr:10.0.2.100,guest_port:8080}},"
           "{execute:add_hostfwd,arguments:{proto:udp,host_addr:127.0.0.1,host_port:53,"
           "guest_addr:255.0.0.1,guest_port:53}}]");
    /* What is there stays, and what is not wanted goes before anything comes. */
    expect(LISTED(ENTRY(1, "0.0.0.0", 80, "10.0.2.100") "," ENTRY(4, "10.1.1.1", 81, "250.1.1.1")),
           "tcp 10.1.1.1 81", "[{execute:remove_hostfwd,arguments:{id:1}}]");
    expect(LISTED(ENTRY(7, "127.0.0.1", 80, "255.0.0.1")), "tcp 0.0.0.0 80",
           "[{execute:remove_hostfwd,arguments:{id:7}},"
           "{execute:add_hostfwd,arguments:{proto:tcp,host_addr:0.0.0.0,host_port:80,"
           "guest_addr:10.0.2.100,guest_port:80}}]");
    /* One that leads elsewhere, and one that is there twice, are not ours. */
    expect(LISTED(ENTRY(2, "0.0.0.0", 80, "10.0.2.15")), "",
           "[{execute:remove_hostfwd,arguments:{id:2}}]");
    expect(LISTED(ENTRY(2, "10.1.1.1", 80, "250.1.1.1") "," ENTRY(3, "10.1.1.1", 80, "250.1.1.1")),
           "tcp 10.1.1.1 80", "[{execute:remove_hostfwd,arguments:{id:3}}]");
    expect("{\"return\":" LISTED(ENTRY(9, "10.1.1.1", 80, "250.1.1.1")) "}", "",
           "[{execute:remove_hostfwd,arguments:{id:9}}]");
}

static void guard(void **state _unused_)
{
    _cleanup_strv_ struct strv addresses = {0}, ports = {0}, none = {0};

    cunik_strv_split(&addresses, "127.0.0.1 192.0.2.7 192.0.2.7", " ");
    cunik_strv_split(&ports, "tcp 0.0.0.0 80,udp 127.0.0.1 53,tcp 192.0.2.7 80", ",");
    _cleanup_free_ char *text = cunik_slirp_guard(&addresses, &ports, &subnet);
    test_golden("tests/golden/slirp/guard.txt", text);
    _cleanup_free_ char *empty = cunik_slirp_guard(&none, &none, &subnet);
    test_golden("tests/golden/slirp/guard_of_nothing.txt", empty);
}

static void mistakes(void **state _unused_)
{
    static const char *const lines[] = {"tcp 0.0.0.0", "tcp 0.0.0.0 0", "tcp :: 80", ""};

    for (size_t i = 0; i < ARRAY_SIZE(lines); i++) {
        _cleanup_json_ json_t *listed = json_object(), *changes = NULL;
        _cleanup_error_ struct error *err = NULL;
        _cleanup_strv_ struct strv wanted = {0};

        cunik_strv_add(&wanted, lines[i]);
        assert_int_equal(cunik_slirp_changes(listed, &wanted, &subnet, &changes, &err), -EINVAL);
        assert_non_null(strstr(err->message, "is no port to publish"));
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(subnets), cmocka_unit_test(command_line), cmocka_unit_test(forwards),
        cmocka_unit_test(guard),   cmocka_unit_test(mistakes),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
