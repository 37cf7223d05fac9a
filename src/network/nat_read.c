/* What rules of nftables lead elsewhere: libnftables-json(5) is the form. */
#include <string.h>

#include "base/map.h"
#include "base/memory.h"
#include "base/text.h"
#include "network/address.h"
#include "network/address6.h"
#include "network/nat.h"

enum {
    PORT_MAX = UINT16_MAX,
    DEPTH_MAX = 16, /* as the kernel's NFT_JUMP_STACK_SIZE */
    STEPS_MAX = 1000 * 1000,
};

enum { TCP = 1, UDP = 2 }; /* bits */
enum { FOUR = 1, SIX = 2 };

/* Packets that come by some point of the rules. */
struct flow {
    unsigned protocols, families;
    unsigned first, last; /* ports; first 0: no port was named */
    const char *address;  /* NULL: every one; borrowed */
};

struct flows {
    struct flow *items;
    size_t n;
};

static void flows_done(struct flows *f)
{
    free(f->items);
    *f = (struct flows){0};
}
#define _cleanup_flows_ _cleanup_(flows_done)

struct reader {
    const struct nat_elements *elements;
    const struct strv *addresses;
    struct strv *ret;
    struct map found;  /* lines of ret */
    struct map chains; /* name → json_t array of rules */
    const char *family, *table;
    const char *chain; /* that is being read */
    size_t depth, steps;
};

static const char *text_of(const json_t *object, const char *key)
{
    const char *text = json_string_value(json_object_get(object, key));

    return text ? text : "";
}

/* What an expression is about */

enum about { ABOUT_OTHER, ABOUT_PORT, ABOUT_PROTOCOL, ABOUT_ADDRESS, ABOUT_FAMILY, ABOUT_TYPE };

static unsigned protocol_of(const char *name)
{
    return strcmp(name, "tcp") == 0 ? TCP : strcmp(name, "udp") == 0 ? UDP : 0;
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
        if (inner && strcmp(text_of(inner, expressions[i].key), expressions[i].word) == 0 &&
            strcmp(text_of(inner, "protocol"), "ether") != 0)
            return expressions[i].about;
    }
    return ABOUT_OTHER;
}

/* Narrowing */

static void add(struct flows *to, const struct flow *f)
{
    *ARRAY_APPEND(to->items, to->n) = *f;
}

/* Ports from low to high of the flow. */
static void take_ports(const struct flow *in, json_int_t low, json_int_t high, struct flows *to)
{
    struct flow f = *in;
    json_int_t first = in->first ? in->first : 1, last = in->first ? in->last : PORT_MAX;

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

static void take_port(const struct flow *in, const json_t *value, struct flows *to)
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
        return is_in_subnet(address, text_of(prefix, "addr"),
                            (unsigned)json_integer_value(json_object_get(prefix, "len")));
    if (range) {
        const char *first = json_string_value(json_array_get(range, 0));
        const char *last = json_string_value(json_array_get(range, 1));
        return first && last && compare(first, address, 1) <= 0 && compare(address, last, 1) <= 0;
    }
    return json_is_string(value) && compare(address, json_string_value(value), 1) == 0;
}

/* Of a value each address of the host's that it has; one of 127.0.0.0/8 is always one. */
static void take_address(const struct reader *r, const struct flow *in, const json_t *value,
                         struct flows *to)
{
    const char *single = json_string_value(value);
    struct flow f = *in;

    if (single && strcmp(single, "*") == 0) {
        add(to, in);
        return;
    }
    if (single && (!r->addresses->n || cunik_text_starts(single, "127."))) {
        f.address = single;
        add(to, &f);
        return;
    }
    for (size_t i = 0; i < r->addresses->n; i++) {
        f.address = r->addresses->items[i];
        if ((!in->address || strcmp(in->address, f.address) == 0) && is_among(f.address, value))
            add(to, &f);
    }
}

static void take_bits(const struct flow *in, unsigned protocols, unsigned families,
                      struct flows *to)
{
    struct flow f = *in;

    f.protocols &= protocols;
    f.families &= families;
    if (f.protocols && f.families)
        add(to, &f);
}

/* {"payload": {"protocol": "tcp", "field": "dport"}} is of TCP alone, "th" of both; {"payload":
 * {"protocol": "ip", …}} of IPv4. */
