#include "tests/support/test.h"

#include <signal.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include "base/file.h"
#include "base/memory.h"
#include "base/scratch.h"

static char *where;

static int set_up(void **state _unused_)
{
    where = test_temporary_folder();
    return 0;
}

static int tear_down(void **state _unused_)
{
    cunik_file_remove_tree(where, NULL);
    free(where);
    return 0;
}

static struct scratch make(const char *name)
{
    _cleanup_error_ struct error *err = NULL;
    struct scratch s = {0};

    test_ok(cunik_scratch_create(&s, where, name, &err), err);
    return s;
}

static char *put(const char *folder)
{
    char *file = cunik_asprintf("%s/file", folder);

    assert_int_equal(cunik_file_write(file, "x", 1, 0600, false, NULL), 0);
    return file;
}

static void alive(void **state _unused_)
{
    _cleanup_scratch_ struct scratch first = make("a"), second = make("a");
    struct stat st;

    assert_string_not_equal(first.path, second.path);
    assert_int_equal(stat(first.path, &st), 0);
    assert_int_equal(st.st_mode & 07777, 0700);
    _cleanup_free_ char *file = put(first.path), *path = cunik_strdup(first.path);
    cunik_scratch_remove(&first);
    assert_false(cunik_file_exists(path));
    assert_true(cunik_file_exists(second.path));
}

/* What a killed process left goes with the next one of that name, and nothing else does. */
static void killed(void **state _unused_)
{
    int ready[2];
    char path[4096] = "";

    assert_int_equal(pipe(ready), 0);
    pid_t child = fork();
    assert_true(child >= 0);
    if (child == 0) {
        struct scratch s = make("a");
        free(put(s.path));
        (void)!write(ready[1], s.path, strlen(s.path));
        pause();
        _exit(0);
    }
    assert_true(read(ready[0], path, sizeof(path) - 1) > 0);
    close(ready[0]);
    close(ready[1]);
    _cleanup_scratch_ struct scratch meanwhile = make("a");
    assert_true(cunik_file_exists(path));
    kill(child, SIGKILL);
    waitpid(child, NULL, 0);

    _cleanup_free_ char *link = cunik_asprintf("%s/cunik.a.link", where);
    _cleanup_free_ char *file = cunik_asprintf("%s/cunik.a.file", where);
    assert_int_equal(symlink(path, link), 0);
    assert_int_equal(cunik_file_write(file, "x", 1, 0600, false, NULL), 0);
    _cleanup_scratch_ struct scratch other = make("b");
    assert_true(cunik_file_exists(path));
    _cleanup_scratch_ struct scratch next = make("a");
    assert_false(cunik_file_exists(path));
    assert_true(cunik_file_exists(file));
    assert_true(cunik_file_exists(meanwhile.path));
    assert_int_equal(unlink(link), 0);
}

/* Many at once: nobody's folder is taken before it is locked. */
static void at_once(void **state _unused_)
{
    enum { PROCESSES = 8, ROUNDS = 50 };
    pid_t children[PROCESSES];

    for (int i = 0; i < PROCESSES; i++) {
        children[i] = fork();
        assert_true(children[i] >= 0);
        for (int k = 0; children[i] == 0 && k < ROUNDS; k++) {
            struct scratch s = {0};
            if (cunik_scratch_create(&s, where, "a", NULL) < 0 || access(s.path, F_OK) < 0)
                _exit(1);
            cunik_scratch_remove(&s);
        }
        if (children[i] == 0)
            _exit(0);
    }
    for (int i = 0; i < PROCESSES; i++) {
        int status = -1;
        waitpid(children[i], &status, 0);
        assert_int_equal(status, 0);
    }
}

static void nowhere(void **state _unused_)
{
    _cleanup_error_ struct error *err = NULL;
    _cleanup_scratch_ struct scratch s = {0};

    assert_true(cunik_scratch_create(&s, "/nonexistent", "a", &err) < 0);
    assert_non_null(strstr(err->message, "making a folder in '/nonexistent'"));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(alive, set_up, tear_down),
        cmocka_unit_test_setup_teardown(killed, set_up, tear_down),
        cmocka_unit_test_setup_teardown(at_once, set_up, tear_down),
        cmocka_unit_test_setup_teardown(nowhere, set_up, tear_down),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
