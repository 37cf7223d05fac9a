/* Which texts a field allows. Names become file names, link names and words of command lines, so
 * every kind lists what it lets through rather than what it does not. */
#include "engine/record.h"

#include <arpa/inet.h>
#include <string.h>

#include "base/memory.h"
#include "network/address.h"
#include "network/address6.h"
#include "network/link.h"

enum { NAME_MOST = 128, STACK_MOST = 64, LINE_MOST = 4096, ANY_MOST = 128 << 10 };

static bool is_lower(char c)
{
    return c >= 'a' && c <= 'z';
}

static bool is_digit(char c)
{
    return c >= '0' && c <= '9';
}

static bool is_alnum(char c)
{
    return is_lower(c) || is_digit(c) || (c >= 'A' && c <= 'Z');
}

static bool only(const char *s, size_t size, const char *others)
{
    for (size_t i = 0; i < size; i++)
        if (!is_alnum(s[i]) && !strchr(others, s[i]))
            return false;
    return true;
}

static bool ok_line(const char *s, size_t size)
{
    for (size_t i = 0; i < size; i++)
        if ((unsigned char)s[i] < 0x20 || s[i] == 0x7f)
            return false;
    return size <= LINE_MOST;
}

static bool ok_any(const char *s, size_t size)
{
    (void)s;
    return size <= ANY_MOST;
}

static bool ok_name(const char *s, size_t size)
{
    return size <= NAME_MOST && is_alnum(s[0]) && only(s, size, "_.-");
}

static bool ok_stack(const char *s, size_t size)
{
    for (size_t i = 0; i < size; i++)
        if (!is_lower(s[i]) && !is_digit(s[i]) && (i == 0 || (s[i] != '-' && s[i] != '_')))
            return false;
    return size <= STACK_MOST;
}

static bool ok_service(const char *s, size_t size)
{
    return size <= NAME_MOST && only(s, size, "_.-");
}

static bool ok_link(const char *s, size_t size _unused_)
{
    return cunik_link_is_name(s);
}

static bool ok_path(const char *s, size_t size)
{
    return s[0] == '/' && size < LINE_MOST && ok_line(s, size);
}

static bool ok_address(const char *s, size_t size)
{
    uint32_t address;

    return size < 16 && cunik_address_parse(s, &address, NULL) == 0;
}

static bool ok_subnet(const char *s, size_t size)
{
    struct cidr subnet;

    return size < 19 && cunik_cidr_parse_subnet(s, &subnet, NULL) == 0;
}

static bool ok_host_ip(const char *s, size_t size)
{
    struct in6_addr six;

    return ok_address(s, size) || inet_pton(AF_INET6, s, &six) == 1;
}

static bool ok_address6(const char *s, size_t size)
{
    struct in6_addr address;

    return size < INET6_ADDRSTRLEN && cunik_address6_parse(s, &address, NULL) == 0;
}

static bool ok_subnet6(const char *s, size_t size)
{
    struct cidr6 subnet;

    return size < INET6_ADDRSTRLEN + 4 && cunik_cidr6_parse_subnet(s, &subnet, NULL) == 0;
}

static bool ok_mac(const char *s, size_t size)
{
    _cleanup_free_ char *canonical = NULL;

    return size == 17 && cunik_mac_parse(s, &canonical, NULL) == 0 && strcmp(canonical, s) == 0;
}

static bool ok_uuid(const char *s, size_t size)
{
    for (size_t i = 0; i < size; i++) {
        bool dash = i == 8 || i == 13 || i == 18 || i == 23;
        if (dash ? s[i] != '-' : !is_digit(s[i]) && !(s[i] >= 'a' && s[i] <= 'f'))
            return false;
    }
    return size == 36;
}

static bool ok_protocol(const char *s, size_t size)
{
    (void)size;
    return strcmp(s, "tcp") == 0 || strcmp(s, "udp") == 0;
}

static bool ok_hostname(const char *s, size_t size)
{
    return size <= 253 && s[0] != '-' && s[0] != '.' && only(s, size, "_.-");
}

static bool ok_key(const char *s, size_t size)
{
    return size > 0 && ok_line(s, size) && !strchr(s, '=');
}

static const struct {
    bool (*ok)(const char *s, size_t size);
    const char *expected;
} kinds[] = {
    [TEXT_ANY] = {ok_any, "at most 128 KiB long"},
    [TEXT_LINE] = {ok_line, "one line of at most 4096 bytes"},
    [TEXT_NAME] = {ok_name, "a name of at most 128 letters, digits and _ . -, beginning with a "
                            "letter or digit"},
    [TEXT_STACK] = {ok_stack, "a name of at most 64 lower-case letters, digits and _ -, beginning "
                              "with a letter or digit"},
    [TEXT_SERVICE] = {ok_service, "a name of at most 128 letters, digits and _ . -"},
    [TEXT_LINK] = {ok_link, "a link's name of at most 15 letters, digits and _ . -, and no "
                            "reserved one"},
    [TEXT_PATH] = {ok_path, "an absolute path"},
    [TEXT_ADDRESS] = {ok_address, "an IPv4 address"},
    [TEXT_SUBNET] = {ok_subnet, "an IPv4 subnet such as 10.1.2.0/24"},
    [TEXT_HOST_IP] = {ok_host_ip, "an IP address"},
    [TEXT_ADDRESS6] = {ok_address6, "an IPv6 address"},
    [TEXT_SUBNET6] = {ok_subnet6, "an IPv6 subnet such as fd00:1::/64"},
    [TEXT_MAC] = {ok_mac, "a unicast MAC address in lower case"},
    [TEXT_UUID] = {ok_uuid, "a UUID in lower case"},
    [TEXT_PROTOCOL] = {ok_protocol, "tcp or udp"},
    [TEXT_HOSTNAME] = {ok_hostname, "a host name"},
    [TEXT_KEY] = {ok_key, "a key without '='"},
};
_Static_assert(ARRAY_SIZE(kinds) == TEXT_KIND_MAX_, "every kind of text has its row");

bool cunik_record_text_ok(enum text_kind kind, const char *s, size_t size,
                          const char **ret_expected)
{
    if (ret_expected)
        *ret_expected = kinds[kind].expected;
    return kinds[kind].ok(s, size);
}
