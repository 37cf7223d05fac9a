#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <string.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <time.h>

#include "base/file.h"
#include "base/json.h"
#include "base/map.h"
#include "base/memory.h"
#include "base/text.h"
#include "images/store.h"

enum { IMAGES_MOST = 65536, SHORT_DIGITS = 12 };

static const char name_key[] = "org.opencontainers.image.ref.name";
static const char index_type[] = "application/vnd.oci.image.index.v1+json";
static const char layout_text[] = "{\"imageLayoutVersion\":\"1.0.0\"}";

void cunik_image_done(struct image *i)
{
    free(i->digest);
    free(i->created);
    cunik_strv_done(&i->names);
    cunik_image_config_done(&i->config);
    *i = (struct image){0};
}

/* Work whose maker is gone. */
static void sweep_work(const char *folder)
{
    _cleanup_free_ char *tmp = cunik_asprintf("%s/.tmp", folder);
    _cleanup_strv_ struct strv all = {0};
    DIR *d = opendir(tmp);
    const struct dirent *entry;

    while (d && (entry = readdir(d)))
        if (entry->d_name[0] != '.')
            cunik_strv_addf(&all, "%s/%s", tmp, entry->d_name);
    if (d)
        closedir(d);
    for (size_t i = 0; i < all.n; i++) {
        _cleanup_close_ int fd = open(all.items[i], O_RDONLY | O_DIRECTORY | O_CLOEXEC);
        if (fd >= 0 && flock(fd, LOCK_EX | LOCK_NB) == 0)
            cunik_file_remove_tree(all.items[i], NULL);
    }
}

static int make_layout(const char *folder, struct error **err)
{
    _cleanup_free_ char *blobs = cunik_asprintf("%s/blobs/sha256", folder);
    _cleanup_free_ char *tmp = cunik_asprintf("%s/.tmp", folder);
    _cleanup_free_ char *layout = cunik_asprintf("%s/oci-layout", folder);
    int r;

    if ((r = cunik_file_make_folders(blobs, 0755, err)) < 0 ||
        (r = cunik_file_make_folders(tmp, 0700, err)) < 0)
        return r;
    return cunik_file_exists(layout)
               ? 0
               : cunik_file_write(layout, layout_text, strlen(layout_text), 0644, true, err);
}

static int read_index(struct image_store *s, struct error **err)
{
    _cleanup_free_ char *path = cunik_asprintf("%s/index.json", s->folder), *text = NULL;
    size_t size = 0;
    int r;

    if (!cunik_file_exists(path)) {
        s->index =
            json_pack("{s:i, s:s, s:[]}", "schemaVersion", 2, "mediaType", index_type, "manifests");
        return 0;
    }
    if ((r = cunik_file_read(path, 64 * IMAGE_JSON_MAX, &text, &size, err)) < 0 ||
        (r = cunik_json_parse(text, size, path, &s->index, err)) < 0)
        return r;
    const json_t *manifests = json_object_get(s->index, "manifests");
    if (!json_is_array(manifests) || json_array_size(manifests) > IMAGES_MOST)
        return cunik_error_set(err, ERROR_INVALID, "'%s' is no index of images", path);
    return 0;
}

int cunik_image_store_open(const char *root, bool change, struct image_store *ret,
                           struct error **err)
{
    _cleanup_image_store_ struct image_store s = {.folder = cunik_asprintf("%s/store", root),
                                                  .lock = -1};
    _cleanup_free_ char *lock = cunik_asprintf("%s/.lock", s.folder);
    int r = make_layout(s.folder, err);

    if (r < 0)
        return r;
    s.lock = open(lock, O_RDWR | O_CREAT | O_CLOEXEC, 0644);
    if (s.lock < 0 || flock(s.lock, change ? LOCK_EX : LOCK_SH) < 0)
        return cunik_error_errno(err, errno, "locking '%s'", lock);
    if (change)
        sweep_work(s.folder);
    if ((r = read_index(&s, err)) < 0)
        return r;
    *ret = s;
    s = (struct image_store){.lock = -1};
    return 0;
}

void cunik_image_store_close(struct image_store *s)
{
    free(s->folder);
    if (s->lock >= 0)
        close(s->lock);
    json_decref(s->index);
    *s = (struct image_store){.lock = -1};
}

