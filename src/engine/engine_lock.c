#include "engine/engine_lock.h"

#include <errno.h>
#include <fcntl.h>

#include "base/memory.h"

static int take(const char *root, const char *name, int command, int *ret, struct error **err)
{
    _cleanup_free_ char *path = cunik_asprintf("%s/%s", root, name);
    _cleanup_close_ int fd = open(path, O_RDWR | O_CREAT | O_CLOEXEC | O_NOFOLLOW, 0600);
    struct flock whole = {.l_type = F_WRLCK, .l_whence = SEEK_SET};
    int r;

    if (fd < 0)
        return cunik_error_errno(err, errno, "opening '%s'", path);
    do
        r = fcntl(fd, command, &whole);
    while (r < 0 && errno == EINTR);
    if (r < 0)
        return errno == EAGAIN || errno == EACCES
                   ? -EWOULDBLOCK
                   : cunik_error_errno(err, errno, "locking '%s'", path);
    *ret = TAKE_FD(fd);
    return 0;
}

int cunik_engine_lock_take(const char *root, struct engine_lock *ret, bool *ret_running,
                           struct error **err)
{
    _cleanup_close_ int start = -1;
    int engine = -1, r;

    r = take(root, "lock.start", F_SETLKW, &start, err);
    if (r < 0)
        return r;
    r = take(root, "lock", F_SETLK, &engine, err);
    if (r < 0 && r != -EWOULDBLOCK)
        return r;
    *ret_running = r < 0;
    *ret = (struct engine_lock){-1, -1};
    if (r == 0)
        *ret = (struct engine_lock){TAKE_FD(start), engine};
    return 0;
}

void cunik_engine_lock_started(struct engine_lock *l)
{
    if (l->start >= 0)
        close(l->start);
    l->start = -1;
}

void cunik_engine_lock_ending(struct engine_lock *l, const char *root)
{
    /* Without it a command that comes now only has to try twice. */
    if (l->start < 0)
        (void)take(root, "lock.start", F_SETLKW, &l->start, NULL);
}
