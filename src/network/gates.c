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
#include "network/rules.h"

enum { HOOK_INPUT = 1, HOOK_FORWARD = 2 }; /* enum nf_inet_hooks */
enum { FAMILY_INET = 1 };                  /* NFPROTO_INET */
enum { VERDICT_DROP = 0 };     /* linux/netfilter.h, which netinet/in.h does not go with */
enum { USERDATA_COMMENT = 0 }; /* as libnftnl has it: type, length, bytes */

static const char tables[] = "cunik_"; /* what the names of engines' tables begin with */

/* A chain that packets to or through the host may have to pass. */
struct gate {
    uint8_t family;
    char *table, *chain;
    unsigned hook;  /* 0 = not a base chain */
    bool drops;     /* its policy does */
    uint64_t *ours; /* handles of the rules of this engine in it */
    size_t n_ours;
};

struct gates {
    struct gate *items;
    size_t n;
    const char *engine;
    struct gate *at; /* whose rules are being listed */
    bool others;
};

static void gates_done(struct gates *g)
{
    for (size_t i = 0; i < g->n; i++) {
        free(g->items[i].table);
        free(g->items[i].chain);
        free(g->items[i].ours);
    }
    free(g->items);
}
#define _cleanup_gates_ _cleanup_(gates_done)

static uint32_t number_of(const struct nlattr *a)
{
    return a ? ntohl(nla_get_u32(a)) : 0;
}

/* Names go into commands as they are. */
static bool is_word(const char *s)
{
    return *s && strspn(s, "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789_-") ==
                     strlen(s);
}

static bool is_engines(struct gates *g, const char *table)
{
    if (!cunik_text_starts(table, tables))
        return false;
    if (strcmp(table + strlen(tables), g->engine) != 0)
        g->others = true;
    return true;
}

/* Of the families that packets of guests are in; NULL for others. */
static const char *family_of(uint8_t family)
{
    return family == AF_INET       ? "ip"
           : family == AF_INET6    ? "ip6"
           : family == FAMILY_INET ? "inet"
                                   : NULL;
}

static unsigned hook_of(struct nlattr *hook)
{
    struct nlattr *parts[NFTA_HOOK_MAX + 1];

    if (!hook || nla_parse_nested(parts, NFTA_HOOK_MAX, hook, NULL) < 0)
        return 0;
    return number_of(parts[NFTA_HOOK_HOOKNUM]);
}

static int on_chain(struct nl_msg *m, void *arg)
{
    struct gates *g = arg;
    struct nlattr *parts[NFTA_CHAIN_MAX + 1];
    const struct nfgenmsg *header = nlmsg_data(nlmsg_hdr(m));

    if (!family_of(header->nfgen_family) ||
        nlmsg_parse(nlmsg_hdr(m), sizeof(*header), parts, NFTA_CHAIN_MAX, NULL) < 0 ||
        !parts[NFTA_CHAIN_TABLE] || !parts[NFTA_CHAIN_NAME])
        return NL_OK;
    const char *table = nla_get_string(parts[NFTA_CHAIN_TABLE]);
    const char *chain = nla_get_string(parts[NFTA_CHAIN_NAME]);
    const struct nlattr *type = parts[NFTA_CHAIN_TYPE];
    unsigned hook =
        type && strcmp(nla_get_string(type), "filter") == 0 ? hook_of(parts[NFTA_CHAIN_HOOK]) : 0;
    if (is_engines(g, table) || !is_word(table) || !is_word(chain) ||
        (hook != HOOK_INPUT && hook != HOOK_FORWARD && strcmp(chain, "DOCKER-USER") != 0))
        return NL_OK;
    *ARRAY_APPEND(g->items, g->n) = (struct gate){
        .family = header->nfgen_family,
        .table = cunik_strdup(table),
        .chain = cunik_strdup(chain),
        .hook = hook,
        .drops = parts[NFTA_CHAIN_POLICY] && number_of(parts[NFTA_CHAIN_POLICY]) == VERDICT_DROP,
    };
    return NL_OK;
}

static bool has_comment(const struct nlattr *data, const char *engine)
{
    _cleanup_free_ char *wanted = cunik_asprintf("%s%s", tables, engine);
    size_t size = strlen(wanted) + 1;
    const uint8_t *p = nla_data(data), *end = p + nla_len(data);

    for (; end - p >= 2 && end - p - 2 >= p[1]; p += 2 + p[1])
        if (p[0] == USERDATA_COMMENT && p[1] == size && memcmp(p + 2, wanted, size) == 0)
            return true;
    return false;
}

