/* --volume of `run` and `create`, as a desired world has it. */
#pragma once

#include "engine/client.h"
#include "engine/run_options.h"

/* Pure. A path becomes absolute; a name is that of a volume of no stack, which is made when it is
 * not there and which `down -v` leaves; without either it is one of the cunik's own
 * (world_image.h). */
int cunik_run_volume_add(struct world *w, struct world_cunik *c, const char *folder,
                         const char *text, struct error **err);

/* Of the paths that are added, those that are single files are read, sent to the engine and become
 * mounts of these: a guest gets a copy, of which *ret_writable names the first that was not to be
 * read-only (or is NULL; the world's). */
int cunik_run_volume_files(struct client *client, struct world_cunik *c, const char **ret_writable,
                           struct error **err);
