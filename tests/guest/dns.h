/* Names to IPv4 addresses, by asking the name servers of the command line (RFC 1035). */
#ifndef GUEST_DNS_H
#define GUEST_DNS_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

enum { DNS_ADDRESSES = 8 };

struct dns_query;

/* Called once: `count` addresses, or none and why. The query is gone then. */
typedef void dns_done(void *data, const uint32_t *addresses, size_t count, const char *why);

/* Begins to ask; never calls `done` before it returns. NULL, with the reason in *ret_why, when it
 * cannot even begin. */
struct dns_query *dns_ask(const char *name, dns_done *done, void *data, const char **ret_why);
/* Ends a query without calling anybody. NULL is fine. */
void dns_cancel(struct dns_query *query);

void dns_input(uint32_t from, uint16_t from_port, uint16_t to_port, const uint8_t *message,
               size_t length);

#endif
