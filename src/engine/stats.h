/* What a guest uses, as the host's kernel counts it: its QEMU's processor time, memory and disk
 * traffic from /proc/PID, its links' traffic from /proc/net/dev. The parsers are pure. */
#pragma once

#include <jansson.h>
#include <stdbool.h>
#include <stdint.h>

#include "engine/world.h"

struct stats_sample {
    int64_t time_ns;       /* CLOCK_MONOTONIC */
    int64_t cpu_ns;        /* of all its threads, since it was started */
    int64_t memory;        /* bytes that are resident */
    int64_t rx, tx;        /* bytes that the guest has received and sent */
    int64_t read, written; /* bytes of its disks, as far as the kernel tells */
    int64_t threads;
};

/* Of /proc/PID/stat: processor time in clock ticks, and threads. False for what is no such line. */
bool cunik_stats_parse_stat(const char *text, int64_t *ret_ticks, int64_t *ret_threads);
/* Of "KEY: NUMBER" or "KEY:\tNUMBER kB" lines; 0 when there is none. */
int64_t cunik_stats_number(const char *text, const char *key);
/* Adds a link's bytes of /proc/net/dev: what the host received on a tap its guest has sent. */
void cunik_stats_add_link(const char *text, const char *link, struct stats_sample *s);

/* Looks at a guest that runs; false when it does not any more. */
bool cunik_stats_take(const struct world_cunik *c, struct stats_sample *ret);
/* An object for each of its QEMU's threads: {"tid","name","cpu_ns"}. */
json_t *cunik_stats_threads(const struct world_cunik *c);

json_t *cunik_stats_to_json(const struct world_cunik *c, const struct stats_sample *s);
