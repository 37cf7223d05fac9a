/* The socket that the API listens on. */
#include <errno.h>
#include <grp.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>

#include "base/memory.h"
#include "base/process.h"
#include "engine/server.h"

enum { BACKLOG = 128 };

static const char group_name[] = "cunik";

int cunik_server_listen(const char *path, int *ret_fd, struct error **err)
{
    struct sockaddr_un a = {.sun_family = AF_UNIX};
    _cleanup_close_ int fd = -1;

    if (strlen(path) >= sizeof(a.sun_path))
        return cunik_error_set(err, ERROR_INVALID,
                               "the socket's path '%s' is longer than %zu bytes", path,
                               sizeof(a.sun_path) - 1);
    memcpy(a.sun_path, path, strlen(path) + 1);
    fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
    if (fd < 0)
        return cunik_error_errno(err, errno, "making a socket");
    if (unlink(path) < 0 && errno != ENOENT)
        return cunik_error_errno(err, errno, "removing the old socket '%s'", path);
    /* Nobody gets in before the mode is set: it is not listening yet. */
    if (bind(fd, (struct sockaddr *)&a, sizeof(a)) < 0)
        return cunik_error_errno(err, errno, "binding the socket '%s'", path);
    /* An ordinary user's engine is that user's alone. */
    bool alone = geteuid() != 0 || cunik_process_keeps_groups();
    const struct group *group = alone ? NULL : getgrnam(group_name);
    if (group && chown(path, (uid_t)-1, group->gr_gid) < 0)
        return cunik_error_errno(err, errno, "giving the socket '%s' to group '%s'", path,
                                 group_name);
    if (chmod(path, alone ? 0600 : 0660) < 0)
        return cunik_error_errno(err, errno, "setting the mode of the socket '%s'", path);
    if (listen(fd, BACKLOG) < 0)
        return cunik_error_errno(err, errno, "listening on '%s'", path);
    *ret_fd = TAKE_FD(fd);
    return 0;
}
