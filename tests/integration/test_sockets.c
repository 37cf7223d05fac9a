/* Who listens, in a network namespace of the test's own. */
#include "tests/support/test.h"

#include "tests/integration/netns.h"

#include <arpa/inet.h>
#include <sys/socket.h>

#include "network/sockets.h"

static int bound(int family, int type, const char *address, uint16_t port, bool only_six)
{
    struct sockaddr_in four = {.sin_family = AF_INET, .sin_port = htons(port)};
    struct sockaddr_in6 six = {.sin6_family = AF_INET6, .sin6_port = htons(port)};
    int fd = socket(family, type | SOCK_CLOEXEC, 0), only = only_six;

    assert_true(fd >= 0);
    assert_int_equal(inet_pton(family, address,
                               family == AF_INET ? (void *)&four.sin_addr : (void *)&six.sin6_addr),
                     1);
    if (family == AF_INET6)
        setsockopt(fd, IPPROTO_IPV6, IPV6_V6ONLY, &only, sizeof(only));
    assert_int_equal(bind(fd,
                          family == AF_INET ? (struct sockaddr *)&four : (struct sockaddr *)&six,
                          family == AF_INET ? sizeof(four) : sizeof(six)),
                     0);
    if (type == SOCK_STREAM)
        assert_int_equal(listen(fd, 1), 0);
    return fd;
}

static void test_list(_unused_ void **state)
{
    static const char *const expected[] = {
        "tcp 0.0.0.0 1003",   "tcp 127.0.0.1 1001", "tcp 127.0.0.2 1001",
        "tcp 127.0.0.5 1006", "tcp :: 1003",        "tcp fd00::7 1007",
        "udp 0.0.0.0 1002",   "udp 0.0.0.0 1003",   "udp :: 1003"};
    const int fds[] = {
        bound(AF_INET, SOCK_STREAM, "127.0.0.1", 1001, false),
        bound(AF_INET, SOCK_STREAM, "127.0.0.2", 1001, false),
        bound(AF_INET, SOCK_DGRAM, "0.0.0.0", 1002, false),
        bound(AF_INET6, SOCK_STREAM, "::", 1003, false),
        bound(AF_INET6, SOCK_DGRAM, "::", 1003, false),
        bound(AF_INET6, SOCK_STREAM, "::1", 1004, false),
        bound(AF_INET6, SOCK_STREAM, "::ffff:127.0.0.5", 1006, false),
        bound(AF_INET6, SOCK_STREAM, "fd00::7", 1007, false),
    };
    _cleanup_strv_ struct strv list = {0};
    /* The two ends of a connection do not listen. */
    struct sockaddr_in to = {.sin_family = AF_INET, .sin_port = htons(1001)};
    inet_pton(AF_INET, "127.0.0.1", &to.sin_addr);
    int connected = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
    assert_int_equal(connect(connected, (struct sockaddr *)&to, sizeof(to)), 0);

    test_ok(cunik_sockets_list(&list, NULL), NULL);
    cunik_strv_sort(&list);
    _cleanup_free_ char *text = cunik_strv_join(&list, ", ");
    if (list.n != ARRAY_SIZE(expected))
        fail_msg("found %s", text);
    for (size_t i = 0; i < list.n; i++)
        assert_string_equal(list.items[i], expected[i]);
    for (size_t i = 0; i < ARRAY_SIZE(fds); i++)
        close(fds[i]);
    close(connected);
}

int main(void)
{
    const struct CMUnitTest tests[] = {cmocka_unit_test(test_list)};

    if (!own_namespace())
        return 0;
    if (shell("ip address add fd00::7/128 dev lo nodad") != 0)
        return 1;
    return cmocka_run_group_tests_name("sockets", tests, NULL, NULL);
}
