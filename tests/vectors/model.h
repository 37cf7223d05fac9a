/* The model of the vectors: what was loaded in its notation, and assertions on it. What our tree
 * writes otherwise (durations, hosts, modes) is brought into that notation. */
#pragma once

#include <jansson.h>
#include <stdbool.h>

#include "base/buffer.h"
#include "compose/load.h"

/* The model of a tree of l, with the special roots; the tree is changed. A new reference. */
json_t *vector_model(struct loaded *l, struct node *root);
/* Compares a model with "asserts" of a vector. */
void vector_check(const json_t *vector, const json_t *model, struct buffer *complaint);
/* Whether two models mean the same: what is empty is as good as absent. */
bool vector_equal(const json_t *got, const json_t *expected);
