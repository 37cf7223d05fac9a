/* What connects a service with the outside: its networks and its published ports. */
#include <arpa/inet.h>
#include <string.h>

#include "base/memory.h"
#include "base/text.h"
#include "compose/stack_maker.h"
#include "network/address.h"
#include "network/address6.h"
#include "network/link.h"

static void read_addresses(struct stack_maker *m, const struct node *n,
                           const struct stack_service *s, struct stack_attachment *a)
{
    _cleanup_free_ char *key = cunik_asprintf("networks.%s", a->network);
    const struct node *address = cunik_node_get(n, "ipv4_address");
    const struct node *address6 = cunik_node_get(n, "ipv6_address");
    const struct node *mac = cunik_node_get(n, "mac_address");
    _cleanup_error_ struct error *err = NULL;
    struct in6_addr value6;
    uint32_t value;

    if (address && cunik_address_parse(address->text, &value, &err) == 0) {
        cunik_replace(&a->ipv4_address, address->text);
        a->place = cunik_stack_place(m, &address->place);
    } else if (address) {
        cunik_stack_mistake(m, &address->place, s->name, key, "%s", err->message);
    }
    cunik_error_destroyp(&err);
    err = NULL;
    if (address6 && cunik_address6_parse(address6->text, &value6, &err) == 0) {
        free(a->ipv6_address);
        a->ipv6_address = cunik_address6_text(&value6); /* one text for one address */
        a->place6 = cunik_stack_place(m, &address6->place);
    } else if (address6) {
        cunik_stack_mistake(m, &address6->place, s->name, key, "%s", err->message);
    }
    cunik_error_destroyp(&err);
    err = NULL;
    _cleanup_free_ char *text = NULL;
    if (mac && cunik_mac_parse(mac->text, &text, &err) == 0)
        cunik_replace(&a->mac_address, text);
    else if (mac)
        cunik_stack_mistake(m, &mac->place, s->name, key, "%s", err->message);
}

/* Linux takes more, but what is asked for is to be the same in every guest. */
static void check_interface_name(struct stack_maker *m, const struct node *n,
                                 const struct stack_service *s)
{
    const struct node *name = cunik_node_get(n, "interface_name");

    if (!name || !*name->text)
        return;
    if (!cunik_link_is_name(name->text))
        cunik_stack_mistake(m, &name->place, s->name, "networks",
                            "interface_name '%s' cannot be the name of an interface", name->text);
    for (size_t i = 0; i + 1 < s->n_networks; i++)
        if (strcmp(s->networks[i].interface_name, name->text) == 0)
            cunik_stack_mistake(m, &name->place, s->name, "networks",
                                "two interfaces have the name '%s'", name->text);
}

static void attach(struct stack_maker *m, struct stack_service *s, const char *network,
                   const struct node *n, const struct place *place)
{
    struct stack_attachment *a = ARRAY_APPEND(s->networks, s->n_networks);
    const struct node *priority = cunik_node_get(n, "priority");
    const struct node *gw_priority = cunik_node_get(n, "gw_priority");

    a->network = cunik_strdup(network);
    a->ipv4_address = cunik_strdup("");
    a->ipv6_address = cunik_strdup("");
    a->interface_name = cunik_strdup(cunik_stack_text(n, "interface_name"));
    a->gw_priority = gw_priority ? gw_priority->integer : 0;
    a->mac_address = cunik_strdup("");
    a->place = cunik_stack_place(m, place);
    a->place6 = a->place;
    a->priority = priority ? priority->integer : 0;
    cunik_stack_read_strings(cunik_node_get(n, "aliases"), &a->aliases);
    read_addresses(m, n, s, a);
    check_interface_name(m, n, s);
}

/* Highest priority first; those of one priority stay in order. Few: insertion is enough. */
static void sort_by_priority(struct stack_service *s)
{
    for (size_t i = 1; i < s->n_networks; i++) {
        struct stack_attachment a = s->networks[i];
        size_t k = i;
        for (; k > 0 && s->networks[k - 1].priority < a.priority; k--)
            s->networks[k] = s->networks[k - 1];
        s->networks[k] = a;
    }
}

/* The service's own mac_address is that of its first interface. */
static void read_own_mac(struct stack_maker *m, const struct node *n, struct stack_service *s)
{
    const struct node *mac = cunik_node_get(n, "mac_address");
    _cleanup_error_ struct error *err = NULL;
    _cleanup_free_ char *text = NULL;

    if (!mac || !s->n_networks)
        return;
    if (cunik_mac_parse(mac->text, &text, &err) < 0)
        cunik_stack_mistake(m, &mac->place, s->name, "mac_address", "%s", err->message);
    else if (!*s->networks[0].mac_address)
        cunik_replace(&s->networks[0].mac_address, text);
    else if (strcmp(s->networks[0].mac_address, text) != 0)
        cunik_stack_mistake(m, &mac->place, s->name, "mac_address", "network '%s' has another one",
                            s->networks[0].network);
}

