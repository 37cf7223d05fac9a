#include "compose/merge.h"

#include <string.h>

#include "base/map.h"
#include "base/memory.h"
#include "base/text.h"
#include "compose/fields.h"

struct merging {
    struct tree *tree;
    struct diagnostics *d;
};

/* What applies to a value: its field's merge rule, and what stands in it when it is a mapping. */
struct rule {
    enum field_merge merge;
    const struct fields *table; /* keys of the mapping, NULL when they are free */
    const struct fields *sub;   /* of the members of a free mapping, or the items of a list */
};

static struct rule rule_of(const struct field *field)
{
    if (!field)
        return (struct rule){0};
    bool fields = cunik_field_shape(field->type)->keys == KEYS_FIELDS;
    return (struct rule){field->merge, fields ? field->sub : NULL, fields ? NULL : field->sub};
}

static struct rule rule_of_member(const struct rule *rule, const char *key)
{
    if (rule->table)
        return rule_of(cunik_field_find(rule->table, key));
    return (struct rule){MERGE_DEFAULT, rule->sub, NULL};
}

/* A value without the members that it resets. */
struct node *cunik_merge_clean(struct node *n)
{
    if (n->tag == NODE_OVERRIDE)
        n->tag = NODE_PLAIN;
    for (size_t i = n->n; i-- > 0;) {
        struct node *item = n->items[i];
        if (item->tag == NODE_RESET && n->kind == NODE_MAP) {
            cunik_node_remove(n, item->key);
        } else if (item->tag == NODE_RESET) {
            n->n--;
            memmove(&n->items[i], &n->items[i + 1], (n->n - i) * sizeof(struct node *));
        } else {
            cunik_merge_clean(item);
        }
    }
    return n;
}

static struct node *merge_value(const struct merging *m, const struct rule *rule, struct node *base,
                                struct node *over, const struct field_path *path);

static void merge_members(const struct merging *m, const struct rule *rule, struct node *base,
                          struct node *over, const struct field_path *path)
{
    for (size_t i = 0; i < over->n; i++) {
        struct node *value = over->items[i];
        struct field_path inner = {.parent = path, .key = value->key};
        if (value->tag == NODE_RESET) {
            cunik_node_remove(base, value->key);
            continue;
        }
        struct node *old = cunik_node_get(base, value->key);
        if (old && rule->merge != MERGE_PAIRS) {
            struct rule member = rule_of_member(rule, value->key);
            struct node *merged = merge_value(m, &member, old, value, &inner);
            merged->key_place = value->key_place;
            cunik_node_set(m->tree, base, value->key, merged);
        } else {
            cunik_node_set(m->tree, base, value->key, cunik_merge_clean(value));
        }
    }
}

static size_t host_length(const struct node *item)
{
    return item->text ? strcspn(item->text, "=") : 0;
}

/* Addresses of one host stand together. */
static void add_host(const struct merging *m, struct node *list, struct node *item)
{
    size_t length = host_length(item), at = list->n;

    for (size_t i = 0; i < list->n; i++) {
        if (cunik_node_equal(list->items[i], item))
            return;
        if (host_length(list->items[i]) == length && item->text &&
            strncmp(list->items[i]->text, item->text, length) == 0)
            at = i + 1;
    }
    cunik_node_append(m->tree, list, item);
    memmove(&list->items[at + 1], &list->items[at], (list->n - 1 - at) * sizeof(struct node *));
    list->items[at] = item;
}

/* What the later file does not name is not there any more, as with compose-go. */
static struct node *merge_subnets(const struct merging *m, const struct rule *rule,
                                  const struct node *base, struct node *over,
                                  const struct field_path *path)
{
    struct rule item = {MERGE_DEFAULT, rule->sub, NULL};

    for (size_t i = 0; i < over->n; i++) {
        const struct node *subnet = cunik_node_get(over->items[i], "subnet");
        for (size_t k = 0; subnet && k < base->n; k++) {
            const struct node *other = cunik_node_get(base->items[k], "subnet");
            if (other && cunik_node_equal(subnet, other)) {
                merge_members(m, &item, base->items[k], over->items[i], path);
                over->items[i] = base->items[k];
                break;
            }
        }
    }
    return cunik_merge_clean(over);
}

static bool same_driver(const struct node *base, const struct node *over)
{
    const struct node *a = cunik_node_get(base, "driver"), *b = cunik_node_get(over, "driver");

    return !a || !b || cunik_node_equal(a, b);
}

static struct node *merge_value(const struct merging *m, const struct rule *rule, struct node *base,
                                struct node *over, const struct field_path *path)
{
    bool containers = base->kind == NODE_MAP || base->kind == NODE_LIST;

