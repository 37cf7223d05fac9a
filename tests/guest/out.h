/* Text built in a buffer of fixed size. What does not fit is left out and noted, never written past
 * the end. */
#ifndef GUEST_OUT_H
#define GUEST_OUT_H

#include <stdarg.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct out {
    char *base;
    size_t size;
    size_t used;
    bool overflow;
};

void out_init(struct out *out, char *base, size_t size);
void out_bytes(struct out *out, const char *bytes, size_t length);
/* Formats of its own, few on purpose: %s text, %u decimal, %x hexadecimal, %i IPv4 address
 * (uint32_t in the machine's byte order), %m MAC address (pointer to six bytes), %%. */
void out_print(struct out *out, const char *format, ...);
void out_vprint(struct out *out, const char *format, va_list values);
/* The part of `bytes` before the first NUL or, when `line` is set, the first end of line; what a
 * terminal would not show as one character becomes a dot. */
void out_visible(struct out *out, const char *bytes, size_t length, bool line);

#endif
