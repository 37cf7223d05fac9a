/* Disks with a copy of a folder of the host, in the format that a guest reads, made by the usual
 * tools without root.
 *
 * "iso9660" with Rock Ridge is for those that are only read: names, modes, owners and symbolic
 * links are kept; all times are one and the same, so that the same content makes the same disk,
 * whenever and wherever (Debian's xorriso). "ext2", "ext3" and "ext4" have the times when
 * the folder's files were written, which servers of files tell their clients, and fixed identifiers
 * (mke2fs): a copy of the folder that keeps these times makes the same disk. "rofs" is OSv's
 * (rofs.h): nothing but names and content.
 */
#pragma once

#include <stdint.h>

#include "base/error.h"

/* `path` must not be there; what is half made is removed. `size` is the disk's, in bytes; of an
 * ISO 9660 one it follows from the content. */
int cunik_data_disk_make(const char *path, const char *filesystem, const char *folder, int64_t size,
                         struct error **err);
