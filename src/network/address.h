/* IPv4 addresses, subnets and MAC addresses: reading, printing and counting. All pure.
 *
 * An address is a uint32_t in the host's byte order, so that 10.0.0.1 + 1 is 10.0.0.2. Texts are
 * read strictly: four decimal numbers without leading zeros, nothing before or after.
 */
#pragma once

#include <stdbool.h>
#include <stdint.h>

#include "base/error.h"

/* "10.1.2.0/24"; a subnet when no bit is set behind the prefix. */
struct cidr {
    uint32_t address;
    unsigned length; /* 0 to 32 */
};

/* ERROR_INVALID names the text. */
int cunik_address_parse(const char *text, uint32_t *ret, struct error **err);
char *cunik_address_text(uint32_t address); /* the caller frees it */

/* Bits behind the prefix are kept (the address of a host with its length). A text without "/" is
 * ERROR_INVALID. */
int cunik_cidr_parse(const char *text, struct cidr *ret, struct error **err);
/* The same, and bits behind the prefix are ERROR_INVALID that says what was meant. */
int cunik_cidr_parse_subnet(const char *text, struct cidr *ret, struct error **err);
char *cunik_cidr_text(const struct cidr *c); /* the caller frees it */

uint32_t cunik_cidr_mask(const struct cidr *c);      /* 255.255.255.0 */
uint32_t cunik_cidr_first(const struct cidr *c);     /* the subnet's own address */
uint32_t cunik_cidr_last(const struct cidr *c);      /* its broadcast address */
uint64_t cunik_cidr_size(const struct cidr *c);      /* how many addresses, with these two */
struct cidr cunik_cidr_subnet(const struct cidr *c); /* with the bits behind the prefix cleared */
bool cunik_cidr_contains(const struct cidr *c, uint32_t address);
bool cunik_cidr_overlaps(const struct cidr *a, const struct cidr *b);
/* Whether a host can have it: inside, and neither the first nor the last (of a /31 or /32 both). */
bool cunik_cidr_usable(const struct cidr *c, uint32_t address);
/* The n-th address counted from the subnet's own (0); false when there are not so many. */
bool cunik_cidr_nth(const struct cidr *c, uint64_t n, uint32_t *ret);

/* "52:54:00:AB:cd:ef" or with '-', to lower case with ':'. Multicast and all-zero ones are
 * ERROR_INVALID: no interface can have them. The caller frees *ret. */
int cunik_mac_parse(const char *text, char **ret, struct error **err);
