/* Where what may stand; see validate_value.c for what a single value may be. */
#include <ctype.h>
#include <string.h>

#include "base/map.h"
#include "base/memory.h"
#include "base/strv.h"
#include "base/text.h"
#include "compose/validate_parts.h"

static const unsigned shape_of[] = {
    [NODE_NULL] = SHAPE_NULL,   [NODE_BOOL] = SHAPE_BOOL,     [NODE_INT] = SHAPE_INT,
    [NODE_FLOAT] = SHAPE_FLOAT, [NODE_STRING] = SHAPE_STRING, [NODE_LIST] = SHAPE_LIST,
    [NODE_MAP] = SHAPE_MAP,
};
_Static_assert(ARRAY_SIZE(shape_of) == NODE_KIND_MAX_, "every kind of node has a shape");

static bool wrong_type(const struct validation *v, const struct node *n, const char *expected,
                       unsigned allowed, const struct field_path *path)
{
    bool scalar = n->kind == NODE_BOOL || n->kind == NODE_INT || n->kind == NODE_FLOAT;
    /* Where a whole number is meant, quotes do not make one. */
    bool quotes = scalar && allowed & SHAPE_STRING && !(allowed & SHAPE_INT);

    cunik_validate_mistake(v, &n->place, path, "must be %s, not %s%s%s", expected,
                           n->kind == NODE_NULL  ? "empty"
                           : n->kind == NODE_INT ? "an "
                                                 : "a ",
                           n->kind == NODE_NULL ? "" : cunik_node_kind_name(n->kind),
                           quotes ? "; put it in quotes" : "");
    return false;
}

/* Takes items that stand in the list already out of it. What merging makes one of is let through.
 */
static void check_distinct(const struct validation *v, const struct field *field, struct node *list,
                           const struct field_path *path)
{
    _cleanup_map_ struct map seen = {0};
    size_t kept = 0;

    if (!field->distinct || field->unique || list->n < 2)
        return;
    for (size_t i = 0; i < list->n; i++) {
        struct node *item = list->items[i];
        struct field_path inner = {.parent = path, .index = i};
        _cleanup_free_ char *key =
            item->text ? cunik_asprintf("%d %s", (int)item->kind, item->text) : NULL;
        if (!key || cunik_map_add(&seen, key, NULL)) {
            list->items[kept++] = item;
            continue;
        }
        _cleanup_free_ char *value = cunik_validate_shown(item, &inner);
        cunik_validate_mistake(v, &item->place, &inner, "%s stands in the list already", value);
    }
    list->n = kept;
}

static void check_object(const struct validation *v, const struct fields *table, struct node *map,
                         const struct field_path *path);
static bool check_value(const struct validation *v, const struct field *field, struct node *n,
                        const struct field_path *path);

static bool check_name(const struct validation *v, const char *name, const struct place *place,
                       const struct field_path *path)
{
    if (name[0] && !name[strspn(name, "abcdefghijklmnopqrstuvwxyz"
                                      "ABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789._-")])
        return true;
    _cleanup_free_ char *brief = cunik_text_brief(name);
    cunik_validate_mistake(v, place, path,
                           "invalid name '%s': only letters, digits, '.', '_' and '-' are allowed",
                           brief);
    return false;
}

/* "3.0" is a whole number, as JSON schemas have it. */
static void make_whole(const struct validation *v, struct node *n)
{
    const double exact = 1LL << 53;

    if (n->kind != NODE_FLOAT || !(n->number >= -exact && n->number <= exact) ||
        (double)(int64_t)n->number != n->number)
        return;
    const struct node *whole = cunik_node_int(v->tree, &n->place, (int64_t)n->number);
    n->kind = NODE_INT;
    n->text = whole->text;
    n->integer = whole->integer;
}

