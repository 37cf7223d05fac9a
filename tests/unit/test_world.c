#include "tests/support/test.h"

#include <errno.h>
#include <string.h>
#include <time.h>

#include "base/json.h"
#include "base/memory.h"
#include "base/time.h"
#include "engine/world.h"

static const char full[] =
    "{\"networks\":[{\"name\":\"demo_default\",\"stack\":\"demo\",\"key\":\"default\","
    "\"link\":\"ckb0\",\"subnet\":\"10.1.2.0/24\",\"gateway\":\"10.1.2.1\",\"internal\":true,"
    "\"labels\":{\"a\":\"b\"},\"status\":{\"up\":true,\"names_served\":true}}],"
    "\"cuniks\":[{\"name\":\"demo-web-1\",\"stack\":\"demo\",\"service\":\"web\",\"index\":1,"
    "\"uuid\":\"01234567-89ab-8def-8123-456789abcdef\",\"image\":\"nginx\",\"hostname\":\"web\","
    "\"command\":[\"a\",\"b c\"],\"environment\":{\"A\":\"\",\"PASSWORD\":\"x\",\"PORT\":\"80\"},"
    "\"unikernel\":{\"backend\":\"linux\",\"kernel\":\"/k\",\"initrd\":\"/i\",\"disks\":[{\"path\":"
    "\"/d\",\"mount\":\"/data\",\"readonly\":true}],\"cmdline\":\"quiet\",\"params\":{\"x\":\"1\"}}"
    ",\"mem_limit\":67108864,\"cpus\":1.5,\"networks\":[{\"network\":\"demo_default\",\"link\":"
    "\"ckt0\",\"mac\":\"52:54:00:00:00:01\",\"address\":\"10.1.2.3\",\"aliases\":[\"w\"]}],"
    "\"ports\":[{\"host_ip\":\"127.0.0.1\",\"published\":8080,\"target\":80,\"protocol\":\"tcp\"}],"
    "\"healthcheck\":{\"test\":[\"TCP\",\"80\"],\"interval\":\"1m30s\",\"retries\":3},"
    "\"restart\":\"on-failure\",\"restart_max\":3,\"stop_grace_period\":\"10s\",\"depends_on\":"
    "[{\"service\":\"db\",\"condition\":\"service_healthy\",\"required\":false}],\"labels\":"
    "{\"l\":\"1\"},\"status\":{\"state\":\"running\",\"health\":\"healthy\",\"exit_code\":-1,"
    "\"pid\":7,\"reason\":\"so\"}}],\"services\":[\"idle\"],\"status\":{\"ports_published\":true}}";

static void read_world(const char *text, struct world *ret)
{
    _cleanup_error_ struct error *err = NULL;
    _cleanup_json_ json_t *json = NULL;

    test_ok(cunik_json_parse(text, strlen(text), "test", &json, &err), err);
    test_ok(cunik_world_from_json(json, ret, &err), err);
}

static char *write_world(const struct world *w)
{
    _cleanup_json_ json_t *json = cunik_world_to_json(w);

    return cunik_json_text(json, JSON_COMPACT);
}

static void test_round_trip(_unused_ void **state)
{
    _cleanup_world_ struct world w = {0}, copy = {0};

    read_world(full, &w);
    assert_int_equal(w.cuniks[0].depends[0].condition, DEPEND_HEALTHY);
    assert_false(w.cuniks[0].depends[0].required);
    assert_int_equal(w.cuniks[0].health.interval_ns, 90000000000);
    assert_true(w.networks[0].names_served && w.ports_published);
    _cleanup_free_ char *text = write_world(&w);
    assert_string_equal(text, full);
    cunik_world_copy(&copy, &w);
    cunik_world_done(&w);
    _cleanup_free_ char *again = write_world(&copy);
    assert_string_equal(again, full);
}

