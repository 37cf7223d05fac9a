/* What listing has read of images. An image never changes under its digest, so that what was read
 * once holds for as long as its blobs are there. */
#include <pthread.h>
#include <string.h>
#include <sys/stat.h>

#include "base/map.h"
#include "base/memory.h"
#include "images/store.h"

enum { SPARE = 64 }; /* images that are gone and still remembered, beside as many as there are */

struct known {
    struct image image; /* without names */
    char config[7 + IMAGE_DIGITS + 1];
    int64_t manifest_size, config_size;
};

struct image_cache {
    pthread_mutex_t lock; /* of all below */
    struct map known;     /* by digest */
};

struct image_cache *cunik_image_cache_create(void)
{
    struct image_cache *c = cunik_calloc(1, sizeof(*c));

    pthread_mutex_init(&c->lock, NULL);
    return c;
}

static void forget_all(struct image_cache *c)
{
    for (size_t i = 0; i < c->known.n; i++) {
        struct known *k = c->known.entries[i].value;
        cunik_image_done(&k->image);
        free(k);
    }
    cunik_map_done(&c->known);
    c->known = (struct map){0};
}

void cunik_image_cache_destroy(struct image_cache *c)
{
    if (!c)
        return;
    forget_all(c);
    pthread_mutex_destroy(&c->lock);
    free(c);
}

static void copy(struct image *to, const struct image *from)
{
    *to = (struct image){.digest = cunik_strdup(from->digest),
                         .created = cunik_strdup(from->created),
                         .size = from->size};
    cunik_image_config_copy(&to->config, &from->config);
}

static bool is_there(const struct image_store *s, const char *digest, int64_t size)
{
    _cleanup_free_ char *path = cunik_image_blob_path(s->folder, digest);
    struct stat st;

    return lstat(path, &st) == 0 && S_ISREG(st.st_mode) && st.st_size == size;
}

bool cunik_image_cache_get(struct image_cache *c, const struct image_store *s, const char *digest,
                           struct image *ret)
{
    pthread_mutex_lock(&c->lock);
    const struct known *k = cunik_map_get(&c->known, digest);
    bool found =
        k && is_there(s, digest, k->manifest_size) && is_there(s, k->config, k->config_size);
    if (found)
        copy(ret, &k->image);
    pthread_mutex_unlock(&c->lock);
    return found;
}

void cunik_image_cache_put(struct image_cache *c, const struct image *image,
                           const struct image_descriptor *manifest,
                           const struct image_descriptor *config)
{
    struct known *k = cunik_calloc(1, sizeof(*k));

    copy(&k->image, image);
    k->manifest_size = manifest->size;
    k->config_size = config->size;
    memcpy(k->config, config->digest, sizeof(k->config));
    pthread_mutex_lock(&c->lock);
    bool added = cunik_map_add(&c->known, image->digest, k);
    pthread_mutex_unlock(&c->lock);
    if (added)
        return;
    cunik_image_done(&k->image);
    free(k);
}

static void add_blob(struct image_blobs *to, const char *digest, int64_t size)
{
    struct image_blob *b = ARRAY_APPEND(to->items, to->n);

    memcpy(b->name, digest + strlen("sha256:"), sizeof(b->name));
    b->size = size;
}

bool cunik_image_cache_blobs(struct image_cache *c, const char *digest, struct image_blobs *ret)
{
    pthread_mutex_lock(&c->lock);
    const struct known *k = cunik_map_get(&c->known, digest);
    if (k) {
        add_blob(ret, k->image.digest, k->manifest_size);
        add_blob(ret, k->config, k->config_size);
    }
    pthread_mutex_unlock(&c->lock);
    return k != NULL;
}

void cunik_image_cache_bound(struct image_cache *c, size_t images)
{
    pthread_mutex_lock(&c->lock);
    if (c->known.n > 2 * images + SPARE)
        forget_all(c);
    pthread_mutex_unlock(&c->lock);
}
