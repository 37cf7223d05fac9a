/* Names for guests: real dnsmasq processes on a bridge in a network namespace of the test's own. */
#include "tests/support/test.h"

#include "tests/integration/netns.h"

#include <arpa/inet.h>
#include <poll.h>
#include <signal.h>
#include <sys/prctl.h>
#include <sys/socket.h>
#include <sys/stat.h>

#include "base/buffer.h"
#include "base/file.h"
#include "network/daemon.h"
#include "network/dnsmasq.h"
#include "network/link.h"

enum { TYPE_A = 1, TYPE_AAAA = 28, NOERROR = 0, NXDOMAIN = 3, REFUSED = 5, NO_ANSWER = -1 };
enum { GATEWAY = 0xac1e0101 };

static char *root;

static void put16(struct buffer *b, unsigned n)
{
    cunik_buffer_char(b, (char)(n >> 8));
    cunik_buffer_char(b, (char)n);
}

static void make_question(struct buffer *b, const char *name, unsigned type)
{
    static const unsigned header[] = {0x4242, 0x0100, 1, 0, 0, 0}; /* recursion desired */
    _cleanup_strv_ struct strv labels = {0};

    for (size_t i = 0; i < ARRAY_SIZE(header); i++)
        put16(b, header[i]);
    cunik_strv_split(&labels, name, ".");
    for (size_t i = 0; i < labels.n; i++) {
        cunik_buffer_char(b, (char)strlen(labels.items[i]));
        cunik_buffer_text_append(b, labels.items[i]);
    }
    cunik_buffer_char(b, 0);
    put16(b, type);
    put16(b, 1);
}

/* Asks the name server at `server`; the addresses in its answer, in order of their value, separated
 * by spaces, and its code. */
static char *ask(const char *server, const char *name, unsigned type, int *ret_code)
{
    struct sockaddr_in to = {.sin_family = AF_INET, .sin_port = htons(53)};
    _cleanup_close_ int fd = socket(AF_INET, SOCK_DGRAM | SOCK_CLOEXEC, 0);
    _cleanup_buffer_ struct buffer question = {0};
    _cleanup_strv_ struct strv found = {0};
    struct timeval patience = {.tv_sec = 2};
    unsigned char a[512];

    inet_pton(AF_INET, server, &to.sin_addr);
    setsockopt(fd, SOL_SOCKET, SO_RCVTIMEO, &patience, sizeof(patience));
    make_question(&question, name, type);
    *ret_code = NO_ANSWER;
    if (connect(fd, (struct sockaddr *)&to, sizeof(to)) < 0 ||
        send(fd, question.data, question.size, 0) < 0)
        return cunik_strdup("");
    ssize_t size = recv(fd, a, sizeof(a), 0);
    if (size < (ssize_t)question.size)
        return cunik_strdup("");
    *ret_code = a[3] & 15;
    /* Every record of the answer is a pointer to the question's name and an A record. */
    const unsigned char *p = a + question.size;
    for (int n = a[6] << 8 | a[7]; n > 0 && type == TYPE_A; n--, p += 16)
        cunik_strv_addf(&found, "%d.%d.%d.%d", p[12], p[13], p[14], p[15]);
    cunik_strv_sort(&found);
    return cunik_strv_join(&found, " ");
}

static void assert_name(const char *name, unsigned type, int code, const char *addresses)
{
    int got_code;
    _cleanup_free_ char *got = ask("172.30.1.1", name, type, &got_code);

    if (got_code != code || strcmp(got, addresses) != 0)
        fail_msg("%s is '%s' with code %d, not '%s' with code %d", name, got, got_code, addresses,
                 code);
}

/* dnsmasq learns of a file through inotify, in its own time: ask until it says so. */
static double wait_name(const char *name, int code, const char *addresses)
{
    double begin = now_ms();

    while (now_ms() - begin < 5000) {
        int got_code;
        _cleanup_free_ char *got = ask("172.30.1.1", name, TYPE_A, &got_code);
        if (got_code == code && strcmp(got, addresses) == 0)
            return now_ms() - begin;
    }
    assert_name(name, TYPE_A, code, addresses);
    return 0;
}

