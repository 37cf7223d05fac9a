#include "network/gates.h"

#include <arpa/inet.h>
#include <endian.h>
#include <linux/netfilter/nf_tables.h>
#include <linux/netfilter/nfnetlink.h>
#include <string.h>

#include "base/buffer.h"
#include "base/memory.h"
#include "base/text.h"
#include "network/netlink.h"
#include "network/nftables.h"
#include "network/rules.h"

enum { HOOK_INPUT = 1, HOOK_FORWARD = 2 }; /* enum nf_inet_hooks */
enum { USERDATA_COMMENT = 0 };             /* as libnftnl has it: type, length, bytes */

/* A chain that packets to or through the host may have to pass: a base chain at one of the two
 * hooks, or Docker's for others' rules. */
struct gate {
    const struct nftables_chain *chain;
    uint64_t *ours; /* handles of the rules of this engine in it */
    size_t n_ours;
};

struct gates {
    struct nftables_chains chains;
    struct gate *items;
    size_t n;
    const char *engine;
};

static void gates_done(struct gates *g)
{
    for (size_t i = 0; i < g->n; i++)
        free(g->items[i].ours);
    free(g->items);
    cunik_nftables_chains_done(&g->chains);
}
#define _cleanup_gates_ _cleanup_(gates_done)

static bool is_base(const struct nftables_chain *c)
{
    return c->type == NFTABLES_FILTER && (c->hook == HOOK_INPUT || c->hook == HOOK_FORWARD);
}

/* Names go into commands as they are. */
static bool is_gate(const struct nftables_chain *c)
{
    return c->family != AF_BRIDGE && !cunik_text_starts(c->table, RULES_TABLE) &&
           cunik_nftables_is_word(c->table) && cunik_nftables_is_word(c->name) &&
           (is_base(c) || strcmp(c->name, "DOCKER-USER") == 0);
}

static bool has_comment(const struct nlattr *data, const char *engine)
{
    _cleanup_free_ char *wanted = cunik_asprintf(RULES_TABLE "%s", engine);
    size_t size = strlen(wanted) + 1;
    const uint8_t *p = nla_data(data), *end = p + nla_len(data);

    for (; end - p >= 2 && end - p - 2 >= p[1]; p += 2 + p[1])
        if (p[0] == USERDATA_COMMENT && p[1] == size && memcmp(p + 2, wanted, size) == 0)
            return true;
    return false;
}

struct listing {
    const struct gates *gates;
    struct gate *of;
};

static void on_rule(struct nl_msg *m, void *arg)
{
    const struct listing *l = arg;
    struct gate *g = l->of;
    struct nlattr *parts[NFTA_RULE_MAX + 1];
    const struct nfgenmsg *header = nlmsg_data(nlmsg_hdr(m));

    if (header->nfgen_family == g->chain->family &&
        nlmsg_parse(nlmsg_hdr(m), sizeof(*header), parts, NFTA_RULE_MAX, NULL) == 0 &&
        parts[NFTA_RULE_HANDLE] && parts[NFTA_RULE_USERDATA] && parts[NFTA_RULE_TABLE] &&
        parts[NFTA_RULE_CHAIN] &&
        strcmp(nla_get_string(parts[NFTA_RULE_TABLE]), g->chain->table) == 0 &&
        strcmp(nla_get_string(parts[NFTA_RULE_CHAIN]), g->chain->name) == 0 &&
        has_comment(parts[NFTA_RULE_USERDATA], l->gates->engine))
        *ARRAY_APPEND(g->ours, g->n_ours) = be64toh(nla_get_u64(parts[NFTA_RULE_HANDLE]));
}

