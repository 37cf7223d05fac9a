#include "words.h"

#include "text.h"

static bool is_blank(char c)
{
    return c == ' ' || c == '\t' || c == '\n' || c == '\r';
}

static bool opens_quote(char c, unsigned rules)
{
    return (c == '\'' && rules & WORDS_SINGLE) || (c == '"' && rules & WORDS_DOUBLE);
}

char *words_next(struct words *words)
{
    char *from = words->at, quote = '\0';

    words->quoted = false;
    while (is_blank(*from))
        from++;
    words->at = from;
    if (*from == '\0')
        return NULL;

    char *start = from, *to = from;
    for (; *from != '\0' && (quote || !is_blank(*from)); from++) {
        if (*from == '\\' && from[1] != '\0' &&
            (words->rules & WORDS_ESCAPE || (words->rules & WORDS_BACKSLASH && quote != '\''))) {
            words->quoted = true;
            *to++ = *++from;
        } else if (quote ? *from == quote : opens_quote(*from, words->rules)) {
            words->quoted = true;
            quote = quote ? '\0' : *from;
        } else {
            *to++ = *from;
        }
    }
    words->at = *from == '\0' ? from : from + 1;
    *to = '\0';
    words->unclosed = quote != '\0';
    return words->unclosed ? NULL : start;
}

const char *words_skip_blanks(const char *line)
{
    while (is_blank(*line))
        line++;
    return line;
}

static const char *skip_word(const char *line)
{
    while (*line != '\0' && !is_blank(*line))
        line++;
    return line;
}

bool words_any_starts(const char *line, const char *prefix)
{
    for (line = words_skip_blanks(line); *line != '\0'; line = words_skip_blanks(skip_word(line)))
        if (text_starts(line, prefix))
            return true;
    return false;
}

bool words_any_is(const char *line, const char *word)
{
    for (line = words_skip_blanks(line); *line != '\0'; line = words_skip_blanks(skip_word(line)))
        if ((size_t)(skip_word(line) - line) == strlen(word) && text_starts(line, word))
            return true;
    return false;
}
