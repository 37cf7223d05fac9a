#include "compose/long_form.h"

#include <ctype.h>
#include <string.h>

#include "base/memory.h"
#include "base/strv.h"
#include "compose/fields.h"
#include "compose/secrecy.h"
#include "compose/short_forms.h"

struct lengthening {
    struct tree *tree;
    struct diagnostics *d;
};

static void lengthen_object(const struct lengthening *l, const struct fields *table,
                            struct node *map, const struct field_path *path);

static void mistake(const struct lengthening *l, const struct node *n,
                    const struct field_path *path, struct error **err)
{
    _cleanup_free_ char *where = cunik_field_path_text(path);

    _cleanup_free_ char *origin = cunik_node_origin(n);
    /* The value stands at the end. */
    bool secret = cunik_is_secret_value(where, n->template);
    int length = (int)(secret ? strcspn((*err)->message, ":") : strlen((*err)->message));

    cunik_diagnostics_error(l->d, &n->place, where, "%.*s%s", length, (*err)->message, origin);
    cunik_error_forget(err);
}

/* What was not interpolated stays in its short form where nobody can tell its parts. */
static bool is_template(const struct lengthening *l, const char *text)
{
    return l->d->templates && strchr(text, '$');
}

/* A scalar as the string it reads as; null stays null. */
static struct node *as_string(const struct lengthening *l, struct node *n)
{
    if (n->kind == NODE_STRING || n->kind == NODE_NULL || n->kind == NODE_LIST ||
        n->kind == NODE_MAP)
        return n;
    n->text = cunik_node_as_text(l->tree, n);
    n->kind = NODE_STRING;
    n->quoted = true;
    return n;
}

static void strings(const struct lengthening *l, struct node *container)
{
    for (size_t i = 0; i < container->n; i++)
        as_string(l, container->items[i]);
}

static struct node *list_of(const struct lengthening *l, struct node *item)
{
    struct node *list = cunik_node_list(l->tree, &item->place);

    list->tag = item->tag;
    item->tag = NODE_PLAIN;
    cunik_node_append(l->tree, list, item);
    return list;
}

/* A list of "K=V" or "K". */
static struct node *pairs(const struct lengthening *l, struct node *n,
                          const struct field_path *path)
{
    if (n->kind == NODE_MAP) {
        strings(l, n);
        return n;
    }
    struct node *map = cunik_node_map(l->tree, &n->place);
    for (size_t i = 0; i < n->n; i++) {
        const struct node *item = n->items[i];
        const char *equals = strchr(item->text, '=');
        struct node *value;
        if (equals)
            value = cunik_node_string(l->tree, &item->place, equals + 1);
        else
            value = cunik_node_null(l->tree, &item->place);
        value->key_place = item->place;
        size_t length = equals ? (size_t)(equals - item->text) : strlen(item->text);
        if (length && isspace((unsigned char)item->text[length - 1])) {
            _cleanup_error_ struct error *err = NULL;
            cunik_error_set(&err, ERROR_INVALID,
                            "environment variable %.*s is declared with a trailing space",
                            (int)length, item->text);
            mistake(l, item, path, &err);
        }
        cunik_node_set(l->tree, map, cunik_tree_text(l->tree, item->text, length), value);
    }
    return map;
}

/* The mapping {KEY: n} with n's place. */
static struct node *wrap(const struct lengthening *l, struct node *n, const char *key)
{
    struct node *map = cunik_node_map(l->tree, &n->place);

    map->tag = n->tag;
    n->tag = NODE_PLAIN;
    n->key_place = n->place;
    cunik_node_set(l->tree, map, key, n);
    return map;
}

