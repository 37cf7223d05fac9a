#include "compose/yaml_builder.h"

#include <string.h>

#include "base/buffer.h"
#include "base/memory.h"
#include "base/text.h"

#define STANDARD_TAG "tag:yaml.org,2002:"

struct yaml_anchor {
    struct node *node;
    bool complete; /* its end has been read */
    size_t nodes;  /* in it, itself included */
    size_t height; /* levels of lists and mappings in it */
};

/* A list or mapping whose end has not been read. */
struct yaml_frame {
    struct node *node;
    const char *key; /* the key whose value comes next, or NULL */
    struct place key_place;
    bool merging;             /* that key is "<<" */
    struct node *merge;       /* the value of "<<" */
    struct place merge_place; /* of the key "<<"; line 0 = there is none */
    size_t anchor;            /* its own in reader.anchors + 1, or 0 */
    size_t first;             /* reader.nodes before it */
    size_t height;
};

static struct yaml_frame *top(struct yaml_builder *b)
{
    return b->n_frames ? &b->frames[b->n_frames - 1] : NULL;
}

static bool wants_key(struct yaml_builder *b)
{
    struct yaml_frame *f = top(b);

    return f && f->node->kind == NODE_MAP && !f->key && !f->merging;
}

static int count(struct yaml_builder *b, size_t n, const struct place *place, struct error **err)
{
    if (n > b->limits->nodes - b->nodes)
        return cunik_error_at(err, ERROR_INVALID, place,
                              "file exceeds maximum node visit limit (%zu)", b->limits->nodes);
    b->nodes += n;
    return 0;
}

/* Where the innermost open container stands, as "services.web.ports[0]"; "" for the root. */
static char *path_of_top(const struct yaml_builder *b)
{
    _cleanup_buffer_ struct buffer path = {0};

    for (size_t i = 1; i < b->n_frames; i++) {
        const struct yaml_frame *outer = &b->frames[i - 1];
        if (outer->node->kind == NODE_LIST)
            cunik_buffer_printf(&path, "[%zu]", outer->node->n - 1);
        else
            cunik_buffer_printf(&path, "%s%s", path.size ? "." : "",
                                outer->merging ? "<<" : b->frames[i].node->key);
    }
    return path.size ? cunik_buffer_take(&path) : cunik_strdup("");
}

/* Puts a value where it belongs: into the open container or as the document's root. */
static void attach(struct yaml_builder *b, struct node *n)
{
    struct yaml_frame *f = top(b);

    if (!f) {
        b->root = n;
    } else if (f->node->kind == NODE_LIST) {
        cunik_node_append(b->tree, f->node, n);
    } else if (f->merging) {
        f->merge = n;
    } else {
        n->key_place = f->key_place;
        n->key = f->key;
        cunik_node_set(b->tree, f->node, f->key, n);
    }
}

/* The value that was attached is complete: the mapping around it goes on to the next key. */
static void finish_value(struct yaml_builder *b, size_t height)
{
    struct yaml_frame *f = top(b);

    if (!f)
        return;
    f->key = NULL;
    f->merging = false;
    if (f->height < height)
        f->height = height;
}

static int add_key(struct yaml_builder *b, const char *text, bool is_merge,
                   const struct place *place, struct error **err)
{
    struct yaml_frame *f = top(b);
    const struct node *before = is_merge ? NULL : cunik_node_get(f->node, text);
    unsigned line = is_merge ? f->merge_place.line : before ? before->key_place.line : 0;

    if (line)
        return cunik_error_at(err, ERROR_INVALID, place,
                              "line %u: mapping key \"%s\" already defined at line %u", place->line,
                              text, line);
    if (is_merge) {
        f->merging = true;
        f->merge_place = *place;
    } else {
        f->key = text;
        f->key_place = *place;
    }
    return 0;
}

static int take_key(struct yaml_builder *b, const struct node *key, struct error **err)
{
    if (key->kind == NODE_LIST || key->kind == NODE_MAP)
        return cunik_error_at(err, ERROR_INVALID, &key->place, "a key must be a string, not a %s",
                              cunik_node_kind_name(key->kind));
    if (key->kind != NODE_STRING) {
        _cleanup_free_ char *path = path_of_top(b);
        return cunik_error_at(err, ERROR_INVALID, &key->place, "non-string key %s%s: %s",
                              *path ? "in " : "at top level", path,
                              *key->text ? key->text : "null");
    }
    bool is_merge = !key->quoted && cunik_text_equal(key->text, "<<");
    return add_key(b, key->text, is_merge, &key->place, err);
}

