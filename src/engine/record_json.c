#include "engine/record.h"

#include <string.h>

#include "base/buffer.h"
#include "base/json.h"
#include "base/memory.h"
#include "base/text.h"
#include "engine/world.h"

/* Where in the JSON we are, as a chain on the stack: made into text only for an error. */
struct spot {
    const struct spot *parent;
    const char *key; /* NULL: an element of a list */
    size_t index;
    bool kept; /* the outermost: unknown keys are passed over */
};

static void spot_text(const struct spot *s, struct buffer *b)
{
    if (s->parent)
        spot_text(s->parent, b);
    if (!s->key)
        cunik_buffer_printf(b, "[%zu]", s->index);
    else if (*s->key)
        cunik_buffer_printf(b, "%s%s", b->size ? "." : "", s->key);
}

static int wrong(const struct spot *s, struct error **err, const char *expected)
{
    _cleanup_buffer_ struct buffer b = {0};

    spot_text(s, &b);
    if (b.size)
        return cunik_error_set(err, ERROR_INVALID, "'%s' must be %s", b.data, expected);
    return cunik_error_set(err, ERROR_INVALID, "it must be %s", expected);
}

static void *at(const void *data, size_t offset)
{
    return (char *)data + offset;
}

static json_t *pairs_to_json(const struct world_pairs *pairs)
{
    json_t *object = json_object();

    for (size_t i = 0; i < pairs->n; i++) {
        const char *key = pairs->items[i].key, *value = pairs->items[i].value;
        if (json_object_set_new(object, key, cunik_json_string(value, strlen(value))) == 0)
            continue;
        /* The key is no UTF-8. */
        _cleanup_json_ json_t *clean = cunik_json_string(key, strlen(key));
        cunik_json_set_string(object, json_string_value(clean), value);
    }
    return object;
}

static json_t *list_to_json(const struct field *f, const void *data)
{
    json_t *array = json_array();
    size_t n = *(const size_t *)at(data, f->count);

    for (size_t i = 0; i < n; i++)
        cunik_json_append(
            array, cunik_record_to_json(f->of, *(char **)at(data, f->offset) + i * f->of->size));
    return array;
}

/* Whether a number is what it is when nothing is said. */
static bool plain(const struct field *f, int64_t number)
{
    return number == (f->flags & FIELD_UNSET ? -1 : 0);
}

static void field_to_json(const struct field *f, const void *data, json_t *object)
{
    const void *p = at(data, f->offset);
    const char *s;

    switch (f->kind) {
    case FIELD_STRING:
        s = *(char *const *)p;
        if (s && *s)
            cunik_json_set_string(object, f->key, s);
        break;
    case FIELD_INT:
    case FIELD_BYTES:
        if (!plain(f, *(const int64_t *)p) || (f->flags & FIELD_REQUIRED))
            cunik_json_set_int(object, f->key, *(const int64_t *)p);
        break;
    case FIELD_DURATION:
        if (!plain(f, *(const int64_t *)p)) {
            _cleanup_free_ char *text = cunik_text_from_duration(*(const int64_t *)p);
            cunik_json_set_string(object, f->key, text);
        }
        break;
    case FIELD_PORT:
        if (*(const uint16_t *)p)
            cunik_json_set_int(object, f->key, *(const uint16_t *)p);
        break;
    case FIELD_DOUBLE:
        if (*(const double *)p != 0)
            cunik_json_set(object, f->key, json_real(*(const double *)p));
        break;
    case FIELD_BOOL:
        if (*(const bool *)p != ((f->flags & FIELD_TRUE) != 0))
            cunik_json_set_bool(object, f->key, *(const bool *)p);
        break;
    case FIELD_ENUM:
        if (*(const unsigned *)p || (f->flags & FIELD_REQUIRED))
            cunik_json_set(object, f->key,
                           json_string(f->enumeration->names[*(const unsigned *)p]));
        break;
    case FIELD_STRV:
        cunik_json_set_strv(object, f->key, p);
        break;
    case FIELD_PAIRS:
        if (((const struct world_pairs *)p)->n)
            cunik_json_set(object, f->key, pairs_to_json(p));
        break;
    case FIELD_RECORD: {
        _cleanup_json_ json_t *value = cunik_record_to_json(f->of, p);
        if (json_object_size(value))
            cunik_json_set(object, f->key, json_incref(value));
        break;
    }
    case FIELD_LIST:
        if (*(const size_t *)at(data, f->count))
            cunik_json_set(object, f->key, list_to_json(f, data));
        break;
    case FIELD_KIND_MAX_:
        abort();
    }
}

json_t *cunik_record_to_json(const struct record *r, const void *data)
{
    json_t *object = json_object();

    for (const struct field *f = r->fields; f < r->fields + r->n_fields; f++)
        field_to_json(f, data, object);
    return object;
}

