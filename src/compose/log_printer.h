/* Console lines for people: "web-1  | text", a colour for each cunik, as `docker compose logs`
 * prints.
 */
#pragma once

#include <stdbool.h>
#include <stdio.h>

#include "base/buffer.h"
#include "base/map.h"
#include "base/strv.h"
#include "engine/client.h"

struct log_printer {
    const char *stack; /* borrowed; its name is cut off the front of names */
    bool prefix, timestamps, color;
    struct map colors; /* cunik → index + 1 of its colour */
    size_t width;      /* of the widest name so far */
};

/* Widens the prefix for the names that are known beforehand, so that columns do not move. */
void cunik_log_printer_expect(struct log_printer *p, const struct world *w);
/* One line as text with its newline, into b. Control characters of the guest's are kept but for
 * those that could move the cursor out of the line (escape sequences pass only when colours do). */
void cunik_log_printer_format(struct log_printer *p, const struct log_line *line, struct buffer *b);
/* A cunik_log_put: formats and prints at once. */
void cunik_log_printer_put(void *ctx, const struct log_line *line);
void cunik_log_printer_done(struct log_printer *p);
