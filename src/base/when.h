/* Points in time as people write them, for --since and --until, and as they are written. */
#pragma once

#include <stdint.h>

/* Milliseconds since the epoch of
 *
 *     1700000000, 1700000000.25             seconds since the epoch
 *     10m, 1h30m                            so long before `now_ms`
 *     2026-01-02T15:04:05.25Z, …+01:00      RFC 3339
 *     2026-01-02T15:04:05, 2026-01-02T15:04, 2026-01-02     local time
 *
 * 0 or -EINVAL. Depends on nothing but its arguments and, for local time, the time zone. */
int cunik_when_parse(const char *text, int64_t now_ms, int64_t *ret_ms);

/* As "2026-01-02T15:04:05.250Z", and without a zone as of the local one; the caller frees it. */
char *cunik_when_utc(int64_t ms);
char *cunik_when_local(int64_t ms);
