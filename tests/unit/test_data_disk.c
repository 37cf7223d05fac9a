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

/* OSv's reader, by the rules of its fs/rofs: the tables are read from the front, and everything is
 * found by numbers. */
struct rofs {
    const char *data;
    uint64_t size, inodes, n_inodes, n_entries, n_links;
};

static uint64_t number_at(const struct rofs *r, uint64_t at)
{
    uint64_t n;

    assert_true(at + sizeof(n) <= r->size);
    memcpy(&n, r->data + at, sizeof(n));
    return n;
}

/* The text at `at`, which moves behind it. */
static char *text_at(const struct rofs *r, uint64_t *at)
{
    uint16_t size;

    assert_true(*at + sizeof(size) <= r->size);
    memcpy(&size, r->data + *at, sizeof(size));
    assert_true(*at + sizeof(size) + size <= r->size);
    char *text = cunik_strndup(r->data + *at + sizeof(size), size);
    *at += sizeof(size) + size;
    return text;
}

static struct rofs rofs_open(const char *data, size_t size)
{
    struct rofs r = {.data = data, .size = size};

    assert_int_equal(number_at(&r, 0), 0xdeadbead);
    assert_int_equal(number_at(&r, 8), 1);
    assert_int_equal(number_at(&r, 16), 512);
    r.n_entries = number_at(&r, 40);
    r.n_links = number_at(&r, 48);
    r.n_inodes = number_at(&r, 56);
    r.inodes = number_at(&r, 24) * 512;
    for (uint64_t i = 0; i < r.n_entries; i++) {
        r.inodes += 8;
        free(text_at(&r, &r.inodes));
    }
    for (uint64_t i = 0; i < r.n_links; i++)
        free(text_at(&r, &r.inodes));
    assert_true(r.inodes + 32 * r.n_inodes <= (number_at(&r, 24) + number_at(&r, 32)) * 512);
    assert_int_equal((number_at(&r, 24) + number_at(&r, 32)) * 512, size);
    for (uint64_t i = 0; i < r.n_inodes; i++)
        assert_int_equal(number_at(&r, r.inodes + 32 * i + 8), i + 1);
    return r;
}

/* Field `which` of an inode: type, number, where, count. */
static uint64_t field_of(const struct rofs *r, uint64_t inode, unsigned which)
{
    assert_in_range(inode, 1, r->n_inodes);
    return number_at(r, r->inodes + 32 * (inode - 1) + 8 * which);
}

static char *entry_of(const struct rofs *r, uint64_t index, uint64_t *inode)
{
    uint64_t at = number_at(r, 24) * 512;
    char *name = NULL;

    assert_true(index < r->n_entries);
    for (uint64_t i = 0; i <= index; i++) {
        free(name);
        *inode = number_at(r, at);
        at += 8;
        name = text_at(r, &at);
    }
    return name;
}

static uint64_t look_up(const struct rofs *r, const char *path)
{
    _cleanup_strv_ struct strv parts = {0};
    uint64_t inode = 1;

    cunik_strv_split(&parts, path, "/");
    for (size_t i = 0; i < parts.n; i++) {
        uint64_t below = 0;
        assert_int_equal(field_of(r, inode, 0), 0x4000);
        for (uint64_t k = 0; k < field_of(r, inode, 3) && !below; k++) {
            uint64_t number;
            _cleanup_free_ char *name = entry_of(r, field_of(r, inode, 2) + k, &number);
            if (strcmp(name, parts.items[i]) == 0)
                below = number;
        }
        if (!below)
            fail_msg("'%s' is not in '%s'", parts.items[i], path);
        inode = below;
    }
    return inode;
}

static void holds(const struct rofs *r, const char *path, const char *content)
{
    uint64_t inode = look_up(r, path), size = field_of(r, inode, 3);

    assert_int_equal(field_of(r, inode, 0), 0x8000);
    assert_int_equal(size, strlen(content));
    assert_true(field_of(r, inode, 2) * 512 + size <= r->size);
    assert_memory_equal(r->data + field_of(r, inode, 2) * 512, content, size);
}

static void test_rofs(void **state)
{
    _cleanup_free_ char *from = cunik_asprintf("%s/r", folder), *data = NULL;
    _cleanup_free_ char *path = cunik_asprintf("%s/rofs", folder);
    _cleanup_free_ char *link = cunik_asprintf("%s/r/z link", folder);
    _cleanup_free_ char *large = cunik_calloc(1, 200001);
    _cleanup_error_ struct error *err = NULL;
    size_t size;

    (void)state;
    make_folder("r");
    make_folder("r/sub");
    make_folder("r/sub/deeper");
    make_folder("r/nothing");
    write_at("r/empty", "", 1);
    write_at("r/one", "1", 2);
    write_at("r/sub/two words", "2", 3);
    write_at("r/sub/deeper/three", "333", 4);
    memset(large, 'x', 200000);
    large[131072] = 'y'; /* the first byte of another chunk */
    write_at("r/sub/large", large, 5);
    memset(large + 512, 0, 1);
    write_at("r/block", large, 6);
    assert_int_equal(symlink("sub/two words", link), 0);
    test_ok(cunik_data_disk_make(path, "rofs", from, 0, &err), err);
    assert_int_equal(cunik_file_read(path, 64 << 20, &data, &size, NULL), 0);
    struct rofs r = rofs_open(data, size);
    assert_int_equal(field_of(&r, 1, 3), 6);
    assert_int_equal(r.n_inodes, 11);
    holds(&r, "empty", "");
    holds(&r, "one", "1");
    holds(&r, "block", large);
    holds(&r, "sub/two words", "2");
    holds(&r, "sub/deeper/three", "333");
    large[512] = 'x';
    holds(&r, "sub/large", large);
    assert_int_equal(field_of(&r, look_up(&r, "nothing"), 3), 0);
    uint64_t at = r.inodes - strlen("sub/two words") - 2;
    assert_int_equal(field_of(&r, look_up(&r, "z link"), 0), 0xa000);
    assert_int_equal(r.n_links, 1);
    _cleanup_free_ char *target = text_at(&r, &at);
    assert_string_equal(target, "sub/two words");
    _cleanup_free_ char *a = disk_of("r", "rofs"), *again = disk_of("r", "rofs");
    _cleanup_free_ char *as_made = cunik_digest_hex(data, size, 64);
    assert_string_equal(a, again);
    assert_string_equal(a, as_made);
}

