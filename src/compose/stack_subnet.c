/* The subnets of a network: ipam.config. Its first IPv4 subnet, others, one of IPv6, and what of
 * them nobody gets. */
#include <string.h>

#include "base/memory.h"
#include "compose/stack_maker.h"
#include "network/address.h"
#include "network/address6.h"

enum { LENGTH_LEAST = 8, LENGTH_MOST = 30, LENGTH6_LEAST = 16, LENGTH6_MOST = 96 };

void cunik_stack_network_mistake(struct stack_maker *m, const struct place *place, const char *key,
                                 const char *format, ...)
{
    _cleanup_free_ char *path = cunik_asprintf("networks.%s", key), *message = NULL;
    va_list args;

    va_start(args, format);
    message = cunik_vasprintf(format, args);
    va_end(args);
    cunik_diagnostics_error(m->d, place, path, "%s", message);
}

#define mistake cunik_stack_network_mistake

/* What one entry says; its texts are borrowed and "" when they are not there or wrong. */
struct entry {
    const struct node *subnet, *gateway, *range, *aux;
};

/* An address of the network itself; false after naming the mistake. */
static bool check_gateway(struct stack_maker *m, const struct node *n, const char *key,
                          const struct cidr *subnet)
{
    _cleanup_error_ struct error *err = NULL;
    uint32_t address;

    if (cunik_address_parse(n->text, &address, &err) < 0)
        mistake(m, &n->place, key, "%s", err->message);
    else if (!subnet)
        mistake(m, &n->place, key, "a gateway needs a subnet beside it");
    else if (!cunik_cidr_usable(subnet, address))
        mistake(m, &n->place, key, "gateway %s is no address of its subnet", n->text);
    else
        return true;
    return false;
}

static bool check_range(struct stack_maker *m, const struct node *n, const char *key,
                        const struct cidr *subnet)
{
    _cleanup_error_ struct error *err = NULL;
    struct cidr range;

    if (cunik_cidr_parse_subnet(n->text, &range, &err) < 0)
        mistake(m, &n->place, key, "%s", err->message);
    else if (!subnet)
        mistake(m, &n->place, key, "ip_range needs a subnet beside it");
    else if (range.length < subnet->length || !cunik_cidr_contains(subnet, range.address))
        mistake(m, &n->place, key, "ip_range %s is not within its subnet", n->text);
    else
        return true;
    return false;
}

/* What no interface can have an address of (RFC 6890). */
static const struct special {
    struct cidr range;
    const char *what;
} specials[] = {
    {{0x00000000, 8}, "the addresses of \"this network\""},
    {{0x7f000000, 8}, "the loopback addresses"},
    {{0xe0000000, 4}, "the multicast addresses"},
    {{0xf0000000, 4}, "the reserved addresses"},
};

static bool check_subnet(struct stack_maker *m, const struct node *n, const char *key,
                         const struct cidr *subnet)
{
    if (subnet->length < LENGTH_LEAST || subnet->length > LENGTH_MOST) {
        mistake(m, &n->place, key, "subnet %s: its length must be /%d to /%d", n->text,
                LENGTH_LEAST, LENGTH_MOST);
        return false;
    }
    for (size_t i = 0; i < ARRAY_SIZE(specials); i++)
        if (cunik_cidr_overlaps(subnet, &specials[i].range)) {
            _cleanup_free_ char *range = cunik_cidr_text(&specials[i].range);
            mistake(m, &n->place, key, "subnet %s is among %s, %s", n->text, specials[i].what,
                    range);
            return false;
        }
    return true;
}

static const char *text_or_nothing(const struct node *n, bool good)
{
    return n && good ? n->text : "";
}

static void keep_reserved(struct stack_network *ret, const struct node *n)
{
    if (!cunik_strv_has(&ret->reserved, n->text))
        cunik_strv_add(&ret->reserved, n->text);
}

static void read_aux(struct stack_maker *m, const struct node *aux, const struct cidr *subnet,
                     struct stack_network *ret)
{
    for (size_t i = 0; aux && i < aux->n; i++) {
        const struct node *n = aux->items[i];
        uint32_t address;
        if (n->kind != NODE_STRING || cunik_address_parse(n->text, &address, NULL) < 0 ||
            !cunik_cidr_contains(subnet, address))
            mistake(m, &n->place, ret->key, "aux_addresses.%s: it is no address of its subnet",
                    n->key);
        else
            keep_reserved(ret, n);
    }
}

