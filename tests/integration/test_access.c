/* What the user that guests run as may open: needs root, to become that user. */
#include "tests/support/test.h"

#include <errno.h>
#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/file.h"
#include "base/memory.h"
#include "engine/access.h"
#include "tests/integration/netns.h"

static const struct guest_user nobody = {"nobody", "nogroup", 65534, 65534};
static const struct guest_user nobody_chosen = {.name = "", .group = ""};
static char *folder, *path;

static int set_up(void **state)
{
    (void)state;
    folder = test_temporary_folder();
    path = cunik_asprintf("%s/disk", folder);
    must("chmod 755 %s && touch %s", folder, path);
    return 0;
}

static int tear_down(void **state)
{
    (void)state;
    cunik_file_remove_tree(folder, NULL);
    free(path);
    free(folder);
    return 0;
}

/* "OWNER MODE", and each entry for somebody by name. */
static char *describe(void)
{
    _cleanup_free_ char *command = cunik_asprintf(
        "stat -c '%%u %%a' %s; getfacl -cpn %s | grep -E '^(user|group):[0-9]|^mask'", path, path);
    FILE *f = popen(command, "r");
    char *text = cunik_strdup("");
    char line[256];

    assert_non_null(f);
    while (fgets(line, sizeof(line), f)) {
        line[strcspn(line, "\n\t")] = '\0';
        char *longer = *text ? cunik_asprintf("%s, %s", text, line) : cunik_strdup(line);
        free(text);
        text = longer;
    }
    pclose(f);
    return text;
}

static void assert_is(const char *wanted)
{
    _cleanup_free_ char *text = describe();

    assert_string_equal(text, wanted);
}

static void assert_grants(bool write)
{
    _cleanup_error_ struct error *err = NULL;

    test_ok(cunik_access_grant(&nobody, path, write, &err), err);
    assert_int_equal(cunik_access_try(&nobody, path, write), 0);
    test_ok(cunik_access_grant(&nobody, path, write, &err), err); /* again */
}

static void give_back(void)
{
    _cleanup_error_ struct error *err = NULL;

    test_ok(cunik_access_revoke(&nobody, path, &err), err);
}

static void test_open_to_all(void **state)
{
    (void)state;
    must("chmod 644 %s", path);
    assert_int_equal(cunik_access_try(&nobody, path, false), 0);
    assert_int_equal(cunik_access_try(&nobody, path, true), -EACCES);
    assert_grants(false);
    assert_is("0 644");
    give_back();
    assert_is("0 644");
}

static void test_private(void **state)
{
    (void)state;
    must("chmod 600 %s", path);
    assert_grants(false);
    assert_int_equal(cunik_access_try(&nobody, path, true), -EACCES);
    assert_is("0 640, user:65534:r--, mask::r--");
    assert_grants(true);
    assert_int_equal(cunik_access_try(&nobody, path, true), 0);
    give_back();
    assert_is("0 600");
    assert_int_equal(cunik_access_try(&nobody, path, false), -EACCES);
    give_back(); /* nothing left to take */
}

/* The group's rights are neither more nor less, meanwhile and afterwards. */
static void test_group(void **state)
{
    (void)state;
    must("chmod 640 %s", path);
    assert_grants(true);
    must("getfacl -cpn %s | grep -qx group::r--", path);
    give_back();
    assert_is("0 640");
}

/* What others put there stays. */
static void test_others(void **state)
{
    _cleanup_error_ struct error *err = NULL;

    (void)state;
    must("chmod 600 %s && setfacl -m u:1234:rw %s", path, path);
    assert_grants(true);
    give_back();
    assert_is("0 660, user:1234:rw-, mask::rw-");
    must("setfacl -m m::r %s", path);
    assert_true(cunik_access_grant(&nobody, path, true, &err) < 0);
    assert_int_equal(err->code, ERROR_PERMISSION);
    assert_non_null(strstr(err->message, "may not write to '"));
    assert_is("0 640, user:1234:rw-, mask::r--");
    must("setfacl -b %s", path);
}