static int list_rules(const struct gates *g, struct gate *of, struct error **err)
{
    _cleanup_nl_socket_ struct nl_sock *s = NULL;
    struct nfgenmsg header = {.nfgen_family = of->chain->family, .version = NFNETLINK_V0};
    struct listing l = {g, of};
    int r = cunik_netlink_open(NETLINK_NETFILTER, &s, err);

    if (r < 0)
        return r;
    struct nl_msg *m =
        cunik_netlink_message(NFNL_SUBSYS_NFTABLES << 8 | NFT_MSG_GETRULE, NLM_F_DUMP);
    cunik_netlink_append(m, &header, sizeof(header));
    cunik_netlink_string(m, NFTA_RULE_TABLE, of->chain->table);
    cunik_netlink_string(m, NFTA_RULE_CHAIN, of->chain->name);
    return cunik_netlink_dump(s, m, on_rule, &l, err, "listing others' packet filters");
}

static const struct gate *docker_of(const struct gates *g, const struct nftables_chain *forward)
{
    for (size_t i = 0; i < g->n; i++) {
        const struct nftables_chain *c = g->items[i].chain;
        if (c->family == forward->family && !is_base(c) && strcmp(c->table, forward->table) == 0)
            return &g->items[i];
    }
    return NULL;
}

/* Whether packets of ours need a word of ours to get past. */
static bool is_shut(const struct gates *g, const struct gate *at)
{
    const struct nftables_chain *c = at->chain;

    if (!is_base(c)) { /* DOCKER-USER, which the base chain of its table jumps to */
        for (size_t i = 0; i < g->n; i++) {
            const struct nftables_chain *other = g->items[i].chain;
            if (is_base(other) && other->hook == HOOK_FORWARD && other->drops &&
                docker_of(g, other) == at)
                return true;
        }
        return false;
    }
    if (strcmp(c->table, "firewalld") == 0)
        return strcmp(c->name, "filter_INPUT") == 0 || strcmp(c->name, "filter_FORWARD") == 0;
    return c->drops && (c->hook == HOOK_INPUT || !docker_of(g, c));
}

static void append_changes(struct buffer *b, const struct gates *g, const struct gate *at,
                           bool open)
{
    const struct nftables_chain *c = at->chain;
    const char *family = cunik_nftables_family(c->family);

    if (open && is_shut(g, at)) {
        if (!at->n_ours)
            cunik_buffer_printf(b,
                                "insert rule %s %s %s meta mark and %d == %d counter accept "
                                "comment \"" RULES_TABLE "%s\"\n",
                                family, c->table, c->name, RULES_MARK, RULES_MARK, g->engine);
        return;
    }
    for (size_t i = 0; i < at->n_ours; i++)
        cunik_buffer_printf(b, "delete rule %s %s %s handle %llu\n", family, c->table, c->name,
                            (unsigned long long)at->ours[i]);
}

int cunik_gates_text(const char *engine, bool open, char **ret, struct error **err)
{
    _cleanup_gates_ struct gates g = {.engine = engine};
    _cleanup_buffer_ struct buffer b = {0};
    int r = cunik_nftables_chains(NULL, &g.chains, err);

    for (size_t i = 0; i < g.chains.n; i++)
        if (is_gate(&g.chains.items[i]))
            *ARRAY_APPEND(g.items, g.n) = (struct gate){.chain = &g.chains.items[i]};
    for (size_t i = 0; r == 0 && i < g.n; i++)
        r = list_rules(&g, &g.items[i], err);
    if (r < 0)
        return r;
    for (size_t i = 0; i < g.n; i++)
        append_changes(&b, &g, &g.items[i], open);
    *ret = cunik_buffer_take(&b);
    return 0;
}

int cunik_gates_others(const char *engine, bool *ret, struct error **err)
{
    _cleanup_nftables_chains_ struct nftables_chains chains = {0};
    _cleanup_free_ char *own = cunik_asprintf(RULES_TABLE "%s", engine);
    int r = cunik_nftables_chains(NULL, &chains, err);
    bool any = false;

    if (r < 0)
        return r;
    for (size_t i = 0; i < chains.n; i++)
        any |= cunik_text_starts(chains.items[i].table, RULES_TABLE) &&
               strcmp(chains.items[i].table, own) != 0;
    *ret = any;
    return 0;
}
