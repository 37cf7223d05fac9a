/* Test vectors of compose-go as data (their README says what each kind means), run against our
 * functions. A folder `vectors/compose` beside the project's own holds them.
 */
#pragma once

#include <jansson.h>
#include <stdbool.h>

#include "base/buffer.h"
#include "base/error.h"
#include "compose/variables.h"

/* Carries one vector out. Appends to `complaint` what is wrong; nothing when it passes. */
typedef void vector_run(const json_t *vector, struct buffer *complaint);

/* One kind of vector in one file; the table stands in test_vectors.c. */
struct vector_kind {
    const char *file; /* "template.json" */
    const char *kind; /* its "kind" member */
    vector_run *run;
};

extern const struct vector_kind vectors_template[], vectors_dotenv[], vectors_cycles[];
extern const struct vector_kind vectors_loader[], vectors_forms[];
extern const size_t n_vectors_template, n_vectors_dotenv, n_vectors_cycles;
extern const size_t n_vectors_loader, n_vectors_forms;

/* A member that is a string, "" when absent. */
const char *vector_text(const json_t *vector, const char *key);
/* The variables of "env" (or another object of strings). */
void vector_variables(const json_t *object, struct variables *ret);
/* Whether a message is the one that "error" and "error_match" want. */
bool vector_message_fits(const json_t *vector, const char *error);
/* Compares an outcome with "error", "error_match" and "expected": err is NULL when the call
 * succeeded. Gives true when the call succeeded as it should, so that the result is to be looked
 * at. */
bool vector_outcome(const json_t *vector, const char *error, struct buffer *complaint);
