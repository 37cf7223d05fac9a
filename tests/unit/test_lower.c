#include "tests/support/test.h"

#include <string.h>

#include "base/json.h"
#include "base/memory.h"
#include "compose/load.h"
#include "compose/lower.h"
#include "compose/one_off.h"

static void load_and_lower(const char *path, struct stack *ret, struct world *ret_world)
{
    _cleanup_strv_ struct strv files = {0};
    _cleanup_diagnostics_ struct diagnostics d = {0};
    _cleanup_error_ struct error *err = NULL;
    _cleanup_free_ char *here = realpath(".", NULL);
    struct load_options options = {.working_dir = here, .files = &files};

    cunik_strv_add(&files, path);
    test_ok(cunik_load_stack(&options, NULL, ret, &d, &err), err);
    test_ok(cunik_lower(ret, ret_world, &err), err);
}

static void assert_world(const struct world *w, const char *path)
{
    _cleanup_json_ json_t *json = cunik_world_to_json(w);
    _cleanup_free_ char *text = cunik_json_text(json, JSON_INDENT(2));
    _cleanup_free_ char *lines = cunik_asprintf("%s\n", text);

    test_golden(path, lines);
}

static void test_golden_world(void **state)
{
    _cleanup_stack_ struct stack s = {0};
    _cleanup_world_ struct world w = {0};

    (void)state;
    load_and_lower("tests/golden/lower/all/stack.yaml", &s, &w);
    assert_world(&w, "tests/golden/lower/all/world.json");
}

/* The world has a service's one-off beside what it had. */
static void test_one_off(void **state)
{
    _cleanup_stack_ struct stack s = {0};
    _cleanup_world_ struct world w = {0};
    _cleanup_strv_ struct strv command = {0}, environment = {0}, labels = {0}, publish = {0};
    _cleanup_error_ struct error *err = NULL;
    char *environ[] = {(char *)"B=ours", (char *)"C=3", NULL};

    (void)state;
    load_and_lower("tests/golden/lower/one-off/stack.yaml", &s, &w);
    cunik_strv_add(&command, "migrate");
    cunik_strv_add(&environment, "A=x=y");
    cunik_strv_add(&environment, "B");
    cunik_strv_add(&environment, "ABSENT");
    cunik_strv_add(&labels, "why");
    cunik_strv_add(&publish, "127.0.0.1:9090:90");
    const struct one_off o = {.of = "web",
                              .as = "web-run-1",
                              .command = &command,
                              .environment = &environment,
                              .labels = &labels,
                              .publish = &publish,
                              .environ = environ};
    test_ok(cunik_one_off_add(&s, &o, &w, &err), err);
    assert_world(&w, "tests/golden/lower/one-off/world.json");
}

static struct stack_service *add_service(struct stack *s, const char *name, int64_t scale)
{
    struct stack_service *service = cunik_stack_add_service(s, name);

    service->scale = scale;
    service->place = (struct place){.file = "f", .line = (unsigned)s->n_services};
    return service;
}

static void add_port(struct stack_service *s, uint16_t first, uint16_t last)
{
    *ARRAY_APPEND(s->ports, s->n_ports) = (struct stack_port){.host_ip = cunik_strdup(""),
                                                              .host_first = first,
                                                              .host_last = last,
                                                              .target = 80,
                                                              .protocol = cunik_strdup("tcp"),
                                                              .place = {"f", 9, 1}};
}

static void add_attachment(struct stack_service *s, const char *network)
{
    *ARRAY_APPEND(s->networks, s->n_networks) =
        (struct stack_attachment){.network = cunik_strdup(network),
                                  .ipv4_address = cunik_strdup(""),
                                  .ipv6_address = cunik_strdup(""),
                                  .interface_name = cunik_strdup(""),
                                  .mac_address = cunik_strdup("")};
}

static void init(struct stack *s)
{
    s->name = cunik_strdup("st");
}

