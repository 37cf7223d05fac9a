#include <errno.h>
#include <linux/netfilter/nf_tables.h>
#include <linux/netfilter/nfnetlink.h>
#include <nftables/libnftables.h>
#include <pthread.h>
#include <string.h>

#include "base/memory.h"
#include "network/netlink.h"
#include "network/rules.h"

/* libnftables is made for one command line tool at a time: tables of names are the process's. */
static pthread_mutex_t one_at_a_time = PTHREAD_MUTEX_INITIALIZER;

/* Runs commands; what they print and what is said about a failure are the caller's. */
static int run(const char *commands, char **ret_output, char **ret_complaint)
{
    pthread_mutex_lock(&one_at_a_time);
    struct nft_ctx *nft = nft_ctx_new(NFT_CTX_DEFAULT);
    if (!nft)
        abort();
    nft_ctx_buffer_output(nft);
    nft_ctx_buffer_error(nft);
    int r = nft_run_cmd_from_buffer(nft, commands);
    *ret_output = cunik_strdup(nft_ctx_get_output_buffer(nft));
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
    _cleanup_free_ char *output = NULL, *complaint = NULL;

    if (run(text, &output, &complaint) != 0)
        return failed(err, "publishing ports", complaint);
    return 0;
}

/* Asked for by its name, a chain is found at once; libnftables would read all tables first. */
int cunik_rules_present(const char *engine, const char *digest, bool *ret, struct error **err)
{
    _cleanup_nl_socket_ struct nl_sock *s = NULL;
    _cleanup_error_ struct error *e = NULL;
    _cleanup_free_ char *table = cunik_asprintf("cunik_%s", engine);
    _cleanup_free_ char *chain = cunik_asprintf("digest_%s", digest);
    struct nfgenmsg header = {.nfgen_family = AF_INET, .version = NFNETLINK_V0};
    int type = *digest ? NFT_MSG_GETCHAIN : NFT_MSG_GETTABLE;
    int r = cunik_netlink_open(NETLINK_NETFILTER, &s, err);

    if (r < 0)
        return r;
    struct nl_msg *m = cunik_netlink_message(NFNL_SUBSYS_NFTABLES << 8 | type, 0);
    cunik_netlink_append(m, &header, sizeof(header));
    if (*digest) {
        cunik_netlink_string(m, NFTA_CHAIN_TABLE, table);
        cunik_netlink_string(m, NFTA_CHAIN_NAME, chain);
    } else {
        cunik_netlink_string(m, NFTA_TABLE_NAME, table);
    }
    r = cunik_netlink_send(s, m, &e, "looking for nftables table '%s'", table);
    if (r < 0 && r != -ENOENT) {
        if (err)
            *err = TAKE_PTR(e);
        return r;
    }
    *ret = (r == 0) == (*digest != '\0');
    return 0;
}
