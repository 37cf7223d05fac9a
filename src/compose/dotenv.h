/* .env files.
 *
 *     # comment
 *     NAME=value            export NAME = value       NAME: value
 *     NAME="line\nfeed ${OTHER}"     NAME='as it is'  # comment
 *     NAME                  taken over from the look-up, left out when it is unset there
 *
 * Unquoted values end at the line or at " #", and lose white space around them; double-quoted ones
 * know the escapes \a \b \c \f \n \r \t \v \$ \" \\ and \0ooo; single-quoted ones only \'. Quoted
 * values may span lines. Variables (see interpolate.h) are substituted in unquoted and
 * double-quoted values; the look-up wins over what the file itself said so far. A UTF-8 byte order
 * mark is skipped.
 */
#pragma once

#include <stddef.h>

#include "base/error.h"
#include "base/map.h"
#include "compose/variables.h"

/* Adds the variables of a text to v, which may hold those of earlier
 * files; lookup may be NULL. Errors are ERROR_INVALID with the place (name, line) and read as
 * Docker Compose's, "line N: …" left out. On failure v holds what stood before the mistake. Names
 * of unset variables are added to missing (keys without values; may be NULL). */
int cunik_dotenv_parse(const char *name, const char *text, size_t size, const struct lookup *lookup,
                       struct variables *v, struct map *missing, struct error **err);

/* The check of any file of variables, whatever its form: ERROR_INVALID with the place of a byte
 * that is NUL or no UTF-8. cunik_dotenv_parse() makes it too.*/
int cunik_dotenv_check(const char *name, const char *text, size_t size, struct error **err);

/* Where the next statement of a text starts, after white space and comments; its end when there is
 * none. */
const char *cunik_dotenv_statement(const char *text, const char *end);