    if (over->tag == NODE_OVERRIDE || rule->merge == MERGE_REPLACE || !containers)
        return over->kind == NODE_NULL && rule->merge != MERGE_REPLACE && over->tag != NODE_OVERRIDE
                   ? base
                   : cunik_merge_clean(over);
    if (over->kind == NODE_NULL)
        return base;
    if (base->kind != over->kind) {
        /* Our own fields are of one kind in their long form, but for ulimits: what is left is the
         * user's extensions. */
        if (rule->table)
            return cunik_merge_clean(over);
        _cleanup_free_ char *where = cunik_field_path_text(path);
        cunik_diagnostics_error(m->d, &over->place, where, "cannot override a %s with a %s",
                                cunik_node_kind_name(base->kind), cunik_node_kind_name(over->kind));
        return base;
    }
    if (base->kind == NODE_MAP) {
        if (rule->merge == MERGE_LOGGING && !same_driver(base, over))
            return cunik_merge_clean(over);
        merge_members(m, rule, base, over, path);
        return base;
    }
    if (rule->merge == MERGE_SUBNETS)
        return merge_subnets(m, rule, base, over, path);
    cunik_merge_clean(over);
    for (size_t i = 0; i < over->n; i++)
        if (rule->merge == MERGE_HOSTS)
            add_host(m, base, over->items[i]);
        else
            cunik_node_append(m->tree, base, over->items[i]);
    return base;
}

struct node *cunik_merge(struct tree *t, struct node *base, struct node *over,
                         struct diagnostics *d)
{
    struct merging m = {t, d};
    struct rule rule = {MERGE_DEFAULT, &cunik_fields, NULL};

    return base ? merge_value(&m, &rule, base, over, NULL) : cunik_merge_clean(over);
}

struct node *cunik_merge_service(struct tree *t, const char *name, struct node *base,
                                 struct node *over, struct diagnostics *d)
{
    struct merging m = {t, d};
    struct rule rule = {MERGE_DEFAULT, &cunik_fields_service, NULL};
    struct field_path services = {.key = "services"}, path = {.parent = &services, .key = name};

    return merge_value(&m, &rule, base, over, &path);
}

static const char *member_text(const struct node *item, const char *key, const char *otherwise)
{
    const struct node *n = cunik_node_get(item, key);

    return n && n->text ? n->text : otherwise;
}

/* What identifies an item, or NULL when it cannot be told; the caller frees it. */
static char *identity(enum field_unique unique, const struct node *item)
{
    if (item->kind == NODE_STRING && unique > UNIQUE_VARIABLE)
        unique = UNIQUE_TEXT; /* a short form that was not interpolated */
    switch (unique) {
    case UNIQUE_TEXT:
        return cunik_strdup(item->text);
    case UNIQUE_VARIABLE:
        return item->text ? cunik_strndup(item->text, strcspn(item->text, "=")) : NULL;
    case UNIQUE_PATH:
        return cunik_strdup(member_text(item, "path", NULL));
    case UNIQUE_TARGET:
        return cunik_strdup(member_text(item, "target", NULL));
    case UNIQUE_CONFIG:
    case UNIQUE_SECRET:
        if (cunik_node_get(item, "target"))
            return cunik_strdup(member_text(item, "target", NULL));
        return cunik_asprintf("%s/%s", unique == UNIQUE_SECRET ? "/run/secrets" : "",
                              member_text(item, "source", ""));
    case UNIQUE_PORT:
        return cunik_asprintf("%s:%s:%s/%s", member_text(item, "host_ip", "0.0.0.0"),
                              member_text(item, "published", ""), member_text(item, "target", ""),
                              member_text(item, "protocol", "tcp"));
    default:
        return NULL;
    }
}

static bool make_unique(void *context _unused_, const struct field *field, struct node *list,
                        const struct field_path *path _unused_)
{
    _cleanup_map_ struct map seen = {0};
    size_t kept = 0;

    if (field->unique == UNIQUE_NONE || list->kind != NODE_LIST || list->n < 2)
        return true;
    for (size_t i = 0; i < list->n; i++) {
        struct node *item = list->items[i];
        _cleanup_free_ char *key = identity(field->unique, item);
        struct node **slot = key ? cunik_map_get(&seen, key) : NULL;
        if (slot) {
            *slot = item;
            continue;
        }
        list->items[kept] = item;
        if (key)
            cunik_map_add(&seen, key, &list->items[kept]);
        kept++;
    }
    list->n = kept;
    return true;
}

void cunik_merge_unique(struct node *root)
{
    cunik_fields_walk(&cunik_fields, root, NULL, &(struct field_visitor){.value = make_unique});
}
