/* What somebody does to links, addresses, filters and processes is told; what nobody does is not.
 */
#include "tests/support/test.h"

#include "tests/integration/netns.h"

#include <poll.h>
#include <signal.h>
#include <sys/eventfd.h>

#include "network/link.h"
#include "network/rules.h"
#include "network/watch.h"

static int told_fd;

static void told(_unused_ void *ctx)
{
    const uint64_t one = 1;

    assert_int_equal(write(told_fd, &one, sizeof(one)), sizeof(one));
}

static bool is_told(int patience_ms)
{
    struct pollfd p = {.fd = told_fd, .events = POLLIN};
    uint64_t n;

    return poll(&p, 1, patience_ms) == 1 && read(told_fd, &n, sizeof(n)) == sizeof(n);
}

/* Until nothing more comes of what has been done. */
static void settle(void)
{
    while (is_told(800))
        ;
}

#define assert_told(...)                                                                           \
    do {                                                                                           \
        settle();                                                                                  \
        must(__VA_ARGS__);                                                                         \
        assert_true(is_told(30000));                                                               \
    } while (0)

static struct bridge_settings bridge = {
    .name = "ckb1",
    .label = {(char *)"e0", (char *)"shop", (char *)"network", (char *)"shop_default"},
    .group = 77,
    .address = {.address = 0x0a090801, .length = 24},
};
static struct tap_settings tap = {
    .name = "ckt1",
    .label = {(char *)"e0", (char *)"shop", (char *)"cunik", (char *)"shop-web-1"},
    .group = 77,
    .bridge = "ckb1",
    .gid = (gid_t)-1,
};

static void test_watch(_unused_ void **state)
{
    struct watch *w;
    _cleanup_error_ struct error *err = NULL;

    told_fd = eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK);
    test_ok(cunik_watch_create(told, NULL, &w, &err), err);
    test_ok(cunik_link_create_bridge(&bridge, &err), err);
    test_ok(cunik_link_create_tap(&tap, &err), err);
    assert_told("ip link set ckt1 down");
    assert_told("ip link set ckt1 up nomaster");
    assert_told("ip link del ckt1");
    assert_told("ip address del 10.9.8.1/24 dev ckb1");
    assert_told("ip link del ckb1");
    assert_told("nft add table ip somebody");
    assert_told("nft flush ruleset");

    pid_t pid = fork();
    if (pid == 0) {
        pause();
        _exit(0);
    }
    cunik_watch_process(w, pid);
    cunik_watch_process(w, pid);
    cunik_watch_process(NULL, pid);
    assert_told("kill %d", (int)pid);
    waitpid(pid, NULL, 0);
    cunik_watch_process(w, pid); /* gone */
    cunik_watch_process(w, 0);
    cunik_watch_destroy(w);
    close(told_fd);
}

/* Its own rules tell an engine nothing new. */
static void test_own(_unused_ void **state)
{
    struct watch *w;

    told_fd = eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK);
    test_ok(cunik_watch_create(told, NULL, &w, NULL), NULL);
    settle();
    test_ok(cunik_rules_replace("add table ip cunik_e0\n", NULL), NULL);
    assert_false(is_told(800));
    must("nft delete table ip cunik_e0");
    assert_true(is_told(30000));
    cunik_watch_destroy(w);
    close(told_fd);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_watch),
        cmocka_unit_test(test_own),
    };
    if (!own_namespace())
        return 0;
    return cmocka_run_group_tests_name("watch", tests, NULL, NULL);
}
