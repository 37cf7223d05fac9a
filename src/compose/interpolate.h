/* Interpolation: $VAR and ${VAR…} in the values of a stack file.
 *
 *     $VAR ${VAR}               the value; unset: blank, with a warning
 *     ${VAR:-word} ${VAR-word}  the word when VAR is unset or empty / unset
 *     ${VAR:?word} ${VAR?word}  an error with the word when VAR is unset or empty / unset
 *     ${VAR:+word} ${VAR+word}  the word when VAR is set and not empty / set, else nothing
 *     $$                        a dollar
 *
 * Names are [_a-zA-Z][_a-zA-Z0-9]*. A dollar that starts none of these stays as it is; "${" that
 * does not is an invalid template. Words are templates themselves, substituted only when used. A
 * braced form ends at the brace that balances its opening one; when none does, at the last one.
 */
#pragma once

#include <stdbool.h>
#include <stddef.h>

#include "base/error.h"
#include "base/map.h"
#include "compose/diagnostics.h"
#include "compose/tree.h"
#include "compose/variables.h"

/* Substitutes one template. The reason of a required variable is a template too: when what it names
 * is a secret, or `secret` says that the whole is, it is only told as far as it names nothing.
 * Names of unset variables that became blank are added to `missing` (keys without values; may be
 * NULL). Errors are ERROR_INVALID: -EINVAL for an invalid template (`Invalid template: "…"`),
 * -ENODATA for a required variable (`required variable X is missing a value`), -E2BIG when words
 * nest too deep or the result grows too long. */
int cunik_substitute(const char *template, const struct lookup *lookup, bool secret,
                     struct map *missing, char **ret, struct error **err);

/* Substitutes in all strings of a tree, in place, keys excepted. Mistakes go to d as
 * `invalid interpolation format for PATH.` with a hint or `error while interpolating PATH: …`, and
 * the rest is still done. A variable that is unset is warned about once, at its first place;
 * `warned` remembers for which it was done, across calls. What is tagged !reset is left out. `path`
 * is what the root is called, "" for a whole file. A string that was changed stays NODE_STRING;
 * cunik_cast() types it where the field wants something else. */
void cunik_interpolate(struct tree *t, struct node *root, const char *path,
                       const struct lookup *lookup, struct map *warned, struct diagnostics *d);

/* Casts: what a string becomes at a place that wants another type. In place; other kinds than
 * strings are left alone. The error is the bare reason, such as `invalid boolean: v`; *ret_warning
 * (may be NULL) gets a text when the spelling is YAML 1.1's ("yes"), owned by the caller. */
enum cast { CAST_BOOL, CAST_INT, CAST_FLOAT };
int cunik_cast(struct node *n, enum cast to, char **ret_warning, struct error **err);

/* The variables that a tree mentions. */
struct template_variable {
    char *name;
    char *default_value;  /* of - and :-, else "" */
    char *presence_value; /* of + and :+, else "" */
    bool required;
};

struct template_variables {
    struct template_variable
        *items; /* in the order of the tree; one for each name, the last wins */
    size_t n;
};

void cunik_template_variables(const struct node *root, struct template_variables *ret);
void cunik_template_variables_done(struct template_variables *v);
#define _cleanup_template_variables_ _cleanup_(cunik_template_variables_done)
