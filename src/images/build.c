/* Packing images: a layout of one image is made beside the store, and taken over when it is whole.
 */
#include <string.h>

#include "base/file.h"
#include "base/folder.h"
#include "base/json.h"
#include "base/memory.h"
#include "base/text.h"
#include "images/store.h"

static const char manifest_type[] = "application/vnd.oci.image.manifest.v1+json";
static const char config_type[] = "application/vnd.oci.image.config.v1+json";
static const char layer_type[] = "application/vnd.oci.image.layer.v1.tar+gzip";

/* Of every image that is built: the time of building is no part of what is built. */
static const char created[] = "1970-01-01T00:00:00Z";

static void described(json_t *to, const char *key, struct image_descriptor *d, const char *type)
{
    cunik_replace(&d->media_type, type);
    json_t *json = cunik_image_descriptor_json(d);
    if (key)
        cunik_json_set(to, key, json);
    else
        cunik_json_append(to, json);
    cunik_image_descriptor_done(d);
}

static int put_json(const char *layout, const json_t *json, struct image_descriptor *ret,
                    struct error **err)
{
    _cleanup_free_ char *text = cunik_json_text(json, JSON_COMPACT | JSON_SORT_KEYS);

    return cunik_image_blob_put(layout, text, strlen(text), ret, err);
}

static int write_index(const char *layout, struct image_descriptor *manifest, struct error **err)
{
    _cleanup_json_ json_t *index = json_pack("{s:i, s:[]}", "schemaVersion", 2, "manifests");
    _cleanup_free_ char *path = cunik_asprintf("%s/index.json", layout);

    described(json_object_get(index, "manifests"), NULL, manifest, manifest_type);
    _cleanup_free_ char *text = cunik_json_text(index, JSON_COMPACT);
    return cunik_file_write(path, text, strlen(text), 0644, false, err);
}

/* One image as a layout of its own. */
static int make_layout(const char *layout, struct image_build *b, struct error **err)
{
    _cleanup_json_ json_t *manifest =
        json_pack("{s:i, s:s, s:[]}", "schemaVersion", 2, "mediaType", manifest_type, "layers");
    _cleanup_free_ char *file = cunik_asprintf("%s/layer", layout), *diff_id = NULL;
    struct image_descriptor d = {0};
    _cleanup_strv_ struct strv diff_ids = {0};
    int r;

    if ((r = cunik_file_make_folders(layout, 0700, err)) < 0 ||
        (r = cunik_image_layer_write(file, b->entries, b->n_entries, &diff_id, err)) < 0 ||
        (r = cunik_image_blob_move(layout, file, &d, err)) < 0)
        return r;
    described(json_object_get(manifest, "layers"), NULL, &d, layer_type);
    cunik_strv_add(&diff_ids, diff_id);
    _cleanup_json_ json_t *config = cunik_image_config_to_json(&b->config, created, &diff_ids);
    if ((r = put_json(layout, config, &d, err)) < 0)
        return r;
    described(manifest, "config", &d, config_type);
    if ((r = put_json(layout, manifest, &d, err)) < 0)
        return r;
    return write_index(layout, &d, err);
}

static int compare(const void *a, const void *b)
{
    const struct image_entry *first = a, *second = b;

    return strcmp(first->name, second->name);
}

int cunik_image_build(const char *root, struct image_build *b, const char *name, char **ret_digest,
                      struct error **err)
{
    _cleanup_image_work_ struct image_work w = {.lock = -1};
    _cleanup_free_ char *full = NULL;
    int r;

    if ((r = cunik_image_name(name, &full, err)) < 0 ||
        (r = cunik_image_work_begin(root, &w, err)) < 0)
        return r;
    _cleanup_free_ char *layout = cunik_asprintf("%s/layout", w.folder);
    /* The order in which they were named is no part of the image. */
    qsort(b->entries, b->n_entries, sizeof(*b->entries), compare);
    r = make_layout(layout, b, err);
    if (r == 0)
        r = cunik_image_adopt(root, layout, full, ret_digest, err);
    return cunik_error_prefix(err, r, "building image '%s'", full);
}

/* From an archive of cunik_image_build_pack(). */

static bool is_disk(const char *name)
{
    const char *number = name + strspn(name, "0123456789");

    return number != name && (strcmp(number, ".raw") == 0 || strcmp(number, ".qcow2") == 0);
}

static int add_disks(const char *folder, struct image_build *b, struct error **err)
{
    _cleanup_free_ char *path = cunik_asprintf("%s/cunik/disks", folder);
    _cleanup_strv_ struct strv names = {0};
    int r = cunik_folder_list(path, FOLDER_MAYBE, &names, err);

    for (size_t i = 0; i < names.n && r == 0; i++) {
        _cleanup_free_ char *name = cunik_asprintf("cunik/disks/%s", names.items[i]);
        _cleanup_free_ char *source = cunik_asprintf("%s/%s", path, names.items[i]);
        if (!is_disk(names.items[i]))
            r = cunik_error_set(err, ERROR_INVALID, "'%s' is no name of a disk", name);
        else if (cunik_text_ends(name, ".qcow2"))
            r = cunik_image_disk_check(source, err);
        cunik_image_build_add(b, name, source);
    }
    return r;
}

static int add_entries(const char *folder, struct image_build *b, struct error **err)
{
    static const char *const names[] = {"cunik/initrd", "cunik/kernel"};

    for (size_t i = 0; i < ARRAY_SIZE(names); i++) {
        _cleanup_free_ char *path = cunik_asprintf("%s/%s", folder, names[i]);
        if (cunik_file_exists(path))
            cunik_image_build_add(b, names[i], path);
    }
    int r = add_disks(folder, b, err);
    if (r == 0 && !b->n_entries)
        r = cunik_error_set(err, ERROR_INVALID, "it has neither a kernel nor a disk");
    return r;
}

static int read_config(const char *folder, struct image_config *ret, struct error **err)
{
    _cleanup_free_ char *path = cunik_asprintf("%s/" IMAGE_BUILD_CONFIG, folder), *text = NULL;
    _cleanup_free_ char *when = NULL;
    _cleanup_json_ json_t *json = NULL;
    size_t size = 0;
    int r;

    if (!cunik_file_exists(path))
        return cunik_error_set(err, ERROR_INVALID, "it has no " IMAGE_BUILD_CONFIG);
    if ((r = cunik_file_read(path, IMAGE_JSON_MAX, &text, &size, err)) < 0 ||
        (r = cunik_json_parse(text, size, IMAGE_BUILD_CONFIG, &json, err)) < 0)
        return r;
    return cunik_image_config_from_json(json, ret, &when, err);
}

int cunik_image_build_packed(const char *root, int fd, const char *name, char **ret_digest,
                             struct error **err)
{
    _cleanup_image_work_ struct image_work w = {.lock = -1};
    struct image_build b = {0};
    int64_t left = IMAGE_UNPACKED_MAX;
    int r = cunik_image_work_begin(root, &w, err);

    if (r < 0)
        return r;
    _cleanup_free_ char *files = cunik_asprintf("%s/files", w.folder);
    if ((r = cunik_file_make_folders(files, 0700, err)) == 0 &&
        (r = cunik_image_tar_unpack(fd, "the archive", files, &left, err)) == 0 &&
        (r = read_config(files, &b.config, err)) == 0 && (r = add_entries(files, &b, err)) == 0)
        r = cunik_image_build(root, &b, name, ret_digest, err);
    else
        cunik_error_prefix(err, r, "building image '%s'", name);
    cunik_image_build_done(&b);
    return r;
}
