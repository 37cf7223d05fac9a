#include "compose/canonical.h"

#include <string.h>

#include "base/map.h"
#include "base/memory.h"
#include "base/text.h"
#include "compose/emit.h"
#include "compose/fields.h"

struct canonical {
    const struct loaded *l;
    struct tree *tree;
    struct map enabled, disabled; /* service names */
};

static struct node *copy_value(const struct canonical *c, const struct field *field,
                               const struct node *n);

/* A dollar is doubled, so that loading the text again does not interpolate it. */
static struct node *copy_string(const struct canonical *c, const struct node *n)
{
    _cleanup_buffer_ struct buffer b = {0};

    if (c->l->templates || !strchr(n->text, '$'))
        return cunik_node_string(c->tree, &n->place, n->text);
    for (const char *s = n->text; *s; s++) {
        if (*s == '$')
            cunik_buffer_char(&b, '$');
        cunik_buffer_char(&b, *s);
    }
    return cunik_node_string(c->tree, &n->place, cunik_buffer_text(&b));
}

static struct node *copy_scalar(const struct canonical *c, const struct field *field,
                                const struct node *n)
{
    int64_t ns;

    if (field && n->kind == NODE_INT && cunik_field_shape(field->type)->cast == AS_BYTES)
        return cunik_node_string(c->tree, &n->place, n->text);
    if (field && field->type == FIELD_DURATION && n->kind == NODE_STRING &&
        cunik_text_to_duration(n->text, &ns) == 0) {
        _cleanup_free_ char *text = cunik_text_from_duration(ns);
        return cunik_node_string(c->tree, &n->place, text);
    }
    return n->kind == NODE_STRING ? copy_string(c, n) : cunik_node_copy(c->tree, n);
}

/* Where a key stands: those of the table's order first. */
static size_t rank_of(const struct strv *order, const char *key)
{
    for (size_t i = 0; i < order->n; i++)
        if (strcmp(order->items[i], key) == 0)
            return i;
    return order->n;
}

struct ranked {
    size_t rank;
    const struct node *node;
};

static int compare(const void *a, const void *b)
{
    const struct ranked *x = a, *y = b;

    if (x->rank != y->rank)
        return x->rank < y->rank ? -1 : 1;
    return strcmp(x->node->key, y->node->key);
}

/* The members in order; the caller frees the array. */
static struct ranked *sorted(const struct node *map, const char *order)
{
    _cleanup_strv_ struct strv names = {0};
    struct ranked *all = cunik_calloc(map->n, sizeof(*all));

    if (order)
        cunik_strv_split(&names, order, "|");
    for (size_t i = 0; i < map->n; i++)
        all[i] = (struct ranked){rank_of(&names, map->items[i]->key), map->items[i]};
    if (map->n)
        qsort(all, map->n, sizeof(*all), compare);
    return all;
}

/* Nothing said: an empty list or mapping, or null, of a key that has a type. */
static bool is_empty(const struct field *field, const struct node *n)
{
    bool container = n->kind == NODE_LIST || n->kind == NODE_MAP;

    if (n->kind == NODE_NULL)
        return true;
    return container && !n->n && field->type != FIELD_COMMAND && field->type != FIELD_TEST;
}

static struct node *copy_object(const struct canonical *c, const struct fields *table,
                                const struct node *map)
{
    struct node *copy = cunik_node_map(c->tree, &map->place);
    _cleanup_free_ struct ranked *members = sorted(map, table->order);

    for (size_t i = 0; i < map->n; i++) {
        const struct node *n = members[i].node;
        const struct field *field = cunik_field_find(table, n->key);
        /* They have become part of `environment` and `labels`. */
        if (table == &cunik_fields_service &&
            (strcmp(n->key, "env_file") == 0 || strcmp(n->key, "label_file") == 0))
            continue;
        /* What is left of it may be nothing. */
        struct node *value = copy_value(c, field, n);
        if (!field || field->required || !is_empty(field, value))
            cunik_node_set(c->tree, copy, n->key, value);
    }
    return copy;
}

/* Members with names of the user's choice: those of `keep`, or all but those of `drop`. */
static struct node *copy_members(const struct canonical *c, const struct fields *table,
                                 const struct node *map, const struct map *keep,
                                 const struct map *drop)
{
    struct node *copy = cunik_node_map(c->tree, &map->place);
    _cleanup_free_ struct ranked *members = sorted(map, NULL);

    for (size_t i = 0; i < map->n; i++) {
        const struct node *n = members[i].node;
        if ((keep && !cunik_map_has(keep, n->key)) || (drop && cunik_map_has(drop, n->key)))
            continue;
        cunik_node_set(c->tree, copy, n->key,
                       table && n->kind == NODE_MAP ? copy_object(c, table, n)
                                                    : copy_value(c, NULL, n));
    }
    return copy;
}

