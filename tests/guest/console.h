/* The console: the first serial port. */
#ifndef GUEST_CONSOLE_H
#define GUEST_CONSOLE_H

#include <stddef.h>
#include <stdint.h>

enum { CONSOLE_LONGEST = 10 * 1024 }; /* bytes of one console_print() */

void console_init(void);
void console_write(const char *bytes, size_t length);
/* Formats as out_print(). */
void console_print(const char *format, ...);
/* A byte that was typed, or -1. Nothing wakes the guest for one: who wants some looks. */
int console_read(void);
/* Bytes that were lost because the other side took nothing for a long time. */
uint32_t console_lost(void);

#endif
