#include "base/folder.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <string.h>

static bool is_wanted(const char *name, int flags)
{
    if (flags & FOLDER_DOTTED)
        return strcmp(name, ".") != 0 && strcmp(name, "..") != 0;
    return *name != '.';
}

int cunik_folder_list_fd(int fd, const char *name, int flags, struct strv *ret, struct error **err)
{
    _cleanup_close_ int own = fcntl(fd, F_DUPFD_CLOEXEC, 0);
    _cleanup_strv_ struct strv names = {0};
    const struct dirent *entry;
    DIR *d = own < 0 ? NULL : fdopendir(own);

    if (!d)
        return cunik_error_errno(err, errno, "reading '%s'", name);
    (void)TAKE_FD(own);
    rewinddir(d); /* both descriptors have one place in the folder */
    while ((errno = 0, entry = readdir(d)))
        if (is_wanted(entry->d_name, flags))
            cunik_strv_add(&names, entry->d_name);
    int r = errno ? cunik_error_errno(err, errno, "reading '%s'", name) : 0;
    closedir(d);
    if (r < 0)
        return r;
    cunik_strv_sort(&names);
    for (size_t i = 0; i < names.n; i++)
        cunik_strv_take(ret, TAKE_PTR(names.items[i]));
    return 0;
}

int cunik_folder_list(const char *path, int flags, struct strv *ret, struct error **err)
{
    _cleanup_close_ int fd = open(path, O_RDONLY | O_DIRECTORY | O_CLOEXEC);

    if (fd < 0 && errno == ENOENT && flags & FOLDER_MAYBE)
        return 0;
    if (fd < 0)
        return cunik_error_errno(err, errno, "opening '%s'", path);
    return cunik_folder_list_fd(fd, path, flags, ret, err);
}
