/* The entries of index.json: which name means which manifest. */
#include <string.h>

#include "base/json.h"
#include "base/memory.h"
#include "images/store.h"

static const char name_key[] = "org.opencontainers.image.ref.name";

json_t *cunik_image_index_entries(const struct image_store *s)
{
    return json_object_get(s->index, "manifests");
}

const char *cunik_image_index_name(const json_t *entry)
{
    return json_string_value(json_object_get(json_object_get(entry, "annotations"), name_key));
}

const char *cunik_image_index_digest(const json_t *entry)
{
    const char *digest = json_string_value(json_object_get(entry, "digest"));

    return digest && cunik_image_is_digest(digest) ? digest : "";
}

static bool has_digest(const struct image_store *s, const char *digest)
{
    json_t *entry;
    size_t i;

    json_array_foreach (cunik_image_index_entries(s), i, entry)
        if (strcmp(cunik_image_index_digest(entry), digest) == 0)
            return true;
    return false;
}

static void add_entry(struct image_store *s, const json_t *descriptor, const char *name)
{
    json_t *entry = json_deep_copy(descriptor);

    json_object_del(entry, "annotations");
    if (name)
        json_object_set_new(entry, "annotations", json_pack("{s:s}", name_key, name));
    cunik_json_append(cunik_image_index_entries(s), entry);
}

void cunik_image_index_drop(struct image_store *s, const char *name, const char *digest,
                            bool unnamed)
{
    for (size_t i = json_array_size(cunik_image_index_entries(s)); i-- > 0;) {
        const json_t *entry = json_array_get(cunik_image_index_entries(s), i);
        const char *own = cunik_image_index_name(entry);
        bool hit = name
                       ? own && strcmp(own, name) == 0
                       : strcmp(cunik_image_index_digest(entry), digest) == 0 && (!unnamed || !own);
        if (hit)
            json_array_remove(cunik_image_index_entries(s), i);
    }
}

void cunik_image_index_set(struct image_store *s, const json_t *descriptor, const char *name)
{
    json_t *entry, *old = NULL;
    size_t i;

    json_array_foreach (cunik_image_index_entries(s), i, entry)
        if (cunik_image_index_name(entry) && strcmp(cunik_image_index_name(entry), name) == 0)
            old = json_deep_copy(entry);
    cunik_image_index_drop(s, name, NULL, false);
    cunik_image_index_drop(s, NULL, cunik_image_index_digest(descriptor), true);
    add_entry(s, descriptor, name);
    if (old && *cunik_image_index_digest(old) && !has_digest(s, cunik_image_index_digest(old)))
        add_entry(s, old, NULL);
    json_decref(old);
}

int cunik_image_name_set(struct image_store *s, const struct image_descriptor *d, const char *name,
                         struct error **err)
{
    _cleanup_json_ json_t *descriptor = cunik_image_descriptor_json(d);

    cunik_image_index_set(s, descriptor, name);
    return cunik_image_store_write(s, err);
}
