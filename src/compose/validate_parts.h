/* What validate.c (where what may stand) and validate_value.c (what a single value may be) share.
 */
#pragma once

#include "compose/fields.h"
#include "compose/validate.h"

struct validation {
    struct tree *tree;
    struct diagnostics *d;
};

void cunik_validate_mistake(const struct validation *v, const struct place *place,
                            const struct field_path *path, const char *format, ...) _printf_(4, 5);
/* How a value is named in a message: in quotes, unless it is a secret, and with where it came from;
 * the caller frees it. */
char *cunik_validate_shown(const struct node *n, const struct field_path *path);
/* Whether its value is not known yet. */
bool cunik_validate_is_template(const struct validation *v, const struct node *n);
/* Whether the value may stay; the mistake is said otherwise. */
bool cunik_validate_cast(const struct validation *v, enum field_cast to, struct node *n,
                         const struct field_path *path);
bool cunik_validate_choice(const struct validation *v, const char *choices, const struct node *n,
                           const struct field_path *path);
bool cunik_validate_range(const struct validation *v, const struct field_range *range,
                          const struct node *n, const struct field_path *path);
