/* Single files for guests that take no single files: each folder that they lie in becomes a disk,
 * or a folder of the host, with nothing else in it. Pure.
 *
 * A folder below another one that has files is a part of that one's. */
#pragma once

#include "engine/world.h"

struct file_folder {
    char *path;     /* absolute, in the guest; where it is mounted */
    size_t *mounts; /* indices of c->mounts; a file's place in the folder is what its target has
                       behind the path and a slash, in which no part is "." or ".." */
    size_t n;
};

/* In the order of the mounts. ERROR_INVALID for what cannot be so: a file in the root, which a disk
 * would cover; a folder that meets something else that is mounted; a target that is no plain path,
 * or a folder of another one. */
int cunik_file_folders_find(const struct world_cunik *c, struct file_folder **ret, size_t *ret_n,
                            struct error **err);

void cunik_file_folders_free(struct file_folder *list, size_t n);
