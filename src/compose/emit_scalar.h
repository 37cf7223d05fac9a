/* How scalars and keys are written in YAML: plain where that reads as the same string, else in
 * double quotes when it would read as another type, in single quotes when only its characters
 * forbid it, as a literal block when it has lines.
 */
#pragma once

#include "base/buffer.h"
#include "compose/tree.h"

/* The character at s, which is not at its end: its length in bytes and its code point; a byte that
 * is no UTF-8 counts as U+FFFD (RFC 3629). */
size_t cunik_emit_decode(const char *s, uint32_t *ret);
/* Whether a character may stand in a quoted text without an escape, for readers of YAML 1.1 too;
 * line feeds and tabs are not among them. */
bool cunik_emit_printable(uint32_t code);

/* indent: the column of a literal block's lines, from 1. No line feed follows. */
void cunik_emit_scalar(struct buffer *b, const struct node *n, size_t indent);
/* On one line. */
void cunik_emit_key(struct buffer *b, const char *key);