static int on_rule(struct nl_msg *m, void *arg)
{
    struct gates *g = arg;
    struct nlattr *parts[NFTA_RULE_MAX + 1];
    const struct nfgenmsg *header = nlmsg_data(nlmsg_hdr(m));

    if (header->nfgen_family == g->at->family &&
        nlmsg_parse(nlmsg_hdr(m), sizeof(*header), parts, NFTA_RULE_MAX, NULL) == 0 &&
        parts[NFTA_RULE_HANDLE] && parts[NFTA_RULE_USERDATA] && parts[NFTA_RULE_TABLE] &&
        parts[NFTA_RULE_CHAIN] &&
        strcmp(nla_get_string(parts[NFTA_RULE_TABLE]), g->at->table) == 0 &&
        strcmp(nla_get_string(parts[NFTA_RULE_CHAIN]), g->at->chain) == 0 &&
        has_comment(parts[NFTA_RULE_USERDATA], g->engine))
        *ARRAY_APPEND(g->at->ours, g->at->n_ours) = be64toh(nla_get_u64(parts[NFTA_RULE_HANDLE]));
    return NL_OK;
}

static int dump(struct gates *g, struct gate *at, int type, nl_recvmsg_msg_cb_t on,
                struct error **err)
{
    _cleanup_nl_socket_ struct nl_sock *s = NULL;
    struct nfgenmsg header = {.nfgen_family = at ? at->family : AF_UNSPEC, .version = NFNETLINK_V0};
    int r = cunik_netlink_open(NETLINK_NETFILTER, &s, err);

    if (r < 0)
        return r;
    struct nl_msg *m = cunik_netlink_message(NFNL_SUBSYS_NFTABLES << 8 | type, NLM_F_DUMP);
    cunik_netlink_append(m, &header, sizeof(header));
    if (at) {
        cunik_netlink_string(m, NFTA_RULE_TABLE, at->table);
        cunik_netlink_string(m, NFTA_RULE_CHAIN, at->chain);
    }
    g->at = at;
    nl_socket_modify_cb(s, NL_CB_VALID, NL_CB_CUSTOM, on, g);
    return cunik_netlink_dump(s, m, err, "listing others' packet filters");
}

static const struct gate *docker_of(const struct gates *g, const struct gate *forward)
{
    for (size_t i = 0; i < g->n; i++)
        if (g->items[i].family == forward->family && !g->items[i].hook &&
            strcmp(g->items[i].table, forward->table) == 0)
            return &g->items[i];
    return NULL;
}

/* Whether packets of ours need a word of ours to get past. */
static bool is_shut(const struct gates *g, const struct gate *at)
{
    if (!at->hook) { /* DOCKER-USER, which the base chain of its table jumps to */
        for (size_t i = 0; i < g->n; i++)
            if (g->items[i].hook == HOOK_FORWARD && g->items[i].drops &&
                docker_of(g, &g->items[i]) == at)
                return true;
        return false;
    }
    if (strcmp(at->table, "firewalld") == 0)
        return strcmp(at->chain, "filter_INPUT") == 0 || strcmp(at->chain, "filter_FORWARD") == 0;
    return at->drops && (at->hook == HOOK_INPUT || !docker_of(g, at));
}

static void append_changes(struct buffer *b, const struct gates *g, const struct gate *at,
                           bool open)
{
    const char *family = family_of(at->family);

    if (open && is_shut(g, at)) {
        if (!at->n_ours)
            cunik_buffer_printf(b,
                                "insert rule %s %s %s meta mark and %d == %d counter accept "
                                "comment \"%s%s\"\n",
                                family, at->table, at->chain, RULES_MARK, RULES_MARK, tables,
                                g->engine);
        return;
    }
    for (size_t i = 0; i < at->n_ours; i++)
        cunik_buffer_printf(b, "delete rule %s %s %s handle %llu\n", family, at->table, at->chain,
                            (unsigned long long)at->ours[i]);
}

int cunik_gates_text(const char *engine, bool open, char **ret, struct error **err)
{
    _cleanup_gates_ struct gates g = {.engine = engine};
    _cleanup_buffer_ struct buffer b = {0};
    int r = dump(&g, NULL, NFT_MSG_GETCHAIN, on_chain, err);

    for (size_t i = 0; r == 0 && i < g.n; i++)
        r = dump(&g, &g.items[i], NFT_MSG_GETRULE, on_rule, err);
    if (r < 0)
        return r;
    for (size_t i = 0; i < g.n; i++)
        append_changes(&b, &g, &g.items[i], open);
    *ret = cunik_buffer_take(&b);
    return 0;
}

int cunik_gates_others(const char *engine, bool *ret, struct error **err)
{
    _cleanup_gates_ struct gates g = {.engine = engine};
    int r = dump(&g, NULL, NFT_MSG_GETCHAIN, on_chain, err);

    if (r == 0)
        *ret = g.others;
    return r;
}
