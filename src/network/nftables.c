#include "network/nftables.h"

#include <linux/netfilter/nf_tables.h>
#include <linux/netfilter/nfnetlink.h>
#include <nftables/libnftables.h>
#include <pthread.h>
#include <string.h>

#include "base/memory.h"
#include "network/netlink.h"

enum { VERDICT_DROP = 0 }; /* linux/netfilter.h, which netinet/in.h does not go with */

/* Commands */

/* libnftables is made for one command line tool at a time: tables of names are the process's. */
static pthread_mutex_t one_at_a_time = PTHREAD_MUTEX_INITIALIZER;

static struct nft_ctx *open_context(void)
{
    pthread_mutex_lock(&one_at_a_time);
    struct nft_ctx *nft = nft_ctx_new(NFT_CTX_DEFAULT);
    if (!nft)
        abort();
    nft_ctx_buffer_error(nft);
    return nft;
}

static void close_context(struct nft_ctx *nft)
{
    nft_ctx_free(nft);
    pthread_mutex_unlock(&one_at_a_time);
}

int cunik_nftables_run(const char *commands, bool dry, char **ret_complaint)
{
    struct nft_ctx *nft = open_context();

    nft_ctx_set_dry_run(nft, dry);
    int r = nft_run_cmd_from_buffer(nft, commands);
    *ret_complaint = cunik_strdup(nft_ctx_get_error_buffer(nft));
    close_context(nft);
    return r;
}

/* In JSON, where a name is a name also when it is a word of the language. */
static char *list_command(const char *kind, const char *family, const char *table, const char *name)
{
    json_t *what = json_object(), *of = json_object(), *list = json_object();
    _cleanup_json_ json_t *all = json_object();

    cunik_json_set_string(what, "family", family);
    cunik_json_set_string(what, "table", name ? table : NULL);
    cunik_json_set_string(what, "name", name ? name : table);
    cunik_json_set(of, kind, what);
    cunik_json_set(list, "list", of);
    cunik_json_set(all, "nftables", json_array());
    cunik_json_append(json_object_get(all, "nftables"), list);
    return cunik_json_text(all, JSON_COMPACT);
}

static int list_text(const char *command, bool terse, char **ret, struct error **err)
{
    struct nft_ctx *nft = open_context();
    int e = 0;

    nft_ctx_buffer_output(nft);
    nft_ctx_output_set_flags(nft, NFT_CTX_OUTPUT_JSON | (terse ? NFT_CTX_OUTPUT_TERSE : 0));
    if (nft_run_cmd_from_buffer(nft, command) == 0) {
        *ret = cunik_strdup(nft_ctx_get_output_buffer(nft));
    } else {
        const char *complaint = nft_ctx_get_error_buffer(nft);
        e = cunik_error_set(err, ERROR_FAILED, "nftables: %.*s", (int)strcspn(complaint, "\n"),
                            complaint);
    }
    close_context(nft);
    return e;
}

int cunik_nftables_list(const char *kind, const char *family, const char *table, const char *name,
                        json_t **ret, struct error **err)
{
    _cleanup_free_ char *command = list_command(kind, family, table, name), *text = NULL;
    _cleanup_json_ json_t *all = NULL;
    int r = list_text(command, !name, &text, err);

    if (r < 0 || (r = cunik_json_parse(text, strlen(text), "what nftables lists", &all, err)) < 0)
        return cunik_error_prefix(err, r, "listing %s '%s %s'%s%s", kind, family, table,
                                  name ? " " : "", name ? name : "");
    *ret = json_incref(json_object_get(all, "nftables"));
    return 0;
}

/* Chains */

const char *cunik_nftables_family(uint8_t family)
{
    return family == AF_INET         ? "ip"
           : family == AF_INET6      ? "ip6"
           : family == AF_BRIDGE     ? "bridge"
           : family == NFTABLES_INET ? "inet"
                                     : NULL;
}

bool cunik_nftables_is_word(const char *s)
{
    return *s && strspn(s, "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789_-") ==
                     strlen(s);
}

struct listing {
    const char *table; /* NULL = all */
    struct nftables_chains found;
};

static uint32_t number_of(const struct nlattr *a)
{
    return a ? ntohl(nla_get_u32(a)) : 0;
}

static unsigned hook_of(struct nlattr *hook)
{
    struct nlattr *parts[NFTA_HOOK_MAX + 1];

    return nla_parse_nested(parts, NFTA_HOOK_MAX, hook, NULL) < 0
               ? 0
               : number_of(parts[NFTA_HOOK_HOOKNUM]);
}

static enum nftables_type type_of(const struct nlattr *type)
{
    const char *name = type ? nla_get_string(type) : "";

    return strcmp(name, "filter") == 0 ? NFTABLES_FILTER
           : strcmp(name, "nat") == 0  ? NFTABLES_NAT
                                       : NFTABLES_OTHER;
}

static void on_chain(struct nl_msg *m, void *arg)
{
    struct listing *l = arg;
    struct nlattr *parts[NFTA_CHAIN_MAX + 1];
    const struct nfgenmsg *header = nlmsg_data(nlmsg_hdr(m));

    if (!cunik_nftables_family(header->nfgen_family) ||
        nlmsg_parse(nlmsg_hdr(m), sizeof(*header), parts, NFTA_CHAIN_MAX, NULL) < 0 ||
        !parts[NFTA_CHAIN_TABLE] || !parts[NFTA_CHAIN_NAME] ||
        (l->table && strcmp(nla_get_string(parts[NFTA_CHAIN_TABLE]), l->table) != 0))
        return;
    struct nftables_chain *c = ARRAY_APPEND(l->found.items, l->found.n);
    *c = (struct nftables_chain){
        .family = header->nfgen_family,
        .table = cunik_strdup(nla_get_string(parts[NFTA_CHAIN_TABLE])),
        .name = cunik_strdup(nla_get_string(parts[NFTA_CHAIN_NAME])),
        .drops = parts[NFTA_CHAIN_POLICY] && number_of(parts[NFTA_CHAIN_POLICY]) == VERDICT_DROP,
    };
    if (parts[NFTA_CHAIN_HOOK]) {
        c->type = type_of(parts[NFTA_CHAIN_TYPE]);
        c->hook = hook_of(parts[NFTA_CHAIN_HOOK]);
    }
}

int cunik_nftables_chains(const char *table, struct nftables_chains *ret, struct error **err)
{
    _cleanup_nl_socket_ struct nl_sock *s = NULL;
    struct nfgenmsg header = {.nfgen_family = AF_UNSPEC, .version = NFNETLINK_V0};
    struct listing l = {.table = table};
    int r = cunik_netlink_open(NETLINK_NETFILTER, &s, err);

    if (r < 0)
        return r;
    struct nl_msg *m =
        cunik_netlink_message(NFNL_SUBSYS_NFTABLES << 8 | NFT_MSG_GETCHAIN, NLM_F_DUMP);
    cunik_netlink_append(m, &header, sizeof(header));
    /* Recent kernels list those tables alone. */
    if (table)
        cunik_netlink_string(m, NFTA_CHAIN_TABLE, table);
    r = cunik_netlink_dump(s, m, on_chain, &l, err, "listing the chains of nftables");
    if (r < 0)
        cunik_nftables_chains_done(&l.found);
    else
        *ret = l.found;
    return r;
}

void cunik_nftables_chains_done(struct nftables_chains *c)
{
    for (size_t i = 0; i < c->n; i++) {
        free(c->items[i].table);
        free(c->items[i].name);
    }
    free(c->items);
    *c = (struct nftables_chains){0};
}
