/* YAML to a tree.
 *
 * Reads one text with any number of documents through libyaml's event parser. Scalars are typed as
 * Docker Compose's YAML library types them (YAML 1.2 with a few rules of 1.1: "0644" is octal,
 * "1_000" is a number; "yes", "on" and dates are strings). Anchors and aliases are expanded into
 * copies, merge keys ("<<") are carried out: members a mapping writes itself win over merged ones,
 * an earlier mapping in a list of them wins over a later one, and merged members stand after the
 * mapping's own. Tags: the standard ones of YAML for null, bool, int, float, str, seq and map, and
 * !reset and !override, which are kept in the node (an alias takes its anchor's tag along).
 *
 * Nodes that came in through an alias or a merge keep the place where they were written.
 *
 * Every input is bounded (struct yaml_limits), so that no file takes the machine down. Errors are
 * ERROR_INVALID with file, line and column.
 */
#pragma once

#include <stddef.h>

#include "base/error.h"
#include "compose/tree.h"

/* What none are given for: 16 MiB, a million nodes, half of them aliased, 128 deep. */
struct yaml_limits {
    size_t size;    /* bytes of one text */
    size_t nodes;   /* nodes of one text, aliases expanded */
    size_t aliased; /* nodes that stand there only through aliases and merge keys */
    size_t depth;   /* nested lists and mappings */
};

/* Reads a text; name is the file's, for places (copied into the tree). limits NULL = defaults.
 * *ret_documents is an array of *ret_n roots that lives as long as the tree; an empty text has no
 * document, a document without content is a NODE_NULL. On failure the tree holds leftovers but
 * stays usable. */
int cunik_yaml_parse(struct tree *t, const char *name, const char *text, size_t size,
                     const struct yaml_limits *limits, struct node ***ret_documents, size_t *ret_n,
                     struct error **err);
