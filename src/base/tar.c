#include "base/tar.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>

#include "base/memory.h"

enum { BLOCK = 512, END = 2 * BLOCK /* of nothing, behind the last member */ };

#define OCTAL_MAX ((INT64_C(1) << 33) - 1) /* what eleven octal digits hold */

struct header {
    char name[100], mode[8], uid[8], gid[8], size[12], mtime[12], checksum[8], type, link[100];
    char magic[6], version[2], rest[247];
};
_Static_assert(sizeof(struct header) == BLOCK, "a header is one block");

void cunik_tar_done(struct tar *t)
{
    for (size_t i = 0; i < t->n; i++) {
        struct tar_member *m = &t->members[i];
        if (m->fd >= 0)
            close(m->fd);
        free(m->name);
        free(m->path);
        free(m->text);
    }
    free(t->members);
    *t = (struct tar){0};
}

int cunik_tar_add_fd(struct tar *t, const char *name, const char *path, int fd, struct error **err)
{
    _cleanup_close_ int owned = fd;
    struct stat st;

    if (fstat(owned, &st) < 0)
        return cunik_error_errno(err, errno, "'%s'", path);
    if (!S_ISREG(st.st_mode))
        return cunik_error_set(err, ERROR_INVALID, "'%s' is no file", path);
    if (strlen(name) > TAR_NAME_MAX)
        return cunik_error_set(err, ERROR_INVALID, "the name '%s' is too long", name);
    *ARRAY_APPEND(t->members, t->n) = (struct tar_member){.name = cunik_strdup(name),
                                                          .fd = TAKE_FD(owned),
                                                          .path = cunik_strdup(path),
                                                          .size = st.st_size};
    return 0;
}

int cunik_tar_add_file(struct tar *t, const char *name, const char *path, struct error **err)
{
    int fd = open(path, O_RDONLY | O_CLOEXEC);

    return fd < 0 ? cunik_error_errno(err, errno, "'%s'", path)
                  : cunik_tar_add_fd(t, name, path, fd, err);
}

void cunik_tar_add_text(struct tar *t, const char *name, const char *text)
{
    *ARRAY_APPEND(t->members, t->n) = (struct tar_member){.name = cunik_strdup(name),
                                                          .fd = -1,
                                                          .text = cunik_strdup(text),
                                                          .size = (int64_t)strlen(text)};
}

/* With its header, in whole blocks. */
static int64_t space_of(const struct tar_member *m)
{
    return BLOCK + (m->size + BLOCK - 1) / BLOCK * BLOCK;
}

int64_t cunik_tar_size(const struct tar *t)
{
    int64_t size = END;

    for (size_t i = 0; i < t->n; i++)
        size += space_of(&t->members[i]);
    return size;
}

static void set_size(struct header *h, int64_t size)
{
    if (size <= OCTAL_MAX) {
        snprintf(h->size, sizeof(h->size), "%011llo", (unsigned long long)size);
        return;
    }
    h->size[0] = (char)0x80;
    for (size_t i = sizeof(h->size); i-- > 1; size >>= 8)
        h->size[i] = (char)(size & 0xff);
}

static void make_header(const struct tar_member *m, struct header *h)
{
    const unsigned char *bytes = (const unsigned char *)h;
    unsigned sum = 0;

    *h = (struct header){
        .mode = "0000444",
        .uid = "0000000",
        .gid = "0000000",
        .mtime = "00000000000",
        .type = '0',
        .magic = "ustar",
        .version = {'0', '0'},
    };
    memcpy(h->name, m->name, strlen(m->name));
    set_size(h, m->size);
    memset(h->checksum, ' ', sizeof(h->checksum));
    for (size_t i = 0; i < BLOCK; i++)
        sum += bytes[i];
    snprintf(h->checksum, sizeof(h->checksum), "%06o", sum);
}

static size_t least(size_t a, int64_t b)
{
    return b < (int64_t)a ? (size_t)b : a;
}

static ssize_t read_header(const struct tar_member *m, int64_t at, void *to, size_t max)
{
    struct header h;
    size_t size = least(max, BLOCK - at);

    make_header(m, &h);
    memcpy(to, (const char *)&h + at, size);
    return (ssize_t)size;
}

/* What the member holds, from byte `at` of it. */
static ssize_t read_content(const struct tar_member *m, int64_t at, void *to, size_t max,
                            struct error **err)
{
    size_t size = least(max, m->size - at);
    ssize_t n;

    if (m->fd < 0) {
        memcpy(to, m->text + at, size);
        return (ssize_t)size;
    }
    do
        n = pread(m->fd, to, size, at);
    while (n < 0 && errno == EINTR);
    if (n < 0)
        return cunik_error_errno(err, errno, "reading '%s'", m->path);
    return n ? n
             : cunik_error_set(err, ERROR_FAILED, "'%s' became shorter while it was read", m->path);
}

static ssize_t read_nothing(int64_t left, void *to, size_t max)
{
    size_t size = least(max, left);

    memset(to, 0, size);
    return (ssize_t)size;
}

static ssize_t read_member(const struct tar_member *m, int64_t at, void *to, size_t max,
                           struct error **err)
{
    if (at < BLOCK)
        return read_header(m, at, to, max);
    if (at < BLOCK + m->size)
        return read_content(m, at - BLOCK, to, max, err);
    return read_nothing(space_of(m) - at, to, max);
}

ssize_t cunik_tar_read(struct tar *t, void *to, size_t max, struct error **err)
{
    const struct tar_member *m = t->next < t->n ? &t->members[t->next] : NULL;
    ssize_t n =
        m ? read_member(m, t->offset, to, max, err) : read_nothing(END - t->offset, to, max);

    if (n <= 0)
        return n;
    t->offset += n;
    if (m && t->offset == space_of(m)) {
        t->next++;
        t->offset = 0;
    }
    return n;
}

void cunik_tar_rewind(struct tar *t)
{
    t->next = 0;
    t->offset = 0;
}
