/* By what events are filtered: a table for base/filter.h; the things are struct event. Pure. */
#pragma once

#include "base/filter.h"
#include "engine/event.h"

/* A type that there is not is ERROR_INVALID. */
extern const struct filter_kind cunik_filter_events;
