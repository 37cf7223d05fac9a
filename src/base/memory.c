#include "base/memory.h"

#include <malloc.h>
#include <stdio.h>
#include <string.h>

void cunik_memory_init(void)
{
    mallopt(M_MXFAST, 0);
}

static void *checked(void *p)
{
    if (!p)
        abort();
    return p;
}

void *cunik_malloc(size_t size)
{
    return checked(malloc(size ? size : 1));
}

void *cunik_calloc(size_t n, size_t size)
{
    return checked(calloc(n ? n : 1, size ? size : 1));
}

void *cunik_realloc(void *p, size_t n, size_t size)
{
    return checked(reallocarray(p, n ? n : 1, size ? size : 1));
}

char *cunik_strdup(const char *s)
{
    return s ? checked(strdup(s)) : NULL;
}

char *cunik_strndup(const char *s, size_t n)
{
    return s ? checked(strndup(s, n)) : NULL;
}

void *cunik_memdup(const void *p, size_t size)
{
    return memcpy(cunik_malloc(size), p, size);
}

char *cunik_vasprintf(const char *format, va_list args)
{
    char *text;

    if (vasprintf(&text, format, args) < 0)
        abort();
    return text;
}

char *cunik_asprintf(const char *format, ...)
{
    va_list args;

    va_start(args, format);
    char *text = cunik_vasprintf(format, args);
    va_end(args);
    return text;
}

void cunik_replace(char **p, const char *s)
{
    char *copy = cunik_strdup(s);

    free(*p);
    *p = copy;
}

void *cunik_array_grow(void *items, size_t n, size_t size)
{
    if (n == 0)
        items = cunik_realloc(items, 1, size);
    else if ((n & (n - 1)) == 0)
        items = cunik_realloc(items, n * 2, size);
    memset((char *)items + n * size, 0, size);
    return items;
}