static struct dnsmasq_settings settings(const char *folder)
{
    return (struct dnsmasq_settings){
        .folder = folder, .domain = "shop_default", .address = GATEWAY, .internal = true};
}

static void add(const char *folder, const char *cunik, uint32_t address, const char *names)
{
    _cleanup_strv_ struct strv list = {0};

    cunik_strv_split(&list, names, " ");
    _cleanup_free_ char *text = cunik_address_text(address);
    struct dnsmasq_host host = {.address = text, .address6 = "", .names = &list};
    test_ok(cunik_dnsmasq_add(folder, cunik, &host, NULL), NULL);
}

static pid_t pid_of(const char *folder)
{
    _cleanup_free_ char *file = cunik_asprintf("%s/pid", folder);
    _cleanup_free_ char *argument = cunik_asprintf("--pid-file=%s/pid", folder);

    return cunik_daemon_find(file, argument, NULL);
}

static void test_names(_unused_ void **state)
{
    _cleanup_free_ char *folder = cunik_asprintf("%s/shop", root);
    struct dnsmasq_settings s = settings(folder);
    _cleanup_error_ struct error *err = NULL;

    assert_false(cunik_dnsmasq_runs(folder));
    add(folder, "shop-web-1", 0xac1e0102, "shop-web-1 web www");
    double begin = now_ms();
    test_ok(cunik_dnsmasq_start(&s, &err), err);
    print_message("# dnsmasq started in %.1f ms\n", now_ms() - begin);
    assert_true(cunik_dnsmasq_runs(folder));
    /* Whoever returned from start can ask. */
    assert_name("web", TYPE_A, NOERROR, "172.30.1.2");
    assert_name("www", TYPE_A, NOERROR, "172.30.1.2");
    assert_name("web.shop_default", TYPE_A, NOERROR, "172.30.1.2");
    assert_name("web", TYPE_AAAA, NOERROR, "");
    assert_name("nobody.shop_default", TYPE_A, NXDOMAIN, "");
    assert_name("nobody", TYPE_A, NXDOMAIN, "");
    assert_name("elsewhere.example", TYPE_A, REFUSED, "");

    begin = now_ms();
    add(folder, "shop-web-2", 0xac1e0103, "shop-web-2 web");
    wait_name("web", NOERROR, "172.30.1.2 172.30.1.3");
    print_message("# a name is served after %.1f ms\n", now_ms() - begin);
    assert_name("shop-web-2", TYPE_A, NOERROR, "172.30.1.3");
    add(folder, "shop-web-2", 0xac1e0104, "shop-web-2 api"); /* another address, other names */
    wait_name("web", NOERROR, "172.30.1.2");
    wait_name("api", NOERROR, "172.30.1.4");
    wait_name("shop-web-2", NOERROR, "172.30.1.4");
    test_ok(cunik_dnsmasq_remove(folder, "shop-web-1", NULL), NULL);
    test_ok(cunik_dnsmasq_remove(folder, "shop-web-1", NULL), NULL);
    wait_name("web", NXDOMAIN, "");

    pid_t pid = pid_of(folder);
    test_ok(cunik_dnsmasq_stop(folder, &err), err);
    assert_false(cunik_dnsmasq_runs(folder) || cunik_file_exists(folder));
    assert_true(kill(pid, 0) < 0 && errno == ESRCH);
    test_ok(cunik_dnsmasq_stop(folder, &err), err);
}

