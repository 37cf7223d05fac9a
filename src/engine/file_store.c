#include "engine/file_store.h"

#include <pthread.h>
#include <string.h>
#include <sys/stat.h>
#include <time.h>
#include <unistd.h>

#include "base/digest.h"
#include "base/file.h"
#include "base/folder.h"
#include "base/memory.h"

enum { KEPT_SECONDS = 3600 };

/* What is put there again while others look is not taken for what was old. */
static pthread_mutex_t changing = PTHREAD_MUTEX_INITIALIZER;

static bool is_old(const char *path)
{
    struct stat st;

    return lstat(path, &st) == 0 && S_ISREG(st.st_mode) &&
           st.st_mtim.tv_sec + KEPT_SECONDS < time(NULL);
}

/* A folder that cannot be read has nothing that could go. */
static void find_old(const char *folder, struct strv *ret)
{
    _cleanup_strv_ struct strv names = {0};

    if (cunik_folder_list(folder, FOLDER_DOTTED, &names, NULL) < 0)
        return;
    for (size_t i = 0; i < names.n; i++) {
        _cleanup_free_ char *path = cunik_asprintf("%s/%s", folder, names.items[i]);
        if (is_old(path))
            cunik_strv_add(ret, names.items[i]);
    }
}

int cunik_file_store_sweep(const char *root, cunik_file_store_users *users, void *ctx,
                           struct error **err)
{
    _cleanup_free_ char *folder = cunik_asprintf("%s/files", root);
    _cleanup_strv_ struct strv old = {0}, used = {0};

    find_old(folder, &old);
    int r = old.n ? users(ctx, &used, err) : 0;
    pthread_mutex_lock(&changing);
    for (size_t i = 0; i < old.n && r == 0; i++) {
        _cleanup_free_ char *path = cunik_asprintf("%s/%s", folder, old.items[i]);
        if (!cunik_strv_has(&used, old.items[i]) && is_old(path))
            unlink(path);
    }
    pthread_mutex_unlock(&changing);
    return r;
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
    pthread_mutex_lock(&changing);
    r = cunik_file_write(path, data, size, 0600, false, err);
    pthread_mutex_unlock(&changing);
    return r;
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