/* Only `none` can be: a guest has no part in another one's network, nor in the host's. */
static bool read_mode(struct stack_maker *m, const struct node *n, struct stack_service *s)
{
    const struct node *mode = cunik_node_get(n, "network_mode");
    const struct node *networks = cunik_node_get(n, "networks");

    if (!mode)
        return true;
    if (networks && networks->n)
        cunik_stack_mistake(m, &mode->place, s->name, "network_mode",
                            "service %s declares mutually exclusive `network_mode` and `networks`",
                            s->name);
    if (strcmp(mode->text, "none") == 0)
        return false;
    _cleanup_free_ char *path = cunik_asprintf("services.%s.network_mode", s->name);
    if (strcmp(mode->text, "bridge") != 0)
        cunik_diagnostics_unsupported(
            m->d, &mode->place, path,
            "'%s' is not supported: the service is on the default network", mode->text);
    if (!networks || !networks->n)
        attach(m, s, "default", NULL, &mode->place);
    return true;
}

void cunik_stack_read_attachments(struct stack_maker *m, const struct node *n,
                                  struct stack_service *s)
{
    const struct node *networks = cunik_node_get(n, "networks");
    const struct node *defined = cunik_node_get(m->root, "networks");

    if (!read_mode(m, n, s))
        return;
    for (size_t i = 0; networks && i < networks->n; i++) {
        const struct node *member = networks->items[i];
        attach(m, s, member->key, member, &member->key_place);
        if (!cunik_node_get(defined, member->key))
            cunik_stack_mistake(m, &member->key_place, s->name, "networks",
                                "service \"%s\" refers to undefined network %s", s->name,
                                member->key);
    }
    sort_by_priority(s);
    read_own_mac(m, n, s);
}

static bool read_published(const char *text, struct stack_port *p)
{
    _cleanup_free_ char *first = cunik_strndup(text, strcspn(text, "-"));
    const char *last = strchr(text, '-');
    uint64_t a, b;

    if (!*text || strcmp(text, "0") == 0)
        return true;
    if (cunik_text_to_uint(first, 1, 65535, &a) < 0 ||
        cunik_text_to_uint(last ? last + 1 : first, a, 65535, &b) < 0)
        return false;
    p->host_first = (uint16_t)a;
    p->host_last = (uint16_t)b;
    return true;
}

static void read_port(struct stack_maker *m, const struct node *n, struct stack_service *s)
{
    struct stack_port *p = ARRAY_APPEND(s->ports, s->n_ports);
    const struct node *target = cunik_node_get(n, "target");
    const char *host_ip = cunik_stack_text(n, "host_ip");
    const char *published = cunik_stack_text(n, "published");
    struct in6_addr six;

    p->place = cunik_stack_place(m, &n->place);
    p->host_ip = cunik_address6_parse(host_ip, &six, NULL) == 0 ? cunik_address6_text(&six)
                                                                : cunik_strdup(host_ip);
    p->protocol = cunik_strdup(cunik_stack_text(n, "protocol"));
    if (target && target->integer >= 1 && target->integer <= 65535)
        p->target = (uint16_t)target->integer;
    else if (target)
        cunik_stack_mistake(m, &target->place, s->name, "ports", "a port is 1 to 65535, not %lld",
                            (long long)target->integer);
    if (!read_published(published, p))
        cunik_stack_mistake(m, &n->place, s->name, "ports",
                            "published: a port is 1 to 65535, not '%s'", published);
    if (strcmp(p->protocol, "tcp") != 0 && strcmp(p->protocol, "udp") != 0)
        cunik_stack_mistake(m, &n->place, s->name, "ports",
                            "protocol '%s' is not supported, only tcp and udp are", p->protocol);
}

void cunik_stack_read_ports(struct stack_maker *m, const struct node *n, struct stack_service *s)
{
    const struct node *ports = cunik_node_get(n, "ports");

    for (size_t i = 0; ports && i < ports->n; i++)
        read_port(m, ports->items[i], s);
    if (s->n_ports && !s->n_networks)
        cunik_stack_mistake(m, &ports->place, s->name, "ports",
                            "cannot be published: the service has no network");
}