static int read_text(enum text_kind kind, const json_t *value, const struct spot *s, char **ret,
                     struct error **err)
{
    const char *expected;

    if (!json_is_string(value))
        return wrong(s, err, "a string");
    const char *text = json_string_value(value);
    size_t size = json_string_length(value);
    if (memchr(text, 0, size))
        return wrong(s, err, "a string without NUL");
    if (!cunik_record_text_ok(kind, text, size, &expected))
        return wrong(s, err, expected);
    *ret = cunik_strndup(text, size);
    return 0;
}

static int read_string(const struct field *f, const json_t *value, const struct spot *s, char **ret,
                       struct error **err)
{
    char *text = NULL;

    if (json_is_string(value) && json_string_length(value) == 0) {
        if (f->flags & FIELD_REQUIRED)
            return wrong(s, err, "given");
        return 0;
    }
    int r = read_text(f->text, value, s, &text, err);
    if (r < 0)
        return r;
    free(*ret);
    *ret = text;
    return 0;
}

static int read_range(int64_t number, int64_t min, int64_t max, const struct spot *s,
                      struct error **err)
{
    if (!min && !max)
        max = INT64_MAX;
    if (number >= min && number <= max)
        return 0;
    if (max == INT64_MAX)
        return wrong(s, err, min == 0 ? "not negative" : min == 1 ? "at least 1" : "greater");
    _cleanup_free_ char *range =
        cunik_asprintf("between %lld and %lld", (long long)min, (long long)max);
    return wrong(s, err, range);
}

static int read_number(const struct field *f, const json_t *value, const struct spot *s, void *p,
                       struct error **err)
{
    int64_t number;

    if (f->kind == FIELD_DURATION) {
        if (!json_is_string(value) || json_string_length(value) > 64 ||
            cunik_text_to_duration(json_string_value(value), &number) < 0)
            return wrong(s, err, "a duration such as \"1m30s\"");
    } else if (json_is_integer(value)) {
        number = json_integer_value(value);
    } else {
        return wrong(s, err, "a whole number");
    }
    int r = f->kind == FIELD_PORT ? read_range(number, f->min, UINT16_MAX, s, err)
                                  : read_range(number, f->min, f->max, s, err);
    if (r < 0)
        return r;
    if (f->kind == FIELD_PORT)
        *(uint16_t *)p = (uint16_t)number;
    else
        *(int64_t *)p = number;
    return 0;
}

static int read_count(const struct field *f, size_t n, const struct spot *s, struct error **err)
{
    size_t most = f->most ? f->most : RECORD_LIST_MOST;

    if (n <= most)
        return 0;
    _cleanup_free_ char *expected = cunik_asprintf("at most %zu elements", most);
    return wrong(s, err, expected);
}

static int read_strv(const struct field *f, const json_t *value, const struct spot *s,
                     struct strv *ret, struct error **err)
{
    size_t i;
    json_t *item;

    if (!json_is_array(value))
        return wrong(s, err, "a list of strings");
    int r = read_count(f, json_array_size(value), s, err);
    if (r < 0)
        return r;
    json_array_foreach (value, i, item) {
        struct spot here = {.parent = s, .index = i};
        char *text = NULL;
        r = read_text(f->text, item, &here, &text, err);
        if (r < 0)
            return r;
        cunik_strv_take(ret, text);
    }
    if (f->flags & FIELD_SET)
        cunik_strv_sort(ret);
    return 0;
}

static int pair_order(const void *a, const void *b)
{
    return strcmp(((const struct world_pair *)a)->key, ((const struct world_pair *)b)->key);
}

static int read_pairs(const struct field *f, const json_t *value, const struct spot *s,
                      struct world_pairs *ret, struct error **err)
{
    const char *key, *expected;
    json_t *item;

    if (!json_is_object(value))
        return wrong(s, err, "an object of strings");
    int r = read_count(f, json_object_size(value), s, err);
    if (r < 0)
        return r;
    json_object_foreach ((json_t *)value, key, item) {
        struct spot here = {.parent = s, .key = key};
        char *text = NULL;
        if (!cunik_record_text_ok(TEXT_KEY, key, strlen(key), &expected))
            return wrong(&here, err, expected);
        r = read_text(f->text, item, &here, &text, err);
        if (r < 0)
            return r;
        struct world_pair *pair = ARRAY_APPEND(ret->items, ret->n);
        pair->key = cunik_strdup(key);
        pair->value = text;
    }
    if (ret->n)
        qsort(ret->items, ret->n, sizeof(*ret->items), pair_order);
    return 0;
}

static int read_record(const struct record *r, const json_t *json, const struct spot *s, void *data,
                       struct error **err);

