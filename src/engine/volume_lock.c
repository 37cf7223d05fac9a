/* Who copies a volume, and who is about to use it: a lock on its folder (flock). */
#include <errno.h>
#include <fcntl.h>
#include <sys/file.h>

#include "base/file.h"
#include "base/memory.h"
#include "engine/volume.h"

int cunik_volume_share(const char *root, const char *name, int *ret_fd, struct error **err)
{
    _cleanup_free_ char *folder = cunik_asprintf("%s/volumes/%s", root, name);
    _cleanup_close_ int fd = open(folder, O_RDONLY | O_DIRECTORY | O_CLOEXEC);

    *ret_fd = -1;
    if (fd < 0)
        return errno == ENOENT ? 0 : cunik_error_errno(err, errno, "opening '%s'", folder);
    if (flock(fd, LOCK_SH | LOCK_NB) < 0)
        return errno == EWOULDBLOCK
                   ? cunik_error_set(err, ERROR_CONFLICT,
                                     "the volume '%s' is being exported or imported", name)
                   : cunik_error_errno(err, errno, "locking '%s'", folder);
    *ret_fd = TAKE_FD(fd);
    return 0;
}

int cunik_volume_seize(const char *folder, int *ret_fd, struct error **err)
{
    _cleanup_close_ int fd = open(folder, O_RDONLY | O_DIRECTORY | O_CLOEXEC);

    if (fd < 0 || flock(fd, LOCK_EX) < 0)
        return cunik_error_errno(err, errno, "locking '%s'", folder);
    *ret_fd = TAKE_FD(fd);
    return 0;
}
