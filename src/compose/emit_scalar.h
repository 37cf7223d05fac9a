/* How scalars and keys are written in YAML: plain where that reads as the same string, else in
 * double quotes when it would read as another type, in single quotes when only its characters
 * forbid it, as a literal block when it has lines.
 */
#pragma once

#include "base/buffer.h"
#include "compose/tree.h"

/* indent: the column of a literal block's lines, from 1. No line feed follows. */
void cunik_emit_scalar(struct buffer *b, const struct node *n, size_t indent);
/* On one line. */
void cunik_emit_key(struct buffer *b, const char *key);
