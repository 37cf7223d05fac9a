/* The hypervisor with real libvirt and QEMU (TCG), embedded in a root of its own and by libvirtd.
 * Runs as root in a network and mount namespace of its own (tests/run does that); one process can
 * hold one root only, so other owners are this program again, with arguments. */
#include "tests/support/test.h"

#include <errno.h>
#include <fcntl.h>
#include <glob.h>
#include <pthread.h>
#include <sched.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <sys/mount.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <time.h>

#include "base/buffer.h"
#include "base/file.h"
#include "base/json.h"
#include "base/memory.h"
#include "base/text.h"
#include "base/time.h"
#include "engine/domain_xml.h"
#include "engine/hypervisor.h"

enum { PARALLEL = 8, PATIENCE_MS = 20000 };

/* Guests: a multiboot header with load addresses, then one of these. The PIIX4's power management
 * lies at 0x600: status, enable, control. */
#define SAY_UP "\x66\xba\xf8\x03\xb0U\xee\xb0P\xee\xb0\n\xee" /* "UP\n" to the serial port */
#define HANG "\xfa\xf4\xeb\xfd"                               /* cli; 1: hlt; jmp 1b */
#define POWER_OFF "\x66\xba\x04\x06\x66\xb8\x00\x20\x66\xef"  /* outw $0x2000, $0x604 */

struct code {
    const char *name;
    const char *bytes;
    size_t size;
};
#define CODE(name, bytes)                                                                          \
    {                                                                                              \
        name, bytes, sizeof(bytes) - 1                                                             \
    }

static const struct code codes[] = {
    CODE("hang", SAY_UP HANG),
    CODE("poweroff", SAY_UP POWER_OFF HANG),
    CODE("reset", SAY_UP "\xb0\xfe\xe6\x64" HANG), /* the keyboard controller's reset */
    CODE("exit", SAY_UP "\xb0\x15\xe6\xf4" HANG),  /* isa-debug-exit */
    /* enables the power button and says so, waits for its status, powers off */
    CODE("button", "\x66\xba\x02\x06\x66\xb8\x00\x01\x66\xef" SAY_UP
                   "\x66\xba\x00\x06\xf3\x90\x66\xed\xf6\xc4\x01\x74\xf7" POWER_OFF HANG),
};

static char *root;
static const char *uri = "", *accel = ""; /* how to connect */
static struct hypervisor *hypervisor;

/* Which domains the callback named, and how often. */
static pthread_mutex_t lock = PTHREAD_MUTEX_INITIALIZER;
static struct strv changed;

static void on_change(void *ctx, const char *name)
{
    (void)ctx;
    pthread_mutex_lock(&lock);
    cunik_strv_add(&changed, name);
    pthread_mutex_unlock(&lock);
}

static bool was_changed(const char *name)
{
    pthread_mutex_lock(&lock);
    bool has = cunik_strv_has(&changed, name);
    pthread_mutex_unlock(&lock);
    return has;
}

static int64_t now_ns(void)
{
    return cunik_time_now(CLOCK_MONOTONIC);
}

static double ms_since(int64_t start)
{
    return (double)(now_ns() - start) / NS_PER_MS;
}

static void write_kernels(void)
{
    const uint32_t magic = 0x1badb002, flags = 0x10000, base = 0x100000;
    const uint32_t header[] = {magic, flags, 0 - magic - flags, base, base, 0, 0, base + 32};

    for (size_t i = 0; i < ARRAY_SIZE(codes); i++) {
        _cleanup_buffer_ struct buffer b = {0};
        _cleanup_free_ char *path = cunik_asprintf("%s/%s", root, codes[i].name);
        _cleanup_error_ struct error *err = NULL;

        cunik_buffer_append(&b, header, sizeof(header));
        cunik_buffer_append(&b, codes[i].bytes, codes[i].size);
        test_ok(cunik_file_write(path, b.data, b.size, 0644, false, &err), err);
    }
}

static char *console_path(const char *name)
{
    return cunik_asprintf("%s/%s.log", root, name);
}

