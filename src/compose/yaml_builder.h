/* Builds trees from the events of a YAML text: the half of yaml.c that knows no libyaml. Anchors,
 * merge keys, tags, duplicate keys and the bounds are dealt with here.
 */
#pragma once

#include <stdbool.h>
#include <stddef.h>

#include "base/map.h"
#include "compose/yaml.h"

/* One event's content; everything is borrowed. */
struct yaml_item {
    struct place place;
    const char *anchor; /* of the node, or what an alias refers to; NULL = none */
    const char *tag;    /* resolved, "tag:yaml.org,2002:str"; NULL = none */
    const char *text;   /* of a scalar */
    size_t size;
    bool plain; /* a scalar without quotes */
};

struct yaml_builder {
    struct tree *tree;
    const struct yaml_limits *limits;
    struct yaml_frame *frames; /* open lists and mappings */
    size_t n_frames;
    struct yaml_anchor *anchors; /* of this document */
    size_t n_anchors;
    struct map by_name; /* position in anchors + 1 */
    size_t nodes, aliased;
    struct node *root;      /* of the document being read */
    struct node *documents; /* a list of those read; set by the user of the builder */
};

int cunik_yaml_add_scalar(struct yaml_builder *b, const struct yaml_item *item, struct error **err);
int cunik_yaml_add_alias(struct yaml_builder *b, const struct yaml_item *item, struct error **err);
int cunik_yaml_begin(struct yaml_builder *b, bool is_map, const struct yaml_item *item,
                     struct error **err);
int cunik_yaml_end(struct yaml_builder *b, struct error **err);
void cunik_yaml_end_document(struct yaml_builder *b);
void cunik_yaml_builder_done(struct yaml_builder *b);
