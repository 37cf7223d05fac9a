#include "compose/diagnostics.h"

#include <string.h>

#include "base/buffer.h"
#include "base/memory.h"
#include "base/text.h"
#include "compose/secrecy.h"

static char *pointer_key(const char *file)
{
    return cunik_asprintf("%p", (const void *)file);
}

static const char *origin_of(const struct diagnostics *d, const char *file)
{
    _cleanup_free_ char *key = pointer_key(file);
    const char *origin = d->origins.n ? cunik_map_get(&d->origins, key) : NULL;

    return origin || !d->origins.n ? origin : cunik_map_get(&d->origins, file);
}

static void set_origin(struct diagnostics *d, const char *key, const char *text)
{
    free(cunik_map_get(&d->origins, key));
    cunik_map_set(&d->origins, key, cunik_strdup(text));
}

void cunik_diagnostics_origin(struct diagnostics *d, const char *file, const char *how,
                              const struct place *by)
{
    const char *before = by->file ? origin_of(d, by->file) : NULL;
    _cleanup_free_ char *key = pointer_key(file);
    _cleanup_free_ char *text = cunik_asprintf("%s %s:%u%s%s", how, by->file ? by->file : "-",
                                               by->line, before ? ", " : "", before ? before : "");

    set_origin(d, key, text);
    set_origin(d, file, text);
}

void cunik_diagnostics_hide(struct diagnostics *d)
{
    d->items[d->n - 1].secret = true;
}

static struct diagnostic *add(struct diagnostics *d, bool is_error, const struct place *place,
                              const char *path, char *message)
{
    struct diagnostic *item = ARRAY_APPEND(d->items, d->n);

    item->is_error = is_error;
    if (place) {
        item->file = cunik_strdup(place->file);
        item->origin = place->file ? cunik_strdup(origin_of(d, place->file)) : NULL;
        item->line = place->line;
        item->column = place->column;
    }
    item->path = path && *path ? cunik_strdup(path) : NULL;
    item->secret = path && cunik_is_secret_path(path);
    item->message = message;
    d->n_errors += is_error;
    return item;
}

void cunik_diagnostics_error(struct diagnostics *d, const struct place *place, const char *path,
                             const char *format, ...)
{
    va_list args;

    va_start(args, format);
    add(d, true, place, path, cunik_vasprintf(format, args));
    va_end(args);
}

void cunik_diagnostics_warn(struct diagnostics *d, const struct place *place, const char *path,
                            const char *format, ...)
{
    va_list args;

    va_start(args, format);
    add(d, false, place, path, cunik_vasprintf(format, args));
    va_end(args);
}

void cunik_diagnostics_unsupported(struct diagnostics *d, const struct place *place,
                                   const char *path, const char *format, ...)
{
    va_list args;

    va_start(args, format);
    add(d, d->strict, place, path, cunik_vasprintf(format, args))->unsupported = true;
    va_end(args);
}

void cunik_diagnostics_take(struct diagnostics *d, struct error **err)
{
    struct error *e = *err;

    if (!e)
        return;
    struct place place = {.file = e->file, .line = e->line, .column = e->column};
    add(d, true, &place, NULL, TAKE_PTR(e->message));
    cunik_error_destroy(e);
    *err = NULL;
}

char *cunik_diagnostic_text(const struct diagnostic *d)
{
    _cleanup_buffer_ struct buffer b = {0};

    if (d->file && d->line)
        cunik_buffer_printf(&b, "%s:%u:%u: ", d->file, d->line, d->column);
    else if (d->file)
        cunik_buffer_printf(&b, "%s: ", d->file);
    if (!d->is_error)
        cunik_buffer_text_append(&b, "warning: ");
    if (d->path)
        cunik_buffer_printf(&b, "%s: ", d->path);
    cunik_buffer_text_append(&b, d->message);
    if (d->origin)
        cunik_buffer_printf(&b, " (%s)", d->origin);
    return cunik_buffer_take(&b);
}

void cunik_diagnostics_source(struct diagnostics *d, const char *file, const char *text,
                              size_t size)
{
    if (d->excerpts && !cunik_map_has(&d->sources, file))
        cunik_map_add(&d->sources, file, cunik_strndup(text, size));
}

/* One character of a line, so that the terminal only shows it. */
static void append_shown(struct buffer *b, char c)
{
    bool control = ((unsigned char)c < 0x20 && c != '\t') || c == 0x7f;

    cunik_buffer_char(b, control ? '?' : c);
}