/* A copy can be added to as the original can. */
static void test_copy_grows(_unused_ void **state)
{
    _cleanup_world_ struct world w = {0}, copy = {0};

    for (size_t n = 0; n < 20; n++) {
        cunik_world_copy(&copy, &w);
        for (size_t i = 0; i < 5; i++) {
            cunik_world_add_cunik(&copy);
            cunik_world_add_port(&copy.cuniks[0]);
            cunik_world_pair_add(&copy.cuniks[0].labels, "k", "v");
        }
        cunik_world_done(&copy);
        cunik_world_add_cunik(&w);
        cunik_world_add_port(&w.cuniks[0]);
        char key[] = {(char)('z' - n), 0};
        cunik_world_pair_add(&w.cuniks[0].labels, key, "v");
    }
    for (size_t i = 1; i < w.cuniks[0].labels.n; i++)
        assert_true(strcmp(w.cuniks[0].labels.items[i - 1].key, w.cuniks[0].labels.items[i].key) <
                    0);
    assert_string_equal(w.cuniks[7].name, "");
    assert_true(cunik_world_add_depend(&w.cuniks[0])->required);
}

/* One edit of the JSON text and the reasons it has to give. */
static void test_reasons(_unused_ void **state)
{
    static const struct {
        const char *from, *to, *recreate, *update;
    } cases[] = {
        {"\"PORT\":\"80\"", "\"PORT\":\"8080\"", "environment.PORT \"80\" → \"8080\"", ""},
        {"\"PASSWORD\":\"x\"", "\"PASSWORD\":\"yy\"", "environment.PASSWORD changed", ""},
        {",\"PASSWORD\":\"x\"", "", "environment.PASSWORD removed", ""},
        {"\"A\":\"\"", "\"A\":\"\",\"DB_TOKEN\":\"s\"", "environment.DB_TOKEN added", ""},
        {"\"A\":\"\"", "\"A\":\"\",\"B\":\"s\"", "environment.B added \"s\"", ""},
        {"\"A\":\"\",", "", "environment.A removed \"\"", ""},
        {"\"b c\"", "\"b\"", "command[1] \"b c\" → \"b\"", ""},
        {"\"b c\"", "\"b c\",\"d\"", "command added \"d\"", ""},
        {",\"b c\"", "", "command removed \"b c\"", ""},
        {"nginx", "nginx:2", "image \"nginx\" → \"nginx:2\"", ""},
        {"67108864", "134217728", "mem_limit 64M → 128M", ""},
        {"\"cpus\":1.5", "\"cpus\":2.0", "cpus 1.5 → 2", ""},
        {"\"/k\"", "\"/k2\"", "unikernel.kernel \"/k\" → \"/k2\"", ""},
        {"\"readonly\":true", "\"root\":true",
         "unikernel.disks[0].readonly true → false; unikernel.disks[0].root false → true", ""},
        {"\"10.1.2.3\"", "\"10.1.2.4\"", "networks.default.address \"10.1.2.3\" → \"10.1.2.4\"",
         ""},
        {"[\"w\"]", "[\"x\"]", "",
         "networks.default.aliases removed \"w\"; "
         "networks.default.aliases added \"x\""},
        {"\"demo_default\",\"link\":\"ckt0\"", "\"other\",\"link\":\"ckt0\"",
         "networks.default removed; networks.other added", ""},
        {"\"published\":8080", "\"published\":81", "",
         "ports.127.0.0.1:80/tcp.published 8080 → 81"},
        {"\"target\":80", "\"target\":81", "",
         "ports.127.0.0.1:80/tcp removed; ports.127.0.0.1:81/tcp added"},
        {"\"1m30s\"", "\"30s\"", "", "healthcheck.interval 1m30s → 30s"},
        {"\"TCP\",\"80\"", "\"TCP\",\"81\"", "", "healthcheck.test[1] \"80\" → \"81\""},
        {"on-failure", "always", "", "restart on-failure → always"},
        {"\"10s\"", "\"1s\"", "", "stop_grace_period 10s → 1s"},
        {"service_healthy", "service_started", "",
         "depends_on.db.condition service_healthy → service_started"},
        {"\"l\":\"1\"", "\"l\":\"2\"", "", "labels.l \"1\" → \"2\""},
        /* To be assigned, or only seen: no difference. */
        {"\"published\":8080,", "", "", ""},
        {",\"address\":\"10.1.2.3\"", "", "", ""},
        {"\"link\":\"ckt0\",", "", "", ""},
        {"\"pid\":7", "\"pid\":8", "", ""},
        {"\"state\":\"running\"", "\"state\":\"exited\"", "", ""},
    };

    for (size_t i = 0; i < ARRAY_SIZE(cases); i++) {
        _cleanup_world_ struct world a = {0}, b = {0};
        _cleanup_strv_ struct strv recreate = {0}, update = {0};
        const char *place = strstr(full, cases[i].from);
        assert_non_null(place);
        _cleanup_free_ char *text = cunik_asprintf("%.*s%s%s", (int)(place - full), full,
                                                   cases[i].to, place + strlen(cases[i].from));
        read_world(full, &a);
        read_world(text, &b);
        cunik_world_cunik_diff(&a.cuniks[0], &b.cuniks[0], &recreate, &update);
        _cleanup_free_ char *r = cunik_strv_join(&recreate, "; ");
        _cleanup_free_ char *u = cunik_strv_join(&update, "; ");
        assert_string_equal(r, cases[i].recreate);
        assert_string_equal(u, cases[i].update);
    }
}

