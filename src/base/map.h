/* A hash map from strings to pointers that keeps insertion order (iteration is over entries[0..n)).
 * Keys are copied, values borrowed. Entries are never removed one by one. */
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/macros.h"

struct map_entry {
    char *key;
    void *value;
    uint64_t hash;
};

struct map {
    struct map_entry *entries;
    size_t n;
    size_t *slots; /* index + 1 into entries, 0 is free; n_slots is a power of two */
    size_t n_slots;
};

/* Stores value under key; false, and no change, when the key was there. */
bool cunik_map_add(struct map *m, const char *key, void *value);
/* Stores or replaces. */
void cunik_map_set(struct map *m, const char *key, void *value);
void *cunik_map_get(const struct map *m, const char *key); /* NULL when absent */
bool cunik_map_has(const struct map *m, const char *key);
void cunik_map_done(struct map *m);
#define _cleanup_map_ _cleanup_(cunik_map_done)
