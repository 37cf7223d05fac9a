#include <errno.h>
#include <fcntl.h>
#include <string.h>

#include "base/file.h"
#include "base/json.h"
#include "base/memory.h"
#include "images/store.h"

static const char manifest_type[] = "application/vnd.oci.image.manifest.v1+json";
static const char config_type[] = "application/vnd.oci.image.config.v1+json";
static const char layer_type[] = "application/vnd.oci.image.layer.v1.tar+gzip";

/* Of every image that is built: the time of building is no part of what is built. */
static const char created[] = "1970-01-01T00:00:00Z";

void cunik_image_build_done(struct image_build *b)
{
    cunik_image_config_done(&b->config);
    for (size_t i = 0; i < b->n_entries; i++) {
        free(b->entries[i].name);
        free(b->entries[i].source);
    }
    free(b->entries);
    *b = (struct image_build){0};
}

void cunik_image_build_add(struct image_build *b, const char *name, const char *source)
{
    *ARRAY_APPEND(b->entries, b->n_entries) =
        (struct image_entry){cunik_strdup(name), cunik_strdup(source)};
}

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
static int make_layout(const char *layout, const struct image_build *b, struct error **err)
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

int cunik_image_build(const char *root, const struct image_build *b, const char *name,
                      char **ret_digest, struct error **err)
{
    _cleanup_image_work_ struct image_work w = {.lock = -1};
    _cleanup_free_ char *full = NULL;
    int r;

    if ((r = cunik_image_name(name, &full, err)) < 0 ||
        (r = cunik_image_work_begin(root, &w, err)) < 0)
        return r;
    _cleanup_free_ char *layout = cunik_asprintf("%s/layout", w.folder);
    r = make_layout(layout, b, err);
    if (r == 0)
        r = cunik_image_adopt(root, layout, full, ret_digest, err);
    return cunik_error_prefix(err, r, "building image '%s'", full);
}

/* metadata.json names the backend and its command line; kernel.bin and data.iso, or system.qemu (a
 * qcow2 disk), lie beside it. */
static int read_metadata(const char *folder, struct image_build *b, struct error **err)
{
    _cleanup_free_ char *path = cunik_asprintf("%s/metadata.json", folder), *text = NULL;
    _cleanup_json_ json_t *json = NULL;
    size_t size = 0;
    int r;

    if ((r = cunik_file_read(path, IMAGE_JSON_MAX, &text, &size, err)) < 0 ||
        (r = cunik_json_parse(text, size, path, &json, err)) < 0)
        return r;
    const char *backend =
        json_string_value(json_object_get(json_object_get(json, "unikernel"), "name"));
    if (!backend)
        return cunik_error_set(err, ERROR_INVALID, "'%s' has no unikernel.name", path);
    b->config.backend = cunik_strdup(backend);
    return cunik_json_get_string(json, "default_cmdline", &b->config.cmdline, err);
}

static const struct {
    const char *file, *name;
} old_files[] = {
    {"kernel.bin", "cunik/kernel"},
    {"data.iso", "cunik/disks/0.raw"},
    {"system.qemu", "cunik/disks/0.qcow2"},
};

int cunik_image_import(const char *root, const char *folder, const char *name, char **ret_digest,
                       struct error **err)
{
    struct image_build b = {.config = {.cmdline = cunik_strdup("")}};
    int r = read_metadata(folder, &b, err);

    for (size_t i = 0; r == 0 && i < ARRAY_SIZE(old_files); i++) {
        _cleanup_free_ char *path = cunik_asprintf("%s/%s", folder, old_files[i].file);
        if (cunik_file_exists(path))
            cunik_image_build_add(&b, old_files[i].name, path);
    }
    if (r == 0 && !b.n_entries)
        r = cunik_error_set(err, ERROR_INVALID,
                            "'%s' has neither kernel.bin nor data.iso nor system.qemu", folder);
    if (r == 0)
        r = cunik_image_build(root, &b, name, ret_digest, err);
    cunik_image_build_done(&b);
    return r;
}
