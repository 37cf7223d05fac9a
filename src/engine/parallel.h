/* The same for many things at once, on a few threads of its own. */
#pragma once

#include <stddef.h>

/* Calls work(ctx, i) for each i below n, on at most `threads` threads (this one included); returns
 * when all are done. With fewer threads than wanted it takes longer, no more. */
void cunik_parallel(size_t n, size_t threads, void (*work)(void *ctx, size_t i), void *ctx);
