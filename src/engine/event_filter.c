#include "engine/event_filter.h"

#include <stdbool.h>
#include <string.h>

#include "base/buffer.h"
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
    const char *near = cunik_text_nearest(value, names, EVENT_TYPE_MAX_);
    return cunik_error_set(err, ERROR_INVALID, "there are no events of type '%s'%s%s%s", value,
                           near ? "; did you mean '" : "", near ? near : "", near ? "'?" : "");
}

static int unknown_key(const char *key, size_t size, struct error **err)
{
    _cleanup_buffer_ struct buffer list = {0};

    for (size_t i = 0; i < ARRAY_SIZE(keys); i++)
        cunik_buffer_printf(&list, "%s%s", i ? ", " : "", keys[i].name);
    return cunik_error_set(err, ERROR_INVALID, "events are filtered by %s, not by '%.*s'",
                           list.data, (int)size, key);
}

int cunik_event_filter_add(struct event_filter *f, const char *text, struct error **err)
{
    const char *equals = strchr(text, '=');
    size_t size = equals ? (size_t)(equals - text) : 0, i = 0;

    if (!size)
        return cunik_error_set(err, ERROR_INVALID, "a filter is KEY=VALUE, not '%s'", text);
    while (i < ARRAY_SIZE(keys) &&
           (strlen(keys[i].name) != size || memcmp(keys[i].name, text, size) != 0))
        i++;
    if (i == ARRAY_SIZE(keys))
        return unknown_key(text, size, err);
    int r = keys[i].matches == by_type ? check_type(equals + 1, err) : 0;
    if (r < 0)
        return r;
    (void)ARRAY_APPEND(f->items, f->n);
    f->items[f->n - 1].key = i;
    f->items[f->n - 1].value = cunik_strdup(equals + 1);
    return 0;
}

bool cunik_event_filter_matches(const struct event_filter *f, const struct event *e)
{
    for (size_t key = 0; key < ARRAY_SIZE(keys); key++) {
        bool asked = false, found = false;
        for (size_t i = 0; i < f->n; i++) {
            if (f->items[i].key != key)
                continue;
            asked = true;
            found = found || keys[key].matches(e, f->items[i].value);
        }
        if (asked && !found)
            return false;
    }
    return true;
}

void cunik_event_filter_done(struct event_filter *f)
{
    for (size_t i = 0; i < f->n; i++)
        free(f->items[i].value);
    free(f->items);
    *f = (struct event_filter){0};
}
