#include "base/scratch.h"

#include <errno.h>
#include <fcntl.h>
#include <stdbool.h>
#include <stdlib.h>
#include <string.h>
#include <sys/file.h>
#include <sys/stat.h>

#include "base/file.h"
#include "base/folder.h"
#include "base/memory.h"
#include "base/text.h"

enum { TRIES = 100 };

/* The folder with its lock; -EWOULDBLOCK when somebody has it, -ENOENT when it has gone since, or
 * is none of ours. */
static int take(const char *path)
{
    _cleanup_close_ int fd = open(path, O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC);
    struct stat opened, named;

    if (fd < 0 || flock(fd, LOCK_EX | LOCK_NB) < 0 || fstat(fd, &opened) < 0 ||
        lstat(path, &named) < 0)
        return -errno;
    if (opened.st_uid != geteuid() || opened.st_dev != named.st_dev ||
        opened.st_ino != named.st_ino)
        return -ENOENT;
    return TAKE_FD(fd);
}

/* What cannot be removed is in nobody's way. */
static void sweep(const char *where, const char *prefix)
{
    _cleanup_strv_ struct strv names = {0};

    cunik_folder_list(where, 0, &names, NULL);
    for (size_t i = 0; i < names.n; i++) {
        if (!cunik_text_starts(names.items[i], prefix))
            continue;
        _cleanup_free_ char *path = cunik_asprintf("%s/%s", where, names.items[i]);
        _cleanup_close_ int fd = take(path);
        if (fd >= 0)
            cunik_file_remove_tree(path, NULL);
    }
}

/* Until it is locked another one's sweep may take it. */
static int make(struct scratch *ret, const char *where, const char *prefix)
{
    _cleanup_free_ char *path = cunik_asprintf("%s/%sXXXXXX", where, prefix);

    if (!mkdtemp(path))
        return -errno;
    int fd = take(path);
    if (fd == -EWOULDBLOCK || fd == -ENOENT)
        return -EAGAIN;
    if (fd < 0) {
        rmdir(path);
        return fd;
    }
    *ret = (struct scratch){TAKE_PTR(path), fd};
    return 0;
}

int cunik_scratch_create(struct scratch *ret, const char *where, const char *name,
                         struct error **err)
{
    _cleanup_free_ char *prefix = cunik_asprintf("cunik.%s.", name);
    int r = -EAGAIN;

    sweep(where, prefix);
    for (int i = 0; r == -EAGAIN && i < TRIES; i++)
        r = make(ret, where, prefix);
    return r < 0 ? cunik_error_errno(err, r, "making a folder in '%s'", where) : 0;
}

void cunik_scratch_remove(struct scratch *s)
{
    if (!s->path)
        return;
    cunik_file_remove_tree(s->path, NULL);
    close(s->lock);
    free(s->path);
    *s = (struct scratch){0};
}
