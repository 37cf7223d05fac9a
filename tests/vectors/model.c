#include "tests/vectors/model.h"

#include <stdlib.h>
#include <string.h>

#include "base/json.h"
#include "base/memory.h"
#include "base/text.h"
#include "compose/emit.h"
#include "compose/fields.h"
#include "tests/vectors/vector.h"

/* Durations as the model has them, hosts as a mapping, modes in octal, all devices as -1. */
static bool to_model(void *context, const struct field *field, struct node *n,
                     const struct field_path *path)
{
    struct tree *t = context;
    int64_t ns;

    if (field->type == FIELD_DURATION && n->kind == NODE_STRING &&
        cunik_text_to_duration(n->text, &ns) == 0) {
        _cleanup_free_ char *text = cunik_text_from_duration(ns);
        n->text = cunik_tree_text(t, text, strlen(text));
    } else if (strcmp(field->name, "mode") == 0 && n->kind == NODE_INT) {
        _cleanup_free_ char *text = cunik_asprintf("%04llo", (unsigned long long)n->integer);
        n->text = cunik_tree_text(t, text, strlen(text));
        n->kind = NODE_STRING;
    } else if (strcmp(field->name, "count") == 0 && n->kind == NODE_STRING &&
               strcmp(n->text, "all") == 0) {
        n->kind = NODE_INT;
        n->integer = -1;
    } else if (field->type == FIELD_HOSTS && n->kind == NODE_LIST) {
        struct node *map = cunik_node_map(t, &n->place);
        for (size_t i = 0; i < n->n; i++) {
            const char *text = n->items[i]->text, *equals = strchr(text, '=');
            const char *host = cunik_tree_text(t, text, (size_t)(equals - text));
            if (!cunik_node_get(map, host))
                cunik_node_set(t, map, host, cunik_node_list(t, &n->place));
            cunik_node_append(t, cunik_node_get(map, host),
                              cunik_node_string(t, &n->place, equals + 1));
        }
        n->kind = NODE_MAP;
        n->items = map->items;
        n->n = map->n;
        n->index = map->index;
    }
    (void)path;
    return true;
}

json_t *vector_model(struct loaded *l, struct node *root)
{
    json_t *services, *off = json_object(), *environment = json_object(), *value;
    const char *name;
    void *next;

    cunik_fields_walk(&cunik_fields, root, NULL,
                      &(struct field_visitor){.value = to_model, .context = l->tree});
    json_t *model = cunik_node_to_json(root);
    services = json_object_get(model, "services");
    json_object_foreach_safe (services, next, name, value)
        if (!cunik_strv_has(&l->enabled, name)) {
            json_object_set(off, name, value);
            json_object_del(services, name);
        }
    for (size_t i = 0; i < cunik_variables_count(&l->environment); i++)
        cunik_json_set_string(environment, cunik_variables_name(&l->environment, i),
                              cunik_variables_value(&l->environment, i));
    json_object_set_new(model, "$disabled_services", off);
    json_object_set_new(model, "$environment", environment);
    json_object_set_new(model, "$working_dir", json_string(l->working_dir));
    return model;
}

static bool is_empty(const json_t *value)
{
    const char *key;
    json_t *member;

    /* So is a mapping of nothing but that. */
    json_object_foreach ((json_t *)value, key, member)
        if (!is_empty(member))
            return false;
    return !value || json_is_null(value) || json_is_false(value) ||
           (json_is_string(value) && !json_string_length(value)) ||
           (json_is_number(value) && json_number_value(value) == 0) ||
           (json_is_array(value) && !json_array_size(value)) || json_is_object(value);
}

static bool is_equal(const json_t *got, const json_t *expected, bool strict);

static bool is_equal_map(const json_t *got, const json_t *expected, bool strict)
{
    const char *key;
    json_t *value;

    json_object_foreach ((json_t *)expected, key, value)
        if (!is_equal(json_object_get(got, key), value,
                      strict || strcmp(key, "environment") == 0 || strcmp(key, "labels") == 0))
            return false;
    json_object_foreach ((json_t *)got, key, value)
        if (!json_object_get(expected, key) && (strict || !is_empty(value)))
            return false;
    return true;
}

