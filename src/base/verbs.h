/* Command lines from tables: each verb and each option stands in one row, which parses it, makes
 * its help and its part of the manual page.
 *
 *     prog [GLOBAL OPTIONS] VERB [OPTIONS] [ARGUMENTS]
 *
 * Options may stand before or after positional arguments; "--" ends them. Long options take
 * "--name value" and "--name=value" and must be written whole; short ones "-f value", "-fvalue" and
 * "-qd" for flags. A flag also takes "--name=true|false". A mistake is ERROR_INVALID and names the
 * nearest known option or verb, unless a table of what other programs have says better.
 *
 * A verb's name may be two words, "network ls": verbs of one group. The group's name alone gives
 * its help. A synopsis that ends in "[ARG...]" says that options end at the first argument: what
 * follows is not the program's own.
 */
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/buffer.h"
#include "base/error.h"
#include "base/strv.h"

struct option_row {
    const char *name;     /* long name without dashes */
    char letter;          /* short name or 0 */
    const char *argument; /* what its value is called in help ("FILE"); NULL for a flag */
    const char *help;     /* one line */
    const char *choices;  /* "a|b|c": the values allowed, or NULL */
    bool repeats;         /* may be given more than once; otherwise the last one wins */
};

struct arguments;

struct verb_row {
    const char *name;     /* "up", or of a group of verbs "volume ls" */
    const char *synopsis; /* of the positional arguments: "[SERVICE...]" */
    const char *help;     /* one line */
    const struct option_row *options;
    size_t n_options;
    size_t min_arguments, max_arguments; /* max 0: none; SIZE_MAX: any number */
    /* Carries the verb out; context is what cunik_verbs_run() was given. Returns as any function;
     * on success *ret_status is the exit status (preset to 0). */
    int (*run)(void *context, const struct arguments *arguments, int *ret_status,
               struct error **err);
};

/* An option or a verb that similar programs have and this one has not: what to do instead. */
struct elsewhere_row {
    const char *verb; /* whose option it is; "" = any's, or none's; NULL = a verb itself */
    const char *name;
    char letter;        /* of an option, or 0 */
    const char *answer; /* "'run' starts it once more" */
};

struct program {
    const char *name;
    const char *help;                 /* one line */
    const struct option_row *options; /* global ones; accepted before the verb */
    size_t n_options;
    const struct verb_row *verbs; /* in the order of help */
    size_t n_verbs;
    const struct elsewhere_row *elsewhere;
    size_t n_elsewhere;
};

/* What was given on the command line. Lookups are by long name, first in the verb's options, then
 * in the global ones; asking for a name that is in no table aborts (a mistake in the program). */
bool cunik_arguments_flag(const struct arguments *a, const char *name);
bool cunik_arguments_given(const struct arguments *a, const char *name);
const char *cunik_arguments_value(const struct arguments *a,
                                  const char *name); /* NULL: not given */
/* Its value in seconds, `least` to a million, as nanoseconds; *ret_ns stays when it is not given.
 */
int cunik_arguments_seconds(const struct arguments *a, const char *name, uint64_t least,
                            int64_t *ret_ns, struct error **err);
const struct strv *cunik_arguments_values(const struct arguments *a, const char *name);
const struct strv *cunik_arguments_positional(const struct arguments *a);
const struct verb_row *
cunik_arguments_verb(const struct arguments *a); /* NULL when none was given */

/* Parses argv. With --help (or the verb "help") *ret_help is the text to print instead, owned by
 * the caller; with no verb at all too when the program has verbs. */
int cunik_verbs_parse(const struct program *program, int argc, char **argv, struct arguments **ret,
                      char **ret_help, struct error **err);
void cunik_arguments_destroy(struct arguments *a);
DEFINE_CLEANUP(struct arguments *, cunik_arguments_destroy)

/* verbs_text.c */
/* Whether a verb is the group's: "volume ls" of "volume". */
bool cunik_verbs_is_of_group(const struct verb_row *verb, const char *group);
/* Help of the program (verb NULL), of one verb or (group not NULL) of a group of them; the caller
 * frees it. */
char *cunik_verbs_help(const struct program *program, const struct verb_row *verb,
                       const char *group);
/* The options and verbs as scdoc source, for the manual page. */
char *cunik_verbs_manual(const struct program *program);
