/* The timeline of a request: what its events say of when each step waited, ran and ended, and of
 * when each guest was created, started, first spoke and became healthy.
 *
 * Pure: events go in, and out come a document for trace viewers (`up --trace`) and the critical
 * path (`up --timings`). Times are milliseconds since the epoch, 0 = it has not happened.
 */
#pragma once

#include <jansson.h>

#include "engine/event.h"
#include "engine/plan.h"

struct timeline_step {
    int64_t waiting_ms; /* since when it is known what it waits for */
    int64_t begin_ms, end_ms;
    enum event_phase phase; /* the last one */
    char *message;          /* of `waiting` or of the failure */
};

struct timeline_guest {
    char *name;
    int64_t created_ms, started_ms, spoke_ms, healthy_ms, ended_ms;
    int64_t exit_code;
};

struct timeline {
    int64_t begin_ms; /* when the request was sent */
    int64_t plan_ms, end_ms;
    bool wait; /* the request waits for its guests to be healthy or to complete */
    struct plan plan;
    struct timeline_step *steps; /* as many as the plan's */
    struct timeline_guest *guests;
    size_t n_guests;
};

void cunik_timeline_init(struct timeline *t, int64_t begin_ms, bool wait);
void cunik_timeline_event(struct timeline *t, const struct event *e);
void cunik_timeline_done(struct timeline *t);
#define _cleanup_timeline_ _cleanup_(cunik_timeline_done)

const struct timeline_guest *cunik_timeline_guest(const struct timeline *t, const char *name);

/* Trace Event Format, as chrome://tracing and Perfetto read it: a row for each step with slices for
 * its time in the queue, what it waited for, its work, and how long its guest took to be healthy;
 * marks for created, started, first output and healthy; an arrow from what was waited for last. */
json_t *cunik_timeline_trace(const struct timeline *t);

/* One stretch of the critical path. */
struct timeline_link {
    int64_t from_ms, to_ms;
    char *what; /* "create cunik shop-db-1", "shop-db-1 becomes healthy" */
    char *why;  /* who waited for it: "shop-web-1 needs it to be healthy"; "" for the last one */
};

struct timeline_path {
    struct timeline_link *links; /* in the order of time */
    size_t n;
};

/* From what ended last back to the beginning, each time to what was waited for longest. */
void cunik_timeline_path(const struct timeline *t, struct timeline_path *ret);
void cunik_timeline_path_done(struct timeline_path *p);
/* As a table for people. The caller frees it. */
char *cunik_timeline_text(const struct timeline *t);

/* Why a step could not begin earlier. */
struct timeline_blocker {
    int64_t met_ms; /* when the last of what it needs was so far; plan_ms when it needs nothing */
    size_t step;    /* SIZE_MAX = none */
    const char *cunik; /* in place of a step: one that was there before; NULL = none */
    enum depend_condition condition;
};
struct timeline_blocker cunik_timeline_blocker(const struct timeline *t, size_t step);