static void test_idempotent(_unused_ void **state)
{
    _cleanup_free_ char *folder = cunik_asprintf("%s/again", root);
    struct dnsmasq_settings s = settings(folder);
    _cleanup_error_ struct error *err = NULL;

    add(folder, "a", 0xac1e0102, "a");
    test_ok(cunik_dnsmasq_start(&s, &err), err);
    pid_t first = pid_of(folder);
    test_ok(cunik_dnsmasq_start(&s, &err), err);
    assert_int_equal(pid_of(folder), first);
    s.domain = "other"; /* other settings: another process, the same names */
    test_ok(cunik_dnsmasq_start(&s, &err), err);
    assert_int_not_equal(pid_of(folder), first);
    assert_name("a.other", TYPE_A, NOERROR, "172.30.1.2");

    for (int i = 0; i < 50; i++) { /* one that is just ending still has its address */
        kill(pid_of(folder), SIGKILL);
        for (double begin = now_ms(); cunik_dnsmasq_runs(folder) && now_ms() - begin < 5000;)
            ;
        test_ok(cunik_dnsmasq_start(&s, &err), err);
        assert_name("a.other", TYPE_A, NOERROR, "172.30.1.2");
    }
    kill(pid_of(folder), SIGKILL);
    for (int i = 0; cunik_dnsmasq_runs(folder) && i < 500; i++)
        poll(NULL, 0, 10);
    assert_false(cunik_dnsmasq_runs(folder));
    test_ok(cunik_dnsmasq_start(&s, &err), err); /* a killed one comes back with its names */
    assert_name("a", TYPE_A, NOERROR, "172.30.1.2");
    test_ok(cunik_dnsmasq_stop(folder, &err), err);
}

/* A pid file whose number has become another process's: that process is left alone. */
static void test_stale_pid(_unused_ void **state)
{
    _cleanup_free_ char *folder = cunik_asprintf("%s/stale", root);
    struct dnsmasq_settings s = settings(folder);
    pid_t other = fork();

    if (other == 0) {
        prctl(PR_SET_PDEATHSIG, SIGKILL);
        for (;;)
            pause();
    }
    must("mkdir -p %s/hosts && echo %d >%s/pid", folder, (int)other, folder);
    assert_false(cunik_dnsmasq_runs(folder));
    test_ok(cunik_dnsmasq_stop(folder, NULL), NULL);
    must("mkdir -p %s/hosts && echo %d >%s/pid", folder, (int)other, folder);
    test_ok(cunik_dnsmasq_start(&s, NULL), NULL);
    assert_true(cunik_dnsmasq_runs(folder));
    test_ok(cunik_dnsmasq_stop(folder, NULL), NULL);
    assert_int_equal(waitpid(other, NULL, WNOHANG), 0); /* it runs on */
    kill(other, SIGKILL);
    waitpid(other, NULL, 0);
}

static void test_failures(_unused_ void **state)
{
    _cleanup_free_ char *folder = cunik_asprintf("%s/bad", root), *left = NULL;
    struct dnsmasq_settings s = settings(folder);
    _cleanup_strv_ struct strv names = {0};
    struct error *err = NULL;

    s.address = 0x0a636363; /* no link has it */
    assert_true(cunik_dnsmasq_start(&s, &err) < 0);
    assert_non_null(strstr(err->message, "serving names for network 'shop_default': dnsmasq: "));
    assert_non_null(strstr(err->message, "10.99.99.99"));
    cunik_error_destroy(err);
    assert_false(cunik_dnsmasq_runs(folder));

    struct dnsmasq_host host = {.address = "10.0.0.1", .address6 = "", .names = &names};
    assert_int_equal(cunik_dnsmasq_add(folder, "../escape", &host, NULL), -EINVAL);
    assert_int_equal(cunik_dnsmasq_add(folder, ".hidden", &host, NULL), -EINVAL);
    assert_int_equal(cunik_dnsmasq_remove(folder, "a/b", NULL), -EINVAL);
    test_ok(cunik_dnsmasq_stop(folder, NULL), NULL);
}

/* Its own user where that one can read the folder, root where only root can. */
static void test_user(_unused_ void **state)
{
    _cleanup_free_ char *folder = cunik_asprintf("%s/user", root);
    struct dnsmasq_settings s = settings(folder);

    add(folder, "a", 0xac1e0102, "a");
    test_ok(cunik_dnsmasq_start(&s, NULL), NULL);
    must("test \"$(stat -c %%U /proc/%d)\" != root", (int)pid_of(folder));
    assert_int_equal(chmod(root, 0700), 0);
    test_ok(cunik_dnsmasq_start(&s, NULL), NULL);
    must("test \"$(stat -c %%U /proc/%d)\" = root", (int)pid_of(folder));
    assert_name("a", TYPE_A, NOERROR, "172.30.1.2");
    assert_int_equal(chmod(root, 0755), 0);
    test_ok(cunik_dnsmasq_stop(folder, NULL), NULL);
}

