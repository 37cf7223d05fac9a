#include "base/untar.h"

#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>

#include "base/file.h"
#include "base/memory.h"

enum { BLOCK = 512, NAME_SIZE = 100, AT_SIZE = 124, SIZE_SIZE = 12, AT_TYPE = 156 };

void cunik_untar_init(struct untar *u, const char *folder)
{
    *u = (struct untar){.folder = folder, .fd = -1};
}

void cunik_untar_done(struct untar *u)
{
    if (u->fd >= 0)
        close(u->fd);
    u->fd = -1;
}

/* Octal, or in base 256 when the first bit says so; -1 = neither. */
static int64_t read_size(const char *field)
{
    int64_t size = 0;

    if ((unsigned char)field[0] == 0x80) {
        for (size_t i = 4; i < SIZE_SIZE; i++)
            size = (int64_t)((uint64_t)size << 8 | (unsigned char)field[i]);
        return size;
    }
    for (size_t i = 0; i < SIZE_SIZE - 1; i++) {
        if (field[i] < '0' || field[i] > '7')
            return -1;
        size = size * 8 + (field[i] - '0');
    }
    return size;
}

static int begin_member(struct untar *u, struct error **err)
{
    static const char nothing[BLOCK];
    _cleanup_free_ char *name = cunik_strndup(u->header, NAME_SIZE);

    if (memcmp(u->header, nothing, BLOCK) == 0) {
        u->ended = true;
        return 0;
    }
    u->left = read_size(u->header + AT_SIZE);
    u->padding = (BLOCK - u->left % BLOCK) % BLOCK;
    if (u->left < 0 || u->header[AT_TYPE] != '0' || !*name || !cunik_path_stays(name))
        return cunik_error_set(err, ERROR_INVALID, "the archive has a member that is no file");
    _cleanup_free_ char *path = cunik_path_join(u->folder, name);
    _cleanup_free_ char *folder = cunik_path_folder(path);
    int r = cunik_file_make_folders(folder, 0755, err);
    if (r < 0)
        return r;
    u->fd = open(path, O_WRONLY | O_CREAT | O_EXCL | O_NOFOLLOW | O_CLOEXEC, 0644);
    return u->fd < 0 ? cunik_error_errno(err, errno, "making '%s'", path) : 0;
}

static size_t least(int64_t a, size_t b)
{
    return a < (int64_t)b ? (size_t)a : b;
}

int cunik_untar_feed(struct untar *u, const char *data, size_t size, struct error **err)
{
    int r = 0;

    while (size && !u->ended && r == 0) {
        size_t part;
        if (u->left) {
            part = least(u->left, size);
            u->left -= (int64_t)part;
            if ((r = cunik_write_all(u->fd, data, part)) < 0)
                cunik_error_errno(err, r, "unpacking to '%s'", u->folder);
        } else if (u->padding) {
            part = least(u->padding, size);
            u->padding -= (int64_t)part;
        } else {
            cunik_untar_done(u);
            part = least((int64_t)(BLOCK - u->have), size);
            memcpy(u->header + u->have, data, part);
            u->have += part;
            if (u->have == BLOCK) {
                u->have = 0;
                r = begin_member(u, err);
            }
        }
        data += part;
        size -= part;
    }
    return r;
}

int cunik_untar_end(const struct untar *u, struct error **err)
{
    return u->ended ? 0 : cunik_error_set(err, ERROR_INVALID, "the archive is cut short");
}