/* Moves the members of a mapping that the target lacks. The source is a copy made for an alias, or
 * written in place, so nobody else has its members. */
static int merge_map(struct yaml_builder *b, struct node *target, struct node *source,
                     const struct place *place, struct error **err)
{
    if (source->kind != NODE_MAP)
        return cunik_error_at(err, ERROR_INVALID, place,
                              "map merge requires map or sequence of maps as the value");
    for (size_t i = 0; i < source->n; i++)
        if (!cunik_node_get(target, source->items[i]->key))
            cunik_node_set(b->tree, target, source->items[i]->key, source->items[i]);
    return 0;
}

static int merge(struct yaml_builder *b, struct yaml_frame *f, struct error **err)
{
    if (!f->merge || f->merge->kind != NODE_LIST)
        return f->merge ? merge_map(b, f->node, f->merge, &f->merge->place, err) : 0;
    for (size_t i = 0; i < f->merge->n; i++) {
        int r = merge_map(b, f->node, f->merge->items[i], &f->merge->items[i]->place, err);
        if (r < 0)
            return r;
    }
    return 0;
}

/* Gives the position + 1 of the new anchor, 0 without a name. */
static size_t add_anchor(struct yaml_builder *b, const char *name, struct node *n)
{
    if (!name)
        return 0;
    *ARRAY_APPEND(b->anchors, b->n_anchors) = (struct yaml_anchor){.node = n, .nodes = 1};
    cunik_map_set(&b->by_name, name, (void *)(uintptr_t)b->n_anchors);
    return b->n_anchors;
}

static int unknown_tag(const struct node *n, const char *tag, struct error **err)
{
    bool standard = cunik_text_starts(tag, STANDARD_TAG);

    return cunik_error_at(err, ERROR_INVALID, &n->place, "unknown tag \"%s%s\"",
                          standard ? "!!" : "", standard ? tag + strlen(STANDARD_TAG) : tag);
}

static const struct {
    const char *tag;
    enum node_kind kind;
} standard_tags[] = {
    {"null", NODE_NULL},  {"bool", NODE_BOOL}, {"int", NODE_INT}, {"float", NODE_FLOAT},
    {"str", NODE_STRING}, {"seq", NODE_LIST},  {"map", NODE_MAP},
};

static int apply_standard_tag(struct node *n, const char *tag, struct error **err)
{
    const char *name = tag + strlen(STANDARD_TAG);
    bool scalar = n->kind != NODE_LIST && n->kind != NODE_MAP;

    for (size_t i = 0; i < ARRAY_SIZE(standard_tags); i++) {
        enum node_kind wanted = standard_tags[i].kind;
        if (strcmp(name, standard_tags[i].tag) != 0)
            continue;
        if (scalar && wanted == NODE_STRING) {
            n->kind = NODE_STRING;
            n->quoted = true;
            return 0;
        }
        if (scalar)
            cunik_node_resolve(n, n->text);
        if (n->kind == NODE_INT && wanted == NODE_FLOAT)
            n->kind = NODE_FLOAT;
        if (n->kind != wanted)
            return cunik_error_at(err, ERROR_INVALID, &n->place, "cannot read a %s as a !!%s",
                                  cunik_node_kind_name(n->kind), name);
        return 0;
    }
    return unknown_tag(n, tag, err);
}

static int apply_tag(struct node *n, const char *tag, struct error **err)
{
    if (!tag || strcmp(tag, "!") == 0)
        return 0;
    if (strcmp(tag, "!reset") == 0)
        n->tag = NODE_RESET;
    else if (strcmp(tag, "!override") == 0)
        n->tag = NODE_OVERRIDE;
    else if (cunik_text_starts(tag, STANDARD_TAG))
        return apply_standard_tag(n, tag, err);
    else
        return unknown_tag(n, tag, err);
    return 0;
}

/* A new node of the item's place, type and tag, counted. */
static int make_scalar(struct yaml_builder *b, const struct yaml_item *item, struct node **ret,
                       struct error **err)
{
    if (memchr(item->text, '\0', item->size))
        return cunik_error_at(err, ERROR_INVALID, &item->place,
                              "a value must not contain a NUL byte");
    int r = count(b, 1, &item->place, err);
    if (r < 0)
        return r;
    struct node *n = cunik_node_null(b->tree, &item->place);
    cunik_node_resolve(n, cunik_tree_text(b->tree, item->text, item->size));
    if (!item->plain || cunik_text_equal(item->tag, "!")) {
        n->kind = NODE_STRING;
        n->quoted = true;
    }
    r = apply_tag(n, item->tag, err);
    if (r < 0)
        return r;
    *ret = n;
    return 0;
}