int cunik_image_store_write(struct image_store *s, struct error **err)
{
    _cleanup_free_ char *path = cunik_asprintf("%s/index.json", s->folder);
    _cleanup_free_ char *text = cunik_json_text(s->index, JSON_COMPACT);

    return cunik_file_write(path, text, strlen(text), 0644, true, err);
}

int cunik_image_work_begin(const char *root, struct image_work *ret, struct error **err)
{
    char *folder = cunik_asprintf("%s/store/.tmp/XXXXXX", root);
    _cleanup_free_ char *store = cunik_asprintf("%s/store", root);
    int r = make_layout(store, err);

    if (r == 0 && !mkdtemp(folder))
        r = cunik_error_errno(err, errno, "making '%s'", folder);
    *ret = (struct image_work){folder, r < 0 ? -1 : open(folder, O_RDONLY | O_CLOEXEC)};
    if (r == 0 && (ret->lock < 0 || flock(ret->lock, LOCK_EX) < 0))
        r = cunik_error_errno(err, errno, "locking '%s'", folder);
    return r;
}

void cunik_image_work_done(struct image_work *w)
{
    if (w->lock >= 0) {
        cunik_file_remove_tree(w->folder, NULL);
        close(w->lock);
    }
    free(w->folder);
    *w = (struct image_work){.lock = -1};
}

/* The index */

static json_t *entries(const struct image_store *s)
{
    return json_object_get(s->index, "manifests");
}

static const char *name_of(const json_t *entry)
{
    return json_string_value(json_object_get(json_object_get(entry, "annotations"), name_key));
}

static const char *digest_of(const json_t *entry)
{
    const char *digest = json_string_value(json_object_get(entry, "digest"));

    return digest ? digest : "";
}

static bool has_digest(const struct image_store *s, const char *digest)
{
    json_t *entry;
    size_t i;

    json_array_foreach (entries(s), i, entry)
        if (strcmp(digest_of(entry), digest) == 0)
            return true;
    return false;
}

static void add_entry(struct image_store *s, const json_t *descriptor, const char *name)
{
    json_t *entry = json_deep_copy(descriptor);

    json_object_del(entry, "annotations");
    if (name)
        json_object_set_new(entry, "annotations", json_pack("{s:s}", name_key, name));
    cunik_json_append(entries(s), entry);
}

/* Takes entries away: those of a name, or (name NULL) those of a digest, `unnamed` those alone that
 * have no name. */
static void drop(struct image_store *s, const char *name, const char *digest, bool unnamed)
{
    for (size_t i = json_array_size(entries(s)); i-- > 0;) {
        const json_t *entry = json_array_get(entries(s), i);
        const char *own = name_of(entry);
        bool hit = name ? own && strcmp(own, name) == 0
                        : strcmp(digest_of(entry), digest) == 0 && (!unnamed || !own);
        if (hit)
            json_array_remove(entries(s), i);
    }
}

/* What a name pointed to before stays in the index, without a name. */
static void name_entry(struct image_store *s, const json_t *descriptor, const char *name)
{
    json_t *entry, *old = NULL;
    size_t i;

    json_array_foreach (entries(s), i, entry)
        if (name_of(entry) && strcmp(name_of(entry), name) == 0)
            old = json_deep_copy(entry);
    drop(s, name, NULL, false);
    drop(s, NULL, digest_of(descriptor), true);
    add_entry(s, descriptor, name);
    if (old && !has_digest(s, digest_of(old)))
        add_entry(s, old, NULL);
    json_decref(old);
}

int cunik_image_name_set(struct image_store *s, const struct image_descriptor *d, const char *name,
                         struct error **err)
{
    _cleanup_json_ json_t *descriptor = cunik_image_descriptor_json(d);

    name_entry(s, descriptor, name);
    return cunik_image_store_write(s, err);
}

/* Reading */

static int read_image(const struct image_store *s, const json_t *entry, struct image *ret,
                      struct error **err)
{
    _cleanup_image_manifest_ struct image_manifest m = {0};
    _cleanup_json_ json_t *config = NULL;
    struct image_descriptor d = {0};
    struct image image = {0};
    int r;

