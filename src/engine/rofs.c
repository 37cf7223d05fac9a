#include "engine/rofs.h"

#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/buffer.h"
#include "base/file.h"
#include "base/folder.h"
#include "base/memory.h"
#include "base/strv.h"

enum { BLOCK = 512, DIRECTORY = 0x4000, REGULAR = 0x8000, LINK = 0xa000, DEPTH_MOST = 256 };

#define MAGIC UINT64_C(0xdeadbead)

enum { VERSION = 1 };

/* As it is written, little-endian as all machines that this runs on. */
struct inode {
    uint64_t type, number, where, count;
};

struct superblock {
    uint64_t magic, version, block_size, tables_block, tables_blocks, n_entries, n_links, n_inodes;
};

struct writer {
    int fd;
    uint64_t block; /* the next free one */
    struct buffer entries, links;
    uint64_t n_entries, n_links;
    struct inode *inodes;
    size_t n_inodes;
};

static int add_folder(struct writer *w, int folder, const char *path, size_t inode, unsigned depth,
                      struct error **err);

static size_t add_inode(struct writer *w, uint64_t type)
{
    struct inode *i = ARRAY_APPEND(w->inodes, w->n_inodes);

    i->type = type;
    i->number = w->n_inodes;
    return w->n_inodes - 1;
}

static void add_text(struct buffer *to, const char *text)
{
    uint16_t size = (uint16_t)strlen(text);

    cunik_buffer_append(to, &size, sizeof(size));
    cunik_buffer_append(to, text, size);
}

static int put(struct writer *w, const void *data, size_t size, const char *path,
               struct error **err)
{
    static const char zeros[BLOCK];
    size_t rest = (BLOCK - size % BLOCK) % BLOCK;

    if (cunik_write_all(w->fd, data, size) < 0 || cunik_write_all(w->fd, zeros, rest) < 0)
        return cunik_error_errno(err, errno, "writing '%s'", path);
    w->block += (size + rest) / BLOCK;
    return 0;
}

/* As many bytes of a chunk as there are; fewer than asked for only at the end. */
static ssize_t read_chunk(int fd, char *data, size_t size)
{
    size_t n = 0;

    while (n < size) {
        ssize_t got = read(fd, data + n, size - n);
        if (got < 0 && errno == EINTR)
            continue;
        if (got < 0)
            return -1;
        if (got == 0)
            break;
        n += (size_t)got;
    }
    return (ssize_t)n;
}

static int add_file(struct writer *w, int folder, const char *name, const char *path, size_t inode,
                    struct error **err)
{
    enum { CHUNK = 128 * BLOCK };
    _cleanup_close_ int fd = openat(folder, name, O_RDONLY | O_NOFOLLOW | O_NONBLOCK | O_CLOEXEC);
    _cleanup_free_ char *data = cunik_calloc(1, CHUNK);
    ssize_t n = fd < 0 ? -1 : CHUNK;
    int r = 0;

    w->inodes[inode].where = w->block;
    while (n == CHUNK && r == 0) {
        n = read_chunk(fd, data, CHUNK);
        if (n > 0)
            r = put(w, data, (size_t)n, path, err);
        if (n > 0)
            w->inodes[inode].count += (uint64_t)n;
    }
    return n < 0 ? cunik_error_errno(err, errno, "reading '%s'", path) : r;
}

static int add_link(struct writer *w, int folder, const char *name, const char *path, size_t inode,
                    struct error **err)
{
    char target[PATH_MAX];
    ssize_t n = readlinkat(folder, name, target, sizeof(target) - 1);

    if (n < 0)
        return cunik_error_errno(err, errno, "reading '%s'", path);
    target[n] = '\0';
    add_text(&w->links, target);
    w->inodes[inode].where = w->n_links++;
    w->inodes[inode].count = 1;
    return 0;
}