static void test_long_values_are_cut(_unused_ void **state)
{
    _cleanup_world_ struct world w = {0};
    _cleanup_strv_ struct strv recreate = {0}, update = {0};
    struct world_cunik *a = cunik_world_add_cunik(&w);

    cunik_strv_add(&a->command, "\n\"\\\x01");
    cunik_strv_take(&a->command, cunik_asprintf("%0200d", 0));
    a = cunik_world_add_cunik(&w);
    cunik_world_cunik_diff(&w.cuniks[0], a, &recreate, &update);
    assert_int_equal(recreate.n, 2);
    assert_string_equal(recreate.items[0], "command removed \"\\n\\\"\\\\\\x01\"");
    assert_true(strlen(recreate.items[1]) < 100);
    assert_non_null(strstr(recreate.items[1], "…"));
}

static void test_network_reasons(_unused_ void **state)
{
    _cleanup_world_ struct world a = {0}, b = {0};
    _cleanup_strv_ struct strv recreate = {0}, update = {0};

    read_world(full, &a);
    read_world(full, &b);
    b.networks[0].internal = false;
    b.networks[0].up = false;
    cunik_replace(&b.networks[0].subnet, "10.1.3.0/24");
    cunik_world_pair_add(&b.networks[0].labels, "a", "c");
    cunik_world_network_diff(&a.networks[0], &b.networks[0], &recreate, &update);
    assert_int_equal(recreate.n, 2);
    assert_string_equal(recreate.items[0], "subnet \"10.1.2.0/24\" → \"10.1.3.0/24\"");
    assert_string_equal(recreate.items[1], "internal true → false");
    assert_int_equal(update.n, 1);
    assert_string_equal(update.items[0], "labels.a \"b\" → \"c\"");
}

