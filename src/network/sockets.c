#include "network/sockets.h"

#include <arpa/inet.h>
#include <errno.h>
#include <inttypes.h>
#include <stdio.h>
#include <string.h>

#include "base/file.h"
#include "base/memory.h"
#include "network/address.h"
#include "network/address6.h"

enum {
    TABLE_LIMIT = 256 << 20,
    STATE_UDP_BOUND = 7, /* TCP_CLOSE, which an unconnected UDP socket is in */
    STATE_TCP_LISTEN = 10,
};

/* The kernel's tables of sockets (proc(5), /proc/net/tcp): a heading, then a line for each,
 *
 *    0: 0100007F:1F90 00000000:0000 0A ...
 *
 * with the local address as the 32-bit words of its bytes in memory, and the state third. */
static const struct table {
    const char *path;
    const char *protocol;
    unsigned state;
    bool six;
} tables[] = {
    {"/proc/self/net/tcp", "tcp", STATE_TCP_LISTEN, false},
    {"/proc/self/net/tcp6", "tcp", STATE_TCP_LISTEN, true},
    {"/proc/self/net/udp", "udp", STATE_UDP_BOUND, false},
    {"/proc/self/net/udp6", "udp", STATE_UDP_BOUND, true},
};

/* 32-bit words of the address as they lie in memory. */
static bool read_words(const char *digits, uint32_t *words, size_t n)
{
    for (size_t i = 0; i < n; i++)
        if (sscanf(digits + 8 * i, "%8" SCNx32, &words[i]) != 1)
            return false;
    return true;
}

static void add(struct strv *ret, const struct table *t, const char *address, unsigned port)
{
    cunik_strv_addf(ret, "%s %s %u", t->protocol, address, port);
}

static void add_four(struct strv *ret, const struct table *t, uint32_t word, unsigned port)
{
    _cleanup_free_ char *text = cunik_address_text(ntohl(word));

    add(ret, t, text, port);
}

/* One of IPv6 may be of both. */
static void add_six(struct strv *ret, const struct table *t, const uint32_t *words, unsigned port)
{
    struct in6_addr six;

    memcpy(&six, words, sizeof(six));
    if (IN6_IS_ADDR_LOOPBACK(&six) || IN6_IS_ADDR_LINKLOCAL(&six))
        return;
    if (IN6_IS_ADDR_V4MAPPED(&six)) {
        add_four(ret, t, words[3], port);
        return;
    }
    if (IN6_IS_ADDR_UNSPECIFIED(&six))
        add_four(ret, t, 0, port);
    _cleanup_free_ char *text = cunik_address6_text(&six);
    add(ret, t, text, port);
}

static void read_line(const char *line, const struct table *t, struct strv *ret)
{
    char digits[33];
    unsigned port, state;
    uint32_t words[4];

    if (sscanf(line, " %*u: %32[0-9A-Fa-f]:%x %*[0-9A-Fa-f]:%*x %x", digits, &port, &state) != 3 ||
        state != t->state || !read_words(digits, words, t->six ? 4 : 1))
        return;
    if (t->six)
        add_six(ret, t, words, port);
    else
        add_four(ret, t, words[0], port);
}

static int read_table(const struct table *t, struct strv *ret, struct error **err)
{
    _cleanup_free_ char *text = NULL;
    _cleanup_error_ struct error *e = NULL;
    int r = cunik_file_read(t->path, TABLE_LIMIT, &text, NULL, &e);

    if (r == -ENOENT) /* a kernel without IPv6 */
        return 0;
    if (r < 0)
        return cunik_error_pass(err, r, &e);
    for (char *line = text, *end; (end = strchr(line, '\n')); line = end + 1) {
        *end = '\0';
        read_line(line, t, ret);
    }
    return 0;
}

int cunik_sockets_list(struct strv *ret, struct error **err)
{
    _cleanup_strv_ struct strv found = {0};

    for (size_t i = 0; i < ARRAY_SIZE(tables); i++) {
        int r = read_table(&tables[i], &found, err);
        if (r < 0)
            return r;
    }
    *ret = found;
    found = (struct strv){0};
    return 0;
}
