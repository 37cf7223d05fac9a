/* What an image is to be made of, as who asks for it sees it: files that this process may read. */
#include "base/file.h"
#include "base/json.h"
#include "base/memory.h"
#include "images/image.h"

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

int cunik_image_build_pack(const struct image_build *b, struct tar *ret, struct error **err)
{
    static const struct strv none;
    _cleanup_json_ json_t *config = cunik_image_config_to_json(&b->config, "", &none);
    _cleanup_free_ char *text = cunik_json_text(config, JSON_COMPACT);
    int r = 0;

    cunik_tar_add_text(ret, IMAGE_BUILD_CONFIG, text);
    for (size_t i = 0; i < b->n_entries && r == 0; i++)
        r = cunik_tar_add_file(ret, b->entries[i].name, b->entries[i].source, err);
    return r;
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

int cunik_image_import_read(const char *folder, struct image_build *ret, struct error **err)
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
    if (r < 0)
        cunik_image_build_done(&b);
    else
        *ret = b;
    return r;
}
