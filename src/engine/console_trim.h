/* Bounds a file that somebody else appends to: what is oldest gives its blocks back to the file
 * system (fallocate(2), FALLOC_FL_PUNCH_HOLE), while every byte that stays keeps its offset and no
 * byte that is being appended can be lost. The file's size goes on growing, the space it takes does
 * not.
 */
#pragma once

#include <stdint.h>

/* Where what is left begins: 0, or a multiple of a block; the end when nothing is. */
uint64_t cunik_trim_start(int fd);
/* Leaves `keep` bytes, and a block at most, when there are a quarter more than that; 0, or negative
 * errno: -EOPNOTSUPP where the file system cannot. The descriptor must be open for writing. */
int cunik_trim(int fd, uint64_t keep);
/* Leaves what comes behind `to`, and a block at most. */
int cunik_trim_to(int fd, uint64_t to);
