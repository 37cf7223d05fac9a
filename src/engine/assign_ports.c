/* Published ports: nobody else's, and numbers for those that were published without one. */
#include <string.h>

#include "base/memory.h"
#include "base/text.h"
#include "engine/assign_parts.h"
#include "engine/world_network.h"

/* One who has a port; a list for each protocol and number. */
struct holder {
    const char *ip;    /* as in the file; "" = every address */
    const char *owner; /* NULL: the host */
    const char *why;   /* words of the host's about it, or "" */
    struct holder *next;
};

/* Many ports of the host's at once. */
struct range {
    const char *protocol;
    unsigned first, last;
    struct holder holder;
};

struct ports {
    struct assignment *a;
    struct map held; /* "tcp 80" → struct holder */
    struct range *ranges;
    size_t n_ranges;
    struct strv texts;
};

static bool any(const char *ip)
{
    return !*ip || strcmp(ip, "0.0.0.0") == 0 || strcmp(ip, "::") == 0;
}

static bool has_six(const struct world_cunik *c)
{
    for (size_t i = 0; i < c->n_interfaces; i++)
        if (*c->interfaces[i].address6)
            return true;
    return false;
}

/* Every address is every one of IPv4 for who has no other. */
static const char *host_of(const struct world_cunik *c, const struct world_port *p)
{
    return *p->host_ip || has_six(c) ? p->host_ip : "0.0.0.0";
}

static const struct holder *holder_of(const struct ports *s, const char *protocol, unsigned port,
                                      const char *ip)
{
    _cleanup_free_ char *key = cunik_asprintf("%s %u", protocol, port);
    const struct holder *h = cunik_map_get(&s->held, key);

    while (h && !cunik_world_ports_overlap(h->ip, ip))
        h = h->next;
    for (size_t i = 0; !h && i < s->n_ranges; i++) {
        const struct range *r = &s->ranges[i];
        if (port >= r->first && port <= r->last && strcmp(r->protocol, protocol) == 0 &&
            cunik_world_ports_overlap(r->holder.ip, ip))
            h = &r->holder;
    }
    return h;
}

static void hold(struct ports *s, const char *protocol, unsigned port, const char *ip,
                 const char *owner, const char *why)
{
    _cleanup_free_ char *key = cunik_asprintf("%s %u", protocol, port);
    struct holder *h = cunik_malloc(sizeof(*h));

    *h =
        (struct holder){.ip = ip, .owner = owner, .why = why, .next = cunik_map_get(&s->held, key)};
    cunik_map_set(&s->held, key, h);
}

/* Cuts a text behind its next word, which is what is left of it. */
static char *cut(char **rest)
{
    char *word = *rest;
    size_t size = strcspn(word, " ");

    *rest = word + size + (word[size] == ' ');
    word[size] = '\0';
    return word;
}

/* "tcp 0.0.0.0 80", "tcp 0.0.0.0 8000-8010 WHY" */
static void hold_taken(struct ports *s, const char *line)
{
    char *rest = cunik_strdup(line);
    uint64_t first, last;

    cunik_strv_take(&s->texts, rest);
    const char *protocol = cut(&rest), *ip = cut(&rest);
    char *number = cut(&rest), *dash = strchr(number, '-');
    if (dash)
        *dash = '\0';
    if (cunik_text_to_uint(number, 1, UINT16_MAX, &first) < 0 ||
        cunik_text_to_uint(dash ? dash + 1 : number, first, UINT16_MAX, &last) < 0)
        return;
    if (first == last)
        hold(s, protocol, (unsigned)first, ip, NULL, rest);
    else
        *ARRAY_APPEND(s->ranges, s->n_ranges) =
            (struct range){protocol, (unsigned)first, (unsigned)last, {.ip = ip, .why = rest}};
}

static void hold_others(struct ports *s)
{
    const struct world *actual = s->a->actual;

    for (size_t i = 0; i < actual->n_cuniks; i++) {
        const struct world_cunik *c = &actual->cuniks[i];
        if (!cunik_assign_stays(s->a, c))
            continue;
        for (size_t k = 0; k < c->n_ports; k++)
            hold(s, c->ports[k].protocol, c->ports[k].host_port, host_of(c, &c->ports[k]), c->name,
                 "");
    }
}

/* An address at which nobody could ask: a slip, or that of another machine. All of 127.0.0.0/8 is
 * the host's. */
static bool is_reachable(const struct ports *s, const char *ip)
{
    const struct strv *addresses = &s->a->facts->addresses;

    return any(ip) || !addresses->n || cunik_text_starts(ip, "127.") ||
           cunik_strv_has(addresses, ip);
}

/* Nothing answers at ::1: rules.h says why. */
static void check_address(const struct ports *s, const struct world_cunik *c,
                          const struct world_port *p)
{
    if (strcmp(p->host_ip, "::1") == 0)
        cunik_assign_invalid(s->a,
                             "'%s': port %u/%s is to be published at ::1, from where no guest can "
                             "be reached: 127.0.0.1 can be used",
                             c->name, p->port, p->protocol);
    else if (strchr(p->host_ip, ':') && s->a->facts->four_only)
        cunik_assign_invalid(s->a,
                             "'%s': port %u/%s is to be published at %s, and an engine without "
                             "rights publishes at addresses of IPv4 alone",
                             c->name, p->port, p->protocol, p->host_ip);
    else if (strchr(p->host_ip, ':') && !has_six(c))
        cunik_assign_invalid(s->a,
                             "'%s': port %u/%s is to be published at %s, but no network of its has "
                             "IPv6 (enable_ipv6)",
                             c->name, p->port, p->protocol, p->host_ip);
    else if (!is_reachable(s, p->host_ip))
        cunik_assign_conflict(s->a,
                              "'%s': port %u/%s is to be published at %s, which is no address "
                              "of this host",
                              c->name, p->port, p->protocol, p->host_ip);
}

