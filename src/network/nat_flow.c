#include "network/nat_flow.h"

#include <string.h>

#include "base/text.h"
#include "network/address.h"
#include "network/address6.h"

void cunik_nat_flows_done(struct nat_flows *f)
{
    free(f->items);
    *f = (struct nat_flows){0};
}

/* What an expression is about */

enum about { ABOUT_OTHER, ABOUT_PORT, ABOUT_PROTOCOL, ABOUT_ADDRESS, ABOUT_FAMILY, ABOUT_TYPE };

static unsigned protocol_of(const char *name)
{
    return strcmp(name, "tcp") == 0 ? NAT_TCP : strcmp(name, "udp") == 0 ? NAT_UDP : 0;
}

static const struct {
    const char *kind, *key, *word; /* as in {"payload": {"field": "dport"}} */
    enum about about;
} expressions[] = {
    {"payload", "field", "dport", ABOUT_PORT},
    {"payload", "field", "daddr", ABOUT_ADDRESS},
    {"payload", "field", "protocol", ABOUT_PROTOCOL},
    {"payload", "field", "nexthdr", ABOUT_PROTOCOL},
    {"meta", "key", "l4proto", ABOUT_PROTOCOL},
    {"meta", "key", "nfproto", ABOUT_FAMILY},
    {"fib", "result", "type", ABOUT_TYPE},
};

static enum about about_of(const json_t *expression)
{
    for (size_t i = 0; i < ARRAY_SIZE(expressions); i++) {
        const json_t *inner = json_object_get(expression, expressions[i].kind);
        if (inner &&
            strcmp(cunik_json_string_at(inner, expressions[i].key), expressions[i].word) == 0 &&
            strcmp(cunik_json_string_at(inner, "protocol"), "ether") != 0)
            return expressions[i].about;
    }
    return ABOUT_OTHER;
}

bool cunik_nat_flow_is_told_by(const json_t *expression)
{
    const json_t *parts = json_object_get(expression, "concat");

    if (!parts)
        return about_of(expression) != ABOUT_OTHER;
    for (size_t i = 0; i < json_array_size(parts); i++)
        if (about_of(json_array_get(parts, i)) != ABOUT_OTHER)
            return true;
    return false;
}

/* Narrowing */

static void add(struct nat_flows *to, const struct nat_flow *f)
{
    *ARRAY_APPEND(to->items, to->n) = *f;
}

void cunik_nat_flow_all(const struct nat_flows *in, struct nat_flows *to)
{
    for (size_t i = 0; i < in->n; i++)
        add(to, &in->items[i]);
}

/* Ports from low to high of the flow. */
static void take_ports(const struct nat_flow *in, json_int_t low, json_int_t high,
                       struct nat_flows *to)
{
    struct nat_flow f = *in;
    json_int_t first = in->first ? in->first : 1, last = in->first ? in->last : NAT_PORT_MAX;

    if (low > first)
        first = low;
    if (high < last)
        last = high;
    if (first > last)
        return;
    f.first = (unsigned)first;
    f.last = (unsigned)last;
    add(to, &f);
}

static void take_port(const struct nat_flow *in, const json_t *value, struct nat_flows *to)
{
    const json_t *range = json_object_get(value, "range");

    if (json_is_integer(value))
        take_ports(in, json_integer_value(value), json_integer_value(value), to);
    else if (range)
        take_ports(in, json_integer_value(json_array_get(range, 0)),
                   json_integer_value(json_array_get(range, 1)), to);
}

/* -1, 0, 1, as strcmp; of two families, and of what is no address, an answer that is in no range.
 */
static int compare(const char *a, const char *b, int otherwise)
{
    struct in6_addr x, y;
    uint32_t p, q;

    if (cunik_address_parse(a, &p, NULL) == 0 && cunik_address_parse(b, &q, NULL) == 0)
        return p < q ? -1 : p > q;
    if (cunik_address6_parse(a, &x, NULL) == 0 && cunik_address6_parse(b, &y, NULL) == 0)
        return memcmp(&x, &y, sizeof(x));
    return otherwise;
}

