#include <errno.h>
#include <fcntl.h>
#include <string.h>
#include <sys/file.h>
#include <sys/stat.h>

#include "base/file.h"
#include "base/folder.h"
#include "base/json.h"
#include "base/memory.h"
#include "images/store.h"

enum { IMAGES_MOST = 65536 };

static const char index_type[] = "application/vnd.oci.image.index.v1+json";
static const char layout_text[] = IMAGE_LAYOUT_TEXT;

/* Work whose maker is gone, and files that it is about to take the name of anyway. What stays is in
 * nobody's way. */
static void sweep_work(const char *folder)
{
    _cleanup_free_ char *tmp = cunik_asprintf("%s/.tmp", folder);
    _cleanup_strv_ struct strv names = {0};

    if (cunik_folder_list(tmp, 0, &names, NULL) < 0)
        return;
    for (size_t i = 0; i < names.n; i++) {
        _cleanup_free_ char *path = cunik_asprintf("%s/%s", tmp, names.items[i]);
        _cleanup_close_ int fd = open(path, O_RDONLY | O_NOFOLLOW | O_CLOEXEC);
        if (fd >= 0 && flock(fd, LOCK_EX | LOCK_NB) == 0)
            cunik_file_remove_tree(path, NULL);
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

int cunik_image_scratch(const char *root, int *ret_fd, struct error **err)
{
    _cleanup_free_ char *store = cunik_asprintf("%s/store", root);
    _cleanup_free_ char *path = cunik_asprintf("%s/.tmp/fileXXXXXX", store);
    int r = make_layout(store, err);

    if (r < 0)
        return r;
    _cleanup_close_ int fd = mkostemp(path, O_CLOEXEC);
    if (fd < 0)
        return cunik_error_errno(err, errno, "making '%s'", path);
    unlink(path);
    *ret_fd = TAKE_FD(fd);
    return 0;
}
