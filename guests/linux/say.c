#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/reboot.h>
#include <unistd.h>

#include "say.h"

static void __attribute__((format(printf, 1, 0))) say_list(const char *format, va_list arguments)
{
    char *message = NULL;

    if (vasprintf(&message, format, arguments) < 0)
        return;
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

void give_up(const char *format, ...)
{
    va_list arguments;

    va_start(arguments, format);
    say_list(format, arguments);
    va_end(arguments);
    power_off();
}

void power_off(void)
{
    sync();
    reboot(RB_POWER_OFF);
    /* Only a machine without ACPI comes here. Leaving would make the kernel panic, which says less
     * than halting. */
    reboot(RB_HALT_SYSTEM);
    for (;;)
        pause();
}