static void test_rofs_pipe(void **state)
{
    _cleanup_free_ char *from = cunik_asprintf("%s/p", folder);
    _cleanup_free_ char *pipe = cunik_asprintf("%s/p/pipe", folder);
    _cleanup_free_ char *path = cunik_asprintf("%s/pipe-disk", folder);
    _cleanup_error_ struct error *err = NULL;

    (void)state;
    make_folder("p");
    assert_int_equal(mkfifo(pipe, 0600), 0);
    assert_true(cunik_data_disk_make(path, "rofs", from, 0, &err) < 0);
    assert_non_null(strstr(err->message, "/p/pipe' is no file, folder or symbolic link"));
    assert_false(cunik_file_exists(path));
}

/* A copy that keeps the times of writing is the same, whenever it was read, made and packed, in
 * whatever order and language; the filesystem is whole. */
static void test_ext_again(void **state)
{
    static const char *const filesystems[] = {"ext2", "ext4"};
    static const char *const names[] = {"Zed", "alpha", "\xc3\xa4", "beta", "B", "_", "10", "9"};
    const struct timespec read_at = {.tv_sec = 1500000000, .tv_nsec = 12345};

    (void)state;
    make_folder("m");
    make_folder("m/sub");
    make_folder("n");
    make_folder("n/sub");
    for (size_t i = 0; i < ARRAY_SIZE(names); i++) {
        _cleanup_free_ char *one = cunik_asprintf("m/sub/%s", names[i]);
        _cleanup_free_ char *other = cunik_asprintf("n/sub/%s", names[ARRAY_SIZE(names) - 1 - i]);
        write_at(one, "x", 1000000000);
        write_at(other, "x", 1000000000);
        _cleanup_free_ char *path = cunik_asprintf("%s/%s", folder, other);
        const struct timespec times[2] = {read_at, {.tv_sec = 1000000000}};
        assert_int_equal(utimensat(AT_FDCWD, path, times, 0), 0);
    }
    for (const char *const *name = (const char *const[]){"m/sub", "n/sub", "m", "n", NULL}; *name;
         name++) {
        _cleanup_free_ char *path = cunik_asprintf("%s/%s", folder, *name);
        const struct timespec times[2] = {{.tv_nsec = UTIME_NOW}, {.tv_sec = 1100000000}};
        assert_int_equal(utimensat(AT_FDCWD, path, times, 0), 0);
    }
    for (size_t i = 0; i < ARRAY_SIZE(filesystems); i++) {
        _cleanup_error_ struct error *err = NULL;
        _cleanup_free_ char *m = disk_of("m", filesystems[i]);
        setenv("LC_ALL", "C.UTF-8", 1);
        _cleanup_free_ char *n = disk_of("n", filesystems[i]);
        unsetenv("LC_ALL");
        assert_string_equal(m, n);
        _cleanup_free_ char *from = cunik_asprintf("%s/m", folder);
        _cleanup_free_ char *path = cunik_asprintf("%s/checked-%zu", folder, i);
        test_ok(cunik_data_disk_make(path, filesystems[i], from, 8 << 20, &err), err);
        test_ok(PROCESS_RUN(&err, "e2fsck", "-fn", path), err);
        write_at("m/sub/alpha", "x", 1000000001);
        _cleanup_free_ char *changed = disk_of("m", filesystems[i]);
        assert_string_not_equal(m, changed);
        write_at("m/sub/alpha", "x", 1000000000);
        _cleanup_free_ char *sub = cunik_asprintf("%s/m/sub", folder);
        const struct timespec times[2] = {{.tv_nsec = UTIME_NOW}, {.tv_sec = 1100000000}};
        assert_int_equal(utimensat(AT_FDCWD, sub, times, 0), 0);
    }
}

static void test_errors(void **state)
{
    static const char *const filesystems[] = {"iso9660", "ext4", "rofs"};
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
        cmocka_unit_test(test_iso),        cmocka_unit_test(test_ext),
        cmocka_unit_test(test_ext_again),  cmocka_unit_test(test_rofs),
        cmocka_unit_test(test_rofs_pipe),  cmocka_unit_test(test_errors),
        cmocka_unit_test(test_no_program),
    };

    return cmocka_run_group_tests(tests, set_up, tear_down);
}
