/* Merging by each field's own rule. Texts are of one service, or of the top level. */
#include "tests/unit/compose_text.h"

#include "base/buffer.h"
#include "compose/merge.h"

/* `base` and `over` are services, or whole documents when they begin with '@'. */
static const struct {
    const char *name, *base, *over, *merged;
} cases[] = {
    {"scalars are replaced", "{image: a, hostname: h}", "{image: b}", "{image: b, hostname: h}"},
    {"null changes nothing", "{ports: [80], labels: [a=b]}", "{deploy: , image: x}",
     "{image: x, ports: [{mode: ingress, target: 80, protocol: tcp}], labels: {a: b}, deploy: }"},
    {"commands are replaced", "{command: a b, entrypoint: [c, d]}", "{command: [e], entrypoint: }",
     "{command: [e], entrypoint: }"},
    {"healthchecks by key, the test whole", "{healthcheck: {test: [TCP, '1'], interval: 1s}}",
     "{healthcheck: {test: x y}}", "{healthcheck: {test: [CMD-SHELL, x y], interval: 1s}}"},
    {"environment by variable", "{environment: [A=1, B=1, C=1]}", "{environment: {B: 2, C: }}",
     "{environment: {A: '1', B: '2', C: }}"},
    {"ports by what they publish", "{ports: ['80:80', '127.0.0.1:81:81']}",
     "{ports: ['80:80', '81:81', {target: 82}]}",
     "{ports: [{mode: ingress, target: 80, published: '80', protocol: tcp},"
     " {host_ip: 127.0.0.1, mode: ingress, target: 81, published: '81', protocol: tcp},"
     " {mode: ingress, target: 81, published: '81', protocol: tcp}, {target: 82}]}"},
    {"volumes by target", "{volumes: ['/a:/x', '/b:/y']}", "{volumes: ['/c:/x:ro']}",
     "{volumes: [{type: bind, source: /c, target: /x, read_only: true, bind: {create_host_path: "
     "true}}, {type: bind, source: /b, target: /y, bind: {create_host_path: true}}]}"},
    {"dependencies by name", "{depends_on: {a: {condition: service_healthy, required: false}}}",
     "{depends_on: [b]}",
     "{depends_on: {a: {condition: service_healthy, required: false},"
     " b: {condition: service_started, required: true}}}"},
    {"a listed dependency is started and required",
     "{depends_on: {a: {condition: service_healthy}}}", "{depends_on: [a]}",
     "{depends_on: {a: {condition: service_started, required: true}}}"},
    {"networks by name", "{networks: [a, b]}", "{networks: {b: {aliases: [x]}, c: }}",
     "{networks: {a: , b: {aliases: [x]}, c: }}"},
    {"strings and lists append", "{dns: 1.1.1.1}", "{dns: [8.8.8.8, 1.1.1.1]}",
     "{dns: [1.1.1.1, 8.8.8.8]}"},
    {"profiles once", "{profiles: [a, b]}", "{profiles: [b, c]}", "{profiles: [a, b, c]}"},
    {"hosts once", "{extra_hosts: ['a:1.1.1.1']}", "{extra_hosts: {a: 1.1.1.1, b: 2.2.2.2}}",
     "{extra_hosts: [a=1.1.1.1, b=2.2.2.2]}"},
    {"logging of one driver", "{logging: {driver: a, options: {x: '1'}}}",
     "{logging: {options: {y: '2'}}}", "{logging: {driver: a, options: {x: '1', y: '2'}}}"},
    {"logging of another driver", "{logging: {driver: a, options: {x: '1'}}}",
     "{logging: {driver: b}}", "{logging: {driver: b}}"},
    {"limits", "{ulimits: {a: 1, b: {soft: 1, hard: 2}}}",
     "{ulimits: {a: {soft: 3, hard: 4}, b: 5}}", "{ulimits: {a: {soft: 3, hard: 4}, b: 5}}"},
    {"builds", "{build: .}", "{build: {target: x}}", "{build: {context: ., target: x}}"},
    {"reset", "{image: a, ports: [80], environment: {A: b, C: d}}",
     "{image: !reset null, ports: !reset [], environment: {A: !reset null}}",
     "{environment: {C: d}}"},
    {"override", "{ports: [80], environment: {A: b}}",
     "{ports: !override [], environment: !override [C=d]}", "{ports: [], environment: {C: d}}"},
    {"disks by path", "{unikernel: {kernel: a, disks: [x, y]}}",
     "{unikernel: {disks: [{path: x, root: true}, z]}}",
     "{unikernel: {kernel: a, disks: [{path: x, root: true}, {path: y}, {path: z}]}}"},
    {"both names of unikernel", "{unikernel: {kernel: a, initrd: b}}", "{x-unikernel: {kernel: c}}",
     "{unikernel: {kernel: c, initrd: b}}"},
    {"subnets by themselves",
     "@networks: {n: {ipam: {config: [{subnet: 10.0.0.0/24, gateway: g}]}}}",
     "@networks: {n: {ipam: {config: [{subnet: 10.0.0.0/24, ip_range: r}]}}}",
     "@networks: {n: {ipam: {config: [{subnet: 10.0.0.0/24, gateway: g, ip_range: r}]}}}"},
    {"extensions", "@x-a: {list: [1], one: 1}", "@x-a: {list: [2], one: 2}",
     "@x-a: {list: [1, 2], one: 2}"},
};

