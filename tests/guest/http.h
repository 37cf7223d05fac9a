/* The HTTP server: requests on the listening port of TCP, answers from routes.c. HTTP/1.1
 * connections stay open. */
#ifndef GUEST_HTTP_H
#define GUEST_HTTP_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "dns.h"
#include "fetch.h"
#include "out.h"
#include "tcp.h"

enum { HTTP_DEFERRED = 0 }; /* in place of a status: the answer comes later */

/* One connection and the request on it. */
struct http {
    struct tcp *tcp;     /* NULL: a free entry */
    char *query;         /* behind the ? of the path, "" when there is none */
    bool head;           /* the answer is wanted without its body */
    bool close;          /* after this answer */
    struct fetch *fetch; /* what a deferred answer waits for; ended with the connection */
    struct dns_query *lookup;
    struct timer farewell; /* see http_then() */
    void (*after)(uint32_t number);
    uint32_t number;
};

/* A body as it is built, in room that all requests share: answer before returning to the main loop.
 */
struct http_body {
    struct out text;
    uint32_t filler; /* bytes of made-up text behind it */
};

/* What routes.c does: writes the body, returns the status, or HTTP_DEFERRED and calls http_answer()
 * later. */
uint32_t routes_handle(struct http *http, const char *path, struct http_body *body);

void http_listen(uint16_t port);
/* Room for the body of an answer that comes later. */
struct http_body *http_begin_body(void);
void http_answer(struct http *http, uint32_t status, const struct http_body *body);
/* Calls `after` when the answer has arrived, or a little later should it never arrive. */
void http_then(struct http *http, void (*after)(uint32_t number), uint32_t number);
/* Requests answered so far. */
uint32_t http_count(void);

#endif
