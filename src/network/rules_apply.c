#include <string.h>

#include "base/map.h"
#include "base/memory.h"
#include "network/nftables.h"
#include "network/rules.h"

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

    if (cunik_nftables_run(text, false, &complaint) != 0)
        return failed(err, "publishing ports", complaint);
    return 0;
}

int cunik_rules_check(struct error **err)
{
    _cleanup_free_ char *complaint = NULL;

    if (cunik_nftables_run("add table ip cunik_check", true, &complaint) != 0)
        return failed(err, "setting rules", complaint);
    return 0;
}

int cunik_rules_present(const char *engine, const struct strv *chains, bool *ret,
                        struct error **err)
{
    _cleanup_free_ char *table = cunik_asprintf(RULES_TABLE "%s", engine);
    _cleanup_nftables_chains_ struct nftables_chains found = {0};
    _cleanup_map_ struct map names = {0};
    int r = chains->n ? cunik_nftables_chains(table, &found, err) : 0;

    if (r < 0)
        return r;
    *ret = true;
    for (size_t i = 0; i < found.n; i++)
        cunik_map_add(&names, found.items[i].name, NULL);
    for (size_t i = 0; *ret && i < chains->n; i++)
        *ret = cunik_map_has(&names, chains->items[i]);
    return 0;
}
