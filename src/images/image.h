/* Images: what a guest boots and how, packed and named, in a store that any OCI tool can read.
 *
 *     ROOT/store/oci-layout, index.json, blobs/sha256/HEX      an OCI image layout
 *     ROOT/store/.lock          flock: exclusive for changes of the index, shared for reading
 *     ROOT/store/.tmp/…         what is being made; each folder is locked by its maker, and one
 *                               whose maker is gone is removed by the next change
 *     ROOT/unpacked/HEX/…       the files of an image, by its manifest's digest; read-only
 *
 * An image has one layer or several, and in them
 *
 *     cunik/kernel, cunik/initrd, cunik/disks/N.raw|qcow2      ours
 *     unikraft/bin/kernel, unikraft/bin/initrd                 of Unikraft's tools
 *
 * Its configuration is an OCI image configuration: Env, Cmd, ExposedPorts, Volumes and Labels mean
 * what they always do; what only we have stands in labels (IMAGE_LABEL_*).
 *
 * Nothing is trusted that comes from a registry or a file: a blob is used only when its size and
 * digest are those it was announced with, layers are unpacked without following links or leaving
 * their folder, a qcow2 disk names no other file, sizes and counts are bounded. A blob, an index or
 * an unpacked image has its name only when it is whole and on the disk.
 *
 * Names are as in `docker`: "redis", "redis:7", "registry:5000/team/redis:7",
 * "redis@sha256:…"; without tag and digest ":latest" is meant.
 */
#pragma once

#include <jansson.h>
#include <stdbool.h>
#include <stdint.h>

#include "base/error.h"
#include "base/strv.h"
#include "base/tar.h"

#define IMAGE_LABEL_BACKEND "io.cunik.backend"
#define IMAGE_LABEL_CMDLINE "io.cunik.cmdline"
#define IMAGE_LABEL_MEMORY "io.cunik.memory"      /* bytes */
#define IMAGE_LABEL_HEALTH "io.cunik.healthcheck" /* its test, a JSON array */

enum {
    IMAGE_DIGITS = 64, /* of a SHA-256 */
    IMAGE_LAYERS_MAX = 128,
    IMAGE_JSON_MAX = 4 << 20, /* an index, manifest or configuration */
};
#define IMAGE_UNPACKED_MAX (INT64_C(64) << 30) /* bytes of all layers unpacked */

/* How a guest of the image is booted when nobody says otherwise. */
struct image_config {
    char *backend; /* "" = by probing the kernel */
    char *cmdline;
    struct strv command;
    struct strv environment; /* "KEY=VALUE", sorted */
    int64_t memory;          /* bytes; 0 = the backend's least */
    struct strv ports;       /* "6379/tcp", sorted */
    struct strv volumes;     /* absolute paths, sorted */
    struct strv health;      /* as world_health.test */
    struct strv labels;      /* "KEY=VALUE", those of others, sorted */
};

/* One image of the store. */
struct image {
    char *digest; /* "sha256:HEX" of its manifest */
    struct strv names;
    char *created; /* RFC 3339; "" = not said */
    int64_t size;  /* of its blobs */
    char *damage;  /* what is wrong with it, NULL = nothing: then only names and digest are known */
    struct image_config config;
};

struct image_cache;

void cunik_image_config_done(struct image_config *c);
void cunik_image_config_copy(struct image_config *to, const struct image_config *from);
void cunik_image_done(struct image *i);
#define _cleanup_image_ _cleanup_(cunik_image_done)
#define _cleanup_image_config_ _cleanup_(cunik_image_config_done)

/* image_name.c. The name with its tag; ERROR_INVALID for what is none. The caller frees it. */
int cunik_image_name(const char *text, char **ret, struct error **err);
/* "sha256:HEX" of a name that ends in "@sha256:HEX", or is that; NULL otherwise. */
const char *cunik_image_name_digest(const char *name);

/* image_config.c. Both ways; reading is for what others wrote. `created`: RFC 3339. diff_ids are
 * the digests of the layers' content. */
json_t *cunik_image_config_to_json(const struct image_config *c, const char *created,
                                   const struct strv *diff_ids);
int cunik_image_config_from_json(const json_t *json, struct image_config *ret, char **ret_created,
                                 struct error **err);

/* cache.c; for threads. */
struct image_cache *cunik_image_cache_create(void);
void cunik_image_cache_destroy(struct image_cache *c);

/* catalog.c. All open the store by themselves. */

/* All images, by digest; images without a name are those whose name went to another. What is
 * damaged is listed as such. Content is not compared with digests here: whoever uses an image does
 * that. The cache remembers from one list to the next what was read; NULL = none. */
int cunik_image_list(const char *root, struct image_cache *cache, struct image **ret, size_t *ret_n,
                     struct error **err);
/* The same as a text that `describe` makes of it, which the caller frees. The last one of each kind
 * is kept, and is the answer for as long as neither the index nor a blob that was read for it has
 * changed. listing.c; for threads. */