static struct flow of_payload(const struct flow *in, const json_t *expression)
{
    const char *protocol = text_of(json_object_get(expression, "payload"), "protocol");
    struct flow f = *in;

    if (strcmp(protocol, "ip") == 0)
        f.families &= FOUR;
    else if (strcmp(protocol, "ip6") == 0)
        f.families &= SIX;
    else if (*protocol && strcmp(protocol, "th") != 0)
        f.protocols &= protocol_of(protocol);
    return f;
}

static void take_value(const struct reader *r, const struct flow *given, const json_t *expression,
                       const json_t *value, struct flows *to)
{
    enum { ALL = TCP | UDP, BOTH = FOUR | SIX };
    enum about about = about_of(expression);
    const char *word = json_string_value(value);
    struct flow in = about == ABOUT_OTHER ? *given : of_payload(given, expression);

    if (!in.protocols || !in.families)
        return;
    if (word && strcmp(word, "*") == 0)
        about = ABOUT_OTHER;
    switch (about) {
    case ABOUT_PORT:
        take_port(&in, value, to);
        return;
    case ABOUT_ADDRESS:
        take_address(r, &in, value, to);
        return;
    case ABOUT_PROTOCOL:
        take_bits(&in, word ? protocol_of(word) : 0, BOTH, to);
        return;
    case ABOUT_FAMILY:
        take_bits(&in, ALL, !word ? 0 : strcmp(word, "ipv4") == 0 ? FOUR : SIX, to);
        return;
    case ABOUT_TYPE: /* broadcasts and the like are nobody's ports */
        if (word && strcmp(word, "local") == 0)
            add(to, &in);
        return;
    case ABOUT_OTHER:
        add(to, &in);
    }
}

/* A value of several expressions together, or of one; {"elem": {"val": …}} has more to say of it.
 */
static void take_element(struct reader *r, const struct flows *in, const json_t *expression,
                         const json_t *value, struct flows *to)
{
    const json_t *inner = json_object_get(json_object_get(value, "elem"), "val");
    const json_t *parts = json_object_get(expression, "concat");
    _cleanup_flows_ struct flows now = {0};

    if (inner)
        value = inner;
    r->steps += in->n;
    for (size_t i = 0; i < in->n; i++)
        add(&now, &in->items[i]);
    const json_t *values = json_object_get(value, "concat");
    for (size_t k = 0; k < (parts ? json_array_size(parts) : 1); k++) {
        struct flows next = {0};
        for (size_t i = 0; i < now.n; i++)
            take_value(r, &now.items[i], parts ? json_array_get(parts, k) : expression,
                       parts ? json_array_get(values, k) : value, &next);
        flows_done(&now);
        now = next;
    }
    for (size_t i = 0; i < now.n; i++)
        add(to, &now.items[i]);
}

/* The elements that a value names or has; NULL when it is a single one. */
static const json_t *elements_of(const struct reader *r, const json_t *value, bool map)
{
    const char *name = json_string_value(value);

    if (name && *name == '@')
        return r->elements->get(r->elements->ctx, name + 1, map);
    return json_object_get(value, "set");
}

static bool is_telling(const json_t *expression)
{
    const json_t *parts = json_object_get(expression, "concat");

    if (!parts)
        return about_of(expression) != ABOUT_OTHER;
    for (size_t i = 0; i < json_array_size(parts); i++)
        if (about_of(json_array_get(parts, i)) != ABOUT_OTHER)
            return true;
    return false;
}

static void take_all(const struct flows *in, struct flows *to)
{
    for (size_t i = 0; i < in->n; i++)
        add(to, &in->items[i]);
}

static void take_equal(struct reader *r, const struct flows *in, const json_t *left,
                       const json_t *right, struct flows *to)
{
    const char *name = json_string_value(right);
    const json_t *elements = elements_of(r, right, false);

    if (!elements && !(name && *name == '@'))
        take_element(r, in, left, right, to);
    for (size_t i = 0; i < json_array_size(elements) && r->steps < STEPS_MAX; i++)
        take_element(r, in, left, json_array_get(elements, i), to);
}

/* All but one port; all but some addresses may be any. */
static void take_unequal(const struct flows *in, const json_t *left, const json_t *right,
                         struct flows *to)
{
    enum about about = about_of(left);

