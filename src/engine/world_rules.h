/* From a world to the rule set of its networks and published ports. Pure. */
#pragma once

#include "engine/world.h"
#include "network/rules.h"

/* What a world does not say. */
struct world_rules_facts {
    /* Whether a network gets rules: one that someone else made has none of ours. */
    bool (*is_ours)(void *ctx, const struct world_network *n);
    /* Whether a cunik's guest has its IPv6 address: else its ports are not published there. */
    bool (*takes_ipv6)(void *ctx, const struct world_cunik *c);
    void *ctx;
};

/* The guests and ports of all cuniks, or of those that run. Borrows from w and engine; *ret is for
 * cunik_rules_done(). */
int cunik_world_rules(const struct world *w, const char *engine, bool running_only,
                      const struct world_rules_facts *facts, struct rules *ret, struct error **err);
