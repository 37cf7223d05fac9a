#include "network/tap.h"

#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <sys/socket.h>

#include <linux/if.h>
#include <linux/if_tun.h>
#include <string.h>
#include <sys/ioctl.h>

#include "base/file.h"
#include "base/folder.h"
#include "base/memory.h"

enum { FDINFO_LIMIT = 1 << 16 };

int cunik_tap_open(const char *name, uid_t uid, gid_t gid, int *ret_fd, struct error **err)
{
    _cleanup_close_ int fd = open("/dev/net/tun", O_RDWR | O_CLOEXEC);
    struct ifreq request = {.ifr_flags = IFF_TAP | IFF_NO_PI | IFF_VNET_HDR | IFF_TUN_EXCL};

    if (fd < 0)
        return cunik_error_errno(err, errno, "opening '/dev/net/tun'");
    if (strlen(name) >= sizeof(request.ifr_name))
        return cunik_error_set(err, ERROR_INVALID, "'%s' is too long for a link's name", name);
    memcpy(request.ifr_name, name, strlen(name));
    if (ioctl(fd, TUNSETIFF, &request) < 0)
        return cunik_error_errno(err, errno, "TUNSETIFF");
    if (uid != (uid_t)-1 && ioctl(fd, TUNSETOWNER, (unsigned long)uid) < 0)
        return cunik_error_errno(err, errno, "TUNSETOWNER");
    if (gid != (gid_t)-1 && ioctl(fd, TUNSETGROUP, (unsigned long)gid) < 0)
        return cunik_error_errno(err, errno, "TUNSETGROUP");
    *ret_fd = TAKE_FD(fd);
    return 0;
}

int cunik_tap_keep(int fd, struct error **err)
{
    if (ioctl(fd, TUNSETPERSIST, 1UL) < 0)
        return cunik_error_errno(err, errno, "TUNSETPERSIST");
    return 0;
}

/* The kernel's drivers/net/tun.c (tun_chr_show_fdinfo) gives its descriptors a line "iff:\tNAME",
 * with no name when the link is gone. */
static void read_descriptor(const char *path, struct strv *ret)
{
    static const char key[] = "\niff:\t";
    _cleanup_free_ char *text = NULL;

    /* It may be closed by now. */
    if (cunik_file_read(path, FDINFO_LIMIT, &text, NULL, NULL) < 0)
        return;
    const char *name = strstr(text, key);
    if (!name)
        return;
    name += sizeof(key) - 1;
    cunik_strv_take(ret, cunik_strndup(name, strcspn(name, "\n")));
}

int cunik_tap_held(pid_t pid, struct strv *ret, struct error **err)
{
    _cleanup_free_ char *folder = cunik_asprintf("/proc/%" PRIdMAX "/fdinfo", (intmax_t)pid);
    _cleanup_error_ struct error *e = NULL;
    _cleanup_strv_ struct strv names = {0};
    int r = cunik_folder_list(folder, 0, &names, &e);

    /* Who may not be looked at by who made the taps lives, or has just died, in a user namespace of
     * an engine before: it has none of this one's. */
    if (r == -ENOENT || r == -ESRCH || r == -EACCES)
        return 0;
    for (size_t i = 0; i < names.n; i++) {
        _cleanup_free_ char *path = cunik_asprintf("%s/%s", folder, names.items[i]);
        read_descriptor(path, ret);
    }
    return cunik_error_pass(err, r, &e);
}
