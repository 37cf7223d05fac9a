#include "network/address6.h"

#include <arpa/inet.h>
#include <string.h>

#include "base/memory.h"
#include "base/text.h"

enum { BITS = 128, HOST_BITS = 32, OWN_LENGTH = 64, OWN_FIRST = 0xfd };

int cunik_address6_parse(const char *text, struct in6_addr *ret, struct error **err)
{
    struct in6_addr address;

    if (inet_pton(AF_INET6, text, &address) != 1)
        return cunik_error_set(err, ERROR_INVALID, "'%s' is no IPv6 address", text);
    *ret = address;
    return 0;
}

char *cunik_address6_text(const struct in6_addr *address)
{
    char text[INET6_ADDRSTRLEN];

    return cunik_strdup(inet_ntop(AF_INET6, address, text, sizeof(text)));
}

/* Clears the bits behind the prefix. */
static struct in6_addr masked(const struct in6_addr *address, unsigned length)
{
    struct in6_addr out = *address;

    for (unsigned bit = length; bit < BITS; bit++)
        out.s6_addr[bit / 8] &= (uint8_t) ~(0x80 >> bit % 8);
    return out;
}

static bool same(const struct in6_addr *a, const struct in6_addr *b)
{
    return memcmp(a, b, sizeof(*a)) == 0;
}

int cunik_cidr6_parse(const char *text, struct cidr6 *ret, struct error **err)
{
    const char *slash = strchr(text, '/');
    _cleanup_free_ char *address = cunik_strndup(text, slash ? (size_t)(slash - text) : 0);
    struct cidr6 c;
    uint64_t length;

    if (!slash || cunik_address6_parse(address, &c.address, NULL) < 0 ||
        cunik_text_to_uint(slash + 1, 0, BITS, &length) < 0)
        return cunik_error_set(err, ERROR_INVALID, "'%s' is no IPv6 subnet such as fd00:1::/64",
                               text);
    c.length = (unsigned)length;
    *ret = c;
    return 0;
}

int cunik_cidr6_parse_subnet(const char *text, struct cidr6 *ret, struct error **err)
{
    struct cidr6 c;
    int r = cunik_cidr6_parse(text, &c, err);

    if (r < 0)
        return r;
    struct cidr6 meant = {masked(&c.address, c.length), c.length};
    if (!same(&meant.address, &c.address)) {
        _cleanup_free_ char *subnet = cunik_cidr6_text(&meant);
        return cunik_error_set(err, ERROR_INVALID,
                               "'%s' is an address in a subnet, not the subnet, which is %s", text,
                               subnet);
    }
    *ret = c;
    return 0;
}

char *cunik_cidr6_text(const struct cidr6 *c)
{
    _cleanup_free_ char *address = cunik_address6_text(&c->address);

    return cunik_asprintf("%s/%u", address, c->length);
}

struct cidr6 cunik_cidr6_subnet(const struct cidr6 *c)
{
    return (struct cidr6){masked(&c->address, c->length), c->length};
}

bool cunik_cidr6_contains(const struct cidr6 *c, const struct in6_addr *address)
{
    struct in6_addr a = masked(&c->address, c->length), b = masked(address, c->length);

    return same(&a, &b);
}

bool cunik_cidr6_overlaps(const struct cidr6 *a, const struct cidr6 *b)
{
    const struct cidr6 *wide = a->length < b->length ? a : b, *narrow = wide == a ? b : a;

    return cunik_cidr6_contains(wide, &narrow->address);
}

bool cunik_cidr6_usable(const struct cidr6 *c, const struct in6_addr *address)
{
    struct in6_addr first = masked(&c->address, c->length);

    return cunik_cidr6_contains(c, address) && (c->length >= BITS - 1 || !same(&first, address));
}

struct in6_addr cunik_cidr6_host(const struct cidr6 *c, uint32_t host)
{
    struct in6_addr out = masked(&c->address, BITS - HOST_BITS);

    for (int i = 0; i < 4; i++)
        out.s6_addr[12 + i] = (uint8_t)(host >> (24 - 8 * i));
    return out;
}

struct cidr6 cunik_cidr6_own(uint64_t hash)
{
    struct cidr6 c = {.length = OWN_LENGTH};

    c.address.s6_addr[0] = OWN_FIRST;
    for (int i = 1; i < 8; i++)
        c.address.s6_addr[i] = (uint8_t)(hash >> (8 * i));
    return c;
}
