#include <errno.h>
#include <fcntl.h>
#include <string.h>
#include <sys/stat.h>

#include "base/file.h"
#include "base/json.h"
#include "base/memory.h"
#include "base/text.h"
#include "images/store.h"

static const char oci_manifest[] = "application/vnd.oci.image.manifest.v1+json";

void cunik_image_manifest_done(struct image_manifest *m)
{
    cunik_image_descriptor_done(&m->config);
    for (size_t i = 0; i < m->n_layers; i++)
        cunik_image_descriptor_done(&m->layers[i]);
    free(m->layers);
    *m = (struct image_manifest){0};
}

int cunik_image_manifest_read(const char *folder, const struct image_descriptor *d,
                              enum image_trust trust, struct image_manifest *ret,
                              struct error **err)
{
    _cleanup_image_manifest_ struct image_manifest m = {0};
    _cleanup_json_ json_t *json = NULL;
    int r = cunik_image_blob_json(folder, d, trust, &json, err);

    if (r < 0)
        return r;
    const json_t *layers = json_object_get(json, "layers");
    if (json_object_get(json, "manifests"))
        return cunik_error_set(err, ERROR_INVALID,
                               "%s is a list of images for several platforms and none itself",
                               d->digest);
    if (!json_is_array(layers) || json_array_size(layers) > IMAGE_LAYERS_MAX)
        return cunik_error_set(err, ERROR_INVALID, "the manifest %s has no list of layers",
                               d->digest);
    r = cunik_image_descriptor_read(json_object_get(json, "config"), "the manifest's config",
                                    &m.config, err);
    for (size_t i = 0; r == 0 && i < json_array_size(layers); i++) {
        struct image_descriptor *layer = ARRAY_APPEND(m.layers, m.n_layers);
        r = cunik_image_descriptor_read(json_array_get(layers, i), "a layer of the manifest", layer,
                                        err);
    }
    if (r < 0)
        return r;
    *ret = m;
    m = (struct image_manifest){0};
    return 0;
}

bool cunik_image_manifest_repeats(const struct image_manifest *m, size_t layer)
{
    for (size_t i = 0; i < layer; i++)
        if (strcmp(m->layers[i].digest, m->layers[layer].digest) == 0)
            return true;
    return false;
}

/* A blob of another layout becomes one of ours: both are of one file system (store.h's work). */
static int take_blob(const char *from, const char *to, const struct image_descriptor *d,
                     struct error **err)
{
    _cleanup_free_ char *source = cunik_image_blob_path(from, d->digest);
    struct image_descriptor moved = {0};
    _cleanup_close_ int fd = -1;
    int r;

    if ((r = cunik_image_blob_open(from, d, &fd, err)) < 0)
        return r;
    return cunik_image_blob_move(to, source, &moved, err);
}

static int choose_platform(const char *layout, struct image_descriptor *d, struct error **err)
{
    _cleanup_json_ json_t *json = NULL;
    const json_t *chosen = NULL;
    int r;

    if ((r = cunik_image_blob_json(layout, d, IMAGE_CHECK, &json, err)) < 0 ||
        (r = cunik_image_platform(json, &chosen, err)) < 0 || !chosen)
        return r;
    cunik_image_descriptor_done(d);
    return cunik_image_descriptor_read(chosen, "the list of images", d, err);
}

static int read_single(const char *layout, struct image_descriptor *ret, struct error **err)
{
    _cleanup_free_ char *path = cunik_asprintf("%s/index.json", layout), *text = NULL;
    _cleanup_json_ json_t *index = NULL;
    size_t size = 0;
    int r;

    if ((r = cunik_file_read(path, IMAGE_JSON_MAX, &text, &size, err)) < 0 ||
        (r = cunik_json_parse(text, size, "the image's index", &index, err)) < 0)
        return r;
    const json_t *manifests = json_object_get(index, "manifests");
    if (json_array_size(manifests) != 1)
        return cunik_error_set(err, ERROR_INVALID, "it holds %zu images and not one",
                               json_array_size(manifests));
    return cunik_image_descriptor_read(json_array_get(manifests, 0), "the image's index", ret, err);
}

/* The manifest goes last, so that whoever finds it finds all. */
static int take_all(const char *layout, const char *store, const struct image_descriptor *d,
                    const struct image_manifest *m, struct error **err)
{
    int r = take_blob(layout, store, &m->config, err);

    for (size_t i = 0; r == 0 && i < m->n_layers; i++)
        if (!cunik_image_manifest_repeats(m, i))
            r = take_blob(layout, store, &m->layers[i], err);
    return r < 0 ? r : take_blob(layout, store, d, err);
}

int cunik_image_adopt(const char *root, const char *layout, const char *name, char **ret_digest,
                      struct error **err)
{
    _cleanup_image_store_ struct image_store s = {.lock = -1};
    _cleanup_image_manifest_ struct image_manifest m = {0};
    _cleanup_image_config_ struct image_config config = {0};
    _cleanup_json_ json_t *json = NULL;
    _cleanup_free_ char *created = NULL;
    struct image_descriptor d = {0};
    int r;

    /* All that can be wrong with it is found before the store is touched. */
    if ((r = read_single(layout, &d, err)) == 0 && (r = choose_platform(layout, &d, err)) == 0 &&
        (r = cunik_image_manifest_read(layout, &d, IMAGE_CHECK, &m, err)) == 0 &&
        (r = cunik_image_blob_json(layout, &m.config, IMAGE_CHECK, &json, err)) == 0 &&
        (r = cunik_image_config_from_json(json, &config, &created, err)) == 0 &&
        (r = cunik_image_store_open(root, true, &s, err)) == 0 &&
        (r = take_all(layout, s.folder, &d, &m, err)) == 0) {
        cunik_replace(&d.media_type, oci_manifest);
        r = cunik_image_name_set(&s, &d, name, err);
    }
    if (r == 0)
        *ret_digest = cunik_strdup(d.digest);
    cunik_image_descriptor_done(&d);
    return r;
}
