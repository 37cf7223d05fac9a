#include "engine/file_folders.h"

#include <string.h>

#include "base/file.h"
#include "base/memory.h"

static bool is_file(const struct world_mount *m)
{
    return m->kind == MOUNT_FILE;
}

/* Absolute, and nothing in it that another path could say as well. */
static bool is_plain(const char *path)
{
    if (*path != '/')
        return false;
    while (*path) {
        size_t n = strcspn(++path, "/");
        if (n == 0 || (path[0] == '.' && (n == 1 || (n == 2 && path[1] == '.'))))
            return false;
        path += n;
    }
    return true;
}

/* Whether it is that folder or lies below it. */
static bool is_within(const char *path, const char *folder)
{
    size_t n = strlen(folder);

    return strncmp(path, folder, n) == 0 && (path[n] == '\0' || path[n] == '/');
}

static int check_target(const struct world_mount *m, struct error **err)
{
    if (!is_plain(m->target))
        return cunik_error_set(err, ERROR_INVALID,
                               "%s: the target '%s' is no plain path, which its guest needs",
                               m->source, m->target);
    if (strrchr(m->target, '/') == m->target)
        return cunik_error_set(err, ERROR_INVALID,
                               "%s: '%s' is in the root, which the disk with it would cover; its "
                               "target has to be in a folder, such as /config%s",
                               m->source, m->target, m->target);
    return 0;
}

/* A disk needs a folder to be mounted on, and covers what is in it. */
static int check_meeting(const struct world_mount *m, const char *folder, const char *other,
                         struct error **err)
{
    if (!*other || strcmp(other, "/") == 0 ||
        (!is_within(other, folder) && !is_within(folder, other)))
        return 0;
    return cunik_error_set(err, ERROR_INVALID,
                           "%s: the folder '%s' becomes a disk with nothing but such files, and "
                           "meets what is mounted at '%s'",
                           m->source, folder, other);
}

static int check_others(const struct world_cunik *c, const struct world_mount *m,
                        const char *folder, struct error **err)
{
    int r = 0;

    for (size_t i = 0; i < c->n_mounts && r == 0; i++) {
        const struct world_mount *other = &c->mounts[i];
        if (other->kind == MOUNT_TMPFS) /* which guests that get such folders have not */
            continue;
        if (!is_file(other))
            r = check_meeting(m, folder, other->target, err);
        else if (other != m && is_within(m->target, other->target))
            r = cunik_error_set(err, ERROR_INVALID,
                                "%s at '%s' and %s at '%s' are in each other's way", m->source,
                                m->target, other->source, other->target);
    }
    for (size_t i = 0; i < c->boot.n_disks && r == 0; i++)
        r = check_meeting(m, folder, c->boot.disks[i].mount, err);
    return r;
}

/* The topmost folder with files that this one is in; the caller frees it. */
static char *find_top(const struct world_cunik *c, const char *target)
{
    char *top = cunik_path_folder(target);

    for (size_t i = 0; i < c->n_mounts; i++) {
        if (!is_file(&c->mounts[i]))
            continue;
        char *other = cunik_path_folder(c->mounts[i].target);
        if (strlen(other) < strlen(top) && is_within(top, other)) {
            free(top);
            top = TAKE_PTR(other);
        }
        free(other);
    }
    return top;
}

static void add(struct file_folder **list, size_t *n, char *path, size_t mount)
{
    struct file_folder *to = NULL;

    for (size_t i = 0; i < *n && !to; i++)
        if (strcmp((*list)[i].path, path) == 0)
            to = &(*list)[i];
    if (!to) {
        to = ARRAY_APPEND(*list, *n);
        to->path = TAKE_PTR(path);
    }
    *ARRAY_APPEND(to->mounts, to->n) = mount;
    free(path);
}

int cunik_file_folders_find(const struct world_cunik *c, struct file_folder **ret, size_t *ret_n,
                            struct error **err)
{
    struct file_folder *list = NULL;
    size_t n = 0;
    int r = 0;

    for (size_t i = 0; i < c->n_mounts && r == 0; i++)
        if (is_file(&c->mounts[i]))
            r = check_target(&c->mounts[i], err);
    for (size_t i = 0; i < c->n_mounts && r == 0; i++) {
        const struct world_mount *m = &c->mounts[i];
        if (!is_file(m))
            continue;
        char *top = find_top(c, m->target);
        r = check_others(c, m, top, err);
        add(&list, &n, top, i);
    }
    if (r < 0) {
        cunik_file_folders_free(list, n);
        return r;
    }
    *ret = list;
    *ret_n = n;
    return 0;
}

void cunik_file_folders_free(struct file_folder *list, size_t n)
{
    for (size_t i = 0; i < n; i++) {
        free(list[i].path);
        free(list[i].mounts);
    }
    free(list);
}
