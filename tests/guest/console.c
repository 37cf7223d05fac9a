#include "console.h"

#include <stdarg.h>
#include <stdbool.h>

#include "cpu.h"
#include "out.h"

enum {
    COM1 = 0x3F8,
    FIFO_CONTROL = COM1 + 2,
    LINE_CONTROL = COM1 + 3,
    LINE_STATUS = COM1 + 5,
    LINE_STATUS_DATA = 1,
    LINE_STATUS_EMPTY = 0x20,
    FIFO_BYTES = 16,
    FIFO_ON = 0xC7, /* empty, and filled by 14 bytes at once */
    PATIENCE =
        1000000, /* status reads, some seconds, before a console that nobody empties is given up */
};

static bool stalled;
static uint32_t lost;

void console_init(void)
{
    port_write8(LINE_CONTROL, 3); /* 8n1; the speed does not matter to an emulated port */
    port_write8(FIFO_CONTROL, FIFO_ON);
}

/* A console that stalled once is only looked at, not waited for, until it moves again: a guest
 * whose console nobody reads must go on serving. */
static bool wait_for_room(void)
{
    for (uint32_t i = 0; i < (stalled ? 1 : PATIENCE); i++) {
        if (port_read8(LINE_STATUS) & LINE_STATUS_EMPTY) {
            stalled = false;
            return true;
        }
    }
    stalled = true;
    return false;
}

void console_write(const char *bytes, size_t length)
{
    while (length > 0) {
        size_t piece = length < FIFO_BYTES ? length : FIFO_BYTES;
        if (!wait_for_room()) {
            lost += length;
            return;
        }
        length -= piece;
        __asm__ volatile("rep outsb" : "+S"(bytes), "+c"(piece) : "d"(COM1) : "memory");
    }
}

int console_read(void)
{
    return port_read8(LINE_STATUS) & LINE_STATUS_DATA ? port_read8(COM1) : -1;
}

void console_print(const char *format, ...)
{
    static char text[CONSOLE_LONGEST];
    struct out out;
    va_list values;

    out_init(&out, text, sizeof(text));
    va_start(values, format);
    out_vprint(&out, format, values);
    va_end(values);
    console_write(out.base, out.used);
    if (out.overflow)
        console_write("…\n", 4);
}

uint32_t console_lost(void)
{
    return lost;
}
