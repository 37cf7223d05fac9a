/* What the doctor makes of what was found. */
#include "tests/support/test.h"

#include <errno.h>
#include <string.h>

#include "base/json.h"
#include "base/memory.h"
#include "engine/doctor.h"

/* A host on which all is well; strings are literals here. */
static struct doctor_facts healthy(void)
{
    return (struct doctor_facts){
        .may_make_links = true,
        .rootless = "",
        .slirp = "1.2.0",
        .tun = "",
        .nftables = "",
        .forwarding = "",
        .qemu = "7.2.15",
        .dnsmasq = "2.90",
        .kvm = true,
        .kvm_reason = "it runs",
        .engine = "",
        .connect = "qemu:///embed?root=/var/lib/cunik/libvirt",
        .libvirt = "9.0.0",
        .files = 1048576,
        .processes = UINT64_MAX,
        .state = "/var/lib/cunik",
        .disk_free = UINT64_C(40) << 30,
        .disk_size = UINT64_C(100) << 30,
        .memory_free = UINT64_C(6) << 30,
    };
}

static const struct doctor_finding *finding(const struct doctor_report *r, const char *check)
{
    for (size_t i = 0; i < r->n; i++)
        if (strcmp(r->items[i].check, check) == 0)
            return &r->items[i];
    fail_msg("there is no check '%s'", check);
    return NULL;
}

/* One check is so; all others are well, and what is not has advice. */
static void expect(const struct doctor_facts *f, const char *check, enum doctor_level level,
                   const char *found)
{
    struct doctor_report r;

    cunik_doctor_judge(f, &r);
    for (size_t i = 0; i < r.n; i++) {
        assert_int_equal(r.items[i].level,
                         strcmp(r.items[i].check, check) == 0 ? level : DOCTOR_OK);
        assert_true((r.items[i].level == DOCTOR_OK) == !*r.items[i].advice);
    }
    assert_int_equal(cunik_doctor_worst(&r), level);
    assert_string_equal(finding(&r, check)->found, found);
    cunik_doctor_report_done(&r);
}

static void well(void **state _unused_)
{
    struct doctor_facts f = healthy();
    struct doctor_report r;

    cunik_doctor_judge(&f, &r);
    assert_int_equal(cunik_doctor_worst(&r), DOCTOR_OK);
    _cleanup_free_ char *text = cunik_doctor_text(&r);
    test_golden("tests/golden/doctor/well.txt", text);
    cunik_doctor_report_done(&r);
}

static void ill(void **state _unused_)
{
    const struct doctor_facts f = {
        .rootless = "making a namespace: No space left on device",
        .slirp = "",
        .tun = "opening '/dev/net/tun': No such file or directory",
        .nftables = "setting rules: nftables: Error: Operation not permitted",
        .forwarding = "'/proc/sys/net' cannot be written: Read-only file system",
        .qemu = "",
        .dnsmasq = "",
        .kvm_errno = EACCES,
        .kvm_reason = "",
        .engine = "the engine does not come up: no driver",
        .connect = "",
        .libvirt = "",
        .files = 256,
        .processes = 100,
        .state = "/var/lib/cunik",
        .disk_free = 1 << 20,
        .disk_size = UINT64_C(1) << 30,
        .memory_free = 1 << 20,
    };
    struct doctor_report r;

    cunik_doctor_judge(&f, &r);
    assert_int_equal(cunik_doctor_worst(&r), DOCTOR_PROBLEM);
    _cleanup_free_ char *text = cunik_doctor_text(&r);
    test_golden("tests/golden/doctor/ill.txt", text);
    _cleanup_json_ json_t *json = cunik_doctor_json(&r);
    _cleanup_free_ char *line = cunik_json_text(json, JSON_INDENT(2));
    _cleanup_free_ char *whole = cunik_asprintf("%s\n", line);
    test_golden("tests/golden/doctor/ill.json", whole);
    cunik_doctor_report_done(&r);
}

/* Whether the advice on KVM, which does not run guests, is about rights. */
static void expect_rights(const struct doctor_facts *f, bool rights)
{
    struct doctor_report r;

    cunik_doctor_judge(f, &r);
    const char *advice = finding(&r, "kvm")->advice;
    assert_int_equal(strstr(advice, "group kvm, mode 0660") != NULL, rights);
    assert_int_equal(strstr(advice, "nested") != NULL, !rights);
    cunik_doctor_report_done(&r);
}

static void kvm(void **state _unused_)
{
    struct doctor_facts f = healthy();

    f.kvm = false;
    f.kvm_reason = "a trial guest did not end within 1.5 s";
    expect(&f, "kvm", DOCTOR_NOTE, "a trial guest did not end within 1.5 s");
    expect_rights(&f, false);
    /* Whoever asks the doctor may open it, the guests' user may not. */
    f.kvm_reason = "QEMU does not run a guest under KVM: -accel kvm: failed to initialize kvm: "
                   "Permission denied";
    expect(&f, "kvm", DOCTOR_NOTE, f.kvm_reason);
    expect_rights(&f, true);
    f.kvm_errno = ENOENT;
    expect(&f, "kvm", DOCTOR_NOTE, "there is no /dev/kvm");
    f.kvm_errno = EACCES;
    expect(&f, "kvm", DOCTOR_NOTE, "/dev/kvm cannot be opened: Permission denied");
    expect_rights(&f, true);
}

static void without_rights(void **state _unused_)
{
    struct doctor_facts f = healthy();

    f.may_make_links = false;
    expect(&f, "rights", DOCTOR_OK,
           "network links may be made in a namespace of this user's own; slirp4netns 1.2.0");
    f.slirp = "";
    expect(&f, "rights", DOCTOR_PROBLEM,
           "there is no slirp4netns, without which guests of a user without rights have no way "
           "out");
    f.slirp = "1.2.0";
    f.rootless = "no namespaces here";
    expect(&f, "rights", DOCTOR_PROBLEM,
           "network links may not be made by this user: no namespaces here");
    /* Who has the rights needs neither. */
    f.may_make_links = true;
    f.slirp = "";
    expect(&f, "rights", DOCTOR_OK, "network links may be made");
}

static void bounds(void **state _unused_)
{
    struct doctor_facts f = healthy();

    f.qemu = "5.2.0";
    expect(&f, "qemu", DOCTOR_NOTE, "QEMU 5.2.0 is older than what guests have been tried with");
    f = healthy();
    f.files = 1024;
    expect(&f, "files", DOCTOR_NOTE, "at most 1024 open files");
    f = healthy();
    f.processes = 512;
    expect(&f, "processes", DOCTOR_NOTE, "at most 512 processes and threads");
    f = healthy();
    f.disk_free = UINT64_C(1) << 30;
    expect(&f, "disk", DOCTOR_NOTE, "1.0 GiB of 100.0 GiB are free in /var/lib/cunik");
    f.disk_free = 0;
    expect(&f, "disk", DOCTOR_PROBLEM, "0 B of 100.0 GiB are free in /var/lib/cunik");
    f = healthy();
    f.memory_free = UINT64_C(64) << 20;
    expect(&f, "memory", DOCTOR_NOTE, "64.0 MiB are free");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(well),           cmocka_unit_test(ill),    cmocka_unit_test(kvm),
        cmocka_unit_test(without_rights), cmocka_unit_test(bounds),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
