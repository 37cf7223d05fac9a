#include "base/time.h"

int64_t cunik_time_ns(const struct timespec *t)
{
    return t->tv_sec * NS_PER_SECOND + t->tv_nsec;
}

int64_t cunik_time_ms(const struct timespec *t)
{
    return t->tv_sec * MS_PER_SECOND + t->tv_nsec / NS_PER_MS;
}

struct timespec cunik_time_spec(int64_t ns)
{
    return (struct timespec){.tv_sec = ns / NS_PER_SECOND, .tv_nsec = ns % NS_PER_SECOND};
}

int64_t cunik_time_now(clockid_t clock)
{
    struct timespec t;

    clock_gettime(clock, &t);
    return cunik_time_ns(&t);
}
