#include <fcntl.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/reboot.h>
#include <termios.h>
#include <unistd.h>

#include "say.h"

static void __attribute__((format(printf, 1, 0))) say_list(const char *format, va_list arguments)
{
    char *message = NULL;

    if (vasprintf(&message, format, arguments) < 0)
        return;
    for (char *p = message; (p = strchr(p, '\n'));)
        *p = ' ';
    dprintf(STDERR_FILENO, "init: %s\n", message);
    free(message);
}

void say(const char *format, ...)
{
    va_list arguments;

    va_start(arguments, format);
    say_list(format, arguments);
    va_end(arguments);
}

/* One line, so that what the engine shows as the reason of STATUS is the message. */
static _Noreturn void __attribute__((format(printf, 2, 0)))
give_up_list(int status, const char *format, va_list arguments)
{
    char *message = NULL;

    if (vasprintf(&message, format, arguments) < 0)
        message = NULL;
    say("%s; exited with status %d", message ? message : "out of memory", status);
    power_off();
}

void give_up(const char *format, ...)
{
    va_list arguments;

    va_start(arguments, format);
    give_up_list(STATUS_GAVE_UP, format, arguments);
}

void give_up_with(int status, const char *format, ...)
{
    va_list arguments;

    va_start(arguments, format);
    give_up_list(status, format, arguments);
}

/* The console is the program's output, and "Power down" is none of it. klogctl(2) cannot silence
 * emergencies, of which this is one. */
static void silence_kernel(void)
{
    int fd = open("/proc/sys/kernel/printk", O_WRONLY | O_CLOEXEC);

    if (fd >= 0 && write(fd, "0", 1) < 0)
        say("silencing the kernel: %m");
}

void power_off(void)
{
    sync();
    silence_kernel();
    tcdrain(STDERR_FILENO);
    reboot(RB_POWER_OFF);
    /* Only a machine without ACPI comes here. Leaving would make the kernel panic, which says less
     * than halting. */
    reboot(RB_HALT_SYSTEM);
    for (;;)
        pause();
}
