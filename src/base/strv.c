#include "base/strv.h"

#include <string.h>

#include "base/buffer.h"
#include "base/memory.h"

void cunik_strv_take(struct strv *v, char *s)
{
    *ARRAY_APPEND(v->items, v->n) = s;
}

void cunik_strv_add(struct strv *v, const char *s)
{
    cunik_strv_take(v, cunik_strdup(s));
}

void cunik_strv_addf(struct strv *v, const char *format, ...)
{
    va_list args;

    va_start(args, format);
    cunik_strv_take(v, cunik_vasprintf(format, args));
    va_end(args);
}

void cunik_strv_copy(struct strv *to, const struct strv *from)
{
    for (size_t i = 0; i < from->n; i++)
        cunik_strv_add(to, from->items[i]);
}

bool cunik_strv_has(const struct strv *v, const char *s)
{
    for (size_t i = 0; i < v->n; i++)
        if (strcmp(v->items[i], s) == 0)
            return true;
    return false;
}

bool cunik_strv_equal(const struct strv *a, const struct strv *b)
{
    if (a->n != b->n)
        return false;
    for (size_t i = 0; i < a->n; i++)
        if (strcmp(a->items[i], b->items[i]) != 0)
            return false;
    return true;
}

static int compare(const void *a, const void *b)
{
    return strcmp(*(char *const *)a, *(char *const *)b);
}

void cunik_strv_sort(struct strv *v)
{
    if (v->n)
        qsort(v->items, v->n, sizeof(*v->items), compare);
}

void cunik_strv_split(struct strv *v, const char *s, const char *separators)
{
    while (*s) {
        size_t size = strcspn(s, separators);
        if (size)
            cunik_strv_take(v, cunik_strndup(s, size));
        s += size;
        s += *s != '\0';
    }
}

char *cunik_strv_join(const struct strv *v, const char *separator)
{
    _cleanup_buffer_ struct buffer b = {0};

    for (size_t i = 0; i < v->n; i++) {
        if (i)
            cunik_buffer_text_append(&b, separator);
        cunik_buffer_text_append(&b, v->items[i]);
    }
    return cunik_buffer_take(&b);
}

char **cunik_strv_argv(const struct strv *v)
{
    char **argv = cunik_calloc(v->n + 1, sizeof(*argv));

    if (v->n)
        memcpy(argv, v->items, v->n * sizeof(*argv));
    return argv;
}

void cunik_strv_done(struct strv *v)
{
    for (size_t i = 0; i < v->n; i++)
        free(v->items[i]);
    free(v->items);
    *v = (struct strv){0};
}