/* One edit that makes it wrong, and what the error says. */
static void test_bad_json(_unused_ void **state)
{
    static const struct {
        const char *from, *to, *message;
    } cases[] = {
        {"\"demo-web-1\"", "\"../x\"", "'cuniks[0].name' must be a name"},
        {"\"demo-web-1\"", "\"\"", "'cuniks[0].name' must be given"},
        {"\"name\":\"demo-web-1\",", "", "'cuniks[0].name' must be given"},
        {"\"demo-web-1\"", "7", "'cuniks[0].name' must be a string"},
        {"\"stack\":\"demo\",\"service\"", "\"stack\":\"De\",\"service\"", "'cuniks[0].stack'"},
        {"\"service\":\"web\"", "\"service\":\"w/b\"", "'cuniks[0].service'"},
        {"\"index\":1", "\"index\":0", "'cuniks[0].index' must be between 1 and 1000000"},
        {"\"index\":1", "\"index\":1.5", "'cuniks[0].index' must be a whole number"},
        {"\"ckt0\"", "\"0123456789abcdef\"", "'cuniks[0].networks[0].link' must be a link's name"},
        {"\"ckt0\"", "\"a/b\"", "'cuniks[0].networks[0].link'"},
        {"52:54:00", "53:54:00", "'cuniks[0].networks[0].mac'"},
        {"\"10.1.2.3\"", "\"10.1.2\"", "'cuniks[0].networks[0].address' must be an IPv4 address"},
        {"10.1.2.0/24", "10.1.2.1/24", "'networks[0].subnet' must be an IPv4 subnet"},
        {"\"/k\"", "\"k\"", "'cuniks[0].unikernel.kernel' must be an absolute path"},
        {"\"/k\"", "\"/k\\n\"", "'cuniks[0].unikernel.kernel' must be an absolute path"},
        {"67108864", "-1", "'cuniks[0].mem_limit' must be not negative"},
        {"8080", "65536", "'cuniks[0].ports[0].published' must be between 0 and 65535"},
        {"\"target\":80", "\"target\":0", "'cuniks[0].ports[0].target'"},
        {"\"tcp\"", "\"sctp\"", "'cuniks[0].ports[0].protocol' must be tcp or udp"},
        {"on-failure", "sometimes", "'cuniks[0].restart' must be one of no, always"},
        {"\"1m30s\"", "\"soon\"", "'cuniks[0].healthcheck.interval' must be a duration"},
        {"\"PORT\":\"80\"", "\"PORT\":80", "'cuniks[0].environment.PORT' must be a string"},
        {"\"PORT\"", "\"A=B\"", "must be a key without '='"},
        {"[\"a\",\"b c\"]", "\"a\"", "'cuniks[0].command' must be a list of strings"},
        {"[\"a\",\"b c\"]", "[\"a\",1]", "'cuniks[0].command[1]' must be a string"},
        {"\"image\"", "\"imagee\"", "unknown key 'cuniks[0].imagee'"},
        {"\"required\":false", "\"required\":0", "'cuniks[0].depends_on[0].required' must be true"},
        {"}],\"cuniks\"", "},7],\"cuniks\"", "'networks[1]' must be an object"},
        {"\"cpus\":1.5", "\"cpus\":-1", "'cuniks[0].cpus'"},
    };

    for (size_t i = 0; i < ARRAY_SIZE(cases); i++) {
        _cleanup_world_ struct world w = {0};
        _cleanup_error_ struct error *err = NULL;
        _cleanup_json_ json_t *json = NULL;
        const char *place = strstr(full, cases[i].from);
        assert_non_null(place);
        _cleanup_free_ char *text = cunik_asprintf("%.*s%s%s", (int)(place - full), full,
                                                   cases[i].to, place + strlen(cases[i].from));
        test_ok(cunik_json_parse(text, strlen(text), "test", &json, &err), err);
        if (cunik_world_from_json(json, &w, &err) != -EINVAL)
            fail_msg("%s was taken", cases[i].to);
        if (!strstr(err->message, cases[i].message))
            fail_msg("'%s' does not have '%s'", err->message, cases[i].message);
        assert_int_equal(w.n_cuniks, 0);
    }
}

static void test_bounds(_unused_ void **state)
{
    _cleanup_world_ struct world w = {0}, back = {0};
    _cleanup_error_ struct error *err = NULL;

    read_world(full, &w);
    for (size_t i = 0; i < 70; i++)
        cunik_replace(&cunik_world_add_interface(&w.cuniks[0])->network, "n");
    _cleanup_json_ json_t *json = cunik_world_to_json(&w);
    assert_int_equal(cunik_world_from_json(json, &back, &err), -EINVAL);
    assert_non_null(strstr(err->message, "'cuniks[0].networks' must be at most 64 elements"));
}