/* The domain of a cunik that runs one of the codes. */
static char *domain_xml(const char *name, const char *code, const char *machine)
{
    _cleanup_free_ char *kernel = cunik_asprintf("%s/%s", root, code);
    _cleanup_free_ char *console = console_path(name);
    _cleanup_free_ char *label = cunik_asprintf("{\"name\":\"%s\",\"odd\":\"<&'\\\"é\"}", name);
    char empty[] = "", nic[] = "virtio";
    struct world_cunik c = {.name = (char *)name, .uuid = empty};
    struct boot b = {.kernel = kernel,
                     .initrd = empty,
                     .cmdline = empty,
                     .machine = (char *)machine,
                     .firmware = empty,
                     .cpu = empty,
                     .nic_model = nic,
                     .disk_bus = nic,
                     .memory = 16 << 20,
                     .vcpus = 1,
                     .acpi = strcmp(machine, "isapc") != 0};
    const struct guest_user user = {.name = "", .group = ""};
    const struct domain_settings s = {
        .accel = "tcg", .emulator = "", .console = console, .label = label, .user = &user};

    return cunik_domain_xml(&c, &b, &s);
}

static void define(struct hypervisor *h, const char *name, const char *code)
{
    _cleanup_free_ char *xml = domain_xml(name, code, "pc");
    _cleanup_error_ struct error *err = NULL;

    test_ok(cunik_hypervisor_define(h, name, xml, &err), err);
}

static void start(struct hypervisor *h, const char *name)
{
    _cleanup_error_ struct error *err = NULL;

    test_ok(cunik_hypervisor_start(h, name, &err), err);
}

static void destroy(const char *name)
{
    _cleanup_error_ struct error *err = NULL;

    test_ok(cunik_hypervisor_destroy(hypervisor, name, &err), err);
}

static void undefine(const char *name)
{
    _cleanup_error_ struct error *err = NULL;

    test_ok(cunik_hypervisor_undefine(hypervisor, name, &err), err);
}

/* A copy of one row of the list, state ABSENT when there is none. The caller frees label. */
static struct hypervisor_domain look(const char *name)
{
    _cleanup_(cunik_hypervisor_domains_done) struct hypervisor_domains all = {0};
    _cleanup_error_ struct error *err = NULL;

    test_ok(cunik_hypervisor_list(hypervisor, &all, &err), err);
    for (size_t i = 0; i < all.n; i++)
        if (strcmp(all.items[i].name, name) == 0) {
            struct hypervisor_domain d = all.items[i];
            d.name = d.uuid = NULL;
            all.items[i].label = NULL;
            return d;
        }
    return (struct hypervisor_domain){.state = CUNIK_ABSENT};
}

static void pause_10ms(void)
{
    nanosleep(&(struct timespec){.tv_nsec = 10 * NS_PER_MS}, NULL);
}

/* Waits for a state; gives the row. */
static struct hypervisor_domain wait_for(const char *name, enum cunik_state state)
{
    int64_t begin = now_ns();

    for (;;) {
        struct hypervisor_domain d = look(name);
        if (d.state == state)
            return d;
        if (ms_since(begin) > PATIENCE_MS)
            fail_msg("'%s' is %s, not %s", name, cunik_state_name(d.state),
                     cunik_state_name(state));
        free(d.label);
        pause_10ms();
    }
}

/* Waits for a text in a file of the root. */
static void wait_for_text(const char *file, const char *text)
{
    _cleanup_free_ char *path = cunik_asprintf("%s/%s", root, file);
    int64_t begin = now_ns();

    for (;;) {
        _cleanup_free_ char *got = NULL;
        if (cunik_file_read(path, 65536, &got, NULL, NULL) == 0 && strstr(got, text))
            return;
        if (ms_since(begin) > PATIENCE_MS)
            fail_msg("'%s' has no '%s' but '%s'", path, text, got ? got : "");
        pause_10ms();
    }
}