static void add_host(const struct lengthening *l, struct node *list, const struct place *place,
                     const char *host, const char *address)
{
    size_t length = strlen(address);
    bool bracket = length > 2 && address[0] == '[' && strcspn(address + 1, "[]") == length - 2 &&
                   address[length - 1] == ']';
    _cleanup_free_ char *text = cunik_asprintf(
        "%s=%.*s", host, (int)(bracket ? length - 2 : length), bracket ? address + 1 : address);

    cunik_node_append(l->tree, list, cunik_node_string(l->tree, place, text));
}

static struct node *hosts(const struct lengthening *l, struct node *n,
                          const struct field_path *path)
{
    struct node *list = cunik_node_list(l->tree, &n->place);

    for (size_t i = 0; i < n->n; i++) {
        struct node *item = n->items[i];
        if (n->kind == NODE_MAP && item->kind == NODE_LIST) {
            for (size_t k = 0; k < item->n; k++)
                add_host(l, list, &item->place, item->key,
                         cunik_node_as_text(l->tree, item->items[k]));
        } else if (n->kind == NODE_MAP) {
            add_host(l, list, &item->place, item->key, item->text);
        } else {
            _cleanup_free_ char *host = cunik_strdup(item->text);
            char *separator = strchr(host, '=');
            if (!separator)
                separator = strchr(host, ':');
            if (!separator && is_template(l, item->text)) {
                cunik_node_append(l->tree, list, item);
                continue;
            }
            if (!separator || separator == host) {
                _cleanup_error_ struct error *err = NULL;
                cunik_error_set(&err, ERROR_INVALID, "invalid additional host, %s: %s",
                                separator ? "bad host name" : "missing IP", item->text);
                mistake(l, item, path, &err);
                continue;
            }
            *separator++ = '\0';
            _cleanup_strv_ struct strv addresses = {0};
            cunik_strv_split(&addresses, separator, ",");
            for (size_t k = 0; k < addresses.n; k++)
                add_host(l, list, &item->place, host, addresses.items[k]);
        }
    }
    return list;
}

static struct node *words(const struct lengthening *l, struct node *n,
                          const struct field_path *path)
{
    _cleanup_strv_ struct strv list = {0};
    _cleanup_error_ struct error *err = NULL;
    const char *rest = NULL;

    if (n->kind != NODE_STRING || is_template(l, n->text))
        return n;
    struct node *result = cunik_node_list(l->tree, &n->place);
    result->tag = n->tag;
    if (cunik_short_words(n->text, &list, &rest, &err) < 0) {
        mistake(l, n, path, &err);
        return result;
    }
    if (rest) {
        _cleanup_free_ char *where = cunik_field_path_text(path);
        cunik_diagnostics_warn(l->d, &n->place, where,
                               "ends before '%c': no shell reads it; put quotes around that part "
                               "or write a list",
                               *rest);
    }
    for (size_t i = 0; i < list.n; i++)
        cunik_node_append(l->tree, result, cunik_node_string(l->tree, &n->place, list.items[i]));
    return result;
}

static struct node *test(const struct lengthening *l, struct node *n)
{
    if (n->kind != NODE_STRING)
        return n;
    struct node *list = cunik_node_list(l->tree, &n->place);
    list->tag = n->tag;
    cunik_node_append(l->tree, list, cunik_node_string(l->tree, &n->place, "CMD-SHELL"));
    cunik_node_append(l->tree, list, n);
    n->tag = NODE_PLAIN;
    return list;
}

static struct node *names(const struct lengthening *l, const struct field *field, struct node *n)
{
    if (n->kind == NODE_MAP)
        return n;
    struct node *map = cunik_node_map(l->tree, &n->place);
    map->tag = n->tag;
    for (size_t i = 0; i < n->n; i++) {
        const struct place *place = &n->items[i]->place;
        struct node *value;
        if (field->type == FIELD_DEPENDS) {
            value = cunik_node_map(l->tree, place);
            cunik_node_set(l->tree, value, "condition",
                           cunik_node_string(l->tree, place, "service_started"));
            cunik_node_set(l->tree, value, "required", cunik_node_bool(l->tree, place, true));
        } else {
            value = cunik_node_null(l->tree, place);
        }
        value->key_place = *place;
        cunik_node_set(l->tree, map, n->items[i]->text, value);
    }
    return map;
}