int cunik_yaml_add_scalar(struct yaml_builder *b, const struct yaml_item *item, struct error **err)
{
    struct node *n = NULL;

    int r = make_scalar(b, item, &n, err);
    if (r < 0)
        return r;
    size_t anchor = add_anchor(b, item->anchor, n);
    if (anchor)
        b->anchors[anchor - 1].complete = true;
    if (wants_key(b))
        return take_key(b, n, err);
    attach(b, n);
    finish_value(b, 0);
    return 0;
}

int cunik_yaml_begin(struct yaml_builder *b, bool is_map, const struct yaml_item *item,
                     struct error **err)
{
    struct node *n =
        is_map ? cunik_node_map(b->tree, &item->place) : cunik_node_list(b->tree, &item->place);

    if (wants_key(b))
        return take_key(b, n, err);
    if (b->n_frames >= b->limits->depth)
        return cunik_error_at(err, ERROR_INVALID, &item->place,
                              "lists and mappings are nested deeper than %zu levels",
                              b->limits->depth);
    size_t first = b->nodes;
    int r = count(b, 1, &item->place, err);
    if (r < 0)
        return r;
    r = apply_tag(n, item->tag, err);
    if (r < 0)
        return r;
    attach(b, n);
    size_t anchor = add_anchor(b, item->anchor, n);
    *ARRAY_APPEND(b->frames, b->n_frames) =
        (struct yaml_frame){.node = n, .anchor = anchor, .first = first};
    return 0;
}

int cunik_yaml_end(struct yaml_builder *b, struct error **err)
{
    struct yaml_frame *f = top(b);
    size_t height = f->height + 1;

    int r = merge(b, f, err);
    if (r < 0)
        return r;
    if (f->anchor)
        b->anchors[f->anchor - 1] = (struct yaml_anchor){
            .node = f->node, .complete = true, .nodes = b->nodes - f->first, .height = height};
    b->n_frames--;
    finish_value(b, height);
    return 0;
}

static int find_anchor(struct yaml_builder *b, const struct yaml_item *item,
                       const struct yaml_anchor **ret, struct error **err)
{
    const char *name = item->anchor;
    size_t position = (size_t)(uintptr_t)cunik_map_get(&b->by_name, name);

    if (!position)
        return cunik_error_at(err, ERROR_INVALID, &item->place, "unknown anchor '%s' referenced",
                              name);
    const struct yaml_anchor *a = &b->anchors[position - 1];
    if (!a->complete)
        return cunik_error_at(err, ERROR_INVALID, &item->place, "anchor '%s' value contains itself",
                              name);
    if (b->n_frames + a->height > b->limits->depth)
        return cunik_error_at(err, ERROR_INVALID, &item->place,
                              "alias '%s' nests lists and mappings deeper than %zu levels", name,
                              b->limits->depth);
    if (a->nodes > b->limits->aliased - b->aliased)
        return cunik_error_at(err, ERROR_INVALID, &item->place,
                              "excessive aliasing: aliases expand to more than %zu values",
                              b->limits->aliased);
    *ret = a;
    return 0;
}

int cunik_yaml_add_alias(struct yaml_builder *b, const struct yaml_item *item, struct error **err)
{
    const struct yaml_anchor *a = NULL;

    int r = find_anchor(b, item, &a, err);
    if (r < 0)
        return r;
    r = count(b, a->nodes, &item->place, err);
    if (r < 0)
        return r;
    b->aliased += a->nodes;
    if (wants_key(b))
        return take_key(b, a->node, err);
    attach(b, cunik_node_copy(b->tree, a->node));
    finish_value(b, a->height);
    return 0;
}

void cunik_yaml_end_document(struct yaml_builder *b)
{
    cunik_node_append(b->tree, b->documents, b->root);
    b->root = NULL;
    b->n_anchors = 0;
    cunik_map_done(&b->by_name);
}

void cunik_yaml_builder_done(struct yaml_builder *b)
{
    free(b->frames);
    free(b->anchors);
    cunik_map_done(&b->by_name);
}
