#include "network/iptables.h"

#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include "base/file.h"
#include "base/log.h"
#include "base/memory.h"
#include "base/process.h"
#include "base/text.h"
#include "network/nftables.h"
#include "network/rules.h"

enum { NAMES_LIMIT = 1 << 16 };

static const struct family {
    uint8_t number;
    bool six;
    const char *program; /* without "-legacy", "-nft-save" */
    const char *names;   /* the kernel's list of legacy tables */
} families[] = {
    {AF_INET, false, "iptables", "/proc/self/net/ip_tables_names"},
    {AF_INET6, true, "ip6tables", "/proc/self/net/ip6_tables_names"},
};

/* A user's PATH has no sbin. */
static char *program_of(const struct family *f, const char *kind)
{
    char *path = cunik_asprintf("/usr/sbin/%s%s", f->program, kind);

    if (access(path, X_OK) == 0)
        return path;
    free(path);
    return cunik_asprintf("%s%s", f->program, kind);
}

/* Without the program there is nothing that we could read, nor where a table of the newer kind has
 * been written by nft(8) and not by iptables. */
static int save(const struct family *f, const char *kind, const char *table, char **ret,
                struct error **err)
{
    _cleanup_strv_ struct strv words = {0};
    _cleanup_error_ struct error *e = NULL;

    cunik_strv_take(&words, program_of(f, kind));
    cunik_strv_add(&words, "-t");
    cunik_strv_add(&words, table);
    int r = cunik_process_run(&words, ret, &e);
    if (r < 0 && (e->code == ERROR_UNAVAILABLE || e->code == ERROR_FAILED)) {
        cunik_log(LOG_LEVEL_INFO, "others' tables of %s are not read: %s", f->program, e->message);
        *ret = cunik_strdup("");
        return 0;
    }
    return cunik_error_pass(err, r, &e);
}

/* No such file: the kernel has no tables of that kind. */
static bool has_legacy(const struct family *f, const char *table)
{
    _cleanup_strv_ struct strv names = {0};
    _cleanup_free_ char *text = NULL;

    if (cunik_file_read(f->names, NAMES_LIMIT, &text, NULL, NULL) < 0)
        return false;
    cunik_strv_split(&names, text, "\n");
    return cunik_strv_has(&names, table);
}

static bool has_chain(const struct nftables_chains *chains, const struct family *f)
{
    for (size_t i = 0; i < chains->n; i++)
        if (chains->items[i].family == f->number)
            return true;
    return false;
}

/* Ports */

/* The word behind a word of a rule; NULL when it is not there. */
static const char *behind(const struct strv *words, const char *word)
{
    for (size_t i = 0; i + 1 < words->n; i++)
        if (strcmp(words->items[i], word) == 0)
            return words->items[i + 1];
    return NULL;
}

static void read_rule(const char *line, bool six, struct strv *ret)
{
    _cleanup_strv_ struct strv words = {0}, range = {0};
    uint64_t first, last;

    cunik_strv_split(&words, line, " ");
    const char *target = behind(&words, "-j"), *protocol = behind(&words, "-p");
    const char *ports = behind(&words, "--dport"), *to = behind(&words, "-d");
    if (!target || !protocol || !ports ||
        (strcmp(target, "DNAT") != 0 && strcmp(target, "REDIRECT") != 0) ||
        (strcmp(protocol, "tcp") != 0 && strcmp(protocol, "udp") != 0))
        return;
    cunik_strv_split(&range, ports, ":");
    if (!range.n || cunik_text_to_uint(range.items[0], 1, UINT16_MAX, &first) < 0 ||
        cunik_text_to_uint(range.items[range.n - 1], first, UINT16_MAX, &last) < 0)
        return;
    _cleanup_free_ char *at = cunik_strdup(to ? to : six ? "::" : "0.0.0.0");
    at[strcspn(at, "/")] = '\0';
    _cleanup_free_ char *more = last > first ? cunik_asprintf("-%u", (unsigned)last) : NULL;
    cunik_strv_addf(ret, "%s %s %u%s chain '%s' of iptables", protocol, at, (unsigned)first,
                    more ? more : "", words.items[1]);
}

