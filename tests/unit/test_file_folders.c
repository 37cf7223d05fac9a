/* Which folders of single files become disks. */
#include <string.h>

#include "base/buffer.h"
#include "base/memory.h"
#include "engine/file_folders.h"
#include "tests/support/test.h"

static void add(struct world_cunik *c, enum mount_kind kind, const char *source, const char *target)
{
    struct world_mount *m = cunik_world_add_mount(c);

    m->kind = kind;
    cunik_replace(&m->source, source);
    cunik_replace(&m->target, target);
}

static struct world_cunik *fresh(struct world *w)
{
    return cunik_world_add_cunik(w);
}

/* "/etc: /etc/a /etc/x/b\n…" */
static char *found(const struct world_cunik *c)
{
    struct file_folder *list = NULL;
    struct error *err = NULL;
    size_t n = 0;
    _cleanup_buffer_ struct buffer b = {0};

    test_ok(cunik_file_folders_find(c, &list, &n, &err), err);
    for (size_t i = 0; i < n; i++) {
        cunik_buffer_printf(&b, "%s:", list[i].path);
        for (size_t k = 0; k < list[i].n; k++)
            cunik_buffer_printf(&b, " %s", c->mounts[list[i].mounts[k]].target);
        cunik_buffer_char(&b, '\n');
    }
    cunik_file_folders_free(list, n);
    return cunik_buffer_take(&b);
}

static void test_one_disk_for_a_folder(void **state _unused_)
{
    _cleanup_world_ struct world w = {0};
    struct world_cunik *c = fresh(&w);

    add(c, MOUNT_FILE, "secret 'b'", "/run/secrets/deep/b");
    add(c, MOUNT_FILE, "config 'a'", "/etc/app/a");
    add(c, MOUNT_VOLUME, "data", "/run/secrets-of-others");
    add(c, MOUNT_FILE, "secret 'c'", "/run/secrets/c");
    add(c, MOUNT_FILE, "config 'd'", "/etc/application/d");
    _cleanup_free_ char *text = found(c);
    assert_string_equal(text, "/run/secrets: /run/secrets/deep/b /run/secrets/c\n"
                              "/etc/app: /etc/app/a\n"
                              "/etc/application: /etc/application/d\n");
}

static void test_none(void **state _unused_)
{
    _cleanup_world_ struct world w = {0};
    struct world_cunik *c = fresh(&w);

    add(c, MOUNT_VOLUME, "data", "/");
    _cleanup_free_ char *text = found(c);
    assert_string_equal(text, "");
}

static void refuse(const struct world_cunik *c, const char *words)
{
    struct file_folder *list = NULL;
    struct error *err = NULL;
    size_t n = 0;

    assert_true(cunik_file_folders_find(c, &list, &n, &err) < 0);
    assert_int_equal(err->code, ERROR_INVALID);
    if (!strstr(err->message, words))
        fail_msg("'%s' does not say '%s'", err->message, words);
    cunik_error_destroy(err);
}

static void test_refused(void **state _unused_)
{
    static const struct {
        const char *target;
        enum mount_kind kind;
        const char *other, *words;
    } cases[] = {
        {"/conf", MOUNT_FILE, "/x/y", "such as /config/conf"},
        {"/x/../../up", MOUNT_FILE, "/x/y", "no plain path"},
        {"/x/./y", MOUNT_FILE, "/z/y", "no plain path"},
        {"/x//y", MOUNT_FILE, "/z/y", "no plain path"},
        {"/x/", MOUNT_FILE, "/z/y", "no plain path"},
        {"x/y", MOUNT_FILE, "/z/y", "no plain path"},
        {"/data/a", MOUNT_VOLUME, "/data", "meets what is mounted at '/data'"},
        {"/data/a", MOUNT_BIND, "/data/b/c", "meets what is mounted at '/data/b/c'"},
        {"/data/b/a", MOUNT_VOLUME, "/data", "the folder '/data/b' becomes a disk"},
        {"/x/a", MOUNT_FILE, "/x/a/b", "in each other's way"},
        {"/x/a", MOUNT_FILE, "/x/a", "in each other's way"},
    };

    for (size_t i = 0; i < ARRAY_SIZE(cases); i++) {
        _cleanup_world_ struct world w = {0};
        struct world_cunik *c = fresh(&w);
        add(c, MOUNT_FILE, "config 'one'", cases[i].target);
        add(c, cases[i].kind, "other", cases[i].other);
        refuse(c, cases[i].words);
    }
    _cleanup_world_ struct world w = {0};
    struct world_cunik *c = fresh(&w);
    add(c, MOUNT_FILE, "config 'one'", "/data/one");
    cunik_replace(&cunik_world_add_disk(c)->mount, "/data");
    refuse(c, "meets what is mounted at '/data'");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_one_disk_for_a_folder),
        cmocka_unit_test(test_none),
        cmocka_unit_test(test_refused),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
