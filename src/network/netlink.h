/* Talking rtnetlink: one socket for each call of link.h, so that any thread may call at any time.
 */
#pragma once

#include <netlink/msg.h>
#include <netlink/socket.h>

#include "base/error.h"

static inline void cunik_nl_socket_freep(struct nl_sock **s)
{
    nl_socket_free(*s);
}
#define _cleanup_nl_socket_ _cleanup_(cunik_nl_socket_freep)

/* protocol: NETLINK_ROUTE or NETLINK_NETFILTER. */
int cunik_netlink_open(int protocol, struct nl_sock **ret, struct error **err);

/* A request of the given type (RTM_…) that wants an acknowledgement, with room for its parts. */
struct nl_msg *cunik_netlink_message(int type, int flags);
/* Adding parts; without memory they abort. */
void cunik_netlink_append(struct nl_msg *m, const void *header, size_t size);
void cunik_netlink_string(struct nl_msg *m, int attribute, const char *value);
void cunik_netlink_u32(struct nl_msg *m, int attribute, uint32_t value);
void cunik_netlink_bytes(struct nl_msg *m, int attribute, const void *data, size_t size);
struct nlattr *cunik_netlink_nest(struct nl_msg *m, int attribute);

/* Sends m (and frees it) and waits for the answer. The kernel's errno, negative, and its own words
 * where it has some: "TEXT: Device or resource busy (…)". */
int cunik_netlink_send(struct nl_sock *s, struct nl_msg *m, struct error **err, const char *format,
                       ...) _printf_(4, 5);
/* Sends m (and frees it), a request with NLM_F_DUMP, and gives each message of the answer to `on`.
 * When what is listed was changed meanwhile, which gives neither the old list nor the new, it is
 * asked again before that. */
int cunik_netlink_dump(struct nl_sock *s, struct nl_msg *m, void (*on)(struct nl_msg *, void *),
                       void *ctx, struct error **err, const char *format, ...) _printf_(6, 7);
