#include "engine/rootless.h"

#include <errno.h>
#include <fcntl.h>
#include <sched.h>
#include <string.h>

#include "base/file.h"
#include "base/memory.h"
#include "base/strv.h"
#include "engine/host_prerequisites.h"
#include "network/loopback.h"

bool cunik_rootless_needed(void)
{
    return cunik_host_check_rights(NULL) < 0;
}

/* In place: /proc knows no renaming. */
static int write_to(const char *path, const char *text, struct error **err)
{
    _cleanup_close_ int fd = open(path, O_WRONLY | O_CLOEXEC);

    if (fd < 0 || write(fd, text, strlen(text)) < 0)
        return cunik_error_errno(err, errno, "writing '%s'", path);
    return 0;
}

static int map_to_root(uid_t uid, gid_t gid, struct error **err)
{
    _cleanup_free_ char *users = cunik_asprintf("0 %u 1", (unsigned)uid);
    _cleanup_free_ char *groups = cunik_asprintf("0 %u 1", (unsigned)gid);
    int r;

    if ((r = write_to("/proc/self/setgroups", "deny", err)) < 0 ||
        (r = write_to("/proc/self/uid_map", users, err)) < 0)
        return r;
    return write_to("/proc/self/gid_map", groups, err);
}

int cunik_rootless_unshare(bool *ret_refused, struct error **err)
{
    uid_t uid = geteuid();
    gid_t gid = getegid();

    *ret_refused = unshare(CLONE_NEWUSER | CLONE_NEWNET) < 0;
    if (*ret_refused)
        return cunik_error_errno(err, errno,
                                 "making a namespace for a user without rights (as the host's "
                                 "user.max_user_namespaces, kernel.unprivileged_userns_clone and "
                                 "kernel.apparmor_restrict_unprivileged_userns allow)");
    return map_to_root(uid, gid, err);
}

static int join(const struct namespaces *n, struct error **err)
{
    if (setns(n->user, CLONE_NEWUSER) < 0 || setns(n->net, CLONE_NEWNET) < 0)
        return cunik_error_errno(err, errno, "entering the engine's namespaces");
    return 0;
}

static int open_own(struct namespaces *ret, struct error **err)
{
    struct namespaces n = {open("/proc/self/ns/user", O_RDONLY | O_CLOEXEC),
                           open("/proc/self/ns/net", O_RDONLY | O_CLOEXEC)};

    if (n.user < 0 || n.net < 0) {
        int number = errno;
        cunik_namespaces_done(&n);
        return cunik_error_errno(err, number, "opening the engine's namespaces");
    }
    *ret = n;
    return 0;
}

static int enter(struct namespaces *n, bool *ret_refused, struct error **err)
{
    static const struct strv nothing = {0};
    int r;

    if (n->user >= 0)
        return join(n, err);
    if ((r = cunik_rootless_unshare(ret_refused, err)) < 0 ||
        (r = cunik_loopback_set(&nothing, err)) < 0)
        return r;
    return open_own(n, err);
}

int cunik_rootless_enter(const char *root, struct outside **ret, struct error **err)
{
    struct namespaces n = {-1, -1};
    struct outside *o = NULL;
    bool known, refused = false;
    int r = cunik_outside_find(root, &o, &n, err);

    known = o != NULL;
    if (r == 0 && !known) {
        cunik_namespaces_done(&n);
        (void)cunik_rootless_find(root, &n);
        r = cunik_outside_start(root, &o, err);
    }
    if (r == 0)
        r = enter(&n, &refused, err);
    if (r == 0 && !known)
        r = cunik_outside_keep(o, &n, err);
    if (r == 0)
        r = cunik_rootless_mounts(err);
    cunik_namespaces_done(&n);
    if (r < 0) {
        cunik_outside_leave(o);
        *ret = NULL;
        return refused ? 0 : r;
    }
    *ret = o;
    return 0;
}
