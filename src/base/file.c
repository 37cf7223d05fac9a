#include "base/file.h"

#include <errno.h>
#include <fcntl.h>
#include <ftw.h>
#include <limits.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>

#include "base/buffer.h"
#include "base/memory.h"
#include "base/strv.h"
#include "base/text.h"

int cunik_file_read_fd(int fd, const char *name, size_t limit, char **ret, size_t *ret_size,
                       struct error **err)
{
    _cleanup_buffer_ struct buffer b = {0};
    char chunk[16384];
    ssize_t got;

    while ((got = read(fd, chunk, sizeof(chunk))) != 0) {
        if (got < 0 && errno == EINTR)
            continue;
        if (got < 0)
            return cunik_error_errno(err, errno, "reading '%s'", name);
        if (b.size + (size_t)got > limit)
            return cunik_error_set(err, ERROR_INVALID, "'%s' is larger than %zu bytes", name,
                                   limit);
        cunik_buffer_append(&b, chunk, (size_t)got);
    }
    if (ret_size)
        *ret_size = b.size;
    *ret = cunik_buffer_take(&b);
    return 0;
}

int cunik_file_read(const char *path, size_t limit, char **ret, size_t *ret_size,
                    struct error **err)
{
    _cleanup_close_ int fd = open(path, O_RDONLY | O_CLOEXEC);
    struct stat st;

    if (fd < 0)
        return cunik_error_errno(err, errno, "opening '%s'", path);
    if (fstat(fd, &st) < 0)
        return cunik_error_errno(err, errno, "reading '%s'", path);
    if (S_ISDIR(st.st_mode))
        return cunik_error_set(err, ERROR_INVALID, "'%s' is a directory", path);
    if (S_ISREG(st.st_mode) && (size_t)st.st_size > limit)
        return cunik_error_set(err, ERROR_INVALID, "'%s' is larger than %zu bytes", path, limit);
    return cunik_file_read_fd(fd, path, limit, ret, ret_size, err);
}

int cunik_write_all(int fd, const void *data, size_t size)
{
    const char *p = data;

    while (size) {
        ssize_t put = write(fd, p, size);
        if (put < 0 && errno == EINTR)
            continue;
        if (put < 0)
            return -errno;
        p += put;
        size -= (size_t)put;
    }
    return 0;
}

/* What becomes a file is written beside it, under its name: as much of that as leaves room for an
 * ending. */
static char *temporary_name(const char *path)
{
    enum { ENDING = sizeof(".XXXXXX") - 1 };
    const char *slash = strrchr(path, '/'), *name = slash ? slash + 1 : path;
    size_t kept = strnlen(name, NAME_MAX - ENDING);

    return cunik_asprintf("%.*s.XXXXXX", (int)(name - path + (ptrdiff_t)kept), path);
}

int cunik_file_write(const char *path, const void *data, size_t size, mode_t mode, bool durable,
                     struct error **err)
{
    _cleanup_free_ char *temporary = temporary_name(path);
    _cleanup_close_ int fd = mkostemp(temporary, O_CLOEXEC);
    int r;

    if (fd < 0)
        return cunik_error_errno(err, errno, "writing '%s'", path);
    r = cunik_write_all(fd, data, size);
    if (r == 0 && fchmod(fd, mode) < 0)
        r = -errno;
    if (r == 0 && durable && fsync(fd) < 0)
        r = -errno;
    if (r == 0 && rename(temporary, path) < 0)
        r = -errno;
    if (r < 0) {
        unlink(temporary);
        return cunik_error_errno(err, r, "writing '%s'", path);
    }
    return 0;
}

int cunik_file_write_output(const char *path, const void *data, size_t size, mode_t mode,
                            struct error **err)
{
    struct stat st;

    if (lstat(path, &st) < 0 || S_ISREG(st.st_mode))
        return cunik_file_write(path, data, size, mode, false, err);
    _cleanup_close_ int fd = open(path, O_WRONLY | O_CREAT | O_TRUNC | O_NOCTTY | O_CLOEXEC, mode);
    int r = fd < 0 ? -errno : cunik_write_all(fd, data, size);
    return r < 0 ? cunik_error_errno(err, r, "writing '%s'", path) : 0;
}

int cunik_file_make_folders(const char *path, mode_t mode, struct error **err)
{
    _cleanup_free_ char *partial = cunik_strdup(path);

    for (char *p = partial + (*partial == '/');; p++) {
        if (*p && *p != '/')
            continue;
        char kept = *p;
        *p = '\0';
        if (mkdir(partial, mode) < 0 && errno != EEXIST)
            return cunik_error_errno(err, errno, "making folder '%s'", partial);
        *p = kept;
        if (!kept)
            return 0;
    }
}

static int remove_one(const char *path, const struct stat *st _unused_, int type _unused_,
                      struct FTW *ftw _unused_)
{
    return remove(path);
}

int cunik_file_remove_tree(const char *path, struct error **err)
{
    if (nftw(path, remove_one, 32, FTW_DEPTH | FTW_PHYS) < 0 && errno != ENOENT)
        return cunik_error_errno(err, errno, "removing '%s'", path);
    return 0;
}

bool cunik_file_exists(const char *path)
{
    return access(path, F_OK) == 0;
}

char *cunik_path_join(const char *folder, const char *path)
{
    _cleanup_free_ char *whole =
        *path == '/' || !folder ? cunik_strdup(path) : cunik_asprintf("%s/%s", folder, path);
    _cleanup_strv_ struct strv parts = {0}, kept = {0};
    bool absolute = *whole == '/';

    cunik_strv_split(&parts, whole, "/");
    for (size_t i = 0; i < parts.n; i++) {
        const char *part = parts.items[i];
        if (strcmp(part, ".") == 0)
            continue;
        if (strcmp(part, "..") == 0 && kept.n && strcmp(kept.items[kept.n - 1], "..") != 0)
            free(kept.items[--kept.n]);
        else if (strcmp(part, "..") != 0 || !absolute)
            cunik_strv_add(&kept, part);
    }
    _cleanup_free_ char *joined = cunik_strv_join(&kept, "/");
    return cunik_asprintf("%s%s", absolute ? "/" : kept.n ? "" : ".", joined);
}

bool cunik_path_stays(const char *path)
{
    return *path != '/' && strcmp(path, "..") != 0 && !cunik_text_starts(path, "../") &&
           !strstr(path, "/../") && !cunik_text_ends(path, "/..");
}

char *cunik_path_folder(const char *path)
{
    const char *slash = strrchr(path, '/');

    if (!slash)
        return cunik_strdup(".");
    return slash == path ? cunik_strdup("/") : cunik_strndup(path, (size_t)(slash - path));
}

const char *cunik_path_name(const char *path)
{
    const char *slash = strrchr(path, '/');

    return slash ? slash + 1 : path;
}
