#include "network/nat.h"

#include <netinet/in.h>
#include <string.h>

#include "base/log.h"
#include "base/map.h"
#include "base/memory.h"
#include "network/nftables.h"
#include "network/rules.h"

enum { HOOK_PREROUTING = 0, HOOK_OUTPUT = 3 }; /* enum nf_inet_hooks */

/* NULL, and said, when it is not there (any more). */
static json_t *list(const char *kind, const char *family, const char *table, const char *name)
{
    _cleanup_error_ struct error *err = NULL;
    json_t *all = NULL;

    if (cunik_nftables_list(kind, family, table, name, &all, &err) < 0)
        cunik_log(LOG_LEVEL_INFO, "others' rules are passed over: %s", err->message);
    return all;
}

/* Sets and maps of one table, listed when they are asked for. */
struct named {
    const char *family, *table;
    json_t *known; /* by name: their elements */
};

static const json_t *get_elements(void *ctx, const char *name, bool map)
{
    const char *kind = map ? "map" : "set";
    struct named *n = ctx;
    const json_t *known = json_object_get(n->known, name);
    json_t *found = NULL;

    if (known)
        return known;
    _cleanup_json_ json_t *all = list(kind, n->family, n->table, name);
    for (size_t i = 0; !found && i < json_array_size(all); i++)
        found = json_object_get(json_object_get(json_array_get(all, i), kind), "elem");
    cunik_json_set(n->known, name, found ? json_incref(found) : json_array());
    return json_object_get(n->known, name);
}

static void read_table(const char *family, const char *table, const struct strv *addresses,
                       struct strv *ret)
{
    _cleanup_json_ json_t *all = list("table", family, table, NULL);
    struct named named = {family, table, json_object()};
    const struct nat_elements elements = {get_elements, &named};

    if (!cunik_nat_read(all, &elements, addresses, ret))
        cunik_log(LOG_LEVEL_WARNING,
                  "ports that nftables' table '%s %s' leads elsewhere may be missed: its rules are "
                  "too many ways to follow",
                  family, table);
    json_decref(named.known);
}

int cunik_nat_ports(const char *engine, const struct strv *addresses, struct strv *ret,
                    struct error **err)
{
    _cleanup_free_ char *own = cunik_asprintf(RULES_TABLE "%s", engine);
    _cleanup_nftables_chains_ struct nftables_chains chains = {0};
    _cleanup_map_ struct map seen = {0};
    int r = cunik_nftables_chains(NULL, &chains, err);

    for (size_t i = 0; i < chains.n; i++) {
        const struct nftables_chain *c = &chains.items[i];
        const char *family = cunik_nftables_family(c->family);
        _cleanup_free_ char *table = cunik_asprintf("%s %s", family, c->table);
        if (c->type == NFTABLES_NAT && (c->hook == HOOK_PREROUTING || c->hook == HOOK_OUTPUT) &&
            strcmp(c->table, own) != 0 && cunik_map_add(&seen, table, &seen))
            read_table(family, c->table, addresses, ret);
    }
    return r;
}
