/* Command lines cut into words. The dialects differ in what quotes and backslashes mean. */
#ifndef GUEST_WORDS_H
#define GUEST_WORDS_H

#include <stdbool.h>

enum {
    WORDS_SINGLE = 1,    /* '…' keeps blanks */
    WORDS_DOUBLE = 2,    /* "…" keeps blanks */
    WORDS_BACKSLASH = 4, /* \x means x itself, but in '…' */
    WORDS_ESCAPE = 8,    /* \x means x itself everywhere */
};

struct words {
    char *at;       /* rest of the line */
    unsigned rules; /* WORDS_… */
    bool quoted;    /* the last word had a quote or a backslash in it */
    bool unclosed;  /* the line ended within a quote */
};

/* The next word with its quotes undone, in place; NULL at the end of the line and at an unclosed
 * quote. */
char *words_next(struct words *words);

/* Looking at a line without changing it: does a blank-separated word of it begin with `prefix`? Be
 * exactly `word`? */
bool words_any_starts(const char *line, const char *prefix);
bool words_any_is(const char *line, const char *word);
const char *words_skip_blanks(const char *line);

#endif
