/* The typed stack: what the canonical tree says, as lowering reads it. Mistakes between fields have
 * their golden folders (test_load.c). */
#include "tests/unit/compose_text.h"

#include "base/time.h"
#include "compose/normalise.h"
#include "compose/stack.h"

static void make(const char *text, const struct strv *enabled, struct stack *ret,
                 struct diagnostics *d)
{
    _cleanup_(cunik_tree_destroyp) struct tree *t = cunik_tree_create();
    _cleanup_variables_ struct variables v = {0};
    struct lookup lookup = cunik_variables_lookup(&v);
    struct node *root = long_text(t, text, d);

    cunik_normalise(t, root, "demo", "/work", &lookup, d);
    cunik_stack_from_tree(root, "demo", "/work", enabled, ret, d);
}

static const char everything[] =
    "services:\n"
    "  db:\n"
    "    image: redis\n"
    "    entrypoint: [run]\n"
    "    command: a 'b c'\n"
    "    environment: {A: '1', GONE: , B: ''}\n"
    "    healthcheck: {test: [TCP, '1'], interval: 2s, retries: 7}\n"
    "    restart: on-failure:4\n"
    "    scale: 1\n"
    "    cpus: 1.5\n"
    "    mem_limit: 64M\n"
    "    mac_address: 02-42-AC-11-00-02\n"
    "    networks: {low: , high: {priority: 5, ipv4_address: 10.0.0.9, aliases: [x]}}\n"
    "    ports: ['127.0.0.1:8080:80', '9000-9009:90/udp', '7']\n"
    "    stop_grace_period: 3s\n"
    "    hostname: h\n"
    "    container_name: cn\n"
    "    labels: [l=1]\n"
    "    unikernel: {kernel: /k, backend: linux, accel: tcg, params: {p: q},\n"
    "      disks: [{path: /d, mount: /m, readonly: true}, {path: /r, root: true}]}\n"
    "  web:\n"
    "    depends_on: {db: {condition: service_healthy, restart: true},\n"
    "      off: {condition: service_completed_successfully, required: false}}\n"
    "    deploy: {replicas: 3, resources: {limits: {memory: 1g}},\n"
    "      restart_policy: {delay: 2s, max_attempts: 3, window: 1m}}\n"
    "    networks: [low]\n"
    "    unikernel: {kernel: /w}\n"
    "  off: {profiles: [p, q], unikernel: {kernel: /o}}\n"
    "networks:\n"
    "  low: {internal: true, labels: {a: b}}\n"
    "  high: {ipam: {config: [{subnet: 10.0.0.0/24, gateway: 10.0.0.2}]}}\n"
    "  unused: {}\n";

static void check_db(const struct stack_service *db)
{
    assert_string_equal(db->image, "redis");
    assert_int_equal(db->entrypoint.n, 1);
    assert_string_equal(db->command.items[1], "b c");
    assert_int_equal(db->environment.n, 2);
    assert_string_equal(db->environment.items[1].key, "B");
    assert_int_equal(db->environment.items[0].place.line, 6);
    assert_string_equal(db->health.test.items[1], "1");
    assert_int_equal(db->health.interval_ns, 2 * NS_PER_SECOND);
    assert_int_equal(db->health.timeout_ns, 30 * NS_PER_SECOND);
    assert_int_equal(db->health.start_interval_ns, 5 * NS_PER_SECOND);
    assert_int_equal(db->health.retries, 7);
    assert_int_equal(db->restart, RESTART_ON_FAILURE);
    assert_int_equal(db->restart_max, 4);
    assert_true(db->cpus == 1.5);
    assert_int_equal(db->memory, 64 << 20);
    assert_int_equal(db->stop_grace_ns, 3 * NS_PER_SECOND);
    assert_string_equal(db->hostname, "h");
    assert_string_equal(db->container_name, "cn");
    assert_string_equal(db->labels.items[0].value, "1");
    assert_int_equal(db->place.line, 2);
    assert_string_equal(db->place.file, "f");
}

