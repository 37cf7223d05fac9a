#include "engine/cunik_filter.h"

#include <string.h>

#include "base/memory.h"
#include "base/text.h"

/* A part of the name, as in docker. */
static bool by_name(const struct world_cunik *c, const char *value)
{
    return strstr(cunik_world_called(c), value) != NULL;
}

static bool by_id(const struct world_cunik *c, const char *value)
{
    return cunik_text_starts(c->uuid, value);
}

static bool by_stack(const struct world_cunik *c, const char *value)
{
    return strcmp(c->stack, value) == 0;
}

static bool by_service(const struct world_cunik *c, const char *value)
{
    return strcmp(c->service, value) == 0;
}

static bool by_status(const struct world_cunik *c, const char *value)
{
    return strcmp(cunik_state_name(c->status.state), value) == 0;
}

static bool by_health(const struct world_cunik *c, const char *value)
{
    return strcmp(cunik_health_name(c->status.health), value) == 0;
}

static bool by_exited(const struct world_cunik *c, const char *value)
{
    int64_t code;

    return c->status.state == CUNIK_EXITED && cunik_text_to_int(value, 0, 255, &code) == 0 &&
           c->status.exit_code == code;
}

static bool by_network(const struct world_cunik *c, const char *value)
{
    for (size_t i = 0; i < c->n_interfaces; i++)
        if (strcmp(c->interfaces[i].network, value) == 0)
            return true;
    return false;
}

/* "KEY" or "KEY=VALUE". */
static bool by_label(const struct world_cunik *c, const char *value)
{
    size_t size = strcspn(value, "=");

    for (size_t i = 0; i < c->labels.n; i++) {
        const struct world_pair *p = &c->labels.items[i];
        if (strlen(p->key) == size && memcmp(p->key, value, size) == 0 &&
            (!value[size] || strcmp(p->value, value + size + 1) == 0))
            return true;
    }
    return false;
}

static bool by_publish(const struct world_cunik *c, const char *value)
{
    size_t size = strcspn(value, "/");
    _cleanup_free_ char *number = cunik_strndup(value, size);
    uint64_t port;

    if (cunik_text_to_uint(number, 1, UINT16_MAX, &port) < 0)
        return false;
    for (size_t i = 0; i < c->n_ports; i++)
        if (c->ports[i].host_port == port &&
            strcmp(c->ports[i].protocol, value[size] ? value + size + 1 : "tcp") == 0)
            return true;
    return false;
}

static const struct {
    const char *name;
    bool (*matches)(const struct world_cunik *c, const char *value);
} keys[] = {
    {"name", by_name},       {"id", by_id},         {"stack", by_stack},
    {"service", by_service}, {"status", by_status}, {"health", by_health},
    {"exited", by_exited},   {"label", by_label},   {"network", by_network},
    {"publish", by_publish},
};

static const char *name_of_key(size_t key)
{
    return keys[key].name;
}

static bool matches(const void *thing, size_t key, const char *value)
{
    return keys[key].matches(thing, value);
}

const struct filter_kind cunik_filter_cuniks = {
    .things = "cuniks", .n = ARRAY_SIZE(keys), .name = name_of_key, .matches = matches};
