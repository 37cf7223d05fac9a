/* The notation of Docker Compose: how a value is written in the canonical output, whether it is at
 * all, and in which order keys stand. All of it follows from the value's row in the table of
 * fields. Nodes are made in the given tree. */
#pragma once

#include "compose/fields.h"
#include "compose/tree.h"

/* A scalar, or for field NULL a value of the user's own. Dollars are doubled, so that loading the
 * text again does not interpolate them; sizes are numbers of bytes in quotes, permissions octal
 * numbers in quotes, durations as Go prints them, and all devices are -1 of them. */
struct node *cunik_notation_scalar(struct tree *t, const struct field *field, const struct node *n);

/* Orders a list whose order means nothing (hosts), in place. */
void cunik_notation_sort(const struct field *field, struct node *list);

/* Whether a value goes without saying: null, and as the field's row has it false, 0 and empty
 * lists and mappings. */
bool cunik_notation_omits(const struct field *field, const struct node *n);

/* The members of a mapping in order: as the table (or NULL) has them, then by name. */
struct member {
    const struct node *node;
    const struct field *field; /* NULL = none of the table's */
    size_t rank;
};

/* Where the rows of the tables met so far stand; {0} is none. */
struct notation_orders {
    struct notation_order *items;
    size_t n;
};

/* The caller frees the array. `orders` NULL = by name alone. */
struct member *cunik_notation_members(struct notation_orders *orders, const struct fields *table,
                                      const struct node *map);
void cunik_notation_done(struct notation_orders *orders);
