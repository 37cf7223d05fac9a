#include "base/text.h"

#include <ctype.h>
#include <errno.h>
#include <inttypes.h>
#include <math.h>
#include <stdio.h>
#include <string.h>
#include <strings.h>

#include "base/buffer.h"
#include "base/memory.h"
#include "base/time.h"

enum { BRIEF_MOST = 100 };

bool cunik_text_equal(const char *a, const char *b)
{
    if (!a || !b)
        return a == b;
    return strcmp(a, b) == 0;
}

bool cunik_text_starts(const char *s, const char *prefix)
{
    return strncmp(s, prefix, strlen(prefix)) == 0;
}

bool cunik_text_ends(const char *s, const char *suffix)
{
    size_t n = strlen(s), m = strlen(suffix);

    return n >= m && strcmp(s + n - m, suffix) == 0;
}

bool cunik_text_blank(const char *s)
{
    return !s || s[strspn(s, " \t\r\n\v\f")] == '\0';
}

int cunik_text_to_uint(const char *s, uint64_t min, uint64_t max, uint64_t *ret)
{
    char *end;

    if (!s || !isdigit((unsigned char)s[0]))
        return -EINVAL;
    errno = 0;
    unsigned long long value = strtoull(s, &end, 10);
    if (*end)
        return -EINVAL;
    if (errno || value < min || value > max)
        return -ERANGE;
    *ret = value;
    return 0;
}

int cunik_text_to_int(const char *s, int64_t min, int64_t max, int64_t *ret)
{
    char *end;

    if (!s || !(isdigit((unsigned char)s[0]) ||
                ((s[0] == '-' || s[0] == '+') && isdigit((unsigned char)s[1]))))
        return -EINVAL;
    errno = 0;
    long long value = strtoll(s, &end, 10);
    if (*end)
        return -EINVAL;
    if (errno || value < min || value > max)
        return -ERANGE;
    *ret = value;
    return 0;
}

int cunik_text_to_double(const char *s, double *ret)
{
    char *end;

    if (!s || !*s || isspace((unsigned char)s[0]))
        return -EINVAL;
    double value = strtod(s, &end);
    if (*end || !isfinite(value))
        return -EINVAL;
    *ret = value;
    return 0;
}

static const struct {
    const char *name;
    double ns;
} duration_units[] = {
    /* Longer names first where one is the beginning of another. */
    {"ns", 1},  {"us", 1e3}, {"\u00b5s", 1e3}, {"\u03bcs", 1e3}, {"ms", 1e6},
    {"s", 1e9}, {"m", 60e9}, {"h", 3600e9},    {"d", 86400e9},   {"w", 604800e9},
};

/* A point of a clock and two durations have a sum: what is far off is not taken for past. */
static const int64_t DURATION_MOST = INT64_C(876000) * 3600 * NS_PER_SECOND;

int cunik_text_to_duration(const char *s, int64_t *ret_ns)
{
    long double total = 0;
    bool negative = false;

    if (!s || !*s)
        return -EINVAL;
    if (*s == '-' || *s == '+')
        negative = *s++ == '-';
    if (strcmp(s, "0") == 0) {
        *ret_ns = 0;
        return 0;
    }
    if (!*s)
        return -EINVAL;
    while (*s) {
        char *end;
        if (!isdigit((unsigned char)*s) && *s != '.')
            return -EINVAL;
        size_t digits = strspn(s, "0123456789.");
        long double value = strtold(s, &end);
        if (end != s + digits)
            return -EINVAL;
        s = end;
        size_t i = 0;
        while (i < ARRAY_SIZE(duration_units) && !cunik_text_starts(s, duration_units[i].name))
            i++;
        if (i == ARRAY_SIZE(duration_units))
            return -EINVAL;
        s += strlen(duration_units[i].name);
        total += value * (long double)duration_units[i].ns;
        if (total > (long double)DURATION_MOST)
            return -ERANGE;
    }
    *ret_ns = (int64_t)(negative ? -total : total);
    return 0;
}

static void fraction(struct buffer *b, uint64_t value, uint64_t unit, const char *name)
{
    cunik_buffer_printf(b, "%" PRIu64, value / unit);
    uint64_t rest = value % unit;
    if (rest) {
        cunik_buffer_char(b, '.');
        for (unit /= 10; rest; unit /= 10) {
            cunik_buffer_char(b, (char)('0' + rest / unit));
            rest %= unit;
        }
    }
    cunik_buffer_text_append(b, name);
}

char *cunik_text_from_duration(int64_t ns)
{
    _cleanup_buffer_ struct buffer b = {0};
    uint64_t rest = ns < 0 ? -(uint64_t)ns : (uint64_t)ns;

    if (ns == 0)
        return cunik_strdup("0s");
    if (ns < 0)
        cunik_buffer_char(&b, '-');
    if (rest < 1000) {
        fraction(&b, rest, 1, "ns");
    } else if (rest < 1000000) {
        fraction(&b, rest, 1000, "\u00b5s");
    } else if (rest < 1000000000) {
        fraction(&b, rest, 1000000, "ms");
    } else {
        uint64_t minutes = rest / 60000000000u;
        if (minutes >= 60)
            cunik_buffer_printf(&b, "%" PRIu64 "h", minutes / 60);
        if (minutes)
            cunik_buffer_printf(&b, "%" PRIu64 "m", minutes % 60);
        fraction(&b, rest % 60000000000u, 1000000000u, "s");
    }
    return cunik_buffer_take(&b);
}

