#pragma once

/* The two ways out of init: a line on the console, and the power switch.
 *
 * PID 1 has no caller to return an error to, so the other files of init do not pass errors up: what
 * cannot be carried out is said on the console and the machine is turned off, which is what the
 * engine on the host waits for.
 *
 * A line that ends in "exited with status N" or "killed by signal N" is what the engine reads the
 * guest's status from (endings[] of src/backends/linux.c). */

/* Statuses of a guest whose program has not run, as shells and docker have them. */
enum {
    STATUS_GAVE_UP = 125, /* it could not be prepared for the program */
    STATUS_CANNOT_RUN = 126,
    STATUS_NOT_FOUND = 127,
};

/* Writes "init: MESSAGE" and a newline to the console, in one write; a newline in MESSAGE becomes a
 * blank. */
void say(const char *format, ...) __attribute__((format(printf, 1, 2)));

/* Says MESSAGE and STATUS_GAVE_UP, and turns the machine off. */
_Noreturn void give_up(const char *format, ...) __attribute__((format(printf, 1, 2)));

/* The same with another status. */
_Noreturn void give_up_with(int status, const char *format, ...)
    __attribute__((format(printf, 2, 3)));

/* Flushes the disks and the console, and turns the machine off. */
_Noreturn void power_off(void);
