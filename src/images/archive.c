/* Images on their way out of the store and into it: OCI archives. */
#include <errno.h>
#include <fcntl.h>
#include <string.h>
#include <sys/stat.h>

#include "base/file.h"
#include "base/json.h"
#include "base/memory.h"
#include "images/store.h"

static int add_blob(const struct image_store *s, const struct image_descriptor *d, struct tar *to,
                    struct error **err)
{
    _cleanup_free_ char *path = cunik_image_blob_path(s->folder, d->digest);
    _cleanup_free_ char *name = cunik_image_blob_path(".", d->digest);
    int fd = -1;
    int r = cunik_image_blob_open(s->folder, d, &fd, err);

    return r < 0 ? r : cunik_tar_add_fd(to, name + strlen("./"), path, fd, err);
}

static int add_blobs(const struct image_store *s, const struct image_descriptor *d, struct tar *to,
                     struct error **err)
{
    _cleanup_image_manifest_ struct image_manifest m = {0};
    int r;

    if ((r = cunik_image_manifest_read(s->folder, d, IMAGE_CHECK, &m, err)) < 0 ||
        (r = add_blob(s, d, to, err)) < 0 || (r = add_blob(s, &m.config, to, err)) < 0)
        return r;
    for (size_t i = 0; i < m.n_layers && r == 0; i++)
        if (!cunik_image_manifest_repeats(&m, i))
            r = add_blob(s, &m.layers[i], to, err);
    return r;
}

/* The store's entries of the image, its own name first, or all. */
static json_t *index_of(const struct image_store *s, const char *digest, const char *full)
{
    json_t *index = json_object(), *list = json_array(), *entry;
    size_t i;

    json_array_foreach (cunik_image_index_entries(s), i, entry) {
        const char *name = cunik_image_index_name(entry);
        bool same = strcmp(cunik_image_index_digest(entry), digest) == 0;
        if (same && (!json_array_size(list) || (full && name && strcmp(name, full) == 0))) {
            json_array_clear(list);
            cunik_json_append(list, json_incref(entry));
        }
    }
    cunik_json_set_int(index, "schemaVersion", 2);
    cunik_json_set(index, "manifests", list);
    return index;
}

int cunik_image_save(const char *root, const char *name, struct tar *ret, struct error **err)
{
    _cleanup_image_store_ struct image_store s = {.lock = -1};
    _cleanup_free_ char *digest = NULL, *full = NULL;
    _cleanup_strv_ struct strv names = {0};
    _cleanup_json_ json_t *index = NULL;
    struct image_descriptor d = {0};
    int r;

    if ((r = cunik_image_resolve(root, name, &digest, &names, err)) < 0 ||
        (r = cunik_image_store_open(root, false, &s, err)) < 0)
        return r;
    cunik_image_name(name, &full, NULL);
    index = index_of(&s, digest, full);
    _cleanup_free_ char *text = cunik_json_text(index, JSON_COMPACT);
    cunik_tar_add_text(ret, "oci-layout", IMAGE_LAYOUT_TEXT);
    cunik_tar_add_text(ret, "index.json", text);
    r = cunik_image_descriptor_read(json_array_get(json_object_get(index, "manifests"), 0),
                                    "the store's index", &d, err);
    if (r == 0)
        r = add_blobs(&s, &d, ret, err);
    cunik_image_descriptor_done(&d);
    return cunik_error_prefix(err, r, "saving '%s'", name);
}

int cunik_image_load(const char *root, int fd, const char *name, char **ret_digest,
                     struct error **err)
{
    _cleanup_image_work_ struct image_work w = {.lock = -1};
    _cleanup_free_ char *full = NULL;
    int64_t left = IMAGE_UNPACKED_MAX;
    int r;

    if ((r = cunik_image_name(name, &full, err)) < 0 ||
        (r = cunik_image_work_begin(root, &w, err)) < 0)
        return r;
    _cleanup_free_ char *layout = cunik_asprintf("%s/layout", w.folder);
    if ((r = cunik_file_make_folders(layout, 0700, err)) == 0 &&
        (r = cunik_image_tar_unpack(fd, "the archive", layout, &left, err)) == 0)
        r = cunik_image_adopt(root, layout, full, ret_digest, err);
    /* What is missing is missing in the archive. */
    if (r < 0 && err && *err && (*err)->code == ERROR_NOT_FOUND)
        (*err)->code = ERROR_INVALID;
    return cunik_error_prefix(err, r, "loading '%s'", full);
}