static void assert_fails(const struct stack *s, const char *message)
{
    _cleanup_world_ struct world w = {0};
    _cleanup_error_ struct error *err = NULL;

    assert_int_equal(cunik_lower(s, &w, &err) < 0, true);
    _cleanup_free_ char *text = cunik_error_text(err);
    assert_string_equal(text, message);
    assert_int_equal(err->code, ERROR_INVALID);
    assert_int_equal(w.n_cuniks, 0);
}

static void test_ports(void **state)
{
    _cleanup_stack_ struct stack s = {0};
    _cleanup_world_ struct world w = {0};

    (void)state;
    init(&s);
    struct stack_service *web = add_service(&s, "web", 3);
    add_port(web, 8000, 8002);
    add_port(web, 0, 0);
    assert_int_equal(cunik_lower(&s, &w, NULL), 0);
    assert_int_equal(w.n_cuniks, 3);
    for (size_t i = 0; i < 3; i++) {
        assert_int_equal(w.cuniks[i].ports[0].host_port, 8000 + i);
        assert_int_equal(w.cuniks[i].ports[1].host_port, 0);
    }
    web->scale = 4;
    assert_fails(&s, "f:9:1: service 'web': 4 copies need as many published ports, the range "
                     "8000-8002 has only 3");
}

/* No test is told to what boots an image, which may have one. */
static void test_health(void **state _unused_)
{
    _cleanup_stack_ struct stack s = {0};
    _cleanup_world_ struct world w = {0};
    struct stack_service *service;

    init(&s);
    for (int i = 0; i < 4; i++) {
        _cleanup_free_ char *name = cunik_asprintf("s%d", i);
        service = add_service(&s, name, 1);
        cunik_replace(&service->image, "web");
        if (i == 1)
            cunik_replace(&service->unikernel.kernel, "/k");
        service->health.said = i != 3;
        service->health.disabled = i < 2;
        service->health.interval_ns = 7;
    }
    test_ok(cunik_lower(&s, &w, NULL), NULL);
    assert_int_equal(w.cuniks[0].health.test.n, 1);
    assert_string_equal(w.cuniks[0].health.test.items[0], "NONE");
    for (int i = 1; i < 4; i++) {
        assert_int_equal(w.cuniks[i].health.test.n, 0);
        assert_int_equal(w.cuniks[i].health.interval_ns, i == 2 ? 7 : 0);
    }
}

static void test_names(void **state)
{
    _cleanup_stack_ struct stack s = {0}, longer = {0};
    char name[130];

    (void)state;
    init(&s);
    add_service(&s, "web", 2);
    cunik_replace(&add_service(&s, "other", 1)->container_name, "st-web-2");
    s.services[1].container_name_place = (struct place){"f", 7, 3};
    assert_fails(&s, "f:7:3: service 'other': the name 'st-web-2' is another one's already");
    init(&longer);
    memset(name, 'n', sizeof(name) - 1);
    name[sizeof(name) - 1] = '\0';
    add_service(&longer, name, 1);
    _cleanup_free_ char *message = cunik_asprintf(
        "f:1:0: service '%s': the name 'st-%s-1' is longer than 128 characters", name, name);
    assert_fails(&longer, message);
}

static void test_host_names(void **state)
{
    _cleanup_stack_ struct stack s = {0};
    _cleanup_world_ struct world w = {0};
    char name[70];

    (void)state;
    init(&s);
    memset(name, 'n', sizeof(name) - 1);
    name[sizeof(name) - 1] = '\0';
    memcpy(name + 58, "..", 2); /* where the host name ends */
    add_service(&s, name, 1);
    cunik_replace(&add_service(&s, "named", 1)->hostname, "given");
    assert_int_equal(cunik_lower(&s, &w, NULL), 0);
    assert_int_equal(strlen(w.cuniks[0].hostname), 61);
    assert_int_equal(w.cuniks[0].hostname[60], 'n');
    assert_string_equal(w.cuniks[1].hostname, "given");
}

