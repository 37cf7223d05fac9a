/* Diagnostics: every mistake and warning of a stack file, with its place, in one list.
 *
 * The phases add to it and go on; only cunik_diagnostics_fail() turns what was collected into an
 * error.
 */
#pragma once

#include <stdbool.h>

#include "base/error.h"
#include "base/map.h"

struct diagnostic {
    bool is_error;    /* else a warning */
    bool unsupported; /* of a value that is not carried out, as the rows of keys say it of theirs */
    char *file;       /* NULL = none */
    unsigned line, column;
    char *path; /* of the key, "services.web.ports[0]"; NULL = none */
    char *message;
    char *origin; /* how its file came in: "included from a.yaml:3"; NULL = it was named */
    bool secret;  /* the line that it stands in is not shown */
};

struct diagnostics {
    struct diagnostic *items;
    size_t n;
    size_t n_errors;
    bool strict;        /* unsupported keys are errors */
    bool excerpts;      /* messages show the line of the file, with a caret: for terminals */
    struct map sources; /* private: file → its text, when there are to be excerpts */
    struct map origins; /* private: file → how it came in */
    bool templates;     /* what holds a '$' was not interpolated, and is not judged */
};

void cunik_diagnostics_error(struct diagnostics *d, const struct place *place, const char *path,
                             const char *format, ...) _printf_(4, 5);
void cunik_diagnostics_warn(struct diagnostics *d, const struct place *place, const char *path,
                            const char *format, ...) _printf_(4, 5);
/* What is valid elsewhere and is not, or not quite, carried out here: a warning, or an error when
 * that is asked for. */
void cunik_diagnostics_unsupported(struct diagnostics *d, const struct place *place,
                                   const char *path, const char *format, ...) _printf_(4, 5);
/* Adds an error's message and place; frees *err. */
void cunik_diagnostics_take(struct diagnostics *d, struct error **err);

/* The line of the last one holds a secret, and does not become an excerpt. One whose path says so
 * (see secrecy.h) needs no such call. */
void cunik_diagnostics_hide(struct diagnostics *d);

/* How a file came in, "included from" or "extended by" a place: messages about it say so, with how
 * the file of that place came in. Known by the pointer that its places have for a file, else by its
 * name, since one may come in more than once. */
void cunik_diagnostics_origin(struct diagnostics *d, const char *file, const char *how,
                              const struct place *by);

/* What a file says, for excerpts; the text is copied, and only when there are to be any. */
void cunik_diagnostics_source(struct diagnostics *d, const char *file, const char *text,
                              size_t size);
/* A line of a text and a caret under a column (both from 1, the column in characters), as two lines
 * without a line feed at the end; what a terminal would take for a command is shown as "?". NULL
 * when the text has no such line. The caller frees it. */
char *cunik_diagnostics_excerpt(const char *text, unsigned line, unsigned column);

/* 0 without errors; else ERROR_INVALID whose message has one line for each error, sorted by place:
 * "FILE:LINE:COLUMN: PATH: MESSAGE (ORIGIN)", and below it the excerpt if there are to be any. */
int cunik_diagnostics_fail(const struct diagnostics *d, struct error **err);
/* The text of one, "FILE:LINE:COLUMN: [warning: ]PATH: MESSAGE (ORIGIN)"; the caller frees it. */
char *cunik_diagnostic_text(const struct diagnostic *d);
/* The same with its excerpt. */
char *cunik_diagnostics_text(const struct diagnostics *d, const struct diagnostic *item);
void cunik_diagnostics_done(struct diagnostics *d);
#define _cleanup_diagnostics_ _cleanup_(cunik_diagnostics_done)