    for (size_t i = 0; i < in->n; i++) {
        struct flow f = of_payload(&in->items[i], left);
        if (about == ABOUT_ADDRESS) {
            add(to, &f);
        } else if (about == ABOUT_PORT && json_is_integer(right) && f.protocols) {
            take_ports(&f, 1, json_integer_value(right) - 1, to);
            take_ports(&f, json_integer_value(right) + 1, PORT_MAX, to);
        }
    }
}

static void take_between(const struct flows *in, const json_t *left, json_int_t low,
                         json_int_t high, struct flows *to)
{
    for (size_t i = 0; i < in->n; i++) {
        struct flow f = of_payload(&in->items[i], left);
        if (about_of(left) == ABOUT_PORT && f.protocols)
            take_ports(&f, low, high, to);
    }
}

static void take_match(struct reader *r, const struct flows *in, const json_t *match,
                       struct flows *to)
{
    const json_t *left = json_object_get(match, "left"), *right = json_object_get(match, "right");
    const char *op = text_of(match, "op");
    json_int_t number = json_integer_value(right);

    r->steps += in->n;
    if (!is_telling(left))
        take_all(in, to);
    else if (strcmp(op, "==") == 0 || strcmp(op, "in") == 0)
        take_equal(r, in, left, right, to);
    else if (strcmp(op, "!=") == 0)
        take_unequal(in, left, right, to);
    else if (*op == '<')
        take_between(in, left, 1, op[1] ? number : number - 1, to);
    else if (*op == '>')
        take_between(in, left, op[1] ? number : number + 1, PORT_MAX, to);
}

/* What is found */

static void note_at(struct reader *r, const struct flow *f, const char *protocol,
                    const char *address)
{
    _cleanup_free_ char *range = f->last > f->first ? cunik_asprintf("-%u", f->last) : NULL;
    char *line =
        cunik_asprintf("%s %s %u%s chain '%s' of nftables' table '%s %s'", protocol, address,
                       f->first, range ? range : "", r->chain, r->family, r->table);

    if (cunik_map_add(&r->found, line, r))
        cunik_strv_take(r->ret, line);
    else
        free(line);
}

static void note_protocol(struct reader *r, const struct flow *f, const char *protocol)
{
    if (f->address) {
        note_at(r, f, protocol, f->address);
        return;
    }
    if (f->families & FOUR)
        note_at(r, f, protocol, "0.0.0.0");
    if (f->families & SIX)
        note_at(r, f, protocol, "::");
}

static void note(struct reader *r, const struct flows *flows)
{
    for (size_t i = 0; i < flows->n; i++) {
        const struct flow *f = &flows->items[i];
        if (f->first && f->protocols & TCP)
            note_protocol(r, f, "tcp");
        if (f->first && f->protocols & UDP)
            note_protocol(r, f, "udp");
    }
}

/* {"addr": {"map": {"key": …, "data": …}}}: the keys are what is led elsewhere. */
static void take_map(struct reader *r, const json_t *where, struct flows *in)
{
    const json_t *map = json_object_get(where, "map"), *key = json_object_get(map, "key");
    const json_t *elements =
        map && is_telling(key) ? elements_of(r, json_object_get(map, "data"), true) : NULL;
    struct flows out = {0};

    if (!map || !is_telling(key))
        return;
    for (size_t i = 0; i < json_array_size(elements) && r->steps < STEPS_MAX; i++)
        take_element(r, in, key, json_array_get(json_array_get(elements, i), 0), &out);
    flows_done(in);
    *in = out;
}

static void read_nat(struct reader *r, const struct flows *in, const json_t *nat)
{
    const char *family = text_of(nat, "family");
    _cleanup_flows_ struct flows flows = {0};

    for (size_t i = 0; i < in->n; i++)
        take_bits(&in->items[i], TCP | UDP,
                  strcmp(family, "ip") == 0    ? FOUR
                  : strcmp(family, "ip6") == 0 ? SIX
                                               : FOUR | SIX,
                  &flows);
    take_map(r, json_object_get(nat, "addr"), &flows);
    take_map(r, json_object_get(nat, "port"), &flows);
    note(r, &flows);
}

/* Rules */

