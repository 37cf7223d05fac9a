/* The store of volumes, that of files for guests, and the archive that brings them. */
#include <fcntl.h>
#include <pthread.h>
#include <sched.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>

#include "backends/initrd.h"
#include "base/digest.h"
#include "base/file.h"
#include "base/json.h"
#include "base/memory.h"
#include "engine/file_store.h"
#include "engine/volume.h"
#include "tests/support/test.h"

static int setup(void **state)
{
    char root[] = "/tmp/cvXXXXXX";

    assert_non_null(mkdtemp(root));
    *state = cunik_strdup(root);
    return 0;
}

static int teardown(void **state)
{
    cunik_file_remove_tree(*state, NULL);
    free(*state);
    return 0;
}

static struct world_volume *new_volume(struct world *w, const char *name, const char *format)
{
    struct world_volume *v = cunik_world_add_volume(w);

    cunik_replace(&v->name, name);
    cunik_replace(&v->format, format);
    return v;
}

static bool is_there(const char *root, const char *path)
{
    _cleanup_free_ char *whole = cunik_asprintf("%s/%s", root, path);

    return cunik_file_exists(whole);
}

static void test_make(void **state)
{
    const char *root = *state;
    _cleanup_world_ struct world w = {0};
    struct world_volume *v = new_volume(&w, "data", "raw");
    _cleanup_volume_ struct volume made = {0}, again = {0};
    struct error *err = NULL;
    struct stat st;

    v->size = 8 << 20;
    test_ok(cunik_volume_ensure(root, v, "ext2", &made, &err), err);
    assert_string_equal(made.what.filesystem, "ext2");
    assert_int_equal(stat(made.path, &st), 0);
    assert_int_equal(st.st_size, 8 << 20);
    /* The superblock's magic number of ext2, 3 and 4. */
    unsigned char magic[2];
    int fd = open(made.path, O_RDONLY | O_CLOEXEC);
    assert_int_equal(pread(fd, magic, 2, 1024 + 56), 2);
    close(fd);
    assert_memory_equal(magic, "\x53\xef", 2);
    /* One that is there stays as it is, whatever is asked for. */
    v->size = 16 << 20;
    test_ok(cunik_volume_ensure(root, v, "ext4", &again, &err), err);
    assert_int_equal(again.what.size, 8 << 20);
    assert_string_equal(again.what.filesystem, "ext2");
    assert_int_equal(again.created_ms, made.created_ms);
}

static void test_formats(void **state)
{
    const char *root = *state;
    _cleanup_world_ struct world w = {0};
    _cleanup_volume_ struct volume folder = {0}, disk = {0};
    struct error *err = NULL;
    char magic[4];

    test_ok(cunik_volume_create(root, new_volume(&w, "d", "directory"), "ext4", &folder, &err),
            err);
    assert_true(is_there(root, "volumes/d/data"));
    assert_int_equal(folder.what.size, 0);
    struct world_volume *v = new_volume(&w, "q", "qcow2");
    v->size = 4 << 20;
    test_ok(cunik_volume_create(root, v, "ext2", &disk, &err), err);
    int fd = open(disk.path, O_RDONLY | O_CLOEXEC);
    assert_int_equal(read(fd, magic, 4), 4);
    close(fd);
    assert_memory_equal(magic, "QFI\xfb", 4);
    assert_false(is_there(root, "volumes/q/disk.qcow2.raw"));
}

static void refuse(const char *root, struct world_volume *v, const char *words)
{
    struct volume made = {0};
    struct error *err = NULL;

    assert_true(cunik_volume_create(root, v, "ext4", &made, &err) < 0);
    if (!strstr(err->message, words))
        fail_msg("'%s' does not say '%s'", err->message, words);
    cunik_error_destroy(err);
}

