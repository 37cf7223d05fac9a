#include "engine/file_store.h"

#include <dirent.h>
#include <fcntl.h>
#include <string.h>
#include <sys/stat.h>
#include <time.h>

#include "base/digest.h"
#include "base/file.h"
#include "base/memory.h"

enum { KEPT_SECONDS = 3600 };

static void sweep(const char *folder)
{
    DIR *d = opendir(folder);
    const struct dirent *entry;
    time_t now = time(NULL);
    struct stat st;

    while (d && (entry = readdir(d)))
        if (fstatat(dirfd(d), entry->d_name, &st, AT_SYMLINK_NOFOLLOW) == 0 &&
            S_ISREG(st.st_mode) && st.st_mtim.tv_sec + KEPT_SECONDS < now)
            unlinkat(dirfd(d), entry->d_name, 0);
    if (d)
        closedir(d);
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