static void read_four(struct stack_maker *m, const struct entry *e, struct stack_network *ret)
{
    _cleanup_error_ struct error *err = NULL;
    struct cidr subnet;
    bool good = e->subnet && cunik_cidr_parse_subnet(e->subnet->text, &subnet, &err) == 0;

    if (e->subnet && !good)
        mistake(m, &e->subnet->place, ret->key, "%s", err->message);
    good = good && check_subnet(m, e->subnet, ret->key, &subnet);
    if (e->subnet && !good)
        return; /* nothing to compare with */
    const struct cidr *in = e->subnet ? &subnet : NULL;
    bool gateway = e->gateway && check_gateway(m, e->gateway, ret->key, in);
    bool range = e->range && check_range(m, e->range, ret->key, in);
    if (!in && e->aux)
        mistake(m, &e->aux->place, ret->key, "aux_addresses need a subnet beside them");
    if (!in)
        return;
    read_aux(m, e->aux, in, ret);
    if (!*ret->subnet) {
        cunik_replace(&ret->subnet, e->subnet->text);
        ret->subnet_place = cunik_stack_place(m, &e->subnet->place);
        cunik_replace(&ret->gateway, text_or_nothing(e->gateway, gateway));
        cunik_replace(&ret->ip_range, text_or_nothing(e->range, range));
        return;
    }
    *ARRAY_APPEND(ret->pools, ret->n_pools) = (struct stack_pool){
        .subnet = cunik_strdup(e->subnet->text),
        .gateway = cunik_strdup(text_or_nothing(e->gateway, gateway)),
        .ip_range = cunik_strdup(text_or_nothing(e->range, range)),
        .place = cunik_stack_place(m, &e->subnet->place),
    };
}

/* IPv6 */

static bool check_subnet6(struct stack_maker *m, const struct node *n, const char *key,
                          struct cidr6 *ret)
{
    static const char *const forbidden[] = {"ff00::/8", "fe80::/10", "::/16"};
    _cleanup_error_ struct error *err = NULL;
    struct cidr6 c;

    if (cunik_cidr6_parse_subnet(n->text, ret, &err) < 0) {
        mistake(m, &n->place, key, "%s", err->message);
        return false;
    }
    if (ret->length < LENGTH6_LEAST || ret->length > LENGTH6_MOST) {
        mistake(m, &n->place, key, "subnet %s: its length must be /%d to /%d", n->text,
                LENGTH6_LEAST, LENGTH6_MOST);
        return false;
    }
    for (size_t i = 0; i < ARRAY_SIZE(forbidden); i++)
        if (cunik_cidr6_parse(forbidden[i], &c, NULL) == 0 && cunik_cidr6_overlaps(&c, ret)) {
            mistake(m, &n->place, key, "subnet %s is among %s, which no network can have", n->text,
                    forbidden[i]);
            return false;
        }
    return true;
}

static void read_range6(struct stack_maker *m, const struct node *n, const struct cidr6 *subnet,
                        struct stack_network *ret)
{
    _cleanup_error_ struct error *err = NULL;
    struct cidr6 range;

    if (cunik_cidr6_parse_subnet(n->text, &range, &err) < 0)
        mistake(m, &n->place, ret->key, "%s", err->message);
    else if (range.length < subnet->length || !cunik_cidr6_contains(subnet, &range.address))
        mistake(m, &n->place, ret->key, "ip_range %s is not within its subnet", n->text);
    else if (range.length > LENGTH6_MOST)
        mistake(m, &n->place, ret->key, "ip_range %s: its length must be /%d at most", n->text,
                LENGTH6_MOST);
    else
        cunik_replace(&ret->range6, n->text);
}

static void read_six(struct stack_maker *m, const struct entry *e, struct stack_network *ret)
{
    struct in6_addr address;
    struct cidr6 subnet;

    if (*ret->subnet6) {
        mistake(m, &e->subnet->place, ret->key, "a network has one IPv6 subnet here");
        return;
    }
    if (!check_subnet6(m, e->subnet, ret->key, &subnet))
        return;
    cunik_replace(&ret->subnet6, e->subnet->text);
    ret->ipv6 = true;
    if (e->gateway && (cunik_address6_parse(e->gateway->text, &address, NULL) < 0 ||
                       !cunik_cidr6_usable(&subnet, &address)))
        mistake(m, &e->gateway->place, ret->key, "gateway %s is no address of its subnet",
                e->gateway->text);
    else if (e->gateway)
        cunik_replace(&ret->gateway6, e->gateway->text);
    if (e->range)
        read_range6(m, e->range, &subnet, ret);
    for (size_t i = 0; e->aux && i < e->aux->n; i++) {
        const struct node *n = e->aux->items[i];
        if (n->kind != NODE_STRING || cunik_address6_parse(n->text, &address, NULL) < 0 ||
            !cunik_cidr6_contains(&subnet, &address))
            mistake(m, &n->place, ret->key, "aux_addresses.%s: it is no address of its subnet",
                    n->key);
        else
            keep_reserved(ret, n);
    }
}

void cunik_stack_read_subnets(struct stack_maker *m, const struct node *configs,
                              struct stack_network *ret)
{
    for (size_t i = 0; configs && i < configs->n; i++) {
        const struct node *n = configs->items[i];
        struct entry e = {cunik_node_get(n, "subnet"), cunik_node_get(n, "gateway"),
                          cunik_node_get(n, "ip_range"), cunik_node_get(n, "aux_addresses")};
        if (e.subnet && strchr(e.subnet->text, ':'))
            read_six(m, &e, ret);
        else
            read_four(m, &e, ret);
    }
    cunik_strv_sort(&ret->reserved);
}
