/* What the real host makes of what consoles say of their guests' ends (backends/ending.h). Internal
 * to the files of host_real, but for cunik_host_endings_grew(). */
#pragma once

#include "engine/host_real_internal.h"

struct host_endings;

/* A thread that destroys guests that stand still for ever. */
int cunik_host_endings_create(struct host_real *h, struct host_endings **ret, struct error **err);
void cunik_host_endings_destroy(struct host_endings *e);

/* Before a guest is started: what is on its console by now is of those before it. */
void cunik_host_endings_started(struct host_real *h, const char *name);

/* Completes what was seen of a cunik: how one that has ended did so; and one that already stood
 * still when this process began is looked at. */
void cunik_host_endings_see(struct host_real *h, struct world_cunik *c);
