/* The table of fields as a JSON schema, for editors.
 *
 * A value's shape becomes `type`, `items` and `additionalProperties`; each table is one definition,
 * called after the first place where it is met. Keys that only the merged stack must have are not
 * required, since a file may be one of several; a string with a dollar passes wherever a choice is
 * expected, since it may become one.
 */
#include <string.h>

#include "base/json.h"
#include "base/memory.h"
#include "compose/fields.h"

/* Tables that have a definition. */
struct schema {
    json_t *definitions;
    struct definition {
        const struct fields *table;
        char *name;
    } * known;
    size_t n;
};

static const struct {
    unsigned shape;
    const char *type;
} types[] = {
    {SHAPE_NULL, "null"},    {SHAPE_STRING, "string"}, {SHAPE_INT, "integer"},
    {SHAPE_FLOAT, "number"}, {SHAPE_BOOL, "boolean"},  {SHAPE_LIST, "array"},
    {SHAPE_MAP, "object"},
};

static void define(struct schema *s, const struct fields *table, const char *name);

static void add_types(json_t *schema, unsigned shapes)
{
    json_t *list = json_array();

    for (size_t i = 0; i < ARRAY_SIZE(types); i++)
        /* A whole number is a number. */
        if (shapes & types[i].shape && !(types[i].shape == SHAPE_INT && shapes & SHAPE_FLOAT))
            cunik_json_append(list, json_string(types[i].type));
    if (json_array_size(list) == 1)
        cunik_json_set(schema, "type", json_incref(json_array_get(list, 0)));
    else
        cunik_json_set(schema, "type", json_incref(list));
    json_decref(list);
}

static const char *name_of(struct schema *s, const struct fields *table, const char *name)
{
    for (size_t i = 0; i < s->n; i++)
        if (s->known[i].table == table)
            return s->known[i].name;
    *ARRAY_APPEND(s->known, s->n) = (struct definition){table, cunik_strdup(name)};
    define(s, table, name);
    return name_of(s, table, name);
}

/* What of a mapping is said by a definition; it says nothing about other types. */
static void refer(struct schema *s, json_t *schema, const struct fields *table, const char *name)
{
    _cleanup_free_ char *path = cunik_asprintf("#/definitions/%s", name_of(s, table, name));
    json_t *all = json_array(), *one = json_object();

    cunik_json_set_string(one, "$ref", path);
    cunik_json_append(all, one);
    cunik_json_set(schema, "allOf", all);
}

static json_t *inner(struct schema *s, const struct field *f, unsigned shapes, const char *name)
{
    json_t *schema = json_object();

    if (f->nullable)
        shapes |= SHAPE_NULL;
    add_types(schema, shapes);
    if (shapes & SHAPE_MAP && f->sub)
        refer(s, schema, f->sub, name);
    return schema;
}

static void add_members(struct schema *s, json_t *schema, const struct field *f,
                        const struct field_shape *shape, const char *name)
{
    /* A service that is all defaults is empty. */
    unsigned members = shape->members | (f->sub == &cunik_fields_service ? SHAPE_NULL : 0);

    if (shape->keys == KEYS_NAMES) {
        json_t *patterns = json_object();
        cunik_json_set(patterns, "^[a-zA-Z0-9._-]+$", inner(s, f, members, name));
        cunik_json_set(schema, "patternProperties", patterns);
        cunik_json_set_bool(schema, "additionalProperties", false);
    } else {
        json_t *member = inner(s, f, members, name);
        if (shape->inner) {
            json_t *items = json_object();
            add_types(items, shape->inner);
            cunik_json_set(member, "items", items);
        }
        cunik_json_set(schema, "additionalProperties", member);
    }
}

