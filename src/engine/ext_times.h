/* The times of a filesystem of the ext family that nobody has mounted yet. */
#pragma once

#include "base/error.h"

/* When a file was last read, or its inode changed, or made, becomes when its content was changed:
 * the first three differ from one copy of a folder to the next. The filesystem has no checksums of
 * inodes (metadata_csum). ERROR_INVALID for what is no such filesystem. */
int cunik_ext_even_times(const char *path, struct error **err);
