#include "engine/event_filter.h"

#include <string.h>

#include "base/memory.h"
#include "base/text.h"

static bool same(const char *member, const char *value)
{
    return member && strcmp(member, value) == 0;
}

static bool by_type(const struct event *e, const char *value)
{
    return same(cunik_event_type_name(e->type), value);
}

static bool by_kind(const struct event *e, const char *value)
{
    return same(e->kind, value);
}

static bool by_stack(const struct event *e, const char *value)
{
    return same(e->stack, value);
}

static bool by_service(const struct event *e, const char *value)
{
    return same(e->service, value);
}

static bool by_name(const struct event *e, const char *value)
{
    return same(e->name, value);
}

static bool by_cunik(const struct event *e, const char *value)
{
    return same(e->kind, "cunik") && same(e->name, value);
}

static bool by_network(const struct event *e, const char *value)
{
    return same(e->kind, "network") && same(e->name, value);
}

static bool by_verb(const struct event *e, const char *value)
{
    return same(e->verb, value);
}

static bool by_phase(const struct event *e, const char *value)
{
    return e->phase != PHASE_NONE && same(cunik_event_phase_name(e->phase), value);
}

static bool by_state(const struct event *e, const char *value)
{
    return e->type == EVENT_STATE && same(e->state, value);
}

static bool by_health(const struct event *e, const char *value)
{
    return e->type == EVENT_HEALTH && same(e->state, value);
}

/* What docker calls an event: what was done to it or became of it. */
static bool by_event(const struct event *e, const char *value)
{
    return same(e->verb, value) || same(e->state, value);
}

static const struct {
    const char *name;
    bool (*matches)(const struct event *e, const char *value);
} keys[] = {
    {"type", by_type},   {"kind", by_kind},   {"stack", by_stack},     {"service", by_service},
    {"name", by_name},   {"cunik", by_cunik}, {"container", by_cunik}, {"network", by_network},
    {"verb", by_verb},   {"phase", by_phase}, {"state", by_state},     {"health", by_health},
    {"event", by_event},
};

static int check_type(const char *value, struct error **err)
{
    const char *names[EVENT_TYPE_MAX_];

    for (enum event_type t = 0; t < EVENT_TYPE_MAX_; t++) {
        names[t] = cunik_event_type_name(t);
        if (strcmp(names[t], value) == 0)
            return 0;
    }
    _cleanup_free_ char *near = cunik_text_suggestion(value, names, EVENT_TYPE_MAX_);
    return cunik_error_set(err, ERROR_INVALID, "there are no events of type '%s'%s", value, near);
}

static int check(size_t key, const char *value, struct error **err)
{
    return keys[key].matches == by_type ? check_type(value, err) : 0;
}

static const char *name_of_key(size_t key)
{
    return keys[key].name;
}

static bool matches(const void *thing, size_t key, const char *value)
{
    return keys[key].matches(thing, value);
}

const struct filter_kind cunik_filter_events = {.things = "events",
                                                .n = ARRAY_SIZE(keys),
                                                .name = name_of_key,
                                                .matches = matches,
                                                .check = check};
