/* The engine with its usual parts: the real clock and the prober of health.h. */
#include "engine/engine_parts.h"

static int create(cunik_health_changed *changed, void *ctx, void **ret, struct error **err)
{
    struct prober *p = NULL;
    int r = cunik_prober_create(changed, ctx, &p, err);

    if (r == 0)
        *ret = p;
    return r;
}

static void destroy(void *prober)
{
    cunik_prober_destroy(prober);
}

static void add(void *prober, const struct world_cunik *c, const char *address, const char *console,
                uint64_t console_offset)
{
    cunik_prober_add(prober, c, address, console, console_offset);
}

static void remove_target(void *prober, const char *name)
{
    cunik_prober_remove(prober, name);
}

static enum cunik_health health(void *prober, const char *name, char **ret_reason)
{
    return cunik_prober_health(prober, name, ret_reason);
}

static const struct engine_prober usual = {
    .create = create, .destroy = destroy, .add = add, .remove = remove_target, .health = health};

int cunik_engine_create(const struct host *host, const struct event_sink *log, struct engine **ret,
                        struct error **err)
{
    const struct engine_parts parts = {.clock = &cunik_clock_real, .prober = &usual, .log = *log};

    return cunik_engine_create_with(host, &parts, ret, err);
}
