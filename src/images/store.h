/* The inside of the store, for the files of this room. */
#pragma once

#include "images/image.h"

#define IMAGE_LAYOUT_TEXT "{\"imageLayoutVersion\":\"1.0.0\"}" /* of the file oci-layout */

struct image_store {
    char *folder; /* ROOT/store */
    int lock;
    json_t *index; /* of index.json */
};

/* Opens it, making it when it is not there; `change`: nobody else has it meanwhile. */
int cunik_image_store_open(const char *root, bool change, struct image_store *ret,
                           struct error **err);
void cunik_image_store_close(struct image_store *s);
#define _cleanup_image_store_ _cleanup_(cunik_image_store_close)
/* Writes index.json. */
int cunik_image_store_write(struct image_store *s, struct error **err);

/* index.c: the entries of an open store's index. */
json_t *cunik_image_index_entries(const struct image_store *s);
/* NULL = it has none. */
const char *cunik_image_index_name(const json_t *entry);
/* "" = it is damaged. */
const char *cunik_image_index_digest(const json_t *entry);
/* Gives a name to a descriptor: what it pointed to before stays in the index, without a name. */
void cunik_image_index_set(struct image_store *s, const json_t *descriptor, const char *name);
/* Takes entries away: those of a name, or (name NULL) those of a digest, `unnamed` those alone that
 * have no name. */
void cunik_image_index_drop(struct image_store *s, const char *name, const char *digest,
                            bool unnamed);

struct image_descriptor {
    char *media_type;
    char digest[7 + IMAGE_DIGITS + 1]; /* "sha256:HEX" */
    int64_t size;
};

/* cache.c. Whether the image was read before and its manifest and configuration are still there. */
bool cunik_image_cache_get(struct image_cache *c, const struct image_store *s, const char *digest,
                           struct image *ret);
void cunik_image_cache_put(struct image_cache *c, const struct image *image,
                           const struct image_descriptor *manifest,
                           const struct image_descriptor *config);
/* A blob as the file that it has to be. */
struct image_blob {
    char name[IMAGE_DIGITS + 1]; /* in blobs/sha256 */
    int64_t size;
};

struct image_blobs {
    struct image_blob *items;
    size_t n;
};

/* Appends what a remembered image was read from; false: it is not remembered. */
bool cunik_image_cache_blobs(struct image_cache *c, const char *digest, struct image_blobs *ret);
/* There are so many images: what is far more is forgotten. */
void cunik_image_cache_bound(struct image_cache *c, size_t images);

/* A folder to make something in; removed, with what is in it, by cunik_image_work_done(). */
struct image_work {
    char *folder;
    int lock;
};
int cunik_image_work_begin(const char *root, struct image_work *ret, struct error **err);
void cunik_image_work_done(struct image_work *w);
#define _cleanup_image_work_ _cleanup_(cunik_image_work_done)

/* blob.c */
void cunik_image_descriptor_done(struct image_descriptor *d);
/* Reads one of a manifest or index; `what` is for errors. */
int cunik_image_descriptor_read(const json_t *json, const char *what, struct image_descriptor *ret,
                                struct error **err);
json_t *cunik_image_descriptor_json(const struct image_descriptor *d);
bool cunik_image_is_digest(const char *text);
/* The path of a blob under a layout's folder; the caller frees it. */
char *cunik_image_blob_path(const char *folder, const char *digest);
/* Opens a blob that is what it was announced as, whole: its digest has been computed. */
int cunik_image_blob_open(const char *folder, const struct image_descriptor *d, int *ret_fd,
                          struct error **err);
/* Listing looks at what came checked into the store; what is used is checked each time. */
enum image_trust { IMAGE_CHECK, IMAGE_PEEK };
int cunik_image_blob_json(const char *folder, const struct image_descriptor *d,
                          enum image_trust trust, json_t **ret, struct error **err);
/* Digest and size of a file from its beginning. */
int cunik_image_digest_fd(int fd, const char *name, struct image_descriptor *ret,
                          struct error **err);
/* Puts data, or a file that is moved there, into a layout's blobs, durably. */
int cunik_image_blob_put(const char *folder, const void *data, size_t size,
                         struct image_descriptor *ret, struct error **err);
int cunik_image_blob_move(const char *folder, const char *file, struct image_descriptor *ret,
                          struct error **err);

/* manifest.c */
struct image_manifest {
    struct image_descriptor config;
    struct image_descriptor *layers;
    size_t n_layers;
};
void cunik_image_manifest_done(struct image_manifest *m);
#define _cleanup_image_manifest_ _cleanup_(cunik_image_manifest_done)
int cunik_image_manifest_read(const char *folder, const struct image_descriptor *d,
                              enum image_trust trust, struct image_manifest *ret,
                              struct error **err);
/* Whether a layer stands among those before it already: it is one blob. */
bool cunik_image_manifest_repeats(const struct image_manifest *m, size_t layer);
/* Takes the one image of another layout over under a name: all its blobs are checked first. */
int cunik_image_adopt(const char *root, const char *layout, const char *name, char **ret_digest,
                      struct error **err);
/* With the store open for a change: gives the name to the manifest. */
int cunik_image_name_set(struct image_store *s, const struct image_descriptor *d, const char *name,
                         struct error **err);

/* disk.c. That a qcow2 disk names no other file (a backing or data file): ERROR_INVALID. */
int cunik_image_disk_check(const char *path, struct error **err);

/* layer.c */
/* Writes a gzipped tar of entries, in their order; ret_diff_id is the digest of what is within. */
int cunik_image_layer_write(const char *file, const struct image_entry *entries, size_t n,
                            char **ret_diff_id, struct error **err);
/* Unpacks a layer or another archive of a stranger's into a folder; `what` is for errors, *left is
 * how many bytes may still be unpacked. */
int cunik_image_tar_unpack(int fd, const char *what, const char *folder, int64_t *left,
                           struct error **err);
