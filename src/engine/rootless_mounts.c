/* libvirt, for root, writes to /run/libvirt, wherever its own root is. There it gets an empty
 * folder of its own in this mount namespace; when the host has none, and we may not make one, /run
 * is put together anew from what is in it. */
#include <errno.h>
#include <fcntl.h>
#include <sched.h>
#include <sys/mount.h>
#include <sys/stat.h>

#include "base/folder.h"
#include "base/memory.h"
#include "engine/rootless.h"

static const char run[] = "/run", libvirt[] = "/run/libvirt";

static int mount_empty(const char *path, struct error **err)
{
    if (mount("tmpfs", path, "tmpfs", MS_NOSUID | MS_NODEV, "mode=0755") < 0)
        return cunik_error_errno(err, errno, "mounting an empty folder at '%s'", path);
    return 0;
}

/* A link is copied; all else is the very thing, by a mount. What cannot be had is not there:
 * nothing of ours lies directly in /run. */
static void put_back(int old, const char *name)
{
    _cleanup_free_ char *from = cunik_asprintf("/proc/self/fd/%d/%s", old, name);
    _cleanup_free_ char *to = cunik_asprintf("%s/%s", run, name);
    struct stat st;

    if (fstatat(old, name, &st, AT_SYMLINK_NOFOLLOW) < 0)
        return;
    if (S_ISLNK(st.st_mode)) {
        _cleanup_free_ char *target = cunik_calloc(1, (size_t)st.st_size + 1);
        if (readlinkat(old, name, target, (size_t)st.st_size) > 0)
            (void)!symlink(target, to);
        return;
    }
    if (S_ISDIR(st.st_mode) ? mkdir(to, 0755) < 0 : mknod(to, S_IFREG | 0644, 0) < 0)
        return;
    (void)mount(from, to, NULL, MS_BIND | MS_REC, NULL);
}

static int rebuild_run(struct error **err)
{
    _cleanup_close_ int old = open(run, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    _cleanup_strv_ struct strv names = {0};
    int r;

    if (old < 0)
        return cunik_error_errno(err, errno, "opening '%s'", run);
    if ((r = cunik_folder_list_fd(old, run, FOLDER_DOTTED, &names, err)) == 0)
        r = mount_empty(run, err);
    for (size_t i = 0; i < names.n && r == 0; i++)
        put_back(old, names.items[i]);
    if (r == 0 && mkdir(libvirt, 0755) < 0 && errno != EEXIST)
        return cunik_error_errno(err, errno, "making '%s'", libvirt);
    return r;
}

int cunik_rootless_mounts(struct error **err)
{
    struct stat st;

    if (unshare(CLONE_NEWNS) < 0 || mount(NULL, "/", NULL, MS_SLAVE | MS_REC, NULL) < 0)
        return cunik_error_errno(err, errno, "making a mount namespace");
    if (stat(libvirt, &st) == 0)
        return mount_empty(libvirt, err);
    return rebuild_run(err);
}
