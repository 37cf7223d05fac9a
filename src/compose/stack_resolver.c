/* How a service resolves names: dns, dns_search, extra_hosts. */
#include <arpa/inet.h>
#include <string.h>

#include "base/memory.h"
#include "compose/stack_maker.h"
#include "network/address.h"

enum { NAME_MOST = 253, LABEL_MOST = 63 }; /* RFC 1035, 2.3.4 */

static bool is_name(const char *s, size_t size)
{
    size_t label = 0;

    for (size_t i = 0; i < size; i++) {
        bool letter = (s[i] >= 'a' && s[i] <= 'z') || (s[i] >= 'A' && s[i] <= 'Z') ||
                      (s[i] >= '0' && s[i] <= '9') || s[i] == '-' || s[i] == '_';
        if (s[i] == '.' && label)
            label = 0;
        else if (!letter || ++label > LABEL_MOST)
            return false;
    }
    return size > 0 && size <= NAME_MOST && *s != '-';
}

/* Neither "this network" nor several hosts (RFC 6890, RFC 5771), nor the guest itself; an address
 * of a link's own says not which. */
static bool is_of_one_host(uint32_t address)
{
    return address >> 24 != 0 && address >> 28 < 0xe;
}

static bool is_of_one_host6(const struct in6_addr *a)
{
    return !IN6_IS_ADDR_UNSPECIFIED(a) && !IN6_IS_ADDR_MULTICAST(a) && !IN6_IS_ADDR_LOOPBACK(a) &&
           !IN6_IS_ADDR_LINKLOCAL(a);
}

static void read_servers(struct stack_maker *m, const struct node *list, struct stack_service *s)
{
    for (size_t i = 0; list && i < list->n; i++) {
        const struct node *n = list->items[i];
        struct in6_addr six;
        uint32_t four;
        bool is_six = inet_pton(AF_INET6, n->text, &six) == 1;
        if (!is_six && cunik_address_parse(n->text, &four, NULL) < 0)
            cunik_stack_mistake(m, &n->place, s->name, "dns", "'%s' is no address", n->text);
        else if (is_six ? !is_of_one_host6(&six) : !is_of_one_host(four))
            cunik_stack_mistake(m, &n->place, s->name, "dns",
                                "'%s' is not the address of one server", n->text);
        else
            cunik_strv_add(&s->dns, n->text);
    }
}

/* A single dot is Docker's way to say: none. */
static void read_domains(struct stack_maker *m, const struct node *list, struct stack_service *s)
{
    for (size_t i = 0; list && i < list->n; i++) {
        const struct node *n = list->items[i];
        if (strcmp(n->text, ".") == 0)
            continue;
        if (!is_name(n->text, strlen(n->text)))
            cunik_stack_mistake(m, &n->place, s->name, "dns_search", "'%s' is no domain", n->text);
        else
            cunik_strv_add(&s->dns_search, n->text);
    }
}

static bool is_address(const char *text)
{
    struct in6_addr six;
    uint32_t four;

    return strcmp(text, "host-gateway") == 0 || cunik_address_parse(text, &four, NULL) == 0 ||
           inet_pton(AF_INET6, text, &six) == 1;
}

/* "NAME=ADDRESS", "NAME:ADDRESS"; an IPv6 address may stand in brackets. */
static void read_host(struct stack_maker *m, const struct node *n, struct stack_service *s)
{
    const char *text = n->text, *end = strchr(text, '=');

    if (!end)
        end = strchr(text, ':');
    if (!end || !is_name(text, (size_t)(end - text))) {
        cunik_stack_mistake(m, &n->place, s->name, "extra_hosts", "'%s' is no NAME=ADDRESS", text);
        return;
    }
    _cleanup_free_ char *address = cunik_strdup(end + 1);
    size_t size = strlen(address);
    if (size > 2 && address[0] == '[' && address[size - 1] == ']') {
        memmove(address, address + 1, size - 2);
        address[size - 2] = '\0';
    }
    if (!is_address(address))
        cunik_stack_mistake(m, &n->place, s->name, "extra_hosts", "'%s' is no address", address);
    else
        cunik_strv_addf(&s->extra_hosts, "%.*s=%s", (int)(end - text), text, address);
}

void cunik_stack_read_resolver(struct stack_maker *m, const struct node *n, struct stack_service *s)
{
    const struct node *hosts = cunik_node_get(n, "extra_hosts");

    read_servers(m, cunik_node_get(n, "dns"), s);
    read_domains(m, cunik_node_get(n, "dns_search"), s);
    for (size_t i = 0; hosts && i < hosts->n; i++)
        read_host(m, hosts->items[i], s);
}
