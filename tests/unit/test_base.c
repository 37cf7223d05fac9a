#include "tests/support/test.h"

#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/buffer.h"
#include "base/digest.h"
#include "base/file.h"
#include "base/folder.h"
#include "base/json.h"
#include "base/map.h"
#include "base/memory.h"

static void errors_grow_once_per_layer(void **state _unused_)
{
    _cleanup_error_ struct error *err = NULL;
    int r = cunik_error_errno(&err, EPERM, "creating tap '%s'", "ck3f");

    assert_int_equal(r, -EPERM);
    assert_int_equal(cunik_error_prefix(&err, r, "starting service '%s'", "web"), -EPERM);
    assert_string_equal(err->message,
                        "starting service 'web': creating tap 'ck3f': Operation not permitted");
    assert_int_equal(err->code, ERROR_PERMISSION);
    assert_int_equal(cunik_error_exit_status(err->code), 1);
}

static void errors_know_their_place(void **state _unused_)
{
    _cleanup_error_ struct error *err = NULL;
    struct place place = {"stack.yaml", 3, 7};

    assert_int_equal(cunik_error_at(&err, ERROR_INVALID, &place, "unknown key"), -EINVAL);
    _cleanup_free_ char *text = cunik_error_text(err);
    assert_string_equal(text, "stack.yaml:3:7: unknown key");
    assert_int_equal(cunik_error_exit_status(err->code), 2);
    /* Nobody listening is fine as well. */
    assert_int_equal(cunik_error_set(NULL, ERROR_FAILED, "x"), -EIO);
}

static void errors_are_handed_over_once(void **state _unused_)
{
    _cleanup_error_ struct error *err = NULL, *why = NULL;

    /* What the caller has stays, when there is nothing to hand over. */
    cunik_error_set(&err, ERROR_FAILED, "old");
    assert_int_equal(cunik_error_pass(&err, 0, &why), 0);
    assert_string_equal(err->message, "old");
    int r = cunik_error_errno(&why, ENOENT, "new");
    assert_int_equal(cunik_error_pass(&err, r, &why), -ENOENT);
    assert_null(why);
    assert_string_equal(err->message, "new: No such file or directory");
    /* Nobody listening ends it. */
    cunik_error_set(&why, ERROR_FAILED, "unheard");
    assert_int_equal(cunik_error_pass(NULL, -EIO, &why), -EIO);
    assert_null(why);
    cunik_error_forget(&err);
    assert_null(err);
    cunik_error_forget(&err);
    cunik_error_forget(NULL);
}

static void error_names_go_both_ways(void **state _unused_)
{
    for (enum error_code c = 0; c < ERROR_CODE_MAX_; c++)
        assert_int_equal(cunik_error_from_name(cunik_error_name(c)), c);
}

static void maps_keep_order(void **state _unused_)
{
    _cleanup_map_ struct map m = {0};
    int values[1000];

    for (int i = 0; i < 1000; i++) {
        _cleanup_free_ char *key = cunik_asprintf("key%d", (i * 7919) % 1000);
        assert_true(cunik_map_add(&m, key, &values[i]));
        assert_false(cunik_map_add(&m, key, NULL));
    }
    assert_int_equal(m.n, 1000);
    for (int i = 0; i < 1000; i++) {
        _cleanup_free_ char *key = cunik_asprintf("key%d", (i * 7919) % 1000);
        assert_ptr_equal(cunik_map_get(&m, key), &values[i]);
        assert_string_equal(m.entries[i].key, key);
    }
    assert_false(cunik_map_has(&m, "other"));
}

static void lists(void **state _unused_)
{
    _cleanup_strv_ struct strv v = {0};

    cunik_strv_split(&v, "a,,b c", ", ");
    assert_int_equal(v.n, 3);
    cunik_strv_addf(&v, "%d", 7);
    _cleanup_free_ char *joined = cunik_strv_join(&v, "+");
    assert_string_equal(joined, "a+b+c+7");
    assert_true(cunik_strv_has(&v, "c"));
    assert_false(cunik_strv_has(&v, "d"));
}

