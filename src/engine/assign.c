#include "engine/assign.h"

#include <stdarg.h>
#include <string.h>

#include "base/memory.h"
#include "engine/assign_parts.h"
#include "network/names.h"

enum { MISTAKES_MOST = 100 };

_printf_(2, 0) static void note(struct assignment *a, const char *format, va_list args)
{
    if (a->mistakes.n < MISTAKES_MOST)
        cunik_strv_take(&a->mistakes, cunik_vasprintf(format, args));
    else
        a->more++;
}

void cunik_assign_invalid(struct assignment *a, const char *format, ...)
{
    va_list args;

    a->invalid = true;
    va_start(args, format);
    note(a, format, args);
    va_end(args);
}

void cunik_assign_conflict(struct assignment *a, const char *format, ...)
{
    va_list args;

    a->conflict = true;
    va_start(args, format);
    note(a, format, args);
    va_end(args);
}

uint64_t cunik_assign_hash(const char *text)
{
    uint64_t hash = 0xcbf29ce484222325u;

    for (; *text; text++)
        hash = (hash ^ (unsigned char)*text) * 0x100000001b3u;
    /* FNV leaves the low bits of like texts alike. */
    hash ^= hash >> 32;
    hash *= 0x9e3779b97f4a7c15u;
    return hash ^ (hash >> 29);
}

static char *key_of(const struct world_cunik *c)
{
    return cunik_asprintf("%s/%s/%lld", c->stack, c->service, (long long)c->index);
}

const struct world_cunik *cunik_assign_old(const struct assignment *a, const struct world_cunik *c)
{
    _cleanup_free_ char *key = key_of(c);

    return cunik_map_get(&a->actual_cuniks, key);
}

bool cunik_assign_stays(const struct assignment *a, const struct world_cunik *actual)
{
    return !cunik_map_has(&a->desired_names, actual->name);
}

static int by_cunik_name(const void *x, const void *y, void *world)
{
    const struct world *w = world;

    return strcmp(w->cuniks[*(const size_t *)x].name, w->cuniks[*(const size_t *)y].name);
}

static int by_network_name(const void *x, const void *y, void *world)
{
    const struct world *w = world;

    return strcmp(w->networks[*(const size_t *)x].name, w->networks[*(const size_t *)y].name);
}

static size_t *sorted(size_t n, int (*order)(const void *, const void *, void *), void *world)
{
    size_t *list = cunik_malloc(n * sizeof(*list));

    for (size_t i = 0; i < n; i++)
        list[i] = i;
    if (n)
        qsort_r(list, n, sizeof(*list), order, world);
    return list;
}

static void init(struct assignment *a)
{
    for (size_t i = 0; i < a->actual->n_networks; i++)
        cunik_map_add(&a->actual_networks, a->actual->networks[i].name, &a->actual->networks[i]);
    for (size_t i = 0; i < a->actual->n_cuniks; i++) {
        _cleanup_free_ char *key = key_of(&a->actual->cuniks[i]);
        cunik_map_add(&a->actual_cuniks, key, &a->actual->cuniks[i]);
    }
    for (size_t i = 0; i < a->desired->n_cuniks; i++)
        cunik_map_add(&a->desired_names, a->desired->cuniks[i].name, &a->desired->cuniks[i]);
    a->parts = cunik_calloc(a->desired->n_networks, sizeof(*a->parts));
    for (size_t i = 0; i < a->desired->n_networks; i++) {
        a->parts[i].n = &a->desired->networks[i];
        cunik_map_add(&a->networks, a->desired->networks[i].name, &a->parts[i]);
    }
    a->order = sorted(a->desired->n_cuniks, by_cunik_name, a->desired);
    a->network_order = sorted(a->desired->n_networks, by_network_name, a->desired);
}

static void done(struct assignment *a)
{
    cunik_map_done(&a->actual_networks);
    cunik_map_done(&a->actual_cuniks);
    cunik_map_done(&a->desired_names);
    cunik_map_done(&a->networks);
    cunik_strv_done(&a->mistakes);
    for (size_t i = 0; i < a->desired->n_networks; i++)
        free(a->parts[i].pools);
    free(a->parts);
    free(a->order);
    free(a->network_order);
}

static bool empty(const char *s)
{
    return !s || !*s;
}

static void take(char **to, char *s)
{
    free(*to);
    *to = s;
}

/* An external network that is no engine's: a bridge of its name, with its own address as the
 * gateway. */
