#include "backends/ending.h"

#include <limits.h>
#include <string.h>

#include "base/buffer.h"
#include "base/memory.h"

enum { REASON_MOST = 200 };

/* A whole number at text, of at most `size` bytes; how many it takes, 0 for none. Exit statuses are
 * taken modulo 256, as wait(2) does. */
static size_t read_number(const char *text, size_t size, int *ret)
{
    bool negative = size > 0 && text[0] == '-';
    size_t at = negative;
    long value = 0;

    while (at < size && text[at] >= '0' && text[at] <= '9' && value < INT_MAX / 10)
        value = value * 10 + (text[at++] - '0');
    if (at == (size_t)negative)
        return 0;
    *ret = (int)((unsigned long)(negative ? -value : value) & 255);
    return at;
}

/* Whether the pattern matches at the beginning of text. */
static bool matches_here(const char *pattern, const char *text, size_t size, int *number)
{
    while (*pattern) {
        if (pattern[0] == '%' && pattern[1] == 's') {
            for (size_t skipped = 0; skipped <= size; skipped++)
                if (matches_here(pattern + 2, text + skipped, size - skipped, number))
                    return true;
            return false;
        }
        size_t taken = 1;
        if (pattern[0] == '%' && pattern[1] == 'd')
            taken = read_number(text, size, number);
        else if (size == 0 || *text != (pattern[0] == '%' ? pattern[1] : pattern[0]))
            taken = 0;
        if (taken == 0)
            return false;
        pattern += pattern[0] == '%' ? 2 : 1;
        text += taken;
        size -= taken;
    }
    return true;
}

static const struct ending_rule *find(const struct ending_rule *rules, const char *line,
                                      size_t size, int *number)
{
    for (; rules->pattern; rules++)
        for (size_t at = 0; at < size; at++)
            if (matches_here(rules->pattern, line + at, size - at, number))
                return rules;
    return NULL;
}

static char *printable(const char *line, size_t size)
{
    _cleanup_buffer_ struct buffer b = {0};

    for (size_t i = 0; i < size && b.size < REASON_MOST; i++)
        if (line[i] >= ' ' && line[i] <= '~' && (b.size || line[i] != ' '))
            cunik_buffer_char(&b, line[i]);
    while (b.size && b.data[b.size - 1] == ' ')
        b.data[--b.size] = '\0';
    return cunik_buffer_take(&b);
}

static bool is_blank(const char *line, size_t size)
{
    for (size_t i = 0; i < size; i++)
        if (!strchr(" \t\r\v\f\004", line[i]) || line[i] == '\0')
            return false;
    return true;
}

bool cunik_ending_read(const struct ending_rule *rules, const char *text, size_t size,
                       struct ending *ret)
{
    struct ending e = {0};
    bool found = false;

    if (!rules)
        return false;
    for (const char *line = text, *end = text + size; line < end;) {
        const char *newline = memchr(line, '\n', (size_t)(end - line));
        size_t length = (size_t)((newline ? newline : end) - line);
        int number = 0;
        const struct ending_rule *rule = find(rules, line, length, &number);

        if (rule && rule->status != ENDING_NOTHING) {
            found = true;
            free(e.reason);
            e.status = rule->status == ENDING_NUMBER   ? number
                       : rule->status == ENDING_SIGNAL ? (128 + number) & 255
                                                       : rule->status;
            e.reason = printable(line, length);
        }
        if (rule || !is_blank(line, length))
            e.still = found && rule && rule->still && newline;
        line += length + 1;
    }
    if (found)
        *ret = e;
    return found;
}
