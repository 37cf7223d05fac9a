/* What an image gives and what a service says of itself, put together. Pure. */
#pragma once

#include "engine/world.h"

/* Whether it is to be filled in with what its image has: there is one, no kernel is named beside
 * it, and that has not been done yet. */
bool cunik_world_wants_image(const struct world_cunik *c);
/* Fills in what the cunik leaves open. Disks of the image come before its own; volumes that the
 * image wants and nothing is mounted at are added to it and to the world. */
void cunik_world_use_image(struct world *w, struct world_cunik *c, const struct world_cunik *image);
/* A volume without a name belongs to one copy and one place in it, and is found again by these:
 * names the mount's volume and adds it to the world. */
void cunik_world_own_volume(struct world *w, const struct world_cunik *c, struct world_mount *m);
