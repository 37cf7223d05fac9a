/* Raw disks with a filesystem of the ext family, made by mke2fs without root. */
#pragma once

#include <stdint.h>

#include "base/error.h"

/* When a disk with files was made, in seconds since the epoch: nought is "not set" to some. */
#define DISK_EPOCH "1"

/* A sparse file of so many bytes; `path` must not be there. */
int cunik_sparse_make(const char *path, int64_t size, struct error **err);
/* Such a file with "ext2", "ext3" or "ext4" on it. `folder` NULL: empty, with an identifier of its
 * own. Else with what is in the folder and when its files were written, and fixed identifiers: when
 * and where it was made is no part of it, and a copy of the folder with its times makes the same
 * disk. What is half made is left to the caller. */
int cunik_ext_make(const char *path, const char *filesystem, const char *folder, int64_t size,
                   struct error **err);
