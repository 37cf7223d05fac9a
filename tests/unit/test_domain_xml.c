/* tests/golden/domain/CASE: cunik.json and boot.json become domain.xml. boot.json may hold the
 * settings "accel", "quota" and "emulator" beside the boot's own members. */
#include "tests/support/test.h"

#include <string.h>

#include "base/json.h"
#include "base/memory.h"
#include "engine/domain_diff.h"
#include "engine/domain_xml.h"

static json_t *read_json(const char *folder, const char *name)
{
    _cleanup_free_ char *path = cunik_asprintf("%s/%s", folder, name);
    _cleanup_free_ char *text = test_read(path);
    _cleanup_error_ struct error *err = NULL;
    json_t *json = NULL;

    test_ok(cunik_json_parse(text, strlen(text), path, &json, &err), err);
    return json;
}

static char *text_of(const json_t *object, const char *key, const char *otherwise)
{
    const char *text = json_string_value(json_object_get(object, key));

    return cunik_strdup(text ? text : otherwise);
}

static void read_boot(const json_t *json, struct boot *b)
{
    b->kernel = text_of(json, "kernel", "");
    b->initrd = text_of(json, "initrd", "");
    b->cmdline = text_of(json, "cmdline", "");
    b->machine = text_of(json, "machine", "pc");
    b->firmware = text_of(json, "firmware", "");
    b->cpu = text_of(json, "cpu", "");
    b->nic_model = text_of(json, "nic_model", "virtio");
    b->disk_bus = text_of(json, "disk_bus", "virtio");
    b->memory = json_integer_value(json_object_get(json, "memory"));
    b->vcpus = (unsigned)json_integer_value(json_object_get(json, "vcpus"));
    b->order = text_of(json, "order", "");
    b->acpi = json_is_true(json_object_get(json, "acpi"));
    b->xen = json_is_true(json_object_get(json, "xen"));
    b->tells_panic = json_is_true(json_object_get(json, "tells_panic"));
    b->mtu_by_device = json_is_true(json_object_get(json, "mtu_by_device"));
    b->debug_exit = json_is_true(json_object_get(json, "debug_exit"));
}

static void run_case(const char *name)
{
    _cleanup_free_ char *folder = cunik_asprintf("tests/golden/domain/%s", name);
    _cleanup_free_ char *path = cunik_asprintf("%s/domain.xml", folder);
    _cleanup_json_ json_t *cunik_json = read_json(folder, "cunik.json");
    _cleanup_json_ json_t *boot_json = read_json(folder, "boot.json");
    _cleanup_(cunik_world_cunik_done) struct world_cunik cunik = {0};
    _cleanup_(cunik_boot_done) struct boot boot = {0};
    _cleanup_error_ struct error *err = NULL;

    test_ok(cunik_world_cunik_from_json(cunik_json, &cunik, &err), err);
    read_boot(boot_json, &boot);
    _cleanup_free_ char *accel = text_of(boot_json, "accel", "tcg");
    _cleanup_free_ char *emulator = text_of(boot_json, "emulator", "");
    _cleanup_world_ struct world world = {0};
    struct world_network *network = cunik_world_add_network(&world);
    cunik_replace(&network->name, "demo_front");
    cunik_replace(&network->link, "ckbr0");
    network->mtu = json_integer_value(json_object_get(boot_json, "mtu"));
    _cleanup_free_ char *user_name = text_of(boot_json, "user", "");
    const struct guest_user user = {user_name, "kvm", 64055, 107};
    const struct domain_settings settings = {
        .accel = accel,
        .user = &user,
        .emulator = emulator,
        .console = "/r/consoles/it's.log",
        .label = "{\"service\":\"web\",\"note\":\"a < b & 'c'\"}",
        .quota = json_is_true(json_object_get(boot_json, "quota")),
        .world = &world,
    };
    _cleanup_free_ char *xml = cunik_domain_xml(&cunik, &boot, &settings);
    test_golden(path, xml);
}

static void test_matrix(void **state)
{
    _cleanup_strv_ struct strv cases = {0};

    (void)state;
    test_folders("tests/golden/domain", &cases);
    assert_true(cases.n > 0);
    for (size_t i = 0; i < cases.n; i++) {
        print_message("# %s\n", cases.items[i]);
        run_case(cases.items[i]);
    }
}

/* All of them are what libvirt's own schema knows, those of Xen too, which nothing runs here. */
static void test_schema(void **state)
{
    (void)state;
    assert_int_equal(system("xmllint --noout --relaxng /usr/share/libvirt/schemas/domain.rng "
                            "tests/golden/domain/*/domain.xml 2>/dev/null"),
                     0);
}

static void round_trip(const char *label)
{
    _cleanup_free_ char *metadata = cunik_domain_metadata(label);
    _cleanup_free_ char *back = cunik_domain_label(metadata);

    assert_non_null(back);
    assert_string_equal(back, label);
}

