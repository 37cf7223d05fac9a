/* Removing what nobody uses. */
#include <errno.h>
#include <string.h>
#include <sys/stat.h>

#include "base/file.h"
#include "base/folder.h"
#include "base/json.h"
#include "base/map.h"
#include "base/memory.h"
#include "images/store.h"

/* What the images of the index, and those kept, consist of. A damaged one consists of nothing that
 * could be used: it is there until it is removed or fetched again. */
static int mark(const struct image_store *s, const char *digest, struct map *used,
                struct error **err)
{
    _cleanup_error_ struct error *damage = NULL;
    struct image_descriptor d = {0};
    _cleanup_image_manifest_ struct image_manifest m = {0};
    struct stat st;

    if (!cunik_image_is_digest(digest))
        return 0;
    _cleanup_free_ char *path = cunik_image_blob_path(s->folder, digest);
    cunik_map_set(used, digest + 7, used);
    if (stat(path, &st) < 0)
        return errno == ENOENT ? 0 : cunik_error_errno(err, errno, "'%s'", path);
    d.size = st.st_size;
    memcpy(d.digest, digest, sizeof(d.digest));
    int r = cunik_image_manifest_read(s->folder, &d, IMAGE_CHECK, &m, &damage);
    if (r < 0 && (damage->code == ERROR_INVALID || damage->code == ERROR_NOT_FOUND))
        return 0;
    if (r < 0)
        return cunik_error_pass(err, r, &damage);
    cunik_map_set(used, m.config.digest + 7, used);
    for (size_t i = 0; i < m.n_layers; i++)
        cunik_map_set(used, m.layers[i].digest + 7, used);
    return 0;
}

static int sweep(const char *folder, const struct map *used, int64_t *freed, struct error **err)
{
    _cleanup_strv_ struct strv names = {0};
    int r = cunik_folder_list(folder, FOLDER_MAYBE, &names, err);

    for (size_t i = 0; i < names.n && r == 0; i++) {
        _cleanup_free_ char *path = cunik_asprintf("%s/%s", folder, names.items[i]);
        struct stat st;
        if (cunik_map_has(used, names.items[i]))
            continue;
        int64_t size = lstat(path, &st) == 0 && S_ISREG(st.st_mode) ? st.st_size : 0;
        r = cunik_file_remove_tree(path, err);
        if (r == 0)
            *freed += size;
    }
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
    for (size_t k = json_array_size(cunik_image_index_entries(&s)); k-- > 0;) {
        const json_t *e = json_array_get(cunik_image_index_entries(&s), k);
        bool goes = which == PRUNE_ALL || (which == PRUNE_UNNAMED && !cunik_image_index_name(e));
        if (goes && !cunik_strv_has(keep, cunik_image_index_digest(e))) {
            cunik_strv_add(ret_removed, cunik_image_index_name(e) ? cunik_image_index_name(e)
                                                                  : cunik_image_index_digest(e));
            json_array_remove(cunik_image_index_entries(&s), k);
        }
    }
    r = cunik_image_store_write(&s, err);
    json_array_foreach (cunik_image_index_entries(&s), i, entry)
        if (r == 0)
            r = mark(&s, cunik_image_index_digest(entry), &used, err);
    for (size_t k = 0; r == 0 && k < keep->n; k++)
        r = mark(&s, keep->items[k], &used, err);
    blobs = cunik_asprintf("%s/blobs/sha256", s.folder);
    if (r == 0)
        r = sweep(blobs, &used, ret_freed, err);
    if (r == 0)
        r = sweep(unpacked, &used, &files, err);
    return r;
}
