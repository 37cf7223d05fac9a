/* A text table for people: columns as wide as their widest cell, three blanks between them, as
 * docker's `ps` prints it. Pure. */
#pragma once

#include <stddef.h>

#include "base/buffer.h"
#include "base/strv.h"

struct table {
    struct strv cells; /* row by row; the first row holds the headings */
    size_t n_columns;
};

void cunik_table_init(struct table *t, const char *const *headings, size_t n);
/* The next cell; rows fill from left to right. */
void cunik_table_cell(struct table *t, const char *text);
void cunik_table_cellf(struct table *t, const char *format, ...) _printf_(2, 3);
/* The whole; the last column is not padded. The caller frees it. */
char *cunik_table_text(const struct table *t);
void cunik_table_done(struct table *t);
#define _cleanup_table_ _cleanup_(cunik_table_done)

/* How many columns of a terminal a UTF-8 text takes (combining and wide characters
 * are not looked up: each code point counts as one). */
size_t cunik_text_columns(const char *s);
