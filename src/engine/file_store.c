#include "engine/file_store.h"

#include <string.h>
#include <sys/stat.h>
#include <time.h>

#include "base/digest.h"
#include "base/file.h"
#include "base/folder.h"
#include "base/memory.h"

enum { KEPT_SECONDS = 3600 };

/* One that stays is in nobody's way. */
static void sweep(const char *folder)
{
    _cleanup_strv_ struct strv names = {0};
    time_t now = time(NULL);
    struct stat st;

    if (cunik_folder_list(folder, FOLDER_DOTTED, &names, NULL) < 0)
        return;
    for (size_t i = 0; i < names.n; i++) {
        _cleanup_free_ char *path = cunik_asprintf("%s/%s", folder, names.items[i]);
        if (lstat(path, &st) == 0 && S_ISREG(st.st_mode) && st.st_mtim.tv_sec + KEPT_SECONDS < now)
            unlink(path);
    }
}

int cunik_file_store_put(const char *root, const void *data, size_t size, struct error **err)
{
    _cleanup_free_ char *digest = cunik_digest_hex(data, size, 2 * DIGEST_SIZE);
    _cleanup_free_ char *folder = cunik_asprintf("%s/files", root);
    _cleanup_free_ char *path = cunik_asprintf("%s/%s", folder, digest);

    if (size > FILE_STORE_MAX)
        return cunik_error_set(err, ERROR_INVALID, "a file for a guest is larger than %d bytes",
                               FILE_STORE_MAX);
    int r = cunik_file_make_folders(folder, 0700, err);
    if (r < 0)
        return r;
    sweep(folder);
    return cunik_file_write(path, data, size, 0600, false, err);
}

int cunik_file_store_get(const char *root, const char *digest, char **ret, size_t *ret_size,
                         struct error **err)
{
    _cleanup_free_ char *path = cunik_asprintf("%s/files/%s", root, digest), *data = NULL;
    size_t size = 0;
    int r = cunik_file_read(path, FILE_STORE_MAX, &data, &size, err);

    if (r < 0)
        return r;
    _cleanup_free_ char *found = cunik_digest_hex(data, size, 2 * DIGEST_SIZE);
    if (strcmp(found, digest) != 0)
        return cunik_error_set(err, ERROR_FAILED, "'%s' is not what it was", path);
    *ret = TAKE_PTR(data);
    *ret_size = size;
    return 0;
}
