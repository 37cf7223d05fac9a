#include "base/log.h"

#include <errno.h>
#include <stdatomic.h>
#include <stdio.h>
#include <string.h>

#include "base/memory.h"
#include "base/time.h"
#include "base/when.h"

static const char *const level_names[] = {"error", "warning", "info", "debug"};
_Static_assert(ARRAY_SIZE(level_names) == LOG_LEVEL_MAX_, "every level has a name");

static _Atomic enum log_level current = LOG_LEVEL_INFO;

void cunik_log_set_level(enum log_level level)
{
    current = level;
}

int cunik_log_level_parse(const char *name, enum log_level *ret)
{
    for (enum log_level i = 0; i < LOG_LEVEL_MAX_; i++)
        if (strcmp(level_names[i], name) == 0) {
            *ret = i;
            return 0;
        }
    return -EINVAL;
}

void cunik_log(enum log_level level, const char *format, ...)
{
    va_list args;

    if (level > current)
        return;
    _cleanup_free_ char *now = cunik_when_utc(cunik_time_now(CLOCK_REALTIME) / NS_PER_MS);
    va_start(args, format);
    _cleanup_free_ char *text = cunik_vasprintf(format, args);
    va_end(args);
    fprintf(stderr, "%s %s: %s\n", now, level_names[level], text);
}
