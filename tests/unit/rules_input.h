/* The description of a rule set as the golden folders of tests/golden/rules have it. */
#pragma once

#include <string.h>

#include "base/json.h"
#include "base/memory.h"
#include "network/rules.h"
#include "tests/support/test.h"

#define RULES_FOLDER "tests/golden/rules"

static inline const char *text_member(const json_t *o, const char *key)
{
    const char *s = json_string_value(json_object_get(o, key));

    return s ? s : "";
}

static inline uint16_t port_member(const json_t *o, const char *key)
{
    return (uint16_t)json_integer_value(json_object_get(o, key));
}

static inline void read_more(const json_t *list, struct rules_network *n)
{
    struct cidr *more = NULL;
    json_t *item;
    size_t i;

    json_array_foreach (list, i, item)
        test_ok(cunik_cidr_parse(json_string_value(item), ARRAY_APPEND(more, n->n_more), NULL),
                NULL);
    n->more = more;
}

/* Reads RULES_FOLDER/CASE/input.json; the strings of *ret borrow from the value returned. */
static inline json_t *read_rules(const char *name, struct rules *ret)
{
    _cleanup_free_ char *path = cunik_asprintf("%s/%s/input.json", RULES_FOLDER, name);
    _cleanup_free_ char *text = test_read(path);
    json_t *root = NULL, *item;
    size_t i;

    test_ok(cunik_json_parse(text, strlen(text), path, &root, NULL), NULL);
    ret->engine = text_member(root, "engine");
    json_array_foreach (json_object_get(root, "networks"), i, item) {
        struct rules_network *n = ARRAY_APPEND(ret->networks, ret->n_networks);
        n->bridge = text_member(item, "bridge");
        n->internal = json_is_true(json_object_get(item, "internal"));
        test_ok(cunik_cidr_parse_subnet(text_member(item, "subnet"), &n->subnet, NULL), NULL);
        test_ok(cunik_address_parse(text_member(item, "gateway"), &n->gateway, NULL), NULL);
        read_more(json_object_get(item, "more"), n);
        if (*text_member(item, "gateway6")) {
            struct cidr6 *six = cunik_calloc(1, sizeof(*six));
            test_ok(cunik_cidr6_parse(text_member(item, "gateway6"), six, NULL), NULL);
            n->gateway6 = six;
        }
    }
    json_array_foreach (json_object_get(root, "guests"), i, item) {
        struct rules_guest *g = ARRAY_APPEND(ret->guests, ret->n_guests);
        const char *address = text_member(item, "address");
        g->link = text_member(item, "link");
        g->bridge = text_member(item, "bridge");
        g->mac = text_member(item, "mac");
        const char *address6 = text_member(item, "address6");
        g->trusted = json_is_true(json_object_get(item, "trusted"));
        if (*address)
            test_ok(cunik_address_parse(address, &g->address, NULL), NULL);
        if (*text_member(item, "server"))
            test_ok(cunik_address_parse(text_member(item, "server"), &g->server, NULL), NULL);
        if (*address6)
            test_ok(cunik_address6_parse(address6, &g->address6, NULL), NULL);
    }
    json_array_foreach (json_object_get(root, "ways"), i, item)
        cunik_strv_add(&ret->ways, json_string_value(item));
    json_array_foreach (json_object_get(root, "ports"), i, item) {
        struct rules_port *p = ARRAY_APPEND(ret->ports, ret->n_ports);
        p->host_ip = text_member(item, "host_ip");
        p->host_port = port_member(item, "host_port");
        p->protocol = text_member(item, "protocol");
        p->port = port_member(item, "port");
        test_ok(cunik_address_parse(text_member(item, "address"), &p->address, NULL), NULL);
        if (*text_member(item, "address6"))
            test_ok(cunik_address6_parse(text_member(item, "address6"), &p->address6, NULL), NULL);
    }
    json_array_foreach (json_object_get(root, "shut"), i, item)
        cunik_strv_add(&ret->shut, json_string_value(item));
    return root;
}