static struct node *copy_value(const struct canonical *c, const struct field *field,
                               const struct node *n)
{
    const struct fields *sub = field ? field->sub : NULL;

    if (n->kind == NODE_LIST) {
        struct node *list = cunik_node_list(c->tree, &n->place);
        for (size_t i = 0; i < n->n; i++)
            cunik_node_append(c->tree, list,
                              sub && n->items[i]->kind == NODE_MAP
                                  ? copy_object(c, sub, n->items[i])
                                  : copy_value(c, NULL, n->items[i]));
        return list;
    }
    if (n->kind != NODE_MAP)
        return copy_scalar(c, field, n);
    if (sub && cunik_field_shape(field->type)->keys == KEYS_FIELDS)
        return copy_object(c, sub, n);
    /* An optional dependency on a disabled service is left out with it. */
    return copy_members(c, sub, n, NULL,
                        field && field->type == FIELD_DEPENDS ? &c->disabled : NULL);
}

/* Adds the names that a service's list or mapping `key` refers to. */
static void add_references(const struct node *service, const char *key, struct map *used)
{
    const struct node *n = cunik_node_get(service, key);

    for (size_t i = 0; n && i < n->n; i++) {
        const struct node *source = cunik_node_get(n->items[i], "source");
        if (n->kind == NODE_MAP)
            cunik_map_add(used, n->items[i]->key, NULL);
        else if (source && source->kind == NODE_STRING)
            cunik_map_add(used, source->text, NULL);
    }
}

static struct node *copy_section(const struct canonical *c, const struct field *field,
                                 const struct node *n)
{
    const struct node *services = cunik_node_get(c->l->root, "services");
    _cleanup_map_ struct map used = {0};

    if (strcmp(n->key, "services") == 0)
        return copy_members(c, field->sub, n, &c->enabled, NULL);
    for (size_t i = 0; i < c->enabled.n; i++) {
        const struct node *service = cunik_node_get(services, c->enabled.entries[i].key);
        add_references(service, n->key, &used);
        if (strcmp(n->key, "secrets") == 0)
            add_references(cunik_node_get(service, "build"), n->key, &used);
    }
    return copy_members(c, field->sub, n, &used, NULL);
}

struct node *cunik_canonical(const struct loaded *l)
{
    struct canonical c = {.l = l, .tree = l->tree};
    struct node *copy = cunik_node_map(l->tree, &l->root->place);
    const struct node *services = cunik_node_get(l->root, "services");
    _cleanup_free_ struct ranked *members = sorted(l->root, cunik_fields.order);

    for (size_t i = 0; i < l->enabled.n; i++)
        cunik_map_add(&c.enabled, l->enabled.items[i], NULL);
    for (size_t i = 0; services && i < services->n; i++)
        if (!cunik_map_has(&c.enabled, services->items[i]->key))
            cunik_map_add(&c.disabled, services->items[i]->key, NULL);
    for (size_t i = 0; i < l->root->n; i++) {
        const struct node *n = members[i].node;
        const struct field *field = cunik_field_find(&cunik_fields, n->key);
        bool section = field && field->type == FIELD_MAP && n->kind == NODE_MAP;
        struct node *value = section ? copy_section(&c, field, n) : copy_value(&c, field, n);
        if (!section || value->n || strcmp(n->key, "services") == 0)
            cunik_node_set(l->tree, copy, n->key, value);
    }
    cunik_map_done(&c.enabled);
    cunik_map_done(&c.disabled);
    return copy;
}

char *cunik_canonical_yaml(const struct loaded *l)
{
    return cunik_emit_yaml(cunik_canonical(l));
}

char *cunik_canonical_json(const struct loaded *l)
{
    return cunik_emit_json(cunik_canonical(l));
}

void cunik_canonical_services(const struct loaded *l, struct strv *ret)
{
    cunik_strv_copy(ret, &l->enabled);
    cunik_strv_sort(ret);
}

void cunik_canonical_images(const struct loaded *l, struct strv *ret)
{
    const struct node *services = cunik_node_get(l->root, "services");

    for (size_t i = 0; i < l->enabled.n; i++) {
        const struct node *service = cunik_node_get(services, l->enabled.items[i]);
        const struct node *image = cunik_node_get(service, "image");
        if (image && !cunik_strv_has(ret, image->text))
            cunik_strv_add(ret, image->text);
    }
    cunik_strv_sort(ret);
}

static void add_names(const struct loaded *l, const char *section, struct strv *ret)
{
    const struct node *n = cunik_node_get(cunik_canonical(l), section);

    for (size_t i = 0; n && i < n->n; i++)
        cunik_strv_add(ret, n->items[i]->key);
}

void cunik_canonical_networks(const struct loaded *l, struct strv *ret)
{
    add_names(l, "networks", ret);
}

void cunik_canonical_volumes(const struct loaded *l, struct strv *ret)
{
    add_names(l, "volumes", ret);
}

/* Of all services, the disabled ones too: these are what can be chosen. */
void cunik_canonical_profiles(const struct loaded *l, struct strv *ret)
{
    const struct node *services = cunik_node_get(l->root, "services");

    for (size_t i = 0; services && i < services->n; i++) {
        const struct node *profiles = cunik_node_get(services->items[i], "profiles");
        for (size_t k = 0; profiles && k < profiles->n; k++)
            if (!cunik_strv_has(ret, profiles->items[k]->text))
                cunik_strv_add(ret, profiles->items[k]->text);
    }
    cunik_strv_sort(ret);
}
