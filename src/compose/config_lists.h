/* The lists of `config`: one thing that the stack file says, as text with a line for each.
 *
 * All are about the enabled services, unless said otherwise, and sorted by name. The caller frees
 * the texts. Pure.
 */
#pragma once

#include "compose/load.h"

/* Those that are one option of `config` each: services, images, volumes, networks; profiles, of all
 * services; environment, NAME=VALUE of what interpolation saw; variables, a table of those that the
 * file mentions, for what was loaded without interpolation; unsupported, a table of the keys of all
 * services and sections that are not carried out, where they stand, and why, "" for none. */
struct config_list {
    const char *option; /* "services" */
    char *(*list)(const struct loaded *);
};
enum { CONFIG_LISTS = 8 };
extern const struct config_list cunik_config_lists[CONFIG_LISTS];

/* "SERVICE HASH" of the services in a list separated by commas, "*" for all. The hash changes when
 * something changes for which the service has to be created anew: it is the SHA-256 of its
 * canonical form less build, pull_policy, scale, depends_on, profiles and deploy.replicas. */
int cunik_config_hashes(const struct loaded *l, const char *names, char **ret, struct error **err);
