/* Completion of command lines for shells, from the tables that parse them: verbs, groups of verbs,
 * options, the choices of options, and names of what is there, which a command of the program
 * itself lists. Pure; the caller frees the text. */
#pragma once

#include "base/verbs.h"

enum completion_shell { COMPLETION_BASH, COMPLETION_ZSH, COMPLETION_FISH };

/* The command that lists, a line each, what a verb's arguments may be, its first word being the
 * program; NULL for files. It is given the global options with values that stand on the line before
 * the verb, but for fish. */
typedef const char *completion_names(const struct verb_row *verb);

char *cunik_completion(const struct program *program, enum completion_shell shell,
                       completion_names *names);