static void wait_for_console(const char *name, const char *text)
{
    _cleanup_free_ char *file = cunik_asprintf("%s.log", name);

    wait_for_text(file, text);
}

static int open_root(cunik_hypervisor_changed *told, struct hypervisor **ret, struct error **err)
{
    const struct hypervisor_settings settings = {.uri = uri, .root = root, .accel = accel};

    return cunik_hypervisor_open(&settings, told, NULL, ret, err);
}

static void test_life(void **state)
{
    _cleanup_free_ char *label = NULL;
    int64_t t;

    (void)state;
    define(hypervisor, "life", "hang");
    struct hypervisor_domain d = look("life");
    assert_int_equal(d.state, CUNIK_CREATED);
    assert_int_equal(d.end, END_NONE);
    assert_string_equal(d.label, "{\"name\":\"life\",\"odd\":\"<&'\\\"é\"}");
    free(d.label);
    for (int i = 0; i < 2; i++) {
        t = now_ns();
        start(hypervisor, "life");
        print_message("# start %.0f ms\n", ms_since(t));
        start(hypervisor, "life"); /* runs already */
        d = wait_for("life", CUNIK_RUNNING);
        assert_true(d.pid > 1);
        assert_int_equal(d.memory, 16 << 20);
        assert_int_equal(d.end, END_NONE);
        free(d.label);
        wait_for_console("life", i ? "UP\nUP\n" : "UP\n");
        t = now_ns();
        destroy("life");
        print_message("# destroy %.0f ms\n", ms_since(t));
        destroy("life");
        d = look("life");
        assert_int_equal(d.state, CUNIK_EXITED);
        assert_int_equal(d.end, END_DESTROYED);
        assert_int_equal(d.pid, 0);
        assert_int_equal(d.memory, 0);
        free(d.label);
    }
    undefine("life");
    undefine("life");
    assert_int_equal(look("life").state, CUNIK_ABSENT);
    assert_true(was_changed("life"));
}

/* A domain made anew was never started, whatever became of the one before. */
static void test_recreated(void **state)
{
    (void)state;
    for (int i = 0; i < 3; i++) {
        define(hypervisor, "again", "hang");
        struct hypervisor_domain d = look("again");
        free(d.label);
        assert_int_equal(d.state, CUNIK_CREATED);
        start(hypervisor, "again");
        destroy("again");
        undefine("again");
    }
    define(hypervisor, "again", "hang");
    for (int i = 0; i < 10; i++) { /* also when the events have caught up */
        struct hypervisor_domain d = look("again");
        free(d.label);
        assert_int_equal(d.state, CUNIK_CREATED);
        assert_int_equal(d.end, END_NONE);
        pause_10ms();
    }
    undefine("again");
}

static void test_relabel(void **state)
{
    _cleanup_error_ struct error *err = NULL;

    (void)state;
    define(hypervisor, "label", "hang");
    test_ok(cunik_hypervisor_relabel(hypervisor, "label", "{\"a\":\"<1>\"}", &err), err);
    struct hypervisor_domain d = look("label");
    assert_string_equal(d.label, "{\"a\":\"<1>\"}");
    free(d.label);
    start(hypervisor, "label");
    test_ok(cunik_hypervisor_relabel(hypervisor, "label", "{\"a\":2}", &err), err);
    d = look("label");
    assert_string_equal(d.label, "{\"a\":2}");
    free(d.label);
    destroy("label");
    d = look("label"); /* the configuration was relabelled too */
    assert_string_equal(d.label, "{\"a\":2}");
    free(d.label);
    undefine("label");
}

static void ends(const char *code, enum cunik_end end, int status)
{
    define(hypervisor, code, code);
    start(hypervisor, code);
    struct hypervisor_domain d = wait_for(code, CUNIK_EXITED);
    free(d.label);
    assert_string_equal(cunik_end_name(d.end), cunik_end_name(end));
    assert_int_equal(cunik_hypervisor_exit_status(hypervisor, code), *uri ? -1 : status);
    undefine(code);
}