static void buffers(void **state _unused_)
{
    _cleanup_buffer_ struct buffer b = {0};

    assert_string_equal(cunik_buffer_text(&b), "");
    for (int i = 0; i < 100; i++)
        cunik_buffer_printf(&b, "%d,", i);
    assert_int_equal(b.size, 290);
    cunik_buffer_consume(&b, 288);
    assert_string_equal(cunik_buffer_text(&b), "9,");
    cunik_buffer_xml(&b, "<a b='c'&\">");
    assert_string_equal(cunik_buffer_text(&b), "9,&lt;a b=&apos;c&apos;&amp;&quot;&gt;");
}

static void paths(void **state _unused_)
{
    static const struct {
        const char *folder, *path, *joined;
    } cases[] = {
        {"/a/b", "c", "/a/b/c"},  {"/a/b", "../c", "/a/c"}, {"/a", "/x//y/./z", "/x/y/z"},
        {"/", "../..", "/"},      {".", "x", "x"},          {".", ".", "."},
        {"a", "../../b", "../b"},
    };

    for (size_t i = 0; i < ARRAY_SIZE(cases); i++) {
        _cleanup_free_ char *joined = cunik_path_join(cases[i].folder, cases[i].path);
        assert_string_equal(joined, cases[i].joined);
    }
    assert_string_equal(cunik_path_name("/a/b"), "b");
    _cleanup_free_ char *folder = cunik_path_folder("/a");
    assert_string_equal(folder, "/");
}

static void files(void **state _unused_)
{
    _cleanup_error_ struct error *err = NULL;
    _cleanup_free_ char *folder = test_temporary_folder();
    _cleanup_free_ char *deep = cunik_path_join(folder, "a/b/c");
    _cleanup_free_ char *path = cunik_path_join(deep, "file");
    _cleanup_free_ char *text = NULL;
    struct stat st;

    test_ok(cunik_file_make_folders(deep, 0700, &err), err);
    test_ok(cunik_file_make_folders(deep, 0700, &err), err);
    test_ok(cunik_file_write(path, "hello", 5, 0640, true, &err), err);
    test_ok(cunik_file_read(path, 5, &text, NULL, &err), err);
    assert_string_equal(text, "hello");
    assert_int_equal(stat(path, &st), 0);
    assert_int_equal(st.st_mode & 0777, 0640);
    assert_int_equal(cunik_file_read(path, 4, &text, NULL, &err), -EINVAL);
    assert_non_null(strstr(err->message, "larger than 4 bytes"));
    assert_int_equal(cunik_file_read(deep, 4, &text, NULL, &err), -EINVAL);
    assert_non_null(strstr(err->message, "is a directory"));
    test_ok(cunik_file_remove_tree(folder, &err), err);
    test_ok(cunik_file_remove_tree(folder, &err), err);
    assert_false(cunik_file_exists(folder));
    assert_int_equal(cunik_file_read(path, 4, &text, NULL, &err), -ENOENT);
}

/* What is written beside such a file meanwhile has a name as well. */
static void longest_name(void **state _unused_)
{
    _cleanup_error_ struct error *err = NULL;
    _cleanup_free_ char *folder = test_temporary_folder();
    _cleanup_strv_ struct strv names = {0};
    char name[NAME_MAX + 2];

    memset(name, 'n', sizeof(name));
    name[NAME_MAX] = '\0';
    _cleanup_free_ char *path = cunik_path_join(folder, name);
    test_ok(cunik_file_write(path, "hello", 5, 0640, true, &err), err);
    test_ok(cunik_file_write(path, "again", 5, 0640, true, &err), err);
    test_ok(cunik_folder_list(folder, FOLDER_DOTTED, &names, &err), err);
    assert_int_equal(names.n, 1);
    assert_string_equal(names.items[0], name);
    name[NAME_MAX] = 'n';
    name[NAME_MAX + 1] = '\0';
    _cleanup_free_ char *longer = cunik_path_join(folder, name);
    assert_int_equal(cunik_file_write(longer, "hello", 5, 0640, true, &err), -ENAMETOOLONG);
    cunik_file_remove_tree(folder, NULL);
}

