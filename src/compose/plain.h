/* Scalars of YAML that stand without quotes. */
#pragma once

#include "compose/tree.h"

/* Whether a text would, or for some readers could, be something else than a string then. */
bool cunik_plain_reads_as_other(const char *s);
/* How null, a boolean or a number is written; the caller frees it. */
char *cunik_plain_text(const struct node *n);
