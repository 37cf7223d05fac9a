/* The log of a daemon: lines on standard error, "TIME level: message". Only mains, the supervisor
 * and the API server log; everybody else returns errors. */
#pragma once

#include "base/macros.h"

enum log_level {
    LOG_LEVEL_ERROR,
    LOG_LEVEL_WARNING,
    LOG_LEVEL_INFO,
    LOG_LEVEL_DEBUG,
    LOG_LEVEL_MAX_
};

void cunik_log_set_level(enum log_level level);
/* 0, or -EINVAL when the name is none of error, warning, info, debug. */
int cunik_log_level_parse(const char *name, enum log_level *ret);
void cunik_log(enum log_level level, const char *format, ...) _printf_(2, 3);
