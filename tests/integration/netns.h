/* What the tests of links share: a network namespace of the test's own, and ip(8). */
#pragma once

#include <errno.h>
#include <sched.h>
#include <stdbool.h>
#include <stdio.h>
#include <string.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#include "base/memory.h"
#include "base/time.h"

/* Runs a shell command; its exit status. */
_unused_ static int shell(const char *format, ...) _printf_(1, 2);
_unused_ static int shell(const char *format, ...)
{
    va_list args;

    va_start(args, format);
    _cleanup_free_ char *command = cunik_vasprintf(format, args);
    va_end(args);
    int status = system(command);
    return WIFEXITED(status) ? WEXITSTATUS(status) : 128;
}

#define must(...) assert_int_equal(shell(__VA_ARGS__), 0)

/* Call first in main(). False, and a test that says so, without the right to. */
_unused_ static bool own_namespace(void)
{
    if (unshare(CLONE_NEWNET) == 0 && shell("ip link set lo up") == 0)
        return true;
    printf("1..1\nok 1 - links # SKIP a network namespace of its own: %s\n", strerror(errno));
    return false;
}

_unused_ static double now_ms(void)
{
    return (double)cunik_time_now(CLOCK_MONOTONIC) / NS_PER_MS;
}
