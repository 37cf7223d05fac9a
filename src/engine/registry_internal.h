/* Shared by registry.c and registry_changes.c; with the registry's lock held. */
#pragma once

#include "engine/registry.h"

/* The cunik's entry, made where there is none, with what the world says of it. */
struct registry_cunik *cunik_registry_entry(struct registry *r, const struct world_cunik *c);
/* Entries cannot be taken out of a map, so it is made anew when many are free. */
void cunik_registry_compact(struct registry *r);

static inline bool cunik_registry_is_over(enum cunik_state s)
{
    return s == CUNIK_CREATED || s == CUNIK_EXITED;
}
