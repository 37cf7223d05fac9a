/* OSv's read-only filesystem, which no packaged tool writes.
 *
 * Blocks of 512 bytes: a superblock, the files one behind the other, each from a block of its own
 * on, then the entries of all directories, the targets of symbolic links and the inodes. All
 * numbers are 64-bit little-endian, but for the 16-bit lengths of names. An inode has a type, its
 * number (from 1, the root), where its content is (a file's first block, a directory's first
 * entry, a link's number) and how much (bytes, entries, 1). It keeps no owners, modes or times, so
 * the same content makes the same disk.
 */
#pragma once

#include "base/error.h"

/* `path` must not be there; what is half made is the caller's to remove. ERROR_INVALID for what is
 * no file, folder or symbolic link. */
int cunik_rofs_make(const char *path, const char *folder, struct error **err);
