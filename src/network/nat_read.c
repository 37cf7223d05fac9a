/* What rules of nftables lead elsewhere: chains, rules and their statements are followed, and what
 * comes through is noted where it is led elsewhere. libnftables-json(5) is the form. */
#include <string.h>

#include "base/map.h"
#include "base/memory.h"
#include "base/text.h"
#include "network/nat.h"
#include "network/nat_flow.h"

enum {
    DEPTH_MAX = 16, /* as the kernel's NFT_JUMP_STACK_SIZE */
    STEPS_MAX = 1000 * 1000,
};

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

/* The elements that a value names or has; NULL when it is a single one. */
static const json_t *elements_of(const struct reader *r, const json_t *value, bool map)
{
    const char *name = json_string_value(value);

    if (name && *name == '@')
        return r->elements->get(r->elements->ctx, name + 1, map);
    return json_object_get(value, "set");
}

static void take_element(struct reader *r, const struct nat_flows *in, const json_t *expression,
                         const json_t *element, struct nat_flows *to)
{
    r->steps += in->n;
    cunik_nat_flow_equal(in, expression, element, r->addresses, to);
}

static void take_equal(struct reader *r, const struct nat_flows *in, const json_t *left,
                       const json_t *right, struct nat_flows *to)
{
    const char *name = json_string_value(right);
    const json_t *elements = elements_of(r, right, false);

    if (!elements && !(name && *name == '@'))
        take_element(r, in, left, right, to);
    for (size_t i = 0; i < json_array_size(elements) && r->steps < STEPS_MAX; i++)
        take_element(r, in, left, json_array_get(elements, i), to);
}

/* What none of a set's elements takes away. */
static void take_unequal(struct reader *r, const struct nat_flows *in, const json_t *left,
                         const json_t *right, struct nat_flows *to)
{
    const char *name = json_string_value(right);
    const json_t *elements = elements_of(r, right, false);
    bool set = elements || (name && *name == '@');
    size_t n = set ? json_array_size(elements) : 1;
    struct nat_flows now = {0};

    cunik_nat_flow_all(in, &now);
    for (size_t i = 0; i < n && r->steps < STEPS_MAX; i++) {
        struct nat_flows next = {0};
        r->steps += now.n;
        cunik_nat_flow_unequal(&now, left, set ? json_array_get(elements, i) : right, &next);
        cunik_nat_flows_done(&now);
        now = next;
    }
    cunik_nat_flow_all(&now, to);
    cunik_nat_flows_done(&now);
}

static void take_match(struct reader *r, const struct nat_flows *in, const json_t *match,
                       struct nat_flows *to)
{
    const json_t *left = json_object_get(match, "left"), *right = json_object_get(match, "right");
    const char *op = cunik_json_string_at(match, "op");
    json_int_t number = json_integer_value(right);

    r->steps += in->n;
    if (!cunik_nat_flow_is_told_by(left))
        cunik_nat_flow_all(in, to);
    else if (strcmp(op, "==") == 0 || strcmp(op, "in") == 0)
        take_equal(r, in, left, right, to);
    else if (strcmp(op, "!=") == 0)
        take_unequal(r, in, left, right, to);
    else if (*op == '<')
        cunik_nat_flow_between(in, left, 1, op[1] ? number : number - 1, to);
    else if (*op == '>')
        cunik_nat_flow_between(in, left, op[1] ? number : number + 1, NAT_PORT_MAX, to);
}

/* What is found */