static void test_refused(void **state)
{
    const char *root = *state;
    _cleanup_world_ struct world w = {0};
    _cleanup_volume_ struct volume made = {0};
    struct error *err = NULL;

    refuse(root, new_volume(&w, "a", "vmdk"), "'vmdk' is none of raw, qcow2, directory");
    struct world_volume *v = new_volume(&w, "b", "raw");
    cunik_replace(&v->filesystem, "zfs");
    refuse(root, v, "'zfs' is none of ext4");
    v = new_volume(&w, "c", "raw");
    v->size = 1000;
    refuse(root, v, "1 MiB to 64 TiB");
    v = new_volume(&w, "d", "directory");
    v->size = 1 << 20;
    refuse(root, v, "no size");
    v = new_volume(&w, "e", "");
    v->external = true;
    refuse(root, v, "no such volume: e");
    v = new_volume(&w, "f", "directory");
    test_ok(cunik_volume_create(root, v, "ext4", &made, &err), err);
    refuse(root, v, "there is a volume 'f' already");
    /* Too small for what mke2fs wants to put there: nothing is left of it. */
    v = new_volume(&w, "g", "raw");
    v->size = 1 << 20;
    cunik_replace(&v->filesystem, "ext4");
    struct volume small = {0};
    if (cunik_volume_create(root, v, "ext4", &small, NULL) < 0)
        assert_false(is_there(root, "volumes/.new-g"));
    cunik_volume_done(&small);
}

static void test_remove_and_list(void **state)
{
    const char *root = *state;
    _cleanup_world_ struct world w = {0};
    _cleanup_volume_ struct volume a = {0}, b = {0};
    struct volume *list = NULL;
    struct error *err = NULL;
    size_t n = 0;

    test_ok(cunik_volume_list(root, &list, &n, &err), err);
    assert_int_equal(n, 0);
    test_ok(cunik_volume_create(root, new_volume(&w, "b", "directory"), "", &b, &err), err);
    test_ok(cunik_volume_create(root, new_volume(&w, "a", "directory"), "", &a, &err), err);
    test_ok(cunik_volume_list(root, &list, &n, &err), err);
    assert_int_equal(n, 2);
    assert_string_equal(list[0].what.name, "a");
    for (size_t i = 0; i < n; i++)
        cunik_volume_done(&list[i]);
    free(list);
    test_ok(cunik_volume_remove(root, "a", &err), err);
    assert_false(is_there(root, "volumes/a"));
    assert_true(cunik_volume_remove(root, "a", &err) < 0);
    assert_int_equal(err->code, ERROR_NOT_FOUND);
    cunik_error_destroy(TAKE_PTR(err));
    assert_true(cunik_volume_remove(root, "../volumes/b", &err) < 0);
    assert_int_equal(err->code, ERROR_NOT_FOUND);
    cunik_error_destroy(TAKE_PTR(err));
}

/* One that is damaged is named, hides no other, and can be removed. */
static void test_damaged(void **state)
{
    const char *root = *state;
    _cleanup_world_ struct world w = {0};
    _cleanup_volume_ struct volume a = {0}, b = {0};
    _cleanup_free_ char *manifest = cunik_asprintf("%s/volumes/a/volume.json", root);
    struct volume *list = NULL;
    struct error *err = NULL;
    size_t n = 0;

    test_ok(cunik_volume_create(root, new_volume(&w, "b", "directory"), "", &b, &err), err);
    test_ok(cunik_volume_create(root, new_volume(&w, "a", "directory"), "", &a, &err), err);
    test_ok(cunik_file_write(manifest, "{\"name\": ", 9, 0600, false, &err), err);
    test_ok(cunik_volume_list(root, &list, &n, &err), err);
    assert_int_equal(n, 2);
    assert_string_equal(list[0].what.name, "a");
    assert_non_null(strstr(list[0].damage, "volume.json"));
    assert_string_equal(list[1].what.name, "b");
    assert_null(list[1].damage);
    _cleanup_json_ json_t *json = cunik_volume_to_json(&list[0]);
    assert_int_equal(json_object_size(json), 3);
    for (size_t i = 0; i < n; i++)
        cunik_volume_done(&list[i]);
    free(list);
    test_ok(cunik_volume_remove(root, "a", &err), err);
    assert_false(is_there(root, "volumes/a"));
    test_ok(cunik_volume_remove(root, "b", &err), err);
}

