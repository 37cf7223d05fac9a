#include "engine/record.h"

#include <errno.h>
#include <string.h>

#include "base/memory.h"
#include "engine/world.h"

static void *at(const void *data, size_t offset)
{
    return (char *)data + offset;
}

static size_t count_of(const struct field *f, const void *data)
{
    return *(const size_t *)at(data, f->count);
}

static void *element(const struct field *f, const void *data, size_t i)
{
    return *(char **)at(data, f->offset) + i * f->of->size;
}

static const char *text_of(const char *s)
{
    return s ? s : "";
}

void cunik_record_init(const struct record *r, void *data)
{
    for (const struct field *f = r->fields; f < r->fields + r->n_fields; f++) {
        void *p = at(data, f->offset);
        if (f->kind == FIELD_STRING)
            *(char **)p = cunik_strdup("");
        else if (f->kind == FIELD_RECORD)
            cunik_record_init(f->of, p);
        else if (f->kind == FIELD_BOOL && (f->flags & FIELD_TRUE))
            *(bool *)p = true;
        else if (f->flags & FIELD_UNSET)
            *(int64_t *)p = -1;
    }
}

static void pairs_done(struct world_pairs *pairs)
{
    for (size_t i = 0; i < pairs->n; i++) {
        free(pairs->items[i].key);
        free(pairs->items[i].value);
    }
    free(pairs->items);
}

static void fields_done(const struct record *r, void *data);

static void field_done(const struct field *f, void *data)
{
    void *p = at(data, f->offset);

    switch (f->kind) {
    case FIELD_STRING:
        free(*(char **)p);
        break;
    case FIELD_STRV:
        cunik_strv_done(p);
        break;
    case FIELD_PAIRS:
        pairs_done(p);
        break;
    case FIELD_RECORD:
        fields_done(f->of, p);
        break;
    case FIELD_LIST:
        for (size_t i = 0; i < count_of(f, data); i++)
            fields_done(f->of, element(f, data, i));
        free(*(void **)p);
        break;
    default:
        break;
    }
}

static void fields_done(const struct record *r, void *data)
{
    for (const struct field *f = r->fields; f < r->fields + r->n_fields; f++)
        field_done(f, data);
}

void cunik_record_done(const struct record *r, void *data)
{
    fields_done(r, data);
    memset(data, 0, r->size);
}

/* Room for n elements such that ARRAY_APPEND may go on from there: a power of two. */
static void *list_room(size_t n, size_t size)
{
    size_t room = 1;

    while (room < n)
        room *= 2;
    return n ? cunik_calloc(room, size) : NULL;
}

static void pairs_copy(struct world_pairs *to, const struct world_pairs *from)
{
    to->items = list_room(from->n, sizeof(*to->items));
    to->n = from->n;
    for (size_t i = 0; i < from->n; i++) {
        to->items[i].key = cunik_strdup(from->items[i].key);
        to->items[i].value = cunik_strdup(text_of(from->items[i].value));
    }
}

static void field_copy(const struct field *f, void *to, const void *from)
{
    void *t = at(to, f->offset);
    const void *p = at(from, f->offset);

    switch (f->kind) {
    case FIELD_STRING:
        *(char **)t = cunik_strdup(text_of(*(char *const *)p));
        break;
    case FIELD_INT:
    case FIELD_BYTES:
    case FIELD_DURATION:
        *(int64_t *)t = *(const int64_t *)p;
        break;
    case FIELD_PORT:
        *(uint16_t *)t = *(const uint16_t *)p;
        break;
    case FIELD_DOUBLE:
        *(double *)t = *(const double *)p;
        break;
    case FIELD_BOOL:
        *(bool *)t = *(const bool *)p;
        break;
    case FIELD_ENUM:
        *(unsigned *)t = *(const unsigned *)p;
        break;
    case FIELD_STRV:
        cunik_strv_copy(t, p);
        break;
    case FIELD_PAIRS:
        pairs_copy(t, p);
        break;
    case FIELD_RECORD:
        cunik_record_copy(f->of, t, p);
        break;
    case FIELD_LIST: {
        size_t n = count_of(f, from);
        *(void **)t = list_room(n, f->of->size);
        *(size_t *)at(to, f->count) = n;
        for (size_t i = 0; i < n; i++)
            cunik_record_copy(f->of, element(f, to, i), element(f, from, i));
        break;
    }
    case FIELD_KIND_MAX_:
        abort();
    }
}

