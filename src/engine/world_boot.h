/* From a cunik of a world to how it boots: its service's settings, in its backend's words. Pure. */
#pragma once

#include "backends/backend.h"
#include "engine/world.h"

/* w has its networks, with addresses assigned. kernel is what was read of its kernel file, NULL
 * when it boots from a disk; image and initrd are where QEMU will find these files (unused when it
 * has none). Errors are the backend's: ERROR_INVALID for what its dialect cannot say. */
int cunik_world_boot(const struct world_cunik *c, const struct world *w,
                     const struct kernel *kernel, const char *image, const char *initrd,
                     struct boot *ret, struct error **err);