static void add_choices(json_t *schema, const char *choices)
{
    _cleanup_strv_ struct strv names = {0};
    json_t *list = json_array(), *either = json_array(), *known = json_object(),
           *template = json_object(), *other = json_object(), *not_a_string = json_object();

    cunik_strv_split(&names, choices, "|");
    for (size_t i = 0; i < names.n; i++) {
        char *star = strchr(names.items[i], '*');
        if (!star) {
            cunik_json_append(list, json_string(names.items[i]));
            continue;
        }
        json_t *open = json_object();
        _cleanup_free_ char *pattern =
            cunik_asprintf("^%.*s", (int)(star - names.items[i]), names.items[i]);
        cunik_json_set_string(open, "type", "string");
        cunik_json_set_string(open, "pattern", pattern);
        cunik_json_append(either, open);
    }
    cunik_json_set(known, "enum", list);
    cunik_json_set_string(template, "type", "string");
    cunik_json_set_string(template, "pattern", "\\$");
    cunik_json_set_string(not_a_string, "type", "string");
    cunik_json_set(other, "not", not_a_string);
    cunik_json_append(either, known);
    cunik_json_append(either, template);
    cunik_json_append(either, other);
    cunik_json_set(schema, "anyOf", either);
}

static json_t *value(struct schema *s, const struct field *f, const char *name)
{
    const struct field_shape *shape = cunik_field_shape(f->type);
    json_t *schema = json_object();
    _cleanup_free_ char *help = f->reason ? cunik_asprintf("%s (no effect: %s)", f->help, f->reason)
                                          : cunik_strdup(f->help);

    cunik_json_set_string(schema, "description", help);
    add_types(schema, shape->value | (f->nullable ? SHAPE_NULL : 0));
    if (f->choices)
        add_choices(schema, f->choices);
    if (shape->value & SHAPE_LIST)
        cunik_json_set(schema, "items", inner(s, f, shape->items, name));
    if (shape->value & SHAPE_MAP && shape->keys == KEYS_FIELDS && f->sub)
        refer(s, schema, f->sub, name);
    else if (shape->value & SHAPE_MAP && shape->keys)
        add_members(s, schema, f, shape, name);
    if (f->distinct)
        cunik_json_set_bool(schema, "uniqueItems", true);
    if (f->range)
        cunik_json_set_int(schema, "minimum", f->range->min);
    if (f->range && f->range->max != INT64_MAX)
        cunik_json_set_int(schema, "maximum", f->range->max);
    return schema;
}

static void define(struct schema *s, const struct fields *table, const char *name)
{
    json_t *definition = json_object(), *properties = json_object();

    for (size_t i = 0; i < table->n; i++) {
        const struct field *f = &table->rows[i];
        _cleanup_free_ char *within = cunik_asprintf("%s.%s", name, f->name);
        cunik_json_set(properties, f->name, value(s, f, within));
        if (table == &cunik_fields_service && strcmp(f->name, "unikernel") == 0)
            cunik_json_set(properties, "x-unikernel", value(s, f, within));
    }
    cunik_json_set(definition, "properties", properties);
    if (table->extensions) {
        json_t *patterns = json_object();
        cunik_json_set(patterns, "^x-", json_object());
        cunik_json_set(definition, "patternProperties", patterns);
    }
    cunik_json_set_bool(definition, "additionalProperties", false);
    cunik_json_set(s->definitions, name, definition);
}

char *cunik_fields_schema(void)
{
    _cleanup_json_ json_t *root = json_object(), *definitions = json_object();
    struct schema s = {.definitions = definitions};

    cunik_json_set_string(root, "$schema", "http://json-schema.org/draft-07/schema#");
    cunik_json_set_string(root, "title", "Stack of unikernels (cunik-stack(5))");
    cunik_json_set_string(root, "type", "object");
    /* The root stands by itself: editors show its keys before all others. */
    json_t *properties = json_object(), *patterns = json_object();
    for (size_t i = 0; i < cunik_fields.n; i++)
        cunik_json_set(properties, cunik_fields.rows[i].name,
                       value(&s, &cunik_fields.rows[i], cunik_fields.rows[i].name));
    cunik_json_set(patterns, "^x-", json_object());
    cunik_json_set(root, "properties", properties);
    cunik_json_set(root, "patternProperties", patterns);
    cunik_json_set_bool(root, "additionalProperties", false);
    cunik_json_set(root, "definitions", json_incref(definitions));
    for (size_t i = 0; i < s.n; i++)
        free(s.known[i].name);
    free(s.known);
    _cleanup_free_ char *text = cunik_json_text(root, JSON_INDENT(2));
    return cunik_asprintf("%s\n", text);
}