static bool continues(char c)
{
    return ((unsigned char)c & 0xc0) == 0x80;
}

char *cunik_diagnostics_excerpt(const char *text, unsigned line, unsigned column)
{
    enum { BEFORE = 60, AFTER = 40 }; /* characters around the column that are shown */
    struct buffer b = {0};
    unsigned at = 1;

    for (unsigned i = 1; i < line && text; i++) {
        text = strchr(text, '\n');
        text = text ? text + 1 : NULL;
    }
    if (!text || !*text || !line || !column)
        return NULL;
    _cleanup_free_ char *margin = cunik_asprintf("%5u | ", line);
    _cleanup_buffer_ struct buffer caret = {0};
    cunik_buffer_printf(&caret, "\n%*s", (int)strlen(margin), "| ");
    cunik_buffer_text_append(&b, margin);
    for (; *text && *text != '\n' && *text != '\r' && at <= column + AFTER; text++) {
        bool first = !continues(*text);
        if (at + BEFORE > column)
            append_shown(&b, *text);
        if (first && at + BEFORE > column && at < column)
            cunik_buffer_char(&caret, *text == '\t' ? '\t' : ' ');
        at += !continues(text[1]);
    }
    cunik_buffer_printf(&b, "%s^", cunik_buffer_text(&caret));
    return cunik_buffer_take(&b);
}

char *cunik_diagnostics_text(const struct diagnostics *d, const struct diagnostic *item)
{
    char *text = cunik_diagnostic_text(item);
    const char *source =
        item->file && !item->secret ? cunik_map_get(&d->sources, item->file) : NULL;
    _cleanup_free_ char *excerpt =
        source ? cunik_diagnostics_excerpt(source, item->line, item->column) : NULL;

    if (!excerpt)
        return text;
    char *both = cunik_asprintf("%s\n%s", text, excerpt);
    free(text);
    return both;
}

/* An error with what sorts it: files stand in the order of their first mistake. */
struct ranked {
    const struct diagnostic *diagnostic;
    size_t file, position;
};

static int compare(const void *a, const void *b)
{
    const struct ranked *x = a, *y = b;

    if (x->file != y->file)
        return x->file < y->file ? -1 : 1;
    if (x->diagnostic->line != y->diagnostic->line)
        return x->diagnostic->line < y->diagnostic->line ? -1 : 1;
    if (x->diagnostic->column != y->diagnostic->column)
        return x->diagnostic->column < y->diagnostic->column ? -1 : 1;
    return x->position < y->position ? -1 : 1;
}

static size_t rank_of_file(const struct ranked *ranked, size_t n, const char *file)
{
    /* Backwards: neighbours mostly are of one file. */
    for (size_t i = n; i-- > 0;)
        if (cunik_text_equal(ranked[i].diagnostic->file, file))
            return ranked[i].file;
    return n;
}

int cunik_diagnostics_fail(const struct diagnostics *d, struct error **err)
{
    _cleanup_free_ struct ranked *ranked = NULL;
    _cleanup_buffer_ struct buffer b = {0};
    size_t n = 0;

    if (!d->n_errors)
        return 0;
    ranked = cunik_calloc(d->n_errors, sizeof(*ranked));
    for (size_t i = 0; i < d->n; i++) {
        if (!d->items[i].is_error)
            continue;
        size_t file = rank_of_file(ranked, n, d->items[i].file);
        ranked[n] = (struct ranked){&d->items[i], file, n};
        n++;
    }
    qsort(ranked, n, sizeof(*ranked), compare);
    for (size_t i = 0; i < n; i++) {
        _cleanup_free_ char *text = cunik_diagnostics_text(d, ranked[i].diagnostic);
        cunik_buffer_printf(&b, "%s%s", i ? "\n" : "", text);
    }
    return cunik_error_set(err, ERROR_INVALID, "%s", cunik_buffer_text(&b));
}

void cunik_diagnostics_done(struct diagnostics *d)
{
    for (size_t i = 0; i < d->n; i++) {
        free(d->items[i].file);
        free(d->items[i].path);
        free(d->items[i].message);
        free(d->items[i].origin);
    }
    free(d->items);
    for (size_t i = 0; i < d->sources.n; i++)
        free(d->sources.entries[i].value);
    cunik_map_done(&d->sources);
    for (size_t i = 0; i < d->origins.n; i++)
        free(d->origins.entries[i].value);
    cunik_map_done(&d->origins);
    *d = (struct diagnostics){0};
}