static struct node *document(struct tree *t, const char *text, struct diagnostics *d)
{
    _cleanup_free_ char *whole =
        text[0] == '@' ? cunik_strdup(text + 1) : cunik_asprintf("services: {s: %s}", text);

    return long_text(t, whole, d);
}

static void rules(void **state _unused_)
{
    for (size_t i = 0; i < ARRAY_SIZE(cases); i++) {
        _cleanup_(cunik_tree_destroyp) struct tree *t = cunik_tree_create();
        _cleanup_diagnostics_ struct diagnostics d = {0};
        _cleanup_free_ char *expected = cases[i].merged[0] == '@'
                                            ? cunik_strdup(cases[i].merged + 1)
                                            : cunik_asprintf("services: {s: %s}", cases[i].merged);
        struct node *merged = cunik_merge(t, NULL, document(t, cases[i].base, &d), &d);
        merged = cunik_merge(t, merged, document(t, cases[i].over, &d), &d);
        cunik_merge_unique(merged);
        if (d.n)
            fail_msg("%s: %s", cases[i].name, d.items[0].message);
        print_message("# %s\n", cases[i].name);
        assert_tree(t, merged, expected);
    }
}

static void kinds_that_do_not_mix(void **state _unused_)
{
    _cleanup_(cunik_tree_destroyp) struct tree *t = cunik_tree_create();
    _cleanup_diagnostics_ struct diagnostics d = {0};
    static const char *const messages[] = {"f:1:6: x-a: cannot override a list with a string"};

    cunik_merge(t, document(t, "@x-a: [1]", &d), document(t, "@x-a: text", &d), &d);
    assert_messages(&d, messages, 1);
}

/* Places survive, so that a later mistake is shown where it was written. */
static void places(void **state _unused_)
{
    _cleanup_(cunik_tree_destroyp) struct tree *t = cunik_tree_create();
    _cleanup_diagnostics_ struct diagnostics d = {0};
    struct node *merged = cunik_merge(t, document(t, "@services:\n  a:\n    image: x\n", &d),
                                      document(t, "@services: {a: {hostname: y}}\n", &d), &d);
    const struct node *a = cunik_node_get(cunik_node_get(merged, "services"), "a");

    assert_int_equal(cunik_node_get(a, "image")->place.line, 3);
    assert_int_equal(cunik_node_get(a, "hostname")->place.line, 1);
    assert_int_equal(cunik_node_get(a, "hostname")->key_place.column, 16);
}

int main(void)
{
    static const struct CMUnitTest tests[] = {
        cmocka_unit_test(rules),
        cmocka_unit_test(kinds_that_do_not_mix),
        cmocka_unit_test(places),
    };
    return cmocka_run_group_tests_name("merge", tests, NULL, NULL);
}