static bool is_in_subnet(const char *address, const char *subnet, unsigned length)
{
    struct cidr6 six = {.length = length};
    struct cidr four = {.length = length};
    struct in6_addr x;
    uint32_t p;

    if (cunik_address_parse(subnet, &four.address, NULL) == 0)
        return length <= 32 && cunik_address_parse(address, &p, NULL) == 0 &&
               cunik_cidr_contains(&four, p);
    return length <= 128 && cunik_address6_parse(subnet, &six.address, NULL) == 0 &&
           cunik_address6_parse(address, &x, NULL) == 0 && cunik_cidr6_contains(&six, &x);
}

static bool is_among(const char *address, const json_t *value)
{
    const json_t *prefix = json_object_get(value, "prefix"),
                 *range = json_object_get(value, "range");

    if (prefix)
        return is_in_subnet(address, cunik_json_string_at(prefix, "addr"),
                            (unsigned)json_integer_value(json_object_get(prefix, "len")));
    if (range) {
        const char *first = json_string_value(json_array_get(range, 0));
        const char *last = json_string_value(json_array_get(range, 1));
        return first && last && compare(first, address, 1) <= 0 && compare(address, last, 1) <= 0;
    }
    return json_is_string(value) && compare(address, json_string_value(value), 1) == 0;
}

/* Of a value each address of the host's that it has; one of 127.0.0.0/8 is always one. */
static void take_address(const struct nat_flow *in, const json_t *value,
                         const struct strv *addresses, struct nat_flows *to)
{
    const char *single = json_string_value(value);
    struct nat_flow f = *in;

    if (single && strcmp(single, "*") == 0) {
        add(to, in);
        return;
    }
    if (single && (!addresses->n || cunik_text_starts(single, "127."))) {
        f.address = single;
        add(to, &f);
        return;
    }
    for (size_t i = 0; i < addresses->n; i++) {
        f.address = addresses->items[i];
        if ((!in->address || strcmp(in->address, f.address) == 0) && is_among(f.address, value))
            add(to, &f);
    }
}

static void take_bits(const struct nat_flow *in, unsigned protocols, unsigned families,
                      struct nat_flows *to)
{
    struct nat_flow f = *in;

    f.protocols &= protocols;
    f.families &= families;
    if (f.protocols && f.families)
        add(to, &f);
}

void cunik_nat_flow_bits(const struct nat_flows *in, unsigned protocols, unsigned families,
                         struct nat_flows *to)
{
    for (size_t i = 0; i < in->n; i++)
        take_bits(&in->items[i], protocols, families, to);
}

/* {"payload": {"protocol": "tcp", "field": "dport"}} is of TCP alone, "th" of both; {"payload":
 * {"protocol": "ip", …}} of IPv4. */
static struct nat_flow of_payload(const struct nat_flow *in, const json_t *expression)
{
    const char *protocol = cunik_json_string_at(json_object_get(expression, "payload"), "protocol");
    struct nat_flow f = *in;

    if (strcmp(protocol, "ip") == 0)
        f.families &= NAT_FOUR;
    else if (strcmp(protocol, "ip6") == 0)
        f.families &= NAT_SIX;
    else if (*protocol && strcmp(protocol, "th") != 0)
        f.protocols &= protocol_of(protocol);
    return f;
}

