/* An event as a line for people: "2026-01-02T15:04:05.250 state shop cunik shop-web-1 running". The
 * time is local. The caller frees it; no newline. */
#pragma once

#include "engine/event.h"

char *cunik_event_text(const struct event *e);