/* Of the text that iptables-save(8) writes. */
static void read_ports(const char *text, bool six, struct strv *ret)
{
    _cleanup_strv_ struct strv lines = {0};

    cunik_strv_split(&lines, text, "\n");
    for (size_t i = 0; i < lines.n; i++)
        if (cunik_text_starts(lines.items[i], "-A "))
            read_rule(lines.items[i], six, ret);
}

int cunik_iptables_ports(struct strv *ret, struct error **err)
{
    _cleanup_nftables_chains_ struct nftables_chains chains = {0};
    int r = cunik_nftables_chains("nat", &chains, err);

    for (size_t i = 0; r == 0 && i < ARRAY_SIZE(families); i++) {
        const struct family *f = &families[i];
        _cleanup_free_ char *newer = NULL, *older = NULL;
        if ((has_chain(&chains, f) && (r = save(f, "-nft-save", "nat", &newer, err)) < 0) ||
            (has_legacy(f, "nat") && (r = save(f, "-legacy-save", "nat", &older, err)) < 0))
            return r;
        read_ports(newer ? newer : "", f->six, ret);
        read_ports(older ? older : "", f->six, ret);
    }
    return r;
}

/* Gates */

static bool has_line(const struct strv *lines, const char *start)
{
    for (size_t i = 0; i < lines->n; i++)
        if (cunik_text_starts(lines->items[i], start))
            return true;
    return false;
}

/* The words behind the program's name that open the legacy filters that text (of iptables-save)
 * has for what carries RULES_MARK, or take that away again, a line each. */
static void changes_of(const char *text, const char *engine, bool open, struct strv *ret)
{
    static const char *const chains[] = {"INPUT", "FORWARD", "DOCKER-USER"};
    _cleanup_strv_ struct strv lines = {0};

    cunik_strv_split(&lines, text, "\n");
    bool docker = has_line(&lines, ":DOCKER-USER "), shut = has_line(&lines, ":FORWARD DROP");
    const bool wanted[] = {open && has_line(&lines, ":INPUT DROP"), open && shut && !docker,
                           open && shut && docker};
    for (size_t i = 0; i < ARRAY_SIZE(chains); i++) {
        _cleanup_free_ char *rule =
            cunik_asprintf("%s -m mark --mark 0x%x/0x%x -m comment --comment cunik_%s -j ACCEPT",
                           chains[i], RULES_MARK, RULES_MARK, engine);
        _cleanup_free_ char *line = cunik_asprintf("-A %s", rule);
        bool there = cunik_strv_has(&lines, line);
        if (there != wanted[i])
            cunik_strv_addf(ret, "%s %s", there ? "-D" : "-I", rule);
    }
}

/* -w: somebody else may be at it. */
static int change(const struct family *f, const char *rule, struct error **err)
{
    _cleanup_strv_ struct strv words = {0};

    cunik_strv_take(&words, program_of(f, "-legacy"));
    cunik_strv_add(&words, "-w");
    cunik_strv_split(&words, rule, " ");
    return cunik_process_run(&words, NULL, err);
}

int cunik_iptables_gates(const char *engine, bool open, bool only_look, bool *ret,
                         struct error **err)
{
    bool any = false;
    int r = 0;

    for (size_t i = 0; r == 0 && i < ARRAY_SIZE(families); i++) {
        const struct family *f = &families[i];
        _cleanup_strv_ struct strv rules = {0};
        _cleanup_free_ char *text = NULL;
        if (!has_legacy(f, "filter") || (r = save(f, "-legacy-save", "filter", &text, err)) < 0)
            continue;
        changes_of(text, engine, open, &rules);
        any |= rules.n > 0;
        for (size_t k = 0; r == 0 && !only_look && k < rules.n; k++)
            r = change(f, rules.items[k], err);
    }
    if (ret)
        *ret = any;
    return r < 0 ? cunik_error_prefix(err, r, "others' packet filters") : 0;
}
