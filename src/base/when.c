#include "base/when.h"

#include <ctype.h>
#include <errno.h>
#include <string.h>
#include <time.h>

#include "base/memory.h"
#include "base/text.h"
#include "base/time.h"

static const int64_t seconds_most = INT64_C(1) << 40; /* some 35,000 years */

/* Exactly n digits. */
static bool take_number(const char **at, size_t n, int max, int *ret)
{
    int value = 0;

    for (size_t i = 0; i < n; i++) {
        if (!isdigit((unsigned char)(*at)[i]))
            return false;
        value = value * 10 + (*at)[i] - '0';
    }
    *at += n;
    *ret = value;
    return value <= max;
}

static bool take_char(const char **at, char c)
{
    if (**at != c)
        return false;
    ++*at;
    return true;
}

/* ".25" as 250; further digits than milliseconds are read and dropped. */
static bool take_fraction(const char **at, int64_t *ret_ms)
{
    int64_t unit = 100;

    *ret_ms = 0;
    if (!take_char(at, '.'))
        return true;
    if (!isdigit((unsigned char)**at))
        return false;
    for (; isdigit((unsigned char)**at); ++*at, unit /= 10)
        *ret_ms += (**at - '0') * unit;
    return true;
}

static bool take_date(const char **at, struct tm *tm)
{
    if (!take_number(at, 4, 9999, &tm->tm_year) || !take_char(at, '-') ||
        !take_number(at, 2, 12, &tm->tm_mon) || !take_char(at, '-') ||
        !take_number(at, 2, 31, &tm->tm_mday) || !tm->tm_mon || !tm->tm_mday)
        return false;
    tm->tm_year -= 1900;
    tm->tm_mon--;
    return true;
}

static bool take_time(const char **at, struct tm *tm, int64_t *ret_ms)
{
    if (!take_number(at, 2, 23, &tm->tm_hour) || !take_char(at, ':') ||
        !take_number(at, 2, 59, &tm->tm_min))
        return false;
    return !take_char(at, ':') ||
           (take_number(at, 2, 60, &tm->tm_sec) && take_fraction(at, ret_ms));
}

/* "Z" or "+01:00"; *ret_local when there is none. */
static bool take_zone(const char **at, bool *ret_local, int *ret_seconds)
{
    int sign = **at == '-' ? -1 : 1, hours, minutes;

    *ret_seconds = 0;
    *ret_local = !**at;
    if (*ret_local || take_char(at, 'Z'))
        return true;
    if (!take_char(at, '+') && !take_char(at, '-'))
        return false;
    if (!take_number(at, 2, 23, &hours) || !take_char(at, ':') || !take_number(at, 2, 59, &minutes))
        return false;
    *ret_seconds = sign * (hours * 3600 + minutes * 60);
    return true;
}

static int parse_date(const char *text, int64_t *ret_ms)
{
    struct tm tm = {.tm_isdst = -1};
    int64_t ms = 0;
    bool local = true;
    int zone = 0;

    if (!take_date(&text, &tm))
        return -EINVAL;
    if (*text &&
        (!take_char(&text, 'T') || !take_time(&text, &tm, &ms) || !take_zone(&text, &local, &zone)))
        return -EINVAL;
    if (*text)
        return -EINVAL;
    int day = tm.tm_mday;
    time_t seconds = local ? mktime(&tm) : timegm(&tm);
    if (tm.tm_mday != day) /* the 31st of a shorter month */
        return -EINVAL;
    *ret_ms = ((int64_t)seconds - zone) * MS_PER_SECOND + ms;
    return 0;
}

static int parse_seconds(const char *text, int64_t *ret_ms)
{
    size_t whole = strspn(text, "0123456789");
    _cleanup_free_ char *digits = cunik_strndup(text, whole);
    const char *rest = text + whole;
    int64_t seconds, ms;

    if (cunik_text_to_int(digits, 0, seconds_most, &seconds) < 0 || !take_fraction(&rest, &ms) ||
        *rest)
        return -EINVAL;
    *ret_ms = seconds * MS_PER_SECOND + ms;
    return 0;
}

int cunik_when_parse(const char *text, int64_t now_ms, int64_t *ret_ms)
{
    int64_t ns;

    if (parse_seconds(text, ret_ms) == 0 || parse_date(text, ret_ms) == 0)
        return 0;
    if (cunik_text_to_duration(text, &ns) < 0)
        return -EINVAL;
    *ret_ms = now_ms - ns / NS_PER_MS;
    return 0;
}

static char *text_of(const struct tm *tm, int64_t ms, const char *zone)
{
    char stamp[64]; /* also of years beyond 9999 */

    strftime(stamp, sizeof(stamp), "%Y-%m-%dT%H:%M:%S", tm);
    return cunik_asprintf("%s.%03d%s", stamp, (int)(ms % MS_PER_SECOND), zone);
}

char *cunik_when_utc(int64_t ms)
{
    time_t seconds = (time_t)(ms / MS_PER_SECOND);
    struct tm tm = {0};

    gmtime_r(&seconds, &tm);
    return text_of(&tm, ms, "Z");
}

char *cunik_when_local(int64_t ms)
{
    time_t seconds = (time_t)(ms / MS_PER_SECOND);
    struct tm tm = {0};

    localtime_r(&seconds, &tm);
    return text_of(&tm, ms, "");
}
