/* Time: NAME_ns counts nanoseconds, of a clock or of a duration; NAME_ms milliseconds, of the epoch
 * where a point in time is told to somebody. */
#pragma once

#include <stdint.h>
#include <time.h>

#define NS_PER_MS INT64_C(1000000)
#define NS_PER_SECOND INT64_C(1000000000)
#define MS_PER_SECOND INT64_C(1000)

int64_t cunik_time_ns(const struct timespec *t);
int64_t cunik_time_ms(const struct timespec *t); /* whole ones */
struct timespec cunik_time_spec(int64_t ns);
int64_t cunik_time_now(clockid_t clock); /* nanoseconds */
