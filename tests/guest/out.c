#include "out.h"

#include "text.h"

void out_init(struct out *out, char *base, size_t size)
{
    *out = (struct out){.base = base, .size = size};
}

void out_bytes(struct out *out, const char *bytes, size_t length)
{
    size_t room = out->size - out->used;

    if (length > room) {
        out->overflow = true;
        length = room;
    }
    memcpy(out->base + out->used, bytes, length);
    out->used += length;
}

static void out_number(struct out *out, uint32_t number, uint32_t radix, int digits)
{
    char text[12];
    size_t at = sizeof(text);

    do {
        text[--at] = "0123456789abcdef"[number % radix];
        number /= radix;
        digits--;
    } while (number > 0 || digits > 0);
    out_bytes(out, text + at, sizeof(text) - at);
}

static void out_address(struct out *out, uint32_t address)
{
    for (int shift = 24; shift >= 0; shift -= 8) {
        out_number(out, address >> shift & 255, 10, 1);
        if (shift > 0)
            out_bytes(out, ".", 1);
    }
}

static void out_mac(struct out *out, const uint8_t *mac)
{
    for (int i = 0; i < 6; i++) {
        if (i > 0)
            out_bytes(out, ":", 1);
        out_number(out, mac[i], 16, 2);
    }
}

void out_vprint(struct out *out, const char *format, va_list values)
{
    for (; *format != '\0'; format++) {
        const char *text;
        if (*format != '%') {
            out_bytes(out, format, 1);
            continue;
        }
        switch (*++format) {
        case 's':
            text = va_arg(values, const char *);
            out_bytes(out, text, strlen(text));
            break;
        case 'u':
            out_number(out, va_arg(values, uint32_t), 10, 1);
            break;
        case 'x':
            out_number(out, va_arg(values, uint32_t), 16, 1);
            break;
        case 'i':
            out_address(out, va_arg(values, uint32_t));
            break;
        case 'm':
            out_mac(out, va_arg(values, const uint8_t *));
            break;
        default:
            out_bytes(out, format, 1);
            break;
        }
    }
}

void out_print(struct out *out, const char *format, ...)
{
    va_list values;

    va_start(values, format);
    out_vprint(out, format, values);
    va_end(values);
}

void out_visible(struct out *out, const char *bytes, size_t length, bool line)
{
    for (size_t i = 0; i < length && bytes[i] != '\0'; i++) {
        unsigned char c = (unsigned char)bytes[i];
        if (line && (c == '\n' || c == '\r'))
            return;
        bool shown = (c >= ' ' && c != 0x7f) || (!line && (c == '\n' || c == '\t'));
        out_bytes(out, shown ? &bytes[i] : ".", 1);
    }
}
