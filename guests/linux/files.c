#include "files.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mount.h>
#include <sys/stat.h>
#include <unistd.h>

#include "say.h"
#include "settings.h"

static char **targets; /* what is mounted, in order */
static size_t n_targets;

char *read_file(const char *path)
{
    FILE *file = fopen(path, "re");
    char *text = NULL;
    size_t size = 0;

    if (!file && errno == ENOENT)
        return NULL;
    if (!file)
        give_up("opening %s: %s", path, strerror(errno));
    /* A NUL never comes, so this reads up to the end. An empty file reads as nothing at all. */
    if (getdelim(&text, &size, '\0', file) < 0 && ferror(file))
        give_up("reading %s: %s", path, strerror(errno));
    fclose(file);
    return text;
}

char *next_line(char **text)
{
    return *text && **text ? strsep(text, "\n") : NULL;
}

void make_directory(const char *path)
{
    if (mkdir(path, 0755) < 0 && errno != EEXIST)
        give_up("making directory %s: %s", path, strerror(errno));
}

void make_directories(char *path)
{
    for (char *slash = path + 1; (slash = strchr(slash, '/')); slash++) {
        *slash = '\0';
        make_directory(path);
        *slash = '/';
    }
    make_directory(path);
}

static void make_mount_point(char *path)
{
    char *slash = strrchr(path, '/');

    if (slash != path) {
        *slash = '\0';
        make_directories(path);
        *slash = '/';
    }
    int fd = open(path, O_WRONLY | O_CREAT | O_CLOEXEC, 0644);
    /* On a read-only filesystem it may be there all the same. */
    if (fd < 0 && access(path, F_OK) < 0)
        give_up("making file %s: %s", path, strerror(errno));
    if (fd >= 0)
        close(fd);
}

static void mount_file(const char *source, char *target)
{
    make_mount_point(target);
    if (mount(source, target, NULL, MS_BIND, NULL) < 0 ||
        mount(NULL, target, NULL, MS_BIND | MS_REMOUNT | MS_RDONLY, NULL) < 0)
        give_up("mounting the file %s: %s", target, strerror(errno));
    targets = realloc(targets, (n_targets + 1) * sizeof(*targets));
    if (!targets)
        give_up("out of memory while mounting files");
    targets[n_targets++] = target;
}

void mount_files(void)
{
    char *list = read_file("/etc/cunik/files");

    for (char *line; (line = next_line(&list));) {
        char *target = strchr(line, ' ');
        char source[64];
        if (!*line)
            continue;
        if (!target || target[1] != '/')
            give_up("/etc/cunik/files: '%s' is no number and path", line);
        *target++ = '\0';
        if (snprintf(source, sizeof source, "/.cunik/%s", line) >= (int)sizeof source)
            give_up("/etc/cunik/files: '%s' is no number", line);
        mount_file(source, settings_decode("/etc/cunik/files", target));
    }
}

void unmount_files(void)
{
    while (n_targets > 0)
        if (umount2(targets[--n_targets], MNT_DETACH) < 0)
            say("unmounting %s: %s", targets[n_targets], strerror(errno));
}
