#include "network/names.h"

#include "base/buffer.h"
#include "base/digest.h"
#include "base/memory.h"

/* Parts are joined with their NUL, so that ("a", "bc") and ("ab", "c") differ. */
static void append(struct buffer *b, const char *part)
{
    for (const char *p = part; *p; p++)
        cunik_buffer_char(b, *p);
    cunik_buffer_char(b, '\0');
}

static void append_cunik(struct buffer *b, const char *stack, const char *service, int64_t index)
{
    append(b, stack);
    append(b, service);
    cunik_buffer_printf(b, "%lld", (long long)index);
    cunik_buffer_char(b, '\0');
}

char *cunik_network_link_name(char kind, const char *engine, const char *stack, const char *rest)
{
    _cleanup_buffer_ struct buffer b = {0};

    cunik_buffer_char(&b, kind);
    append(&b, engine);
    append(&b, stack);
    append(&b, rest);
    _cleanup_free_ char *digits = cunik_digest_hex(b.data, b.size, 12);
    return cunik_asprintf("ck%c%s", kind, digits);
}

char *cunik_network_mac(const char *stack, const char *service, int64_t index, const char *network)
{
    _cleanup_buffer_ struct buffer b = {0};
    uint8_t d[DIGEST_SIZE];

    append(&b, "mac");
    append_cunik(&b, stack, service, index);
    append(&b, network);
    cunik_digest(b.data, b.size, d);
    return cunik_asprintf("52:%02x:%02x:%02x:%02x:%02x", d[0], d[1], d[2], d[3], d[4]);
}

char *cunik_network_uuid(const char *stack, const char *service, int64_t index)
{
    _cleanup_buffer_ struct buffer b = {0};
    uint8_t d[DIGEST_SIZE];

    append(&b, "uuid");
    append_cunik(&b, stack, service, index);
    cunik_digest(b.data, b.size, d);
    d[6] = (uint8_t)((d[6] & 0x0f) | 0x80); /* version 8 */
    d[8] = (uint8_t)((d[8] & 0x3f) | 0x80); /* variant of RFC 9562 */
    return cunik_asprintf("%02x%02x%02x%02x-%02x%02x-%02x%02x-%02x%02x-%02x%02x%02x%02x%02x%02x",
                          d[0], d[1], d[2], d[3], d[4], d[5], d[6], d[7], d[8], d[9], d[10], d[11],
                          d[12], d[13], d[14], d[15]);
}

uint32_t cunik_network_group(const char *engine, const char *stack)
{
    _cleanup_buffer_ struct buffer b = {0};
    uint8_t d[DIGEST_SIZE];

    append(&b, "group");
    append(&b, engine);
    append(&b, stack);
    cunik_digest(b.data, b.size, d);
    /* 31 bits: tools print it as a signed number. */
    uint32_t group =
        ((uint32_t)(d[0] & 0x7f) << 24) | (uint32_t)d[1] << 16 | (uint32_t)d[2] << 8 | d[3];
    return group ? group : 1;
}
