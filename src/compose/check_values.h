/* What the members of one value forbid each other, wherever the value stands: checked on the merged
 * long form, as Docker Compose does before it looks at the stack as a whole (stack.h does that). */
#pragma once

#include "compose/diagnostics.h"
#include "compose/tree.h"

void cunik_check_values(struct node *root, struct diagnostics *d);
