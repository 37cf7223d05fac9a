/* Text: comparing, parsing numbers with units, and names. All functions are pure. */
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/macros.h"

bool cunik_text_equal(const char *a, const char *b); /* NULL equals only NULL */
bool cunik_text_starts(const char *s, const char *prefix);
bool cunik_text_ends(const char *s, const char *suffix);
bool cunik_text_blank(const char *s); /* NULL, empty or only white space */

/* A whole decimal number within [min, max]; 0 or -EINVAL/-ERANGE. No sign for the unsigned one, no
 * blanks, no other base. */
int cunik_text_to_uint(const char *s, uint64_t min, uint64_t max, uint64_t *ret);
int cunik_text_to_int(const char *s, int64_t min, int64_t max, int64_t *ret);
int cunik_text_to_double(const char *s, double *ret); /* finite, C locale */

/* A duration as Go writes it ("1m30s", "1.5h", "300ms", "0"), in nanoseconds; also negative. Units
 * ns us µs ms s m h (and d, w of the Compose Specification). */
int cunik_text_to_duration(const char *s, int64_t *ret_ns);
/* The canonical form of Go's Duration.String(): "1m30s", "500ms", "0s". */
char *cunik_text_from_duration(int64_t ns);

/* A byte size as Docker's go-units RAMInBytes reads it: "64M", "1.5gb", "10 kib", "100"; powers of
 * 1024 throughout. */
int cunik_text_to_bytes(const char *s, int64_t *ret);
/* A byte size for people: "512 B", "1.5 MiB". */
char *cunik_text_from_bytes(int64_t bytes);

/* The length of the UTF-8 sequence at s, of which `size` bytes (at least one) may be read, or 0
 * when it is none (RFC 3629, section 4). It never reads past a NUL. */
size_t cunik_text_utf8_length(const char *s, size_t size);

/* The first of `size` bytes that is no UTF-8, or NULL. */
const char *cunik_text_not_utf8(const char *s, size_t size);

/* s for a message: no more than a line of it, what is left out as "…". The caller frees it. */
char *cunik_text_brief(const char *s);

/* The candidate nearest to s by edit distance, or NULL when none is near (distance above a third of
 * the length, at least 1 and at most 3). */
const char *cunik_text_nearest(const char *s, const char *const *candidates, size_t n);
/* The end of a message about a name that is not known: "; did you mean 'web'?", or "" when nothing
 * is near. The caller frees it. */
char *cunik_text_suggestion(const char *s, const char *const *candidates, size_t n);

/* Edit distance (Levenshtein with transpositions); stops counting above `limit`. */
size_t cunik_text_distance(const char *a, const char *b, size_t limit);
