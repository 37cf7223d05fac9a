/* What the three files of TCP know of each other: slots (tcp.c), segments that come in
 * (tcp_input.c), segments that go out (tcp_output.c). */
#ifndef GUEST_TCP_INTERNAL_H
#define GUEST_TCP_INTERNAL_H

#include "tcp.h"

enum {
    TCP_HEADER = 20,
    TCP_FIN = 1,
    TCP_SYN = 2,
    TCP_RST = 4,
    TCP_PUSH = 8,
    TCP_ACK = 16,
    TCP_OPTION_END = 0,
    TCP_OPTION_NONE = 1,
    TCP_OPTION_SEGMENT = 2,
    TCP_SEGMENT_DEFAULT = 536,
    TCP_SEGMENT_LEAST = 64,
};

/* Sequence numbers wrap. */
static inline bool tcp_before(uint32_t a, uint32_t b)
{
    return (int32_t)(a - b) < 0;
}

/* tcp.c */
extern const struct tcp_user *tcp_listener;
extern uint16_t tcp_listening_port;
/* Never given out again until the input of a segment is done: it is still looking at this slot. */
extern struct tcp *tcp_current;
struct tcp *tcp_find(const struct interface *interface, uint32_t peer, uint16_t peer_port,
                     uint16_t port);
/* An empty slot in `state`, if need be by ending the connection that matters least; NULL when all
 * matter. */
struct tcp *tcp_take(enum tcp_state state, const struct interface *interface, uint32_t peer,
                     uint16_t peer_port, uint16_t port);
void tcp_free(struct tcp *tcp);
/* Frees it and tells the user. */
void tcp_fail(struct tcp *tcp, const char *why);
void tcp_touch(struct tcp *tcp);

/* tcp_output.c */
/* Sends one segment without data at the place where `tcp` stands. */
void tcp_send_control(struct tcp *tcp, uint8_t flags, uint32_t sequence);
void tcp_send_ack(struct tcp *tcp);
void tcp_send_abort(struct tcp *tcp);
/* Answers a segment that belongs nowhere. */
void tcp_send_reset(const struct interface *interface, uint32_t to, const uint8_t *segment,
                    size_t data_length);
/* Behind the last byte written so far; the FIN, if any, stands there. */
uint32_t tcp_out_end(const struct tcp *tcp);
/* How long to wait for an answer, longer each time. */
void tcp_start_timer(struct tcp *tcp);
uint32_t tcp_window(const struct tcp *tcp);

#endif
