/* When consoles grew: NAME.times beside NAME.log, a table of lines "OFFSET MS" of one width, which
 * can be searched without being read: all bytes before OFFSET were there at MS (CLOCK_REALTIME).
 * Times are an extra: when they cannot be written (a full disk), lines just have none. */
#pragma once

#include <stdint.h>

struct moment {
    uint64_t offset;
    int64_t time_ms;
};

/* Notes that the console has `size` bytes now. One that is shorter than what was noted last is
 * another console: what is known is of other bytes, and goes. */
void cunik_console_times_note(const char *path, uint64_t size, int64_t time_ms);

/* A reader of times, which remembers where it was: the next line is mostly of the same moment. */
struct console_times {
    int fd; /* of the table; -1 = there is none */
    uint64_t from;
    struct moment until; /* the bytes [from, until.offset) came at until.time_ms */
    int64_t newest;      /* when the console grew last, for what has not been noted yet */
};

/* When the byte at `offset` was first seen: the time of the first moment behind it. */
int64_t cunik_console_times_find(struct console_times *t, uint64_t offset);
