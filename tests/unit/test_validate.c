/* Validation: every mistake with its place, and a tree that the next phases can rely on. */
#include "tests/unit/compose_text.h"

#include "base/buffer.h"

/* One service with one line; a part of its message, "\n" where that ends, and what is left of the
 * service. */
static const struct {
    const char *line, *message, *left;
} cases[] = {
    {"image: nginx", NULL, "{image: nginx}"},
    {"image: 5", "f:1:25: services.web.image: must be a string, not an integer; put it in quotes",
     "{}"},
    {"image: [a]", "services.web.image: must be a string, not a list", "{}"},
    {"image: ", "services.web.image: must be a string, not empty", "{}"},
    {"imgae: a", "f:1:18: services.web.imgae: unknown key; did you mean 'image'?", "{}"},
    {"something: a", "services.web.something: unknown key", "{}"},
    {"x-own: [1, {a: b}]", NULL, "{x-own: [1, {a: b}]}"},
    {"scale: \"3\"", NULL, "{scale: 3}"},
    {"security_opt: [a, b, a]",
     "f:1:39: services.web.security_opt[2]: 'a' stands in the list already\n",
     "{security_opt: [a, b]}"},
    {"group_add: [1, '1']", NULL, "{group_add: [1, '1']}"},
    {"cap_add: [A, A]", NULL, "{cap_add: [A, A]}"},
    {"depends_on: [a, a]", "services.web.depends_on[1]: 'a' stands in the list already\n",
     "{depends_on: [a]}"},
    {"build: {ssh: [a, b=1, b=1]}", "services.web.build.ssh[2]: 'b=1' stands in the list already\n",
     "{build: {ssh: [a, b=1]}}"},
    {"cpu_percent: 101", "services.web.cpu_percent: must be less than or equal to 100\n", "{}"},
    {"oom_score_adj: -1001", "services.web.oom_score_adj: must be greater than or equal to -1000\n",
     "{}"},
    {"pull_policy: alway",
     "services.web.pull_policy: 'alway' is none of always, missing, never, build, if_not_present, "
     "refresh, daily, weekly, every_*; did you mean 'always'?\n",
     "{}"},
    {"extra_hosts: {h: [a, [x]]}", "services.web.extra_hosts.h[1]: must be a string, not a list\n",
     "{extra_hosts: {h: [a]}}"},
    {"provider: {options: {o: [x, {a: b}, 1]}}",
     "services.web.provider.options.o[1]: must be a string, not a mapping\n",
     "{provider: {options: {o: [x, 1]}}}"},
    {"logging: {options: {a: [x], b: 5}}",
     "services.web.logging.options.a: must be a string, not a list\n",
     "{logging: {options: {b: 5}}}"},
    {"ports: [80.0]", NULL, "{ports: [80]}"},
    {"scale: 1.5", "services.web.scale: must be a whole number, not a number\n", "{}"},
    {"scale: 3.0", NULL, "{scale: 3}"},
    {"scale: 1e300", "services.web.scale: must be a whole number, not a number\n", "{}"},
    {"scale: -1", "services.web.scale: must be greater than or equal to 0", "{}"},
    {"scale: three", "services.web.scale: failed to cast to expected type: invalid integer: three",
     "{}"},
    {"init: \"true\"", NULL, "{init: true}"},
    {"init: v", "services.web.init: failed to cast to expected type: invalid boolean: v", "{}"},
    {"cpus: \"1.5\"", NULL, "{cpus: 1.5}"},
    {"cpus: 2", NULL, "{cpus: 2}"},
    {"mem_limit: 64M", NULL, "{mem_limit: 67108864}"},
    {"mem_limit: 1.5gb", NULL, "{mem_limit: 1610612736}"},
    {"mem_limit: 4096", NULL, "{mem_limit: 4096}"},
    {"mem_limit: much", "invalid size: 'much'", "{}"},
    {"stop_grace_period: 1m30s", NULL, "{stop_grace_period: 1m30s}"},
    {"stop_grace_period: soon", "invalid duration 'soon'", "{}"},
    {"healthcheck: {intervall: 1s, retries: 3}",
     "services.web.healthcheck.intervall: unknown key; did you mean 'interval'?",
     "{healthcheck: {retries: 3}}"},
    {"depends_on: {db: {condition: service_helthy}}",
     "services.web.depends_on.db.condition: 'service_helthy' is none of", "{depends_on: {db: {}}}"},
    {"depends_on: {db: }", "services.web.depends_on.db: must be a mapping, not empty",
     "{depends_on: {db: {}}}"},
    {"depends_on: [a, [b]]", "services.web.depends_on[1]: must be a string, not a list",
     "{depends_on: [a]}"},
    {"networks: {a: , b: {aliases: x}}",
     "services.web.networks.b.aliases: must be a list of strings, not a string",
     "{networks: {a: null, b: {}}}"},
    {"networks: {\"a b\": }", "services.web.networks: invalid name 'a b'", "{networks: {}}"},
    {"environment: {A: 1, B: true, C: , D: [x]}",
     "services.web.environment.D: must be a string, not a list",
     "{environment: {A: 1, B: true, C: null}}"},
    {"ports: [80, \"81\", {target: 82, tarket: 1}, [1]]",
     "services.web.ports[2].tarket: unknown key; did you mean 'target'?",
     "{ports: [80, \"81\", {target: 82}]}"},
    {"deploy: ", NULL, "{deploy: null}"},
    {"command: ", NULL, "{command: null}"},
    {"ulimits: {nofile: \"5\", nproc: {soft: 1, hard: \"2\"}}", NULL,
     "{ulimits: {nofile: 5, nproc: {soft: 1, hard: 2}}}"},
    {"image: !reset 5", NULL, "{image: 5}"},
};