static void note_at(struct reader *r, const struct nat_flow *f, const char *protocol,
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

static void note_protocol(struct reader *r, const struct nat_flow *f, const char *protocol)
{
    if (f->address) {
        note_at(r, f, protocol, f->address);
        return;
    }
    if (f->families & NAT_FOUR)
        note_at(r, f, protocol, "0.0.0.0");
    if (f->families & NAT_SIX)
        note_at(r, f, protocol, "::");
}

static void note(struct reader *r, const struct nat_flows *flows)
{
    for (size_t i = 0; i < flows->n; i++) {
        const struct nat_flow *f = &flows->items[i];
        if (f->first && f->protocols & NAT_TCP)
            note_protocol(r, f, "tcp");
        if (f->first && f->protocols & NAT_UDP)
            note_protocol(r, f, "udp");
    }
}

/* {"addr": {"map": {"key": …, "data": …}}}: the keys are what is led elsewhere. */
static void take_map(struct reader *r, const json_t *where, struct nat_flows *in)
{
    const json_t *map = json_object_get(where, "map"), *key = json_object_get(map, "key");
    struct nat_flows out = {0};

    if (!map || !cunik_nat_flow_is_told_by(key))
        return;
    const json_t *elements = elements_of(r, json_object_get(map, "data"), true);
    for (size_t i = 0; i < json_array_size(elements) && r->steps < STEPS_MAX; i++)
        take_element(r, in, key, json_array_get(json_array_get(elements, i), 0), &out);
    cunik_nat_flows_done(in);
    *in = out;
}

static void read_nat(struct reader *r, const struct nat_flows *in, const json_t *nat)
{
    const char *family = cunik_json_string_at(nat, "family");
    _cleanup_nat_flows_ struct nat_flows flows = {0};

    cunik_nat_flow_bits(in, NAT_PROTOCOLS,
                        strcmp(family, "ip") == 0    ? NAT_FOUR
                        : strcmp(family, "ip6") == 0 ? NAT_SIX
                                                     : NAT_FAMILIES,
                        &flows);
    take_map(r, json_object_get(nat, "addr"), &flows);
    take_map(r, json_object_get(nat, "port"), &flows);
    note(r, &flows);
}

/* Rules */

static void read_chain(struct reader *r, const char *name, const struct nat_flows *in);

/* {"jump": {"target": …}} or {"goto": …}; NULL for other statements. */
static const char *target_of(const json_t *statement)
{
    const json_t *to = json_object_get(statement, "jump");

    return json_string_value(
        json_object_get(to ? to : json_object_get(statement, "goto"), "target"));
}

static void read_choice(struct reader *r, const struct nat_flows *in, const json_t *choice)
{
    const json_t *key = json_object_get(choice, "key");
    const json_t *elements = elements_of(r, json_object_get(choice, "data"), true);

    for (size_t i = 0; i < json_array_size(elements) && r->steps < STEPS_MAX; i++) {
        const json_t *element = json_array_get(elements, i);
        const char *target = target_of(json_array_get(element, 1));
        _cleanup_nat_flows_ struct nat_flows flows = {0};
        if (!target)
            continue;
        take_element(r, in, key, json_array_get(element, 0), &flows);
        read_chain(r, target, &flows);
    }
}

static void read_rule(struct reader *r, const json_t *statements, const struct nat_flows *in)
{
    _cleanup_nat_flows_ struct nat_flows now = {0};

    cunik_nat_flow_all(in, &now);
    for (size_t i = 0; now.n && i < json_array_size(statements) && r->steps < STEPS_MAX; i++) {
        const json_t *s = json_array_get(statements, i), *inner;
        if ((inner = json_object_get(s, "match"))) {
            struct nat_flows next = {0};
            take_match(r, &now, inner, &next);
            cunik_nat_flows_done(&now);
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

static void read_chain(struct reader *r, const char *name, const struct nat_flows *in)
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
        json_t *rules = cunik_map_get(&r->chains, cunik_json_string_at(rule, "chain"));
        if (!rules)
            cunik_map_set(&r->chains, cunik_json_string_at(rule, "chain"), rules = json_array());
        json_array_append(rules, rule);
    }
}

static void read_base(struct reader *r, const json_t *chain)
{
    const char *hook = cunik_json_string_at(chain, "hook");
    struct nat_flow all = {.protocols = NAT_PROTOCOLS, .families = NAT_FAMILIES};
    const struct nat_flows flows = {&all, 1};

    if (strcmp(cunik_json_string_at(chain, "type"), "nat") != 0 ||
        (strcmp(hook, "prerouting") != 0 && strcmp(hook, "output") != 0))
        return;
    r->family = cunik_json_string_at(chain, "family");
    r->table = cunik_json_string_at(chain, "table");
    if (strcmp(r->family, "inet") != 0)
        all.families = strcmp(r->family, "ip6") == 0 ? NAT_SIX : NAT_FOUR;
    read_chain(r, cunik_json_string_at(chain, "name"), &flows);
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