static void test_ends(void **state)
{
    (void)state;
    ends("poweroff", END_POWEROFF, 0);
    ends("reset", END_RESET, 0);
}

static void test_killed(void **state)
{
    (void)state;
    define(hypervisor, "killed", "hang");
    start(hypervisor, "killed");
    struct hypervisor_domain d = wait_for("killed", CUNIK_RUNNING);
    free(d.label);
    assert_true(d.pid > 1);
    assert_int_equal(kill((pid_t)d.pid, SIGKILL), 0);
    d = wait_for("killed", CUNIK_EXITED);
    free(d.label);
    assert_string_equal(cunik_end_name(d.end), "killed");
    assert_int_equal(cunik_hypervisor_exit_status(hypervisor, "killed"), *uri ? -1 : 128 + SIGKILL);
    undefine("killed");
}

/* isa-debug-exit is reached through libvirt's own namespace for QEMU's options. */
static void test_exit_status(void **state)
{
    _cleanup_free_ char *xml = domain_xml("exit", "exit", "pc");
    _cleanup_buffer_ struct buffer b = {0};
    _cleanup_error_ struct error *err = NULL;
    const char *rest = strchr(xml, '\n'), *end = strstr(xml, "</domain>");

    (void)state;
    cunik_buffer_printf(&b,
                        "<domain type='qemu' xmlns:qemu='http://libvirt.org/schemas/domain/qemu/"
                        "1.0'>%.*s<qemu:commandline><qemu:arg value='-device'/><qemu:arg value='"
                        "isa-debug-exit,iobase=0xf4,iosize=1'/></qemu:commandline></domain>",
                        (int)(end - rest), rest);
    test_ok(cunik_hypervisor_define(hypervisor, "exit", b.data, &err), err);
    start(hypervisor, "exit");
    struct hypervisor_domain d = wait_for("exit", CUNIK_EXITED);
    free(d.label);
    assert_string_equal(cunik_end_name(d.end), "killed");
    assert_int_equal(cunik_hypervisor_exit_status(hypervisor, "exit"), 0x15 << 1 | 1);
    undefine("exit");
}

static void test_shutdown(void **state)
{
    _cleanup_error_ struct error *err = NULL, *late = NULL;
    int64_t t;

    (void)state;
    define(hypervisor, "button", "button");
    start(hypervisor, "button");
    wait_for_console("button", "UP");
    t = now_ns();
    test_ok(cunik_hypervisor_shutdown(hypervisor, "button", t + INT64_C(20000000000), &err), err);
    print_message("# shutdown %.0f ms\n", ms_since(t));
    struct hypervisor_domain d = look("button");
    assert_string_equal(cunik_end_name(d.end), "poweroff");
    free(d.label);
    test_ok(cunik_hypervisor_shutdown(hypervisor, "button", t, &err), err);
    undefine("button");
    test_ok(cunik_hypervisor_shutdown(hypervisor, "button", t, &err), err);

    define(hypervisor, "deaf", "hang");
    start(hypervisor, "deaf");
    t = now_ns();
    assert_int_equal(cunik_hypervisor_shutdown(hypervisor, "deaf", t + INT64_C(300000000), &late),
                     -ETIME);
    assert_int_equal(late->code, ERROR_TIMEOUT);
    assert_true(ms_since(t) >= 299 && ms_since(t) < 5000);
    destroy("deaf");
    undefine("deaf");
}

static void *start_one(void *name)
{
    _cleanup_error_ struct error *err = NULL;

    return cunik_hypervisor_start(hypervisor, name, &err) == 0 ? NULL : name;
}

static void *destroy_one(void *name)
{
    _cleanup_error_ struct error *err = NULL;

    return cunik_hypervisor_destroy(hypervisor, name, &err) == 0 ? NULL : name;
}

