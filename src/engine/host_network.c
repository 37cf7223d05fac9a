/* Networks, names, links and rules of the real host. */
#include <errno.h>
#include <string.h>
#include <unistd.h>

#include "base/file.h"
#include "base/folder.h"
#include "base/json.h"
#include "base/log.h"
#include "base/memory.h"
#include "base/text.h"
#include "engine/host_real_internal.h"
#include "engine/world_rules.h"
#include "network/link.h"
#include "network/names.h"

static char *file_of(const struct host_real *h, const char *network)
{
    return cunik_asprintf("%s/networks/%s.json", h->run, network);
}

char *cunik_host_names_folder(const struct host_real *h, const char *network)
{
    return cunik_asprintf("%s/names/%s", h->run, network);
}

int cunik_host_network_names(const struct host_real *h, struct strv *ret, struct error **err)
{
    _cleanup_free_ char *path = cunik_asprintf("%s/networks", h->run);
    _cleanup_strv_ struct strv names = {0};
    int r = cunik_folder_list(path, FOLDER_DOTTED, &names, err);

    for (size_t i = 0; i < names.n; i++)
        if (cunik_text_ends(names.items[i], ".json"))
            cunik_strv_take(
                ret, cunik_strndup(names.items[i], strlen(names.items[i]) - strlen(".json")));
    return r;
}

static int write_file(const struct host_real *h, const struct world_network *n, struct error **err)
{
    _cleanup_free_ char *file = file_of(h, n->name);
    _cleanup_json_ json_t *json = cunik_world_network_to_json(n);
    _cleanup_free_ char *text = cunik_json_text(json, JSON_COMPACT);

    return cunik_file_write(file, text, strlen(text), 0644, false, err);
}

static int gateway6(const struct world_network *n, struct cidr6 *ret, struct error **err)
{
    int r = cunik_cidr6_parse_subnet(n->subnet6, ret, err);

    return r < 0 ? r : cunik_address6_parse(n->gateway6, &ret->address, err);
}

/* The file comes first: a bridge without one would not be known for what it is. */
int cunik_host_network_create(void *ctx, const struct world_network *n, struct error **err)
{
    const struct host_real *h = ctx;
    struct bridge_settings b = {
        .name = n->link,
        .label = {h->engine, n->stack, (char *)"network", n->name},
        .group = cunik_network_group(h->engine, n->stack),
    };
    _cleanup_free_ struct cidr *more = NULL;
    struct cidr subnet;
    struct cidr6 six;
    int r;

    if (n->external)
        return 0;
    if ((r = cunik_world_network_addresses(n, &subnet, &b.address.address, err)) < 0 ||
        (r = cunik_world_network_more(n, &more, &b.n_more, err)) < 0 ||
        (n->ipv6 && (r = gateway6(n, &six, err)) < 0) || (r = write_file(h, n, err)) < 0)
        return r;
    b.address.length = subnet.length;
    b.more = more;
    b.address6 = n->ipv6 ? &six : NULL;
    b.mtu = (unsigned)n->mtu;
    return cunik_link_create_bridge(&b, err);
}

/* Of a network's bridge, its names and its file, the file goes with the last of the others. */
int cunik_host_network_forget(const struct host_real *h, const char *network, struct error **err)
{
    _cleanup_free_ char *file = file_of(h, network);

    if (unlink(file) < 0 && errno != ENOENT)
        return cunik_error_errno(err, errno, "removing '%s'", file);
    return 0;
}

/* A link of that name that is not ours is not the network's bridge: then there is none to remove,
 * and a network that could not be made for it can still be taken away. */
static int remove_bridge(const struct host_real *h, const struct world_network *n,
                         struct error **err)
{
    _cleanup_error_ struct error *why = NULL;
    int r = cunik_link_remove(n->link, h->engine, cunik_network_group(h->engine, n->stack), &why);

    if (r == 0)
        return 0;
    if (why->code == ERROR_CONFLICT) {
        cunik_log(LOG_LEVEL_WARNING, "network '%s': %s; it is left alone", n->name, why->message);
        return 0;
    }
    return cunik_error_pass(err, r, &why);
}

int cunik_host_network_remove(void *ctx, const struct world_network *n, struct error **err)
{
    const struct host_real *h = ctx;
    _cleanup_free_ char *folder = cunik_host_names_folder(h, n->name);
    int r = 0;

    if (n->external)
        return 0;
    if (*n->link)
        r = remove_bridge(h, n, err);
    return r < 0 || cunik_file_exists(folder) ? r : cunik_host_network_forget(h, n->name, err);
}

int cunik_host_links_create(void *ctx, const struct world_cunik *c, const struct world *w,
                            struct error **err)
{
    const struct host_real *h = ctx;

    for (size_t i = 0; i < c->n_interfaces; i++) {
        const struct world_interface *n = &c->interfaces[i];
        const struct world_network *network = cunik_world_network(w, n->network);
        struct tap_settings t = {
            .name = n->link,
            .label = {h->engine, c->stack, (char *)"cunik", c->name},
            .group = cunik_network_group(h->engine, c->stack),
            .uid = geteuid(), /* libvirt opens it, as whoever we are */
            .gid = (gid_t)-1,
        };
        if (!network || !*network->link)
            return cunik_error_set(err, ERROR_NOT_FOUND,
                                   "'%s' is to be on network '%s', which is "
                                   "not there",
                                   c->name, n->network);
        t.bridge = network->link;
        t.mtu = (unsigned)network->mtu;
        int r = cunik_link_create_tap(&t, err);
        if (r < 0)
            return r;
    }
    return 0;
}

