/* The store of images: what is built is found again, what is hostile is refused and leaves the
 * store as it was. */
#include <archive.h>
#include <archive_entry.h>
#include <errno.h>
#include <fcntl.h>
#include <string.h>
#include <sys/stat.h>

#include "base/buffer.h"
#include "base/file.h"
#include "base/json.h"
#include "base/memory.h"
#include "base/text.h"
#include "base/untar.h"
#include "images/store.h"
#include "tests/support/test.h"

static int setup(void **state)
{
    char root[] = "/tmp/ciXXXXXX";

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

static void put(const char *root, const char *name, const char *text)
{
    _cleanup_free_ char *path = cunik_asprintf("%s/%s", root, name);
    _cleanup_free_ char *folder = cunik_path_folder(path);

    test_ok(cunik_file_make_folders(folder, 0755, NULL), NULL);
    test_ok(cunik_file_write(path, text, strlen(text), 0644, false, NULL), NULL);
}

static char *get(const char *path)
{
    char *text = NULL;
    size_t size;

    test_ok(cunik_file_read(path, 1 << 20, &text, &size, NULL), NULL);
    return text;
}

static char *build(const char *root, const char *name, const char *kernel)
{
    _cleanup_free_ char *source = cunik_asprintf("%s/src/kernel", root);
    struct image_build b = {.config = {.backend = cunik_strdup("linux"), .memory = 64 << 20}};
    struct error *err = NULL;
    char *digest = NULL;

    put(root, "src/kernel", kernel);
    cunik_image_build_add(&b, "cunik/kernel", source);
    cunik_strv_add(&b.config.command, "run");
    cunik_strv_add(&b.config.environment, "A=b");
    cunik_strv_add(&b.config.ports, "80/tcp");
    cunik_strv_add(&b.config.volumes, "/data");
    cunik_strv_add(&b.config.health, "TCP");
    cunik_strv_add(&b.config.health, "80");
    cunik_strv_add(&b.config.labels, "x=y");
    test_ok(cunik_image_build(root, &b, name, &digest, &err), err);
    cunik_image_build_done(&b);
    return digest;
}

static void test_names(void **state _unused_)
{
    static const char hex[] = "@sha256:"
                              "0123456789abcdef0123456789abcdef0123456789abcdef0123456789abcdef";
    static const struct {
        const char *text, *full;
    } cases[] = {
        {"redis", "redis:latest"},
        {"redis:7", "redis:7"},
        {"localhost:5000/a/b", "localhost:5000/a/b:latest"},
        {"Registry.example:5000/a/b:v1.2_x-y", "Registry.example:5000/a/b:v1.2_x-y"},
        {"", NULL},
        {"Redis", NULL},
        {"a//b", NULL},
        {"/a", NULL},
        {"a/", NULL},
        {"a:", NULL},
        {"a:b/c:d:e", NULL},
        {"../x", NULL},
        {"a b", NULL},
        {"a@sha256:12", NULL},
        {"-a", NULL},
    };

    for (size_t i = 0; i < ARRAY_SIZE(cases); i++) {
        _cleanup_free_ char *full = NULL;
        int r = cunik_image_name(cases[i].text, &full, NULL);
        if (!cases[i].full != (r < 0) || (full && strcmp(full, cases[i].full) != 0))
            fail_msg("'%s' is '%s'", cases[i].text, full ? full : "refused");
    }
    _cleanup_free_ char *text = cunik_asprintf("a/b%s", hex), *full = NULL;
    test_ok(cunik_image_name(text, &full, NULL), NULL);
    assert_string_equal(full, text);
    assert_string_equal(cunik_image_name_digest(full), hex + 1);
    assert_null(cunik_image_name_digest("a:latest"));
}

static void test_build(void **state)
{
    const char *root = *state;
    _cleanup_free_ char *digest = build(root, "web", "a kernel");
    _cleanup_free_ char *again = build(root, "other:1", "a kernel");
    _cleanup_free_ char *changed = build(root, "web", "another");
    _cleanup_image_ struct image image = {0};
    _cleanup_image_files_ struct image_files files = {0};
    struct image *list = NULL;
    struct error *err = NULL;
    struct stat st;
    size_t n = 0;

    assert_string_equal(digest, again);
    assert_string_not_equal(digest, changed);
    test_ok(cunik_image_find(root, "other:1", &image, &err), err);
    assert_string_equal(image.digest, digest);
    assert_string_equal(image.config.backend, "linux");
    assert_int_equal(image.config.memory, 64 << 20);
    assert_string_equal(image.config.command.items[0], "run");
    assert_string_equal(image.config.environment.items[0], "A=b");
    assert_string_equal(image.config.ports.items[0], "80/tcp");
    assert_string_equal(image.config.volumes.items[0], "/data");
    assert_string_equal(image.config.health.items[1], "80");
    assert_string_equal(image.config.labels.items[0], "x=y");
    test_ok(cunik_image_unpack(root, changed, &files, &err), err);
    _cleanup_free_ char *kernel = get(files.kernel);
    assert_string_equal(kernel, "another");
    assert_string_equal(files.initrd, "");
    assert_int_equal(stat(files.kernel, &st), 0);
    assert_int_equal(st.st_mode & 0777, 0444);
    test_ok(cunik_image_list(root, NULL, &list, &n, &err), err);
    assert_int_equal(n, 2);
    for (size_t i = 0; i < n; i++)
        cunik_image_done(&list[i]);
    free(list);
}

static bool has(const char *root, const char *name)
{
    struct image image = {0};
    bool found = cunik_image_find(root, name, &image, NULL) == 0;

    cunik_image_done(&image);
    return found;
}

static void test_remove(void **state)
{
    const char *root = *state;
    _cleanup_free_ char *a = build(root, "a", "one"), *b = build(root, "b", "two");
    _cleanup_free_ char *part = cunik_strndup(b + 7, 12);
    _cleanup_strv_ struct strv none = {0}, removed = {0}, keep = {0};
    struct image_files files = {0};
    struct error *err = NULL;
    int64_t freed = 0;

    test_ok(cunik_image_tag(root, part, "c:1", &err), err);
    test_ok(cunik_image_remove(root, "b", &err), err);
    assert_false(has(root, "b"));
    assert_true(has(root, "c:1"));
    assert_true(has(root, b));
    test_ok(cunik_image_remove(root, b, &err), err);
    assert_false(has(root, "c:1"));
    assert_int_equal(cunik_image_remove(root, "b", NULL), -EIO);
    test_ok(cunik_image_unpack(root, a, &files, &err), err);
    cunik_image_files_done(&files);
    test_ok(cunik_image_prune(root, PRUNE_UNNAMED, &none, &removed, &freed, &err), err);
    assert_true(freed > 0);
    assert_true(has(root, "a"));
    /* What is kept is still there after all names have gone. */
    cunik_strv_add(&keep, a);
    test_ok(cunik_image_remove(root, "a", &err), err);
    test_ok(cunik_image_prune(root, PRUNE_ALL, &keep, &removed, &freed, &err), err);
    test_ok(cunik_image_unpack(root, a, &files, &err), err);
    cunik_image_files_done(&files);
    test_ok(cunik_image_prune(root, PRUNE_ALL, &none, &removed, &freed, &err), err);
    assert_true(cunik_image_unpack(root, a, &files, NULL) < 0);
}

/* An image whose name went to another one stays until it is asked for. */
static void test_prune_unnamed(void **state)
{
    const char *root = *state;
    _cleanup_free_ char *first = build(root, "u", "one"), *second = build(root, "u", "two");
    _cleanup_strv_ struct strv none = {0}, removed = {0};
    struct error *err = NULL;
    int64_t freed = 0;

    test_ok(cunik_image_prune(root, PRUNE_NONE, &none, &removed, &freed, &err), err);
    assert_true(has(root, first) && has(root, second) && removed.n == 0);
    test_ok(cunik_image_prune(root, PRUNE_UNNAMED, &none, &removed, &freed, &err), err);
    assert_true(!has(root, first) && has(root, second) && removed.n == 1);
}

/* What cannot be looked into is not taken for empty: no image goes for that, and who asks is told.
 */
static void test_prune_unreadable(void **state)
{
    static const char *const folders[] = {"store/blobs/sha256", "unpacked"};
    const char *root = *state;
    _cleanup_free_ char *digest = build(root, "a", "one");
    _cleanup_free_ char *manifest = cunik_asprintf("%s/store/blobs/sha256/%s", root, digest + 7);
    _cleanup_free_ char *aside = cunik_asprintf("%s/aside", root);
    _cleanup_strv_ struct strv none = {0}, removed = {0};
    _cleanup_image_files_ struct image_files files = {0};
    _cleanup_error_ struct error *err = NULL;
    int64_t freed = 0;

    test_ok(cunik_image_unpack(root, digest, &files, &err), err);
    assert_int_equal(rename(manifest, aside), 0);
    assert_int_equal(symlink(manifest, manifest), 0);
    assert_int_equal(cunik_image_prune(root, PRUNE_NONE, &none, &removed, &freed, &err), -ELOOP);
    assert_non_null(strstr(err->message, manifest));
    assert_int_equal(rename(aside, manifest), 0);
    for (size_t i = 0; i < ARRAY_SIZE(folders); i++) {
        _cleanup_free_ char *folder = cunik_asprintf("%s/%s", root, folders[i]);
        cunik_error_forget(&err);
        if (i == 0)
            test_ok(cunik_image_remove(root, "a", &err), err);
        assert_int_equal(rename(folder, aside), 0);
        assert_int_equal(symlink(folder, folder), 0);
        assert_int_equal(cunik_image_prune(root, PRUNE_NONE, &none, &removed, &freed, &err),
                         -ELOOP);
        assert_non_null(strstr(err->message, folder));
        assert_int_equal(freed > 0, i == 1); /* the blobs went before */
        assert_int_equal(unlink(folder), 0);
        assert_int_equal(rename(aside, folder), 0);
    }
    cunik_error_forget(&err);
    test_ok(cunik_image_prune(root, PRUNE_NONE, &none, &removed, &freed, &err), err);
    assert_false(cunik_file_exists(files.kernel));
}

static void test_import(void **state)
{
    const char *root = *state;
    _cleanup_free_ char *folder = cunik_asprintf("%s/old", root), *digest = NULL;
    _cleanup_image_ struct image image = {0};
    _cleanup_image_files_ struct image_files files = {0};
    struct image_build b = {0};
    struct error *err = NULL;

    put(root, "old/metadata.json",
        "{\"name\":\"nginx\",\"unikernel\":{\"name\":\"rumprun\"},\"default_cmdline\":\"{x}\"}");
    put(root, "old/kernel.bin", "k");
    put(root, "old/data.iso", "d");
    test_ok(cunik_image_import_read(folder, &b, &err), err);
    test_ok(cunik_image_build(root, &b, "nginx", &digest, &err), err);
    cunik_image_build_done(&b);
    test_ok(cunik_image_find(root, "nginx", &image, &err), err);
    assert_string_equal(image.config.backend, "rumprun");
    assert_string_equal(image.config.cmdline, "{x}");
    test_ok(cunik_image_unpack(root, digest, &files, &err), err);
    assert_int_equal(files.disks.n, 1);
    assert_true(cunik_text_ends(files.disks.items[0], "0.raw"));
}

/* Archives, as they are sent. */

static int pack(const char *root, struct tar *t, int64_t piece)
{
    _cleanup_free_ char *path = cunik_asprintf("%s/sent.tar", root);
    int fd = open(path, O_RDWR | O_CREAT | O_TRUNC | O_CLOEXEC, 0600);
    _cleanup_free_ char *bytes = cunik_malloc((size_t)piece);
    ssize_t n;

    cunik_tar_rewind(t);
    while ((n = cunik_tar_read(t, bytes, (size_t)piece, NULL)) > 0)
        assert_int_equal(write(fd, bytes, (size_t)n), n);
    assert_int_equal(n, 0);
    assert_int_equal(lseek(fd, 0, SEEK_CUR), cunik_tar_size(t));
    return fd;
}

static void untar(const char *archive, size_t size, size_t piece, const char *folder, int *ret,
                  int *ret_end)
{
    struct untar u;

    cunik_untar_init(&u, folder);
    for (size_t at = 0; at < size && *ret == 0; at += piece)
        *ret = cunik_untar_feed(&u, archive + at, at + piece > size ? size - at : piece, NULL);
    *ret_end = cunik_untar_end(&u, NULL);
    cunik_untar_done(&u);
}

/* Taken apart as it comes, in pieces of any size; what is no plain file of the folder is refused.
 */
static void test_untar(void **state)
{
    static const char *const bad[] = {"../x", "/x", "a/../../x", "a/.."};
    const char *root = *state;
    _cleanup_free_ char *sent = cunik_asprintf("%s/sent.tar", root), *data = NULL;
    _cleanup_tar_ struct tar t = {0};
    size_t size = 0;
    int r = 0, end = 0;

    put(root, "in/large", "");
    _cleanup_free_ char *large = cunik_asprintf("%s/in/large", root);
    assert_int_equal(truncate(large, 3 << 10), 0);
    cunik_tar_add_text(&t, "index.json", "{}");
    cunik_tar_add_text(&t, "blobs/sha256/empty", "");
    test_ok(cunik_tar_add_file(&t, "blobs/sha256/large", large, NULL), NULL);
    close(pack(root, &t, 1000));
    test_ok(cunik_file_read(sent, 1 << 20, &data, &size, NULL), NULL);
    for (size_t piece = 1; piece < 20000; piece = piece * 7 + 1) {
        _cleanup_free_ char *folder = cunik_asprintf("%s/out-%zu", root, piece);
        _cleanup_free_ char *index = cunik_asprintf("%s/index.json", folder);
        _cleanup_free_ char *blob = cunik_asprintf("%s/blobs/sha256/large", folder);
        struct stat st;
        untar(data, size, piece, folder, &r, &end);
        assert_int_equal(r, 0);
        assert_int_equal(end, 0);
        _cleanup_free_ char *text = get(index);
        assert_string_equal(text, "{}");
        assert_int_equal(stat(blob, &st), 0);
        assert_int_equal(st.st_size, 3 << 10);
    }
    _cleanup_free_ char *cut = cunik_asprintf("%s/cut", root);
    untar(data, size - 1024, 4096, cut, &r, &end);
    assert_int_equal(r, 0);
    assert_true(end < 0);
    for (size_t i = 0; i < ARRAY_SIZE(bad); i++) {
        _cleanup_free_ char *folder = cunik_asprintf("%s/bad-%zu", root, i), *bytes = NULL;
        cunik_tar_done(&t);
        cunik_tar_add_text(&t, bad[i], "evil");
        close(pack(root, &t, 1000));
        test_ok(cunik_file_read(sent, 1 << 20, &bytes, &size, NULL), NULL);
        r = 0;
        untar(bytes, size, 4096, folder, &r, &end);
        assert_true(r < 0);
    }
}

/* Members of 8 GiB and more, read by another implementation. */
static void test_large_member(void **state)
{
    const char *root = *state;
    const int64_t size = INT64_C(9) << 30;
    _cleanup_free_ char *large = cunik_asprintf("%s/in/large", root);
    _cleanup_tar_ struct tar t = {0};
    char block[4096];
    struct archive *a = archive_read_new();
    struct archive_entry *e;

    put(root, "in/large", "");
    assert_int_equal(truncate(large, size), 0);
    test_ok(cunik_tar_add_file(&t, "large", large, NULL), NULL);
    assert_int_equal(cunik_tar_size(&t), 512 + size + 1024);
    for (size_t at = 0; at < sizeof(block);)
        at += (size_t)cunik_tar_read(&t, block + at, sizeof(block) - at, NULL);
    archive_read_support_format_tar(a);
    assert_int_equal(archive_read_open_memory(a, block, sizeof(block)), ARCHIVE_OK);
    assert_int_equal(archive_read_next_header(a, &e), ARCHIVE_OK);
    assert_string_equal(archive_entry_pathname(e), "large");
    assert_int_equal(archive_entry_size(e), size);
    archive_read_free(a);
}

/* What an image is made of is sent, and is the same image as one that is built at once. */
static void test_packed(void **state)
{
    const char *root = *state;
    _cleanup_free_ char *kernel = cunik_asprintf("%s/in/kernel", root);
    _cleanup_free_ char *disk = cunik_asprintf("%s/in/disk", root);
    struct image_build b = {.config = {.backend = cunik_strdup("raw"), .memory = 1 << 20}};
    _cleanup_free_ char *first = NULL;
    _cleanup_tar_ struct tar t = {0};
    struct error *err = NULL;

    put(root, "in/kernel", "a kernel");
    put(root, "in/disk", "");
    assert_int_equal(truncate(disk, 5000), 0);
    cunik_image_build_add(&b, "cunik/kernel", kernel);
    cunik_image_build_add(&b, "cunik/disks/0.raw", disk);
    cunik_strv_add(&b.config.environment, "A=b");
    test_ok(cunik_image_build_pack(&b, &t, &err), err);
    test_ok(cunik_image_build(root, &b, "direct", &first, &err), err);
    for (int64_t piece = 1; piece < 20000; piece = piece * 7 + 1) {
        _cleanup_close_ int fd = pack(root, &t, piece);
        _cleanup_free_ char *digest = NULL;
        test_ok(cunik_image_build_packed(root, fd, "sent", &digest, &err), err);
        assert_string_equal(digest, first);
    }
    cunik_image_build_done(&b);
}

static void expect_refused(const char *root, struct tar *t, const char *words)
{
    _cleanup_close_ int fd = pack(root, t, 512);
    _cleanup_error_ struct error *err = NULL;
    char *digest = NULL;

    assert_true(cunik_image_build_packed(root, fd, "bad", &digest, &err) < 0);
    if (!strstr(err->message, words))
        fail_msg("'%s' does not say '%s'", err->message, words);
    cunik_tar_done(t);
}

static void test_packed_wrongly(void **state)
{
    const char *root = *state;
    struct tar t = {0};

    cunik_tar_add_text(&t, "cunik/kernel", "k");
    expect_refused(root, &t, "it has no config.json");
    cunik_tar_add_text(&t, "config.json", "{}");
    expect_refused(root, &t, "neither a kernel nor a disk");
    cunik_tar_add_text(&t, "config.json", "[]");
    cunik_tar_add_text(&t, "cunik/kernel", "k");
    expect_refused(root, &t, "is no object");
    cunik_tar_add_text(&t, "config.json", "{}");
    cunik_tar_add_text(&t, "cunik/disks/evil.raw", "");
    expect_refused(root, &t, "'cunik/disks/evil.raw' is no name of a disk");
    cunik_tar_add_text(&t, "config.json", "{}");
    cunik_tar_add_text(&t, "cunik/disks/0.qcow2", "no qcow2");
    expect_refused(root, &t, "is no qcow2 disk");
    cunik_tar_add_text(&t, "../config.json", "{}");
    expect_refused(root, &t, "the archive has '../config.json', which leaves its folder");
    expect_refused(root, &t, "it has no config.json");
}

/* Out of one store and into another. */
static void test_archive(void **state)
{
    const char *root = *state;
    _cleanup_free_ char *digest = build(root, "web", "a kernel"), *got = NULL;
    _cleanup_free_ char *other = cunik_asprintf("%s/other", root);
    _cleanup_image_ struct image image = {0};
    _cleanup_tar_ struct tar t = {0};
    struct error *err = NULL;

    test_ok(cunik_image_tag(root, "web", "shop:1", &err), err);
    test_ok(cunik_image_save(root, "shop:1", &t, &err), err);
    _cleanup_close_ int fd = pack(root, &t, 4096);
    test_ok(cunik_image_load(other, fd, "here", &got, &err), err);
    assert_string_equal(got, digest);
    test_ok(cunik_image_find(other, "here", &image, &err), err);
    assert_int_equal(image.names.n, 1);
    assert_int_equal(ftruncate(fd, 3000), 0);
    assert_true(cunik_image_load(other, fd, "again", &got, &err) < 0);
    assert_non_null(strstr(err->message, "loading 'again:latest'"));
    cunik_error_destroy(TAKE_PTR(err));
    assert_true(cunik_image_save(root, "nothing", &t, &err) < 0);
    assert_int_equal(err->code, ERROR_NOT_FOUND);
    cunik_error_destroy(err);
}

/* A list of images for several machines, as Unikraft's tools make it; `os`: of the second. */
static int list_archive(const char *root, const char *digest, const char *os)
{
    _cleanup_free_ char *folder = cunik_asprintf("%s/store", root);
    _cleanup_tar_ struct tar t = {0};
    struct image_descriptor d = {0};

    test_ok(cunik_image_save(root, digest, &t, NULL), NULL);
    _cleanup_json_ json_t *index = json_loads(t.members[1].text, 0, NULL);
    json_t *of = json_array_get(json_object_get(index, "manifests"), 0);
    json_object_set_new(of, "platform",
                        json_pack("{s:s, s:s}", "architecture", "x86_64", "os", os));
    json_t *arm = json_pack("{s:s, s:i, s:{s:s, s:s}}", "digest", digest, "size", 3, "platform",
                            "architecture", "arm64", "os", "linux");
    json_array_insert_new(json_object_get(index, "manifests"), 0, arm);
    _cleanup_free_ char *text = json_dumps(index, 0);
    test_ok(cunik_image_blob_put(folder, text, strlen(text), &d, NULL), NULL);
    _cleanup_free_ char *outer = cunik_asprintf(
        "{\"manifests\":[{\"digest\":\"%s\",\"size\":%zu}]}", d.digest, strlen(text));
    free(t.members[1].text);
    t.members[1].text = cunik_strdup(outer);
    t.members[1].size = (int64_t)strlen(outer);
    _cleanup_free_ char *name = cunik_image_blob_path(".", d.digest);
    cunik_tar_add_text(&t, name + 2, text);
    return pack(root, &t, 4096);
}

static void test_platforms(void **state)
{
    const char *root = *state;
    _cleanup_free_ char *digest = build(root, "web", "a kernel"), *got = NULL;
    _cleanup_close_ int ours = list_archive(root, digest, "qemu");
    _cleanup_error_ struct error *err = NULL;

    test_ok(cunik_image_load(root, ours, "list", &got, &err), err);
    assert_string_equal(got, digest);
    _cleanup_close_ int theirs = list_archive(root, digest, "windows");
    assert_true(cunik_image_load(root, theirs, "list", &got, &err) < 0);
    assert_non_null(strstr(err->message, "for other machines only"));
}

/* Hostile ones */

static char *blob_of(const char *root, const char *digest)
{
    return cunik_asprintf("%s/store/blobs/sha256/%s", root, digest + 7);
}

static char *layer_of(const char *root, const char *digest)
{
    _cleanup_free_ char *blob = blob_of(root, digest), *text = get(blob);
    _cleanup_json_ json_t *json = json_loads(text, 0, NULL);
    const json_t *layer = json_array_get(json_object_get(json, "layers"), 0);

    return blob_of(root, json_string_value(json_object_get(layer, "digest")));
}

static void expect_unpack_fails(const char *root, const char *digest, const char *words)
{
    _cleanup_free_ char *folder = cunik_asprintf("%s/unpacked/%s", root, digest + 7);
    struct image_files files = {0};
    struct error *err = NULL;

    assert_true(cunik_image_unpack(root, digest, &files, &err) < 0);
    if (!strstr(err->message, words))
        fail_msg("'%s' does not say '%s'", err->message, words);
    cunik_error_destroy(err);
    assert_false(cunik_file_exists(folder));
}

static void test_corrupt(void **state)
{
    const char *root = *state;
    _cleanup_free_ char *a = build(root, "a", "one"), *b = build(root, "b", "two");
    _cleanup_free_ char *good = build(root, "good", "three");
    _cleanup_free_ char *corrupt = layer_of(root, a), *truncated = layer_of(root, b);
    _cleanup_image_files_ struct image_files files = {0};
    int fd = open(corrupt, O_WRONLY | O_CLOEXEC);

    assert_int_equal(pwrite(fd, "!", 1, 20), 1);
    close(fd);
    assert_int_equal(truncate(truncated, 30), 0);
    expect_unpack_fails(root, a, "is corrupt: its digest is sha256:");
    expect_unpack_fails(root, b, "has 30 bytes and not");
    test_ok(cunik_image_unpack(root, good, &files, NULL), NULL);
    /* A corrupt manifest is not taken for another image. */
    _cleanup_free_ char *manifest = blob_of(root, good);
    put(root, "x", "");
    fd = open(manifest, O_WRONLY | O_CLOEXEC);
    assert_int_equal(pwrite(fd, "[", 1, 0), 1);
    close(fd);
    assert_false(has(root, "good"));
}

static const struct image *named(const struct image *list, size_t n, const char *name)
{
    for (size_t i = 0; i < n; i++)
        if (cunik_strv_has(&list[i].names, name))
            return &list[i];
    fail_msg("'%s' is not listed", name);
    return NULL;
}

/* An entry of the index loses its digest. */
static void spoil(const char *root, const char *digest)
{
    _cleanup_free_ char *path = cunik_asprintf("%s/store/index.json", root);
    _cleanup_json_ json_t *json = json_load_file(path, 0, NULL);
    json_t *entry;
    size_t i;

    json_array_foreach (json_object_get(json, "manifests"), i, entry)
        if (cunik_text_equal(json_string_value(json_object_get(entry, "digest")), digest))
            json_object_set_new(entry, "digest", json_string("sha999"));
    assert_int_equal(json_dump_file(json, path, 0), 0);
}

static void free_list(struct image *list, size_t n)
{
    for (size_t i = 0; i < n; i++)
        cunik_image_done(&list[i]);
    free(list);
}

/* What is damaged is named and hides nothing; it can be removed, and made again. */
static void test_damaged(void **state)
{
    const char *root = *state;
    _cleanup_free_ char *good = build(root, "good", "one"), *gone = build(root, "gone", "two");
    _cleanup_free_ char *bad = build(root, "bad", "three"), *odd = build(root, "odd", "four");
    _cleanup_free_ char *gone_blob = blob_of(root, gone), *bad_blob = blob_of(root, bad);
    _cleanup_strv_ struct strv none = {0}, removed = {0};
    struct image_cache *cache = cunik_image_cache_create();
    struct image *list = NULL;
    struct error *err = NULL;
    int64_t freed = 0;
    size_t n = 0;

    test_ok(cunik_image_list(root, cache, &list, &n, &err), err);
    assert_int_equal(n, 4);
    free_list(list, n);
    assert_int_equal(unlink(gone_blob), 0);
    assert_int_equal(truncate(bad_blob, 100), 0);
    spoil(root, odd);
    test_ok(cunik_image_list(root, cache, &list, &n, &err), err);
    assert_int_equal(n, 4);
    assert_null(named(list, n, "good:latest")->damage);
    assert_non_null(strstr(named(list, n, "gone:latest")->damage, "No such file"));
    assert_non_null(strstr(named(list, n, "bad:latest")->damage, "has 100 bytes and not"));
    assert_non_null(strstr(named(list, n, "odd:latest")->damage, "no valid digest"));
    free_list(list, n);
    test_ok(cunik_image_prune(root, PRUNE_UNNAMED, &none, &removed, &freed, &err), err);
    assert_true(has(root, "good"));
    free(build(root, "gone", "two"));
    assert_true(has(root, "gone"));
    test_ok(cunik_image_remove(root, "odd", &err), err);
    test_ok(cunik_image_remove(root, "bad", &err), err);
    test_ok(cunik_image_prune(root, PRUNE_UNNAMED, &none, &removed, &freed, &err), err);
    test_ok(cunik_image_list(root, cache, &list, &n, &err), err);
    assert_int_equal(n, 2);
    free_list(list, n);
    cunik_image_cache_destroy(cache);
}

static size_t described;

static char *describe_names(const struct image *list, size_t n)
{
    _cleanup_buffer_ struct buffer b = {0};

    described++;
    for (size_t i = 0; i < n; i++)
        for (size_t k = 0; k < list[i].names.n; k++)
            cunik_buffer_printf(&b, "%s%s\n", list[i].names.items[k],
                                list[i].damage ? " damaged" : "");
    return cunik_buffer_take(&b);
}

static char *describe_number(const struct image *list _unused_, size_t n)
{
    described++;
    return cunik_asprintf("%zu", n);
}

struct listed {
    const char *root;
    struct image_cache *cache;
    struct image_listings *listings;
};

/* The list is `wanted`, and was made anew or was not. */
static void expect_list(const struct listed *l, const char *wanted, bool anew)
{
    _cleanup_free_ char *text = NULL;
    struct error *err = NULL;
    size_t before = described;

    test_ok(cunik_image_listing(l->root, l->cache, l->listings, IMAGE_LISTING_FULL, describe_names,
                                &text, &err),
            err);
    assert_string_equal(text, wanted);
    assert_int_equal(described - before, anew);
}

/* A list is kept for as long as it is right: whatever changes, the next one says it. */
static void test_listing(void **state)
{
    const char *root = *state;
    _cleanup_free_ char *a = build(root, "a", "one"), *b = build(root, "b", "two");
    _cleanup_free_ char *blob = blob_of(root, a), *text = NULL, *content = NULL;
    struct listed l = {root, cunik_image_cache_create(), cunik_image_listings_create(-1)};
    struct listed young = {root, l.cache, cunik_image_listings_create(3600)};
    struct error *err = NULL;
    size_t size;

    expect_list(&l, "a:latest\nb:latest\n", true);
    expect_list(&l, "a:latest\nb:latest\n", false);
    test_ok(cunik_image_listing(root, l.cache, l.listings, IMAGE_LISTING_BRIEF, describe_number,
                                &text, &err),
            err);
    assert_string_equal(text, "2");
    expect_list(&l, "a:latest\nb:latest\n", false);
    test_ok(cunik_image_tag(root, "b", "c", &err), err);
    expect_list(&l, "a:latest\nb:latest\nc:latest\n", true);
    expect_list(&l, "a:latest\nb:latest\nc:latest\n", false);
    test_ok(cunik_file_read(blob, 1 << 20, &content, &size, &err), err);
    assert_int_equal(truncate(blob, 100), 0);
    expect_list(&l, "a:latest damaged\nb:latest\nc:latest\n", true);
    expect_list(&l, "a:latest damaged\nb:latest\nc:latest\n", true);
    test_ok(cunik_file_write(blob, content, size, 0644, false, &err), err);
    expect_list(&l, "a:latest\nb:latest\nc:latest\n", true);
    expect_list(&l, "a:latest\nb:latest\nc:latest\n", false);
    assert_int_equal(unlink(blob), 0);
    expect_list(&l, "a:latest damaged\nb:latest\nc:latest\n", true);
    test_ok(cunik_image_remove(root, "a", &err), err);
    expect_list(&l, "b:latest\nc:latest\n", true);
    expect_list(&l, "b:latest\nc:latest\n", false);
    expect_list(&young, "b:latest\nc:latest\n", true);
    expect_list(&young, "b:latest\nc:latest\n", true);
    cunik_image_listings_destroy(young.listings);
    cunik_image_listings_destroy(l.listings);
    cunik_image_cache_destroy(l.cache);
}

struct hostile {
    const char *path, *symlink, *hardlink;
    mode_t type;
    const char *words;
};

/* A layer of one ordinary file and a hostile one, which a second one may go through. */
static char *hostile_layer(const char *root, const struct hostile *h)
{
    char *file = cunik_asprintf("%s/hostile.tar", root);
    struct archive *a = archive_write_new();

    archive_write_set_format_pax_restricted(a);
    assert_int_equal(archive_write_open_filename(a, file), ARCHIVE_OK);
    for (int i = 0; i < 2; i++) {
        struct archive_entry *e = archive_entry_new();
        archive_entry_set_pathname(e, i ? h->path : "cunik/kernel");
        archive_entry_set_filetype(e, i && h->type ? h->type : AE_IFREG);
        archive_entry_set_perm(e, 04777);
        archive_entry_set_size(e, i && (h->type || h->hardlink) ? 0 : 4);
        if (i && h->symlink)
            archive_entry_set_symlink(e, h->symlink);
        if (i && h->hardlink)
            archive_entry_set_hardlink(e, h->hardlink);
        assert_int_equal(archive_write_header(a, e), ARCHIVE_OK);
        if (archive_entry_size(e))
            archive_write_data(a, "evil", 4);
        archive_entry_free(e);
    }
    archive_write_close(a);
    archive_write_free(a);
    return file;
}

static void test_hostile_layers(void **state)
{
    static const struct hostile cases[] = {
        {"../../evil", NULL, NULL, 0, "which leaves its folder"},
        {"cunik/../../../evil", NULL, NULL, 0, "which leaves its folder"},
        {"/tmp/cunik-evil", NULL, NULL, 0, "which leaves its folder"},
        {"..", NULL, NULL, AE_IFDIR, "which leaves its folder"},
        {"cunik/disks", "/etc", NULL, AE_IFLNK, "has the link 'cunik/disks'"},
        {"shadow", NULL, "/etc/shadow", 0, "has the link 'shadow'"},
        {"null", NULL, NULL, AE_IFCHR, "neither file nor folder"},
        {"pipe", NULL, NULL, AE_IFIFO, "neither file nor folder"},
    };
    const char *root = *state;
    _cleanup_free_ char *target = cunik_asprintf("%s/target", root);

    for (size_t i = 0; i < ARRAY_SIZE(cases); i++) {
        _cleanup_free_ char *file = hostile_layer(root, &cases[i]);
        _cleanup_close_ int fd = open(file, O_RDONLY | O_CLOEXEC);
        int64_t left = 1 << 20;
        struct error *err = NULL;
        test_ok(cunik_file_make_folders(target, 0755, NULL), NULL);
        assert_true(cunik_image_tar_unpack(fd, "a layer", target, &left, &err) < 0);
        if (!strstr(err->message, cases[i].words))
            fail_msg("'%s' does not say '%s'", err->message, cases[i].words);
        cunik_error_destroy(err);
        test_ok(cunik_file_remove_tree(target, NULL), NULL);
    }
    assert_false(cunik_file_exists("/tmp/cunik-evil"));
}

/* A header of a qcow2 disk; what it has beside is nobody's business here. */
static void disk(const char *path, uint8_t version, uint8_t backing, uint8_t features)
{
    char header[104] = {'Q', 'F', 'I', (char)0xfb};

    header[7] = (char)version;
    header[15] = (char)backing;
    header[79] = (char)features;
    test_ok(cunik_file_write(path, header, sizeof(header), 0644, false, NULL), NULL);
}

static void expect_disk(const char *path, const char *words)
{
    _cleanup_error_ struct error *err = NULL;

    assert_true(cunik_image_disk_check(path, &err) < 0);
    assert_int_equal(err->code, ERROR_INVALID);
    if (!strstr(err->message, words))
        fail_msg("'%s' does not say '%s'", err->message, words);
}

static void test_disks(void **state)
{
    const char *root = *state;
    _cleanup_free_ char *path = cunik_asprintf("%s/disk.qcow2", root), *digest = NULL;
    struct image_build b = {.config = {.backend = cunik_strdup("nanos")}};
    struct error *err = NULL;

    disk(path, 3, 0, 3); /* dirty and corrupt are for the guest to bear */
    test_ok(cunik_image_disk_check(path, &err), err);
    disk(path, 2, 0, 4); /* version 2 has no features */
    test_ok(cunik_image_disk_check(path, &err), err);
    disk(path, 3, 0, 4);
    expect_disk(path, "stands alone");
    disk(path, 4, 0, 0);
    expect_disk(path, "is no qcow2 disk");
    put(root, "short.qcow2", "QFI");
    _cleanup_free_ char *cut = cunik_asprintf("%s/short.qcow2", root);
    expect_disk(cut, "is no qcow2 disk");
    disk(path, 3, 104, 0);
    expect_disk(path, "stands alone");
    cunik_image_build_add(&b, "cunik/disks/0.qcow2", path);
    test_ok(cunik_image_build(root, &b, "web", &digest, &err), err);
    cunik_image_build_done(&b);
    expect_unpack_fails(root, digest, "stands alone");
}

static void test_large_layer(void **state)
{
    const char *root = *state;
    const struct hostile plain = {.path = "cunik/initrd"};
    _cleanup_free_ char *file = hostile_layer(root, &plain);
    _cleanup_free_ char *target = cunik_asprintf("%s/target", root);
    _cleanup_close_ int fd = open(file, O_RDONLY | O_CLOEXEC);
    struct error *err = NULL;
    int64_t left = 7;
    struct stat st;

    test_ok(cunik_file_make_folders(target, 0755, NULL), NULL);
    assert_true(cunik_image_tar_unpack(fd, "a layer", target, &left, &err) < 0);
    assert_string_equal(err->message, "the image is too large when unpacked");
    cunik_error_destroy(TAKE_PTR(err));
    left = 8;
    test_ok(cunik_image_tar_unpack(fd, "a layer", target, &left, &err), err);
    _cleanup_free_ char *kernel = cunik_asprintf("%s/cunik/kernel", target);
    assert_int_equal(stat(kernel, &st), 0);
    assert_int_equal(st.st_mode & 07777, 0444); /* no set-user-ID bit either */
}

/* What its maker left behind goes; what is being made stays. */
static void test_work(void **state)
{
    const char *root = *state;
    _cleanup_image_work_ struct image_work w = {.lock = -1};
    _cleanup_image_store_ struct image_store s = {.lock = -1};
    _cleanup_free_ char *abandoned = cunik_asprintf("%s/store/.tmp/abandoned", root);

    test_ok(cunik_image_work_begin(root, &w, NULL), NULL);
    put(root, "store/.tmp/abandoned/blob", "half");
    test_ok(cunik_image_store_open(root, true, &s, NULL), NULL);
    assert_false(cunik_file_exists(abandoned));
    assert_true(cunik_file_exists(w.folder));
}

static void bad_config(const char *text, const char *words)
{
    _cleanup_json_ json_t *json = json_loads(text, JSON_DECODE_ANY, NULL);
    struct image_config c = {0};
    struct error *err = NULL;
    char *created = NULL;

    assert_true(cunik_image_config_from_json(json, &c, &created, &err) < 0);
    if (!strstr(err->message, words))
        fail_msg("'%s' does not say '%s'", err->message, words);
    cunik_error_destroy(err);
}

static void test_config(void **state _unused_)
{
    bad_config("[]", "is no object");
    bad_config("{\"config\":7}", "is no object");
    bad_config("{\"config\":{\"Cmd\":\"x\"}}", "Cmd");
    bad_config("{\"config\":{\"Labels\":[]}}", "Labels is no object");
    bad_config("{\"config\":{\"Labels\":{\"io.cunik.memory\":\"x\"}}}", "'x' is no size");
    bad_config("{\"config\":{\"Labels\":{\"io.cunik.healthcheck\":\"{\"}}}",
               "io.cunik.healthcheck");
    bad_config("{\"config\":{\"ExposedPorts\":[]}}", "ExposedPorts is no object");
}

int main(void)
{
#define TEST(name) cmocka_unit_test_setup_teardown(name, setup, teardown)
    const struct CMUnitTest tests[] = {
        TEST(test_names),          TEST(test_build),
        TEST(test_remove),         TEST(test_prune_unnamed),
        TEST(test_import),         TEST(test_untar),
        TEST(test_large_member),   TEST(test_packed),
        TEST(test_packed_wrongly), TEST(test_archive),
        TEST(test_platforms),      TEST(test_corrupt),
        TEST(test_damaged),        TEST(test_hostile_layers),
        TEST(test_disks),          TEST(test_prune_unreadable),
        TEST(test_large_layer),    TEST(test_work),
        TEST(test_config),         TEST(test_listing),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
