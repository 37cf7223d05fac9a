/* Events: the one stream of what the engine does and sees. Progress display, --format json and
 * `events` print the same lines.
 *
 * On the wire an event is one line of JSON, {"v":1,"time":MS,"type":"step",…}; members that do not
 * apply are left out. Version 1 may gain members and types, never lose or change one. The manual of
 * the stream is cunik-events(5).
 */
#pragma once

#include <jansson.h>
#include <stdint.h>

#include "base/error.h"

enum event_type {
    EVENT_PLAN,    /* the plan that is about to be carried out: `data` is the plan's JSON */
    EVENT_STEP,    /* a step of it changed its phase */
    EVENT_STATE,   /* a cunik started or ended */
    EVENT_HEALTH,  /* a cunik's health changed */
    EVENT_CONSOLE, /* a cunik wrote its first output since it was started */
    EVENT_WARNING, /* `message` */
    EVENT_ERROR,   /* the request failed: `message`, `code` */
    EVENT_DONE,    /* the request is carried out: `data` is a summary */
    EVENT_VERDICT, /* what a request that waits has come to, for each service before the end:
                      `state`, why it is not well in `message`, its cuniks in `data` */
    EVENT_TYPE_MAX_,
};

enum event_phase {
    PHASE_NONE,
    PHASE_BEGIN,
    PHASE_WAITING, /* for what `message` names */
    PHASE_DONE,
    PHASE_FAILED,  /* why is in `message` */
    PHASE_SKIPPED, /* something it needs failed */
    PHASE_MAX_,
};

struct event {
    enum event_type type;
    int64_t time_ms;   /* since the epoch */
    int64_t id;        /* grows from event to event, also of the engine's next life; 0 = not said */
    const char *stack; /* all strings borrowed; "" or NULL = does not apply */
    const char *kind;  /* "network", "cunik" or "volume" */
    const char *name;
    const char *service;
    const char *verb; /* of a step: "create", … */
    enum event_phase phase;
    const char *state; /* of a cunik: "running", "exited", "healthy", … */
    const char *message;
    const char *code;  /* cunik_error_name() */
    int64_t exit_code; /* -1 = does not apply */
    const json_t *data;
};

const char *cunik_event_type_name(enum event_type t);
const char *cunik_event_phase_name(enum event_phase p);
json_t *cunik_event_to_json(const struct event *e);
/* The strings of *ret borrow from json. Unknown types are ERROR_INVALID. */
int cunik_event_from_json(const json_t *json, struct event *ret, struct error **err);

/* Where events go. Called from any thread, one call at a time for each sink. */
struct event_sink {
    void (*put)(void *ctx, const struct event *e);
    void *ctx;
};
