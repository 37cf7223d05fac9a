/* Errors: what went wrong, where, and what it means for the caller.
 *
 * A function that can fail ends in `struct error **err` and returns 0 or a negative errno. On
 * failure it stores a new error there, owned by the caller; err may be NULL when nobody wants the
 * words. A layer adds its own part in front: cunik_error_prefix() turns "creating tap 'ck3f':
 * Operation not permitted" into "starting service 'web': creating tap 'ck3f': Operation not
 * permitted".
 */
#pragma once

#include <stdarg.h>
#include <stdbool.h>

#include "base/macros.h"

enum error_code {
    ERROR_FAILED,      /* something failed while running */
    ERROR_INVALID,     /* the stack file, the command line or a request is wrong */
    ERROR_NOT_FOUND,   /* a named thing does not exist */
    ERROR_CONFLICT,    /* a thing is taken, exists already, or belongs to someone else */
    ERROR_PERMISSION,  /* the host does not allow it */
    ERROR_UNAVAILABLE, /* the engine, libvirt or a tool cannot be reached */
    ERROR_TIMEOUT,     /* not reached in time */
    ERROR_CANCELLED,   /* the user asked to stop */
    ERROR_CODE_MAX_,
};

/* A place in a text file; line and column count from 1, 0 is unknown. file may be NULL. */
struct place {
    const char *file; /* borrowed */
    unsigned line;
    unsigned column;
};

struct error {
    enum error_code code;
    int number; /* the errno behind it, positive, or 0 */
    char *file; /* the place in a file, or NULL */
    unsigned line;
    unsigned column;
    char *message; /* one line, or several when it lists mistakes */
};

/* Stores a new error in *err (when err is not NULL) and returns -number, or -EINVAL for
 * ERROR_INVALID and -EIO otherwise when number is 0. The message is the formatted text; with number
 * != 0 cunik_error_errno() appends ": strerror". */
int cunik_error_set(struct error **err, enum error_code code, const char *format, ...)
    _printf_(3, 4);
int cunik_error_errno(struct error **err, int number, const char *format, ...) _printf_(3, 4);
int cunik_error_at(struct error **err, enum error_code code, const struct place *place,
                   const char *format, ...) _printf_(4, 5);

/* Puts "TEXT: " in front of the message of *err; does nothing when there is none. Returns r. */
int cunik_error_prefix(struct error **err, int r, const char *format, ...) _printf_(3, 4);

/* Hands *why, an error of the function's own, over to its caller in place of what it was told; does
 * nothing when there is none. Returns r. For those who look at an error before they pass it on. */
int cunik_error_pass(struct error **err, int r, struct error **why);

/* For what turned out to be no failure: *err, if there is one, is no more. */
void cunik_error_forget(struct error **err);

void cunik_error_destroy(struct error *err);
DEFINE_CLEANUP(struct error *, cunik_error_destroy)
#define _cleanup_error_ _cleanup_(cunik_error_destroyp)

/* "file:line:column: message" or the message alone; the caller frees it. */
char *cunik_error_text(const struct error *err);

/* The one table of codes: name for JSON, exit status of a command, HTTP status of the API. */
const char *cunik_error_name(enum error_code code);
enum error_code cunik_error_from_name(const char *name);
int cunik_error_exit_status(enum error_code code);
unsigned cunik_error_http_status(enum error_code code);