/* An engine without rights has to bind what it publishes. */
static void check_number(const struct ports *s, const struct world_cunik *c,
                         const struct world_port *p)
{
    if (p->host_port && p->host_port < s->a->facts->least_port)
        cunik_assign_conflict(s->a,
                              "'%s': port %u/%s is to be published at port %u, and this user may "
                              "publish from %u on (the host's net.ipv4.ip_unprivileged_port_start)",
                              c->name, p->port, p->protocol, p->host_port, s->a->facts->least_port);
}

static void take_given(struct ports *s, const struct world_cunik *c, const struct world_port *p)
{
    const char *host = host_of(c, p);
    const struct holder *h = holder_of(s, p->protocol, p->host_port, host);
    _cleanup_free_ char *at = cunik_world_port_text(p);

    if (!h)
        hold(s, p->protocol, p->host_port, host, c->name, "");
    else if (!h->owner)
        cunik_assign_conflict(s->a, "'%s': port %s/%s is in use on the host%s%s%s", c->name, at,
                              p->protocol, *h->why ? ": " : "", h->why,
                              *h->why ? " leads it elsewhere" : "");
    else if (cunik_map_has(&s->a->desired_names, h->owner))
        cunik_assign_invalid(s->a, "'%s' and '%s' both publish port %s/%s", h->owner, c->name, at,
                             p->protocol);
    else
        cunik_assign_conflict(s->a, "'%s': port %s/%s is published by '%s' already", c->name, at,
                              p->protocol, h->owner);
}

static bool like(const struct world_port *a, const struct world_port *b)
{
    return a->port == b->port && strcmp(a->protocol, b->protocol) == 0 &&
           strcmp(a->host_ip, b->host_ip) == 0;
}

/* The number that the same port had: the k-th of its like has that of the k-th of its like. */
static uint16_t old_number(const struct world_cunik *c, size_t which, const struct world_cunik *old)
{
    size_t before = 0;

    for (size_t i = 0; i < which; i++)
        before += like(&c->ports[i], &c->ports[which]);
    for (size_t i = 0; old && i < old->n_ports; i++)
        if (like(&old->ports[i], &c->ports[which]) && before-- == 0)
            return old->ports[i].host_port;
    return 0;
}

static void take_old(struct ports *s, struct world_cunik *c, size_t which)
{
    struct world_port *p = &c->ports[which];
    uint16_t number = old_number(c, which, cunik_assign_old(s->a, c));

    if (!number || number < s->a->facts->first_port || number > s->a->facts->last_port ||
        holder_of(s, p->protocol, number, host_of(c, p)))
        return;
    p->host_port = number;
    hold(s, p->protocol, number, host_of(c, p), c->name, "");
}

static void take_new(struct ports *s, const struct world_cunik *c, struct world_port *p)
{
    unsigned first = s->a->facts->first_port;
    unsigned n = first && s->a->facts->last_port >= first ? s->a->facts->last_port - first + 1 : 0;
    _cleanup_free_ char *seed = cunik_asprintf("%s %s %u", c->name, p->protocol, p->port);
    unsigned start = n ? (unsigned)(cunik_assign_hash(seed) % n) : 0;

    for (unsigned i = 0; i < n; i++) {
        unsigned number = first + (start + i) % n;
        if (holder_of(s, p->protocol, number, host_of(c, p)))
            continue;
        p->host_port = (uint16_t)number;
        hold(s, p->protocol, number, host_of(c, p), c->name, "");
        return;
    }
    cunik_assign_conflict(s->a, "'%s': no free port of the host is left for its port %u/%s",
                          c->name, p->port, p->protocol);
}

enum pass { PASS_GIVEN, PASS_OLD, PASS_NEW, PASS_MAX_ };

static void run_pass(struct ports *s, enum pass pass)
{
    for (size_t i = 0; i < s->a->desired->n_cuniks; i++) {
        struct world_cunik *c = &s->a->desired->cuniks[s->a->order[i]];
        for (size_t k = 0; k < c->n_ports; k++) {
            if (pass == PASS_GIVEN)
                check_address(s, c, &c->ports[k]);
            if (pass == PASS_GIVEN)
                check_number(s, c, &c->ports[k]);
            if (pass == PASS_GIVEN && c->ports[k].host_port)
                take_given(s, c, &c->ports[k]);
            else if (pass == PASS_OLD && !c->ports[k].host_port)
                take_old(s, c, k);
            else if (pass == PASS_NEW && !c->ports[k].host_port)
                take_new(s, c, &c->ports[k]);
        }
    }
}

void cunik_assign_ports(struct assignment *a)
{
    struct ports s = {.a = a};

    for (size_t i = 0; i < a->facts->taken_ports.n; i++)
        hold_taken(&s, a->facts->taken_ports.items[i]);
    hold_others(&s);
    for (enum pass pass = 0; pass < PASS_MAX_; pass++)
        run_pass(&s, pass);
    for (size_t i = 0; i < s.held.n; i++) {
        struct holder *h = s.held.entries[i].value;
        while (h) {
            struct holder *next = h->next;
            free(h);
            h = next;
        }
    }
    cunik_map_done(&s.held);
    free(s.ranges);
    cunik_strv_done(&s.texts);
}