/* What others gave that very user stays as well. */
static void test_same_user(void **state)
{
    (void)state;
    must("chmod 600 %s && setfacl -m u:65534:rw %s", path, path);
    assert_grants(true);
    give_back();
    assert_is("0 660, user:65534:rw-, mask::rw-");
    must("setfacl -m u:65534:r %s", path);
    assert_grants(true);
    assert_is("0 660, user:65534:rw-, mask::rw-");
    give_back();
    assert_is("0 640, user:65534:r--, mask::r--");
    give_back(); /* nothing left to take */
    assert_is("0 640, user:65534:r--, mask::r--");
    must("setfacl -m u:65534:- %s", path);
    assert_grants(false);
    give_back();
    assert_is("0 600, user:65534:---, mask::---");
    must("setfacl -b %s && ! getfattr -m . %s 2>&1 | grep cunik", path, path);
}

static void test_closed_folder(void **state)
{
    _cleanup_error_ struct error *err = NULL;

    (void)state;
    must("chmod 600 %s && chmod 700 %s", path, folder);
    assert_true(cunik_access_grant(&nobody, path, false, &err) < 0);
    assert_non_null(strstr(err->message, "a folder on the way"));
    assert_is("0 600");
    must("chmod 755 %s", folder);
}

static void test_own(void **state)
{
    _cleanup_error_ struct error *err = NULL;

    (void)state;
    must("chmod 644 %s", path);
    test_ok(cunik_access_own(&nobody, path, false, &err), err);
    assert_is("0 644");
    must("chmod 600 %s", path);
    test_ok(cunik_access_own(&nobody, path, true, &err), err);
    assert_is("65534 600");
    must("chown 0:0 %s", path);
}

/* Where guests run as we do nothing is asked and nothing changed; and we are ourselves afterwards.
 */
static void test_folder(void **state)
{
    _cleanup_error_ struct error *err = NULL;
    struct stat st;

    (void)state;
    _cleanup_free_ char *inner = cunik_asprintf("%s/inner", folder);
    must("mkdir -m 755 %s && touch %s/file", inner, inner);
    assert_int_equal(cunik_access_try_folder(&nobody, inner, false), 0);
    assert_int_equal(cunik_access_try_folder(&nobody, inner, true), -EACCES);
    assert_int_equal(cunik_access_try_folder(&nobody_chosen, inner, true), 0);
    must("chmod 700 %s", inner);
    assert_int_equal(cunik_access_try_folder(&nobody, inner, false), -EACCES);
    test_ok(cunik_access_own_folder(&nobody, inner, &err), err);
    assert_int_equal(cunik_access_try_folder(&nobody, inner, true), 0);
    assert_int_equal(stat(inner, &st), 0);
    assert_int_equal(st.st_uid, nobody.uid);
    _cleanup_free_ char *file = cunik_asprintf("%s/file", inner);
    assert_int_equal(stat(file, &st), 0);
    assert_int_equal(st.st_uid, 0);
    assert_int_equal(geteuid(), 0);
    assert_int_equal(access(inner, W_OK), 0);
}

static void test_no_user(void **state)
{
    _cleanup_error_ struct error *err = NULL;

    (void)state;
    must("chmod 600 %s", path);
    test_ok(cunik_access_grant(&nobody_chosen, path, true, &err), err);
    test_ok(cunik_access_own(&nobody_chosen, path, true, &err), err);
    test_ok(cunik_access_revoke(&nobody_chosen, path, &err), err);
    assert_is("0 600");
    assert_int_equal(cunik_access_try(&nobody, path, false), -EACCES);
    int fd = open(path, O_RDWR | O_CLOEXEC);
    assert_true(fd >= 0);
    close(fd);
}

static void test_missing(void **state)
{
    _cleanup_error_ struct error *err = NULL;

    (void)state;
    assert_true(cunik_access_grant(&nobody, "/nonexistent", false, &err) < 0);
    assert_int_equal(err->code, ERROR_NOT_FOUND);
    assert_int_equal(cunik_access_revoke(&nobody, "/nonexistent", NULL), 0);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_open_to_all), cmocka_unit_test(test_private),
        cmocka_unit_test(test_group),       cmocka_unit_test(test_others),
        cmocka_unit_test(test_same_user),   cmocka_unit_test(test_closed_folder),
        cmocka_unit_test(test_own),         cmocka_unit_test(test_no_user),
        cmocka_unit_test(test_missing),     cmocka_unit_test(test_folder),
    };

    return cmocka_run_group_tests(tests, set_up, tear_down);
}
