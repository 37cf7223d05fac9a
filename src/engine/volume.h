/* Volumes: what guests keep when they go.
 *
 *     ROOT/volumes/NAME/volume.json      what it is (struct volume)
 *     ROOT/volumes/NAME/disk.raw         or disk.qcow2, or the folder data/
 *
 * A volume is made in a folder beside these, under a name that begins with a dot, and renamed when
 * it is whole and on the disk: what has its own name can be used. One that is being removed gets
 * such a name first. Left-overs of both are removed by the next change under the lock of the store
 * (flock on ROOT/volumes/.lock), which every change holds; readers need none.
 */
#pragma once

#include "engine/world.h"

/* Of a disk whose size nobody gives; it takes only what is written to it. */
#define VOLUME_SIZE (INT64_C(1) << 30)

struct volume {
    struct world_volume what; /* format, filesystem and size are never open */
    int64_t created_ms;
    char *path;   /* of the disk or folder, absolute; of a damaged one its own folder */
    char *damage; /* why it cannot be read, of one that is listed all the same; NULL */
};

void cunik_volume_done(struct volume *v);
#define _cleanup_volume_ _cleanup_(cunik_volume_done)

/* Whether such a volume can be made at all: ERROR_INVALID names the format, filesystem or size. */
int cunik_volume_check(const struct world_volume *v, struct error **err);

/* Makes it unless it is there; what is there is given back as it is. An open filesystem becomes
 * `filesystem`, "ext2", "ext4", … */
int cunik_volume_ensure(const char *root, const struct world_volume *v, const char *filesystem,
                        struct volume *ret, struct error **err);
/* ERROR_CONFLICT when there is one of that name. */
int cunik_volume_create(const char *root, const struct world_volume *v, const char *filesystem,
                        struct volume *ret, struct error **err);
/* ERROR_NOT_FOUND when there is none. */
int cunik_volume_read(const char *root, const char *name, struct volume *ret, struct error **err);
/* Sorted by name; those whose volume.json cannot be read are among them, with their name and what
 * is wrong, for what they hold is still there. The caller frees each and the array. */
int cunik_volume_list(const char *root, struct volume **ret, size_t *ret_n, struct error **err);
/* Whoever may use it is for the caller to know. ERROR_NOT_FOUND when there is none, ERROR_CONFLICT
 * while it is being copied. One that is damaged can be removed. */
int cunik_volume_remove(const char *root, const char *name, struct error **err);

/* For who is about to use a volume: until the descriptor is closed nobody begins to copy it.
 * ERROR_CONFLICT while somebody does; *ret_fd is -1 when there is no such volume. */
int cunik_volume_share(const char *root, const char *name, int *ret_fd, struct error **err);
/* For who copies it: waits for others who do. `folder` is ROOT/volumes/NAME. */
int cunik_volume_seize(const char *folder, int *ret_fd, struct error **err);

/* Its JSON: that of the world with "created_ms", "path" and "used", the bytes it takes; of a
 * damaged one "name", "path" and "damage". */
json_t *cunik_volume_to_json(const struct volume *v);

/* An empty disk image at `path`, which must not be there. Disks with files: data_disk.h. */
int cunik_volume_make_disk(const char *path, const char *format, const char *filesystem,
                           int64_t size, struct error **err);