/* What is not the network's own goes to the host's name servers: here to another dnsmasq. */
static void test_upstream(_unused_ void **state)
{
    _cleanup_free_ char *folder = cunik_asprintf("%s/inner", root);
    _cleanup_free_ char *upper = cunik_asprintf("%s/upper", root);
    _cleanup_free_ char *servers = cunik_asprintf("%s/servers", root);
    struct dnsmasq_settings s = settings(folder), u = settings(upper);

    must("ip address add 172.30.9.1/32 dev lo && echo nameserver 172.30.9.1 >%s", servers);
    u.domain = "example";
    u.address = 0xac1e0901;
    add(upper, "host", 0x0a010101, "host.example");
    test_ok(cunik_dnsmasq_start(&u, NULL), NULL);
    s.internal = false;
    s.servers = servers;
    test_ok(cunik_dnsmasq_start(&s, NULL), NULL);
    assert_name("host.example", TYPE_A, NOERROR, "10.1.1.1");
    assert_name("host", TYPE_A, NXDOMAIN, ""); /* a bare name is never the world's business */
    s.internal = true;
    test_ok(cunik_dnsmasq_start(&s, NULL), NULL);
    assert_name("host.example", TYPE_A, REFUSED, "");
    /* Servers that a service names, of either family. */
    _cleanup_strv_ struct strv six = {0};
    must(
        "ip link add up0 type bridge forward_delay 0 && ip link add up1 type veth peer name up2 && "
        "ip link set up1 master up0 up && ip link set up2 up && "
        "ip address add 172.30.9.2/24 dev up0 && ip address add fd00:9::1/64 dev up0 nodad && "
        "ip link set up0 up");
    test_ok(cunik_dnsmasq_stop(upper, NULL), NULL);
    u.link = "up0";
    u.address = 0xac1e0902;
    add(upper, "host", 0x0a010101, "host.example");
    test_ok(cunik_dnsmasq_start(&u, NULL), NULL);
    cunik_strv_add(&six, "fd00:9::1");
    s.internal = false;
    s.upstream = &six;
    test_ok(cunik_dnsmasq_start(&s, NULL), NULL);
    assert_name("host.example", TYPE_A, NOERROR, "10.1.1.1");
    test_ok(cunik_dnsmasq_stop(folder, NULL), NULL);
    test_ok(cunik_dnsmasq_stop(upper, NULL), NULL);
    must("ip link del up0 && ip link del up1");
}

/* No zombie is left to us, whom orphans fall to. */
static void test_no_zombies(_unused_ void **state)
{
    siginfo_t info = {0};

    assert_int_equal(waitid(P_ALL, 0, &info, WEXITED | WNOHANG), -1);
    assert_int_equal(errno, ECHILD);
}

static int start(_unused_ void **state)
{
    struct bridge_settings b = {
        .name = "ckb1",
        .label = {(char *)"e0", (char *)"shop", (char *)"network", (char *)"shop_default"},
        .group = 7,
        .address = {GATEWAY, 24},
    };

    root = test_temporary_folder();
    return chmod(root, 0755) | cunik_link_create_bridge(&b, NULL);
}

static int stop(_unused_ void **state)
{
    static const char *const folders[] = {"shop", "again", "stale", "bad",
                                          "user", "inner", "upper"};

    for (size_t i = 0; i < ARRAY_SIZE(folders); i++) {
        _cleanup_free_ char *folder = cunik_asprintf("%s/%s", root, folders[i]);
        cunik_dnsmasq_stop(folder, NULL);
    }
    cunik_file_remove_tree(root, NULL);
    free(root);
    return 0;
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_names),      cmocka_unit_test(test_idempotent),
        cmocka_unit_test(test_stale_pid),  cmocka_unit_test(test_failures),
        cmocka_unit_test(test_user),       cmocka_unit_test(test_upstream),
        cmocka_unit_test(test_no_zombies),
    };
    if (!own_namespace())
        return 0;
    /* Daemons become our children when their parents end, as they do cunikd's. */
    prctl(PR_SET_CHILD_SUBREAPER, 1);
    return cmocka_run_group_tests_name("dnsmasq", tests, start, stop);
}
