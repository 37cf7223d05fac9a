#include "base/json.h"

#include <string.h>

#include "base/buffer.h"
#include "base/memory.h"
#include "base/text.h"

int cunik_json_parse(const char *text, size_t size, const char *what, json_t **ret,
                     struct error **err)
{
    json_error_t e;
    json_t *value = json_loadb(text, size, JSON_REJECT_DUPLICATES, &e);

    if (!value)
        return cunik_error_set(err, ERROR_INVALID, "%s: line %d, column %d: %s", what, e.line,
                               e.column, e.text);
    *ret = value;
    return 0;
}

char *cunik_json_text(const json_t *value, size_t flags)
{
    char *text = json_dumps(value, flags | JSON_ENCODE_ANY);

    if (!text)
        abort();
    return text;
}

static int wrong_type(const char *key, const char *expected, struct error **err)
{
    return cunik_error_set(err, ERROR_INVALID, "'%s' must be %s", key, expected);
}

static const json_t *member(const json_t *object, const char *key)
{
    const json_t *value = json_object_get(object, key);

    return json_is_null(value) ? NULL : value;
}

int cunik_json_get_string(const json_t *object, const char *key, char **ret, struct error **err)
{
    const json_t *value = member(object, key);

    if (!value)
        return 0;
    if (!json_is_string(value))
        return wrong_type(key, "a string", err);
    cunik_replace(ret, json_string_value(value));
    return 0;
}

int cunik_json_get_int(const json_t *object, const char *key, int64_t *ret, struct error **err)
{
    const json_t *value = member(object, key);

    if (!value)
        return 0;
    if (!json_is_integer(value))
        return wrong_type(key, "a whole number", err);
    *ret = json_integer_value(value);
    return 0;
}

int cunik_json_get_bool(const json_t *object, const char *key, bool *ret, struct error **err)
{
    const json_t *value = member(object, key);

    if (!value)
        return 0;
    if (!json_is_boolean(value))
        return wrong_type(key, "true or false", err);
    *ret = json_boolean_value(value);
    return 0;
}

int cunik_json_get_strv(const json_t *object, const char *key, struct strv *ret, struct error **err)
{
    const json_t *value = member(object, key);
    _cleanup_strv_ struct strv list = {0};
    size_t i;
    json_t *item;

    if (!value)
        return 0;
    if (!json_is_array(value))
        return wrong_type(key, "a list of strings", err);
    json_array_foreach (value, i, item) {
        if (!json_is_string(item))
            return wrong_type(key, "a list of strings", err);
        cunik_strv_add(&list, json_string_value(item));
    }
    cunik_strv_done(ret);
    *ret = list;
    list = (struct strv){0};
    return 0;
}

const char *cunik_json_string_at(const json_t *object, const char *key)
{
    const char *text = json_string_value(json_object_get(object, key));

    return text ? text : "";
}

void cunik_json_set(json_t *object, const char *key, json_t *value)
{
    if (json_object_set_new(object, key, value) < 0)
        abort();
}

void cunik_json_append(json_t *array, json_t *value)
{
    if (json_array_append_new(array, value) < 0)
        abort();
}

void cunik_json_set_string(json_t *object, const char *key, const char *value)
{
    if (value)
        cunik_json_set(object, key, cunik_json_string(value, strlen(value)));
}

void cunik_json_set_int(json_t *object, const char *key, int64_t value)
{
    cunik_json_set(object, key, json_integer(value));
}

void cunik_json_set_bool(json_t *object, const char *key, bool value)
{
    cunik_json_set(object, key, json_boolean(value));
}

void cunik_json_set_strv(json_t *object, const char *key, const struct strv *value)
{
    if (!value->n)
        return;
    json_t *array = json_array();
    for (size_t i = 0; i < value->n; i++)
        cunik_json_append(array, cunik_json_string(value->items[i], strlen(value->items[i])));
    cunik_json_set(object, key, array);
}

json_t *cunik_json_string(const char *s, size_t size)
{
    _cleanup_buffer_ struct buffer b = {0};
    json_t *value = json_stringn(s, size);

    if (value)
        return value;
    cunik_buffer_utf8(&b, s, size);
    value = json_stringn(cunik_buffer_text(&b), b.size);
    if (!value)
        abort();
    return value;
}
