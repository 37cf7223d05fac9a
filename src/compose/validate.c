#include "compose/validate.h"

#include <ctype.h>
#include <string.h>

#include "base/map.h"
#include "base/memory.h"
#include "base/strv.h"
#include "base/text.h"
#include "compose/fields.h"
#include "compose/interpolate.h"
#include "compose/secrecy.h"

struct validation {
    struct tree *tree;
    struct diagnostics *d;
};

static const unsigned shape_of[] = {
    [NODE_NULL] = SHAPE_NULL,   [NODE_BOOL] = SHAPE_BOOL,     [NODE_INT] = SHAPE_INT,
    [NODE_FLOAT] = SHAPE_FLOAT, [NODE_STRING] = SHAPE_STRING, [NODE_LIST] = SHAPE_LIST,
    [NODE_MAP] = SHAPE_MAP,
};
_Static_assert(ARRAY_SIZE(shape_of) == NODE_KIND_MAX_, "every kind of node has a shape");

static void mistake(const struct validation *v, const struct place *place,
                    const struct field_path *path, const char *format, ...) _printf_(4, 5);

static void mistake(const struct validation *v, const struct place *place,
                    const struct field_path *path, const char *format, ...)
{
    _cleanup_free_ char *where = cunik_field_path_text(path), *message = NULL;
    va_list args;

    va_start(args, format);
    message = cunik_vasprintf(format, args);
    va_end(args);
    cunik_diagnostics_error(v->d, place, where, "%s", message);
}

/* How a value is named in a message: in quotes, unless it is a secret, and with where it came from;
 * the caller frees it. */
static char *shown(const struct node *n, const struct field_path *path)
{
    _cleanup_free_ char *where = cunik_field_path_text(path), *origin = cunik_node_origin(n);
    _cleanup_free_ char *brief = cunik_text_brief(n->text);

    return cunik_is_secret_value(where, n->template) ? cunik_asprintf("its value%s", origin)
                                                     : cunik_asprintf("'%s'%s", brief, origin);
}

static bool wrong_type(const struct validation *v, const struct node *n, const char *expected,
                       unsigned allowed, const struct field_path *path)
{
    bool scalar = n->kind == NODE_BOOL || n->kind == NODE_INT || n->kind == NODE_FLOAT;
    /* Where a whole number is meant, quotes do not make one. */
    bool quotes = scalar && allowed & SHAPE_STRING && !(allowed & SHAPE_INT);

    mistake(v, &n->place, path, "must be %s, not %s%s%s", expected,
            n->kind == NODE_NULL  ? "empty"
            : n->kind == NODE_INT ? "an "
                                  : "a ",
            n->kind == NODE_NULL ? "" : cunik_node_kind_name(n->kind),
            quotes ? "; put it in quotes" : "");
    return false;
}

/* Nobody can tell what it becomes. */
static bool is_template(const struct validation *v, const struct node *n)
{
    return v->d->templates && n->kind == NODE_STRING && strchr(n->text, '$');
}

static bool cast_size(const struct validation *v, struct node *n, const struct field_path *path)
{
    int64_t size = n->kind == NODE_INT ? n->integer : (int64_t)n->number;

    if (n->kind == NODE_STRING && strcmp(n->text, "-1") == 0)
        size = -1; /* "unlimited" of some keys */
    else if (n->kind == NODE_STRING && cunik_text_to_bytes(n->text, &size) < 0) {
        _cleanup_free_ char *value = shown(n, path);
        mistake(v, &n->place, path, "failed to cast to expected type: invalid size: %s", value);
        return false;
    }
    struct node *number = cunik_node_int(v->tree, &n->place, size);
    n->kind = NODE_INT;
    n->text = number->text;
    n->integer = size;
    n->number = number->number;
    return true;
}

static bool cast_duration(const struct validation *v, const struct node *n,
                          const struct field_path *path)
{
    int64_t ns;

    if (cunik_text_to_duration(n->text, &ns) == 0)
        return true;
    _cleanup_free_ char *value = shown(n, path);
    mistake(v, &n->place, path, "invalid duration %s: write it as 30s or 1m30s", value);
    return false;
}

