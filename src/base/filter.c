#include "base/filter.h"

#include <string.h>

#include "base/buffer.h"
#include "base/memory.h"

static int unknown_key(const struct filter_kind *kind, const char *key, size_t size,
                       struct error **err)
{
    _cleanup_buffer_ struct buffer list = {0};

    for (size_t i = 0; i < kind->n; i++)
        cunik_buffer_printf(&list, "%s%s", i ? ", " : "", kind->name(i));
    return cunik_error_set(err, ERROR_INVALID, "%s are filtered by %s, not by '%.*s'", kind->things,
                           list.data, (int)size, key);
}

int cunik_filter_add(struct filter *f, const char *text, struct error **err)
{
    const struct filter_kind *kind = f->kind;
    const char *equals = strchr(text, '=');
    size_t size = equals ? (size_t)(equals - text) : 0, key = 0;

    if (!size)
        return cunik_error_set(err, ERROR_INVALID, "a filter is KEY=VALUE, not '%s'", text);
    while (key < kind->n &&
           (strlen(kind->name(key)) != size || memcmp(kind->name(key), text, size) != 0))
        key++;
    if (key == kind->n)
        return unknown_key(kind, text, size, err);
    int r = kind->check ? kind->check(key, equals + 1, err) : 0;
    if (r < 0)
        return r;
    (void)ARRAY_APPEND(f->items, f->n);
    f->items[f->n - 1].key = key;
    f->items[f->n - 1].value = cunik_strdup(equals + 1);
    return 0;
}

int cunik_filter_add_all(struct filter *f, const struct strv *texts, struct error **err)
{
    int r = 0;

    for (size_t i = 0; i < texts->n && r == 0; i++)
        r = cunik_filter_add(f, texts->items[i], err);
    return r;
}

bool cunik_filter_matches(const struct filter *f, const void *thing)
{
    for (size_t key = 0; f->n && key < f->kind->n; key++) {
        bool asked = false, found = false;
        for (size_t i = 0; i < f->n; i++) {
            if (f->items[i].key != key)
                continue;
            asked = true;
            found = found || f->kind->matches(thing, key, f->items[i].value);
        }
        if (asked && !found)
            return false;
    }
    return true;
}

void cunik_filter_done(struct filter *f)
{
    for (size_t i = 0; i < f->n; i++)
        free(f->items[i].value);
    free(f->items);
    f->items = NULL;
    f->n = 0;
}
