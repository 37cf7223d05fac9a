/* The embedded QEMU driver's root, and what has to be in place before it is opened. */
#include "engine/hypervisor_internal.h"

#include <errno.h>
#include <fcntl.h>
#include <glob.h>
#include <grp.h>
#include <poll.h>
#include <pwd.h>
#include <sched.h>
#include <signal.h>
#include <string.h>
#include <sys/mount.h>
#include <sys/pidfd.h>
#include <sys/stat.h>
#include <sys/wait.h>

#include "base/buffer.h"
#include "base/file.h"
#include "base/memory.h"
#include "base/process.h"
#include "base/text.h"

enum {
    /* A UNIX socket's path ends at 107 bytes, and libvirt's longest is
     * ROOT/libvirt/lib/qemu/domain-ID-TWENTY_CHARACTERS/monitor.sock. */
    ROOT_MOST = 42,
    CACHE_LIMIT = 4 << 20,
    PROBE_LIMIT_MS = 60000, /* libvirt asks every QEMU of the host, a second or so each */
};

static const char emulator[] = "/usr/bin/qemu-system-x86_64";
static const char kvm_device[] = "/dev/kvm";

/* uid -1 when we are not root and cannot choose. Root is only chosen where it is an ordinary user
 * outside: there is no other to become. */
static int choose_user(struct guest_user *ret, struct error **err)
{
    static const struct {
        const char *user, *group;
    } candidates[] = {{"libvirt-qemu", "kvm"}, {"qemu", "qemu"}, {"nobody", "nogroup"}};

    *ret = (struct guest_user){.name = "", .group = "", .uid = (uid_t)-1, .gid = (gid_t)-1};
    if (geteuid() != 0)
        return 0;
    if (cunik_process_keeps_groups()) {
        *ret = (struct guest_user){.name = "root", .group = "root", .uid = 0, .gid = 0};
        return 0;
    }
    for (size_t i = 0; i < ARRAY_SIZE(candidates); i++) {
        const struct passwd *user = getpwnam(candidates[i].user);
        uid_t uid = user ? user->pw_uid : 0;
        const struct group *group = getgrnam(candidates[i].group);

        if (!user || !group || uid == 0)
            continue;
        *ret = (struct guest_user){candidates[i].user, candidates[i].group, uid, group->gr_gid};
        return 0;
    }
    return cunik_error_set(err, ERROR_UNAVAILABLE,
                           "there is no unprivileged user to run guests as (libvirt-qemu of the "
                           "package libvirt-daemon-system, or nobody), and they never run as root");
}

/* QEMU opens its sockets and our kernels by their whole paths. */
static int check_reachable(const char *root, const struct guest_user *user, struct error **err)
{
    _cleanup_free_ char *path = cunik_strdup(root);
    struct stat st;

    if (user->uid == (uid_t)-1)
        return 0;
    while (strcmp(path, "/") != 0) {
        if (stat(path, &st) < 0)
            return cunik_error_errno(err, errno, "the engine's folder '%s'", path);
        bool reachable = st.st_uid == user->uid   ? st.st_mode & S_IXUSR
                         : st.st_gid == user->gid ? st.st_mode & S_IXGRP
                                                  : st.st_mode & S_IXOTH;
        if (!reachable)
            return cunik_error_set(err, ERROR_PERMISSION,
                                   "guests run as user '%s', who cannot get to '%s': folder '%s' "
                                   "lets nobody through",
                                   user->name, root, path);
        _cleanup_free_ char *inner = TAKE_PTR(path);
        path = cunik_path_folder(inner);
    }
    return 0;
}

/* No libvirtd, no virtlogd, no machined: files for consoles, no cgroups and no mount namespaces for
 * guests. The user, the seccomp sandbox and file ownership protect the host. Dynamic ownership is
 * for libvirt's own files of a guest: domains say that theirs are not to be touched (access.h), and
 * with no owner to remember libvirt needs no process of its own for each. */
static int write_configuration(const struct hypervisor *h, const struct guest_user *user,
                               struct error **err)
{
    _cleanup_free_ char *path = cunik_asprintf("%s/etc/qemu.conf", h->folder);
    _cleanup_free_ char *etc = cunik_path_folder(path);
    _cleanup_buffer_ struct buffer b = {0};
    int r = cunik_file_make_folders(etc, 0755, err);