static bool cast_plain(const struct validation *v, struct node *n, enum cast to,
                       const struct field_path *path)
{
    _cleanup_error_ struct error *err = NULL;
    _cleanup_free_ char *warning = NULL;

    if (cunik_cast(n, to, &warning, &err) < 0) {
        _cleanup_free_ char *origin = cunik_node_origin(n), *where = cunik_field_path_text(path);
        /* Its last word is the value. */
        int length = (int)(cunik_is_secret_value(where, n->template) ? strcspn(err->message, ":")
                                                                     : strlen(err->message));
        mistake(v, &n->place, path, "failed to cast to expected type: %.*s%s", length, err->message,
                origin);
        return false;
    }
    if (warning) {
        _cleanup_free_ char *where = cunik_field_path_text(path);
        cunik_diagnostics_warn(v->d, &n->place, where, "%s", warning);
    }
    return true;
}

static bool cast_value(const struct validation *v, enum field_cast to, struct node *n,
                       const struct field_path *path)
{
    if (is_template(v, n))
        return true;
    switch (to) {
    case AS_BOOL:
        return cast_plain(v, n, CAST_BOOL, path);
    case AS_INT:
        return cast_plain(v, n, CAST_INT, path);
    case AS_FLOAT:
        return cast_plain(v, n, CAST_FLOAT, path);
    case AS_BYTES:
        return cast_size(v, n, path);
    case AS_DURATION:
        return cast_duration(v, n, path);
    default:
        return true;
    }
}

static bool is_choice(const struct strv *choices, const char *text)
{
    for (size_t i = 0; i < choices->n; i++) {
        const char *choice = choices->items[i], *star = strchr(choice, '*');
        if (star ? strncmp(text, choice, (size_t)(star - choice)) == 0 : strcmp(text, choice) == 0)
            return true;
    }
    return false;
}

static bool check_choice(const struct validation *v, const char *choices, const struct node *n,
                         const struct field_path *path)
{
    _cleanup_strv_ struct strv names = {0};

    cunik_strv_split(&names, choices, "|");
    if (is_choice(&names, n->text))
        return true;
    const char *nearest = cunik_text_nearest(n->text, (const char *const *)names.items, names.n);
    _cleanup_free_ char *list = cunik_strv_join(&names, ", ");
    _cleanup_free_ char *value = shown(n, path);
    mistake(v, &n->place, path, "%s is none of %s%s%s%s", value, list,
            nearest ? "; did you mean '" : "", nearest ? nearest : "", nearest ? "'?" : "");
    return false;
}

static bool check_range(const struct validation *v, const struct field_range *range,
                        const struct node *n, const struct field_path *path)
{
    bool low = n->number < (double)range->min;

    if (!low && n->number <= (double)range->max)
        return true;
    mistake(v, &n->place, path, "must be %s than or equal to %lld", low ? "greater" : "less",
            (long long)(low ? range->min : range->max));
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
        _cleanup_free_ char *value = shown(item, &inner);
        mistake(v, &item->place, &inner, "%s stands in the list already", value);
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
    mistake(v, place, path, "invalid name '%s': only letters, digits, '.', '_' and '-' are allowed",
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
        if (shape->keys == KEYS_NAMES && !is_template(v, item) &&
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
        return cast_value(v, AS_INT, n, path);
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
        if (!cast_value(v, shape->cast, n, path))
            return false;
    if (field->range && (n->kind == NODE_INT || n->kind == NODE_FLOAT))
        return check_range(v, field->range, n, path);
    if (n->kind == NODE_STRING && field->choices && !is_template(v, n))
        return check_choice(v, field->choices, n, path);
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

    mistake(v, &n->key_place, path, "unknown key%s%s%s", nearest ? "; did you mean '" : "",
            nearest ? nearest : "", nearest ? "'?" : "");
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
            mistake(v, &map->place, path, "missing property '%s'", name);
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
