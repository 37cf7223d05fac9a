#include <linux/netfilter/nf_tables.h>
#include <linux/netfilter/nfnetlink.h>
#include <nftables/libnftables.h>
#include <pthread.h>
#include <string.h>

#include "base/map.h"
#include "base/memory.h"
#include "network/netlink.h"
#include "network/rules.h"

/* libnftables is made for one command line tool at a time: tables of names are the process's. */
static pthread_mutex_t one_at_a_time = PTHREAD_MUTEX_INITIALIZER;

/* Runs commands that print nothing; what is said about a failure is the caller's. */
static int run(const char *commands, bool dry, char **ret_complaint)
{
    pthread_mutex_lock(&one_at_a_time);
    struct nft_ctx *nft = nft_ctx_new(NFT_CTX_DEFAULT);
    if (!nft)
        abort();
    nft_ctx_buffer_error(nft);
    nft_ctx_set_dry_run(nft, dry);
    int r = nft_run_cmd_from_buffer(nft, commands);
    *ret_complaint = cunik_strdup(nft_ctx_get_error_buffer(nft));
    nft_ctx_free(nft);
    pthread_mutex_unlock(&one_at_a_time);
    return r;
}

/* The first line says what and where; the rest is the command with a mark below it. */
static int failed(struct error **err, const char *what, const char *complaint)
{
    enum error_code code =
        strstr(complaint, "Operation not permitted") ? ERROR_PERMISSION : ERROR_FAILED;

    return cunik_error_set(err, code, "%s: nftables: %.*s", what, (int)strcspn(complaint, "\n"),
                           complaint);
}

int cunik_rules_replace(const char *text, struct error **err)
{
    _cleanup_free_ char *complaint = NULL;

    if (run(text, false, &complaint) != 0)
        return failed(err, "publishing ports", complaint);
    return 0;
}

int cunik_rules_check(struct error **err)
{
    _cleanup_free_ char *complaint = NULL;

    if (run("add table ip cunik_check", true, &complaint) != 0)
        return failed(err, "setting rules", complaint);
    return 0;
}

struct found {
    const char *table;
    struct map chains;
};

static int on_chain(struct nl_msg *m, void *arg)
{
    struct found *f = arg;
    struct nlattr *parts[NFTA_CHAIN_MAX + 1];
    const struct nfgenmsg *header = nlmsg_data(nlmsg_hdr(m));

    if ((header->nfgen_family == AF_INET || header->nfgen_family == AF_INET6 ||
         header->nfgen_family == AF_BRIDGE) &&
        nlmsg_parse(nlmsg_hdr(m), sizeof(struct nfgenmsg), parts, NFTA_CHAIN_MAX, NULL) == 0 &&
        parts[NFTA_CHAIN_TABLE] && parts[NFTA_CHAIN_NAME] &&
        strcmp(nla_get_string(parts[NFTA_CHAIN_TABLE]), f->table) == 0)
        cunik_map_add(&f->chains, nla_get_string(parts[NFTA_CHAIN_NAME]), NULL);
    return NL_OK;
}

/* The names of the chains of the tables of one name; libnftables would read all tables, rule by
 * rule. */
static int list_chains(struct found *f, struct error **err)
{
    _cleanup_nl_socket_ struct nl_sock *s = NULL;
    struct nfgenmsg header = {.nfgen_family = AF_UNSPEC, .version = NFNETLINK_V0};
    int r = cunik_netlink_open(NETLINK_NETFILTER, &s, err);

    if (r < 0)
        return r;
    struct nl_msg *m =
        cunik_netlink_message(NFNL_SUBSYS_NFTABLES << 8 | NFT_MSG_GETCHAIN, NLM_F_DUMP);
    cunik_netlink_append(m, &header, sizeof(header));
    /* Recent kernels list those tables alone. */
    cunik_netlink_string(m, NFTA_CHAIN_TABLE, f->table);
    nl_socket_modify_cb(s, NL_CB_VALID, NL_CB_CUSTOM, on_chain, f);
    return cunik_netlink_dump(s, m, err, "listing the chains of nftables table '%s'", f->table);
}

int cunik_rules_present(const char *engine, const struct strv *chains, bool *ret,
                        struct error **err)
{
    _cleanup_free_ char *table = cunik_asprintf("cunik_%s", engine);
    struct found f = {.table = table};
    bool all = true;

    if (!chains->n) {
        *ret = true;
        return 0;
    }
    int r = list_chains(&f, err);
    for (size_t i = 0; i < chains->n; i++)
        all = all && cunik_map_has(&f.chains, chains->items[i]);
    cunik_map_done(&f.chains);
    if (r < 0)
        return r;
    *ret = all;
    return 0;
}