static void in_parallel(void *(*run)(void *), char **names)
{
    pthread_t threads[PARALLEL];
    void *failed;

    for (size_t i = 0; i < PARALLEL; i++)
        assert_int_equal(pthread_create(&threads[i], NULL, run, names[i]), 0);
    for (size_t i = 0; i < PARALLEL; i++) {
        pthread_join(threads[i], &failed);
        if (failed)
            fail_msg("'%s' failed", (char *)failed);
    }
}

static void test_parallel(void **state)
{
    _cleanup_strv_ struct strv names = {0};
    _cleanup_(cunik_hypervisor_domains_done) struct hypervisor_domains all = {0};
    _cleanup_error_ struct error *err = NULL;
    int64_t t;

    (void)state;
    for (size_t i = 0; i < PARALLEL; i++) {
        cunik_strv_addf(&names, "p%zu", i);
        define(hypervisor, names.items[i], "hang");
    }
    t = now_ns();
    in_parallel(start_one, names.items);
    print_message("# %d starts in parallel %.0f ms\n", PARALLEL, ms_since(t));
    for (size_t i = 0; i < PARALLEL; i++)
        wait_for_console(names.items[i], "UP");
    t = now_ns();
    test_ok(cunik_hypervisor_list(hypervisor, &all, &err), err);
    print_message("# list of %zu %.2f ms\n", all.n, ms_since(t));
    for (size_t i = 1; i < all.n; i++)
        assert_true(strcmp(all.items[i - 1].name, all.items[i].name) < 0);
    t = now_ns();
    in_parallel(destroy_one, names.items);
    print_message("# %d destroys in parallel %.0f ms\n", PARALLEL, ms_since(t));
    for (size_t i = 0; i < PARALLEL; i++)
        undefine(names.items[i]);
}

static void test_machines(void **state)
{
    static const char *const machines[] = {"q35", "microvm", "isapc"};

    (void)state;
    for (size_t i = 0; i < ARRAY_SIZE(machines); i++) {
        _cleanup_free_ char *xml = domain_xml(machines[i], "hang", machines[i]);
        _cleanup_error_ struct error *err = NULL;

        print_message("# %s\n", machines[i]);
        test_ok(cunik_hypervisor_define(hypervisor, machines[i], xml, &err), err);
        test_ok(cunik_hypervisor_start(hypervisor, machines[i], &err), err);
        wait_for_console(machines[i], "UP");
        destroy(machines[i]);
        undefine(machines[i]);
    }
}

static void test_errors(void **state)
{
    _cleanup_error_ struct error *err = NULL;
    _cleanup_free_ char *kernel = cunik_asprintf("%s/gone", root);

    (void)state;
    assert_true(cunik_hypervisor_start(hypervisor, "nobody", &err) < 0);
    assert_int_equal(err->code, ERROR_NOT_FOUND);
    assert_true(cunik_hypervisor_define(hypervisor, "x", "<domain", &err) < 0);
    assert_true(cunik_text_starts(err->message, "defining domain 'x': "));
    define(hypervisor, "gone", "gone");
    assert_true(cunik_hypervisor_start(hypervisor, "gone", &err) < 0);
    assert_true(cunik_text_starts(err->message, "starting domain 'gone': "));
    assert_non_null(strstr(err->message, kernel));
    struct hypervisor_domain d = look("gone");
    assert_int_equal(d.state, CUNIK_CREATED);
    free(d.label);
    undefine("gone");
}

/* Runs this program as another owner; gives its exit status. */
static int run_owner(const char *what)
{
    pid_t pid = fork();
    int status;

    if (pid == 0) {
        execl("/proc/self/exe", "test_hypervisor", what, root, (char *)NULL);
        _exit(127);
    }
    assert_true(pid > 0);
    while (waitpid(pid, &status, 0) < 0)
        assert_int_equal(errno, EINTR);
    return WIFEXITED(status) ? WEXITSTATUS(status) : 128;
}

/* What the first owner left: a guest that runs, one that ended with nobody there, one that had
 * ended before, and one that went down with its host. */
