/* The list of all images as a text, kept from one to the next: making it takes as long as reading
 * the index and naming every member of every image, and nothing of it changes but with the index or
 * with a blob. */
#include <errno.h>
#include <fcntl.h>
#include <pthread.h>
#include <string.h>
#include <sys/stat.h>
#include <time.h>

#include "base/memory.h"
#include "images/store.h"

enum { KEPT_MOST = 8 << 20 }; /* bytes of a text */

struct listing {
    struct stat index;
    struct image_blobs blobs; /* what the list was read from */
    char *text;               /* NULL = nothing is kept */
};

struct image_listings {
    int64_t settle;
    pthread_mutex_t lock; /* of all below */
    struct listing kept[IMAGE_LISTINGS];
};

struct image_listings *cunik_image_listings_create(int64_t settle)
{
    struct image_listings *l = cunik_calloc(1, sizeof(*l));

    l->settle = settle;
    pthread_mutex_init(&l->lock, NULL);
    return l;
}

static void listing_done(struct listing *l)
{
    free(l->blobs.items);
    free(l->text);
    *l = (struct listing){0};
}

void cunik_image_listings_destroy(struct image_listings *l)
{
    if (!l)
        return;
    for (size_t i = 0; i < IMAGE_LISTINGS; i++)
        listing_done(&l->kept[i]);
    pthread_mutex_destroy(&l->lock);
    free(l);
}

static bool stat_index(const char *root, struct stat *ret)
{
    _cleanup_free_ char *path = cunik_asprintf("%s/store/index.json", root);

    return stat(path, ret) == 0;
}

static bool is_same(const struct stat *a, const struct stat *b)
{
    return a->st_dev == b->st_dev && a->st_ino == b->st_ino && a->st_size == b->st_size &&
           a->st_mtim.tv_sec == b->st_mtim.tv_sec && a->st_mtim.tv_nsec == b->st_mtim.tv_nsec &&
           a->st_ctim.tv_sec == b->st_ctim.tv_sec && a->st_ctim.tv_nsec == b->st_ctim.tv_nsec;
}

/* As cache.c asks it of each, but within the folder that has them all. */
static bool are_there(const char *root, const struct image_blobs *b)
{
    _cleanup_free_ char *path = cunik_asprintf("%s/store/blobs/sha256", root);
    _cleanup_close_ int folder = open(path, O_PATH | O_DIRECTORY | O_CLOEXEC);
    struct stat st;

    for (size_t i = 0; i < b->n && folder >= 0; i++)
        if (fstatat(folder, b->items[i].name, &st, AT_SYMLINK_NOFOLLOW) < 0 ||
            !S_ISREG(st.st_mode) || st.st_size != b->items[i].size)
            return false;
    return folder >= 0;
}

static void free_list(struct image *list, size_t n)
{
    for (size_t i = 0; i < n; i++)
        cunik_image_done(&list[i]);
    free(list);
}

/* What is damaged may be whole the next time without any trace in the index. */
static bool collect_blobs(struct image_cache *cache, const struct image *list, size_t n,
                          struct image_blobs *ret)
{
    for (size_t i = 0; i < n; i++)
        if (list[i].damage || !cunik_image_cache_blobs(cache, list[i].digest, ret))
            return false;
    return true;
}

/* What was changed just now could be changed again within one tick of the clock of its times. */
static bool may_keep(const struct image_listings *all, const char *root, const struct stat *before,
                     const char *text)
{
    struct stat after;
    struct timespec now;

    clock_gettime(CLOCK_REALTIME, &now);
    return strlen(text) <= KEPT_MOST && stat_index(root, &after) && is_same(before, &after) &&
           after.st_ctim.tv_sec + all->settle < now.tv_sec;
}

static int make(const struct image_listings *all, const char *root, struct image_cache *cache,
                const struct stat *index, image_describe *describe, struct listing *l, char **ret,
                struct error **err)
{
    struct listing fresh = {0};
    struct image *list = NULL;
    size_t n = 0;
    int r = cunik_image_list(root, cache, &list, &n, err);

    if (r < 0)
        return r;
    *ret = describe(list, n);
    if (index && may_keep(all, root, index, *ret) && collect_blobs(cache, list, n, &fresh.blobs)) {
        fresh.index = *index;
        fresh.text = cunik_strdup(*ret);
        *l = fresh;
    } else {
        listing_done(&fresh);
    }
    free_list(list, n);
    return 0;
}

int cunik_image_listing(const char *root, struct image_cache *cache, struct image_listings *all,
                        enum image_listing which, image_describe *describe, char **ret,
                        struct error **err)
{
    struct listing *l = &all->kept[which];
    struct stat index;
    int r = 0;

    pthread_mutex_lock(&all->lock);
    bool seen = stat_index(root, &index);
    if (l->text && seen && is_same(&index, &l->index) && are_there(root, &l->blobs)) {
        *ret = cunik_strdup(l->text);
    } else {
        listing_done(l);
        r = make(all, root, cache, seen ? &index : NULL, describe, l, ret, err);
    }
    pthread_mutex_unlock(&all->lock);
    return r;
}
