#include "tests/support/test.h"

#include <errno.h>
#include <string.h>

#include "base/map.h"
#include "base/memory.h"
#include "network/address.h"
#include "network/link.h"
#include "network/names.h"

static void test_addresses(_unused_ void **state)
{
    static const char *const bad[] = {"",          "1.2.3",    "1.2.3.4.5", "1.2.3.256",
                                      "01.2.3.4",  " 1.2.3.4", "1.2.3.4 ",  "1.2.3.-4",
                                      "1.2.3.4/8", "a.b.c.d",  "1.2.3.00",  "1..2.3",
                                      "::1",       "1.2.3.",   "+1.2.3.4",  "99999999999.1.1.1"};
    uint32_t a;

    test_ok(cunik_address_parse("10.1.2.3", &a, NULL), NULL);
    assert_int_equal(a, 0x0a010203);
    test_ok(cunik_address_parse("255.255.255.255", &a, NULL), NULL);
    test_ok(cunik_address_parse("0.0.0.0", &a, NULL), NULL);
    _cleanup_free_ char *text = cunik_address_text(0xc0a80001);
    assert_string_equal(text, "192.168.0.1");
    for (size_t i = 0; i < ARRAY_SIZE(bad); i++) {
        _cleanup_error_ struct error *err = NULL;
        if (cunik_address_parse(bad[i], &a, &err) != -EINVAL)
            fail_msg("'%s' was taken for an address", bad[i]);
        assert_int_equal(err->code, ERROR_INVALID);
        assert_non_null(strstr(err->message, bad[i]));
    }
}

static void test_subnets(_unused_ void **state)
{
    static const char *const bad[] = {"10.0.0.0",     "10.0.0.0/33", "10.0.0.0/",  "10.0.0.0/-1",
                                      "10.0.0.0/8/8", "/8",          "10.0.0.0/08"};
    _cleanup_error_ struct error *err = NULL;
    struct cidr c, d;
    uint32_t a;

    test_ok(cunik_cidr_parse_subnet("10.1.2.0/24", &c, NULL), NULL);
    assert_int_equal(cunik_cidr_mask(&c), 0xffffff00);
    assert_int_equal(cunik_cidr_last(&c), 0x0a0102ff);
    assert_int_equal(cunik_cidr_size(&c), 256);
    assert_true(cunik_cidr_contains(&c, 0x0a010280) && !cunik_cidr_contains(&c, 0x0a010300));
    assert_true(cunik_cidr_usable(&c, 0x0a010201) && !cunik_cidr_usable(&c, 0x0a010200));
    assert_false(cunik_cidr_usable(&c, 0x0a0102ff));
    assert_true(cunik_cidr_nth(&c, 255, &a) && a == 0x0a0102ff);
    assert_false(cunik_cidr_nth(&c, 256, &a));

    assert_int_equal(cunik_cidr_parse_subnet("10.1.2.3/24", &d, &err), -EINVAL);
    assert_non_null(strstr(err->message, "which is 10.1.2.0/24"));
    test_ok(cunik_cidr_parse("10.1.2.3/24", &d, NULL), NULL);
    assert_true(cunik_cidr_overlaps(&c, &d));
    _cleanup_free_ char *text = cunik_cidr_text(&d);
    assert_string_equal(text, "10.1.2.3/24");
    test_ok(cunik_cidr_parse("10.1.3.0/24", &d, NULL), NULL);
    assert_false(cunik_cidr_overlaps(&c, &d) || cunik_cidr_overlaps(&d, &c));
    test_ok(cunik_cidr_parse("0.0.0.0/0", &d, NULL), NULL);
    assert_true(cunik_cidr_overlaps(&c, &d) && cunik_cidr_overlaps(&d, &c));
    assert_int_equal(cunik_cidr_mask(&d), 0);
    assert_true(cunik_cidr_size(&d) == (uint64_t)1 << 32);
    test_ok(cunik_cidr_parse("10.0.0.4/31", &d, NULL), NULL);
    assert_true(cunik_cidr_usable(&d, 0x0a000004) && cunik_cidr_usable(&d, 0x0a000005));
    for (size_t i = 0; i < ARRAY_SIZE(bad); i++)
        if (cunik_cidr_parse(bad[i], &d, NULL) != -EINVAL)
            fail_msg("'%s' was taken for a subnet", bad[i]);
}

