/* Short forms, long forms, paths and defaults. */
#include "tests/unit/compose_text.h"

#include "compose/normalise.h"
#include "compose/short_forms.h"

static const struct {
    const char *text;
    const char *words[5]; /* up to NULL */
    const char *rest;     /* where an operator of the shell ends it */
} lines[] = {
    {"a b  c", {"a", "b", "c"}, NULL},
    {"", {NULL}, NULL},
    {"  a\tb\n", {"a", "b"}, NULL},
    {"'a b' \"c d\"", {"a b", "c d"}, NULL},
    {"a'b'\"c\"d", {"abcd"}, NULL},
    {"'' \"\" x", {"", "", "x"}, NULL},
    {"a\\ b \\\"c", {"a b", "\"c"}, NULL},
    {"\"a \\\"b\\\"\"", {"a \"b\""}, NULL},
    {"'a\\b'", {"a\\b"}, NULL},
    {"a | b", {"a"}, "| b"},
    {"a 'x|y' \"p&q\"", {"a", "x|y", "p&q"}, NULL},
    {"u?a=1&b=2", {"u?a=1"}, "&b=2"},
    {"$(a b) `c d`", {"$(a b)", "`c d`"}, NULL},
};

static void words(void **state _unused_)
{
    static const char *const wrong[] = {"'a", "a \"b", "a\\", "(a)", "a)"};

    for (size_t i = 0; i < ARRAY_SIZE(lines); i++) {
        _cleanup_strv_ struct strv got = {0};
        _cleanup_error_ struct error *err = NULL;
        const char *rest;
        test_ok(cunik_short_words(lines[i].text, &got, &rest, &err), err);
        size_t n = 0;
        for (; lines[i].words[n]; n++)
            if (n >= got.n || strcmp(got.items[n], lines[i].words[n]) != 0)
                fail_msg("[%s]: word %zu is '%s'", lines[i].text, n,
                         n < got.n ? got.items[n] : "not there");
        assert_int_equal(got.n, n);
        if (lines[i].rest)
            assert_string_equal(rest, lines[i].rest);
        else
            assert_null(rest);
    }
    for (size_t i = 0; i < ARRAY_SIZE(wrong); i++) {
        _cleanup_strv_ struct strv got = {0};
        const char *rest;
        assert_true(cunik_short_words(wrong[i], &got, &rest, NULL) < 0);
        assert_int_equal(got.n, 0);
    }
}

static const struct {
    const char *text, *expected, *message;
} ports[] = {
    {"80", "[{mode: ingress, target: 80, protocol: tcp}]", NULL},
    {"80/UDP", "[{mode: ingress, target: 80, protocol: udp}]", NULL},
    {"8080:80", "[{mode: ingress, target: 80, published: '8080', protocol: tcp}]", NULL},
    {"8000-8010:80", "[{mode: ingress, target: 80, published: 8000-8010, protocol: tcp}]", NULL},
    {"7-8:17-18/sctp",
     "[{mode: ingress, target: 17, published: '7', protocol: sctp},"
     " {mode: ingress, target: 18, published: '8', protocol: sctp}]",
     NULL},
    {"1.2.3.4::80", "[{host_ip: 1.2.3.4, mode: ingress, target: 80, protocol: tcp}]", NULL},
    {"[::1]:5:6", "[{host_ip: '::1', mode: ingress, target: 6, published: '5', protocol: tcp}]",
     NULL},
    {"::1:5:6", "[{host_ip: '::1', mode: ingress, target: 6, published: '5', protocol: tcp}]",
     NULL},
    {"80-81",
     "[{mode: ingress, target: 80, protocol: tcp},"
     " {mode: ingress, target: 81, protocol: tcp}]",
     NULL},
    {"8080:", NULL, "No port specified: 8080:<empty>"},
    {"x", NULL, "Invalid containerPort: x"},
    {"70000", NULL, "Invalid containerPort: 70000"},
    {"80-80:8080", "[{mode: ingress, target: 8080, published: '80', protocol: tcp}]", NULL},
    {"9-8", NULL, "Invalid containerPort: 9-8: the range is upside down"},
    {"1-3:1-2", NULL, "invalid ranges specified for container and host Ports: 1-2 and 1-3"},
    {"1.2.3:1:1", NULL, "Invalid ip address: 1.2.3"},
    {"80/icmp", NULL, "Invalid proto: icmp"},
};