    if ((r = cunik_image_descriptor_read(entry, "the store's index", &d, err)) == 0 &&
        (r = cunik_image_manifest_read(s->folder, &d, &m, err)) == 0 &&
        (r = cunik_image_blob_json(s->folder, &m.config, &config, err)) == 0)
        r = cunik_image_config_from_json(config, &image.config, &image.created, err);
    if (r == 0) {
        image.digest = cunik_strdup(d.digest);
        image.size = d.size + m.config.size;
        for (size_t i = 0; i < m.n_layers; i++)
            image.size += m.layers[i].size;
        *ret = image;
    } else {
        cunik_image_done(&image);
        cunik_error_prefix(err, r, "image %s", digest_of(entry));
    }
    cunik_image_descriptor_done(&d);
    return r;
}

static void add_names(const struct image_store *s, struct image *image)
{
    json_t *entry;
    size_t i;

    json_array_foreach (entries(s), i, entry)
        if (strcmp(digest_of(entry), image->digest) == 0 && name_of(entry))
            cunik_strv_add(&image->names, name_of(entry));
    cunik_strv_sort(&image->names);
}

int cunik_image_list(const char *root, struct image **ret, size_t *ret_n, struct error **err)
{
    _cleanup_image_store_ struct image_store s = {.lock = -1};
    _cleanup_map_ struct map seen = {0};
    struct image *list = NULL;
    json_t *entry;
    size_t i, n = 0;
    int r = cunik_image_store_open(root, false, &s, err);

    if (r < 0)
        return r;
    json_array_foreach (entries(&s), i, entry) {
        size_t at = (size_t)(uintptr_t)cunik_map_get(&seen, digest_of(entry));
        struct image image;
        if (at) {
            if (name_of(entry))
                cunik_strv_add(&list[at - 1].names, name_of(entry));
            continue;
        }
        r = read_image(&s, entry, &image, err);
        if (r < 0)
            break;
        if (name_of(entry))
            cunik_strv_add(&image.names, name_of(entry));
        *ARRAY_APPEND(list, n) = image;
        cunik_map_add(&seen, digest_of(entry), (void *)(uintptr_t)n);
    }
    for (size_t k = 0; r < 0 && k < n; k++)
        cunik_image_done(&list[k]);
    if (r < 0) {
        free(list);
        return r;
    }
    *ret = list;
    *ret_n = n;
    return 0;
}

/* A name, a digest, or at least twelve digits of one. */
static bool is_meant(const json_t *entry, const char *full, const char *text)
{
    const char *digest = cunik_image_name_digest(full ? full : text);
    const char *hex = cunik_text_starts(text, "sha256:") ? text + 7 : text;

    if (digest)
        return strcmp(digest_of(entry), digest) == 0;
    if (full && name_of(entry) && strcmp(name_of(entry), full) == 0)
        return true;
    return strlen(hex) >= SHORT_DIGITS && strspn(hex, "0123456789abcdef") == strlen(hex) &&
           cunik_text_starts(digest_of(entry) + 7, hex);
}

static json_t *find(const struct image_store *s, const char *text)
{
    _cleanup_free_ char *full = NULL;
    json_t *entry;
    size_t i;

    cunik_image_name(text, &full, NULL);
    json_array_foreach (entries(s), i, entry)
        if (is_meant(entry, full, text))
            return entry;
    return NULL;
}

static int no_image(const char *name, struct error **err)
{
    return cunik_error_set(err, ERROR_NOT_FOUND, "no such image: %s", name);
}

int cunik_image_find(const char *root, const char *name, struct image *ret, struct error **err)
{
    _cleanup_image_store_ struct image_store s = {.lock = -1};
    int r = cunik_image_store_open(root, false, &s, err);

    if (r < 0)
        return r;
    const json_t *entry = find(&s, name);
    if (!entry)
        return no_image(name, err);
    r = read_image(&s, entry, ret, err);
    if (r == 0)
        add_names(&s, ret);
    return r;
}

/* Changing */

int cunik_image_tag(const char *root, const char *from, const char *to, struct error **err)
{
    _cleanup_image_store_ struct image_store s = {.lock = -1};
    _cleanup_json_ json_t *copy = NULL;
    _cleanup_free_ char *name = NULL;
    int r;

    if ((r = cunik_image_name(to, &name, err)) < 0 ||
        (r = cunik_image_store_open(root, true, &s, err)) < 0)
        return r;
    const json_t *entry = find(&s, from);
    if (!entry)
        return no_image(from, err);
    copy = json_deep_copy(entry);
    name_entry(&s, copy, name);
    return cunik_image_store_write(&s, err);
}