static void check_connections(const struct stack_service *db)
{
    assert_int_equal(db->n_networks, 2);
    assert_string_equal(db->networks[0].network, "high");
    assert_string_equal(db->networks[0].ipv4_address, "10.0.0.9");
    assert_string_equal(db->networks[0].mac_address, "02:42:ac:11:00:02");
    assert_string_equal(db->networks[0].aliases.items[0], "x");
    assert_string_equal(db->networks[1].mac_address, "");
    assert_int_equal(db->n_ports, 3);
    assert_string_equal(db->ports[0].host_ip, "127.0.0.1");
    assert_int_equal(db->ports[0].host_first, 8080);
    assert_int_equal(db->ports[0].host_last, 8080);
    assert_int_equal(db->ports[1].host_last, 9009);
    assert_string_equal(db->ports[1].protocol, "udp");
    assert_int_equal(db->ports[2].host_first, 0);
    assert_int_equal(db->ports[2].target, 7);
}

static void check_boot(const struct stack_unikernel *u)
{
    assert_string_equal(u->kernel, "/k");
    assert_string_equal(u->backend, "linux");
    assert_string_equal(u->accel, "tcg");
    assert_string_equal(u->initrd, "");
    assert_string_equal(u->params.items[0].value, "q");
    assert_int_equal(u->n_disks, 2);
    assert_string_equal(u->disks[0].mount, "/m");
    assert_true(u->disks[0].readonly && !u->disks[0].root);
    assert_true(u->disks[1].root && !u->disks[1].readonly);
}

static void typed(void **state _unused_)
{
    _cleanup_stack_ struct stack s = {0};
    _cleanup_diagnostics_ struct diagnostics d = {0};
    _cleanup_strv_ struct strv enabled = {0};

    cunik_strv_add(&enabled, "db");
    cunik_strv_add(&enabled, "web");
    make(everything, &enabled, &s, &d);
    assert_int_equal(d.n, 0);
    assert_int_equal(s.n_services, 2);
    check_db(&s.services[0]);
    check_connections(&s.services[0]);
    check_boot(&s.services[0].unikernel);

    const struct stack_service *web = cunik_stack_service(&s, "web");
    assert_int_equal(web->scale, 3);
    assert_int_equal(web->memory, 1 << 30);
    assert_int_equal(web->stop_grace_ns, 10 * NS_PER_SECOND);
    assert_int_equal(web->restart, RESTART_ALWAYS);
    assert_int_equal(web->restart_max, 3);
    assert_int_equal(web->restart_delay_ns, 2 * NS_PER_SECOND);
    assert_int_equal(web->restart_window_ns, 60 * NS_PER_SECOND);
    assert_int_equal(web->health.test.n, 0);
    assert_int_equal(web->n_depends, 2);
    assert_int_equal(web->depends[0].condition, DEPEND_HEALTHY);
    assert_true(web->depends[0].restart && web->depends[0].required);
    assert_int_equal(web->depends[1].condition, DEPEND_COMPLETED);
    assert_false(web->depends[1].required);

    assert_int_equal(s.n_disabled, 1);
    assert_string_equal(s.disabled[0].name, "off");
    assert_string_equal(s.disabled[0].profiles.items[1], "q");
    assert_int_equal(s.n_networks, 2);
    const struct stack_network *low = cunik_stack_network(&s, "low");
    assert_string_equal(low->name, "demo_low");
    assert_true(low->internal && !low->external);
    assert_string_equal(low->labels.items[0].key, "a");
    assert_string_equal(cunik_stack_network(&s, "high")->gateway, "10.0.0.2");
    assert_null(cunik_stack_network(&s, "unused"));
}