static void read_chain(struct reader *r, const char *name, const struct flows *in);

/* {"jump": {"target": …}} or {"goto": …}; NULL for other statements. */
static const char *target_of(const json_t *statement)
{
    const json_t *to = json_object_get(statement, "jump");

    return json_string_value(
        json_object_get(to ? to : json_object_get(statement, "goto"), "target"));
}

static void read_choice(struct reader *r, const struct flows *in, const json_t *choice)
{
    const json_t *key = json_object_get(choice, "key");
    const json_t *elements = elements_of(r, json_object_get(choice, "data"), true);

    for (size_t i = 0; i < json_array_size(elements) && r->steps < STEPS_MAX; i++) {
        const json_t *element = json_array_get(elements, i);
        const char *target = target_of(json_array_get(element, 1));
        _cleanup_flows_ struct flows flows = {0};
        if (!target)
            continue;
        take_element(r, in, key, json_array_get(element, 0), &flows);
        read_chain(r, target, &flows);
    }
}

static void read_rule(struct reader *r, const json_t *statements, const struct flows *in)
{
    _cleanup_flows_ struct flows now = {0};

    take_all(in, &now);
    for (size_t i = 0; now.n && i < json_array_size(statements) && r->steps < STEPS_MAX; i++) {
        const json_t *s = json_array_get(statements, i), *inner;
        if ((inner = json_object_get(s, "match"))) {
            struct flows next = {0};
            take_match(r, &now, inner, &next);
            flows_done(&now);
            now = next;
        } else if ((inner = json_object_get(s, "vmap"))) {
            read_choice(r, &now, inner);
        } else if ((inner = json_object_get(s, "dnat")) ||
                   (inner = json_object_get(s, "redirect"))) {
            read_nat(r, &now, inner);
        } else if (target_of(s)) {
            read_chain(r, target_of(s), &now);
        }
    }
}

static void read_chain(struct reader *r, const char *name, const struct flows *in)
{
    const json_t *rules = cunik_map_get(&r->chains, name);
    const char *before = r->chain;

    if (!in->n || r->depth == DEPTH_MAX)
        return;
    r->depth++;
    for (size_t i = 0; i < json_array_size(rules) && r->steps < STEPS_MAX; i++) {
        r->chain = name;
        r->steps += 1 + in->n;
        read_rule(r, json_object_get(json_array_get(rules, i), "expr"), in);
    }
    r->chain = before;
    r->depth--;
}

/* The chains of the table with their rules. */
static void index_rules(struct reader *r, const json_t *listing)
{
    for (size_t i = 0; i < json_array_size(listing); i++) {
        json_t *rule = json_object_get(json_array_get(listing, i), "rule");
        if (!rule)
            continue;
        json_t *rules = cunik_map_get(&r->chains, text_of(rule, "chain"));
        if (!rules)
            cunik_map_set(&r->chains, text_of(rule, "chain"), rules = json_array());
        json_array_append(rules, rule);
    }
}

static void read_base(struct reader *r, const json_t *chain)
{
    const char *hook = text_of(chain, "hook");
    struct flow all = {.protocols = TCP | UDP, .families = FOUR | SIX};
    const struct flows flows = {&all, 1};

    if (strcmp(text_of(chain, "type"), "nat") != 0 ||
        (strcmp(hook, "prerouting") != 0 && strcmp(hook, "output") != 0))
        return;
    r->family = text_of(chain, "family");
    r->table = text_of(chain, "table");
    if (strcmp(r->family, "inet") != 0)
        all.families = strcmp(r->family, "ip6") == 0 ? SIX : FOUR;
    read_chain(r, text_of(chain, "name"), &flows);
}

bool cunik_nat_read(const json_t *listing, const struct nat_elements *elements,
                    const struct strv *addresses, struct strv *ret)
{
    struct reader r = {.elements = elements, .addresses = addresses, .ret = ret};

    index_rules(&r, listing);
    for (size_t i = 0; i < json_array_size(listing); i++)
        read_base(&r, json_object_get(json_array_get(listing, i), "chain"));
    for (size_t i = 0; i < r.chains.n; i++)
        json_decref(r.chains.entries[i].value);
    cunik_map_done(&r.chains);
    cunik_map_done(&r.found);
    return r.steps < STEPS_MAX;
}