static void take_value(const struct nat_flow *given, const json_t *expression, const json_t *value,
                       const struct strv *addresses, struct nat_flows *to)
{
    enum about about = about_of(expression);
    const char *word = json_string_value(value);
    struct nat_flow in = about == ABOUT_OTHER ? *given : of_payload(given, expression);

    if (!in.protocols || !in.families)
        return;
    if (word && strcmp(word, "*") == 0)
        about = ABOUT_OTHER;
    switch (about) {
    case ABOUT_PORT:
        take_port(&in, value, to);
        return;
    case ABOUT_ADDRESS:
        take_address(&in, value, addresses, to);
        return;
    case ABOUT_PROTOCOL:
        take_bits(&in, word ? protocol_of(word) : 0, NAT_FAMILIES, to);
        return;
    case ABOUT_FAMILY:
        take_bits(&in, NAT_PROTOCOLS,
                  !word                       ? 0
                  : strcmp(word, "ipv4") == 0 ? NAT_FOUR
                                              : NAT_SIX,
                  to);
        return;
    case ABOUT_TYPE: /* broadcasts and the like are nobody's ports */
        if (word && strcmp(word, "local") == 0)
            add(to, &in);
        return;
    case ABOUT_OTHER:
        add(to, &in);
    }
}

/* {"elem": {"val": …}} is a value of which there is more to say. */
void cunik_nat_flow_equal(const struct nat_flows *in, const json_t *expression, const json_t *value,
                          const struct strv *addresses, struct nat_flows *to)
{
    const json_t *inner = json_object_get(json_object_get(value, "elem"), "val");
    const json_t *parts = json_object_get(expression, "concat");
    const json_t *values = json_object_get(inner ? inner : value, "concat");
    _cleanup_nat_flows_ struct nat_flows now = {0};

    cunik_nat_flow_all(in, &now);
    for (size_t k = 0; k < (parts ? json_array_size(parts) : 1); k++) {
        struct nat_flows next = {0};
        for (size_t i = 0; i < now.n; i++)
            take_value(&now.items[i], parts ? json_array_get(parts, k) : expression,
                       parts   ? json_array_get(values, k)
                       : inner ? inner
                               : value,
                       addresses, &next);
        cunik_nat_flows_done(&now);
        now = next;
    }
    cunik_nat_flow_all(&now, to);
}

static void take_all_but(const struct nat_flow *in, const json_t *left, const json_t *value,
                         struct nat_flows *to)
{
    const json_t *range = json_object_get(value, "range");
    json_int_t low = json_integer_value(range ? json_array_get(range, 0) : value);
    json_int_t high = json_integer_value(range ? json_array_get(range, 1) : value);
    const char *word = json_string_value(value);
    struct nat_flow f = of_payload(in, left);

    if (!f.protocols || !f.families)
        return;
    switch (about_of(left)) {
    case ABOUT_PORT:
        if (range || json_is_integer(value)) {
            take_ports(&f, 1, low - 1, to);
            take_ports(&f, high + 1, NAT_PORT_MAX, to);
        }
        return;
    case ABOUT_PROTOCOL:
        take_bits(&f, ~(word ? protocol_of(word) : 0), ~0u, to);
        return;
    case ABOUT_FAMILY:
        take_bits(&f, ~0u, word && strcmp(word, "ipv4") == 0 ? ~NAT_FOUR : ~NAT_SIX, to);
        return;
    case ABOUT_TYPE: /* what is not local passes by */
        if (word && strcmp(word, "local") != 0)
            add(to, &f);
        return;
    case ABOUT_ADDRESS: /* all but some may be any; and of several together each */
    case ABOUT_OTHER:
        add(to, &f);
    }
}

void cunik_nat_flow_unequal(const struct nat_flows *in, const json_t *left, const json_t *right,
                            struct nat_flows *to)
{
    const json_t *inner = json_object_get(json_object_get(right, "elem"), "val");

    for (size_t i = 0; i < in->n; i++)
        take_all_but(&in->items[i], left, inner ? inner : right, to);
}

void cunik_nat_flow_between(const struct nat_flows *in, const json_t *left, json_int_t low,
                            json_int_t high, struct nat_flows *to)
{
    for (size_t i = 0; i < in->n; i++) {
        struct nat_flow f = of_payload(&in->items[i], left);
        if (about_of(left) == ABOUT_PORT && f.protocols)
            take_ports(&f, low, high, to);
    }
}
