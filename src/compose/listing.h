/* What `ps` and `ls` print, from an actual world. Pure: the time comes in. */
#pragma once

#include <jansson.h>
#include <stdbool.h>

#include "engine/world.h"

struct listing_options {
    bool all;             /* also what does not run */
    struct strv services; /* empty = all */
    int64_t now_ms;       /* CLOCK_REALTIME */
};

/* NAME IMAGE COMMAND SERVICE CREATED STATUS PORTS. The caller frees it. */
char *cunik_listing_table(const struct world *w, const struct listing_options *o);
/* One object for each, with Docker Compose's field names. */
json_t *cunik_listing_json(const struct world *w, const struct listing_options *o);
/* UUIDs, a line each. */
char *cunik_listing_ids(const struct world *w, const struct listing_options *o);
/* Names of services that have one, a line each, each once. */
char *cunik_listing_services(const struct world *w, const struct listing_options *o);

/* "running(2), exited(1)" for each stack. NAME STATUS. */
char *cunik_listing_stacks_table(const struct world *w, bool all);
json_t *cunik_listing_stacks_json(const struct world *w, bool all);

/* "2 hours": the largest unit alone, as docker says it. */
char *cunik_listing_age(int64_t ms);
