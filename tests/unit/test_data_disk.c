/* The same content makes the same disk, in whatever order and whenever it was written; what is on
 * it is what was in the folder. */
#include "tests/support/test.h"

#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/digest.h"
#include "base/file.h"
#include "base/memory.h"
#include "base/process.h"
#include "engine/data_disk.h"

static char *folder;

static void write_at(const char *name, const char *text, time_t when)
{
    _cleanup_free_ char *path = cunik_asprintf("%s/%s", folder, name);
    struct timespec times[2] = {{.tv_sec = when}, {.tv_sec = when}};

    assert_int_equal(cunik_file_write(path, text, strlen(text), 0644, false, NULL), 0);
    assert_int_equal(utimensat(AT_FDCWD, path, times, 0), 0);
}

static void make_folder(const char *name)
{
    _cleanup_free_ char *path = cunik_asprintf("%s/%s", folder, name);

    assert_int_equal(mkdir(path, 0755), 0);
}

static char *disk_of(const char *name, const char *filesystem)
{
    _cleanup_error_ struct error *err = NULL;
    _cleanup_free_ char *from = cunik_asprintf("%s/%s", folder, name), *data = NULL;
    _cleanup_free_ char *path = cunik_asprintf("%s/%s.disk", folder, name);
    size_t size;

    test_ok(cunik_data_disk_make(path, filesystem, from, 8 << 20, &err), err);
    assert_int_equal(cunik_file_read(path, 64 << 20, &data, &size, NULL), 0);
    assert_int_equal(unlink(path), 0);
    return cunik_digest_hex(data, size, 64);
}

static void test_iso(void **state)
{
    (void)state;
    make_folder("a");
    make_folder("a/sub");
    write_at("a/one", "1", 1000000000);
    write_at("a/sub/two words", "2", 1100000000);
    make_folder("b");
    make_folder("b/sub");
    write_at("b/sub/two words", "2", 1200000000);
    write_at("b/one", "1", 1300000000);
    make_folder("c");
    write_at("c/one", "other", 1000000000);
    _cleanup_free_ char *a = disk_of("a", "iso9660"), *b = disk_of("b", "iso9660");
    _cleanup_free_ char *again = disk_of("a", "iso9660"), *c = disk_of("c", "iso9660");
    assert_string_equal(a, b);
    assert_string_equal(a, again);
    assert_string_not_equal(a, c);
}

static void test_ext(void **state)
{
    _cleanup_error_ struct error *err = NULL;
    _cleanup_free_ char *from = cunik_asprintf("%s/a", folder), *out = NULL;
    _cleanup_free_ char *path = cunik_asprintf("%s/ext", folder);
    _cleanup_strv_ struct strv argv = {0};

    (void)state;
    test_ok(cunik_data_disk_make(path, "ext2", from, 8 << 20, &err), err);
    cunik_strv_add(&argv, "debugfs");
    cunik_strv_add(&argv, "-R");
    cunik_strv_add(&argv, "cat \"/sub/two words\"");
    cunik_strv_add(&argv, path);
    test_ok(cunik_process_run(&argv, &out, &err), err);
    assert_string_equal(out, "2");
}

static void test_errors(void **state)
{
    static const char *const filesystems[] = {"iso9660", "ext4"};
    _cleanup_free_ char *missing = cunik_asprintf("%s/missing", folder);
    _cleanup_free_ char *path = cunik_asprintf("%s/none", folder);

    (void)state;
    for (size_t i = 0; i < ARRAY_SIZE(filesystems); i++) {
        _cleanup_error_ struct error *err = NULL;
        assert_true(cunik_data_disk_make(path, filesystems[i], missing, 8 << 20, &err) < 0);
        assert_non_null(strstr(err->message, missing));
        assert_false(cunik_file_exists(path));
    }
}

/* A program that is not there is called so, by its own name. */
static void test_no_program(void **state)
{
    _cleanup_free_ char *kept = cunik_strdup(getenv("PATH"));
    _cleanup_free_ char *path = cunik_asprintf("%s/none", folder);
    _cleanup_error_ struct error *err = NULL;

    (void)state;
    assert_int_equal(setenv("PATH", folder, 1), 0);
    int r = cunik_data_disk_make(path, "iso9660", folder, 8 << 20, &err);
    assert_int_equal(setenv("PATH", kept, 1), 0);
    assert_true(r < 0);
    assert_int_equal(err->code, ERROR_UNAVAILABLE);
    assert_non_null(strstr(err->message, "'xorriso' is not installed"));
}

static int set_up(void **state)
{
    (void)state;
    folder = test_temporary_folder();
    return 0;
}

static int tear_down(void **state)
{
    (void)state;
    cunik_file_remove_tree(folder, NULL);
    free(folder);
    return 0;
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_iso),
        cmocka_unit_test(test_ext),
        cmocka_unit_test(test_errors),
        cmocka_unit_test(test_no_program),
    };

    return cmocka_run_group_tests(tests, set_up, tear_down);
}