static void test_same_names(_unused_ void **state)
{
    _cleanup_world_ struct world w = {0}, back = {0};
    _cleanup_error_ struct error *err = NULL;

    read_world(full, &w);
    _cleanup_json_ json_t *json = cunik_world_to_json(&w);
    json_t *list = json_object_get(json, "cuniks");
    json_array_append(list, json_array_get(list, 0));
    assert_int_equal(cunik_world_from_json(json, &back, &err), -EINVAL);
    assert_string_equal(err->message, "two cuniks are named 'demo-web-1'");
}

static double seconds(void)
{
    return (double)cunik_time_now(CLOCK_PROCESS_CPUTIME_ID) / NS_PER_SECOND;
}

/* Ten thousand cuniks to JSON text and back, copied and compared. */
static void test_many(_unused_ void **state)
{
    _cleanup_world_ struct world one = {0}, w = {0}, back = {0}, copy = {0};
    _cleanup_error_ struct error *err = NULL;
    _cleanup_json_ json_t *json = NULL, *parsed = NULL;

    read_world(full, &one);
    for (size_t i = 0; i < 10000; i++) {
        struct world_cunik *c = ARRAY_APPEND(w.cuniks, w.n_cuniks);
        cunik_world_cunik_copy(c, &one.cuniks[0]);
        free(c->name);
        c->name = cunik_asprintf("demo-web-%zu", i + 1);
        c->index = (int64_t)i + 1;
    }
    double begin = seconds();
    json = cunik_world_to_json(&w);
    double made = seconds();
    _cleanup_free_ char *text = cunik_json_text(json, JSON_COMPACT);
    test_ok(cunik_json_parse(text, strlen(text), "test", &parsed, &err), err);
    double parsed_at = seconds();
    test_ok(cunik_world_from_json(parsed, &back, &err), err);
    double read = seconds();
    cunik_world_copy(&copy, &back);
    for (size_t i = 0; i < w.n_cuniks; i++) {
        _cleanup_strv_ struct strv recreate = {0}, update = {0};
        cunik_world_cunik_diff(&copy.cuniks[i], &w.cuniks[i], &recreate, &update);
        assert_int_equal(recreate.n + update.n, 0);
    }
    print_message("# 10,000 cuniks: to JSON %.3f s, text and parse %.3f s, from JSON %.3f s, copy "
                  "and compare %.3f s\n",
                  made - begin, parsed_at - made, read - parsed_at, seconds() - read);
}

/* A label or a wish that a newer engine has written is read for what is known of it. */
static void test_kept_keys(_unused_ void **state)
{
    static const char text[] =
        "{\"name\":\"a-b-1\",\"stack\":\"a\",\"service\":\"b\",\"index\":1,"
        "\"novel\":{\"x\":1},\"networks\":[{\"network\":\"n\",\"speed\":7}]}";
    _cleanup_json_ json_t *json = json_loads(text, 0, NULL);
    _cleanup_error_ struct error *err = NULL;
    struct world_cunik c = {0};

    assert_non_null(json);
    assert_true(cunik_world_cunik_from_json(json, &c, NULL) < 0);
    test_ok(cunik_world_cunik_from_kept(json, &c, &err), err);
    assert_string_equal(c.service, "b");
    assert_int_equal(c.n_interfaces, 1);
    cunik_world_cunik_done(&c);
    /* What is known must still be right. */
    json_object_set_new(json, "index", json_string("one"));
    assert_true(cunik_world_cunik_from_kept(json, &c, NULL) < 0);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_kept_keys),
        cmocka_unit_test(test_round_trip),
        cmocka_unit_test(test_copy_grows),
        cmocka_unit_test(test_reasons),
        cmocka_unit_test(test_long_values_are_cut),
        cmocka_unit_test(test_network_reasons),
        cmocka_unit_test(test_bad_json),
        cmocka_unit_test(test_bounds),
        cmocka_unit_test(test_same_names),
        cmocka_unit_test(test_many),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
