/* Cleanup attributes and ownership transfer.
 *
 * A variable marked _cleanup_X_ is released when it leaves its scope. Ownership leaves a scope only
 * through TAKE_PTR or TAKE_FD, so that a reader sees every hand-over.
 */
#pragma once

#include <stddef.h>
#include <stdlib.h>
#include <unistd.h>

#define ARRAY_SIZE(a) (sizeof(a) / sizeof((a)[0]))

#define _cleanup_(f) __attribute__((cleanup(f)))
#define _printf_(fmt, first) __attribute__((format(printf, fmt, first)))
#define _unused_ __attribute__((unused))

#define TAKE_PTR(p)                                                                                \
    ({                                                                                             \
        __typeof__(p) *take_ = &(p);                                                               \
        __typeof__(p) taken_ = *take_;                                                             \
        *take_ = NULL;                                                                             \
        taken_;                                                                                    \
    })

#define TAKE_FD(fd)                                                                                \
    ({                                                                                             \
        int *take_ = &(fd);                                                                        \
        int taken_ = *take_;                                                                       \
        *take_ = -1;                                                                               \
        taken_;                                                                                    \
    })

/* Defines the helper behind _cleanup_(NAMEp) for a destructor of pointers: void func(type *). */
#define DEFINE_CLEANUP(type, func)                                                                 \
    static inline void func##p(type *p)                                                            \
    {                                                                                              \
        if (*p)                                                                                    \
            func(*p);                                                                              \
    }

static inline void cunik_freep(void *p)
{
    free(*(void **)p);
}

static inline void cunik_closep(int *fd)
{
    if (*fd >= 0)
        close(*fd);
}

#define _cleanup_free_ _cleanup_(cunik_freep)
#define _cleanup_close_ _cleanup_(cunik_closep)

/* Appends one zeroed element to a growing array of the members `items` and `n`; gives its address.
 * Capacity is the next power of two of n, so no third member is needed. */
#define ARRAY_APPEND(items, n)                                                                     \
    ({                                                                                             \
        (items) = cunik_array_grow((items), (n), sizeof(*(items)));                                \
        &(items)[(n)++];                                                                           \
    })

/* See memory.h. */
void *cunik_array_grow(void *items, size_t n, size_t size);
