/* TCP (RFC 9293), small: one listening port, connections in fixed slots, data accepted in order
 * only, no options but the segment size.
 *
 * A user (http.c serves, fetch.c calls) is a table of functions. What came in stands in `in` until
 * tcp_consume(); what goes out is written into `out` by tcp_write() and stays there, to be sent
 * again, until all of it was acknowledged: `drained` is called then. After `closed` the connection
 * is no longer the user's. */
#ifndef GUEST_TCP_H
#define GUEST_TCP_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "clock.h"
#include "ip.h"

enum { TCP_IN = 8192, TCP_OUT = 16384 };

struct tcp;

struct tcp_user {
    void (*opened)(struct tcp *tcp);
    /* More data in `in`, or `in_ended`. */
    void (*received)(struct tcp *tcp);
    /* All that was written has arrived. */
    void (*drained)(struct tcp *tcp);
    /* `why` is NULL when both sides ended in order. */
    void (*closed)(struct tcp *tcp, const char *why);
};

enum tcp_state { TCP_FREE, TCP_SYN_SENT, TCP_SYN_RECEIVED, TCP_OPEN, TCP_TIME_WAIT };

struct tcp {
    enum tcp_state state;
    const struct tcp_user *user; /* NULL in TCP_TIME_WAIT */
    void *data;                  /* the user's */
    bool busy; /* set by the user while it owes an answer: spared when slots run out */

    const struct interface *interface;
    uint32_t peer;
    uint16_t port, peer_port;

    uint8_t *in;
    size_t in_length;
    bool in_ended;        /* the peer sends no more */
    uint32_t in_next;     /* sequence number expected next */
    uint32_t in_promised; /* first one beyond the window that the peer knows of */
    bool owes_ack;

    char *out;
    size_t out_length;
    uint32_t filler;    /* bytes made up behind those of `out`: tcp_filler() */
    bool ending;        /* nothing follows: send FIN */
    bool ended_first;   /* our FIN went out before the peer's came in */
    uint32_t out_start; /* sequence number of out[0] */
    uint32_t acked;     /* all before it has arrived */
    uint32_t sent;      /* next to be sent; goes back when something was lost */
    uint32_t sent_most; /* furthest it ever was */
    uint32_t window;    /* the peer's */
    uint32_t congestion;
    uint32_t segment; /* most data in one */
    uint32_t duplicates;

    struct timer timer; /* something unacknowledged, or an end that does not come */
    uint32_t tries;
    uint32_t touched;  /* when it last moved, counted in segments of all */
    uint32_t moved_at; /* the same by the clock */
};

/* As many slots as the memory allows, 32 at least wherever the guest runs at all. False when there
 * is no memory. */
bool tcp_init(void);
void tcp_listen(uint16_t port, const struct tcp_user *user);
/* Begins a connection. NULL, with the reason in *ret_why, when it cannot. */
struct tcp *tcp_connect(uint32_t peer, uint16_t port, const struct tcp_user *user, void *data,
                        const char **ret_why);

/* False, with nothing written, when it does not fit behind what is already there. */
bool tcp_write(struct tcp *tcp, const char *bytes, size_t length);
/* `count` bytes of made-up text behind what was written; no more can be written until it has
 * drained. */
void tcp_fill(struct tcp *tcp, uint32_t count);
/* Byte `at` of that text: lines of 63 characters. */
char tcp_filler(uint32_t at);
/* No more will be written. */
void tcp_end(struct tcp *tcp);
/* Sends what may be sent now. Writing and ending do not do so by themselves. */
void tcp_push(struct tcp *tcp);
/* Takes the first `length` bytes off `in`. */
void tcp_consume(struct tcp *tcp, size_t length);
/* Ends it at once; the user is not called. */
void tcp_abort(struct tcp *tcp);

void tcp_input(const struct interface *interface, uint32_t from, const uint8_t *segment,
               size_t length);

struct tcp_counts {
    uint32_t slots, active, accepted, opened, resent, refused;
};

extern struct tcp_counts tcp_counts;

#endif
