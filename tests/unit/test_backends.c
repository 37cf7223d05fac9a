/* Finding a backend, and the matrix of boots: tests/golden/boot/CASE/settings.json becomes
 * boot.json or the message in error.txt. */
#include "tests/support/test.h"

#include <string.h>

#include "backends/backend.h"
#include "base/file.h"
#include "base/json.h"
#include "base/memory.h"

/* Texts of the settings, which only borrow; the JSON object outlives them. */
static const char *text_of(const json_t *object, const char *key)
{
    const char *text = json_string_value(json_object_get(object, key));

    return text ? text : "";
}

static struct boot_pair *read_pairs(const json_t *object, size_t *ret_n)
{
    struct boot_pair *pairs = NULL;
    const char *key;
    json_t *value;
    size_t n = 0;

    json_object_foreach ((json_t *)object, key, value) {
        struct boot_pair *p = ARRAY_APPEND(pairs, n);
        p->key = key;
        p->value = json_string_value(value);
    }
    *ret_n = n;
    return pairs;
}

static struct boot_interface *read_interfaces(const json_t *array, size_t *ret_n)
{
    struct boot_interface *items = NULL;
    json_t *value;
    size_t i, n = 0;

    json_array_foreach (array, i, value) {
        struct boot_interface *p = ARRAY_APPEND(items, n);
        p->address = text_of(value, "address");
        p->prefix_length = (unsigned)json_integer_value(json_object_get(value, "prefix_length"));
        p->gateway = text_of(value, "gateway");
        p->dns = text_of(value, "dns");
        p->mtu = (unsigned)json_integer_value(json_object_get(value, "mtu"));
        p->address6 = text_of(value, "address6");
        p->gateway6 = text_of(value, "gateway6");
        p->prefix_length6 = (unsigned)json_integer_value(json_object_get(value, "prefix_length6"));
        p->fixed6 = json_is_true(json_object_get(value, "fixed6"));
        p->name = text_of(value, "name");
    }
    *ret_n = n;
    return items;
}

static struct boot_disk *read_disks(const json_t *array, size_t *ret_n)
{
    struct boot_disk *items = NULL;
    json_t *value;
    size_t i, n = 0;

    json_array_foreach (array, i, value) {
        struct boot_disk *p = ARRAY_APPEND(items, n);
        p->path = text_of(value, "path");
        p->mount = text_of(value, "mount");
        p->readonly = json_is_true(json_object_get(value, "readonly"));
        p->root = json_is_true(json_object_get(value, "root"));
        p->volume = json_string_value(json_object_get(value, "volume"));
        p->filesystem = text_of(value, "filesystem");
        p->shared = json_is_true(json_object_get(value, "shared"));
    }
    *ret_n = n;
    return items;
}

static struct boot_tmpfs *read_tmpfs(const json_t *array, size_t *ret_n)
{
    struct boot_tmpfs *items = NULL;
    json_t *value;
    size_t i, n = 0;

    json_array_foreach (array, i, value) {
        struct boot_tmpfs *p = ARRAY_APPEND(items, n);
        p->mount = text_of(value, "mount");
        p->readonly = json_is_true(json_object_get(value, "readonly"));
        p->size = json_integer_value(json_object_get(value, "size"));
        p->mode = (unsigned)json_integer_value(json_object_get(value, "mode"));
        p->uid = (unsigned)json_integer_value(json_object_get(value, "uid"));
        p->gid = (unsigned)json_integer_value(json_object_get(value, "gid"));
    }
    *ret_n = n;
    return items;
}

struct input {
    struct strv command, search;
    struct boot_pair *environment, *params;
    struct boot_interface *interfaces;
    struct boot_disk *disks;
    struct boot_tmpfs *tmpfs;
    struct solo5_device *devices;
    struct boot_settings settings;
    struct kernel kernel;
};

static void input_done(struct input *in)
{
    cunik_strv_done(&in->command);
    cunik_strv_done(&in->search);
    free(in->environment);
    free(in->params);
    free(in->interfaces);
    free(in->disks);
    free(in->tmpfs);
    free(in->devices);
}

/* {"NAME": "net" or "block"}: a Solo5 manifest. */
static void read_manifest(const json_t *object, struct input *in)
{
    const char *key;
    json_t *value;
    size_t n = 0;

    json_object_foreach ((json_t *)object, key, value)
        *ARRAY_APPEND(in->devices, n) = (struct solo5_device){
            .name = (char *)key, .net = strcmp(json_string_value(value), "net") == 0};
    in->kernel.manifest = object != NULL;
    in->kernel.devices = in->devices;
    in->kernel.n_devices = n;
}

