#include "compose/variables.h"

#include <string.h>

#include "base/memory.h"

const char *cunik_lookup(const struct lookup *l, const char *name)
{
    return l ? l->get(l->context, name) : NULL;
}

void cunik_variables_set(struct variables *v, const char *name, const char *value)
{
    char *copy = cunik_strdup(value);

    free(cunik_map_get(&v->map, name));
    cunik_map_set(&v->map, name, copy);
}

const char *cunik_variables_get(const struct variables *v, const char *name)
{
    return cunik_map_get(&v->map, name);
}

size_t cunik_variables_count(const struct variables *v)
{
    return v->map.n;
}

const char *cunik_variables_name(const struct variables *v, size_t i)
{
    return v->map.entries[i].key;
}

const char *cunik_variables_value(const struct variables *v, size_t i)
{
    return v->map.entries[i].value;
}

void cunik_variables_add(struct variables *v, const struct variables *from, bool replace)
{
    for (size_t i = 0; i < from->map.n; i++) {
        const struct map_entry *e = &from->map.entries[i];
        if (replace || !cunik_map_has(&v->map, e->key))
            cunik_variables_set(v, e->key, e->value);
    }
}

void cunik_variables_add_environment(struct variables *v, char *const *environment)
{
    for (; *environment; environment++) {
        const char *equals = strchr(*environment, '=');
        if (!equals)
            continue;
        _cleanup_free_ char *name = cunik_strndup(*environment, (size_t)(equals - *environment));
        cunik_variables_set(v, name, equals + 1);
    }
}

void cunik_variables_done(struct variables *v)
{
    for (size_t i = 0; i < v->map.n; i++)
        free(v->map.entries[i].value);
    cunik_map_done(&v->map);
}

static const char *get(const void *context, const char *name)
{
    return cunik_variables_get(context, name);
}

struct lookup cunik_variables_lookup(const struct variables *v)
{
    return (struct lookup){.get = get, .context = v};
}