/* What the engine would not read is said with the place that it has in the file. */
static void test_refused(void **state)
{
    _cleanup_stack_ struct stack s = {0}, ports = {0}, networks = {0}, names = {0};

    (void)state;
    init(&s);
    cunik_stack_add_network(&s, "net");
    struct stack_service *web = add_service(&s, "web", 2);
    add_attachment(web, "net");
    cunik_strv_add(&web->networks[0].aliases, "fine");
    cunik_strv_add(&web->networks[0].aliases, "x\n10.0.0.1 other");
    assert_fails(&s, "f:1:0: service 'web': 'networks[0].aliases[1]' must be a host name");
    cunik_strv_done(&web->networks[0].aliases);
    cunik_replace(&web->unikernel.machine, "q35,accel=kvm");
    assert_fails(&s, "f:1:0: service 'web': 'unikernel.machine' must be a name of at most 128 "
                     "letters, digits and _ . -, beginning with a letter or digit");
    init(&ports);
    struct stack_service *many = add_service(&ports, "many", 1);
    for (size_t i = 0; i < 1025; i++)
        add_port(many, 0, 0);
    assert_fails(&ports, "f:1:0: service 'many': 'ports' must be at most 1024 elements");
    init(&networks);
    cunik_replace(&cunik_stack_add_network(&networks, "net")->name, "../net");
    networks.networks[0].place = (struct place){"f", 5, 3};
    assert_fails(&networks, "f:5:3: network 'net': 'name' must be a name of at most 128 letters, "
                            "digits and _ . -, beginning with a letter or digit");
    names.name = cunik_strdup("Upper");
    add_service(&names, "a", 1);
    assert_fails(&names, "f:1:0: service 'a': 'stack' must be a name of at most 64 lower-case "
                         "letters, digits and _ -, beginning with a letter or digit");
}

/* What is derived is the same each time, its own for each, and does not depend on other services.
 */
static void test_derived(void **state)
{
    _cleanup_stack_ struct stack s = {0}, more = {0};
    _cleanup_world_ struct world w = {0}, again = {0};

    (void)state;
    init(&s);
    init(&more);
    cunik_stack_add_network(&s, "net");
    cunik_stack_add_network(&more, "net");
    add_service(&more, "first", 2);
    add_attachment(add_service(&s, "web", 2), "net");
    add_attachment(add_service(&more, "web", 2), "net");
    assert_int_equal(cunik_lower(&s, &w, NULL), 0);
    assert_int_equal(cunik_lower(&more, &again, NULL), 0);
    const struct world_cunik *one = &w.cuniks[0], *two = &w.cuniks[1];
    assert_string_not_equal(one->uuid, two->uuid);
    assert_string_not_equal(one->interfaces[0].mac, two->interfaces[0].mac);
    assert_string_equal(one->uuid, again.cuniks[2].uuid);
    assert_string_equal(one->interfaces[0].mac, again.cuniks[2].interfaces[0].mac);
    assert_string_equal(one->interfaces[0].network, "st_net");
    unsigned first = (unsigned)strtoul(one->interfaces[0].mac, NULL, 16);
    assert_int_equal(first & 3, 2); /* locally administered, unicast */
}

/* 10,000 services in time that grows with them. */
static void test_large(void **state)
{
    enum { N = 10000 };
    _cleanup_stack_ struct stack s = {0};
    _cleanup_world_ struct world w = {0};

    (void)state;
    init(&s);
    cunik_stack_add_network(&s, "net");
    for (size_t i = 0; i < N; i++) {
        _cleanup_free_ char *name = cunik_asprintf("s%zu", i);
        add_attachment(add_service(&s, name, 1), "net");
    }
    assert_int_equal(cunik_lower(&s, &w, NULL), 0);
    assert_int_equal(w.n_cuniks, N);
    assert_string_equal(w.cuniks[N - 1].name, "st-s9999-1");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_golden_world), cmocka_unit_test(test_one_off),
        cmocka_unit_test(test_ports),        cmocka_unit_test(test_health),
        cmocka_unit_test(test_names),        cmocka_unit_test(test_host_names),
        cmocka_unit_test(test_refused),      cmocka_unit_test(test_derived),
        cmocka_unit_test(test_large),
    };

    return cmocka_run_group_tests_name("lower", tests, NULL, NULL);
}