static void test_taken_over(void **state)
{
    (void)state;
    struct hypervisor_domain d = wait_for("left", CUNIK_RUNNING);
    assert_true(d.pid > 1);
    free(d.label);
    d = wait_for("left-off", CUNIK_EXITED);
    free(d.label);
    /* libvirt ends the QEMU that waits for it, and hears of that or not. */
    assert_true(d.end == END_POWEROFF || d.end == END_KILLED);
    d = look("left-reset");
    free(d.label);
    assert_int_equal(d.state, CUNIK_EXITED);
    assert_string_equal(cunik_end_name(d.end), "reset");
    d = look("left-gone");
    free(d.label);
    assert_int_equal(d.state, CUNIK_EXITED);
    assert_string_equal(cunik_end_name(d.end), "killed");
    destroy("left");
    d = look("left");
    free(d.label);
    assert_string_equal(cunik_end_name(d.end), "destroyed");
    undefine("left");
    undefine("left-gone");
    undefine("left-off");
    undefine("left-reset");
}

static void test_second_owner(void **state)
{
    (void)state;
    assert_int_equal(run_owner("second"), 0);
}

/* Guests run as an ordinary user. */
static void test_unprivileged(void **state)
{
    struct stat st;

    (void)state;
    define(hypervisor, "user", "hang");
    start(hypervisor, "user");
    struct hypervisor_domain d = wait_for("user", CUNIK_RUNNING);
    free(d.label);
    _cleanup_free_ char *path = cunik_asprintf("/proc/%d", (int)d.pid);
    _cleanup_free_ char *status_path = cunik_asprintf("/proc/%d/status", (int)d.pid);
    assert_int_equal(stat(path, &st), 0);
    assert_int_not_equal(st.st_uid, 0);
    _cleanup_free_ char *status = test_read(status_path);
    assert_non_null(strstr(status, "Seccomp:\t2"));
    destroy("user");
    undefine("user");
}

static void test_none_listed(void **state)
{
    _cleanup_(cunik_hypervisor_domains_done) struct hypervisor_domains all = {0};
    _cleanup_error_ struct error *err = NULL;

    (void)state;
    test_ok(cunik_hypervisor_list(hypervisor, &all, &err), err);
    assert_int_equal(all.n, 0);
}

static void test_nothing_left(void **state)
{
    siginfo_t info = {0};

    test_none_listed(state);
    assert_true(waitid(P_ALL, 0, &info, WEXITED | WNOHANG | WNOWAIT) < 0); /* no child at all */
    assert_int_equal(errno, ECHILD);
}

/* Whatever a failed test left: libvirt's files say which QEMUs are of this root. */
static void end_guests(void)
{
    _cleanup_free_ char *pattern = cunik_asprintf("%s/libvirt/run/qemu/*.pid", root);
    glob_t found = {0};

    glob(pattern, 0, NULL, &found);
    for (size_t i = 0; i < found.gl_pathc; i++) {
        _cleanup_free_ char *text = test_read(found.gl_pathv[i]);
        long pid = strtol(text, NULL, 10);
        if (!cunik_text_ends(found.gl_pathv[i], "/driver.pid") && pid > 1)
            kill((pid_t)pid, SIGKILL);
    }
    globfree(&found);
}

/* As after a reboot of the host: what lies in /run is gone. */
static void forget(const char *name)
{
    _cleanup_free_ char *pid_path = cunik_asprintf("%s/libvirt/run/qemu/%s.pid", root, name);
    _cleanup_free_ char *state_path = cunik_asprintf("%s/libvirt/run/qemu/%s.xml", root, name);
    _cleanup_free_ char *text = test_read(pid_path);
    long pid = strtol(text, NULL, 10);

    assert_true(pid > 1);
    assert_int_equal(kill((pid_t)pid, SIGKILL), 0);
    assert_int_equal(unlink(pid_path), 0);
    assert_int_equal(unlink(state_path), 0);
}

