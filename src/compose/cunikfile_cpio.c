#include "compose/cunikfile_cpio.h"

#include <errno.h>
#include <limits.h>
#include <sys/stat.h>
#include <unistd.h>

#include "backends/initrd.h"
#include "base/file.h"
#include "base/folder.h"
#include "base/memory.h"
#include "base/strv.h"

enum { ARCHIVE_MOST = 1 << 30, DEPTH_MOST = 64 };

struct archive_maker {
    const char *folder;
    struct buffer to;
};

static int add_folder(struct archive_maker *m, const char *name, int depth, struct error **err);

static int add_link(struct archive_maker *m, const char *name, const char *path, struct error **err)
{
    char target[PATH_MAX];
    ssize_t size = readlink(path, target, sizeof(target));

    if (size < 0)
        return cunik_error_errno(err, errno, "'%s'", path);
    cunik_initrd_add(&m->to, name, S_IFLNK | 0777, target, (size_t)size);
    return 0;
}

static int add_file(struct archive_maker *m, const char *name, const char *path, mode_t mode,
                    struct error **err)
{
    _cleanup_free_ char *data = NULL;
    size_t size = 0;
    int r = cunik_file_read(path, ARCHIVE_MOST - m->to.size, &data, &size, err);

    if (r == 0)
        cunik_initrd_add(&m->to, name, S_IFREG | (mode & 0111 ? 0755 : 0644), data, size);
    return r;
}

static int add_one(struct archive_maker *m, const char *name, int depth, struct error **err)
{
    _cleanup_free_ char *path = cunik_asprintf("%s/%s", m->folder, name);
    struct stat st;

    if (lstat(path, &st) < 0)
        return cunik_error_errno(err, errno, "'%s'", path);
    if (S_ISLNK(st.st_mode))
        return add_link(m, name, path, err);
    if (S_ISREG(st.st_mode))
        return add_file(m, name, path, st.st_mode, err);
    if (!S_ISDIR(st.st_mode))
        return cunik_error_set(err, ERROR_INVALID, "'%s' is neither file, folder nor link", path);
    cunik_initrd_add(&m->to, name, S_IFDIR | 0755, NULL, 0);
    return add_folder(m, name, depth + 1, err);
}

/* `name`: of the folder in the archive, "" = its root. */
static int add_folder(struct archive_maker *m, const char *name, int depth, struct error **err)
{
    _cleanup_free_ char *path = cunik_asprintf("%s/%s", m->folder, name);
    _cleanup_strv_ struct strv names = {0};
    int r = cunik_folder_list(path, FOLDER_DOTTED, &names, err);

    if (r == 0 && depth > DEPTH_MOST)
        r = cunik_error_set(err, ERROR_INVALID, "'%s' lies deeper than %d folders", path,
                            DEPTH_MOST);
    for (size_t i = 0; i < names.n && r == 0; i++) {
        _cleanup_free_ char *one = cunik_asprintf("%s%s%s", name, *name ? "/" : "", names.items[i]);
        r = add_one(m, one, depth, err);
    }
    return r;
}

int cunik_cunikfile_cpio(const char *folder, const char *out, struct error **err)
{
    struct archive_maker m = {.folder = folder};
    int r = add_folder(&m, "", 0, err);

    if (r == 0) {
        cunik_initrd_end(&m.to);
        r = cunik_file_write(out, m.to.data, m.to.size, 0600, false, err);
    }
    cunik_buffer_done(&m.to);
    return r;
}
