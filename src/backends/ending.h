/* How a guest ended, read from the last lines of its console: the only place where most unikernels
 * say it. Pure.
 *
 * Powering off carries no exit status, and some never power off: they print that they are done and
 * stand still. A backend's rules say what these lines are. */
#pragma once

#include <stdbool.h>
#include <stddef.h>

enum {
    ENDING_NUMBER = -1,    /* the status is the pattern's %d */
    ENDING_NOTHING = -2,   /* the line says nothing about the status */
    ENDING_SIGNAL = -3,    /* 128 and the signal, which is the pattern's %d */
    ENDING_ABORTED = 134,  /* 128 + SIGABRT, what a shell says of an aborted program */
    ENDING_TAIL = 8 << 10, /* so much of a console's end is enough to read */
};

struct ending_rule {
    const char *pattern; /* found anywhere in a line: %d a whole number, %s any text, %% a percent
                            sign; NULL ends the table */
    int status;          /* one of the above, or 0 to 255 */
    bool still;          /* after this line, the last on the console, the guest stands still for
                            ever; believed only behind a line with a status */
};

struct ending {
    int status;   /* 0 to 255 */
    char *reason; /* the line that said so, printable; the caller frees it */
    bool still;   /* it will never power off by itself */
};

/* Reads the last lines of a console: the latest one with a status counts. False when no rule says
 * anything. */
bool cunik_ending_read(const struct ending_rule *rules, const char *text, size_t size,
                       struct ending *ret);