int cunik_host_links_remove(void *ctx, const struct world_cunik *c, struct error **err)
{
    const struct host_real *h = ctx;

    for (size_t i = 0; i < c->n_interfaces; i++) {
        int r = *c->interfaces[i].link ? cunik_link_remove(c->interfaces[i].link, h->engine, 0, err)
                                       : 0;
        if (r < 0)
            return r;
    }
    return 0;
}

/* Files of networks of this stack whose names are not served any more. */
static int forget_stack(const struct host_real *h, const char *stack, struct error **err)
{
    _cleanup_strv_ struct strv names = {0};
    int r = cunik_host_network_names(h, &names, err);

    for (size_t i = 0; r == 0 && i < names.n; i++) {
        _cleanup_free_ char *folder = cunik_host_names_folder(h, names.items[i]);
        struct world_network n = {0};
        if (!cunik_file_exists(folder) && cunik_host_network_read(h, names.items[i], &n) &&
            strcmp(n.stack, stack) == 0)
            r = cunik_host_network_forget(h, names.items[i], err);
        cunik_world_network_done(&n);
    }
    return r;
}

int cunik_host_links_remove_stack(void *ctx, const char *stack, struct error **err)
{
    const struct host_real *h = ctx;
    int r = cunik_link_remove_stack(h->engine, stack, cunik_network_group(h->engine, stack), err);

    return r < 0 ? r : forget_stack(h, stack, err);
}

bool cunik_host_network_read(const struct host_real *h, const char *name, struct world_network *ret)
{
    enum { LIMIT = 4 << 20 };
    _cleanup_free_ char *file = file_of(h, name), *text = NULL;
    _cleanup_json_ json_t *json = NULL;
    size_t size;

    return cunik_file_read(file, LIMIT, &text, &size, NULL) == 0 &&
           cunik_json_parse(text, size, file, &json, NULL) == 0 &&
           cunik_world_network_from_kept(json, ret, NULL) == 0;
}

/* Whether these rules were put in force last, and are still there: putting them there again takes
 * the kernel some 10 ms, asking a fraction of one. */
static bool in_force(struct host_real *h, const char *text, const struct strv *chains)
{
    bool present;

    pthread_mutex_lock(&h->lock);
    bool same = h->rules && strcmp(h->rules, text) == 0;
    pthread_mutex_unlock(&h->lock);
    return same && chains->n && cunik_rules_present(h->engine, chains, &present, NULL) == 0 &&
           present;
}

static int put_in_force(struct host_real *h, const char *text, struct error **err)
{
    int r = cunik_rules_replace(text, err);

    pthread_mutex_lock(&h->lock);
    free(h->rules);
    h->rules = r == 0 ? cunik_strdup(text) : NULL;
    pthread_mutex_unlock(&h->lock);
    return r;
}

/* A bridge that someone else made has no rules of ours; one of another stack of ours has. */
static bool is_ours(void *ctx, const struct world_network *n)
{
    const struct host_real *h = ctx;
    _cleanup_free_ char *file = file_of(h, n->name);

    return *n->link && *n->subnet && (!n->external || cunik_file_exists(file));
}

static bool takes_ipv6(void *ctx, const struct world_cunik *c)
{
    return cunik_host_takes_ipv6(ctx, c);
}

int cunik_host_rules(const struct host_real *h, const struct world *w, bool running_only,
                     struct rules *ret, struct error **err)
{
    const struct world_rules_facts facts = {is_ours, takes_ipv6, (void *)h};

    return cunik_world_rules(w, h->engine, running_only, &facts, ret, err);
}

int cunik_host_rules_replace(void *ctx, const struct world *w, struct error **err)
{
    struct host_real *h = ctx;
    _cleanup_strv_ struct strv chains = {0};
    _cleanup_free_ char *text = NULL;
    struct rules rules = {0};
    struct outside_ports outside = {0};
    int r = cunik_host_rules(h, w, false, &rules, err);

    if (r == 0)
        cunik_host_outside_ports(h, &rules, &outside);
    if (r == 0 && rules.n_networks)
        r = cunik_host_ways(&rules.ways, err);
    bool six = r == 0 && cunik_rules_six(&rules);
    if (r == 0)
        r = six ? cunik_host_open6(h, cunik_host_forward6_kind(), &rules.shut, err)
                : cunik_host_close6(h, err);
    if (r == 0)
        r = cunik_rules_make(&rules, &text, &chains, err);
    if (r == 0 && !in_force(h, text, &chains))
        r = put_in_force(h, text, err);
    if (r == 0)
        r = cunik_host_gates(h, chains.n > 0, err);
    if (r == 0)
        r = cunik_host_outside_set(h, rules.n_networks > 0, &outside, err);
    if (r == 0)
        r = cunik_host_forward(h, rules.n_networks > 0, err);
    if (r == 0 && six)
        r = cunik_host_forward6(h, err);
    cunik_rules_done(&rules);
    cunik_host_outside_ports_done(&outside);
    return r;
}