static void short_ports(void **state _unused_)
{
    for (size_t i = 0; i < ARRAY_SIZE(ports); i++) {
        _cleanup_(cunik_tree_destroyp) struct tree *t = cunik_tree_create();
        _cleanup_error_ struct error *err = NULL;
        struct node *list = cunik_node_list(t, NULL);
        int r = cunik_short_port(t, NULL, ports[i].text, list, &err);
        if (ports[i].expected) {
            test_ok(r, err);
            assert_tree(t, list, ports[i].expected);
        } else {
            assert_true(r < 0);
            assert_int_equal(list->n, 0);
            assert_non_null(strstr(err->message, ports[i].message));
        }
    }
}

static const struct {
    const char *text, *expected, *message;
} volumes[] = {
    {"/a", "{type: volume, target: /a}", NULL},
    {"/data", "{type: volume, target: /data, volume: {}}", NULL},
    {"vol:/data:nocopy", "{type: volume, source: vol, target: /data, volume: {nocopy: true}}",
     NULL},
    {"./a:/b:ro,Z",
     "{type: bind, source: ./a, target: /b, read_only: true,"
     " bind: {selinux: Z, create_host_path: true}}",
     NULL},
    {"C:\\a:/b", "{type: bind, source: 'C:\\a', target: /b, bind: {create_host_path: true}}", NULL},
    {"${X:-/a}:/b", "{type: volume, source: '${X:-/a}', target: /b, volume: {}}", NULL},
    {"", NULL, "invalid empty volume spec"},
    {"src::/b", NULL, "empty section between colons"},
    {"/a:/b:ro:x", NULL, "too many colons"},
};

static void short_volumes(void **state _unused_)
{
    for (size_t i = 0; i < ARRAY_SIZE(volumes); i++) {
        _cleanup_(cunik_tree_destroyp) struct tree *t = cunik_tree_create();
        _cleanup_error_ struct error *err = NULL;
        struct node *map = NULL;
        int r = cunik_short_volume(t, NULL, volumes[i].text, &map, &err);
        if (volumes[i].expected) {
            test_ok(r, err);
            assert_tree(t, map, volumes[i].expected);
        } else {
            assert_true(r < 0);
            assert_non_null(strstr(err->message, volumes[i].message));
        }
    }
}

static void paths(void **state _unused_)
{
    static const char text[] = "services:\n"
                               "  a:\n"
                               "    env_file: e\n"
                               "    build: {context: ../b}\n"
                               "    volumes: ['./c:/d', 'name:/e', '~/f:/g']\n"
                               "    unikernel: {kernel: k, initrd: /abs, disks: [d], firmware: r}\n"
                               "  b:\n"
                               "    build: https://example.org/x.git\n"
                               "secrets: {s: {file: t}}\n";
    _cleanup_(cunik_tree_destroyp) struct tree *t = cunik_tree_create();
    _cleanup_diagnostics_ struct diagnostics d = {0};
    struct node *root = long_text(t, text, &d);

    cunik_long_form_paths(t, root, "/p/q", "/file", "/home/me");
    assert_int_equal(d.n, 0);
    assert_tree(
        t, root,
        "services:\n"
        "  a:\n"
        "    env_file: [{path: /p/q/e}]\n"
        "    build: {context: /p/b}\n"
        "    volumes:\n"
        "    - {type: bind, source: /p/q/c, target: /d, bind: {create_host_path: true}}\n"
        "    - {type: volume, source: name, target: /e, volume: {}}\n"
        "    - {type: bind, source: /home/me/f, target: /g, bind: {create_host_path: true}}\n"
        "    unikernel: {kernel: /file/k, initrd: /abs, disks: [{path: /file/d}],"
        " firmware: /file/r}\n"
        "  b:\n"
        "    build: {context: 'https://example.org/x.git'}\n"
        "secrets: {s: {file: /p/q/t}}\n");
}

static struct node *normal(struct tree *t, const char *text, struct diagnostics *d)
{
    _cleanup_variables_ struct variables v = {0};
    struct node *root = long_text(t, text, d);

    cunik_variables_set(&v, "SET", "value");
    struct lookup lookup = cunik_variables_lookup(&v);
    cunik_normalise(t, root, "stack", "/work", &lookup, d);
    return root;
}