static void adopt_bridge(const struct assignment *a, struct world_network *n)
{
    for (size_t i = 0; i < a->facts->bridges.n; i++) {
        const char *text = a->facts->bridges.items[i], *space = strchr(text, ' ');
        size_t size = space ? (size_t)(space - text) : strlen(text);
        struct cidr c;

        if (strlen(n->name) != size || strncmp(n->name, text, size) != 0)
            continue;
        cunik_replace(&n->link, n->name);
        if (!space || cunik_cidr_parse(space + 1, &c, NULL) < 0)
            return;
        struct cidr subnet = cunik_cidr_subnet(&c);
        take(&n->subnet, cunik_cidr_text(&subnet));
        take(&n->gateway, cunik_address_text(c.address));
        return;
    }
}

static void assign_bridge(struct assignment *a, struct world_network *n)
{
    const struct world_network *old = cunik_map_get(&a->actual_networks, n->name);

    if (n->external) {
        if (old && empty(n->link))
            cunik_replace(&n->link, old->link);
        if (!old && empty(n->link))
            adopt_bridge(a, n);
        if (empty(n->link))
            cunik_assign_invalid(a, "network '%s' is external and does not exist", n->name);
        return;
    }
    if (old && strcmp(old->stack, n->stack) != 0)
        cunik_assign_conflict(a, "network '%s' belongs to the stack '%s'", n->name, old->stack);
    if (!empty(n->link))
        return;
    if (old && !empty(old->link))
        cunik_replace(&n->link, old->link);
    else
        take(&n->link, cunik_network_link_name('b', a->facts->engine, n->stack, n->name));
}

static const struct world_interface *same_network(const struct world_cunik *c, const char *network)
{
    for (size_t i = 0; c && i < c->n_interfaces; i++)
        if (strcmp(c->interfaces[i].network, network) == 0)
            return &c->interfaces[i];
    return NULL;
}

static void assign_interface(struct assignment *a, const struct world_cunik *c,
                             struct world_interface *i, const struct world_cunik *old)
{
    const struct world_interface *was = same_network(old, i->network);

    if (empty(i->link) && was && !empty(was->link))
        cunik_replace(&i->link, was->link);
    if (empty(i->link)) {
        _cleanup_free_ char *rest = cunik_asprintf("%s/%s", c->name, i->network);
        take(&i->link, cunik_network_link_name('t', a->facts->engine, c->stack, rest));
    }
    if (empty(i->mac))
        take(&i->mac, cunik_network_mac(c->stack, c->service, c->index, i->network));
}

/* What identifies a cunik on the host: derived from its place in the stack. */
static void assign_identities(struct assignment *a)
{
    for (size_t i = 0; i < a->desired->n_networks; i++)
        assign_bridge(a, &a->desired->networks[i]);
    for (size_t i = 0; i < a->desired->n_cuniks; i++) {
        struct world_cunik *c = &a->desired->cuniks[i];
        const struct world_cunik *old = cunik_assign_old(a, c);
        if (empty(c->uuid))
            take(&c->uuid, cunik_network_uuid(c->stack, c->service, c->index));
        for (size_t k = 0; k < c->n_interfaces; k++)
            assign_interface(a, c, &c->interfaces[k], old);
    }
}

static void check_link(struct assignment *a, struct map *links, const char *link, const char *name)
{
    const char *other = cunik_map_get(links, link);

    if (empty(link))
        return;
    if (other)
        cunik_assign_conflict(a, "'%s' and '%s' have the same link '%s'", other, name, link);
    else
        cunik_map_add(links, link, (void *)name);
}

static void check_links(struct assignment *a)
{
    _cleanup_map_ struct map links = {0};

    for (size_t i = 0; i < a->desired->n_networks; i++)
        check_link(a, &links, a->desired->networks[i].link, a->desired->networks[i].name);
    for (size_t i = 0; i < a->desired->n_cuniks; i++) {
        const struct world_cunik *c = &a->desired->cuniks[a->order[i]];
        for (size_t k = 0; k < c->n_interfaces; k++)
            check_link(a, &links, c->interfaces[k].link, c->name);
    }
}

int cunik_assign(struct world *desired, const struct world *actual, const struct host_facts *facts,
                 struct error **err)
{
    struct assignment a = {.desired = desired, .actual = actual, .facts = facts};
    int r = 0;

    init(&a);
    assign_identities(&a);
    check_links(&a);
    cunik_assign_subnets(&a);
    cunik_assign_subnets6(&a);
    cunik_assign_addresses(&a);
    cunik_assign_addresses6(&a);
    cunik_assign_ports(&a);
    cunik_assign_bridges(&a);
    if (a.more)
        cunik_strv_addf(&a.mistakes, "and %zu more", a.more);
    if (a.mistakes.n) {
        _cleanup_free_ char *text = cunik_strv_join(&a.mistakes, "\n");
        r = cunik_error_set(err, a.invalid ? ERROR_INVALID : ERROR_CONFLICT, "%s", text);
    }
    done(&a);
    return r;
}
