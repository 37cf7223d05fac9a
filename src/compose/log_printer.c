#include "compose/log_printer.h"

#include <string.h>
#include <time.h>

#include "base/memory.h"
#include "base/output.h"
#include "base/table.h"
#include "base/text.h"
#include "base/when.h"

/* Docker Compose's order: cyan, yellow, green, magenta, blue, then the bright ones. */
static const char *const colors[] = {"36", "33", "32", "35", "34", "96", "93", "92", "95", "94"};

static const char *short_name(const struct log_printer *p, const char *cunik)
{
    size_t size = p->stack ? strlen(p->stack) : 0;

    if (size && strncmp(cunik, p->stack, size) == 0 && cunik[size] == '-')
        return cunik + size + 1;
    return cunik;
}

static void widen(struct log_printer *p, const char *cunik)
{
    size_t width = cunik_text_columns(short_name(p, cunik));

    p->width = width > p->width ? width : p->width;
}

void cunik_log_printer_expect(struct log_printer *p, const struct world *w)
{
    for (size_t i = 0; i < w->n_cuniks; i++)
        widen(p, w->cuniks[i].name);
}

static size_t color_of(struct log_printer *p, const char *cunik)
{
    cunik_map_add(&p->colors, cunik, (void *)(uintptr_t)(p->colors.n + 1));
    return ((uintptr_t)cunik_map_get(&p->colors, cunik) - 1) % ARRAY_SIZE(colors);
}

static void put_prefix(struct log_printer *p, const char *cunik, struct buffer *b)
{
    const char *name = short_name(p, cunik);

    widen(p, cunik);
    if (p->color)
        cunik_buffer_printf(b, "\033[%sm", colors[color_of(p, cunik)]);
    cunik_buffer_text_append(b, name);
    for (size_t n = cunik_text_columns(name); n < p->width; n++)
        cunik_buffer_char(b, ' ');
    cunik_buffer_text_append(b, "  | ");
    if (p->color)
        cunik_buffer_text_append(b, "\033[0m");
}

/* RFC 3339 with milliseconds, as far as consoles know times. */
static void put_time(int64_t ms, struct buffer *b)
{
    _cleanup_free_ char *text = cunik_when_utc(ms);

    cunik_buffer_printf(b, "%s ", text);
}

void cunik_log_printer_format(struct log_printer *p, const struct log_line *line, struct buffer *b)
{
    if (p->prefix)
        put_prefix(p, line->cunik, b);
    if (p->timestamps)
        put_time(line->time_ms, b);
    for (const char *c = line->text; *c; c++)
        if ((unsigned char)*c >= ' ' || *c == '\t' || (*c == '\033' && p->color))
            cunik_buffer_char(b, *c);
    cunik_buffer_char(b, '\n');
}

void cunik_log_printer_put(void *ctx, const struct log_line *line)
{
    struct log_printer *p = ctx;
    _cleanup_buffer_ struct buffer b = {0};

    cunik_log_printer_format(p, line, &b);
    fwrite(b.data, 1, b.size, stdout);
    cunik_output_flush();
}

void cunik_log_printer_done(struct log_printer *p)
{
    cunik_map_done(&p->colors);
}
