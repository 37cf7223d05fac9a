/* What the store holds, by its names. */
#include <string.h>

#include "base/json.h"
#include "base/map.h"
#include "base/memory.h"
#include "base/text.h"
#include "images/store.h"

enum { SHORT_DIGITS = 12 };

void cunik_image_done(struct image *i)
{
    free(i->digest);
    free(i->created);
    free(i->damage);
    cunik_strv_done(&i->names);
    cunik_image_config_done(&i->config);
    *i = (struct image){0};
}

/* Reading */

static int read_image(const struct image_store *s, const json_t *entry, enum image_trust trust,
                      struct image_cache *cache, struct image *ret, struct error **err)
{
    _cleanup_image_manifest_ struct image_manifest m = {0};
    _cleanup_json_ json_t *config = NULL;
    struct image_descriptor d = {0};
    struct image image = {0};
    int r;

    if ((r = cunik_image_descriptor_read(entry, "the store's index", &d, err)) == 0 &&
        (r = cunik_image_manifest_read(s->folder, &d, trust, &m, err)) == 0 &&
        (r = cunik_image_blob_json(s->folder, &m.config, trust, &config, err)) == 0)
        r = cunik_image_config_from_json(config, &image.config, &image.created, err);
    if (r == 0) {
        image.digest = cunik_strdup(d.digest);
        image.size = d.size + m.config.size;
        for (size_t i = 0; i < m.n_layers; i++)
            image.size += m.layers[i].size;
        if (cache)
            cunik_image_cache_put(cache, &image, &d, &m.config);
        *ret = image;
    } else {
        cunik_image_done(&image);
    }
    cunik_image_descriptor_done(&d);
    return r;
}

static void add_names(const struct image_store *s, const char *digest, struct strv *ret)
{
    json_t *entry;
    size_t i;

    json_array_foreach (cunik_image_index_entries(s), i, entry)
        if (strcmp(cunik_image_index_digest(entry), digest) == 0 && cunik_image_index_name(entry))
            cunik_strv_add(ret, cunik_image_index_name(entry));
    cunik_strv_sort(ret);
}

/* The entry's image, or what is wrong with it. */
static void list_image(const struct image_store *s, const json_t *entry, struct image_cache *cache,
                       struct image *ret)
{
    _cleanup_error_ struct error *err = NULL;

    if (cache && cunik_image_cache_get(cache, s, cunik_image_index_digest(entry), ret))
        return;
    if (read_image(s, entry, IMAGE_PEEK, cache, ret, &err) < 0)
        *ret = (struct image){.digest = cunik_strdup(cunik_image_index_digest(entry)),
                              .created = cunik_strdup(""),
                              .damage = cunik_error_text(err),
                              .config = {.backend = cunik_strdup(""), .cmdline = cunik_strdup("")}};
}

int cunik_image_list(const char *root, struct image_cache *cache, struct image **ret, size_t *ret_n,
                     struct error **err)
{
    _cleanup_image_store_ struct image_store s = {.lock = -1};
    _cleanup_map_ struct map seen = {0};
    struct image *list = NULL;
    json_t *entry;
    size_t i, n = 0;
    int r = cunik_image_store_open(root, false, &s, err);

    if (r < 0)
        return r;
    json_array_foreach (cunik_image_index_entries(&s), i, entry) {
        const char *digest = cunik_image_index_digest(entry), *name = cunik_image_index_name(entry);
        size_t at = *digest ? (size_t)(uintptr_t)cunik_map_get(&seen, digest) : 0;
        if (!at) {
            list_image(&s, entry, cache, ARRAY_APPEND(list, n));
            at = n;
        }
        if (*digest)
            cunik_map_set(&seen, digest, (void *)(uintptr_t)at);
        if (name)
            cunik_strv_add(&list[at - 1].names, name);
    }
    if (cache)
        cunik_image_cache_bound(cache, n);
    *ret = list;
    *ret_n = n;
    return 0;
}

