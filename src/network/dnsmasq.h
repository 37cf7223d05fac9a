/* Names and addresses for guests: a dnsmasq for each network, at its gateway, for names (port 53)
 * and for addresses by DHCP; and one for each service that has a resolver of its own, for names
 * only.
 *
 * A folder holds what one dnsmasq needs:
 *
 *     FOLDER/hosts/CUNIK   the names of one cunik, "ADDRESS NAME NAME…", a line for each of its
 *                          addresses; served from the moment the file is there until it is not,
 *                          without a restart
 *     FOLDER/dhcp/CUNIK    its fixed lease, "MAC,set:TAG,ADDRESS": nobody else gets one
 *     FOLDER/leases        written by dnsmasq: the leases that were taken
 *     FOLDER/pid           written by dnsmasq
 *
 * dnsmasq outlives whoever started it. It is known again by its pid file together with its command
 * line, which names that pid file: a number that has become another process's is never signalled.
 * It runs as its own unprivileged user where that user can get at the folder, else as root.
 *
 * Names are served alone and with the network's name as domain ("redis", "redis.shop_default"), and
 * addresses back to a cunik's first name. What else guests ask goes to the host's own name servers,
 * or to those that are given, and nowhere from an internal network.
 *
 * dnsmasq never forgets a lease by itself. When one that was taken ends or changes, it is restarted
 * without it, so that the address can be another's.
 *
 * All functions may be called from several threads at once.
 */
#pragma once

#include <stdbool.h>
#include <stdint.h>

#include <sys/types.h>

#include "base/error.h"
#include "base/strv.h"
#include "network/address.h"

struct dnsmasq_settings {
    const char *folder;  /* absolute */
    const char *domain;  /* the network's name */
    uint32_t address;    /* the gateway's; a link must have it already */
    bool internal;       /* asks nobody else */
    const char *servers; /* a file in the form of resolv.conf; NULL = the host's own */

    /* With a link: serves on all its addresses (but see link.h), and leases. */
    const char *link;           /* NULL = names on `address` only */
    const struct cidr *subnets; /* their gateways with the length; the first is `address` */
    size_t n_subnets;
    unsigned mtu;                 /* told with a lease; 0 = nothing is */
    const struct strv *resolvers; /* addresses that leases may name as the name server */

    /* For a service: NULL = none. */
    const struct strv *folders;  /* whose hosts are served too */
    const struct strv *upstream; /* addresses of name servers, in place of `servers` */
    const struct strv *records;  /* "NAME=ADDRESS" */
};

/* Whom it becomes: a user of its own who has no rights, or root where that user cannot get at the
 * folder, or nobody else. */
enum dnsmasq_user { DNSMASQ_AS_ITS_OWN, DNSMASQ_AS_ROOT, DNSMASQ_AS_IT_IS };

/* Its command line; pure. */
void cunik_dnsmasq_arguments(const struct dnsmasq_settings *s, const char *program,
                             enum dnsmasq_user user, struct strv *ret);

/* Where the program is; ERROR_NOT_FOUND names the package. The caller frees *ret. */
int cunik_dnsmasq_find(char **ret, struct error **err);

/* Makes a folder that is not there, so that others can watch it before its own dnsmasq starts. */
int cunik_dnsmasq_prepare(const char *folder, struct error **err);
/* Has one that runs look at its folders again, of which one has been another since. */
int cunik_dnsmasq_restart(const char *folder, struct error **err);

/* Returns when it answers. One that runs with these settings is left alone, one with others is
 * replaced. Names added before are served again. */
int cunik_dnsmasq_start(const struct dnsmasq_settings *s, struct error **err);
/* Ends it, and removes the folder with all names. Not running is no error. */
int cunik_dnsmasq_stop(const char *folder, struct error **err);
/* Its process; 0 when it does not run. */
pid_t cunik_dnsmasq_runs(const char *folder);

/* What is told of one cunik. */
struct dnsmasq_host {
    const char *address, *address6; /* "" = none */
    const struct strv *names;
    const char *mac;    /* NULL = no lease */
    bool way_out;       /* a lease names the gateway */
    const char *server; /* a lease names this of `resolvers`; "" = the gateway, NULL = none */
};

/* The content of its two files; pure. The caller frees it. */
char *cunik_dnsmasq_hosts_text(const struct dnsmasq_host *h);
char *cunik_dnsmasq_lease_text(const struct dnsmasq_host *h);

/* May come before the start. A second call replaces what the first has said. */
int cunik_dnsmasq_add(const char *folder, const char *cunik, const struct dnsmasq_host *host,
                      struct error **err);
/* Its names only: it runs on, and keeps its lease. Missing names are no error. */
int cunik_dnsmasq_hide(const char *folder, const char *cunik, struct error **err);
/* Missing names are no error. */
int cunik_dnsmasq_remove(const char *folder, const char *cunik, struct error **err);