enum image_listing {
    IMAGE_LISTING_FULL,
    IMAGE_LISTING_BRIEF,
    IMAGE_LISTINGS,
};
typedef char *image_describe(const struct image *list, size_t n);
enum { IMAGE_SETTLE = 2 };
/* Only an index that nobody has changed for `settle` seconds is taken to be what its times say. */
struct image_listings *cunik_image_listings_create(int64_t settle);
void cunik_image_listings_destroy(struct image_listings *l);
int cunik_image_listing(const char *root, struct image_cache *cache, struct image_listings *all,
                        enum image_listing which, image_describe *describe, char **ret,
                        struct error **err);
/* By name, digest or the beginning of one (12 digits at least): ERROR_NOT_FOUND. */
int cunik_image_find(const char *root, const char *name, struct image *ret, struct error **err);
/* Its digest and names, of the index alone: also of one that is damaged. */
int cunik_image_resolve(const char *root, const char *name, char **ret_digest,
                        struct strv *ret_names, struct error **err);
/* Gives an image another name; one that had it loses it. */
int cunik_image_tag(const char *root, const char *from, const char *to, struct error **err);
/* Takes a name away, and the image with its last one. `name` a digest: all its names. */
int cunik_image_remove(const char *root, const char *name, struct error **err);

/* prune.c */
/* Which images go whose digest is not in `keep`. */
enum image_prune { PRUNE_NONE, PRUNE_UNNAMED, PRUNE_ALL };
/* Removes these, then blobs and unpacked files that belong to no image, but for digests in `keep`.
 */
int cunik_image_prune(const char *root, enum image_prune which, const struct strv *keep,
                      struct strv *ret_removed, int64_t *ret_freed, struct error **err);

/* unpack.c. */

/* Where an image's files are; "" = it has no such file. */
struct image_files {
    char *kernel, *initrd;
    struct strv disks;
};
void cunik_image_files_done(struct image_files *f);
#define _cleanup_image_files_ _cleanup_(cunik_image_files_done)
/* Unpacks an image unless that is done. */
int cunik_image_unpack(const char *root, const char *digest, struct image_files *ret,
                       struct error **err);

/* recipe.c: for who asks for an image. */
struct image_entry {
    char *name;   /* in the layer, "cunik/kernel" */
    char *source; /* file of the host */
};
struct image_build {
    struct image_config config;
    struct image_entry *entries;
    size_t n_entries;
};
void cunik_image_build_done(struct image_build *b);
void cunik_image_build_add(struct image_build *b, const char *name, const char *source);
/* A folder of the first Cunik, with metadata.json. */
int cunik_image_import_read(const char *folder, struct image_build *ret, struct error **err);
/* How it is sent: a tar archive of the configuration, as an OCI image configuration, and the files
 * by their names in the layer. */
#define IMAGE_BUILD_CONFIG "config.json"
int cunik_image_build_pack(const struct image_build *b, struct tar *ret, struct error **err);

/* build.c: for who has the store. Packs it and gives it a name. The same content gives the same
 * digest, which is the caller's; the entries are sorted. */
int cunik_image_build(const char *root, struct image_build *b, const char *name, char **ret_digest,
                      struct error **err);
/* What cunik_image_build_pack() has sent. */
int cunik_image_build_packed(const char *root, int fd, const char *name, char **ret_digest,
                             struct error **err);

/* archive.c: OCI archives, tar files of a layout. */
/* One image of the store, checked, under the names that it has. */
int cunik_image_save(const char *root, const char *name, struct tar *ret, struct error **err);
/* Its one image, for this kind of machine where there are several, gets a name. */
int cunik_image_load(const char *root, int fd, const char *name, char **ret_digest,
                     struct error **err);
/* store.c: an empty file without a name beside the store, for what comes. */
int cunik_image_scratch(const char *root, int *ret_fd, struct error **err);

/* platform.c. Of a list of images for several machines the entry for one like this, which is
 * borrowed; NULL when it is a manifest and no list. ERROR_INVALID: for none. */
int cunik_image_platform(const json_t *manifest, const json_t **ret, struct error **err);

/* transfer.c: registries, through skopeo, with the configuration, mirrors, logins and policy of
 * signatures of who calls, and told on standard error how it goes. */
struct image_transfer {
    bool insecure; /* a registry without TLS, or with a certificate that cannot be checked */
    bool quiet;    /* says nothing */
};
/* `insecure` as the command line says; or else CUNIK_INSECURE_REGISTRY: 1, true, yes or on, and 0,
 * false, no, off or empty for not. Quiet unless standard error is a terminal. */
int cunik_image_transfer_init(struct image_transfer *t, bool insecure, struct error **err);
/* Into a layout, which is made. `name` is whole (cunik_image_name()). */
int cunik_image_fetch(const char *name, const struct image_transfer *t, const char *layout,
                      struct error **err);
/* From a layout, which has it under its name. */
int cunik_image_send(const char *layout, const char *name, const struct image_transfer *t,
                     struct error **err);