    if (r < 0)
        return r;
    cunik_buffer_text_append(&b, "# Written by Cunik at every start.\n"
                                 "stdio_handler = \"file\"\n"
                                 "seccomp_sandbox = 1\n"
                                 "security_driver = \"none\"\n"
                                 "namespaces = []\n"
                                 "cgroup_controllers = []\n"
                                 "remember_owner = 0\n");
    if (*user->name)
        cunik_buffer_printf(&b, "user = \"%s\"\ngroup = \"%s\"\ndynamic_ownership = %d\n",
                            user->name, user->group, user->uid ? 1 : 0);
    return cunik_file_write(path, b.data, b.size, 0644, false, err);
}

/* libvirt would write warnings to standard error; its errors come to us anyway. */
static void quieten(const struct hypervisor *h)
{
    _cleanup_free_ char *outputs = cunik_asprintf("3:file:%s/log/libvirt.log", h->folder);
    _cleanup_free_ char *log = cunik_asprintf("%s/log", h->folder);

    if (cunik_file_make_folders(log, 0755, NULL) == 0)
        setenv("LIBVIRT_LOG_OUTPUTS", outputs, 1);
}

/* Where KVM is not used, libvirt must not see /dev/kvm either: with one there that its user cannot
 * open, it takes what it remembers of QEMU for outdated at every start of a guest, and asks QEMU
 * all over again, for seconds. In a mount namespace of our own an empty file that nobody may open
 * stands in its place, and that cannot be written: root may open any, and in a namespace of a user
 * without rights libvirt asks as root. Other flags of that mount may not be changed there, so they
 * stay. That is for speed only, so a host that does not let us goes without. */
static void hide_kvm(const struct hypervisor *h)
{
    _cleanup_free_ char *path = cunik_asprintf("%s/etc/no-kvm", h->folder);
    struct mount_attr readonly = {.attr_set = MOUNT_ATTR_RDONLY};

    if (h->accel.kvm || geteuid() != 0 || !cunik_file_exists(kvm_device) ||
        cunik_file_write(path, "", 0, 0600, false, NULL) < 0 || unshare(CLONE_NEWNS) < 0)
        return;
    if (mount(NULL, "/", NULL, MS_SLAVE | MS_REC, NULL) == 0 &&
        mount(path, kvm_device, NULL, MS_BIND, NULL) == 0)
        mount_setattr(AT_FDCWD, kvm_device, 0, &readonly, sizeof(readonly));
}

static glob_t find_capabilities(const struct hypervisor *h)
{
    _cleanup_free_ char *pattern = cunik_asprintf("%s/cache/qemu/capabilities/*.xml", h->folder);
    glob_t found = {0};

    glob(pattern, 0, NULL, &found);
    return found;
}

static void *run_loop(_unused_ void *data)
{
    for (;;)
        virEventRunDefaultImpl();
    return NULL;
}

static void nobody_waits(_unused_ void *ctx, _unused_ pid_t pid, _unused_ int code,
                         _unused_ int status)
{
}

/* In a child, which never returns: opens the root and asks for what it can do, which libvirt writes
 * to its cache. */
static void probe(const char *uri, bool kvm)
{
    struct reaper *reaper;
    pthread_t thread;

    if (cunik_reaper_create(nobody_waits, NULL, &reaper, NULL) < 0 ||
        virEventRegisterDefaultImpl() < 0 || pthread_create(&thread, NULL, run_loop, NULL) != 0)
        _exit(1);
    virConnectPtr connection = virConnectOpen(uri);
    char *answer = connection ? virConnectGetDomainCapabilities(connection, emulator, "x86_64",
                                                                "pc", kvm ? "kvm" : "qemu", 0)
                              : NULL;
    _exit(answer ? 0 : 1);
}

/* Without a cache, the first guest would wait for libvirt to ask QEMU, and the cache could only be
 * looked at after that; so a child does it that can end again. */
static void fill_cache(const char *uri, bool kvm)
{
    pid_t pid = fork();

    if (pid == 0) {
        signal(SIGCHLD, SIG_DFL);
        probe(uri, kvm);
    }
    if (pid < 0)
        return;
    _cleanup_close_ int fd = pidfd_open(pid, 0);
    struct pollfd p = {.fd = fd, .events = POLLIN};
    if (fd < 0 || poll(&p, 1, PROBE_LIMIT_MS) <= 0)
        kill(pid, SIGKILL);
    while (waitpid(pid, NULL, 0) < 0 && errno == EINTR)
        ;
}

