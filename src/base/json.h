/* JSON: helpers over jansson, with errors that name the key. */
#pragma once

#include <jansson.h>
#include <stdbool.h>
#include <stdint.h>

#include "base/error.h"
#include "base/strv.h"

static inline void cunik_json_decrefp(json_t **p)
{
    json_decref(*p);
}
#define _cleanup_json_ _cleanup_(cunik_json_decrefp)

/* Parses a text; errors are ERROR_INVALID and name `what`, line and column. */
int cunik_json_parse(const char *text, size_t size, const char *what, json_t **ret,
                     struct error **err);

/* One compact line with sorted or kept keys (flags as json_dumps); aborts without memory. */
char *cunik_json_text(const json_t *value, size_t flags);

/* Reading members of an object. A missing or null member leaves *ret as it is and returns 0; a
 * member of the wrong type is ERROR_INVALID naming the key. Strings are copied into *ret (freed
 * first). */
int cunik_json_get_string(const json_t *object, const char *key, char **ret, struct error **err);
int cunik_json_get_int(const json_t *object, const char *key, int64_t *ret, struct error **err);
int cunik_json_get_bool(const json_t *object, const char *key, bool *ret, struct error **err);
int cunik_json_get_strv(const json_t *object, const char *key, struct strv *ret,
                        struct error **err);

/* The member's text, borrowed; "" when there is none: for what is shown or passed over. */
const char *cunik_json_string_at(const json_t *object, const char *key);

/* Adds members; NULL strings and empty lists are left out. */
void cunik_json_set_string(json_t *object, const char *key, const char *value);
void cunik_json_set_int(json_t *object, const char *key, int64_t value);
void cunik_json_set_bool(json_t *object, const char *key, bool value);
void cunik_json_set_strv(json_t *object, const char *key, const struct strv *value);
/* Takes the reference to value. */
void cunik_json_set(json_t *object, const char *key, json_t *value);
void cunik_json_append(json_t *array, json_t *value);
/* A JSON string; bytes that are no UTF-8 are replaced by U+FFFD (console output may hold anything).
 */
json_t *cunik_json_string(const char *s, size_t size);