/* Lists of strings and mappings: each item through its own short form. */
static struct node *items(const struct lengthening *l, const struct field *field, struct node *n,
                          const struct field_path *path)
{
    struct node *list = cunik_node_list(l->tree, &n->place);

    list->tag = n->tag;
    for (size_t i = 0; i < n->n; i++) {
        _cleanup_error_ struct error *err = NULL;
        struct field_path inner = {.parent = path, .index = i};
        struct node *item = n->items[i], *map = item;
        if (item->kind == NODE_MAP) {
            lengthen_object(l, field->sub, item, &inner);
            cunik_node_append(l->tree, list, item);
            continue;
        }
        const char *text = cunik_node_as_text(l->tree, item);
        int r = 0;
        if (cunik_tree_is_full(l->tree)) {
            cunik_error_set(&err, ERROR_INVALID, "the lists of this stack grow too large");
            mistake(l, item, &inner, &err);
            break;
        }
        if (field->type == FIELD_PORTS)
            r = cunik_short_port(l->tree, &item->place, text, list, &err);
        else if (field->type == FIELD_VOLUMES)
            r = cunik_short_volume(l->tree, &item->place, text, &map, &err);
        else if (field->type == FIELD_DEVICES)
            r = cunik_short_device(l->tree, &item->place, text, &map, &err);
        else
            lengthen_object(l, field->sub, map = wrap(l, item, field->short_key), &inner);
        if (r < 0 && is_template(l, text))
            cunik_node_append(l->tree, list, item);
        else if (r < 0)
            mistake(l, item, &inner, &err);
        else if (field->type != FIELD_PORTS)
            cunik_node_append(l->tree, list, map);
    }
    return list;
}

/* A mapping to lists of strings, where one scalar is a list of one. */
static struct node *options(const struct lengthening *l, struct node *n)
{
    for (size_t i = 0; i < n->n; i++) {
        struct node *item = n->items[i];
        if (item->kind == NODE_LIST)
            strings(l, item);
        if (item->kind == NODE_LIST || item->kind == NODE_NULL)
            continue;
        const char *key = item->key;
        const struct place key_place = item->key_place;
        n->items[i] = list_of(l, as_string(l, item));
        n->items[i]->key = key;
        n->items[i]->key_place = key_place;
    }
    return n;
}

static struct node *gpus(const struct lengthening *l, const struct field *field, struct node *n,
                         const struct field_path *path)
{
    return items(l, field, n->kind == NODE_STRING ? list_of(l, wrap(l, n, "count")) : n, path);
}

static struct node *short_value(const struct lengthening *l, const struct field *field,
                                struct node *n, const struct field_path *path)
{
    switch (field->type) {
    case FIELD_STRING_INT:
    case FIELD_DEVICE_COUNT:
    case FIELD_STRING_BOOL:
        return as_string(l, n);
    case FIELD_STRING_LIST:
        return n->kind == NODE_STRING ? list_of(l, n) : n;
    case FIELD_SCALARS:
    case FIELD_MAPPING:
    case FIELD_TEXTS:
        strings(l, n);
        return n;
    case FIELD_OPTIONS:
        return options(l, n);
    case FIELD_PAIRS:
        return pairs(l, n, path);
    case FIELD_HOSTS:
        return hosts(l, n, path);
    case FIELD_COMMAND:
        return words(l, n, path);
    case FIELD_TEST:
        return test(l, n);
    case FIELD_NAMES:
    case FIELD_DEPENDS:
        return names(l, field, n);
    case FIELD_SHORT:
        return n->kind == NODE_STRING ? wrap(l, n, field->short_key) : n;
    case FIELD_SHORT_LISTS:
        return items(l, field, n->kind == NODE_STRING ? list_of(l, n) : n, path);
    case FIELD_SHORT_LIST:
    case FIELD_LIST:
    case FIELD_PORTS:
    case FIELD_VOLUMES:
    case FIELD_DEVICES:
        return items(l, field, n, path);
    case FIELD_GPUS:
        return gpus(l, field, n, path);
    default:
        return n;
    }
}

