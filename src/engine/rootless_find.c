/* The namespaces of guests and name servers that go on without an engine. */
#include <errno.h>
#include <fcntl.h>
#include <glob.h>
#include <linux/nsfs.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/stat.h>

#include "base/file.h"
#include "base/memory.h"
#include "base/text.h"
#include "engine/rootless.h"

enum { PID_LIMIT = 32, COMMAND_LINE_LIMIT = 1 << 20 };

/* Where libvirt and dnsmasq.h write the numbers of processes. */
static const char *const patterns[] = {"libvirt/run/qemu/*.pid", "names/*/pid",
                                       "names/*/resolvers/*/pid"};

/* The number in a pid file may be somebody else's by now. */
static bool is_of_root(const char *pid, const char *root)
{
    _cleanup_free_ char *file = cunik_asprintf("/proc/%s/cmdline", pid), *text = NULL;
    size_t size, length = strlen(root);

    return cunik_file_read(file, COMMAND_LINE_LIMIT, &text, &size, NULL) == 0 &&
           memmem(text, size, root, length) != NULL;
}

static bool is_same(int fd, const char *path)
{
    struct stat a, b;

    return fstat(fd, &a) == 0 && stat(path, &b) == 0 && a.st_dev == b.st_dev &&
           a.st_ino == b.st_ino;
}

/* Made by this user, and not the one that we are in. */
static bool is_own(const struct namespaces *n)
{
    uid_t owner;

    return n->user >= 0 && n->net >= 0 && !is_same(n->user, "/proc/self/ns/user") &&
           ioctl(n->user, NS_GET_OWNER_UID, &owner) == 0 && owner == geteuid();
}

static bool look(const char *pid_file, const char *root, struct namespaces *ret)
{
    _cleanup_free_ char *pid = NULL;
    uint64_t number;

    if (cunik_file_read(pid_file, PID_LIMIT, &pid, NULL, NULL) < 0)
        return false;
    pid[strcspn(pid, "\n")] = '\0';
    if (cunik_text_to_uint(pid, 1, INT32_MAX, &number) < 0 || !is_of_root(pid, root))
        return false;
    _cleanup_free_ char *user = cunik_asprintf("/proc/%s/ns/user", pid);
    _cleanup_free_ char *net = cunik_asprintf("/proc/%s/ns/net", pid);
    struct namespaces n = {open(user, O_RDONLY | O_CLOEXEC), open(net, O_RDONLY | O_CLOEXEC)};
    if (is_own(&n)) {
        *ret = n;
        return true;
    }
    cunik_namespaces_done(&n);
    return false;
}

bool cunik_rootless_find(const char *root, struct namespaces *ret)
{
    bool found = false;

    for (size_t i = 0; !found && i < ARRAY_SIZE(patterns); i++) {
        _cleanup_free_ char *pattern = cunik_asprintf("%s/%s", root, patterns[i]);
        glob_t files = {0};

        glob(pattern, 0, NULL, &files);
        for (size_t k = 0; !found && k < files.gl_pathc; k++)
            found = look(files.gl_pathv[k], root, ret);
        globfree(&files);
    }
    return found;
}
