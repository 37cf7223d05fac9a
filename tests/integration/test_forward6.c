/* Forwarding of IPv6: what is switched on in either way, what is told of it, and that all of it is
 * undone. */
#include "tests/support/test.h"

#include <signal.h>

#include "tests/integration/netns.h"

#include "engine/host_real_internal.h"
#include "network/link.h"
#include "network/sysctl.h"

static struct host_real host = {.engine = (char *)"e1"};

static int value_of(const char *link, const char *key)
{
    _cleanup_free_ char *path = cunik_asprintf("net/ipv6/conf/%s/%s", link, key);
    int value = -1;

    test_ok(cunik_sysctl_get(path, &value, NULL), NULL);
    return value;
}

/* Every switch that could be touched, as one text. */
static char *switches(void)
{
    static const char *const links[] = {"all", "default", "lo", "way", "asleep"};
    static const char *const keys[] = {"forwarding", "accept_ra"};
    char *text = cunik_strdup("");

    for (size_t i = 0; i < ARRAY_SIZE(links); i++)
        for (size_t k = 0; k < ARRAY_SIZE(keys); k++) {
            char *more = cunik_asprintf("%s%s %s %d\n", text, links[i], keys[k],
                                        value_of(links[i], keys[k]));
            free(text);
            text = more;
        }
    return text;
}

static bool record(void)
{
    _cleanup_free_ char *file = cunik_asprintf("%s/forwarding6", host.run);

    return access(file, F_OK) == 0;
}

static void open_with(enum host_forward6 kind, const char *expected)
{
    _cleanup_strv_ struct strv shut = {0};
    _cleanup_error_ struct error *err = NULL;

    test_ok(cunik_host_open6(&host, kind, &shut, &err), err);
    test_ok(cunik_host_forward6(&host, &err), err);
    cunik_strv_sort(&shut);
    _cleanup_free_ char *text = cunik_strv_join(&shut, " ");
    assert_string_equal(text, expected);
}

static bool forwards(enum host_forward6 kind)
{
    _cleanup_links_ struct links links = {0};
    bool all;

    test_ok(cunik_link_list(&links, NULL), NULL);
    test_ok(cunik_host_forwards6(kind, &links, &all, NULL), NULL);
    return all;
}

/* A kernel without switches of links: routes of routers are kept, and links that come later are
 * nobody's whom we keep shut. */
static void test_whole(_unused_ void **state)
{
    _cleanup_free_ char *before = switches();

    assert_false(forwards(FORWARD6_WHOLE));
    open_with(FORWARD6_WHOLE, "asleep way");
    assert_true(forwards(FORWARD6_WHOLE));
    assert_int_equal(value_of("all", "forwarding"), 1);
    assert_int_equal(value_of("way", "accept_ra"), 2);
    assert_int_equal(value_of("default", "accept_ra"), 2);
    assert_int_equal(value_of("asleep", "accept_ra"), 0);
    must("ip link add late type bridge && ip link set late up");
    open_with(FORWARD6_WHOLE, "asleep way");
    must("ip link del late");
    test_ok(cunik_host_close6(&host, NULL), NULL);
    _cleanup_free_ char *after = switches();
    assert_string_equal(after, before);
    assert_false(record());
    /* A second time nothing is left to undo. */
    test_ok(cunik_host_close6(&host, NULL), NULL);
}

/* One that forwards already is left alone, before and after. */
static void test_router(_unused_ void **state)
{
    must("echo 1 >/proc/sys/net/ipv6/conf/all/forwarding");
    _cleanup_free_ char *before = switches();
    open_with(FORWARD6_WHOLE, "");
    assert_true(forwards(FORWARD6_WHOLE));
    test_ok(cunik_host_close6(&host, NULL), NULL);
    _cleanup_free_ char *after = switches();
    assert_string_equal(after, before);
    must("echo 0 >/proc/sys/net/ipv6/conf/all/forwarding");
}

/* Another engine's networks keep it open; the last one's end closes it. */
static void test_others(_unused_ void **state)
{
    must("nft 'add table ip cunik_e2; add chain ip cunik_e2 x'");
    open_with(FORWARD6_WHOLE, "asleep way");
    test_ok(cunik_host_close6(&host, NULL), NULL);
    assert_int_equal(value_of("all", "forwarding"), 1);
    must("nft delete table ip cunik_e2");
    test_ok(cunik_host_close6(&host, NULL), NULL);
    assert_int_equal(value_of("all", "forwarding"), 0);
}