/* What the probing of a kernel file would have found. */
static void read_kernel(const json_t *json, struct input *in)
{
    const char *kind = text_of(json, "kind"), *config = text_of(json, "config");
    bool xen =
        strcmp(kind, "clickos") == 0 || strcmp(kind, "halvm") == 0 || strcmp(kind, "ling") == 0;
    bool bzimage = strcmp(kind, "bzimage") == 0, osv = strcmp(kind, "osv") == 0;

    in->kernel = (struct kernel){
        .path = (char *)text_of(json, "kernel"),
        .bzimage = bzimage,
        .multiboot = !bzimage && !xen && !osv,
        .pvh = osv,
        .xen = xen,
        .unikraft = strcmp(kind, "unikraft") == 0,
        .osv = osv,
        .rumprun = strcmp(kind, "rumprun") == 0,
        .solo5 = strcmp(kind, "solo5") == 0,
        .includeos = strcmp(kind, "includeos") == 0,
        .runtimejs = strcmp(kind, "runtimejs") == 0,
        .clickos = strcmp(kind, "clickos") == 0,
        .halvm = strcmp(kind, "halvm") == 0,
        .ling = strcmp(kind, "ling") == 0,
        .config = *config ? (char *)config : NULL,
    };
    read_manifest(json_object_get(json, "manifest"), in);
}

static void read_input(const json_t *json, struct input *in)
{
    struct boot_settings *s = &in->settings;

    cunik_json_get_strv(json, "command", &in->command, NULL);
    cunik_json_get_strv(json, "search", &in->search, NULL);
    s->search = &in->search;
    in->environment = read_pairs(json_object_get(json, "environment"), &in->settings.n_environment);
    in->params = read_pairs(json_object_get(json, "params"), &in->settings.n_params);
    in->interfaces = read_interfaces(json_object_get(json, "interfaces"), &s->n_interfaces);
    in->disks = read_disks(json_object_get(json, "disks"), &s->n_disks);
    in->tmpfs = read_tmpfs(json_object_get(json, "tmpfs"), &s->n_tmpfs);
    s->name = "demo-web-1";
    s->hostname = text_of(json, "hostname");
    s->hostname_given = *s->hostname;
    s->domain = text_of(json, "domain");
    s->command = &in->command;
    s->environment = in->environment;
    s->params = in->params;
    s->interfaces = in->interfaces;
    s->disks = in->disks;
    s->tmpfs = in->tmpfs;
    s->kernel = text_of(json, "kernel");
    s->initrd = text_of(json, "initrd");
    s->cmdline = text_of(json, "cmdline");
    s->machine = text_of(json, "machine");
    s->firmware = text_of(json, "firmware");
    s->memory = json_integer_value(json_object_get(json, "memory"));
    s->cpus = json_number_value(json_object_get(json, "cpus"));
    read_kernel(json, in);
}

static char *boot_text(const struct backend *backend, const struct boot *b)
{
    _cleanup_json_ json_t *json = json_object();

    cunik_json_set_string(json, "backend", backend->name);
    cunik_json_set_string(json, "kernel", b->kernel);
    cunik_json_set_string(json, "initrd", b->initrd);
    cunik_json_set_string(json, "cmdline", b->cmdline);
    if (b->cmdline_on_disk)
        cunik_json_set_bool(json, "cmdline_on_disk", true);
    cunik_json_set_string(json, "machine", b->machine);
    cunik_json_set_string(json, "firmware", b->firmware);
    cunik_json_set_string(json, "cpu", b->cpu);
    cunik_json_set_string(json, "nic_model", b->nic_model);
    cunik_json_set_string(json, "disk_bus", b->disk_bus);
    cunik_json_set_int(json, "memory", b->memory);
    cunik_json_set_int(json, "vcpus", b->vcpus);
    cunik_json_set_bool(json, "acpi", b->acpi);
    cunik_json_set_bool(json, "hears_poweroff", b->hears_poweroff);
    if (b->order)
        cunik_json_set_string(json, "order", b->order);
    if (b->xen)
        cunik_json_set_bool(json, "xen", true);
    if (b->tells_panic)
        cunik_json_set_bool(json, "tells_panic", true);
    if (b->mtu_by_device)
        cunik_json_set_bool(json, "mtu_by_device", true);
    if (b->debug_exit)
        cunik_json_set_bool(json, "debug_exit", true);
    cunik_json_set_strv(json, "warnings", &b->warnings);
    _cleanup_free_ char *text = cunik_json_text(json, JSON_INDENT(2));
    return cunik_asprintf("%s\n", text);
}

