/* What happened, kept: the lines of the event stream in two files that together never grow above a
 * bound, PATH and the older PATH.1. They outlive the engine.
 *
 * An event whose line would be longer than EVENT_LINE_MOST loses its `data` (a plan of thousands of
 * steps). What cannot be written (a full disk) is missing; a line that was cut off is skipped when
 * it is read. All functions may be called from any thread.
 */
#pragma once

#include "engine/event.h"

enum { EVENT_LINE_MOST = 64 << 10, EVENT_LOG_MOST = 8 << 20 };

struct event_log;

/* most: bytes of both files together. Nothing is opened before it is needed. */
struct event_log *cunik_event_log_create(const char *path, size_t most);
void cunik_event_log_destroy(struct event_log *l);
DEFINE_CLEANUP(struct event_log *, cunik_event_log_destroy)

struct event_sink cunik_event_log_sink(struct event_log *l);

/* Gives what is kept, oldest first, from since_ms on. The event borrows from json. */
typedef void cunik_event_log_put(void *ctx, const struct event *e, json_t *json);
int cunik_event_log_read(struct event_log *l, int64_t since_ms, cunik_event_log_put *put, void *ctx,
                         struct error **err);
