/* A folder as the archive that a guest unpacks, or mounts, as its root file system: cpio "newc", as
 * Linux and Unikraft read it. Names are sorted, owners and times left out, and of modes only
 * whether a file can be run is kept, so that the same content gives the same bytes. */
#pragma once

#include "base/error.h"

/* ERROR_INVALID for what is neither file, folder nor symbolic link. */
int cunik_cunikfile_cpio(const char *folder, const char *out, struct error **err);