/* While somebody copies one, nobody begins to use it, and the other way round. */
static void test_copied(void **state)
{
    const char *root = *state;
    _cleanup_world_ struct world w = {0};
    _cleanup_volume_ struct volume v = {0};
    _cleanup_free_ char *folder = cunik_asprintf("%s/volumes/c", root);
    struct error *err = NULL;
    int copier, user, none;

    test_ok(cunik_volume_create(root, new_volume(&w, "c", "directory"), "", &v, &err), err);
    test_ok(cunik_volume_share(root, "none", &none, &err), err);
    assert_int_equal(none, -1);
    test_ok(cunik_volume_seize(folder, &copier, &err), err);
    assert_true(cunik_volume_share(root, "c", &user, &err) < 0);
    assert_string_equal(err->message, "the volume 'c' is being exported or imported");
    cunik_error_destroy(TAKE_PTR(err));
    assert_true(cunik_volume_remove(root, "c", &err) < 0);
    assert_int_equal(err->code, ERROR_CONFLICT);
    cunik_error_destroy(TAKE_PTR(err));
    close(copier);
    test_ok(cunik_volume_share(root, "c", &user, &err), err);
    close(user);
    test_ok(cunik_volume_remove(root, "c", &err), err);
}

/* What an engine that was killed left half made or half removed is gone after the next change. */
static void test_leftovers(void **state)
{
    const char *root = *state;
    _cleanup_world_ struct world w = {0};
    _cleanup_volume_ struct volume v = {0};
    _cleanup_free_ char *half = cunik_asprintf("%s/volumes/.new-x/data", root);
    _cleanup_free_ char *old = cunik_asprintf("%s/volumes/.old-y/data", root);
    struct volume *list = NULL;
    size_t n = 0;

    test_ok(cunik_file_make_folders(half, 0755, NULL), NULL);
    test_ok(cunik_file_make_folders(old, 0755, NULL), NULL);
    test_ok(cunik_volume_list(root, &list, &n, NULL), NULL);
    assert_int_equal(n, 0);
    test_ok(cunik_volume_create(root, new_volume(&w, "z", "directory"), "", &v, NULL), NULL);
    assert_false(is_there(root, "volumes/.new-x"));
    assert_false(is_there(root, "volumes/.old-y"));
    free(list);
}

static void test_files(void **state)
{
    const char *root = *state;
    _cleanup_free_ char *digest = cunik_digest_hex("a\0b", 3, 2 * DIGEST_SIZE), *data = NULL;
    _cleanup_free_ char *path = cunik_asprintf("%s/files/%s", root, digest);
    struct error *err = NULL;
    struct stat st;
    size_t size = 0;

    test_ok(cunik_file_store_put(root, "a\0b", 3, &err), err);
    test_ok(cunik_file_store_get(root, digest, &data, &size, &err), err);
    assert_int_equal(size, 3);
    assert_memory_equal(data, "a\0b", 3);
    assert_int_equal(stat(path, &st), 0);
    assert_int_equal(st.st_mode & 0777, 0600);
    test_ok(cunik_file_write(path, "other", 5, 0600, false, NULL), NULL);
    char *none = NULL;
    assert_true(cunik_file_store_get(root, digest, &none, &size, &err) < 0);
    assert_int_equal(err->code, ERROR_FAILED);
    cunik_error_destroy(err);
}

struct file_users {
    const char *digest;
    size_t asked;
};

static int name_users(void *ctx, struct strv *ret, _unused_ struct error **err)
{
    struct file_users *u = ctx;

    u->asked++;
    cunik_strv_add(ret, u->digest);
    return 0;
}

static void grow_old(const char *path)
{
    const struct timespec times[2] = {{.tv_sec = 1}, {.tv_sec = 1}};

    assert_int_equal(utimensat(AT_FDCWD, path, times, 0), 0);
}

