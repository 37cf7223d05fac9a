/* Which cuniks are wanted: "KEY=VALUE" as `list --filter` takes them. Pure. Several values of one
 * key: any of them; several keys: all of them, as in docker. */
#pragma once

#include <stdbool.h>

#include "engine/world.h"

struct cunik_filter {
    struct {
        size_t key; /* of the table */
        char *value;
    } * items;
    size_t n;
};

/* ERROR_INVALID for what is no KEY=VALUE, or an unknown key. */
int cunik_filter_add(struct cunik_filter *f, const char *text, struct error **err);
bool cunik_filter_matches(const struct cunik_filter *f, const struct world_cunik *c);
void cunik_filter_done(struct cunik_filter *f);
#define _cleanup_cunik_filter_ _cleanup_(cunik_filter_done)