/* Where strict, null and "" are not the same. */
static bool is_equal(const json_t *got, const json_t *expected, bool strict)
{
    json_t *item;
    size_t i;

    if (!strict && is_empty(expected))
        return is_empty(got);
    if (json_is_number(expected))
        return (json_is_number(got) && json_number_value(got) == json_number_value(expected)) ||
               (json_is_string(got) &&
                strtod(json_string_value(got), NULL) == json_number_value(expected));
    if (json_is_object(expected))
        return json_is_object(got) && is_equal_map(got, expected, strict);
    if (!json_is_array(expected))
        return json_equal(got, expected);
    if (!json_is_array(got) || json_array_size(got) != json_array_size(expected))
        return false;
    json_array_foreach (expected, i, item)
        if (!is_equal(json_array_get(got, i), item, strict))
            return false;
    return true;
}

static size_t length_of(const json_t *value)
{
    return json_is_array(value) ? json_array_size(value) : json_object_size(value);
}

static bool has_extensions(const json_t *map, const json_t *expected)
{
    _cleanup_json_ json_t *extensions = json_object();
    const char *key;
    json_t *value;

    json_object_foreach ((json_t *)map, key, value)
        if (strncmp(key, "x-", 2) == 0)
            json_object_set(extensions, key, value);
    return is_equal(extensions, expected, false);
}

static bool has_keys(const json_t *map, const json_t *expected)
{
    json_t *key;
    size_t i;

    if (json_object_size(map) != json_array_size(expected))
        return false;
    json_array_foreach (expected, i, key)
        if (!json_object_get(map, json_string_value(key)))
            return false;
    return true;
}

static bool holds(const json_t *assert, const json_t *got, bool strict)
{
    const char *op = vector_text(assert, "op"), *type = vector_text(assert, "type");
    const json_t *value = json_object_get(assert, "value");

    if (strcmp(op, "len") == 0)
        return length_of(got) == (size_t)json_integer_value(value);
    if (strcmp(op, "has") == 0)
        return got != NULL;
    if (strcmp(op, "absent") == 0)
        return got == NULL;
    if (strcmp(op, "null") == 0)
        return !got || json_is_null(got);
    if (strcmp(op, "not_null") == 0)
        return got && !json_is_null(got);
    if (strcmp(op, "keys") == 0)
        return has_keys(got, value);
    if (strcmp(op, "extensions") == 0)
        return has_extensions(got, value);
    if (strcmp(op, "is_abs") == 0)
        return json_is_string(got) && json_string_value(got)[0] == '/';
    if (strcmp(op, "pull_policy") == 0)
        return json_equal(got, value);
    if (*op)
        return false;
    if (strcmp(type, "Duration") == 0 && json_is_string(value)) {
        int64_t a, b;
        return json_is_string(got) && cunik_text_to_duration(json_string_value(got), &a) == 0 &&
               cunik_text_to_duration(json_string_value(value), &b) == 0 && a == b;
    }
    return is_equal(got, value, strict);
}

static void check(const json_t *assert, const json_t *path, size_t at, const json_t *got,
                  bool strict, struct buffer *complaint)
{
    const json_t *step = json_array_get(path, at);
    const char *key = json_string_value(step), *name;
    json_t *member;
    size_t i;

    if (!step) {
        if (!holds(assert, got, strict)) {
            _cleanup_free_ char *a = cunik_json_text(assert, JSON_ENCODE_ANY);
            _cleanup_free_ char *b =
                got ? cunik_json_text(got, JSON_ENCODE_ANY) : cunik_strdup("nothing");
            cunik_buffer_printf(complaint, "is %s where %s\n", b, a);
        }
    } else if (json_is_integer(step)) {
        check(assert, path, at + 1, json_array_get(got, (size_t)json_integer_value(step)), strict,
              complaint);
    } else if (strcmp(key, "*") == 0 && json_is_array(got)) {
        json_array_foreach (got, i, member)
            check(assert, path, at + 1, member, strict, complaint);
    } else if (strcmp(key, "*") == 0) {
        json_object_foreach ((json_t *)got, name, member)
            check(assert, path, at + 1, member, strict, complaint);
    } else {
        check(assert, path, at + 1, json_object_get(got, key),
              strict || strcmp(key, "environment") == 0, complaint);
    }
}

void vector_check(const json_t *vector, const json_t *model, struct buffer *complaint)
{
    json_t *assert;
    size_t i;

    json_array_foreach (json_object_get(vector, "asserts"), i, assert)
        check(assert, json_object_get(assert, "path"), 0, model, false, complaint);
}

bool vector_equal(const json_t *got, const json_t *expected)
{
    return is_equal(got, expected, false);
}
