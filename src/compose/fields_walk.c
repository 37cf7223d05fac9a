/* Going through a canonical tree along the table of fields, and what places are called. */
#include "compose/fields.h"

#include "compose/tree.h"

static void append_path(struct buffer *b, const struct field_path *path)
{
    if (!path)
        return;
    append_path(b, path->parent);
    if (path->key)
        cunik_buffer_printf(b, "%s%s", b->size ? "." : "", path->key);
    else
        cunik_buffer_printf(b, "[%zu]", path->index);
}

char *cunik_field_path_text(const struct field_path *path)
{
    struct buffer b = {0};

    append_path(&b, path);
    cunik_buffer_text_append(&b, "");
    return cunik_buffer_take(&b);
}

static void walk_value(const struct field *field, struct node *value, const struct field_path *path,
                       const struct field_visitor *visitor)
{
    const struct field_shape *shape = cunik_field_shape(field->type);

    if (value->kind == NODE_LIST && shape->items & SHAPE_MAP && field->sub)
        for (size_t i = 0; i < value->n; i++) {
            struct field_path item = {.parent = path, .index = i};
            if (value->items[i]->kind == NODE_MAP)
                cunik_fields_walk(field->sub, value->items[i], &item, visitor);
        }
    if (value->kind != NODE_MAP || !field->sub)
        return;
    if (shape->keys == KEYS_FIELDS) {
        cunik_fields_walk(field->sub, value, path, visitor);
        return;
    }
    for (size_t i = 0; i < value->n; i++) {
        struct field_path member = {.parent = path, .key = value->items[i]->key};
        if (value->items[i]->kind == NODE_MAP)
            cunik_fields_walk(field->sub, value->items[i], &member, visitor);
    }
}

void cunik_fields_walk(const struct fields *table, struct node *map, const struct field_path *path,
                       const struct field_visitor *visitor)
{
    if (visitor->object)
        visitor->object(visitor->context, table, map, path);
    for (size_t i = 0; i < map->n; i++) {
        struct node *value = map->items[i];
        const struct field *field = cunik_field_find(table, value->key);
        struct field_path inner = {.parent = path, .key = value->key};
        if (!field)
            continue;
        if (!visitor->value || visitor->value(visitor->context, field, value, &inner))
            walk_value(field, value, &inner, visitor);
    }
}
