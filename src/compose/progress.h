/* Progress: what `up`, `down` and the others show while the engine works.
 *
 * The model is pure: events go in, lines of text come out (cunik_progress_frame() for a terminal,
 * cunik_progress_plain() for anything else), so that tests need no terminal. struct
 * progress_display puts it on a file descriptor: on a terminal the block of lines is redrawn in
 * place, at most every 100 ms, with the time each one has taken; otherwise one plain line for each
 * change.
 */
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/error.h"
#include "engine/event.h"

enum progress_mode {
    PROGRESS_TTY,   /* a line for each resource, redrawn in place */
    PROGRESS_PLAIN, /* a line for each change */
    PROGRESS_JSON,  /* the events themselves, a line each */
    PROGRESS_QUIET, /* nothing; errors are still the caller's to print */
};

enum progress_row_state { ROW_WORKING, ROW_WAITING, ROW_DONE, ROW_FAILED };

struct progress_row {
    char *id;     /* "Network guestbook_default", "Cunik guestbook-web-1" */
    char *text;   /* "Creating", "Started", … */
    char *detail; /* why it waits or failed; "" = nothing */
    enum progress_row_state state;
    int64_t begin_ms, end_ms; /* by the events' clock; end 0 = still working */
};

struct progress {
    struct progress_row *rows;
    size_t n;
};

/* Takes an event in; the index of the row that changed, or SIZE_MAX when none did. */
size_t cunik_progress_event(struct progress *p, const struct event *e);

/* The block for a terminal `columns` wide and `lines` high: a heading and a line for each row; with
 * more rows than fit, those that ended are left out first. Lines never wrap. */
char *cunik_progress_frame(const struct progress *p, int64_t now_ms, size_t columns, size_t lines,
                           bool color);
/* One row as a plain line, without newline: " Cunik web-1  Started". */
char *cunik_progress_plain(const struct progress_row *row);
/* What a request that waits has come to, from its EVENT_VERDICT: a line for the service, and below
 * it the last console lines of those of its cuniks that are not well; the caller frees it. */
char *cunik_progress_verdict(const struct event *e);
void cunik_progress_done(struct progress *p);

struct progress_display;

/* Shows on fd (not owned). */
struct progress_display *cunik_progress_display_create(enum progress_mode mode, int fd, bool color);
/* A sink for the display; valid until it is destroyed. */
struct event_sink cunik_progress_display_sink(struct progress_display *d);
/* Ends: the last frame stays on the screen. */
void cunik_progress_display_destroy(struct progress_display *d);
DEFINE_CLEANUP(struct progress_display *, cunik_progress_display_destroy)
