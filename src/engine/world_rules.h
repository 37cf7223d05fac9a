/* From a world to the rule set of its networks and published ports. Pure. */
#pragma once

#include "engine/world.h"
#include "network/rules.h"

/* Whether a network gets rules: one that someone else made has none of ours. */
typedef bool world_network_filter(void *ctx, const struct world_network *n);

/* The guests and ports of all cuniks, or of those that run. Borrows from w and engine; *ret is for
 * cunik_rules_done(). */
int cunik_world_rules(const struct world *w, const char *engine, bool running_only,
                      world_network_filter *is_ours, void *ctx, struct rules *ret,
                      struct error **err);
