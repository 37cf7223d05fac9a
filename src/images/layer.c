/* Layers: tar archives, written so that the same files give the same bytes, and read as what a
 * stranger has sent. */
#include <archive.h>
#include <archive_entry.h>
#include <errno.h>
#include <fcntl.h>
#include <string.h>
#include <sys/stat.h>

#include "base/file.h"
#include "base/memory.h"
#include "base/text.h"
#include "images/store.h"

enum { BLOCK = 1 << 18, ENTRIES_MOST = 1000000 };

/* libarchive says "Write error" and keeps the cause as a number; its own numbers are negative. */
static int archive_failed(struct archive *a, const char *what, struct error **err)
{
    const char *words = archive_error_string(a);
    int number = archive_errno(a);

    if (number == ENOSPC || number == EDQUOT || number == EACCES || number == EROFS)
        return cunik_error_errno(err, number, "%s", what);
    return cunik_error_set(err, ERROR_INVALID, "%s: %s", what, words ? words : strerror(number));
}

/* Writing */

static int write_data(struct archive *a, int fd, const char *source, struct error **err)
{
    _cleanup_free_ char *block = cunik_malloc(BLOCK);
    ssize_t n;

    while ((n = read(fd, block, BLOCK)) > 0 || (n < 0 && errno == EINTR))
        if (n > 0 && archive_write_data(a, block, (size_t)n) != n)
            return archive_failed(a, source, err);
    return n < 0 ? cunik_error_errno(err, errno, "reading '%s'", source) : 0;
}

/* Times and owners are those of nobody, so that only content and order tell two layers apart. */
static int write_entry(struct archive *a, const char *name, const char *source, struct error **err)
{
    struct archive_entry *e = archive_entry_new();
    _cleanup_close_ int fd = -1;
    struct stat st = {.st_mode = S_IFDIR};
    int r = 0;

    if (source) {
        fd = open(source, O_RDONLY | O_CLOEXEC);
        if (fd < 0 || fstat(fd, &st) < 0)
            r = cunik_error_errno(err, errno, "'%s'", source);
        else if (!S_ISREG(st.st_mode))
            r = cunik_error_set(err, ERROR_INVALID, "'%s' is no file", source);
    }
    archive_entry_set_pathname(e, name);
    archive_entry_set_filetype(e, source ? AE_IFREG : AE_IFDIR);
    archive_entry_set_perm(e, source ? 0444 : 0755);
    archive_entry_set_size(e, source ? st.st_size : 0);
    archive_entry_set_mtime(e, 0, 0);
    if (r == 0 && archive_write_header(a, e) != ARCHIVE_OK)
        r = archive_failed(a, name, err);
    if (r == 0 && source)
        r = write_data(a, fd, source, err);
    archive_entry_free(e);
    return r;
}

static int write_parents(struct archive *a, const char *name, struct strv *made, struct error **err)
{
    int r = 0;

    for (const char *slash = name; r == 0 && (slash = strchr(slash, '/')); slash++) {
        char *folder = cunik_strndup(name, (size_t)(slash - name));
        bool there = cunik_strv_has(made, folder);
        if (!there)
            r = write_entry(a, folder, NULL, err);
        cunik_strv_take(made, folder);
    }
    return r;
}

static int write_tar(const char *file, const struct image_entry *entries, size_t n, bool zip,
                     struct error **err)
{
    struct archive *a = archive_write_new();
    _cleanup_strv_ struct strv made = {0};
    int r = 0;

    archive_write_set_format_pax_restricted(a);
    archive_write_set_bytes_in_last_block(a, 1);
    if (zip) {
        archive_write_add_filter_gzip(a);
        archive_write_set_filter_option(a, "gzip", "timestamp", NULL);
        archive_write_set_filter_option(a, "gzip", "compression-level", "6");
    }
    if (archive_write_open_filename(a, file) != ARCHIVE_OK)
        r = archive_failed(a, file, err);
    for (size_t i = 0; i < n && r == 0; i++) {
        r = write_parents(a, entries[i].name, &made, err);
        if (r == 0)
            r = write_entry(a, entries[i].name, entries[i].source, err);
    }
    if (r == 0 && archive_write_close(a) != ARCHIVE_OK)
        r = archive_failed(a, file, err);
    archive_write_free(a);
    return r;
}

int cunik_image_layer_write(const char *file, const struct image_entry *entries, size_t n,
                            char **ret_diff_id, struct error **err)
{
    _cleanup_free_ char *plain = cunik_asprintf("%s.tar", file);
    struct image_descriptor d = {0};
    int r = write_tar(plain, entries, n, false, err);

    if (r == 0) {
        _cleanup_close_ int fd = open(plain, O_RDONLY | O_CLOEXEC);
        r = fd < 0 ? cunik_error_errno(err, errno, "opening '%s'", plain)
                   : cunik_image_digest_fd(fd, plain, &d, err);
    }
    if (r == 0)
        r = write_tar(file, entries, n, true, err);
    unlink(plain);
    if (r == 0)
        *ret_diff_id = cunik_strdup(d.digest);
    return r;
}

