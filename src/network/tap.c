#include "network/tap.h"

#include <errno.h>
#include <fcntl.h>
#include <sys/socket.h>

#include <linux/if.h>
#include <linux/if_tun.h>
#include <string.h>
#include <sys/ioctl.h>

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
