/* The process outside of an engine without rights: what it tells, what it keeps and for whom, and
 * that it ends when nobody needs it. */
#include "tests/support/test.h"

#include <errno.h>
#include <fcntl.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/wait.h>

#include "base/file.h"
#include "base/memory.h"
#include "engine/outside.h"

static char *folder;

static int make_folder(_unused_ void **state)
{
    folder = test_temporary_folder();
    return 0;
}

static int remove_folder(_unused_ void **state)
{
    cunik_file_remove_tree(folder, NULL);
    free(folder);
    return 0;
}

/* The one child of this program ends by itself. */
static void expect_end(void)
{
    int status;

    while (waitpid(-1, &status, 0) < 0)
        assert_int_equal(errno, EINTR);
    assert_true(WIFEXITED(status) && WEXITSTATUS(status) == 0);
    assert_int_equal(waitpid(-1, &status, 0), -1);
}

static struct outside *start(void)
{
    _cleanup_error_ struct error *err = NULL;
    struct outside *o = NULL;

    test_ok(cunik_outside_start(folder, &o, &err), err);
    return o;
}

static void leave(struct outside *o)
{
    _cleanup_free_ char *path = cunik_asprintf("%s/outside.sock", folder);

    assert_true(cunik_file_exists(path));
    cunik_outside_leave(o);
    assert_false(cunik_file_exists(path));
    expect_end();
}

static void tells(void **state _unused_)
{
    struct outside *o = start();
    struct outside_facts facts = {0};
    _cleanup_error_ struct error *err = NULL;
    _cleanup_strv_ struct strv none = {0};
    bool open = true;

    test_ok(cunik_outside_facts(o, &facts, &err), err);
    assert_true(facts.least_port >= 0 && facts.least_port <= 65536);
    struct cidr subnet = cunik_outside_subnet(o);
    assert_int_equal(subnet.length, 24);
    for (size_t i = 0; i < facts.routes.n; i++) {
        struct cidr route;
        test_ok(cunik_cidr_parse(facts.routes.items[i], &route, &err), err);
    }
    cunik_outside_facts_done(&facts);
    test_ok(cunik_outside_check(o, &none, &open, &err), err);
    assert_false(open);
    leave(o);
}

/* Without namespaces there is nothing for slirp4netns to be in; and the answer is an error, not an
 * end. */
static void refuses(void **state _unused_)
{
    struct outside *o = start();
    _cleanup_error_ struct error *err = NULL, *again = NULL;
    _cleanup_strv_ struct strv none = {0};

    assert_int_equal(cunik_outside_set(o, true, &none, &err), -EINVAL);
    assert_string_equal(err->message, "there are no namespaces yet");
    assert_int_equal(err->code, ERROR_INVALID);
    test_ok(cunik_outside_set(o, false, &none, &again), again);
    leave(o);
}

static bool is_same(int fd, const char *path)
{
    struct stat a, b;

    return fstat(fd, &a) == 0 && stat(path, &b) == 0 && a.st_dev == b.st_dev &&
           a.st_ino == b.st_ino;
}

/* The next engine comes while the connection of the first is still open, as when something that the
 * first has forked holds it: it gets the namespaces, and the first is out. */
static void is_found(void **state _unused_)
{
    struct outside *first = start(), *second = NULL;
    struct namespaces given = {open("/proc/self/ns/user", O_RDONLY | O_CLOEXEC),
                               open("/proc/self/ns/net", O_RDONLY | O_CLOEXEC)};
    struct namespaces got = {-1, -1};
    _cleanup_error_ struct error *err = NULL, *gone = NULL;
    struct outside_facts facts = {0};

    test_ok(cunik_outside_keep(first, &given, &err), err);
    test_ok(cunik_outside_find(folder, &second, &got, &err), err);
    assert_non_null(second);
    assert_true(is_same(got.user, "/proc/self/ns/user"));
    assert_true(is_same(got.net, "/proc/self/ns/net"));
    assert_true(cunik_outside_facts(first, &facts, &gone) < 0);
    assert_int_equal(gone->code, ERROR_UNAVAILABLE);
    test_ok(cunik_outside_facts(second, &facts, &err), err);
    cunik_outside_facts_done(&facts);
    cunik_namespaces_done(&given);
    cunik_namespaces_done(&got);
    leave(second);
    cunik_outside_leave(first);
}

/* Nobody there, and a socket that somebody has left who was killed. */
static void is_not_found(void **state _unused_)
{
    struct outside *o = NULL;
    struct namespaces got = {-1, -1};
    _cleanup_error_ struct error *err = NULL;
    _cleanup_free_ char *path = cunik_asprintf("%s/outside.sock", folder);

    test_ok(cunik_outside_find(folder, &o, &got, &err), err);
    assert_null(o);
    o = start();
    /* One without namespaces is of no use, and the first engine is what it was kept for. */
    struct outside *other = NULL;
    test_ok(cunik_outside_find(folder, &other, &got, &err), err);
    assert_null(other);
    expect_end();
    assert_true(cunik_file_exists(path));
    test_ok(cunik_outside_find(folder, &other, &got, &err), err);
    assert_null(other);
    cunik_outside_leave(o);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(tells, make_folder, remove_folder),
        cmocka_unit_test_setup_teardown(refuses, make_folder, remove_folder),
        cmocka_unit_test_setup_teardown(is_found, make_folder, remove_folder),
        cmocka_unit_test_setup_teardown(is_not_found, make_folder, remove_folder),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