/* With this flag in what libvirt remembers of QEMU, it reads some 400 properties of the CPU, one by
 * one, at every start of a guest: 0.3 s in place of 0.05. Nothing here depends on it: a file that
 * looks different stays as it is. */
static void drop_slow_flag(const char *path)
{
    static const char flag[] = "  <flag name='cpu-unavailable-features'/>\n";
    _cleanup_free_ char *text = NULL;
    struct stat st;
    size_t size;

    if (stat(path, &st) < 0 || cunik_file_read(path, CACHE_LIMIT, &text, &size, NULL) < 0 ||
        strlen(text) != size)
        return;
    char *at = strstr(text, flag);
    if (!at || !cunik_text_starts(text, "<qemuCaps>"))
        return;
    memmove(at, at + strlen(flag), strlen(at + strlen(flag)) + 1);
    cunik_file_write(path, text, size - strlen(flag), st.st_mode & 07777, false, NULL);
}

static void prepare_cache(const struct hypervisor *h, const char *uri)
{
    glob_t found = find_capabilities(h);

    if (found.gl_pathc == 0) {
        globfree(&found);
        fill_cache(uri, h->accel.kvm);
        found = find_capabilities(h);
    }
    for (size_t i = 0; i < found.gl_pathc; i++)
        drop_slow_flag(found.gl_pathv[i]);
    globfree(&found);
}

static int check_root(const char *root, struct error **err)
{
    if (root[0] != '/' || strlen(root) > ROOT_MOST)
        return cunik_error_set(err, ERROR_INVALID,
                               "the engine's folder '%s' must be an absolute path of at most %d "
                               "bytes, for the sake of the sockets in it; CUNIK_ROOT names "
                               "another",
                               root, ROOT_MOST);
    /* It becomes a part of URIs, of libvirt's settings and of kernels' command lines. */
    if (root[strspn(root, "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789/._-")])
        return cunik_error_set(err, ERROR_INVALID,
                               "the engine's folder '%s' may only have letters, digits and "
                               "'/', '.', '_', '-' in its path; CUNIK_ROOT names another",
                               root);
    return 0;
}

static int decide(struct hypervisor *h, const struct hypervisor_settings *s,
                  const struct guest_user *user, struct error **err)
{
    _cleanup_free_ char *memory = cunik_asprintf("%s/accel.json", s->root);
    const struct accel_settings settings = {
        .forced = s->accel,
        .device = kvm_device,
        .emulator = emulator,
        .memory = memory,
        .user = user->name,
        .uid = user->uid,
        .gid = user->gid,
    };

    return cunik_accel_decide(&settings, &h->accel, err);
}

int cunik_hypervisor_decide(struct hypervisor *h, const struct hypervisor_settings *s,
                            struct error **err)
{
    struct guest_user user;
    int r = choose_user(&user, err);

    return r < 0 ? r : decide(h, s, &user, err); /* whom its guests run as is libvirtd's to say */
}

int cunik_hypervisor_embed(struct hypervisor *h, const struct hypervisor_settings *s,
                           char **ret_uri, struct error **err)
{
    int r;

    if ((r = check_root(s->root, err)) < 0 || (r = choose_user(&h->user, err)) < 0)
        return r;
    if (access(emulator, X_OK) < 0)
        return cunik_error_set(err, ERROR_UNAVAILABLE,
                               "there is no QEMU: %s (Debian: qemu-system-x86): %s", emulator,
                               strerror(errno));
    h->folder = cunik_asprintf("%s/libvirt", s->root);
    if ((r = cunik_file_make_folders(h->folder, 0755, err)) < 0 ||
        (r = check_reachable(h->folder, &h->user, err)) < 0 ||
        (r = write_configuration(h, &h->user, err)) < 0 || (r = decide(h, s, &h->user, err)) < 0)
        return r;
    cunik_hypervisor_keep_groups(cunik_process_keeps_groups());
    quieten(h);
    hide_kvm(h);
    *ret_uri = cunik_asprintf("qemu:///embed?root=%s", h->folder);
    prepare_cache(h, *ret_uri);
    return 0;
}
