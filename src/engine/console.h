/* Consoles: what guests wrote, as files that QEMU appends to, with the times of lines beside them.
 *
 * ROOT/consoles/NAME.log holds every byte from the first on: QEMU itself appends to it, whether
 * there is an engine or not. Where libvirtd's virtlogd stands between, it writes NAME.out, from
 * where it is taken (console_gather.h). The watcher (one thread, inotify)
 * writes NAME.times: pairs of (offset, CLOCK_REALTIME in ms) as text lines "OFFSET MS", one for
 * each growth it saw, so that `logs -t` has times and `logs -f` is woken. A pair says that all
 * bytes before OFFSET were there at that time; the lines have one width, so that they can be
 * searched without being read. Growths within 20 ms of the last look are taken together.
 *
 * A console takes CONSOLE_LIMIT bytes on disk, or what cunik_consoles_bound() says, and a quarter
 * more: then its oldest part goes (console_trim.h). It is not copied and not truncated, so that
 * nothing is lost that a guest writes meanwhile. An engine stays as long as a guest runs; while one
 * that was killed is not back, the file grows, and the next one bounds it. Who reads from before
 * what is left gets one line that says how much has gone.
 *
 * All functions may be called from any thread.
 */
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/error.h"

struct consoles;

enum { CONSOLE_LIMIT = 16 << 20 };

/* Makes the folder when it is missing. What consoles grew by while nobody watched gets the file's
 * own time. */
int cunik_consoles_create(const char *folder, struct consoles **ret, struct error **err);
void cunik_consoles_destroy(struct consoles *c);
/* How many bytes of each console are kept; from now on. */
void cunik_consoles_bound(struct consoles *c, uint64_t bytes);

/* "FOLDER/NAME.log"; the caller frees it. */
char *cunik_console_path(const struct consoles *c, const char *name);
/* "FOLDER/NAME.out", for libvirt to write where it may be that QEMU does not write itself. */
char *cunik_console_source(const struct consoles *c, const char *name);
/* Takes what is there of that; reading and asking for the size do so too. */
void cunik_console_settle(struct consoles *c, const char *name);
/* Calls `grew` for each console that grew, with its size, from the watcher's thread and without
 * locks; NULL = no longer, and it is not running when this returns. */
typedef void cunik_console_grew(void *ctx, const char *name, uint64_t size);
void cunik_consoles_tell(struct consoles *c, cunik_console_grew *grew, void *ctx);
/* Removes a console's files (its cunik is removed). */
int cunik_console_remove(struct consoles *c, const char *name, struct error **err);
/* 0 when there is none. */
uint64_t cunik_console_size(struct consoles *c, const char *name);

/* One line of output without its newline (carriage returns before it are dropped as well); text may
 * hold any bytes. A line of more than CONSOLE_LINE_LIMIT bytes comes in pieces of that size. */
struct console_line {
    const char *text;
    size_t size;
    int64_t time_ms; /* 0 = not known */
};

enum { CONSOLE_LINE_LIMIT = 1 << 20 };

typedef int cunik_console_put(void *ctx, const struct console_line *line);

/* Reads lines from *offset on, advances it, at most to the last newline unless `all`. A positive or
 * negative return of put ends it (behind that line) and is returned. A console that is missing has
 * nothing to say; one that is shorter than *offset is another one now and read from its start. */
int cunik_console_read(struct consoles *c, const char *name, bool all, uint64_t *offset,
                       cunik_console_put *put, void *ctx, struct error **err);
/* Reads bytes as they are from *offset on, and advances it; what is gone is passed over in silence.
 * *ret_size 0: there are no more at the moment. */
int cunik_console_bytes(struct consoles *c, const char *name, uint64_t *offset, void *to,
                        size_t max, size_t *ret_size, struct error **err);
/* Where the last `lines` lines begin; an unfinished last line counts as one. */
uint64_t cunik_console_tail(struct consoles *c, const char *name, uint64_t lines);
/* An eventfd that becomes readable whenever any console grew or went away; the caller closes it
 * with cunik_consoles_unwatch(). Negative errno when there is none to be had. */
int cunik_consoles_watch(struct consoles *c);
void cunik_consoles_unwatch(struct consoles *c, int fd);
