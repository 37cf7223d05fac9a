/* nftables: its commands by libnftables, and which chains there are by netlink, which takes a
 * fraction of the time. Safe to call from several threads.
 */
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/error.h"
#include "base/json.h"

/* Runs commands that print nothing. When they fail, which is all of them or none, *ret_complaint
 * says where and why; the caller frees it. dry: they are only checked. */
int cunik_nftables_run(const char *commands, bool dry, char **ret_complaint);
/* What is there of a kind, "table", "set" or "map", as the array of libnftables-json(5); `name` is
 * that of the set or map in the table. The elements of named sets and maps are left out of tables.
 * The caller gives it back. */
int cunik_nftables_list(const char *kind, const char *family, const char *table, const char *name,
                        json_t **ret, struct error **err);

enum { NFTABLES_INET = 1 }; /* a family beside AF_INET, AF_INET6, AF_BRIDGE: both of the first */

enum nftables_type { NFTABLES_PLAIN, NFTABLES_FILTER, NFTABLES_NAT, NFTABLES_OTHER };

struct nftables_chain {
    uint8_t family;
    char *table, *name;
    enum nftables_type type; /* NFTABLES_PLAIN: it is jumped to, and has no hook */
    unsigned hook;           /* enum nf_inet_hooks */
    bool drops;              /* its policy does */
};

struct nftables_chains {
    struct nftables_chain *items;
    size_t n;
};

/* The chains of all tables, or of those of one name, in families that have a name. */
int cunik_nftables_chains(const char *table, struct nftables_chains *ret, struct error **err);
void cunik_nftables_chains_done(struct nftables_chains *c);
#define _cleanup_nftables_chains_ _cleanup_(cunik_nftables_chains_done)

/* "ip", "ip6", "inet", "bridge"; NULL for others. */
const char *cunik_nftables_family(uint8_t family);
/* Whether a name can stand in a command as it is. */
bool cunik_nftables_is_word(const char *name);