static bool check_items(const struct validation *v, const struct field *field,
                        const struct field_shape *shape, struct node *list,
                        const struct field_path *path)
{
    unsigned allowed = shape->items;
    size_t kept = 0;

    for (size_t i = 0; i < list->n; i++) {
        struct node *item = list->items[i];
        struct field_path inner = {.parent = path, .index = i};
        if (allowed & SHAPE_INT && !(allowed & SHAPE_FLOAT))
            make_whole(v, item);
        if (!(allowed & shape_of[item->kind])) {
            wrong_type(v, item, allowed & SHAPE_MAP ? "a string or a mapping" : "a string", allowed,
                       &inner);
            continue;
        }
        if (shape->keys == KEYS_NAMES && !cunik_validate_is_template(v, item) &&
            !check_name(v, item->text, &item->place, &inner))
            continue;
        if (item->kind == NODE_MAP && field->sub)
            check_object(v, field->sub, item, &inner);
        list->items[kept++] = item;
    }
    list->n = kept;
    check_distinct(v, field, list, path);
    return true;
}

/* The items of a member that is a list, where keys are free. */
static void check_inner(const struct validation *v, unsigned allowed, struct node *list,
                        const struct field_path *path)
{
    size_t kept = 0;

    for (size_t i = 0; i < list->n; i++) {
        struct field_path inner = {.parent = path, .index = i};
        if (allowed & shape_of[list->items[i]->kind])
            list->items[kept++] = list->items[i];
        else
            wrong_type(v, list->items[i], "a string", allowed, &inner);
    }
    list->n = kept;
}

/* Members with names of the user's choice. */
static bool check_member(const struct validation *v, const struct field *field,
                         const struct field_shape *shape, struct node *n,
                         const struct field_path *path)
{
    if (shape->keys == KEYS_NAMES && !check_name(v, n->key, &n->key_place, path->parent))
        return false;
    if (n->tag == NODE_RESET)
        return true;
    if (field->sub == &cunik_fields_service && n->kind == NODE_NULL)
        n->kind = NODE_MAP; /* a service that is all defaults, or yet to be extended */
    if (!(shape->members & shape_of[n->kind]) && !(field->nullable && n->kind == NODE_NULL)) {
        bool object = shape->members & SHAPE_MAP;
        wrong_type(v, n, object ? "a mapping" : "a string", shape->members, path);
        if (!object)
            return false;
        n->kind = NODE_MAP;
        n->n = 0;
        n->index = NULL;
        return true;
    }
    if (n->kind == NODE_MAP && field->sub)
        check_object(v, field->sub, n, path);
    if (n->kind == NODE_LIST)
        check_inner(v, shape->inner, n, path);
    if (field->type == FIELD_ULIMITS && n->kind == NODE_STRING)
        return cunik_validate_cast(v, AS_INT, n, path);
    return true;
}

/* Drops the members for which `keep` is false; the index, if any, is made anew by one removal. */
static void drop_members(struct node *map, const bool *keep)
{
    for (size_t i = map->n; i-- > 0;)
        if (!keep[i])
            cunik_node_remove(map, map->items[i]->key);
}

static bool check_members(const struct validation *v, const struct field *field,
                          const struct field_shape *shape, struct node *map,
                          const struct field_path *path)
{
    _cleanup_free_ bool *keep = cunik_calloc(map->n, sizeof(*keep));

    for (size_t i = 0; i < map->n; i++) {
        struct field_path inner = {.parent = path, .key = map->items[i]->key};
        keep[i] = check_member(v, field, shape, map->items[i], &inner);
    }
    drop_members(map, keep);
    return true;
}

static bool check_value(const struct validation *v, const struct field *field, struct node *n,
                        const struct field_path *path)
{
    const struct field_shape *shape = cunik_field_shape(field->type);

    if (shape->value & SHAPE_INT && !(shape->value & SHAPE_FLOAT))
        make_whole(v, n);
    if (n->tag == NODE_RESET || (field->nullable && n->kind == NODE_NULL))
        return true;
    if (!(shape->value & shape_of[n->kind]))
        return wrong_type(v, n, shape->expected, shape->value, path);
    if (n->kind == NODE_STRING || (shape->cast == AS_BYTES))
        if (!cunik_validate_cast(v, shape->cast, n, path))
            return false;
    if (field->range && (n->kind == NODE_INT || n->kind == NODE_FLOAT))
        return cunik_validate_range(v, field->range, n, path);
    if (n->kind == NODE_STRING && field->choices && !cunik_validate_is_template(v, n))
        return cunik_validate_choice(v, field->choices, n, path);
    if (n->kind == NODE_LIST)
        return check_items(v, field, shape, n, path);
    if (n->kind == NODE_MAP && shape->keys == KEYS_FIELDS && field->sub)
        check_object(v, field->sub, n, path);
    else if (n->kind == NODE_MAP)
        return check_members(v, field, shape, n, path);
    return true;
}

