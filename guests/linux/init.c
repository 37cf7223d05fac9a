/* The init of a single-application guest: the only program beside the one the guest is for.
 *
 * It sets up what a Linux program expects to find (filesystems, drivers, network), runs the
 * program, and turns the machine off when the program ends or the host presses the power button.
 * What to run and how comes from the kernel's command line (settings.h); what the command line
 * leaves open comes from two files that guests/linux/pack writes:
 *
 *   /etc/cunik/command   the program and its arguments, one on a line
 *   /etc/cunik/env       NAME=VALUE, one on a line
 *   /etc/cunik/modules   paths of kernel modules, one on a line, in the order to load them
 *   /etc/cunik/modules.TYPE
 *                        the same, loaded when a filesystem of that type is to be mounted
 */
#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mount.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

#include "files.h"
#include "network.h"
#include "power.h"
#include "say.h"
#include "settings.h"
#include "supervise.h"

static const struct {
    const char *device, *path, *type, *options;
    unsigned long flags;
} filesystems[] = {
    {"proc", "/proc", "proc", "", MS_NOSUID | MS_NOEXEC | MS_NODEV},
    {"sysfs", "/sys", "sysfs", "", MS_NOSUID | MS_NOEXEC | MS_NODEV},
    {"devtmpfs", "/dev", "devtmpfs", "mode=0755", MS_NOSUID},
    {"devpts", "/dev/pts", "devpts", "mode=0620,ptmxmode=0666", MS_NOSUID | MS_NOEXEC},
    {"tmpfs", "/dev/shm", "tmpfs", "mode=1777", MS_NOSUID | MS_NODEV},
    {"tmpfs", "/run", "tmpfs", "mode=0755", MS_NOSUID | MS_NODEV},
    {"tmpfs", "/tmp", "tmpfs", "mode=1777", MS_NOSUID | MS_NODEV},
};

static const struct {
    const char *path, *target;
} links[] = {
    {"/dev/fd", "/proc/self/fd"},
    {"/dev/stdin", "/proc/self/fd/0"},
    {"/dev/stdout", "/proc/self/fd/1"},
    {"/dev/stderr", "/proc/self/fd/2"},
};

static void mount_filesystems(void)
{
    for (size_t i = 0; i < sizeof filesystems / sizeof filesystems[0]; i++) {
        make_directory(filesystems[i].path);
        if (mount(filesystems[i].device, filesystems[i].path, filesystems[i].type,
                  filesystems[i].flags, filesystems[i].options) < 0)
            give_up("mounting %s: %s", filesystems[i].path, strerror(errno));
    }
    for (size_t i = 0; i < sizeof links / sizeof links[0]; i++)
        if (symlink(links[i].target, links[i].path) < 0)
            give_up("linking %s: %s", links[i].path, strerror(errno));
}

static void load_modules(const char *list)
{
    char *modules = read_file(list);

    for (char *path; (path = next_line(&modules));) {
        int fd = open(path, O_RDONLY | O_CLOEXEC);
        if (fd < 0 || (syscall(SYS_finit_module, fd, "", 0) < 0 && errno != EEXIST))
            give_up("loading module %s: %s", path, strerror(errno));
        close(fd);
    }
}

static void read_settings(struct settings *settings)
{
    static char path[] = "PATH=/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin";
    static char home[] = "HOME=/";
    char *line = read_file("/proc/cmdline");
    char *environment = read_file("/etc/cunik/env");
    char *command = read_file("/etc/cunik/command");

    settings_set_environment(settings, path);
    settings_set_environment(settings, home);
    for (char *assignment; (assignment = next_line(&environment));)
        settings_set_environment(settings, assignment);
    settings_read_cmdline(settings, line);
    if (settings->n_arguments == 0)
        for (char *argument; (argument = next_line(&command));)
            settings_add_argument(settings, argument);
    if (settings->n_arguments == 0)
        give_up("no program to run: no arg= on the command line and no /etc/cunik/command");
}

/* Drivers for a filesystem that not every guest needs. */
static void load_filesystem(const char *type)
{
    char list[64];

    if (snprintf(list, sizeof list, "/etc/cunik/modules.%s", type) < (int)sizeof list)
        load_modules(list);
}

static unsigned long flags_of(const struct mount_point *point)
{
    bool memory = strcmp(point->type, "tmpfs") == 0;

    return (point->read_only ? MS_RDONLY : 0) | (memory ? MS_NOSUID | MS_NODEV : 0);
}

static void mount_disks(const struct settings *settings)
{
    for (size_t i = 0; i < settings->n_mounts; i++) {
        const struct mount_point *point = &settings->mounts[i];
        make_directories(point->path);
        load_filesystem(point->type);
        if (mount(point->device, point->path, point->type, flags_of(point), point->options) == 0)
            continue;
        if (errno == ENODEV)
            give_up("mounting %s: this guest has no driver for filesystem '%s'", point->path,
                    point->type);
        give_up("mounting %s (%s, %s): %s", point->path, point->device, point->type,
                strerror(errno));
    }
}

/* The program has ended, so what still runs has nobody to work for, and would keep the disks busy.
 */
static void end_all_processes(void)
{
    kill(-1, SIGKILL);
    while (waitpid(-1, NULL, 0) > 0)
        ;
}

static void unmount_disks(const struct settings *settings)
{
    for (size_t i = settings->n_mounts; i-- > 0;)
        if (umount(settings->mounts[i].path) < 0)
            say("unmounting %s: %s", settings->mounts[i].path, strerror(errno));
}

int main(void)
{
    struct settings settings = {0};

    if (getpid() != 1) {
        say("this program is the init of a virtual machine and does nothing elsewhere");
        return 2;
    }
    umask(022);
    mount_filesystems();
    load_modules("/etc/cunik/modules");
    read_settings(&settings);
    network_configure(&settings);
    mount_disks(&settings);
    mount_files();
    supervise(&settings, power_button_open());
    end_all_processes();
    unmount_files();
    unmount_disks(&settings);
    power_off();
}