static void test_each(_unused_ void **state)
{
    if (cunik_host_forward6_kind() != FORWARD6_EACH)
        skip();
    _cleanup_free_ char *before = switches();
    assert_false(forwards(FORWARD6_EACH));
    open_with(FORWARD6_EACH, "");
    assert_true(forwards(FORWARD6_EACH));
    assert_int_equal(value_of("way", "force_forwarding"), 1);
    assert_int_equal(value_of("asleep", "force_forwarding"), 0);
    assert_int_equal(value_of("all", "forwarding"), 0);
    must("ip link add late type bridge && ip address add fd00:8::1/64 dev late && "
         "ip link set late up");
    assert_false(forwards(FORWARD6_EACH));
    open_with(FORWARD6_EACH, "");
    assert_int_equal(value_of("late", "force_forwarding"), 1);
    test_ok(cunik_host_close6(&host, NULL), NULL);
    assert_int_equal(value_of("way", "force_forwarding"), 0);
    assert_int_equal(value_of("late", "force_forwarding"), 0);
    must("ip link del late");
    _cleanup_free_ char *after = switches();
    assert_string_equal(after, before);
    assert_false(record());
}

static pid_t start_coming_and_going(const char *batch)
{
    pid_t pid = fork();

    if (pid == 0) {
        setpgid(0, 0);
        execl("/bin/sh", "sh", "-c", "while :; do ip -batch \"$0\" >/dev/null 2>&1; done", batch,
              NULL);
        _exit(127);
    }
    return pid;
}

/* Links of others' that go while they are looked at. */
static void test_going(_unused_ void **state)
{
    enum { ROUNDS = 300, LINKS = 20 };
    _cleanup_free_ char *batch = cunik_asprintf("%s/batch", host.run);
    FILE *f = fopen(batch, "w");

    assert_non_null(f);
    for (int i = 0; i < LINKS; i++)
        fprintf(f,
                "link add c%d type bridge\naddress add 198.51.%d.1/24 dev c%d\n"
                "address add fd00:%x::1/64 dev c%d\nlink set c%d up\n",
                i, i, i, 256 + i, i, i);
    for (int i = 0; i < LINKS; i++)
        fprintf(f, "link del c%d\n", i);
    fclose(f);
    pid_t pid = start_coming_and_going(batch);
    setpgid(pid, pid);
    _cleanup_error_ struct error *err = NULL;
    int r = 0;
    for (int i = 0; r == 0 && i < ROUNDS; i++) {
        _cleanup_strv_ struct strv shut = {0};
        if ((r = cunik_host_forward(&host, true, &err)) == 0)
            r = cunik_host_open6(&host, cunik_host_forward6_kind(), &shut, &err);
    }
    kill(-pid, SIGKILL);
    waitpid(pid, NULL, 0);
    unlink(batch);
    test_ok(r, err);
    for (int i = 0; i < LINKS; i++)
        shell("ip link del c%d 2>/dev/null", i);
    test_ok(cunik_host_forward(&host, false, NULL), NULL);
    test_ok(cunik_host_close6(&host, NULL), NULL);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_whole), cmocka_unit_test(test_router), cmocka_unit_test(test_others),
        cmocka_unit_test(test_each),  cmocka_unit_test(test_going),
    };
    char folder[] = "/tmp/cunik-forward6-XXXXXX";

    if (!own_namespace())
        return 0;
    if (!mkdtemp(folder))
        return 1;
    host.run = folder;
    /* A way in and out, and a link without addresses whose routes are its owner's. */
    if (shell("for l in way asleep; do ip link add $l type bridge; done && "
              "ip address add fd00:9::1/64 dev way && ip link set way up && "
              "echo 0 >/proc/sys/net/ipv6/conf/asleep/accept_ra") != 0)
        return 1;
    int failed = cmocka_run_group_tests_name("forward6", tests, NULL, NULL);
    rmdir(folder);
    return failed;
}
