/* A growing byte buffer that is always NUL-terminated, so data can be used as a string. */
#pragma once

#include <stdarg.h>
#include <stddef.h>

#include "base/macros.h"

struct buffer {
    char *data; /* NULL while empty; use cunik_buffer_text() where a string is wanted */
    size_t size;
    size_t capacity;
};

void cunik_buffer_append(struct buffer *b, const void *data, size_t size);
void cunik_buffer_text_append(struct buffer *b, const char *s);
void cunik_buffer_char(struct buffer *b, char c);
void cunik_buffer_printf(struct buffer *b, const char *format, ...) _printf_(2, 3);
/* Appends the text, with U+FFFD for each byte that is no UTF-8. */
void cunik_buffer_utf8(struct buffer *b, const char *s, size_t size);
/* Appends s with what XML needs escaped in text and attribute values (& < > " '). */
void cunik_buffer_xml(struct buffer *b, const char *s);

/* The content, "" when empty; borrowed. */
const char *cunik_buffer_text(const struct buffer *b);
/* The content as a string that the caller owns; the buffer is empty afterwards. */
char *cunik_buffer_take(struct buffer *b);
/* Drops the first `size` bytes. */
void cunik_buffer_consume(struct buffer *b, size_t size);

void cunik_buffer_done(struct buffer *b);
#define _cleanup_buffer_ _cleanup_(cunik_buffer_done)
