/* An engine with other parts than the usual ones: for tests. */
#pragma once

#include "engine/engine_internal.h"

struct engine_parts {
    const struct engine_clock *clock;
    const struct engine_prober *prober;
    struct event_sink log; /* put NULL = none */
};

int cunik_engine_create_with(const struct host *host, const struct engine_parts *parts,
                             struct engine **ret, struct error **err);
