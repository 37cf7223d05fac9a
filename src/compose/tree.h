/* The YAML tree of a stack file: every node knows its place.
 *
 * Nodes live in an arena (struct tree) and are freed with it; a pointer to a node is valid as long
 * as its tree. Scalars keep their text and what YAML 1.2's core schema (and YAML 1.1's merge key)
 * says about it; typing by field happens later. Mappings keep the order of the file.
 */
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/error.h"

enum node_kind {
    NODE_NULL,
    NODE_BOOL,
    NODE_INT,
    NODE_FLOAT,
    NODE_STRING,
    NODE_LIST,
    NODE_MAP,
    NODE_KIND_MAX_
};

/* !reset removes what earlier files said, !override replaces it without merging. */
enum node_tag { NODE_PLAIN, NODE_RESET, NODE_OVERRIDE };

struct node {
    enum node_kind kind;
    enum node_tag tag;
    struct place place;     /* of the value; place.file belongs to the tree */
    struct place key_place; /* of its key when it is a member of a mapping */
    const char *key;        /* when it is a member of a mapping, else NULL */
    const char *text;       /* a scalar's text (decoded); NULL for list and map */
    const char *template;   /* what the text was before interpolation, when that changed it */
    bool quoted;            /* the scalar was quoted or a block: a string whatever it looks like */
    bool boolean;           /* NODE_BOOL */
    int64_t integer;        /* NODE_INT */
    double number;          /* NODE_FLOAT, and NODE_INT as well */
    struct node **items;    /* list or map members, in order; change them by the functions below */
    size_t n;
    struct node_index *index; /* private: the hashed look-up of a large mapping */
};

struct tree; /* an arena of nodes and texts */

struct tree *cunik_tree_create(void);
void cunik_tree_destroy(struct tree *t);
DEFINE_CLEANUP(struct tree *, cunik_tree_destroy)

/* Whether it has taken more memory than a stack may by what its files repeat (`extends`, ranges of
 * ports, `env_file`): TREE_SIZE_MAX bytes, or what was set. */
enum { TREE_SIZE_MAX = 512 << 20 };
bool cunik_tree_is_full(const struct tree *t);
void cunik_tree_set_limit(struct tree *t, size_t size);

/* Text that lives as long as the tree. */
const char *cunik_tree_text(struct tree *t, const char *s, size_t size);

/* New nodes; place may be NULL. */
struct node *cunik_node_map(struct tree *t, const struct place *place);
struct node *cunik_node_list(struct tree *t, const struct place *place);
struct node *cunik_node_string(struct tree *t, const struct place *place, const char *text);
struct node *cunik_node_int(struct tree *t, const struct place *place, int64_t value);
struct node *cunik_node_float(struct tree *t, const struct place *place, double value);
struct node *cunik_node_bool(struct tree *t, const struct place *place, bool value);
struct node *cunik_node_null(struct tree *t, const struct place *place);
/* Types a scalar by a plain text, which must live as long as the node. */
void cunik_node_resolve(struct node *n, const char *text);
struct node *cunik_node_copy(struct tree *t, const struct node *n);

/* Mapping members: look-up is by hash for large mappings. set replaces or appends; the key's place
 * is the value's key_place. remove keeps the order of the rest. */
struct node *cunik_node_get(const struct node *map, const char *key);
/* Whether a member is the boolean true. */
bool cunik_node_is_true(const struct node *map, const char *key);
void cunik_node_set(struct tree *t, struct node *map, const char *key, struct node *value);
bool cunik_node_remove(struct node *map, const char *key);
void cunik_node_append(struct tree *t, struct node *list, struct node *value);

/* The order of keys is irrelevant, and whether a number is written as integer or float. */
bool cunik_node_equal(const struct node *a, const struct node *b);

/* What a scalar reads as where a string is wanted, as Docker Compose converts it: numbers in
 * decimal and in their shortest form ("0x10" is "16", "1.0" is "1"), true, false, "" for null. NULL
 * for list and map. */
const char *cunik_node_as_text(struct tree *t, const struct node *n);
/* The shortest decimal form that reads as the same number; the caller frees it. */
char *cunik_float_text(double value);
/* For messages: " (from '$X')" when the text came out of interpolation, else ""; the caller frees
 * it. */
char *cunik_node_origin(const struct node *n);
const char *cunik_node_kind_name(enum node_kind kind); /* "mapping", "list", "string", … */