static void test_macs(_unused_ void **state)
{
    static const char *const bad[] = {"",
                                      "52:54:00:ab:cd",
                                      "52:54:00:ab:cd:ef:01",
                                      "52:54:00:ab:cd:eg",
                                      "525400abcdef",
                                      "53:54:00:ab:cd:ef",
                                      "00:00:00:00:00:00",
                                      "52:54:0:ab:cd:ef",
                                      "52"};
    char *mac = NULL;

    test_ok(cunik_mac_parse("52-54-00:AB:cd:EF", &mac, NULL), NULL);
    assert_string_equal(mac, "52:54:00:ab:cd:ef");
    free(mac);
    for (size_t i = 0; i < ARRAY_SIZE(bad); i++)
        if (cunik_mac_parse(bad[i], &mac, NULL) != -EINVAL)
            fail_msg("'%s' was taken for a MAC address", bad[i]);
}

/* Every address printed and read again is the same, and so is its place in its subnet. */
static void test_round_trip(_unused_ void **state)
{
    uint64_t seed = test_seed();

    for (int i = 0; i < 20000; i++) {
        struct cidr c = {.address = (uint32_t)test_random(&seed),
                         .length = (unsigned)test_random_below(&seed, 33)};
        struct cidr back;
        _cleanup_free_ char *text = cunik_cidr_text(&c);
        uint32_t a;

        test_ok(cunik_cidr_parse(text, &back, NULL), NULL);
        assert_true(back.address == c.address && back.length == c.length);
        assert_true(cunik_cidr_contains(&c, c.address));
        assert_true(cunik_cidr_nth(&c, c.address - cunik_cidr_first(&c), &a) && a == c.address);
        assert_false(cunik_cidr_nth(&c, cunik_cidr_size(&c), &a));
    }
}

static void test_names(_unused_ void **state)
{
    _cleanup_map_ struct map seen = {0};

    for (int64_t i = 1; i <= 10000; i++) {
        _cleanup_free_ char *rest = cunik_asprintf("web-%lld/default", (long long)i);
        _cleanup_free_ char *link = cunik_network_link_name('t', "0123abcd", "shop", rest);
        _cleanup_free_ char *mac = cunik_network_mac("shop", "web", i, "default");
        _cleanup_free_ char *uuid = cunik_network_uuid("shop", "web", i);
        _cleanup_free_ char *parsed = NULL;

        assert_int_equal(strlen(link), 15);
        assert_memory_equal(link, "ckt", 3);
        assert_true(cunik_map_add(&seen, link, NULL));
        test_ok(cunik_mac_parse(mac, &parsed, NULL), NULL);
        assert_string_equal(mac, parsed);
        assert_memory_equal(mac, "52:", 3);
        assert_true(cunik_map_add(&seen, mac, NULL));
        assert_int_equal(strlen(uuid), 36);
        assert_int_equal(uuid[14], '8');
        assert_non_null(strchr("89ab", uuid[19]));
        assert_true(cunik_map_add(&seen, uuid, NULL));
    }
    /* The border between parts counts, and so does each part. */
    _cleanup_free_ char *a = cunik_network_link_name('b', "e", "ab", "c");
    _cleanup_free_ char *b = cunik_network_link_name('b', "e", "a", "bc");
    _cleanup_free_ char *c = cunik_network_link_name('b', "f", "ab", "c");
    _cleanup_free_ char *again = cunik_network_link_name('b', "e", "ab", "c");
    assert_string_not_equal(a, b);
    assert_string_not_equal(a, c);
    assert_string_equal(a, again);
    assert_int_not_equal(cunik_network_group("e", "a"), cunik_network_group("e", "b"));
    assert_int_not_equal(cunik_network_group("e", "a"), 0);
}

/* Not what means more than one link to the kernel. */
static void test_link_names(_unused_ void **state)
{
    static const char *const good[] = {"br0", "br-front", "a", "eth0.100", "123456789012345"};
    static const char *const bad[] = {"",     "1234567890123456",
                                      "all",  "default",
                                      "lo",   "a b",
                                      "a/b",  ".a",
                                      "-a",   "a:0",
                                      "br%d", "ä",
                                      "a+b"};

    for (size_t i = 0; i < ARRAY_SIZE(good); i++)
        assert_true(cunik_link_is_name(good[i]));
    for (size_t i = 0; i < ARRAY_SIZE(bad); i++)
        if (cunik_link_is_name(bad[i]))
            fail_msg("'%s' is taken for the name of a link", bad[i]);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_addresses), cmocka_unit_test(test_subnets),
        cmocka_unit_test(test_macs),      cmocka_unit_test(test_round_trip),
        cmocka_unit_test(test_names),     cmocka_unit_test(test_link_names),
    };
    return cmocka_run_group_tests_name("address", tests, NULL, NULL);
}