static int set_up(void **state)
{
    _cleanup_error_ struct error *err = NULL;
    const char *reason;
    int64_t t;

    (void)state;
    root = test_temporary_folder();
    assert_int_equal(chmod(root, 0755), 0);
    write_kernels();
    t = now_ns();
    if (run_owner("first") != 0) {
        end_guests();
        return -1;
    }
    print_message("# first owner, with libvirt's first look at QEMU: %.0f ms\n", ms_since(t));
    forget("left-gone");
    t = now_ns();
    if (open_root(on_change, &hypervisor, &err) < 0) {
        print_error("%s\n", err->message);
        end_guests();
        return -1;
    }
    print_message("# open %.0f ms\n", ms_since(t));
    const char *name = cunik_hypervisor_accel(hypervisor, &reason);
    print_message("# %s: %s\n", name, reason);
    assert_false(cunik_hypervisor_has_quota(hypervisor));
    return 0;
}

static int tear_down(void **state)
{
    (void)state;
    end_guests();
    cunik_hypervisor_close(hypervisor);
    cunik_strv_done(&changed);
    cunik_file_remove_tree(root, NULL);
    free(root);
    return 0;
}

/* Leaves guests behind and goes without a word. */
static int first_owner(void)
{
    _cleanup_error_ struct error *err = NULL;

    if (open_root(NULL, &hypervisor, &err) < 0) {
        print_error("%s\n", err->message);
        return 1;
    }
    define(hypervisor, "left", "hang");
    define(hypervisor, "left-off", "poweroff");
    define(hypervisor, "left-reset", "reset");
    start(hypervisor, "left-reset");
    free(wait_for("left-reset", CUNIK_EXITED).label);
    wait_for_console("left-reset", "UP");
    define(hypervisor, "left-gone", "hang");
    start(hypervisor, "left-gone");
    wait_for_text("libvirt/etc/qemu/left-gone.xml", "cunikend");
    start(hypervisor, "left");
    start(hypervisor, "left-off");
    return 0;
}

static int second_owner(void)
{
    _cleanup_error_ struct error *err = NULL;

    if (open_root(NULL, &hypervisor, &err) == 0)
        return 1;
    print_message("# %s\n", err->message);
    return err->code == ERROR_CONFLICT && strstr(err->message, root) ? 0 : 2;
}

/* Starts a program of libvirt's in the foreground. */
static pid_t start_daemon(const char *path)
{
    pid_t pid = fork();

    if (pid == 0) {
        int null = open("/dev/null", O_RDWR);
        dup2(null, STDIN_FILENO);
        dup2(null, STDOUT_FILENO);
        dup2(null, STDERR_FILENO);
        execl(path, path, (char *)NULL);
        _exit(127);
    }
    return pid;
}

static void end_daemon(pid_t pid)
{
    if (pid <= 0)
        return;
    kill(pid, SIGTERM);
    waitpid(pid, NULL, 0);
}

/* As for the embedded driver (hypervisor_embed.c): with a /dev/kvm that libvirtd's user cannot
 * open, every start takes seconds. A file in its place and libvirt's own /dev for guests do not go
 * together. */
static void hide_kvm(void)
{
    static const char settings[] = "namespaces = []\n";
    _cleanup_free_ char *no_kvm = cunik_asprintf("%s/no-kvm", root);

    if (!cunik_file_exists("/dev/kvm"))
        return;
    assert_int_equal(cunik_file_write(no_kvm, "", 0, 0600, false, NULL), 0);
    assert_int_equal(mount(no_kvm, "/dev/kvm", NULL, MS_BIND, NULL), 0);
    assert_int_equal(
        cunik_file_write("/etc/libvirt/qemu.conf", settings, strlen(settings), 0644, false, NULL),
        0);
}

static pid_t virtlogd, libvirtd;

