/* The whole pure way, from a stack file to what the host would get: tests/golden/whole/CASE holds
 *
 *     cunik-compose.yaml      and, when the host has something of the stack already, actual.json
 *     expected.txt            the plan, the world, each new guest's domain, the rule set — or the
 * error
 *
 * @DIR@ stands for the folder of all cases. The host facts are the same for all cases.
 */
#include "tests/support/test.h"

#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "base/buffer.h"
#include "base/file.h"
#include "base/json.h"
#include "base/memory.h"
#include "compose/canonical.h"
#include "compose/load.h"
#include "compose/lower.h"
#include "engine/assign.h"
#include "engine/domain_xml.h"
#include "engine/plan.h"
#include "engine/world_boot.h"
#include "engine/world_rules.h"

static void section(struct buffer *b, const char *title, const char *text)
{
    cunik_buffer_printf(b, "=== %s\n%s%s", title, text,
                        *text && text[strlen(text) - 1] == '\n' ? "" : "\n");
}

static bool is_ours(void *ctx _unused_, const struct world_network *n)
{
    return !n->external;
}

static bool takes_ipv6(_unused_ void *ctx, const struct world_cunik *c)
{
    const struct backend *backend;

    return cunik_backend_find(c->boot.backend, NULL, &backend, NULL) == 0 && backend->ipv6;
}

static int put_domains(const struct world *desired, const struct plan *plan, struct buffer *b,
                       struct error **err)
{
    for (size_t i = 0; i < plan->n; i++) {
        const struct world_cunik *c = cunik_world_cunik(desired, plan->steps[i].name);
        struct kernel kernel = {0};
        struct boot boot = {0};
        int r;
        if (plan->steps[i].kind != PLAN_CUNIK || !c ||
            (plan->steps[i].verb != PLAN_CREATE && plan->steps[i].verb != PLAN_RECREATE))
            continue;
        r = cunik_kernel_read(c->boot.kernel, &kernel, err);
        if (r == 0)
            r = cunik_world_boot(c, desired, &kernel, "/images/kernel", "/images/initrd", &boot,
                                 err);
        if (r < 0) {
            cunik_kernel_done(&kernel);
            return r;
        }
        const struct guest_user user = {.name = "", .group = ""};
        const struct domain_settings settings = {.user = &user,
                                                 .accel = "tcg",
                                                 .emulator = "",
                                                 .console = "/consoles/log",
                                                 .label = "{}"};
        _cleanup_free_ char *xml = cunik_domain_xml(c, &boot, &settings);
        _cleanup_free_ char *title = cunik_asprintf("domain %s", c->name);
        section(b, title, xml);
        cunik_boot_done(&boot);
        cunik_kernel_done(&kernel);
    }
    return 0;
}

static int put_rules(const struct world *desired, struct buffer *b, struct error **err)
{
    struct rules rules = {0};
    _cleanup_free_ char *text = NULL;
    const struct world_rules_facts facts = {is_ours, takes_ipv6, NULL};
    int r = cunik_world_rules(desired, "e1", false, &facts, &rules, err);

    if (r == 0)
        r = cunik_rules_make(&rules, &text, NULL, err);
    if (r == 0)
        section(b, "rules", text);
    cunik_rules_done(&rules);
    return r;
}

static char *replaced(const char *text, const char *from, const char *to)
{
    _cleanup_buffer_ struct buffer b = {0};

    for (const char *at; (at = strstr(text, from)); text = at + strlen(from)) {
        cunik_buffer_append(&b, text, (size_t)(at - text));
        cunik_buffer_text_append(&b, to);
    }
    cunik_buffer_text_append(&b, text);
    return cunik_buffer_take(&b);
}

static int read_actual(const char *folder, struct world *ret, struct error **err)
{
    _cleanup_free_ char *path = cunik_path_join(folder, "actual.json");
    _cleanup_json_ json_t *json = NULL;

    if (!cunik_file_exists(path))
        return 0;
    _cleanup_free_ char *all = cunik_path_folder(folder), *raw = test_read(path);
    _cleanup_free_ char *text = replaced(raw, "@DIR@", all);
    int r = cunik_json_parse(text, strlen(text), path, &json, err);

    return r < 0 ? r : cunik_world_from_json(json, ret, err);
}

static int lower_and_plan(const struct stack *s, const char *folder, struct buffer *b,
                          struct error **err)
{
    struct host_facts facts = {.engine = "e1", .first_port = 49152, .last_port = 65535};
    struct plan_options options = {.stack = s->name};
    _cleanup_world_ struct world desired = {0}, actual = {0};
    _cleanup_plan_ struct plan plan = {0};
    int r;

