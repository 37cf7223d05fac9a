#include "network/address.h"

#include <stdio.h>
#include <string.h>

#include "base/memory.h"

/* Reads one decimal number up to `limit` without leading zeros; the position behind it, or NULL. */
static const char *read_number(const char *p, unsigned limit, unsigned *ret)
{
    const char *start = p;
    unsigned n = 0;

    for (; *p >= '0' && *p <= '9'; p++) {
        n = n * 10 + (unsigned)(*p - '0');
        if (n > limit || (*start == '0' && p > start))
            return NULL;
    }
    *ret = n;
    return p > start ? p : NULL;
}

/* The position behind the address, or NULL. */
static const char *read_address(const char *p, uint32_t *ret)
{
    uint32_t address = 0;
    unsigned n;

    for (int i = 0; i < 4; i++) {
        if (i && *p++ != '.')
            return NULL;
        if (!(p = read_number(p, 255, &n)))
            return NULL;
        address = address << 8 | n;
    }
    *ret = address;
    return p;
}

int cunik_address_parse(const char *text, uint32_t *ret, struct error **err)
{
    uint32_t address;
    const char *end = read_address(text, &address);

    if (!end || *end)
        return cunik_error_set(err, ERROR_INVALID, "'%s' is no IPv4 address", text);
    *ret = address;
    return 0;
}

char *cunik_address_text(uint32_t a)
{
    return cunik_asprintf("%u.%u.%u.%u", a >> 24, a >> 16 & 255, a >> 8 & 255, a & 255);
}

int cunik_cidr_parse(const char *text, struct cidr *ret, struct error **err)
{
    struct cidr c;
    const char *p = read_address(text, &c.address);

    if (p && *p == '/')
        p = read_number(p + 1, 32, &c.length);
    else
        p = NULL;
    if (!p || *p)
        return cunik_error_set(err, ERROR_INVALID, "'%s' is no IPv4 subnet such as 10.1.2.0/24",
                               text);
    *ret = c;
    return 0;
}

int cunik_cidr_parse_subnet(const char *text, struct cidr *ret, struct error **err)
{
    struct cidr c;
    int r = cunik_cidr_parse(text, &c, err);

    if (r < 0)
        return r;
    if (cunik_cidr_first(&c) != c.address) {
        struct cidr meant = cunik_cidr_subnet(&c);
        _cleanup_free_ char *subnet = cunik_cidr_text(&meant);
        return cunik_error_set(err, ERROR_INVALID,
                               "'%s' is an address in a subnet, not the subnet, which is %s", text,
                               subnet);
    }
    *ret = c;
    return 0;
}

char *cunik_cidr_text(const struct cidr *c)
{
    _cleanup_free_ char *address = cunik_address_text(c->address);

    return cunik_asprintf("%s/%u", address, c->length);
}

uint32_t cunik_cidr_mask(const struct cidr *c)
{
    /* A shift by all 32 bits would be undefined. */
    return c->length ? ~(uint32_t)0 << (32 - c->length) : 0;
}

uint32_t cunik_cidr_first(const struct cidr *c)
{
    return c->address & cunik_cidr_mask(c);
}

uint32_t cunik_cidr_last(const struct cidr *c)
{
    return c->address | ~cunik_cidr_mask(c);
}

uint64_t cunik_cidr_size(const struct cidr *c)
{
    return (uint64_t)1 << (32 - c->length);
}

struct cidr cunik_cidr_subnet(const struct cidr *c)
{
    return (struct cidr){.address = cunik_cidr_first(c), .length = c->length};
}

bool cunik_cidr_contains(const struct cidr *c, uint32_t address)
{
    return (address & cunik_cidr_mask(c)) == cunik_cidr_first(c);
}

bool cunik_cidr_overlaps(const struct cidr *a, const struct cidr *b)
{
    return cunik_cidr_first(a) <= cunik_cidr_last(b) && cunik_cidr_first(b) <= cunik_cidr_last(a);
}

bool cunik_cidr_usable(const struct cidr *c, uint32_t address)
{
    if (!cunik_cidr_contains(c, address))
        return false;
    return c->length >= 31 || (address != cunik_cidr_first(c) && address != cunik_cidr_last(c));
}

bool cunik_cidr_nth(const struct cidr *c, uint64_t n, uint32_t *ret)
{
    if (n >= cunik_cidr_size(c))
        return false;
    *ret = cunik_cidr_first(c) + (uint32_t)n;
    return true;
}

static int hex_value(char c)
{
    if (c >= '0' && c <= '9')
        return c - '0';
    if (c >= 'a' && c <= 'f')
        return c - 'a' + 10;
    if (c >= 'A' && c <= 'F')
        return c - 'A' + 10;
    return -1;
}

int cunik_mac_parse(const char *text, char **ret, struct error **err)
{
    unsigned mac[6] = {0}, any = 0;
    const char *p = text;

    for (int i = 0; i < 6; i++) {
        if (i && *p != ':' && *p != '-')
            return cunik_error_set(err, ERROR_INVALID, "'%s' is no MAC address", text);
        p += i > 0;
        int high = hex_value(p[0]), low = high < 0 ? -1 : hex_value(p[1]);
        if (low < 0)
            return cunik_error_set(err, ERROR_INVALID, "'%s' is no MAC address", text);
        mac[i] = (unsigned)high << 4 | (unsigned)low;
        any |= mac[i];
        p += 2;
    }
    if (*p)
        return cunik_error_set(err, ERROR_INVALID, "'%s' is no MAC address", text);
    if (mac[0] & 1)
        return cunik_error_set(err, ERROR_INVALID,
                               "'%s' is a multicast address, which no interface can have", text);
    if (!any)
        return cunik_error_set(err, ERROR_INVALID,
                               "'%s' is the null address, which no interface can have", text);
    *ret = cunik_asprintf("%02x:%02x:%02x:%02x:%02x:%02x", mac[0], mac[1], mac[2], mac[3], mac[4],
                          mac[5]);
    return 0;
}