static int read_list(const struct field *f, const json_t *value, const struct spot *s, void *data,
                     struct error **err)
{
    size_t i, *n = at(data, f->count);
    void **items = at(data, f->offset);
    json_t *item;

    if (!json_is_array(value))
        return wrong(s, err, "a list");
    int r = read_count(f, json_array_size(value), s, err);
    if (r < 0)
        return r;
    json_array_foreach (value, i, item) {
        struct spot here = {.parent = s, .index = i};
        *items = cunik_array_grow(*items, *n, f->of->size);
        void *element = (char *)*items + *n * f->of->size;
        ++*n;
        cunik_record_init(f->of, element);
        r = read_record(f->of, item, &here, element, err);
        if (r < 0)
            return r;
    }
    return 0;
}

static int read_enum(const struct field *f, const json_t *value, const struct spot *s, void *p,
                     struct error **err)
{
    if (json_is_string(value) &&
        cunik_enumeration_parse(f->enumeration, json_string_value(value), p) == 0)
        return 0;
    struct strv names = {.items = (char **)f->enumeration->names, .n = f->enumeration->n};
    _cleanup_free_ char *list = cunik_strv_join(&names, ", ");
    _cleanup_free_ char *expected = cunik_asprintf("one of %s", list);
    return wrong(s, err, expected);
}

static int read_field(const struct field *f, const json_t *value, const struct spot *s, void *data,
                      struct error **err)
{
    void *p = at(data, f->offset);

    switch (f->kind) {
    case FIELD_STRING:
        return read_string(f, value, s, p, err);
    case FIELD_INT:
    case FIELD_BYTES:
    case FIELD_DURATION:
    case FIELD_PORT:
        return read_number(f, value, s, p, err);
    case FIELD_DOUBLE:
        if (!json_is_number(value) || !(json_number_value(value) >= 0) ||
            json_number_value(value) > 1e9)
            return wrong(s, err, "a number that is not negative");
        *(double *)p = json_number_value(value);
        return 0;
    case FIELD_BOOL:
        if (!json_is_boolean(value))
            return wrong(s, err, "true or false");
        *(bool *)p = json_boolean_value(value);
        return 0;
    case FIELD_ENUM:
        return read_enum(f, value, s, p, err);
    case FIELD_STRV:
        return read_strv(f, value, s, p, err);
    case FIELD_PAIRS:
        return read_pairs(f, value, s, p, err);
    case FIELD_RECORD:
        return read_record(f->of, value, s, p, err);
    case FIELD_LIST:
        return read_list(f, value, s, data, err);
    case FIELD_KIND_MAX_:
        break;
    }
    abort();
}

static bool is_kept(const struct spot *s)
{
    while (s->parent)
        s = s->parent;
    return s->kept;
}

static int unknown_key(const struct record *r, const json_t *json, const struct spot *s,
                       struct error **err)
{
    const char *key;
    json_t *value;

    if (is_kept(s))
        return 0;
    json_object_foreach ((json_t *)json, key, value) {
        const struct field *f = r->fields;
        while (f < r->fields + r->n_fields && strcmp(f->key, key) != 0)
            f++;
        if (f < r->fields + r->n_fields)
            continue;
        struct spot here = {.parent = s, .key = key};
        _cleanup_buffer_ struct buffer b = {0};
        spot_text(&here, &b);
        return cunik_error_set(err, ERROR_INVALID, "unknown key '%s'", b.data);
    }
    return 0;
}

static int read_record(const struct record *r, const json_t *json, const struct spot *s, void *data,
                       struct error **err)
{
    size_t known = 0;

    if (!json_is_object(json))
        return wrong(s, err, "an object");
    for (const struct field *f = r->fields; f < r->fields + r->n_fields; f++) {
        struct spot here = {.parent = s, .key = f->key};
        const json_t *value = json_object_get(json, f->key);
        known += value != NULL;
        if (json_is_null(value))
            value = NULL;
        int e = 0;
        if (value)
            e = read_field(f, value, &here, data, err);
        else if (f->flags & FIELD_REQUIRED)
            e = wrong(&here, err, "given");
        if (e < 0)
            return e;
    }
    return known == json_object_size(json) ? 0 : unknown_key(r, json, s, err);
}

static int from_json(const struct record *r, const json_t *json, const char *name, bool kept,
                     void *data, struct error **err)
{
    struct spot top = {.key = name, .kept = kept};

    cunik_record_init(r, data);
    int e = read_record(r, json, &top, data, err);
    if (e < 0)
        cunik_record_done(r, data);
    return e;
}

int cunik_record_from_json(const struct record *r, const json_t *json, const char *name, void *data,
                           struct error **err)
{
    return from_json(r, json, name, false, data, err);
}

int cunik_record_from_kept(const struct record *r, const json_t *json, const char *name, void *data,
                           struct error **err)
{
    return from_json(r, json, name, true, data, err);
}
