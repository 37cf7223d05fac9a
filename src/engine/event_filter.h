/* Which events are wanted: "KEY=VALUE" as `events --filter` takes them. Pure.
 *
 * Several values of one key: any of them; several keys: all of them. The keys are in one table,
 * which also makes the message about an unknown one.
 */
#pragma once

#include "engine/event.h"

struct event_filter {
    struct {
        size_t key; /* of the table */
        char *value;
    } * items;
    size_t n;
};

/* ERROR_INVALID for what is no KEY=VALUE, an unknown key or an unknown type. */
int cunik_event_filter_add(struct event_filter *f, const char *text, struct error **err);
bool cunik_event_filter_matches(const struct event_filter *f, const struct event *e);
void cunik_event_filter_done(struct event_filter *f);
#define _cleanup_event_filter_ _cleanup_(cunik_event_filter_done)
