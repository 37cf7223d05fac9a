#include "engine/event.h"

#include <string.h>

#include "base/json.h"
#include "base/macros.h"

enum { VERSION = 1 };

static const char *const types[] = {
    [EVENT_PLAN] = "plan",     [EVENT_STEP] = "step",       [EVENT_STATE] = "state",
    [EVENT_HEALTH] = "health", [EVENT_CONSOLE] = "console", [EVENT_WARNING] = "warning",
    [EVENT_ERROR] = "error",   [EVENT_DONE] = "done",       [EVENT_VERDICT] = "verdict",
};
_Static_assert(ARRAY_SIZE(types) == EVENT_TYPE_MAX_, "every type has its name");

static const char *const phases[] = {
    [PHASE_NONE] = "",     [PHASE_BEGIN] = "begin",   [PHASE_WAITING] = "waiting",
    [PHASE_DONE] = "done", [PHASE_FAILED] = "failed", [PHASE_SKIPPED] = "skipped",
};
_Static_assert(ARRAY_SIZE(phases) == PHASE_MAX_, "every phase has its name");

static const struct {
    const char *key;
    size_t offset;
} texts[] = {
    {"stack", offsetof(struct event, stack)},     {"kind", offsetof(struct event, kind)},
    {"name", offsetof(struct event, name)},       {"service", offsetof(struct event, service)},
    {"verb", offsetof(struct event, verb)},       {"state", offsetof(struct event, state)},
    {"message", offsetof(struct event, message)}, {"code", offsetof(struct event, code)},
};

const char *cunik_event_type_name(enum event_type t)
{
    return types[t];
}

const char *cunik_event_phase_name(enum event_phase p)
{
    return phases[p];
}

static const char **text_at(const struct event *e, size_t offset)
{
    return (const char **)((char *)e + offset);
}

json_t *cunik_event_to_json(const struct event *e)
{
    json_t *json = json_object();

    cunik_json_set_int(json, "v", VERSION);
    if (e->id)
        cunik_json_set_int(json, "id", e->id);
    cunik_json_set_int(json, "time", e->time_ms);
    cunik_json_set_string(json, "type", types[e->type]);
    for (size_t i = 0; i < ARRAY_SIZE(texts); i++) {
        const char *text = *text_at(e, texts[i].offset);
        if (text && *text)
            cunik_json_set_string(json, texts[i].key, text);
    }
    if (e->phase != PHASE_NONE)
        cunik_json_set_string(json, "phase", phases[e->phase]);
    if (e->exit_code >= 0)
        cunik_json_set_int(json, "exit_code", e->exit_code);
    if (e->data)
        cunik_json_set(json, "data", json_incref((json_t *)e->data));
    return json;
}

static int wrong(struct error **err, const char *key, const char *expected)
{
    return cunik_error_set(err, ERROR_INVALID, "event: '%s' must be %s", key, expected);
}

static int name_of(const json_t *json, const char *key, const char *const *names, size_t n,
                   unsigned *ret)
{
    const char *name = json_string_value(json_object_get(json, key));

    for (unsigned i = 0; name && i < n; i++)
        if (strcmp(names[i], name) == 0) {
            *ret = i;
            return 0;
        }
    return -1;
}

int cunik_event_from_json(const json_t *json, struct event *ret, struct error **err)
{
    struct event e = {.exit_code = -1};
    unsigned type, phase;

    if (!json_is_object(json))
        return cunik_error_set(err, ERROR_INVALID, "an event must be an object");
    if (json_integer_value(json_object_get(json, "v")) != VERSION)
        return wrong(err, "v", "1");
    if (name_of(json, "type", types, ARRAY_SIZE(types), &type) < 0)
        return wrong(err, "type", "the type of an event");
    e.type = type;
    if (json_object_get(json, "phase")) {
        if (name_of(json, "phase", phases, ARRAY_SIZE(phases), &phase) < 0)
            return wrong(err, "phase", "the phase of a step");
        e.phase = phase;
    }
    for (size_t i = 0; i < ARRAY_SIZE(texts); i++) {
        const json_t *value = json_object_get(json, texts[i].key);
        if (value && !json_is_string(value))
            return wrong(err, texts[i].key, "a string");
        *text_at(&e, texts[i].offset) = json_string_value(value);
    }
    const json_t *code = json_object_get(json, "exit_code");
    if (code && !json_is_integer(code))
        return wrong(err, "exit_code", "a whole number");
    if (code)
        e.exit_code = json_integer_value(code);
    const json_t *time = json_object_get(json, "time");
    if (!json_is_integer(time))
        return wrong(err, "time", "a whole number");
    e.time_ms = json_integer_value(time);
    const json_t *id = json_object_get(json, "id");
    if (id && !json_is_integer(id))
        return wrong(err, "id", "a whole number");
    e.id = json_integer_value(id);
    e.data = json_object_get(json, "data");
    *ret = e;
    return 0;
}
