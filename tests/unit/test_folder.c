/* Names in folders: all of them, in order, or an error. */
#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/file.h"
#include "base/folder.h"
#include "base/memory.h"
#include "tests/support/test.h"

static int setup(void **state)
{
    *state = test_temporary_folder();
    return 0;
}

static int teardown(void **state)
{
    cunik_file_remove_tree(*state, NULL);
    free(*state);
    return 0;
}

static void make(const char *folder, const char *name)
{
    _cleanup_free_ char *path = cunik_asprintf("%s/%s", folder, name);

    test_ok(cunik_file_write(path, "", 0, 0600, false, NULL), NULL);
}

/* Sorted, joined by blanks; "-ERRNO" and nothing else when it fails. */
static void expect(const char *path, int flags, const char *text)
{
    _cleanup_strv_ struct strv names = {0};
    _cleanup_error_ struct error *err = NULL;
    int r = cunik_folder_list(path, flags, &names, &err);
    _cleanup_free_ char *joined = cunik_strv_join(&names, " ");
    _cleanup_free_ char *got =
        r < 0 ? cunik_asprintf("%s%s", strerror(-r), joined) : cunik_strdup(joined);

    assert_string_equal(got, text);
    assert_int_equal(r < 0, err != NULL);
    if (err)
        assert_non_null(strstr(err->message, path));
}

static void sorted(void **state)
{
    const char *folder = *state;
    _cleanup_free_ char *below = cunik_asprintf("%s/dir", folder);
    static const char *const names[] = {"b", "a", "B", "10", "9", ".hidden", "..odd", "\xc3\xa4"};

    expect(folder, 0, "");
    expect(folder, FOLDER_DOTTED, "");
    for (size_t i = 0; i < ARRAY_SIZE(names); i++)
        make(folder, names[i]);
    assert_int_equal(mkdir(below, 0700), 0);
    make(below, "deeper");
    expect(folder, 0, "10 9 B a b dir \xc3\xa4");
    expect(folder, FOLDER_DOTTED, "..odd .hidden 10 9 B a b dir \xc3\xa4");
}

/* More than one reading of the kernel's gives. */
static void many(void **state)
{
    enum { MANY = 3000 };
    const char *folder = *state;
    _cleanup_strv_ struct strv names = {0};
    _cleanup_error_ struct error *err = NULL;

    for (int i = 0; i < MANY; i++) {
        _cleanup_free_ char *name = cunik_asprintf("a-name-of-some-length-%04d", i);
        make(folder, name);
    }
    cunik_strv_add(&names, "z");
    test_ok(cunik_folder_list(folder, 0, &names, &err), err);
    assert_int_equal(names.n, MANY + 1);
    assert_string_equal(names.items[0], "z"); /* they are appended */
    for (int i = 0; i < MANY; i++) {
        _cleanup_free_ char *name = cunik_asprintf("a-name-of-some-length-%04d", i);
        assert_string_equal(names.items[i + 1], name);
    }
}

static void missing(void **state)
{
    const char *folder = *state;
    _cleanup_free_ char *gone = cunik_asprintf("%s/gone", folder);
    _cleanup_free_ char *file = cunik_asprintf("%s/file", folder);
    _cleanup_free_ char *loop = cunik_asprintf("%s/loop", folder);

    make(folder, "file");
    assert_int_equal(symlink(loop, loop), 0);
    expect(gone, 0, "No such file or directory");
    expect(gone, FOLDER_MAYBE, "");
    expect(file, FOLDER_MAYBE, "Not a directory");
    expect(loop, FOLDER_MAYBE, "Too many levels of symbolic links");
}

/* One that may not be read is not empty. */
static void forbidden(void **state)
{
    enum { NOBODY = 65534 };
    const char *folder = *state;

    make(folder, "file");
    assert_int_equal(chmod(folder, geteuid() == 0 ? 0700 : 0), 0);
    if (geteuid() == 0)
        assert_int_equal(seteuid(NOBODY), 0);
    expect(folder, FOLDER_MAYBE, "Permission denied");
    if (getuid() == 0)
        assert_int_equal(seteuid(0), 0);
    assert_int_equal(chmod(folder, 0700), 0);
    expect(folder, 0, "file");
}

/* By descriptor: which stays, and of which it does not matter what was read before. */
static void descriptors(void **state)
{
    const char *folder = *state;
    _cleanup_close_ int fd = open(folder, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    _cleanup_close_ int path = open(folder, O_PATH | O_DIRECTORY | O_CLOEXEC);
    _cleanup_strv_ struct strv names = {0};
    _cleanup_error_ struct error *err = NULL;

    make(folder, "one");
    for (size_t i = 1; i <= 2; i++) {
        test_ok(cunik_folder_list_fd(fd, folder, 0, &names, &err), err);
        assert_int_equal(names.n, i);
        assert_string_equal(names.items[i - 1], "one");
    }
    assert_int_equal(cunik_folder_list_fd(path, "it", 0, &names, &err), -EBADF);
    assert_string_equal(err->message, "reading 'it': Bad file descriptor");
    assert_int_equal(names.n, 2);
}

int main(void)
{
#define TEST(name) cmocka_unit_test_setup_teardown(name, setup, teardown)
    const struct CMUnitTest tests[] = {
        TEST(sorted), TEST(many), TEST(missing), TEST(forbidden), TEST(descriptors),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