int cunik_text_to_bytes(const char *s, int64_t *ret)
{
    static const char units[] = "kmgtpe";
    char *end;

    if (!s || !(isdigit((unsigned char)*s) || *s == '.'))
        return -EINVAL;
    size_t digits = strspn(s, "0123456789.");
    long double value = strtold(s, &end);
    if (end != s + digits)
        return -EINVAL;
    if (*end == ' ')
        end++;
    if (*end) {
        const char *unit = strchr(units, tolower((unsigned char)*end));
        if (unit) {
            value = ldexpl(value, 10 * (int)(unit - units + 1));
            end++;
            if (*end == 'i' || *end == 'I') {
                if (tolower((unsigned char)end[1]) != 'b')
                    return -EINVAL;
                end++;
            }
        }
        if (*end == 'b' || *end == 'B')
            end++;
        if (*end)
            return -EINVAL;
    }
    if (value > (long double)INT64_MAX)
        return -ERANGE;
    *ret = (int64_t)value;
    return 0;
}

char *cunik_text_from_bytes(int64_t bytes)
{
    static const char *const units[] = {"B", "KiB", "MiB", "GiB", "TiB", "PiB", "EiB"};
    double value = (double)bytes;
    size_t unit = 0;

    /* What would be printed as 1024.0 is one of the next. */
    for (; value >= (unit ? 1023.95 : 1024) && unit + 1 < ARRAY_SIZE(units); unit++)
        value /= 1024;
    return cunik_asprintf(unit ? "%.1f %s" : "%.0f %s", value, units[unit]);
}

size_t cunik_text_utf8_length(const char *text, size_t size)
{
    const unsigned char *s = (const unsigned char *)text;
    size_t length = s[0] < 0x80 ? 1 : s[0] >= 0xf0 ? 4 : s[0] >= 0xe0 ? 3 : 2;

    if (length == 1)
        return 1;
    if (s[0] < 0xc2 || s[0] > 0xf4 || length > size)
        return 0;
    for (size_t i = 1; i < length; i++)
        if ((s[i] & 0xc0) != 0x80)
            return 0;
    if ((s[0] == 0xe0 && s[1] < 0xa0) || (s[0] == 0xed && s[1] > 0x9f) ||
        (s[0] == 0xf0 && s[1] < 0x90) || (s[0] == 0xf4 && s[1] > 0x8f))
        return 0;
    return length;
}

const char *cunik_text_not_utf8(const char *s, size_t size)
{
    for (size_t length; size; s += length, size -= length) {
        length = cunik_text_utf8_length(s, size);
        if (!length)
            return s;
    }
    return NULL;
}

char *cunik_text_brief(const char *s)
{
    size_t size = strlen(s), end = 0, next = 0;

    if (size <= BRIEF_MOST)
        return cunik_strdup(s);
    while (next < BRIEF_MOST) {
        size_t length = cunik_text_utf8_length(s + next, size - next);
        end = next;
        next += length ? length : 1;
    }
    return cunik_asprintf("%.*s…", (int)end, s);
}

static size_t min3(size_t a, size_t b, size_t c)
{
    size_t ab = a < b ? a : b;

    return ab < c ? ab : c;
}

size_t cunik_text_distance(const char *a, const char *b, size_t limit)
{
    size_t n = strlen(a), m = strlen(b);

    if ((n > m ? n - m : m - n) > limit)
        return limit + 1;
    /* Three rows: the one before the previous is needed for transpositions. */
    _cleanup_free_ size_t *rows = cunik_calloc(3 * (m + 1), sizeof(*rows));
    size_t *before = rows, *previous = rows + m + 1, *row = rows + 2 * (m + 1);
    for (size_t j = 0; j <= m; j++)
        previous[j] = j;
    for (size_t i = 1; i <= n; i++) {
        row[0] = i;
        for (size_t j = 1; j <= m; j++) {
            row[j] =
                min3(previous[j] + 1, row[j - 1] + 1, previous[j - 1] + (a[i - 1] != b[j - 1]));
            if (i > 1 && j > 1 && a[i - 1] == b[j - 2] && a[i - 2] == b[j - 1] &&
                before[j - 2] + 1 < row[j])
                row[j] = before[j - 2] + 1;
        }
        size_t *free_row = before;
        before = previous;
        previous = row;
        row = free_row;
    }
    return previous[m] > limit ? limit + 1 : previous[m];
}

const char *cunik_text_nearest(const char *s, const char *const *candidates, size_t n)
{
    const char *best = NULL;
    size_t limit = strlen(s) / 3;

    limit = limit < 1 ? 1 : limit > 3 ? 3 : limit;
    for (size_t i = 0; i < n; i++) {
        size_t distance = cunik_text_distance(s, candidates[i], limit);
        if (distance <= limit && (!best || distance < cunik_text_distance(s, best, limit)))
            best = candidates[i];
    }
    return best;
}

char *cunik_text_suggestion(const char *s, const char *const *candidates, size_t n)
{
    const char *near = cunik_text_nearest(s, candidates, n);

    return near ? cunik_asprintf("; did you mean '%s'?", near) : cunik_strdup("");
}
