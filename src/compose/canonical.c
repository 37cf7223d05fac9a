#include "compose/canonical.h"

#include <string.h>

#include "base/map.h"
#include "base/memory.h"
#include "base/text.h"
#include "compose/emit.h"
#include "compose/fields.h"
#include "compose/notation.h"

struct canonical {
    const struct loaded *l;
    struct tree *tree;
    struct map enabled, disabled;   /* service names */
    struct notation_orders *orders; /* NULL = by name */
};

static struct node *copy_value(const struct canonical *c, const struct field *field,
                               const struct node *n);

/* What was not interpolated stays as it was written. */
static bool is_omitted(const struct canonical *c, const struct field *field, const struct node *n)
{
    return c->l->templates ? field && n->kind == NODE_NULL : cunik_notation_omits(field, n);
}

static struct node *copy_object(const struct canonical *c, const struct fields *table,
                                const struct node *map)
{
    struct node *copy = cunik_node_map(c->tree, &map->place);
    _cleanup_free_ struct member *members = cunik_notation_members(c->orders, table, map);

    for (size_t i = 0; i < map->n; i++) {
        const struct node *n = members[i].node;
        /* They have become part of `environment` and `labels`. */
        if (table == &cunik_fields_service &&
            (strcmp(n->key, "env_file") == 0 || strcmp(n->key, "label_file") == 0))
            continue;
        /* What is left of it may be nothing. */
        struct node *value = copy_value(c, members[i].field, n);
        if (!is_omitted(c, members[i].field, value))
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
    _cleanup_free_ struct member *members = cunik_notation_members(NULL, NULL, map);

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
        cunik_notation_sort(field, list);
        return list;
    }
    if (n->kind != NODE_MAP && c->l->templates)
        return cunik_node_copy(c->tree, n);
    if (n->kind != NODE_MAP)
        return cunik_notation_scalar(c->tree, field, n);
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

static struct node *canonical(const struct loaded *l, bool by_name)
{
    struct notation_orders orders = {0};
    struct canonical c = {.l = l, .tree = l->tree, .orders = l->templates ? NULL : &orders};
    struct node *copy = cunik_node_map(l->tree, &l->root->place);
    const struct node *services = cunik_node_get(l->root, "services");
    _cleanup_free_ struct member *members =
        cunik_notation_members(by_name ? NULL : c.orders, &cunik_fields, l->root);

    for (size_t i = 0; i < l->enabled.n; i++)
        cunik_map_add(&c.enabled, l->enabled.items[i], NULL);
    for (size_t i = 0; services && i < services->n; i++)
        if (!cunik_map_has(&c.enabled, services->items[i]->key))
            cunik_map_add(&c.disabled, services->items[i]->key, NULL);
    for (size_t i = 0; i < l->root->n; i++) {
        const struct node *n = members[i].node;
        const struct field *field = members[i].field;
        bool section = field && field->type == FIELD_MAP && n->kind == NODE_MAP;
        struct node *value = section ? copy_section(&c, field, n) : copy_value(&c, field, n);
        if (!section || value->n || strcmp(n->key, "services") == 0)
            cunik_node_set(l->tree, copy, n->key, value);
    }
    cunik_map_done(&c.enabled);
    cunik_map_done(&c.disabled);
    cunik_notation_done(&orders);
    return copy;
}

struct node *cunik_canonical(const struct loaded *l)
{
    return canonical(l, false);
}

char *cunik_canonical_yaml(const struct loaded *l)
{
    return cunik_emit_yaml(cunik_canonical(l));
}

char *cunik_canonical_json(const struct loaded *l)
{
    return cunik_emit_json(canonical(l, true));
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
