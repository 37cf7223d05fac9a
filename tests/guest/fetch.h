/* HTTP GET: resolves, connects, asks, reads the whole answer (HTTP/1.0, so never chunked). */
#ifndef GUEST_FETCH_H
#define GUEST_FETCH_H

#include <stddef.h>
#include <stdint.h>

enum { FETCH_URL = 512 };

struct fetch;

struct fetch_result {
    uint32_t status; /* 0: there was no answer, and `why` says why not */
    const char *why;
    const char *body; /* valid during the call */
    size_t length;
};

/* Called once; the fetch is gone then. */
typedef void fetch_done(void *data, const struct fetch_result *result);

/* `url` is http://HOST[:PORT][/PATH]. NULL, with the reason in *ret_why, when it cannot even begin;
 * never calls `done` before it returns. */
struct fetch *fetch_begin(const char *url, uint32_t patience_ms, fetch_done *done, void *data,
                          const char **ret_why);
/* Ends it without calling anybody. NULL is fine. */
void fetch_cancel(struct fetch *fetch);

#endif