static void defaults(void **state _unused_)
{
    static const char text[] = "version: '3'\n"
                               "services:\n"
                               "  a:\n"
                               "    environment: [SET, UNSET, GIVEN=]\n"
                               "    labels: [l]\n"
                               "    depends_on: {b: {}}\n"
                               "    ports: [{target: 80}]\n"
                               "    env_file: e\n"
                               "    networks: [n]\n"
                               "    build: {args: [SET]}\n"
                               "  b:\n"
                               "    links: ['a:alias']\n"
                               "    network_mode: 'service:a'\n"
                               "  c: {pull_policy: if_not_present}\n"
                               "networks: {n: , e: {external: true}, m: {name: own}}\n"
                               "volumes: {v: }\n";
    _cleanup_(cunik_tree_destroyp) struct tree *t = cunik_tree_create();
    _cleanup_diagnostics_ struct diagnostics d = {0};
    struct node *root = normal(t, text, &d);

    assert_int_equal(d.n, 0);
    assert_tree(t, root,
                "name: stack\n"
                "services:\n"
                "  a:\n"
                "    environment: {SET: value, UNSET: null, GIVEN: ''}\n"
                "    labels: {l: ''}\n"
                "    depends_on: {b: {condition: service_started, required: true}}\n"
                "    ports: [{target: 80, protocol: tcp, mode: ingress}]\n"
                "    env_file: [{path: e, required: true}]\n"
                "    networks: {n: null}\n"
                "    build: {args: {SET: value}, context: /work, dockerfile: Dockerfile}\n"
                "  b:\n"
                "    links: ['a:alias']\n"
                "    network_mode: 'service:a'\n"
                "    depends_on:\n"
                "      a: {condition: service_started, required: true, restart: true}\n"
                "  c: {pull_policy: missing, networks: {default: null}}\n"
                "networks:\n"
                "  n: {name: stack_n}\n"
                "  e: {external: true, name: e}\n"
                "  m: {name: own}\n"
                "  default: {name: stack_default}\n"
                "volumes: {v: {name: stack_v}}\n");
}

/* The default network is there only when something is on it. */
static void no_default_network(void **state _unused_)
{
    _cleanup_(cunik_tree_destroyp) struct tree *t = cunik_tree_create();
    _cleanup_diagnostics_ struct diagnostics d = {0};
    struct node *root = normal(t,
                               "services: {a: {network_mode: none}, b: {networks: [n]}}\n"
                               "networks: {n: {}}\n",
                               &d);

    assert_null(cunik_node_get(cunik_node_get(root, "networks"), "default"));
}

static void conflicts(void **state _unused_)
{
    static const char *const messages[] = {
        "services.a.command: invalid command line string",
        "services.a.environment: environment variable A  is declared with a trailing space",
        "services.a.extra_hosts: invalid additional host, missing IP: host",
        "services.b: 'unikernel' and 'x-unikernel' are the same",
        "networks.n: name and external.name conflict; only use name",
    };
    _cleanup_(cunik_tree_destroyp) struct tree *t = cunik_tree_create();
    _cleanup_diagnostics_ struct diagnostics d = {0};

    long_text(t,
              "services:\n"
              "  a: {command: \"x 'y\", environment: ['A =1'], extra_hosts: [host]}\n"
              "  b: {unikernel: {kernel: a}, x-unikernel: {kernel: b}}\n",
              &d);
    long_text(t, "networks: {n: {name: a, external: {name: b}}}", &d);
    assert_int_equal(d.n_errors, 5);
    for (size_t i = 0, k = 0; i < d.n; i++) {
        _cleanup_free_ char *text = cunik_diagnostic_text(&d.items[i]);
        if (d.items[i].is_error && !strstr(text, messages[k++]))
            fail_msg("unexpected: %s", text);
    }
}

int main(void)
{
    static const struct CMUnitTest tests[] = {
        cmocka_unit_test(words),     cmocka_unit_test(short_ports),
        cmocka_unit_test(paths),     cmocka_unit_test(short_volumes),
        cmocka_unit_test(defaults),  cmocka_unit_test(no_default_network),
        cmocka_unit_test(conflicts),
    };
    return cmocka_run_group_tests_name("normalise", tests, NULL, NULL);
}
