#include "base/map.h"

#include <string.h>

#include "base/memory.h"

/* FNV-1a, 64 bits. Keys come from bounded files of the user's own, not from an adversary. */
static uint64_t hash_of(const char *key)
{
    uint64_t hash = 0xcbf29ce484222325u;

    for (; *key; key++)
        hash = (hash ^ (unsigned char)*key) * 0x100000001b3u;
    return hash;
}

static size_t *slot_of(const struct map *m, const char *key, uint64_t hash)
{
    size_t i = hash & (m->n_slots - 1);

    while (m->slots[i]) {
        const struct map_entry *e = &m->entries[m->slots[i] - 1];
        if (e->hash == hash && strcmp(e->key, key) == 0)
            break;
        i = (i + 1) & (m->n_slots - 1);
    }
    return &m->slots[i];
}

static void grow(struct map *m)
{
    if ((m->n + 1) * 2 <= m->n_slots)
        return;
    m->n_slots = m->n_slots ? m->n_slots * 2 : 16;
    free(m->slots);
    m->slots = cunik_calloc(m->n_slots, sizeof(*m->slots));
    for (size_t i = 0; i < m->n; i++)
        *slot_of(m, m->entries[i].key, m->entries[i].hash) = i + 1;
}

static struct map_entry *find(const struct map *m, const char *key)
{
    if (!m->n)
        return NULL;
    size_t slot = *slot_of(m, key, hash_of(key));
    return slot ? &m->entries[slot - 1] : NULL;
}

bool cunik_map_add(struct map *m, const char *key, void *value)
{
    uint64_t hash = hash_of(key);

    grow(m);
    size_t *slot = slot_of(m, key, hash);
    if (*slot)
        return false;
    struct map_entry *e = ARRAY_APPEND(m->entries, m->n);
    e->key = cunik_strdup(key);
    e->value = value;
    e->hash = hash;
    *slot = m->n;
    return true;
}

void cunik_map_set(struct map *m, const char *key, void *value)
{
    struct map_entry *e = find(m, key);

    if (e)
        e->value = value;
    else
        cunik_map_add(m, key, value);
}

void *cunik_map_get(const struct map *m, const char *key)
{
    const struct map_entry *e = find(m, key);

    return e ? e->value : NULL;
}

bool cunik_map_has(const struct map *m, const char *key)
{
    return find(m, key) != NULL;
}

void cunik_map_done(struct map *m)
{
    for (size_t i = 0; i < m->n; i++)
        free(m->entries[i].key);
    free(m->entries);
    free(m->slots);
    *m = (struct map){0};
}
