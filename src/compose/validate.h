/* Validation: the tree of one document against the table of fields.
 *
 * Every mistake is named with its place in one run: unknown keys (with the nearest known one),
 * values of a wrong type, strings that cannot be cast, names that cannot be. What is wrong is taken
 * out of the tree (a service or network becomes an empty mapping), so that the phases that follow
 * meet only values of the types they expect and find the mistakes that only they can see.
 */
#pragma once

#include "compose/diagnostics.h"
#include "compose/tree.h"

/* After interpolation: checks short and long forms alike and casts strings at typed places, in
 * place. Values tagged !reset are not looked at. A root that is no mapping is an error and becomes
 * one. */
void cunik_validate(struct tree *t, struct node *root, struct diagnostics *d);

/* The merged canonical tree: required keys that are missing are errors; keys that are not carried
 * out get a warning each, once for a key with all that is within (an error when d->strict). */
void cunik_validate_merged(struct node *root, struct diagnostics *d);
