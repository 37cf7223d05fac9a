#include "compose/notation.h"

#include <ctype.h>
#include <errno.h>
#include <string.h>

#include "base/buffer.h"
#include "base/memory.h"
#include "base/text.h"

static struct node *string(struct tree *t, const struct node *n)
{
    _cleanup_buffer_ struct buffer b = {0};

    if (!strchr(n->text, '$'))
        return cunik_node_string(t, &n->place, n->text);
    for (const char *s = n->text; *s; s++) {
        if (*s == '$')
            cunik_buffer_char(&b, '$');
        cunik_buffer_char(&b, *s);
    }
    return cunik_node_string(t, &n->place, cunik_buffer_text(&b));
}

static struct node *duration(struct tree *t, const struct node *n)
{
    int64_t ns;

    if (n->kind != NODE_STRING || cunik_text_to_duration(n->text, &ns) < 0)
        return NULL;
    _cleanup_free_ char *text = cunik_text_from_duration(ns);
    return cunik_node_string(t, &n->place, text);
}

static struct node *mode(struct tree *t, const struct node *n)
{
    long long value = n->integer;

    if (n->kind == NODE_STRING) {
        char *end;
        errno = 0;
        value = strtoll(n->text, &end, 8);
        if (!isdigit((unsigned char)n->text[0]) || *end || errno)
            return NULL;
    } else if (n->kind != NODE_INT || value < 0) {
        return NULL;
    }
    _cleanup_free_ char *text = cunik_asprintf("0%llo", value);
    return cunik_node_string(t, &n->place, text);
}

static struct node *devices(struct tree *t, const struct node *n)
{
    int64_t value;

    if (n->kind != NODE_STRING)
        return NULL;
    if (strcasecmp(n->text, "all") == 0)
        return cunik_node_int(t, &n->place, -1);
    if (cunik_text_to_int(n->text, INT64_MIN, INT64_MAX, &value) < 0)
        return NULL;
    return cunik_node_int(t, &n->place, value);
}

struct node *cunik_notation_scalar(struct tree *t, const struct field *field, const struct node *n)
{
    enum field_type type = field ? field->type : FIELD_ANY;
    struct node *own = NULL;

    if (n->kind == NODE_INT && cunik_field_shape(type)->cast == AS_BYTES)
        own = cunik_node_string(t, &n->place, n->text);
    else if (type == FIELD_DURATION)
        own = duration(t, n);
    else if (type == FIELD_MODE)
        own = mode(t, n);
    else if (type == FIELD_DEVICE_COUNT)
        own = devices(t, n);
    if (own)
        return own;
    return n->kind == NODE_STRING ? string(t, n) : cunik_node_copy(t, n);
}

static int compare_texts(const void *a, const void *b)
{
    const struct node *const *x = a, *const *y = b;

    return strcmp((*x)->text, (*y)->text);
}

void cunik_notation_sort(const struct field *field, struct node *list)
{
    if (!field || field->type != FIELD_HOSTS || list->n < 2)
        return;
    for (size_t i = 0; i < list->n; i++)
        if (!list->items[i]->text)
            return;
    qsort(list->items, list->n, sizeof(struct node *), compare_texts);
}

bool cunik_notation_omits(const struct field *field, const struct node *n)
{
    bool container = n->kind == NODE_LIST || n->kind == NODE_MAP;

    if (!field || field->required)
        return false;
    if (n->kind == NODE_NULL)
        return true;
    if (field->omit != OMIT_ZERO)
        return field->omit == OMIT_TRUE && n->kind == NODE_BOOL && n->boolean;
    if (container)
        return !n->n && field->type != FIELD_COMMAND && field->type != FIELD_TEST;
    /* An empty string may be said where nothing would be filled in. */
    return (n->kind == NODE_BOOL && !n->boolean) ||
           ((n->kind == NODE_INT || n->kind == NODE_FLOAT) && n->number == 0) ||
           (cunik_field_shape(field->type)->cast == AS_BYTES && n->kind == NODE_STRING &&
            strcmp(n->text, "0") == 0);
}

static int compare(const void *a, const void *b)
{
    const struct member *x = a, *y = b;

    if (x->rank != y->rank)
        return x->rank < y->rank ? -1 : 1;
    return strcmp(x->node->key, y->node->key);
}

/* Where a key stands in "a|b"; behind all when it is none of them. */
static size_t rank_of(const char *order, const char *key)
{
    size_t length = strlen(key), rank = 0;

    for (const char *at = order; at; rank++) {
        const char *end = strchr(at, '|');
        size_t size = end ? (size_t)(end - at) : strlen(at);
        if (size == length && memcmp(at, key, size) == 0)
            return rank;
        at = end ? end + 1 : NULL;
    }
    return SIZE_MAX;
}

struct notation_order {
    const struct fields *table;
    size_t *ranks; /* of each row */
};

static const size_t *ranks_of(struct notation_orders *orders, const struct fields *table)
{
    for (size_t i = 0; i < orders->n; i++)
        if (orders->items[i].table == table)
            return orders->items[i].ranks;
    struct notation_order *o = ARRAY_APPEND(orders->items, orders->n);
    *o = (struct notation_order){table, cunik_calloc(table->n, sizeof(size_t))};
    for (size_t i = 0; i < table->n; i++)
        o->ranks[i] = rank_of(table->order, table->rows[i].name);
    return o->ranks;
}

struct member *cunik_notation_members(struct notation_orders *orders, const struct fields *table,
                                      const struct node *map)
{
    struct member *all = cunik_calloc(map->n, sizeof(*all));
    const size_t *ranks = orders && table ? ranks_of(orders, table) : NULL;

    for (size_t i = 0; i < map->n; i++) {
        const struct field *f = table ? cunik_field_find(table, map->items[i]->key) : NULL;
        all[i] = (struct member){map->items[i], f, f && ranks ? ranks[f - table->rows] : SIZE_MAX};
    }
    if (map->n)
        qsort(all, map->n, sizeof(*all), compare);
    return all;
}

void cunik_notation_done(struct notation_orders *orders)
{
    for (size_t i = 0; i < orders->n; i++)
        free(orders->items[i].ranks);
    free(orders->items);
    *orders = (struct notation_orders){0};
}
