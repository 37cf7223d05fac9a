/* What the host has to have before any guest can be made. */
#include <errno.h>
#include <fcntl.h>
#include <linux/capability.h>
#include <string.h>
#include <sys/syscall.h>
#include <sys/sysmacros.h>
#include <unistd.h>

#include "base/memory.h"
#include "base/time.h"
#include "engine/clock.h"
#include "engine/host_prerequisites.h"
#include "engine/host_real_internal.h"
#include "network/dnsmasq.h"

enum { TUN_MAJOR = 10, TUN_MINOR = 200 };

/* What was there is believed to be there for so long: one request checks thousands of cuniks. */
static const int64_t trust_ns = NS_PER_SECOND;

const char cunik_host_emulator[] = "/usr/bin/qemu-system-x86_64";

int cunik_host_check_rights(struct error **err)
{
    struct __user_cap_header_struct header = {.version = _LINUX_CAPABILITY_VERSION_3};
    struct __user_cap_data_struct data[_LINUX_CAPABILITY_U32S_3] = {0};

    if (syscall(SYS_capget, &header, data) == 0 &&
        data[CAP_NET_ADMIN / 32].effective & 1u << CAP_NET_ADMIN % 32)
        return 0;
    return cunik_error_set(err, ERROR_PERMISSION,
                           "the engine may not make network links: it has to run as root or with "
                           "CAP_NET_ADMIN, or where users may make namespaces (cunik doctor says "
                           "more)");
}

int cunik_host_check_tun(struct error **err)
{
    _cleanup_close_ int fd = open("/dev/net/tun", O_RDWR | O_CLOEXEC);
    struct stat st;

    if (fd < 0 || fstat(fd, &st) < 0)
        return cunik_error_errno(err, errno, "opening '/dev/net/tun', which guests' links need");
    if (!S_ISCHR(st.st_mode) || st.st_rdev != makedev(TUN_MAJOR, TUN_MINOR))
        return cunik_error_set(err, ERROR_NOT_FOUND,
                               "'/dev/net/tun' is not the device that guests' links need");
    return 0;
}

static int check_emulator(struct error **err)
{
    if (access(cunik_host_emulator, X_OK) == 0)
        return 0;
    return cunik_error_set(err, ERROR_NOT_FOUND,
                           "there is no '%s', which runs guests (Debian's package "
                           "qemu-system-x86)",
                           cunik_host_emulator);
}

static int check_names(struct error **err)
{
    _cleanup_free_ char *path = NULL;

    return cunik_dnsmasq_find(&path, err);
}

/* The doctor itself needs no such hint. */
static int check_tun(struct error **err)
{
    _cleanup_error_ struct error *why = NULL;
    int r = cunik_host_check_tun(&why);

    if (r < 0)
        cunik_error_set(err, why->code, "%s (cunik doctor says what to do)", why->message);
    return r;
}

int cunik_host_prerequisites(struct host_real *h, struct error **err)
{
    int64_t now = cunik_clock_real.now(NULL);
    int r;

    pthread_mutex_lock(&h->lock);
    bool trusted = h->prerequisites_ns && now - h->prerequisites_ns < trust_ns;
    pthread_mutex_unlock(&h->lock);
    if (trusted)
        return 0;
    if ((r = cunik_host_check_rights(err)) < 0 || (r = check_tun(err)) < 0 ||
        (r = check_emulator(err)) < 0 || (r = check_names(err)) < 0)
        return r;
    pthread_mutex_lock(&h->lock);
    h->prerequisites_ns = now;
    pthread_mutex_unlock(&h->lock);
    return 0;
}
