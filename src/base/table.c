#include "base/table.h"

#include <string.h>

#include "base/memory.h"

enum { GAP = 3 };

size_t cunik_text_columns(const char *s)
{
    size_t n = 0;

    for (; *s; s++)
        n += ((unsigned char)*s & 0xc0) != 0x80;
    return n;
}

void cunik_table_init(struct table *t, const char *const *headings, size_t n)
{
    *t = (struct table){.n_columns = n};
    for (size_t i = 0; i < n; i++)
        cunik_strv_add(&t->cells, headings[i]);
}

void cunik_table_cell(struct table *t, const char *text)
{
    cunik_strv_add(&t->cells, text ? text : "");
}

void cunik_table_cellf(struct table *t, const char *format, ...)
{
    va_list args;

    va_start(args, format);
    cunik_strv_take(&t->cells, cunik_vasprintf(format, args));
    va_end(args);
}

/* Without the blanks that empty last cells leave. */
static void end_row(struct buffer *b)
{
    while (b->size && b->data[b->size - 1] == ' ')
        b->size--;
    cunik_buffer_char(b, '\n');
}

char *cunik_table_text(const struct table *t)
{
    _cleanup_buffer_ struct buffer b = {0};
    _cleanup_free_ size_t *widths = cunik_calloc(t->n_columns, sizeof(*widths));

    for (size_t i = 0; i < t->cells.n; i++) {
        size_t width = cunik_text_columns(t->cells.items[i]);
        if (width > widths[i % t->n_columns])
            widths[i % t->n_columns] = width;
    }
    for (size_t i = 0; i < t->cells.n; i++) {
        size_t column = i % t->n_columns;
        cunik_buffer_text_append(&b, t->cells.items[i]);
        if (column + 1 == t->n_columns) {
            end_row(&b);
            continue;
        }
        for (size_t w = cunik_text_columns(t->cells.items[i]); w < widths[column] + GAP; w++)
            cunik_buffer_char(&b, ' ');
    }
    return cunik_buffer_take(&b);
}

void cunik_table_done(struct table *t)
{
    cunik_strv_done(&t->cells);
}
