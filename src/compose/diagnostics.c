#include "compose/diagnostics.h"

#include <string.h>

#include "base/buffer.h"
#include "base/memory.h"
#include "base/text.h"

static struct diagnostic *add(struct diagnostics *d, bool is_error, const struct place *place,
                              const char *path, char *message)
{
    struct diagnostic *item = ARRAY_APPEND(d->items, d->n);

    item->is_error = is_error;
    if (place) {
        item->file = cunik_strdup(place->file);
        item->line = place->line;
        item->column = place->column;
    }
    item->path = path && *path ? cunik_strdup(path) : NULL;
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
    return cunik_buffer_take(&b);
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
        _cleanup_free_ char *text = cunik_diagnostic_text(ranked[i].diagnostic);
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
    }
    free(d->items);
    *d = (struct diagnostics){0};
}