static void test_label(void **state)
{
    (void)state;
    round_trip("");
    round_trip("{}");
    round_trip("{\"a\": \"<b> & 'c' \\\"d\\\" &lt; é\n\"}");
    assert_null(cunik_domain_label("no element"));
    assert_null(cunik_domain_label("<a"));
    assert_null(cunik_domain_label("<a>cut"));
    assert_null(cunik_domain_label("<a>x<b/></a>"));
    assert_null(cunik_domain_label("<a>&unknown;</a>"));
    _cleanup_free_ char *label = cunik_domain_label("<cunik xmlns=\"urn:x\">a&gt;&#13;</cunik>");
    assert_string_equal(label, "a>\r");
}

static void assert_diff(const char *before, const char *after, const char *wanted)
{
    _cleanup_free_ char *diff = cunik_domain_diff(before, after);

    assert_string_equal(diff ? diff : "", wanted);
}

static void test_diff(_unused_ void **state)
{
    assert_diff("<domain>\n  <a/>\n</domain>\n", "<domain>\n<a/>\n</domain>", "");
    /* Labels change all the time. */
    assert_diff("<d>\n<metadata>\n<x>1</x>\n</metadata>\n</d>",
                "<d>\n  <metadata>\n<x>2</x>\n<y/>\n  </metadata>\n</d>", "");
    assert_diff("<d>\n<vcpu>1</vcpu>\n</d>", "<d>\n<vcpu>2</vcpu>\n</d>",
                "<vcpu>1</vcpu> → <vcpu>2</vcpu>");
    assert_diff("<d>\n<a/>\n</d>", "<d>\n<a/>\n<b/>\n<c/>\n<e/>\n</d>",
                "added <b/> (and 2 more lines)");
    assert_diff("<d>\n<a/>\n<b/>\n</d>", "<d>\n<b/>\n</d>", "removed <a/>");
    assert_diff("<d>\n<a/>\n<b/>\n</d>", "<d>\n<c/>\n</d>", "<a/> → <c/> (and 1 more line)");
}

static void assert_guest(const char *guest, const char *wanted)
{
    static const char definition[] =
        "<domain type='qemu'>\n  <vcpu placement='static'>1</vcpu>\n"
        "  <cpu mode='custom' check='none'/>\n"
        "<interface type='ethernet'>\n<target dev='ck1' managed='no'/>\n</interface>\n"
        "<disk type='file' device='disk'>\n<source file='/d'/>\n</disk>\n"
        "<controller type='usb' model='none'/>\n</domain>\n";
    _cleanup_free_ char *diff = cunik_domain_guest_diff(definition, guest);

    assert_string_equal(diff ? diff : "", wanted);
}

static void test_guest_diff(_unused_ void **state)
{
    /* What libvirt itself adds. */
    assert_guest("<domain type='qemu' id='7'>\n<vcpu placement='static'>1</vcpu>\n"
                 "<cpu mode='custom' check='full'>\n<feature name='x'/>\n</cpu>\n"
                 "<interface type='ethernet'>\n<target dev='ck1' managed='no'/>\n"
                 "<link state='up'/>\n<alias name='net0'/>\n</interface>\n"
                 "<disk type='file' device='disk'>\n<source file='/d' index='1'/>\n"
                 "<backingStore/>\n</disk>\n<controller type='usb' model='none'>\n"
                 "<alias name='usb'/>\n</controller>\n</domain>\n",
                 "");
    /* What others do. */
    assert_guest("<domain>\n<vcpu placement='static'>1</vcpu>\n<interface type='ethernet'>\n"
                 "<target dev='ck1' managed='no'/>\n<link state='down'/>\n</interface>\n"
                 "<disk type='file' device='disk'>\n<source file='/d' index='1'/>\n</disk>\n",
                 "added <link state='down'>");
    assert_guest("<domain>\n<vcpu placement='static'>1</vcpu>\n"
                 "<disk type='file' device='disk'>\n<source file='/d' index='2'/>\n</disk>\n",
                 "removed <interface type='ethernet'> (and 1 more line)");
    assert_guest("<domain>\n<vcpu placement='static'>1</vcpu>\n<cputune>\n<shares>300</shares>\n"
                 "</cputune>\n<interface type='ethernet'>\n<target dev='ck1' managed='no'/>\n"
                 "</interface>\n<disk type='file' device='disk'>\n<source file='/d' index='1'/>\n"
                 "<iotune>\n<total_bytes_sec>5</total_bytes_sec>\n</iotune>\n</disk>\n",
                 "<interface type='ethernet'> → <shares>300</shares> (and 5 more lines)");
    assert_guest(
        "<domain>\n<vcpu placement='static' current='1'>2</vcpu>\n"
        "<interface type='ethernet'>\n<target dev='ck1' managed='no'/>\n</interface>\n"
        "<disk type='file' device='disk'>\n<source file='/other'/>\n</disk>\n",
        "<vcpu placement='static'>1</vcpu> → <vcpu placement='static' current='1'>2</vcpu> "
        "(and 4 more lines)");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_diff),   cmocka_unit_test(test_guest_diff),
        cmocka_unit_test(test_matrix), cmocka_unit_test(test_schema),
        cmocka_unit_test(test_label),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