static int add_one(struct writer *w, int folder, const char *name, const char *path, unsigned depth,
                   uint64_t *ret_inode, struct error **err)
{
    struct stat st;

    if (fstatat(folder, name, &st, AT_SYMLINK_NOFOLLOW) < 0)
        return cunik_error_errno(err, errno, "reading '%s'", path);
    if (!S_ISDIR(st.st_mode) && !S_ISREG(st.st_mode) && !S_ISLNK(st.st_mode))
        return cunik_error_set(err, ERROR_INVALID,
                               "'%s' is no file, folder or symbolic link, and ROFS holds nothing "
                               "else",
                               path);
    size_t inode = add_inode(w, S_ISDIR(st.st_mode)   ? DIRECTORY
                                : S_ISREG(st.st_mode) ? REGULAR
                                                      : LINK);
    *ret_inode = inode + 1;
    if (S_ISREG(st.st_mode))
        return add_file(w, folder, name, path, inode, err);
    if (S_ISLNK(st.st_mode))
        return add_link(w, folder, name, path, inode, err);
    int fd = openat(folder, name, O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC);
    if (fd < 0)
        return cunik_error_errno(err, errno, "reading '%s'", path);
    return add_folder(w, fd, path, inode, depth + 1, err);
}

/* Takes the descriptor. The entries of a folder stand together, so they come behind those of the
 * folders in it. */
static int add_folder(struct writer *w, int folder, const char *path, size_t inode, unsigned depth,
                      struct error **err)
{
    _cleanup_close_ int at = folder;
    _cleanup_strv_ struct strv names = {0};
    int r = cunik_folder_list_fd(at, path, FOLDER_DOTTED, &names, err);

    if (r == 0 && depth > DEPTH_MOST)
        return cunik_error_set(err, ERROR_INVALID, "'%s' lies more than %d folders deep", path,
                               DEPTH_MOST);
    _cleanup_free_ uint64_t *inodes = cunik_calloc(names.n + 1, sizeof(*inodes));
    for (size_t i = 0; i < names.n && r == 0; i++) {
        _cleanup_free_ char *below = cunik_asprintf("%s/%s", path, names.items[i]);
        r = add_one(w, at, names.items[i], below, depth, &inodes[i], err);
    }
    w->inodes[inode].where = w->n_entries;
    w->inodes[inode].count = names.n;
    for (size_t i = 0; i < names.n && r == 0; i++) {
        cunik_buffer_append(&w->entries, &inodes[i], sizeof(inodes[i]));
        add_text(&w->entries, names.items[i]);
        w->n_entries++;
    }
    return r;
}

static int add_tables(struct writer *w, const char *path, struct error **err)
{
    struct superblock s = {.magic = MAGIC,
                           .version = VERSION,
                           .block_size = BLOCK,
                           .tables_block = w->block,
                           .n_entries = w->n_entries,
                           .n_links = w->n_links,
                           .n_inodes = w->n_inodes};
    struct buffer *tables = &w->entries;
    int r;

    if (w->links.size)
        cunik_buffer_append(tables, w->links.data, w->links.size);
    cunik_buffer_append(tables, w->inodes, w->n_inodes * sizeof(*w->inodes));
    if ((r = put(w, tables->data, tables->size, path, err)) < 0)
        return r;
    s.tables_blocks = w->block - s.tables_block;
    if (pwrite(w->fd, &s, sizeof(s), 0) != sizeof(s))
        return cunik_error_errno(err, errno, "writing '%s'", path);
    return 0;
}

int cunik_rofs_make(const char *path, const char *folder, struct error **err)
{
    static const char empty[BLOCK];
    _cleanup_close_ int fd = open(path, O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, 0600);
    int from = open(folder, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    struct writer w = {.fd = fd};
    int r;

    if (from < 0)
        return cunik_error_errno(err, errno, "reading '%s'", folder);
    if (fd < 0) {
        r = cunik_error_errno(err, errno, "making '%s'", path);
        close(from);
        return r;
    }
    if ((r = put(&w, empty, sizeof(empty), path, err)) == 0)
        r = add_folder(&w, from, folder, add_inode(&w, DIRECTORY), 0, err);
    else
        close(from);
    if (r == 0)
        r = add_tables(&w, path, err);
    cunik_buffer_done(&w.entries);
    cunik_buffer_done(&w.links);
    free(w.inodes);
    return r;
}
