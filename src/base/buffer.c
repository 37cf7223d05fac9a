#include "base/buffer.h"

#include <stdio.h>
#include <string.h>

#include "base/memory.h"
#include "base/text.h"

static void reserve(struct buffer *b, size_t more)
{
    size_t need = b->size + more + 1;

    if (need <= b->capacity)
        return;
    size_t capacity = b->capacity ? b->capacity : 64;
    while (capacity < need)
        capacity *= 2;
    b->data = cunik_realloc(b->data, capacity, 1);
    b->capacity = capacity;
}

void cunik_buffer_append(struct buffer *b, const void *data, size_t size)
{
    reserve(b, size);
    if (size)
        memcpy(b->data + b->size, data, size);
    b->size += size;
    b->data[b->size] = '\0';
}

void cunik_buffer_text_append(struct buffer *b, const char *s)
{
    cunik_buffer_append(b, s, strlen(s));
}

void cunik_buffer_char(struct buffer *b, char c)
{
    cunik_buffer_append(b, &c, 1);
}

void cunik_buffer_printf(struct buffer *b, const char *format, ...)
{
    va_list args, again;

    va_start(args, format);
    va_copy(again, args);
    int size = vsnprintf(NULL, 0, format, args);
    va_end(args);
    if (size < 0)
        abort();
    reserve(b, (size_t)size);
    vsnprintf(b->data + b->size, (size_t)size + 1, format, again);
    va_end(again);
    b->size += (size_t)size;
}

void cunik_buffer_utf8(struct buffer *b, const char *s, size_t size)
{
    for (size_t i = 0, length; i < size; i += length ? length : 1) {
        length = cunik_text_utf8_length(s + i, size - i);
        if (length)
            cunik_buffer_append(b, s + i, length);
        else
            cunik_buffer_text_append(b, "\xef\xbf\xbd");
    }
}

void cunik_buffer_xml(struct buffer *b, const char *s)
{
    for (; *s; s++) {
        switch (*s) {
        case '&':
            cunik_buffer_text_append(b, "&amp;");
            break;
        case '<':
            cunik_buffer_text_append(b, "&lt;");
            break;
        case '>':
            cunik_buffer_text_append(b, "&gt;");
            break;
        case '"':
            cunik_buffer_text_append(b, "&quot;");
            break;
        case '\'':
            cunik_buffer_text_append(b, "&apos;");
            break;
        default:
            cunik_buffer_char(b, *s);
        }
    }
}

const char *cunik_buffer_text(const struct buffer *b)
{
    return b->data ? b->data : "";
}

char *cunik_buffer_take(struct buffer *b)
{
    char *text = b->data ? b->data : cunik_strdup("");

    *b = (struct buffer){0};
    return text;
}

void cunik_buffer_consume(struct buffer *b, size_t size)
{
    if (size > b->size)
        size = b->size;
    if (!b->data)
        return;
    memmove(b->data, b->data + size, b->size - size + 1);
    b->size -= size;
}

void cunik_buffer_done(struct buffer *b)
{
    free(b->data);
    *b = (struct buffer){0};
}
