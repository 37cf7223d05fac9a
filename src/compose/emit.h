/* A tree as text: YAML as Docker Compose prints it, and JSON.
 *
 * YAML: block style, two blanks for each level, lists within mappings indented; a string is in
 * double quotes where it would read as another type, a literal block when it has several lines, and
 * in quotes where nothing else does; empty containers are [] and {}. Reading the text gives an
 * equal tree. One thing is otherwise than Docker Compose's: lines with tabs are one text in quotes,
 * for libyaml takes a tab for what has to be escaped.
 */
#pragma once

#include <jansson.h>

#include "compose/tree.h"

/* The caller frees the result; it ends in a line feed. */
char *cunik_emit_yaml(const struct node *root);
/* Indented by two blanks, keys in order; it ends in a line feed. Numbers that JSON does not have
 * (inf, nan) become strings. It is YAML too, unless a key has more than 1024 characters. */
char *cunik_emit_json(const struct node *root);
/* A new reference. */
json_t *cunik_node_to_json(const struct node *root);
/* The other way, for tests and tools; places are unknown. */
struct node *cunik_node_from_json(struct tree *t, const json_t *value);