    cunik_strv_add(&facts.pools, "172.30.0.0/16");
    cunik_strv_add(&facts.routes, "10.0.0.0/16");
    cunik_strv_add(&facts.taken_ports, "tcp 127.0.0.1 9999");
    if ((r = read_actual(folder, &actual, err)) == 0 && (r = cunik_lower(s, &desired, err)) == 0 &&
        (r = cunik_assign(&desired, &actual, &facts, err)) == 0)
        r = cunik_plan_make(&actual, &desired, &options, &plan, err);
    cunik_strv_done(&facts.pools);
    cunik_strv_done(&facts.routes);
    cunik_strv_done(&facts.taken_ports);
    if (r < 0)
        return r;
    _cleanup_free_ char *plan_text = cunik_plan_text(&plan);
    _cleanup_json_ json_t *json = cunik_world_to_json(&desired);
    _cleanup_free_ char *world_text = cunik_json_text(json, JSON_INDENT(2));
    section(b, "plan", plan_text);
    for (size_t i = 0; i < plan.warnings.n; i++)
        cunik_buffer_printf(b, "warning: %s\n", plan.warnings.items[i]);
    section(b, "world", world_text);
    r = put_domains(&desired, &plan, b, err);
    return r < 0 ? r : put_rules(&desired, b, err);
}

static int put_case(const char *folder, struct buffer *b, struct error **err)
{
    char *const environment[] = {NULL};
    const struct load_options o = {.working_dir = folder, .environment = environment};
    _cleanup_diagnostics_ struct diagnostics d = {0};
    _cleanup_loaded_ struct loaded loaded = {0};
    _cleanup_stack_ struct stack s = {0};
    int r = cunik_load_stack(&o, &loaded, &s, &d, err);

    if (r < 0)
        return r;
    _cleanup_free_ char *config = cunik_canonical_yaml(&loaded);
    section(b, "config", config);
    return lower_and_plan(&s, folder, b, err);
}

static void cases(void **state _unused_)
{
    _cleanup_strv_ struct strv names = {0};
    _cleanup_free_ char *here = get_current_dir_name();

    _cleanup_free_ char *all = cunik_asprintf("%s/tests/golden/whole", here);

    test_folders(all, &names);
    assert_true(names.n >= 5);
    for (size_t i = 0; i < names.n; i++) {
        _cleanup_free_ char *folder =
            cunik_asprintf("%s/tests/golden/whole/%s", here, names.items[i]);
        _cleanup_free_ char *expected = cunik_path_join(folder, "expected.txt");
        _cleanup_error_ struct error *err = NULL;
        _cleanup_buffer_ struct buffer b = {0};
        if (put_case(folder, &b, &err) < 0) {
            _cleanup_free_ char *text = cunik_error_text(err);
            section(&b, "error", text);
        }
        _cleanup_free_ char *text = replaced(cunik_buffer_text(&b), all, "@DIR@");
        test_golden(expected, text);
    }
}

/* Which backend it is, only the kernel shows: so the engine says of each what it cannot do. */
static void test_tmpfs_told(void **state _unused_)
{
    for (size_t i = 0; i < cunik_n_backends; i++) {
        const char *backend = cunik_backends[i]->name;
        _cleanup_world_ struct world w = {0};
        _cleanup_error_ struct error *err = NULL;
        struct world_cunik *c = cunik_world_add_cunik(&w);
        struct kernel kernel = {.path = (char *)"/k", .bzimage = true};
        struct boot boot = {0};
        bool warned = false;
        cunik_replace(&c->name, "demo-web-1");
        cunik_replace(&c->boot.backend, backend);
        cunik_replace(&c->boot.kernel, "/k");
        struct world_mount *m = cunik_world_add_mount(c);
        m->kind = MOUNT_TMPFS;
        cunik_replace(&m->target, "/cache");
        if (cunik_world_boot(c, &w, &kernel, "/k", "", &boot, &err) < 0)
            continue; /* one that wants a kernel of its own, or disks */
        _cleanup_free_ char *wanted =
            cunik_asprintf("tmpfs: '/cache' has no effect: a guest of backend '%s' mounts its "
                           "memory file systems itself",
                           backend);
        for (size_t k = 0; k < boot.warnings.n; k++)
            warned = warned || strcmp(boot.warnings.items[k], wanted) == 0;
        assert_int_equal(warned, !cunik_backends[i]->tmpfs);
        assert_int_equal(strstr(boot.cmdline, "mount=tmpfs:/cache:tmpfs:rw:mode=1777") != NULL,
                         strcmp(backend, "linux") == 0);
        cunik_boot_done(&boot);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {cmocka_unit_test(cases), cmocka_unit_test(test_tmpfs_told)};

    return cmocka_run_group_tests(tests, NULL, NULL);
}
