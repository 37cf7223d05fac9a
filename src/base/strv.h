/* A list of strings that owns them. */
#pragma once

#include <stdbool.h>
#include <stddef.h>

#include "base/macros.h"

struct strv {
    char **items; /* not NULL-terminated; see cunik_strv_argv() */
    size_t n;
};

void cunik_strv_add(struct strv *v, const char *s);
/* Takes ownership of s. */
void cunik_strv_take(struct strv *v, char *s);
void cunik_strv_addf(struct strv *v, const char *format, ...) _printf_(2, 3);
void cunik_strv_copy(struct strv *to, const struct strv *from); /* appends copies */
bool cunik_strv_has(const struct strv *v, const char *s);
bool cunik_strv_equal(const struct strv *a, const struct strv *b);
void cunik_strv_sort(struct strv *v);
/* Splits at any character of `separators`; empty parts are dropped. */
void cunik_strv_split(struct strv *v, const char *s, const char *separators);
char *cunik_strv_join(const struct strv *v, const char *separator);
/* A NULL-terminated array that borrows the strings, for exec; the caller frees the array. */
char **cunik_strv_argv(const struct strv *v);
void cunik_strv_done(struct strv *v);
#define _cleanup_strv_ _cleanup_(cunik_strv_done)
