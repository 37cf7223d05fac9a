/* The reaper takes what fell to this process and leaves its direct children alone. */
#include "tests/support/test.h"

#include <errno.h>
#include <poll.h>
#include <signal.h>
#include <sys/prctl.h>
#include <sys/wait.h>
#include <unistd.h>

#include "engine/reaper.h"

enum { PATIENCE_MS = 10000, MANY = 20 };

struct ended {
    pid_t pid;
    int code, status;
};

static int pipe_ends[2];

/* A zombie still, as the contract says. */
static void on_end(void *ctx, pid_t pid, int code, int status)
{
    const struct ended e = {pid, code, status};
    siginfo_t info = {0};

    (void)ctx;
    if (waitid(P_PID, (id_t)pid, &info, WEXITED | WNOWAIT | WNOHANG) == 0 && info.si_pid == pid)
        if (write(pipe_ends[1], &e, sizeof(e)) != sizeof(e))
            abort();
}

/* Ends with a status, or by a signal. */
static void end_child(int status, int number)
{
    if (number)
        raise(number);
    _exit(status);
}

/* As libvirt starts QEMU: a process in between leads a new session and ends at once. */
static void start_orphan(int status, int number)
{
    pid_t between = fork();

    if (between == 0) {
        setsid();
        if (fork() == 0)
            end_child(status, number);
        _exit(0);
    }
    assert_true(between > 0);
    assert_int_equal(waitpid(between, NULL, 0), between);
}

static struct ended next_end(void)
{
    struct pollfd p = {.fd = pipe_ends[0], .events = POLLIN};
    struct ended e;

    assert_int_equal(poll(&p, 1, PATIENCE_MS), 1);
    assert_int_equal(read(pipe_ends[0], &e, sizeof(e)), sizeof(e));
    return e;
}

static void test_orphans(void **state)
{
    (void)state;
    start_orphan(43, 0);
    struct ended e = next_end();
    assert_int_equal(e.code, CLD_EXITED);
    assert_int_equal(e.status, 43);
    start_orphan(0, SIGKILL);
    e = next_end();
    assert_int_equal(e.code, CLD_KILLED);
    assert_int_equal(e.status, SIGKILL);
}

static void test_many(void **state)
{
    (void)state;
    for (int i = 0; i < MANY; i++)
        start_orphan(i, 0);
    int sum = 0;
    for (int i = 0; i < MANY; i++)
        sum += next_end().status;
    assert_int_equal(sum, MANY * (MANY - 1) / 2);
}

/* Also one that has a session of its own, as long as it leads it. */
static void test_own_children(void **state)
{
    (void)state;
    for (int leads = 0; leads < 2; leads++) {
        pid_t pid = fork();
        int status;

        if (pid == 0) {
            if (leads)
                setsid();
            _exit(7);
        }
        start_orphan(1, 0); /* its end makes the reaper look at all children */
        assert_int_equal(next_end().status, 1);
        assert_int_equal(waitpid(pid, &status, 0), pid);
        assert_true(WIFEXITED(status) && WEXITSTATUS(status) == 7);
    }
}

static void test_none_left(void **state)
{
    siginfo_t info = {0};

    (void)state;
    /* The last one may be on its way from the callback to its end. */
    for (int i = 0; i < 1000 && waitid(P_ALL, 0, &info, WEXITED | WNOHANG | WNOWAIT) == 0; i++)
        poll(NULL, 0, 10);
    assert_true(waitid(P_ALL, 0, &info, WEXITED | WNOHANG | WNOWAIT) < 0);
    assert_int_equal(errno, ECHILD);
}

static struct reaper *reaper;

static int set_up(void **state)
{
    _cleanup_error_ struct error *err = NULL;

    (void)state;
    assert_int_equal(pipe(pipe_ends), 0);
    test_ok(cunik_reaper_create(on_end, NULL, &reaper, &err), err);
    return 0;
}

static int tear_down(void **state)
{
    (void)state;
    cunik_reaper_destroy(reaper);
    close(pipe_ends[0]);
    close(pipe_ends[1]);
    return 0;
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_orphans),
        cmocka_unit_test(test_many),
        cmocka_unit_test(test_own_children),
        cmocka_unit_test(test_none_left),
    };

    return cmocka_run_group_tests(tests, set_up, tear_down);
}
