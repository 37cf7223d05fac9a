/* IPv6 addresses and subnets: reading, printing and deriving. All pure.
 *
 * Texts are read as inet_pton(3) does, without a zone, and printed in its shortest form (RFC 5952).
 */
#pragma once

#include <netinet/in.h>
#include <stdbool.h>
#include <stdint.h>

#include "base/error.h"

/* "fd00:1::/64"; a subnet when no bit is set behind the prefix. */
struct cidr6 {
    struct in6_addr address;
    unsigned length; /* 0 to 128 */
};

/* ERROR_INVALID names the text. */
int cunik_address6_parse(const char *text, struct in6_addr *ret, struct error **err);
char *cunik_address6_text(const struct in6_addr *address); /* the caller frees it */

/* Bits behind the prefix are kept. */
int cunik_cidr6_parse(const char *text, struct cidr6 *ret, struct error **err);
/* The same, and bits behind the prefix are ERROR_INVALID that says what was meant. */
int cunik_cidr6_parse_subnet(const char *text, struct cidr6 *ret, struct error **err);
char *cunik_cidr6_text(const struct cidr6 *c); /* the caller frees it */

struct cidr6 cunik_cidr6_subnet(const struct cidr6 *c); /* without the bits behind the prefix */
bool cunik_cidr6_contains(const struct cidr6 *c, const struct in6_addr *address);
bool cunik_cidr6_overlaps(const struct cidr6 *a, const struct cidr6 *b);
/* Inside, and not the subnet's own address, which is every router's (RFC 4291, 2.6.1). */
bool cunik_cidr6_usable(const struct cidr6 *c, const struct in6_addr *address);
/* The address of the subnet whose last 32 bits are `host`: 1 is the usual gateway, and a guest's
 * IPv4 address gives it one that is its own as surely as that is. The length is at most 96. */
struct in6_addr cunik_cidr6_host(const struct cidr6 *c, uint32_t host);
/* A /64 of the addresses that are anyone's own (RFC 4193), with 56 bits taken from `hash`. */
struct cidr6 cunik_cidr6_own(uint64_t hash);
