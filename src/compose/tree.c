#include "compose/tree.h"

#include <math.h>
#include <string.h>

#include "base/memory.h"
#include "base/text.h"

enum {
    CHUNK_SIZE = 64 << 10,
    INDEX_FROM = 16, /* members; below that comparing them one after the other is quicker */
};

struct chunk {
    struct chunk *next;
    size_t used, size;
    _Alignas(max_align_t) char data[];
};

struct tree {
    struct chunk *chunks; /* the first is being filled */
    size_t size;          /* of all of them, in bytes */
    size_t limit;         /* 0 = TREE_SIZE_MAX */
};

/* Open addressing; a slot holds the position of a member + 1. */
struct node_index {
    size_t n_slots; /* a power of two */
    uint32_t slots[];
};

static const char *const kind_names[] = {
    [NODE_NULL] = "null",    [NODE_BOOL] = "boolean",  [NODE_INT] = "integer",
    [NODE_FLOAT] = "number", [NODE_STRING] = "string", [NODE_LIST] = "list",
    [NODE_MAP] = "mapping",
};
_Static_assert(ARRAY_SIZE(kind_names) == NODE_KIND_MAX_, "every kind of node has a name");

char *cunik_node_origin(const struct node *n)
{
    if (!n->template)
        return cunik_strdup("");
    _cleanup_free_ char *text = cunik_text_brief(n->template);
    return cunik_asprintf(" (from '%s')", text);
}

const char *cunik_node_kind_name(enum node_kind kind)
{
    return kind_names[kind];
}

struct tree *cunik_tree_create(void)
{
    return cunik_calloc(1, sizeof(struct tree));
}

void cunik_tree_destroy(struct tree *t)
{
    if (!t)
        return;
    while (t->chunks) {
        struct chunk *next = t->chunks->next;
        free(t->chunks);
        t->chunks = next;
    }
    free(t);
}

bool cunik_tree_is_full(const struct tree *t)
{
    return t->size > (t->limit ? t->limit : TREE_SIZE_MAX);
}

void cunik_tree_set_limit(struct tree *t, size_t size)
{
    t->limit = size;
}

static struct chunk *add_chunk(struct tree *t, size_t size)
{
    struct chunk *c = cunik_malloc(sizeof(*c) + size);

    t->size += size;
    c->used = 0;
    c->size = size;
    /* A chunk of one large thing goes behind the one being filled, which still has room. */
    if (size > CHUNK_SIZE && t->chunks) {
        c->next = t->chunks->next;
        t->chunks->next = c;
    } else {
        c->next = t->chunks;
        t->chunks = c;
    }
    return c;
}

static void *allocate(struct tree *t, size_t size, size_t alignment)
{
    struct chunk *c = t->chunks;
    size_t start = c ? (c->used + alignment - 1) & ~(alignment - 1) : 0;

    if (size > CHUNK_SIZE / 4) {
        c = add_chunk(t, size > CHUNK_SIZE ? size : CHUNK_SIZE + 1);
        start = 0;
    } else if (!c || start + size > c->size) {
        c = add_chunk(t, CHUNK_SIZE);
        start = 0;
    }
    c->used = start + size;
    return c->data + start;
}

const char *cunik_tree_text(struct tree *t, const char *s, size_t size)
{
    char *copy = allocate(t, size + 1, 1);

    if (size)
        memcpy(copy, s, size);
    copy[size] = '\0';
    return copy;
}

static struct node *new_node(struct tree *t, enum node_kind kind, const struct place *place)
{
    struct node *n = allocate(t, sizeof(*n), _Alignof(struct node));

    *n = (struct node){.kind = kind, .place = place ? *place : (struct place){0}};
    return n;
}

struct node *cunik_node_map(struct tree *t, const struct place *place)
{
    return new_node(t, NODE_MAP, place);
}

struct node *cunik_node_list(struct tree *t, const struct place *place)
{
    return new_node(t, NODE_LIST, place);
}

struct node *cunik_node_string(struct tree *t, const struct place *place, const char *text)
{
    struct node *n = new_node(t, NODE_STRING, place);

    n->text = cunik_tree_text(t, text, strlen(text));
    n->quoted = true;
    return n;
}

struct node *cunik_node_int(struct tree *t, const struct place *place, int64_t value)
{
    _cleanup_free_ char *text = cunik_asprintf("%lld", (long long)value);
    struct node *n = new_node(t, NODE_INT, place);

    n->text = cunik_tree_text(t, text, strlen(text));
    n->integer = value;
    n->number = (double)value;
    return n;
}

struct node *cunik_node_float(struct tree *t, const struct place *place, double value)
{
    struct node *n = new_node(t, NODE_FLOAT, place);

    n->number = value;
    n->text = ""; /* makes it a number without digits of its own, so that as_text writes them */
    n->text = cunik_node_as_text(t, n);
    return n;
}

struct node *cunik_node_bool(struct tree *t, const struct place *place, bool value)
{
    struct node *n = new_node(t, NODE_BOOL, place);

    n->text = value ? "true" : "false";
    n->boolean = value;
    return n;
}

struct node *cunik_node_null(struct tree *t, const struct place *place)
{
    struct node *n = new_node(t, NODE_NULL, place);

    n->text = "null";
    return n;
}