static bool unknown_key(const struct validation *v, const struct fields *table,
                        const struct node *n, const struct field_path *path)
{
    const char *nearest = cunik_field_nearest(table, n->key);

    cunik_validate_mistake(v, &n->key_place, path, "unknown key%s%s%s",
                           nearest ? "; did you mean '" : "", nearest ? nearest : "",
                           nearest ? "'?" : "");
    return false;
}

static void check_object(const struct validation *v, const struct fields *table, struct node *map,
                         const struct field_path *path)
{
    _cleanup_free_ bool *keep = cunik_calloc(map->n, sizeof(*keep));

    for (size_t i = 0; i < map->n; i++) {
        struct node *n = map->items[i];
        const struct field *field = cunik_field_find(table, n->key);
        struct field_path inner = {.parent = path, .key = n->key};
        if (field)
            keep[i] = check_value(v, field, n, &inner);
        else
            keep[i] = cunik_field_is_extension(table, n->key) || unknown_key(v, table, n, &inner);
    }
    drop_members(map, keep);
}

void cunik_validate(struct tree *t, struct node *root, struct diagnostics *d)
{
    struct validation v = {t, d};

    if (root->kind != NODE_MAP) {
        cunik_diagnostics_error(d, &root->place, NULL, "top-level object must be a mapping, not %s",
                                root->kind == NODE_NULL ? "empty"
                                                        : cunik_node_kind_name(root->kind));
        root->kind = NODE_MAP;
        root->n = 0;
        return;
    }
    check_object(&v, &cunik_fields, root, NULL);
}

/* What was there and wrong is not there any more. */
static bool has_mistake(const struct diagnostics *d, const char *where)
{
    for (size_t i = 0; d->n_errors && i < d->n; i++)
        if (d->items[i].is_error && cunik_text_equal(d->items[i].path, where))
            return true;
    return false;
}

static void report_missing(void *context, const struct fields *table, struct node *map,
                           const struct field_path *path)
{
    const struct validation *v = context;

    for (size_t i = 0; i < table->n; i++) {
        const char *name = table->rows[i].name;
        struct field_path inner = {.parent = path, .key = name};
        if (!table->rows[i].required || cunik_node_get(map, name))
            continue;
        _cleanup_free_ char *where = cunik_field_path_text(&inner);
        if (!has_mistake(v->d, where))
            cunik_validate_mistake(v, &map->place, path, "missing property '%s'", name);
    }
}

/* What one file adds to another's list. */
static bool report_twice(void *context, const struct field *field, struct node *n,
                         const struct field_path *path)
{
    if (n->kind == NODE_LIST && field->merge != MERGE_HOSTS)
        check_distinct(context, field, n, path);
    return true;
}

static bool report_support(void *context, const struct field *field, struct node *n,
                           const struct field_path *path)
{
    const struct validation *v = context;

    if (field->support == SUPPORT_FULL || field->support == SUPPORT_TRANSLATED)
        return true;
    _cleanup_free_ char *where = cunik_field_path_text(path);
    const char *colon = field->reason ? ": " : "", *reason = field->reason ? field->reason : "";
    if (field->support == SUPPORT_IDLE)
        cunik_diagnostics_warn(v->d, &n->key_place, where, "has no effect%s%s", colon, reason);
    else if (v->d->strict)
        cunik_diagnostics_error(v->d, &n->key_place, where, "is not supported%s%s", colon, reason);
    else
        cunik_diagnostics_warn(v->d, &n->key_place, where, "is not supported and has no effect%s%s",
                               colon, reason);
    return false;
}

void cunik_validate_merged(struct node *root, struct diagnostics *d)
{
    struct validation v = {NULL, d};

    cunik_fields_walk(&cunik_fields, root, NULL,
                      &(struct field_visitor){report_missing, report_twice, &v});
    cunik_fields_walk(&cunik_fields, root, NULL,
                      &(struct field_visitor){.value = report_support, .context = &v});
}
