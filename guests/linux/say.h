#pragma once

/* The two ways out of init: a line on the console, and the power switch.
 *
 * PID 1 has no caller to return an error to, so the other files of init do not pass errors up: what
 * cannot be carried out is said on the console and the machine is turned off, which is what the
 * engine on the host waits for. */

/* Writes "init: MESSAGE" and a newline to the console, in one write. */
void say(const char *format, ...) __attribute__((format(printf, 1, 2)));

/* Says MESSAGE and turns the machine off. */
_Noreturn void give_up(const char *format, ...) __attribute__((format(printf, 1, 2)));

/* Flushes the disks and turns the machine off. */
_Noreturn void power_off(void);
