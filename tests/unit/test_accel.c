/* The decision on KVM, with shell scripts in QEMU's place. */
#include "tests/support/test.h"

#include <string.h>
#include <sys/stat.h>

#include "base/file.h"
#include "base/memory.h"
#include "engine/accel.h"

static char *folder, *emulator, *memory;

static void write_emulator(const char *script)
{
    _cleanup_error_ struct error *err = NULL;
    _cleanup_free_ char *text =
        cunik_asprintf("#!/bin/sh\necho run >>%s/runs\n%s\n", folder, script);

    test_ok(cunik_file_write(emulator, text, strlen(text), 0755, false, &err), err);
}

static size_t runs(void)
{
    _cleanup_free_ char *path = cunik_asprintf("%s/runs", folder);
    _cleanup_free_ char *text = NULL;

    return cunik_file_read(path, 4096, &text, NULL, NULL) < 0 ? 0 : strlen(text) / 4;
}

static struct accel decide(const char *forced, const char *device)
{
    const struct accel_settings s = {.forced = forced,
                                     .device = device,
                                     .emulator = emulator,
                                     .memory = memory,
                                     .user = "",
                                     .uid = (uid_t)-1,
                                     .gid = (gid_t)-1};
    _cleanup_error_ struct error *err = NULL;
    struct accel a = {0};

    test_ok(cunik_accel_decide(&s, &a, &err), err);
    assert_true(a.reason && *a.reason && !strchr(a.reason, '\n'));
    return a;
}

static void decides(const char *script, bool kvm, const char *reason)
{
    write_emulator(script);
    unlink(memory);
    struct accel a = decide("", "/dev/null");
    assert_int_equal(a.kvm, kvm);
    if (!strstr(a.reason, reason))
        fail_msg("'%s' does not say '%s'", a.reason, reason);
    cunik_accel_done(&a);
}

static void test_outcomes(void **state)
{
    (void)state;
    decides("exit 99", true, "has been seen to run");
    decides("exit 0", false, "does not run a guest under KVM");
    decides("echo a >&2; echo 'qemu-system-x86_64: no such thing' >&2; exit 1", false,
            "under KVM: no such thing");
    decides("kill -9 $$", false, "does not run");
    decides("exec sleep 60", false, "did not get through within");
}

/* What the trial gives QEMU: KVM, and a kernel that it can read and that is a multiboot one. */
static void test_arguments(void **state)
{
    (void)state;
    decides("while [ \"$1\" != -kernel ]; do accel=\"$accel $1\"; shift; done\n"
            "case $accel in ' -accel kvm '*) ;; *) exit 1;; esac\n"
            "[ \"$(head -c 4 $2 | od -An -tx1)\" = ' 02 b0 ad 1b' ] && exit 99",
            true, "");
}

static void test_memory(void **state)
{
    (void)state;
    write_emulator("exit 99");
    unlink(memory);
    size_t before = runs();
    for (int i = 0; i < 3; i++) {
        struct accel a = decide("", "/dev/null");
        assert_true(a.kvm);
        cunik_accel_done(&a);
    }
    assert_int_equal(runs(), before + 1);
    write_emulator("exit 1"); /* another QEMU */
    struct accel a = decide("", "/dev/null");
    assert_false(a.kvm);
    cunik_accel_done(&a);
    test_ok(cunik_file_write(memory, "{", 1, 0644, false, NULL), NULL);
    a = decide("", "/dev/null");
    assert_false(a.kvm);
    cunik_accel_done(&a);
    assert_int_equal(runs(), before + 3);
}

/* Whoever lets guests' user open the device does not wait for the next boot. */
static void test_memory_of_rights(void **state)
{
    _cleanup_free_ char *device = cunik_asprintf("%s/kvm", folder);

    (void)state;
    test_ok(cunik_file_write(device, "", 0, 0600, false, NULL), NULL);
    unlink(memory);
    write_emulator("exit 1");
    size_t before = runs();
    for (int i = 0; i < 2; i++) {
        struct accel a = decide("", device);
        cunik_accel_done(&a);
    }
    assert_int_equal(runs(), before + 1);
    assert_int_equal(chmod(device, 0660), 0);
    struct accel a = decide("", device);
    cunik_accel_done(&a);
    assert_int_equal(runs(), before + 2);
}

static void test_forced(void **state)
{
    const struct accel_settings bad = {
        .forced = "xen", .device = "/dev/null", .emulator = "/x", .memory = "", .user = ""};
    _cleanup_error_ struct error *err = NULL;
    struct accel a;

    (void)state;
    size_t before = runs();
    a = decide("kvm", "/nowhere");
    assert_true(a.kvm);
    cunik_accel_done(&a);
    a = decide("tcg", "/dev/null");
    assert_false(a.kvm);
    cunik_accel_done(&a);
    a = decide("", "/nowhere");
    assert_false(a.kvm);
    assert_non_null(strstr(a.reason, "no /nowhere"));
    cunik_accel_done(&a);
    assert_int_equal(runs(), before);
    assert_true(cunik_accel_decide(&bad, &a, &err) < 0);
    assert_int_equal(err->code, ERROR_INVALID);
    assert_non_null(strstr(err->message, "'xen'"));
}

static int set_up(void **state)
{
    (void)state;
    folder = test_temporary_folder();
    emulator = cunik_asprintf("%s/qemu", folder);
    memory = cunik_asprintf("%s/accel.json", folder);
    return 0;
}

static int tear_down(void **state)
{
    (void)state;
    cunik_file_remove_tree(folder, NULL);
    free(folder);
    free(emulator);
    free(memory);
    return 0;
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_outcomes), cmocka_unit_test(test_arguments),
        cmocka_unit_test(test_memory),   cmocka_unit_test(test_memory_of_rights),
        cmocka_unit_test(test_forced),
    };

    return cmocka_run_group_tests(tests, set_up, tear_down);
}