static void one_by_one(void **state _unused_)
{
    for (size_t i = 0; i < ARRAY_SIZE(cases); i++) {
        _cleanup_(cunik_tree_destroyp) struct tree *t = cunik_tree_create();
        _cleanup_diagnostics_ struct diagnostics d = {0};
        _cleanup_buffer_ struct buffer text = {0};
        cunik_buffer_printf(&text, "services: {web: {%s}}\n", cases[i].line);
        struct node *root = parse_text(t, text.data);
        cunik_validate(t, root, &d);
        if (!cases[i].message && d.n_errors)
            fail_msg("%s: %s", cases[i].line, d.items[0].message);
        if (cases[i].message) {
            if (!d.n_errors)
                fail_msg("%s: no mistake found", cases[i].line);
            _cleanup_free_ char *said = cunik_diagnostic_text(&d.items[0]);
            _cleanup_free_ char *message = cunik_asprintf("%s\n", said);
            if (!strstr(message, cases[i].message))
                fail_msg("'%s' is not in '%s'", cases[i].message, message);
        }
        const struct node *service = cunik_node_get(cunik_node_get(root, "services"), "web");
        assert_tree(t, service, cases[i].left);
    }
}

static void top_level(void **state _unused_)
{
    _cleanup_(cunik_tree_destroyp) struct tree *t = cunik_tree_create();
    _cleanup_diagnostics_ struct diagnostics d = {0};
    static const char *const messages[] = {
        "services.a: must be a mapping, not a string",
        "services: invalid name 'b c'",
        "networks.n: must be a mapping, not a list",
        "nonsense: unknown key",
    };
    struct node *root = parse_text(
        t, "services: {a: text, b c: {}, d: }\nnetworks: {n: [], m: }\nnonsense: 1\nx-y: 2\n");

    cunik_validate(t, root, &d);
    assert_messages(&d, messages, ARRAY_SIZE(messages));
    assert_tree(t, root, "{services: {a: {}, d: {}}, networks: {n: {}, m: null}, x-y: 2}");
}

static void no_mapping(void **state _unused_)
{
    static const char *const texts[] = {"- a\n", "text\n", "5\n", "null\n"};

    for (size_t i = 0; i < ARRAY_SIZE(texts); i++) {
        _cleanup_(cunik_tree_destroyp) struct tree *t = cunik_tree_create();
        _cleanup_diagnostics_ struct diagnostics d = {0};
        struct node *root = parse_text(t, texts[i]);
        cunik_validate(t, root, &d);
        assert_int_equal(d.n_errors, 1);
        assert_non_null(strstr(d.items[0].message, "top-level object must be a mapping"));
        assert_int_equal(root->kind, NODE_MAP);
    }
}

static void merged(void **state _unused_)
{
    static const char text[] =
        "version: '3'\n"
        "services:\n"
        "  a: {cap_add: [X], build: {args: {A: b}}, ports: [{published: 1}]}\n"
        "volumes: {v: {driver: local}}\n";
    static const char *const messages[] = {
        "f:3:52: services.a.ports[0]: missing property 'target'",
        "f:1:1: warning: version: has no effect",
        "f:3:7: warning: services.a.cap_add: is not supported and has no effect: in its guest",
        "f:3:29: warning: services.a.build.args: is not supported and has no effect",
    };
    _cleanup_(cunik_tree_destroyp) struct tree *t = cunik_tree_create();
    _cleanup_diagnostics_ struct diagnostics d = {0}, strict = {.strict = true};
    struct node *root = long_text(t, text, &d);

    cunik_validate_merged(root, &d);
    assert_messages(&d, messages, ARRAY_SIZE(messages));
    assert_int_equal(d.n_errors, 1);
    cunik_validate_merged(root, &strict);
    assert_int_equal(strict.n_errors, 3);
}

int main(void)
{
    static const struct CMUnitTest tests[] = {
        cmocka_unit_test(one_by_one),
        cmocka_unit_test(top_level),
        cmocka_unit_test(no_mapping),
        cmocka_unit_test(merged),
    };
    return cmocka_run_group_tests_name("validate", tests, NULL, NULL);
}
