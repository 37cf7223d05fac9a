/* Merging: a later file over an earlier one, by each field's own rule (enum field_merge), and
 * unicity of list items (enum field_unique). Works on long forms, in place. */
#pragma once

#include "compose/diagnostics.h"
#include "compose/tree.h"

/* Merges a document over what earlier ones said (NULL: nothing) and gives the result; both are used
 * up. !reset removes, !override replaces. */
struct node *cunik_merge(struct tree *t, struct node *base, struct node *over,
                         struct diagnostics *d);
/* The same for one service, as `extends` does it; base is used up. */
struct node *cunik_merge_service(struct tree *t, const char *name, struct node *base,
                                 struct node *over, struct diagnostics *d);

/* What merging over nothing does: takes out what is tagged !reset. */
struct node *cunik_merge_clean(struct node *n);

/* Of list items that mean the same thing the last one stays, at the first one's place. */
void cunik_merge_unique(struct node *root);