struct node *cunik_node_copy(struct tree *t, const struct node *n)
{
    struct node *copy = allocate(t, sizeof(*copy), _Alignof(struct node));

    *copy = *n;
    copy->items = NULL;
    copy->n = 0;
    copy->index = NULL;
    for (size_t i = 0; i < n->n; i++)
        cunik_node_append(t, copy, cunik_node_copy(t, n->items[i]));
    return copy;
}

/* FNV-1a, as struct map has it: the files are bounded and the user's own. */
static size_t hash_of(const char *key)
{
    uint64_t hash = 0xcbf29ce484222325u;

    for (; *key; key++)
        hash = (hash ^ (unsigned char)*key) * 0x100000001b3u;
    return (size_t)(hash ^ hash >> 32);
}

/* The slot of a key, or the free one where it would stand. */
static uint32_t *slot_of(const struct node *map, const char *key)
{
    struct node_index *index = map->index;
    size_t i = hash_of(key) & (index->n_slots - 1);

    while (index->slots[i] && strcmp(map->items[index->slots[i] - 1]->key, key) != 0)
        i = (i + 1) & (index->n_slots - 1);
    return &index->slots[i];
}

static void fill_index(struct node *map)
{
    memset(map->index->slots, 0, map->index->n_slots * sizeof(*map->index->slots));
    for (size_t i = 0; i < map->n; i++)
        *slot_of(map, map->items[i]->key) = (uint32_t)i + 1;
}

/* Called with the new member in place. */
static void add_to_index(struct tree *t, struct node *map)
{
    if (!map->index && map->n < INDEX_FROM)
        return;
    if (map->index && map->n * 2 <= map->index->n_slots) {
        *slot_of(map, map->items[map->n - 1]->key) = (uint32_t)map->n;
        return;
    }
    size_t n_slots = map->index ? map->index->n_slots : INDEX_FROM * 2;
    while (n_slots < map->n * 2)
        n_slots *= 2;
    map->index = allocate(t, sizeof(*map->index) + n_slots * sizeof(*map->index->slots),
                          _Alignof(struct node_index));
    map->index->n_slots = n_slots;
    fill_index(map);
}

static size_t position_of(const struct node *map, const char *key)
{
    if (map->index)
        return (size_t)*slot_of(map, key) - 1;
    for (size_t i = 0; i < map->n; i++)
        if (strcmp(map->items[i]->key, key) == 0)
            return i;
    return SIZE_MAX;
}

struct node *cunik_node_get(const struct node *map, const char *key)
{
    if (!map || map->kind != NODE_MAP)
        return NULL;
    size_t i = position_of(map, key);
    return i == SIZE_MAX ? NULL : map->items[i];
}

bool cunik_node_is_true(const struct node *map, const char *key)
{
    const struct node *n = cunik_node_get(map, key);

    return n && n->kind == NODE_BOOL && n->boolean;
}

/* The capacity is the next power of two, at least 2; what was outgrown stays in the arena, which
 * costs at most as much again. */
void cunik_node_append(struct tree *t, struct node *list, struct node *value)
{
    size_t n = list->n;

    if (n == 0 || (n >= 2 && (n & (n - 1)) == 0)) {
        struct node **items =
            allocate(t, (n ? n * 2 : 2) * sizeof(struct node *), _Alignof(struct node *));
        if (n)
            memcpy(items, list->items, n * sizeof(struct node *));
        list->items = items;
    }
    list->items[list->n++] = value;
    if (list->kind == NODE_MAP)
        add_to_index(t, list);
    else
        value->key = NULL;
}

void cunik_node_set(struct tree *t, struct node *map, const char *key, struct node *value)
{
    size_t i = position_of(map, key);

    if (value->key != key)
        value->key = cunik_tree_text(t, key, strlen(key));
    if (i == SIZE_MAX)
        cunik_node_append(t, map, value);
    else
        map->items[i] = value;
}

bool cunik_node_remove(struct node *map, const char *key)
{
    size_t i = position_of(map, key);

    if (i == SIZE_MAX)
        return false;
    map->n--;
    memmove(&map->items[i], &map->items[i + 1], (map->n - i) * sizeof(struct node *));
    if (map->index)
        fill_index(map);
    return true;
}

static bool equal_members(const struct node *a, const struct node *b)
{
    for (size_t i = 0; i < a->n; i++) {
        const struct node *other =
            a->kind == NODE_MAP ? cunik_node_get(b, a->items[i]->key) : b->items[i];
        if (!other || !cunik_node_equal(a->items[i], other))
            return false;
    }
    return true;
}

static bool is_number(const struct node *n)
{
    return n->kind == NODE_INT || n->kind == NODE_FLOAT;
}

bool cunik_node_equal(const struct node *a, const struct node *b)
{
    if (!a || !b)
        return a == b;
    if (is_number(a) && is_number(b) && (a->kind == NODE_FLOAT || b->kind == NODE_FLOAT))
        return a->number == b->number || (isnan(a->number) && isnan(b->number));
    if (a->kind != b->kind || a->n != b->n)
        return false;
    switch (a->kind) {
    case NODE_BOOL:
        return a->boolean == b->boolean;
    case NODE_INT:
        return a->integer == b->integer;
    case NODE_STRING:
        return strcmp(a->text, b->text) == 0;
    case NODE_LIST:
    case NODE_MAP:
        return equal_members(a, b);
    default:
        return true;
    }
}