/* What is old goes, but for what a cunik has: it may have to be made of that again. */
static void test_old_files(void **state)
{
    const char *root = *state;
    _cleanup_free_ char *digest = cunik_digest_hex("a", 1, 2 * DIGEST_SIZE);
    _cleanup_free_ char *path = cunik_asprintf("%s/files/%s", root, digest);
    struct file_users users = {.digest = digest};

    test_ok(cunik_file_store_put(root, "a", 1, NULL), NULL);
    test_ok(cunik_file_store_sweep(root, name_users, &users, NULL), NULL);
    assert_int_equal(users.asked, 0);
    grow_old(path);
    test_ok(cunik_file_store_sweep(root, name_users, &users, NULL), NULL);
    assert_int_equal(users.asked, 1);
    assert_true(cunik_file_exists(path));
    users.digest = "another";
    test_ok(cunik_file_store_sweep(root, name_users, &users, NULL), NULL);
    assert_false(cunik_file_exists(path));
}

/* Who puts a file there again that was old finds it. */
struct sweeper {
    const char *root;
    _Atomic bool stop;
};

static void *sweep(void *arg)
{
    struct sweeper *s = arg;
    struct file_users users = {.digest = "another"};

    while (!s->stop)
        cunik_file_store_sweep(s->root, name_users, &users, NULL);
    return NULL;
}

static void test_old_files_put_again(void **state)
{
    struct sweeper s = {.root = *state};
    _cleanup_free_ char *digest = cunik_digest_hex("a", 1, 2 * DIGEST_SIZE);
    _cleanup_free_ char *path = cunik_asprintf("%s/files/%s", s.root, digest);
    size_t missing = 0;
    pthread_t thread;

    test_ok(cunik_file_store_put(s.root, "a", 1, NULL), NULL);
    assert_int_equal(pthread_create(&thread, NULL, sweep, &s), 0);
    for (int i = 0; i < 3000; i++) {
        const struct timespec times[2] = {{.tv_sec = 1}, {.tv_sec = 1}};
        (void)utimensat(AT_FDCWD, path, times, 0);
        test_ok(cunik_file_store_put(s.root, "a", 1, NULL), NULL);
        sched_yield();
        missing += !cunik_file_exists(path);
    }
    s.stop = true;
    pthread_join(thread, NULL);
    assert_int_equal(missing, 0);
}

/* Read back by a tool that knows the format. */
static void test_initrd(void **state)
{
    const char *root = *state;
    _cleanup_buffer_ struct buffer b = {0};
    const struct initrd_file files[] = {
        {"/etc/my file%", 0440, 3, 4, "abc", 3},
        {"/run/secrets/x", 0400, 0, 0, "", 0},
    };
    _cleanup_free_ char *path = cunik_asprintf("%s/x.cpio", root);
    _cleanup_free_ char *command =
        cunik_asprintf("cd %s && cpio --quiet -i --to-stdout etc/cunik/files .cunik/0 <x.cpio && "
                       "cpio --quiet -tvn <x.cpio | awk '{ print $1, $3, $4, $5, $NF }'",
                       root);
    char said[1024];

    cunik_initrd_append(&b, files, ARRAY_SIZE(files));
    test_ok(cunik_file_write(path, b.data, b.size, 0600, false, NULL), NULL);
    FILE *f = popen(command, "re");
    said[fread(said, 1, sizeof(said) - 1, f)] = '\0';
    assert_int_equal(pclose(f), 0);
    assert_string_equal(said, "abc0 /etc/my%20file%25\n1 /run/secrets/x\n"
                              "drwxr-xr-x 0 0 0 .cunik\n"
                              "-r--r----- 3 4 3 .cunik/0\n"
                              "-r-------- 0 0 0 .cunik/1\n"
                              "drwxr-xr-x 0 0 0 etc\n"
                              "drwxr-xr-x 0 0 0 etc/cunik\n"
                              "-rw------- 0 0 37 etc/cunik/files\n");
}

int main(void)
{
#define TEST(name) cmocka_unit_test_setup_teardown(name, setup, teardown)
    const struct CMUnitTest tests[] = {
        TEST(test_make),      TEST(test_formats),
        TEST(test_refused),   TEST(test_remove_and_list),
        TEST(test_damaged),   TEST(test_copied),
        TEST(test_leftovers), TEST(test_files),
        TEST(test_old_files), TEST(test_old_files_put_again),
        TEST(test_initrd),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