static struct node *lengthen(const struct lengthening *l, const struct field *field, struct node *n,
                             const struct field_path *path)
{
    const struct field_shape *shape = cunik_field_shape(field->type);

    if (n->tag == NODE_RESET)
        return n;
    enum node_tag tag = n->tag;
    n = short_value(l, field, n, path);
    n->tag = tag;
    if (n->kind != NODE_MAP || !field->sub || field->type == FIELD_EXTERNAL)
        return n;
    if (shape->keys == KEYS_FIELDS) {
        lengthen_object(l, field->sub, n, path);
        return n;
    }
    for (size_t i = 0; i < n->n; i++) {
        struct field_path inner = {.parent = path, .key = n->items[i]->key};
        if (n->items[i]->kind == NODE_MAP && n->items[i]->tag != NODE_RESET)
            lengthen_object(l, field->sub, n->items[i], &inner);
    }
    return n;
}

/* `external: {name: X}`, the old way of `external: true` and `name: X`. */
static void lengthen_external(const struct lengthening *l, struct node *map,
                              const struct field_path *path)
{
    struct node *external = cunik_node_get(map, "external");

    if (!external || external->kind != NODE_MAP)
        return;
    _cleanup_free_ char *where = cunik_field_path_text(path);
    struct node *name = cunik_node_get(external, "name"), *own = cunik_node_get(map, "name");
    struct node *yes = cunik_node_bool(l->tree, &external->place, true);
    yes->key_place = external->key_place;
    cunik_node_set(l->tree, map, "external", yes);
    if (!name)
        return;
    cunik_diagnostics_warn(l->d, &external->key_place, where,
                           "external.name is deprecated. Please set name and external: true");
    if (!own)
        cunik_node_set(l->tree, map, "name", name);
    else if (own->kind == NODE_STRING && strcmp(own->text, name->text) != 0)
        cunik_diagnostics_error(l->d, &name->place, where,
                                "name and external.name conflict; only use name");
}

static void rename_unikernel(const struct lengthening *l, struct node *map,
                             const struct field_path *path)
{
    struct node *n = cunik_node_get(map, "x-unikernel");

    if (!n)
        return;
    if (cunik_node_get(map, "unikernel")) {
        _cleanup_free_ char *where = cunik_field_path_text(path);
        cunik_diagnostics_error(l->d, &n->key_place, where,
                                "'unikernel' and 'x-unikernel' are the same: give one of them");
    }
    cunik_node_remove(map, "x-unikernel");
    cunik_node_set(l->tree, map, "unikernel", n);
}

static void lengthen_object(const struct lengthening *l, const struct fields *table,
                            struct node *map, const struct field_path *path)
{
    for (size_t i = 0; i < map->n; i++) {
        struct node *n = map->items[i];
        const struct field *field = cunik_field_find(table, n->key);
        struct field_path inner = {.parent = path, .key = n->key};
        const struct place key_place = n->key_place;
        if (!field)
            continue;
        /* A value that was wrapped has another key by now. */
        struct node *value = lengthen(l, field, n, &inner);
        if (value == n)
            continue;
        value->key_place = key_place;
        value->key = inner.key;
        map->items[i] = value;
    }
    if (table == &cunik_fields_service)
        rename_unikernel(l, map, path);
    else
        lengthen_external(l, map, path);
}

void cunik_long_form(struct tree *t, struct node *root, struct diagnostics *d)
{
    lengthen_object(&(struct lengthening){t, d}, &cunik_fields, root, NULL);
}