static void network_modes(void **state _unused_)
{
    _cleanup_stack_ struct stack s = {0};
    _cleanup_diagnostics_ struct diagnostics d = {0};

    make("services:\n"
         "  none: {network_mode: none, unikernel: {kernel: /k}}\n"
         "  host: {network_mode: host, unikernel: {kernel: /k}}\n",
         NULL, &s, &d);
    assert_int_equal(d.n_errors, 0);
    assert_int_equal(d.n, 1);
    assert_int_equal(s.services[0].n_networks, 0);
    assert_string_equal(s.services[1].networks[0].network, "default");
    assert_int_equal(s.n_networks, 1);
    assert_string_equal(s.networks[0].name, "demo_default");
}

static void no_healthcheck(void **state _unused_)
{
    static const char *const off[] = {"{disable: true, test: [TCP, '1']}", "{test: [NONE]}"};

    for (size_t i = 0; i < ARRAY_SIZE(off); i++) {
        _cleanup_stack_ struct stack s = {0};
        _cleanup_diagnostics_ struct diagnostics d = {0};
        _cleanup_free_ char *text =
            cunik_asprintf("services: {a: {healthcheck: %s, unikernel: {kernel: /k}}}", off[i]);
        make(text, NULL, &s, &d);
        assert_int_equal(d.n, 0);
        assert_int_equal(s.services[0].health.test.n, 0);
    }
}

static void scaling(void **state _unused_)
{
    static const char text[] =
        "services:\n"
        "  free: {ports: ['80', '8000-8009:81'], unikernel: {kernel: /k}}\n"
        "  port: {ports: ['80:80'], unikernel: {kernel: /k}}\n"
        "  name: {container_name: nn, unikernel: {kernel: /k}}\n"
        "  address: {networks: {n: {ipv4_address: 10.0.0.5}}, unikernel: {kernel: /k}}\n"
        "networks: {n: {ipam: {config: [{subnet: 10.0.0.0/24}]}}}\n";
    static const struct {
        const char *service, *message;
    } wrong[] = {
        {"port", "cannot share the published port 80; publish a range, \"80-81:80\", or "
                 "the guest's port alone, \"80\""},
        {"name", "container name must be unique"},
        {"address", "cannot share the address 10.0.0.5"},
        {"absent", "no such service: absent"},
    };
    _cleanup_stack_ struct stack s = {0};
    _cleanup_diagnostics_ struct diagnostics d = {0};
    _cleanup_error_ struct error *err = NULL;

    make(text, NULL, &s, &d);
    assert_int_equal(d.n, 0);
    test_ok(cunik_stack_set_scale(&s, "free", 5, &err), err);
    assert_int_equal(cunik_stack_service(&s, "free")->scale, 5);
    test_ok(cunik_stack_set_scale(&s, "port", 0, &err), err);
    assert_true(cunik_stack_set_scale(&s, "free", -1, NULL) < 0);
    for (size_t i = 0; i < ARRAY_SIZE(wrong); i++) {
        _cleanup_error_ struct error *mistake = NULL;
        assert_true(cunik_stack_set_scale(&s, wrong[i].service, 2, &mistake) < 0);
        assert_int_equal(mistake->code, ERROR_INVALID);
        assert_non_null(strstr(mistake->message, wrong[i].message));
    }
}

static void made_by_hand(void **state _unused_)
{
    _cleanup_stack_ struct stack s = {.name = cunik_strdup("demo")};
    const struct stack_service *a = cunik_stack_add_service(&s, "a");
    const struct stack_network *n = cunik_stack_add_network(&s, "n");

    assert_string_equal(a->hostname, "");
    assert_string_equal(a->unikernel.kernel, "");
    assert_int_equal(a->scale, 1);
    assert_string_equal(n->name, "demo_n");
    assert_string_equal(n->driver, "bridge");
}

int main(void)
{
    static const struct CMUnitTest tests[] = {
        cmocka_unit_test(typed),          cmocka_unit_test(network_modes),
        cmocka_unit_test(no_healthcheck), cmocka_unit_test(scaling),
        cmocka_unit_test(made_by_hand),
    };
    return cmocka_run_group_tests_name("stack", tests, NULL, NULL);
}
