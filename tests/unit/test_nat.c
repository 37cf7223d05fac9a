/* What rules of nftables lead elsewhere. A case is a table as it is written (rules.nft), as
 * nft(8) lists it (listing.json; tests/integration/test_nftables.c sees that it is the same) and
 * the ports that are read from it. */
#include "tests/support/test.h"

#include <string.h>

#include "base/buffer.h"
#include "base/memory.h"
#include "network/nat.h"

#define FOLDER "tests/golden/nat"

static void add_addresses(struct strv *to)
{
    cunik_strv_split(to, "127.0.0.1 192.0.2.1 192.0.2.5 10.0.0.1 fd00:1::1 fd00:1::2", " ");
}

static const json_t *find_elements(void *ctx, const char *name, bool map)
{
    const json_t *listing = ctx, *found = NULL;

    for (size_t i = 0; !found && i < json_array_size(listing); i++) {
        const json_t *set = json_object_get(json_array_get(listing, i), map ? "map" : "set");
        if (set && strcmp(json_string_value(json_object_get(set, "name")), name) == 0)
            found = json_object_get(set, "elem");
    }
    return found;
}

static bool read_listing(json_t *listing, const struct strv *addresses, struct strv *ret)
{
    const struct nat_elements elements = {find_elements, listing};
    bool all = cunik_nat_read(listing, &elements, addresses, ret);

    cunik_strv_sort(ret);
    return all;
}

static json_t *parse(const char *text)
{
    _cleanup_error_ struct error *err = NULL;
    _cleanup_json_ json_t *all = NULL;

    test_ok(cunik_json_parse(text, strlen(text), "the listing", &all, &err), err);
    return json_incref(json_object_get(all, "nftables"));
}

static void check_case(const char *name)
{
    _cleanup_free_ char *file = cunik_asprintf(FOLDER "/%s/listing.json", name);
    _cleanup_free_ char *path = cunik_asprintf(FOLDER "/%s/ports", name), *text = test_read(file);
    _cleanup_json_ json_t *listing = parse(text);
    _cleanup_strv_ struct strv addresses = {0}, found = {0};

    add_addresses(&addresses);
    cunik_strv_add(&found, "");
    assert_true(read_listing(listing, &addresses, &found));
    _cleanup_free_ char *joined = cunik_strv_join(&found, "\n");
    _cleanup_free_ char *lines = cunik_asprintf("%s\n", joined + 1);
    test_golden(path, lines);
}

static void test_cases(_unused_ void **state)
{
    _cleanup_strv_ struct strv cases = {0};

    test_folders(FOLDER, &cases);
    assert_true(cases.n >= 4);
    for (size_t i = 0; i < cases.n; i++)
        check_case(cases.items[i]);
}

/* Where the host's addresses are not known any may be one. */
static void test_no_addresses(_unused_ void **state)
{
    _cleanup_free_ char *text = test_read(FOLDER "/firewall/listing.json");
    _cleanup_json_ json_t *listing = parse(text);
    _cleanup_strv_ struct strv none = {0}, found = {0};

    assert_true(read_listing(listing, &none, &found));
    assert_true(
        cunik_strv_has(&found, "tcp 203.0.113.77 444 chain 'pre' of nftables' table 'ip wall'"));
}

static const char base[] = "{\"nftables\": [{\"chain\": {\"family\": \"ip\", \"table\": \"t\", "
                           "\"name\": \"c\", \"type\": \"nat\", \"hook\": \"prerouting\"}}";
#define RULE(expressions)                                                                          \
    ", {\"rule\": {\"table\": \"t\", \"chain\": \"c\", \"expr\": [" expressions "]}}"
#define TO_80                                                                                      \
    "{\"match\": {\"op\": \"==\", \"left\": {\"payload\": {\"protocol\": \"tcp\", \"field\": "     \
    "\"dport\"}}, \"right\": 80}}"

/* What cannot be read is passed over, and what is behind it is read. */
static void test_unreadable(_unused_ void **state)
{
    static const char *const rules[] = {
        "{\"xt\": null}",
        "{\"match\": null}",
        "{\"match\": {\"op\": \"==\", \"left\": 5}}",
        "{\"vmap\": {\"key\": {\"meta\": 7}, \"data\": \"@gone\"}}",
        "{\"vmap\": {\"key\": null, \"data\": {\"set\": [5, [], [{}, {\"jump\": {}}]]}}}",
        "{\"jump\": {\"target\": \"nowhere\"}}",
        "{\"jump\": {\"target\": \"c\"}}", /* the kernel has no such rings */
        "{\"dnat\": \"x\"}",
        "{\"dnat\": {\"addr\": {\"map\": {\"key\": {\"payload\": {\"protocol\": \"tcp\", "
        "\"field\": \"dport\"}}, \"data\": \"@gone\"}}}}",
        "7",
    };

    for (size_t i = 0; i < ARRAY_SIZE(rules); i++) {
        _cleanup_free_ char *text = cunik_asprintf(
            "%s" RULE("%s") RULE(TO_80 ", {\"redirect\": null}") "]}", base, rules[i]);
        _cleanup_json_ json_t *listing = parse(text);
        _cleanup_strv_ struct strv none = {0}, found = {0};
        assert_true(read_listing(listing, &none, &found));
        assert_int_equal(found.n, 1);
        assert_string_equal(found.items[0], "tcp 0.0.0.0 80 chain 'c' of nftables' table 'ip t'");
    }
}

/* Ways without end are given up, and that is said. */
static void test_too_many(_unused_ void **state)
{
    enum { RULES = 64 };
    _cleanup_buffer_ struct buffer b = {0};

    cunik_buffer_text_append(&b, base);
    for (int i = 0; i < RULES; i++)
        cunik_buffer_text_append(&b, RULE("{\"jump\": {\"target\": \"c\"}}"));
    cunik_buffer_text_append(&b, "]}");
    _cleanup_json_ json_t *listing = parse(cunik_buffer_text(&b));
    _cleanup_strv_ struct strv none = {0}, found = {0};
    assert_false(read_listing(listing, &none, &found));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_cases),
        cmocka_unit_test(test_no_addresses),
        cmocka_unit_test(test_unreadable),
        cmocka_unit_test(test_too_many),
    };
    return cmocka_run_group_tests_name("nat", tests, NULL, NULL);
}
