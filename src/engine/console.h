/* Consoles: what guests wrote, as files that QEMU appends to, with the times of lines beside them.
 *
 * ROOT/consoles/NAME.log holds every byte from the first on. The watcher (one thread, inotify)
 * writes NAME.times: pairs of (offset, CLOCK_REALTIME in ms) as text lines "OFFSET MS", one for
 * each growth it saw, so that `logs -t` has times and `logs -f` is woken.
 */
#pragma once

#include <stdint.h>

#include "base/error.h"

struct consoles;

int cunik_consoles_create(const char *folder, struct consoles **ret, struct error **err);
void cunik_consoles_destroy(struct consoles *c);

/* "FOLDER/NAME.log"; the caller frees it. */
char *cunik_console_path(const struct consoles *c, const char *name);
/* Removes a console's files (its cunik is removed). */
int cunik_console_remove(struct consoles *c, const char *name, struct error **err);
uint64_t cunik_console_size(const struct consoles *c, const char *name);

/* One line of output without its newline (a carriage return before it is dropped as well); text may
 * hold any bytes. */
struct console_line {
    const char *text;
    size_t size;
    int64_t time_ms; /* 0 = not known */
};

typedef int cunik_console_put(void *ctx, const struct console_line *line);

/* Reads lines from *offset on, advances it, at most to the last newline unless `all`. A positive or
 * negative return of put ends it and is returned. */
int cunik_console_read(struct consoles *c, const char *name, bool all, uint64_t *offset,
                       cunik_console_put *put, void *ctx, struct error **err);
/* Where the last `lines` lines begin. */
uint64_t cunik_console_tail(struct consoles *c, const char *name, uint64_t lines);
/* An eventfd that becomes readable whenever any console grew; the caller closes it with
 * cunik_consoles_unwatch(). */
int cunik_consoles_watch(struct consoles *c);
void cunik_consoles_unwatch(struct consoles *c, int fd);