/* A name, a digest, or at least twelve digits of one. */
static bool is_meant(const json_t *entry, const char *full, const char *text)
{
    const char *digest = cunik_image_name_digest(full ? full : text);
    const char *hex = cunik_text_starts(text, "sha256:") ? text + 7 : text;
    const char *own = cunik_image_index_digest(entry);

    if (digest)
        return strcmp(own, digest) == 0;
    if (full && cunik_image_index_name(entry) && strcmp(cunik_image_index_name(entry), full) == 0)
        return true;
    return strlen(hex) >= SHORT_DIGITS && strspn(hex, "0123456789abcdef") == strlen(hex) && *own &&
           cunik_text_starts(own + 7, hex);
}

static json_t *find(const struct image_store *s, const char *text)
{
    _cleanup_free_ char *full = NULL;
    json_t *entry;
    size_t i;

    cunik_image_name(text, &full, NULL);
    json_array_foreach (cunik_image_index_entries(s), i, entry)
        if (is_meant(entry, full, text))
            return entry;
    return NULL;
}

/* Opens the store and looks the image up in it; *ret_entry is the store's. */
static int open_at(const char *root, const char *name, bool change, struct image_store *ret,
                   json_t **ret_entry, struct error **err)
{
    int r = cunik_image_store_open(root, change, ret, err);

    if (r < 0)
        return r;
    *ret_entry = find(ret, name);
    return *ret_entry ? 0 : cunik_error_set(err, ERROR_NOT_FOUND, "no such image: %s", name);
}

int cunik_image_find(const char *root, const char *name, struct image *ret, struct error **err)
{
    _cleanup_image_store_ struct image_store s = {.lock = -1};
    json_t *entry;
    int r = open_at(root, name, false, &s, &entry, err);

    if (r < 0)
        return r;
    r = read_image(&s, entry, IMAGE_CHECK, NULL, ret, err);
    if (r == 0)
        add_names(&s, ret->digest, &ret->names);
    return cunik_error_prefix(err, r, "image %s", name);
}

int cunik_image_resolve(const char *root, const char *name, char **ret_digest,
                        struct strv *ret_names, struct error **err)
{
    _cleanup_image_store_ struct image_store s = {.lock = -1};
    json_t *entry;
    int r = open_at(root, name, false, &s, &entry, err);

    if (r < 0)
        return r;
    *ret_digest = cunik_strdup(cunik_image_index_digest(entry));
    if (**ret_digest)
        add_names(&s, *ret_digest, ret_names);
    else if (cunik_image_index_name(entry))
        cunik_strv_add(ret_names, cunik_image_index_name(entry));
    return 0;
}

/* Changing */

int cunik_image_tag(const char *root, const char *from, const char *to, struct error **err)
{
    _cleanup_image_store_ struct image_store s = {.lock = -1};
    _cleanup_json_ json_t *copy = NULL;
    _cleanup_free_ char *name = NULL;
    json_t *entry;
    int r;

    if ((r = cunik_image_name(to, &name, err)) < 0 ||
        (r = open_at(root, from, true, &s, &entry, err)) < 0)
        return r;
    copy = json_deep_copy(entry);
    cunik_image_index_set(&s, copy, name);
    return cunik_image_store_write(&s, err);
}

int cunik_image_remove(const char *root, const char *text, struct error **err)
{
    _cleanup_image_store_ struct image_store s = {.lock = -1};
    _cleanup_free_ char *name = NULL, *digest = NULL;
    json_t *entry;
    int r = open_at(root, text, true, &s, &entry, err);

    if (r < 0)
        return r;
    digest = cunik_strdup(cunik_image_index_digest(entry));
    bool by_name = cunik_image_name(text, &name, NULL) == 0 && cunik_image_index_name(entry) &&
                   strcmp(cunik_image_index_name(entry), name) == 0;
    cunik_image_index_drop(&s, by_name ? name : NULL, digest, false);
    return cunik_image_store_write(&s, err);
}