void cunik_record_copy(const struct record *r, void *to, const void *from)
{
    for (const struct field *f = r->fields; f < r->fields + r->n_fields; f++)
        field_copy(f, to, from);
}

static bool pairs_equal(const struct world_pairs *a, const struct world_pairs *b)
{
    if (a->n != b->n)
        return false;
    for (size_t i = 0; i < a->n; i++)
        if (strcmp(a->items[i].key, b->items[i].key) != 0 ||
            strcmp(text_of(a->items[i].value), text_of(b->items[i].value)) != 0)
            return false;
    return true;
}

static bool field_equal(const struct field *f, const void *actual, const void *desired)
{
    const void *a = at(actual, f->offset), *d = at(desired, f->offset);
    bool open = f->flags & FIELD_OPEN;

    switch (f->kind) {
    case FIELD_STRING: {
        const char *wanted = text_of(*(char *const *)d);
        return (open && !*wanted) || strcmp(text_of(*(char *const *)a), wanted) == 0;
    }
    case FIELD_INT:
    case FIELD_BYTES:
    case FIELD_DURATION:
        return (open && !*(const int64_t *)d) || *(const int64_t *)a == *(const int64_t *)d;
    case FIELD_PORT:
        return (open && !*(const uint16_t *)d) || *(const uint16_t *)a == *(const uint16_t *)d;
    case FIELD_DOUBLE:
        return *(const double *)a == *(const double *)d;
    case FIELD_BOOL:
        return *(const bool *)a == *(const bool *)d;
    case FIELD_ENUM:
        return *(const unsigned *)a == *(const unsigned *)d;
    case FIELD_STRV:
        return cunik_strv_equal(a, d);
    case FIELD_PAIRS:
        return pairs_equal(a, d);
    case FIELD_RECORD:
        return cunik_record_equal(f->of, a, d);
    case FIELD_LIST: {
        size_t n = count_of(f, actual);
        if (n != count_of(f, desired))
            return false;
        for (size_t i = 0; i < n; i++)
            if (!cunik_record_equal(f->of, element(f, actual, i), element(f, desired, i)))
                return false;
        return true;
    }
    case FIELD_KIND_MAX_:
        break;
    }
    abort();
}

bool cunik_record_equal(const struct record *r, const void *actual, const void *desired)
{
    for (const struct field *f = r->fields; f < r->fields + r->n_fields; f++)
        if (f->effect != EFFECT_NONE && !field_equal(f, actual, desired))
            return false;
    return true;
}

int cunik_enumeration_parse(const struct enumeration *e, const char *name, unsigned *ret)
{
    for (unsigned i = 0; i < e->n; i++)
        if (strcmp(e->names[i], name) == 0) {
            *ret = i;
            return 0;
        }
    return -EINVAL;
}

/* Where key stands or would stand. */
static size_t pair_place(const struct world_pairs *pairs, const char *key, bool *ret_there)
{
    size_t low = 0, high = pairs->n;

    while (low < high) {
        size_t middle = low + (high - low) / 2;
        int order = strcmp(pairs->items[middle].key, key);
        if (order == 0) {
            *ret_there = true;
            return middle;
        }
        if (order < 0)
            low = middle + 1;
        else
            high = middle;
    }
    *ret_there = false;
    return low;
}

void cunik_pairs_set(struct world_pairs *pairs, const char *key, const char *value)
{
    bool there;
    size_t i = pair_place(pairs, key, &there);

    if (there) {
        cunik_replace(&pairs->items[i].value, text_of(value));
        return;
    }
    (void)ARRAY_APPEND(pairs->items, pairs->n);
    memmove(&pairs->items[i + 1], &pairs->items[i], (pairs->n - 1 - i) * sizeof(*pairs->items));
    pairs->items[i].key = cunik_strdup(key);
    pairs->items[i].value = cunik_strdup(text_of(value));
}