int cunik_image_remove(const char *root, const char *text, struct error **err)
{
    _cleanup_image_store_ struct image_store s = {.lock = -1};
    _cleanup_free_ char *name = NULL, *digest = NULL;
    int r = cunik_image_store_open(root, true, &s, err);

    if (r < 0)
        return r;
    const json_t *entry = find(&s, text);
    if (!entry)
        return no_image(text, err);
    digest = cunik_strdup(digest_of(entry));
    bool by_name = cunik_image_name(text, &name, NULL) == 0 && name_of(entry) &&
                   strcmp(name_of(entry), name) == 0;
    drop(&s, by_name ? name : NULL, digest, false);
    return cunik_image_store_write(&s, err);
}

/* What the images of the index, and those kept, consist of. */
static int mark(const struct image_store *s, const char *digest, struct map *used,
                struct error **err)
{
    struct image_descriptor d = {0};
    _cleanup_image_manifest_ struct image_manifest m = {0};
    _cleanup_free_ char *path = cunik_image_blob_path(s->folder, digest);
    struct stat st;
    int r;

    cunik_map_set(used, digest + 7, used);
    if (stat(path, &st) < 0)
        return 0;
    d.size = st.st_size;
    memcpy(d.digest, digest, sizeof(d.digest));
    r = cunik_image_manifest_read(s->folder, &d, &m, err);
    if (r < 0)
        return r;
    cunik_map_set(used, m.config.digest + 7, used);
    for (size_t i = 0; i < m.n_layers; i++)
        cunik_map_set(used, m.layers[i].digest + 7, used);
    return 0;
}

static int sweep(const char *folder, const struct map *used, int64_t *freed, struct error **err)
{
    _cleanup_strv_ struct strv doomed = {0};
    DIR *d = opendir(folder);
    const struct dirent *entry;
    struct stat st;
    int r = 0;

    while (d && (entry = readdir(d)))
        if (entry->d_name[0] != '.' && !cunik_map_has(used, entry->d_name)) {
            if (fstatat(dirfd(d), entry->d_name, &st, AT_SYMLINK_NOFOLLOW) == 0 &&
                S_ISREG(st.st_mode))
                *freed += st.st_size;
            cunik_strv_addf(&doomed, "%s/%s", folder, entry->d_name);
        }
    if (d)
        closedir(d);
    for (size_t i = 0; i < doomed.n && r == 0; i++)
        r = cunik_file_remove_tree(doomed.items[i], err);
    return r;
}

int cunik_image_prune(const char *root, enum image_prune which, const struct strv *keep,
                      struct strv *ret_removed, int64_t *ret_freed, struct error **err)
{
    _cleanup_image_store_ struct image_store s = {.lock = -1};
    _cleanup_free_ char *unpacked = cunik_asprintf("%s/unpacked", root), *blobs = NULL;
    _cleanup_map_ struct map used = {0};
    int64_t files = 0;
    json_t *entry;
    size_t i;
    int r = cunik_image_store_open(root, true, &s, err);

    if (r < 0)
        return r;
    for (size_t k = json_array_size(entries(&s)); k-- > 0;) {
        const json_t *e = json_array_get(entries(&s), k);
        bool goes = which == PRUNE_ALL || (which == PRUNE_UNNAMED && !name_of(e));
        if (goes && !cunik_strv_has(keep, digest_of(e))) {
            cunik_strv_add(ret_removed, name_of(e) ? name_of(e) : digest_of(e));
            json_array_remove(entries(&s), k);
        }
    }
    r = cunik_image_store_write(&s, err);
    json_array_foreach (entries(&s), i, entry)
        if (r == 0)
            r = mark(&s, digest_of(entry), &used, err);
    for (size_t k = 0; r == 0 && k < keep->n; k++)
        r = mark(&s, keep->items[k], &used, err);
    blobs = cunik_asprintf("%s/blobs/sha256", s.folder);
    if (r == 0)
        r = sweep(blobs, &used, ret_freed, err);
    if (r == 0)
        r = sweep(unpacked, &used, &files, err);
    return r;
}
