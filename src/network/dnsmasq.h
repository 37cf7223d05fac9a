/* Names for guests: one dnsmasq for each network, at its gateway's port 53.
 *
 * A network's folder holds what its dnsmasq needs:
 *
 *     FOLDER/hosts/CUNIK   the names of one cunik, "ADDRESS NAME NAME…"; served from the moment the
 *                          file is there until it is not, without a restart
 *     FOLDER/pid           written by dnsmasq
 *
 * dnsmasq outlives whoever started it. It is known again by its pid file together with its command
 * line, which names that pid file: a number that has become another process's is never signalled.
 * It runs as its own unprivileged user where that user can get at the folder, else as root.
 *
 * Names are served alone and with the network's name as domain ("redis", "redis.shop_default").
 * What else guests ask goes to the host's own name servers, and nowhere from an internal network.
 *
 * All functions may be called from several threads at once, for different folders.
 */
#pragma once

#include <stdbool.h>
#include <stdint.h>

#include "base/error.h"
#include "base/strv.h"

struct dnsmasq_settings {
    const char *folder;  /* absolute */
    const char *domain;  /* the network's name */
    uint32_t address;    /* the gateway's; a link must have it already */
    bool internal;       /* asks nobody else */
    const char *servers; /* a file in the form of resolv.conf; NULL = the host's own */
};

/* Where the program is; ERROR_NOT_FOUND names the package. The caller frees *ret. */
int cunik_dnsmasq_find(char **ret, struct error **err);

/* Returns when it answers. One that runs with these settings is left alone, one with others is
 * replaced. Names added before are served again. */
int cunik_dnsmasq_start(const struct dnsmasq_settings *s, struct error **err);
/* Ends it, and removes the folder with all names. Not running is no error. */
int cunik_dnsmasq_stop(const char *folder, struct error **err);
bool cunik_dnsmasq_runs(const char *folder);

/* The names of a cunik; may come before the start. A second call replaces the names of the first.
 */
int cunik_dnsmasq_add(const char *folder, const char *cunik, uint32_t address,
                      const struct strv *names, struct error **err);
/* Missing names are no error. */
int cunik_dnsmasq_remove(const char *folder, const char *cunik, struct error **err);
