/* Variables by name: the environment, what .env files say, and how a look-up goes through them. */
#pragma once

#include <stdbool.h>
#include <stddef.h>

#include "base/map.h"

/* Where values come from. get gives the value, "" for an empty one and NULL for an unset one; what
 * it returns is borrowed until the next change of what it looks at. */
struct lookup {
    const char *(*get)(const void *context, const char *name);
    const void *context;
};

/* The value of a name; NULL when unset or when l is NULL. */
const char *cunik_lookup(const struct lookup *l, const char *name);

/* A set of variables in the order of their first mention; it owns names and values. */
struct variables {
    struct map map; /* char * */
};

void cunik_variables_set(struct variables *v, const char *name, const char *value);
const char *cunik_variables_get(const struct variables *v, const char *name); /* NULL = unset */
size_t cunik_variables_count(const struct variables *v);
const char *cunik_variables_name(const struct variables *v, size_t i);
const char *cunik_variables_value(const struct variables *v, size_t i);
/* Adds those of `from` that are not there yet, or all of them when replace is true. */
void cunik_variables_add(struct variables *v, const struct variables *from, bool replace);
/* Adds what a process environment ("NAME=VALUE" strings up to NULL) says. */
void cunik_variables_add_environment(struct variables *v, char *const *environment);
void cunik_variables_done(struct variables *v);
#define _cleanup_variables_ _cleanup_(cunik_variables_done)

/* A look-up in one set; v must outlive it. */
struct lookup cunik_variables_lookup(const struct variables *v);