/* What a user names for output may be a device or a link: it must be there afterwards as it was. */
static void outputs(void **state _unused_)
{
    _cleanup_error_ struct error *err = NULL;
    _cleanup_free_ char *folder = test_temporary_folder();
    _cleanup_free_ char *file = cunik_path_join(folder, "file");
    _cleanup_free_ char *link = cunik_path_join(folder, "link");
    _cleanup_free_ char *fifo = cunik_path_join(folder, "fifo");
    _cleanup_free_ char *text = NULL;
    char got[8] = "";
    struct stat st;

    test_ok(cunik_file_write_output(file, "long text", 9, 0600, &err), err);
    assert_int_equal(symlink("file", link), 0);
    test_ok(cunik_file_write_output(link, "short", 5, 0644, &err), err);
    assert_int_equal(lstat(link, &st), 0);
    assert_true(S_ISLNK(st.st_mode));
    test_ok(cunik_file_read(file, 100, &text, NULL, &err), err);
    assert_string_equal(text, "short");

    assert_int_equal(mkfifo(fifo, 0600), 0);
    _cleanup_close_ int end = open(fifo, O_RDONLY | O_NONBLOCK | O_CLOEXEC);
    assert_true(end >= 0);
    test_ok(cunik_file_write_output(fifo, "pipe", 4, 0644, &err), err);
    assert_int_equal(read(end, got, sizeof(got)), 4);
    assert_string_equal(got, "pipe");
    assert_int_equal(lstat(fifo, &st), 0);
    assert_true(S_ISFIFO(st.st_mode));

    assert_int_equal(cunik_file_write_output(folder, "x", 1, 0644, &err), -EISDIR);
    cunik_error_destroy(err), err = NULL;
    test_ok(cunik_file_remove_tree(fifo, &err), err);
    assert_int_equal(symlink("/dev/full", fifo), 0);
    assert_int_equal(cunik_file_write_output(fifo, "x", 1, 0644, &err), -ENOSPC);
    test_ok(cunik_file_remove_tree(folder, NULL), NULL);
}

static void json_members(void **state _unused_)
{
    static const char text[] = "{\"s\":\"x\",\"i\":3,\"b\":true,\"l\":[\"a\"],\"n\":null}";
    _cleanup_error_ struct error *err = NULL;
    _cleanup_json_ json_t *json = NULL;
    _cleanup_free_ char *s = NULL;
    _cleanup_strv_ struct strv l = {0};
    int64_t i = 0;
    bool b = false;

    test_ok(cunik_json_parse(text, strlen(text), "test", &json, &err), err);
    test_ok(cunik_json_get_string(json, "s", &s, &err), err);
    test_ok(cunik_json_get_int(json, "i", &i, &err), err);
    test_ok(cunik_json_get_bool(json, "b", &b, &err), err);
    test_ok(cunik_json_get_strv(json, "l", &l, &err), err);
    assert_string_equal(s, "x");
    assert_int_equal(i, 3);
    assert_true(b);
    assert_int_equal(l.n, 1);
    test_ok(cunik_json_get_string(json, "n", &s, &err), err);
    assert_int_equal(cunik_json_get_int(json, "s", &i, &err), -EINVAL);
    assert_string_equal(err->message, "'s' must be a whole number");
    _cleanup_json_ json_t *bad = cunik_json_string("a\xff\xe2\x82z", 5);
    assert_string_equal(json_string_value(bad), "a\xef\xbf\xbd\xef\xbf\xbd\xef\xbf\xbdz");
}

static void digests(void **state _unused_)
{
    /* FIPS 180-2, appendix B.1. */
    _cleanup_free_ char *hex = cunik_digest_hex("abc", 3, 64);

    assert_string_equal(hex, "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad");
    _cleanup_free_ char *part = cunik_digest_hex("abc", 3, 7);
    assert_string_equal(part, "ba7816b");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(errors_grow_once_per_layer),
        cmocka_unit_test(errors_know_their_place),
        cmocka_unit_test(errors_are_handed_over_once),
        cmocka_unit_test(error_names_go_both_ways),
        cmocka_unit_test(maps_keep_order),
        cmocka_unit_test(lists),
        cmocka_unit_test(buffers),
        cmocka_unit_test(paths),
        cmocka_unit_test(files),
        cmocka_unit_test(longest_name),
        cmocka_unit_test(outputs),
        cmocka_unit_test(json_members),
        cmocka_unit_test(digests),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