static void run_case(const char *name)
{
    _cleanup_free_ char *folder = cunik_asprintf("tests/golden/boot/%s", name);
    _cleanup_free_ char *settings_path = cunik_asprintf("%s/settings.json", folder);
    _cleanup_free_ char *boot_path = cunik_asprintf("%s/boot.json", folder);
    _cleanup_free_ char *error_path = cunik_asprintf("%s/error.txt", folder);
    _cleanup_free_ char *text = test_read(settings_path);
    _cleanup_(input_done) struct input in = {0};
    _cleanup_error_ struct error *err = NULL;
    _cleanup_json_ json_t *json = NULL;
    _cleanup_(cunik_boot_done) struct boot boot = {0};
    const struct backend *backend;

    test_ok(cunik_json_parse(text, strlen(text), settings_path, &json, &err), err);
    read_input(json, &in);
    const struct kernel *k = *in.settings.kernel ? &in.kernel : NULL;
    int r = cunik_backend_find(text_of(json, "backend"), k, &backend, &err);
    if (r == 0)
        r = backend->make(&in.settings, k, &boot, &err);
    if (r < 0) {
        _cleanup_free_ char *words =
            cunik_asprintf("%s: %s\n", cunik_error_name(err->code), err->message);
        assert_false(cunik_file_exists(boot_path) && !getenv("REGEN"));
        test_golden(error_path, words);
        return;
    }
    _cleanup_free_ char *words = boot_text(backend, &boot);
    assert_false(cunik_file_exists(error_path) && !getenv("REGEN"));
    test_golden(boot_path, words);
}

static void test_matrix(void **state)
{
    _cleanup_strv_ struct strv cases = {0};

    (void)state;
    test_folders("tests/golden/boot", &cases);
    assert_true(cases.n > 0);
    for (size_t i = 0; i < cases.n; i++) {
        print_message("# %s\n", cases.items[i]);
        run_case(cases.items[i]);
    }
}

static void finds(const char *name, const struct kernel *k, const char *expected)
{
    _cleanup_error_ struct error *err = NULL;
    const struct backend *b = NULL;

    if (cunik_backend_find(name, k, &b, &err) == 0) {
        assert_string_equal(b->name, expected);
        return;
    }
    assert_int_equal(err->code, ERROR_INVALID);
    if (!strstr(err->message, expected))
        fail_msg("'%s' does not say '%s'", err->message, expected);
}

static void test_find(void **state)
{
    char path[] = "/k";
    const struct kernel linux_kernel = {.path = path, .bzimage = true};
    const struct kernel unikraft = {.path = path, .unikraft = true, .multiboot = true};
    const struct kernel both = {.path = path, .unikraft = true, .multiboot = true, .bzimage = true};
    const struct kernel rump = {.path = path, .rumprun = true, .multiboot = true};
    const struct kernel osv = {.path = path, .osv = true, .pvh = true};
    const struct kernel solo5 = {.path = path, .solo5 = true, .multiboot = true};
    const struct kernel includeos = {.path = path, .includeos = true, .multiboot = true};
    const struct kernel runtimejs = {.path = path, .runtimejs = true, .multiboot = true};
    const struct kernel clickos = {.path = path, .clickos = true, .xen = true};
    const struct kernel halvm = {.path = path, .halvm = true, .xen = true};
    const struct kernel ling = {.path = path, .ling = true, .xen = true};
    const struct kernel pvh = {.path = path, .pvh = true};
    const struct kernel xen = {.path = path, .xen = true};
    const struct kernel plain = {.path = path, .multiboot = true};

    (void)state;
    finds("", &linux_kernel, "linux");
    finds("", &unikraft, "unikraft");
    finds("raw", &unikraft, "raw");
    finds("", &both, "looks like both linux and unikraft");
    finds("", &rump, "rumprun");
    finds("", &osv, "osv");
    finds("", &solo5, "solo5");
    finds("", &includeos, "includeos");
    finds("", &runtimejs, "runtimejs");
    finds("", &clickos, "clickos");
    finds("", &halvm, "halvm");
    finds("", &ling, "ling");
    finds("", &pvh, "is a PVH kernel that no backend claims");
    finds("", &xen, "is a guest of Xen that no backend claims");
    finds("", &plain, "is a multiboot kernel that no backend claims");
    finds("", NULL, "without unikernel.kernel");
    finds("unicraft", &unikraft, "did you mean 'unikraft'");
    finds("docker", &unikraft,
          "only linux, unikraft, rumprun, osv, solo5, nanos, includeos, runtimejs, clickos, halvm, "
          "ling, raw");
}

static void test_table(void **state)
{
    (void)state;
    for (size_t i = 0; i < cunik_n_backends; i++) {
        assert_true(*cunik_backends[i]->name && *cunik_backends[i]->help);
        assert_null(strchr(cunik_backends[i]->help, '\n'));
        assert_non_null(cunik_backends[i]->make);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_matrix),
        cmocka_unit_test(test_find),
        cmocka_unit_test(test_table),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
