/* What the two halves of the rule set share: rules.c has that of packets, rules_frames.c that of
 * frames. Not for others. */
#pragma once

#include "base/buffer.h"
#include "network/rules.h"

/* Elements of a set or map, one a line; nothing at all for an empty one, as the language wants it.
 */
struct rules_elements {
    struct buffer text;
};

/* Where to append the next one. */
struct buffer *cunik_rules_element(struct rules_elements *e);
/* Writes the set or map, and frees its elements. */
void cunik_rules_append_set(struct buffer *b, const char *kind, const char *name, const char *type,
                            struct rules_elements *e);
void cunik_rules_append_address(struct buffer *b, uint32_t address);

/* The order of networks. */
int cunik_rules_by_bridge(const void *a, const void *b);

/* A guest's chain: "ckt1_520000000001_172.30.1.2"; the caller frees it. */
char *cunik_rules_guest_name(const struct rules_guest *g);
int cunik_rules_check_guest(const struct rules_guest *g, struct error **err);
/* The table of frames; r is checked and sorted. */
void cunik_rules_append_frames(struct buffer *b, const struct rules *r);
