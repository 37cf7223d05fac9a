/* Random wishes for property tests: services that depend on earlier ones, replicas, networks,
 * ports, health, one-shots. The same seed gives the same. */
#pragma once

#include <stdint.h>

#include "engine/world.h"
#include "tests/support/fake_host.h"

/* Fills a desired world of the stack "demo": up to `services` services. Services whose name begins
 * with "job" end with 0; tell the host so with random_world_jobs(). */
void random_world(uint64_t *seed, size_t services, struct world *ret);
void random_world_jobs(struct fake_host *f);
/* The same wish, with its lists in another order. */
void random_world_shuffle(uint64_t *seed, struct world *w);
/* Another wish that is much like it. */
void random_world_change(uint64_t *seed, struct world *w);