/* Reading */

/* "./a/b" and "a/b" are the same; whatever else is odd is refused by name. */
static int check_entry(struct archive_entry *e, const char *what, const char **ret,
                       struct error **err)
{
    const char *path = archive_entry_pathname(e);

    while (path && cunik_text_starts(path, "./"))
        path += 2;
    if (!path)
        return cunik_error_set(err, ERROR_INVALID, "%s has a file without a name", what);
    if (!cunik_path_stays(path))
        return cunik_error_set(err, ERROR_INVALID, "%s has '%s', which leaves its folder", what,
                               path);
    if (archive_entry_hardlink(e) || archive_entry_symlink(e))
        return cunik_error_set(err, ERROR_INVALID,
                               "%s has the link '%s'; an image of a guest has none", what, path);
    if (archive_entry_filetype(e) != AE_IFREG && archive_entry_filetype(e) != AE_IFDIR)
        return cunik_error_set(err, ERROR_INVALID, "%s has '%s', which is neither file nor folder",
                               what, path);
    *ret = path;
    return 0;
}

static int copy_data(struct archive *from, struct archive *to, const char *path, int64_t *left,
                     struct error **err)
{
    const void *block;
    size_t size;
    int64_t offset;
    int r;

    while ((r = archive_read_data_block(from, &block, &size, &offset)) == ARCHIVE_OK) {
        if ((*left -= (int64_t)size) < 0)
            return cunik_error_set(err, ERROR_INVALID, "the image is too large when unpacked");
        if (archive_write_data_block(to, block, size, offset) < ARCHIVE_OK)
            return archive_failed(to, path, err);
    }
    return r == ARCHIVE_EOF ? 0 : archive_failed(from, path, err);
}

static int unpack_entry(struct archive *from, struct archive *to, struct archive_entry *e,
                        const char *what, const char *folder, int64_t *left, struct error **err)
{
    const char *given = NULL;
    int r = check_entry(e, what, &given, err);

    if (r < 0 || !given || !*given || strcmp(given, ".") == 0)
        return r;
    /* For errors: what was given goes when the entry gets another name. */
    _cleanup_free_ char *path = cunik_strdup(given);
    _cleanup_free_ char *target = cunik_asprintf("%s/%s", folder, path);
    archive_entry_set_pathname(e, target);
    archive_entry_set_perm(e, archive_entry_filetype(e) == AE_IFDIR ? 0755 : 0444);
    if (archive_write_header(to, e) != ARCHIVE_OK)
        return archive_failed(to, path, err);
    if (archive_entry_filetype(e) == AE_IFREG && (r = copy_data(from, to, path, left, err)) < 0)
        return r;
    return archive_write_finish_entry(to) == ARCHIVE_OK ? 0 : archive_failed(to, path, err);
}

int cunik_image_tar_unpack(int fd, const char *what, const char *folder, int64_t *left,
                           struct error **err)
{
    /* The folder itself is given with its whole path, by us, so absolute ones cannot be forbidden
     * here; check_entry() has done that. */
    const int flags = ARCHIVE_EXTRACT_PERM | ARCHIVE_EXTRACT_SECURE_SYMLINKS |
                      ARCHIVE_EXTRACT_SECURE_NODOTDOT | ARCHIVE_EXTRACT_UNLINK;
    struct archive *from = archive_read_new(), *to = archive_write_disk_new();
    /* Links in the way to the folder are nobody's trick. */
    _cleanup_free_ char *real = realpath(folder, NULL);
    struct archive_entry *e;
    size_t entries = 0;
    int r = 0, state = ARCHIVE_OK;

    archive_read_support_filter_gzip(from);
    archive_read_support_filter_zstd(from);
    archive_read_support_format_tar(from);
    archive_write_disk_set_options(to, flags);
    if (!real)
        r = cunik_error_errno(err, errno, "'%s'", folder);
    else if (lseek(fd, 0, SEEK_SET) < 0 || archive_read_open_fd(from, fd, BLOCK) != ARCHIVE_OK)
        r = archive_failed(from, what, err);
    while (r == 0 && (state = archive_read_next_header(from, &e)) == ARCHIVE_OK) {
        if (++entries > ENTRIES_MOST)
            r = cunik_error_set(err, ERROR_INVALID, "%s has more than %d files", what,
                                ENTRIES_MOST);
        else
            r = unpack_entry(from, to, e, what, real, left, err);
    }
    if (r == 0 && state != ARCHIVE_EOF)
        r = archive_failed(from, what, err);
    if (archive_write_free(to) != ARCHIVE_OK && r == 0)
        r = cunik_error_set(err, ERROR_FAILED, "unpacking %s into '%s'", what, folder);
    archive_read_free(from);
    return r;
}