static int set_up_daemon(void **state)
{
    static const char *const folders[] = {"/etc/libvirt", "/run/libvirt", "/var/lib/libvirt",
                                          "/var/cache/libvirt", "/var/log/libvirt"};
    _cleanup_error_ struct error *err = NULL;
    int64_t begin = now_ns();

    (void)state;
    root = test_temporary_folder();
    assert_int_equal(chmod(root, 0755), 0);
    write_kernels();
    assert_int_equal(unshare(CLONE_NEWNS), 0);
    assert_int_equal(mount(NULL, "/", NULL, MS_PRIVATE | MS_REC, NULL), 0);
    for (size_t i = 0; i < ARRAY_SIZE(folders); i++) {
        if (!cunik_file_exists(folders[i]))
            test_ok(cunik_file_make_folders(folders[i], 0755, &err), err);
        assert_int_equal(mount("none", folders[i], "tmpfs", 0, "mode=755"), 0);
    }
    hide_kvm();
    virtlogd = start_daemon("/usr/sbin/virtlogd");
    libvirtd = start_daemon("/usr/sbin/libvirtd");
    uri = "qemu:///system";
    accel = "tcg";
    while (!cunik_file_exists("/run/libvirt/libvirt-sock") ||
           !cunik_file_exists("/run/libvirt/virtlogd-sock")) {
        assert_true(ms_since(begin) < PATIENCE_MS);
        pause_10ms();
    }
    test_ok(open_root(on_change, &hypervisor, &err), err);
    print_message("# connected after %.0f ms\n", ms_since(begin));
    assert_true(cunik_hypervisor_has_quota(hypervisor));
    return 0;
}

static int tear_down_daemon(void **state)
{
    _cleanup_(cunik_hypervisor_domains_done) struct hypervisor_domains all = {0};

    (void)state;
    cunik_hypervisor_list(hypervisor, &all, NULL); /* what failed tests left */
    for (size_t i = 0; i < all.n; i++)
        cunik_hypervisor_destroy(hypervisor, all.items[i].name, NULL);
    cunik_hypervisor_close(hypervisor);
    end_daemon(libvirtd);
    end_daemon(virtlogd);
    cunik_strv_done(&changed);
    cunik_file_remove_tree(root, NULL);
    free(root);
    return 0;
}

/* The same against libvirtd, in folders of its own. */
static int run_system(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_life),         cmocka_unit_test(test_recreated),
        cmocka_unit_test(test_relabel),      cmocka_unit_test(test_ends),
        cmocka_unit_test(test_killed),       cmocka_unit_test(test_shutdown),
        cmocka_unit_test(test_parallel),     cmocka_unit_test(test_errors),
        cmocka_unit_test(test_unprivileged), cmocka_unit_test(test_none_listed),
    };

    return cmocka_run_group_tests_name("libvirtd", tests, set_up_daemon, tear_down_daemon);
}

static int run_system_apart(void)
{
    pid_t pid;
    int status;

    if (access("/usr/sbin/libvirtd", X_OK) < 0 || access("/usr/sbin/virtlogd", X_OK) < 0) {
        printf("ok - libvirtd # SKIP it is not installed\n");
        return 0;
    }
    fflush(NULL);
    pid = fork();
    if (pid == 0)
        exit(run_system());
    return pid > 0 && waitpid(pid, &status, 0) == pid && WIFEXITED(status) ? WEXITSTATUS(status)
                                                                           : 1;
}

int main(int argc, char **argv)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_taken_over),   cmocka_unit_test(test_life),
        cmocka_unit_test(test_recreated),    cmocka_unit_test(test_relabel),
        cmocka_unit_test(test_ends),         cmocka_unit_test(test_killed),
        cmocka_unit_test(test_exit_status),  cmocka_unit_test(test_shutdown),
        cmocka_unit_test(test_parallel),     cmocka_unit_test(test_machines),
        cmocka_unit_test(test_errors),       cmocka_unit_test(test_unprivileged),
        cmocka_unit_test(test_second_owner), cmocka_unit_test(test_nothing_left),
    };

    if (argc == 3) {
        root = argv[2];
        /* exit() would wait for nobody, but free libvirt under its threads */
        _exit(strcmp(argv[1], "first") == 0 ? first_owner() : second_owner());
    }
    return run_system_apart() + cmocka_run_group_tests_name("embedded", tests, set_up, tear_down);
}
