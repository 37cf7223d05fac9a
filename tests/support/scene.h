/* Where tests of the engine begin: an engine on the host in memory, a request that brings the stack
 * "demo" up, to be filled, and one for whatever else is asked of it.
 */
#pragma once

#include "tests/support/fake_engine.h"

struct scene {
    struct fake_engine f;
    struct request up; /* has the network "default" */
    struct request other;
    struct world_cunik *web; /* of `up`, after scene_setup_web() */
};

/* As cmocka calls them: *state becomes a struct scene, which is checked (fake_engine_assert_well)
 * and freed. */
int scene_setup(void **state);
int scene_setup_web(void **state); /* `up` has a service "web" that publishes 8080:80 */
int scene_teardown(void **state);

/* Carries a request out; fails the test when that fails. */
void scene_apply(struct scene *s, const struct request *r);
