#include <errno.h>
#include <fcntl.h>
#include <string.h>
#include <sys/stat.h>

#include "base/digest.h"
#include "base/file.h"
#include "base/json.h"
#include "base/memory.h"
#include "base/text.h"
#include "images/store.h"

static const char prefix[] = "sha256:";

bool cunik_image_is_digest(const char *text)
{
    const char *hex = text + sizeof(prefix) - 1;

    return cunik_text_starts(text, prefix) && strlen(hex) == IMAGE_DIGITS &&
           strspn(hex, "0123456789abcdef") == IMAGE_DIGITS;
}

void cunik_image_descriptor_done(struct image_descriptor *d)
{
    free(d->media_type);
    *d = (struct image_descriptor){0};
}

int cunik_image_descriptor_read(const json_t *json, const char *what, struct image_descriptor *ret,
                                struct error **err)
{
    const char *type = cunik_json_string_at(json, "mediaType");
    const char *digest = json_string_value(json_object_get(json, "digest"));
    const json_t *size = json_object_get(json, "size");

    if (!digest || !cunik_image_is_digest(digest) || !json_is_integer(size) ||
        json_integer_value(size) < 0)
        return cunik_error_set(err, ERROR_INVALID, "%s has no valid digest and size", what);
    *ret = (struct image_descriptor){.media_type = cunik_strdup(type),
                                     .size = json_integer_value(size)};
    memcpy(ret->digest, digest, sizeof(ret->digest));
    return 0;
}

json_t *cunik_image_descriptor_json(const struct image_descriptor *d)
{
    json_t *json = json_object();

    cunik_json_set_string(json, "mediaType", d->media_type);
    cunik_json_set_string(json, "digest", d->digest);
    cunik_json_set_int(json, "size", d->size);
    return json;
}

char *cunik_image_blob_path(const char *folder, const char *digest)
{
    return cunik_asprintf("%s/blobs/sha256/%s", folder, digest + sizeof(prefix) - 1);
}

static void set_digest(struct image_descriptor *d, const char *hex)
{
    memcpy(d->digest, prefix, sizeof(prefix));
    memcpy(d->digest + sizeof(prefix) - 1, hex, IMAGE_DIGITS + 1);
}

int cunik_image_digest_fd(int fd, const char *name, struct image_descriptor *ret,
                          struct error **err)
{
    char hex[IMAGE_DIGITS + 1];
    int64_t size = 0;
    int r = cunik_digest_fd(fd, hex, &size);

    if (r < 0)
        return cunik_error_errno(err, r, "reading '%s'", name);
    *ret = (struct image_descriptor){.size = size};
    set_digest(ret, hex);
    return 0;
}

static int open_blob(const char *path, const struct image_descriptor *d, int *ret_fd,
                     struct error **err)
{
    *ret_fd = open(path, O_RDONLY | O_CLOEXEC | O_NOFOLLOW);
    return *ret_fd >= 0 ? 0
                        : cunik_error_set(err, errno == ENOENT ? ERROR_NOT_FOUND : ERROR_FAILED,
                                          "the blob %s: %s", d->digest, strerror(errno));
}

static int check_size(const struct image_descriptor *d, int64_t size, struct error **err)
{
    return size == d->size
               ? 0
               : cunik_error_set(err, ERROR_INVALID, "the blob %s has %lld bytes and not %lld",
                                 d->digest, (long long)size, (long long)d->size);
}

int cunik_image_blob_open(const char *folder, const struct image_descriptor *d, int *ret_fd,
                          struct error **err)
{
    _cleanup_free_ char *path = cunik_image_blob_path(folder, d->digest);
    struct image_descriptor found = {0};
    _cleanup_close_ int fd = -1;
    int r;

    if ((r = open_blob(path, d, &fd, err)) < 0 ||
        (r = cunik_image_digest_fd(fd, path, &found, err)) < 0 ||
        (r = check_size(d, found.size, err)) < 0)
        return r;
    if (strcmp(found.digest, d->digest) != 0)
        return cunik_error_set(err, ERROR_INVALID, "the blob %s is corrupt: its digest is %s",
                               d->digest, found.digest);
    *ret_fd = TAKE_FD(fd);
    return 0;
}

static int parse_blob(int fd, const struct image_descriptor *d, json_t **ret, struct error **err)
{
    _cleanup_free_ char *text = NULL;
    size_t size = 0;
    int r;

    if ((r = cunik_file_read_fd(fd, d->digest, IMAGE_JSON_MAX, &text, &size, err)) < 0 ||
        (r = check_size(d, (int64_t)size, err)) < 0)
        return r;
    return cunik_json_parse(text, size, d->digest, ret, err);
}

int cunik_image_blob_json(const char *folder, const struct image_descriptor *d,
                          enum image_trust trust, json_t **ret, struct error **err)
{
    _cleanup_free_ char *path = cunik_image_blob_path(folder, d->digest);
    _cleanup_close_ int fd = -1;
    int r;

    if (d->size > IMAGE_JSON_MAX)
        return cunik_error_set(err, ERROR_INVALID, "the blob %s is larger than %d bytes", d->digest,
                               IMAGE_JSON_MAX);
    r = trust == IMAGE_PEEK ? open_blob(path, d, &fd, err)
                            : cunik_image_blob_open(folder, d, &fd, err);
    return r < 0 ? r : parse_blob(fd, d, ret, err);
}

static int make_folder(const char *folder, char **ret, struct error **err)
{
    *ret = cunik_asprintf("%s/blobs/sha256", folder);
    return cunik_file_make_folders(*ret, 0755, err);
}

int cunik_image_blob_put(const char *folder, const void *data, size_t size,
                         struct image_descriptor *ret, struct error **err)
{
    _cleanup_free_ char *hex = cunik_digest_hex(data, size, IMAGE_DIGITS), *blobs = NULL;
    int r = make_folder(folder, &blobs, err);

    if (r < 0)
        return r;
    *ret = (struct image_descriptor){.size = (int64_t)size};
    set_digest(ret, hex);
    _cleanup_free_ char *path = cunik_image_blob_path(folder, ret->digest);
    return cunik_file_write(path, data, size, 0644, true, err);
}

int cunik_image_blob_move(const char *folder, const char *file, struct image_descriptor *ret,
                          struct error **err)
{
    _cleanup_close_ int fd = open(file, O_RDONLY | O_CLOEXEC);
    _cleanup_free_ char *blobs = NULL;
    int r;

    if (fd < 0)
        return cunik_error_errno(err, errno, "opening '%s'", file);
    if ((r = cunik_image_digest_fd(fd, file, ret, err)) < 0 ||
        (r = make_folder(folder, &blobs, err)) < 0)
        return r;
    _cleanup_free_ char *path = cunik_image_blob_path(folder, ret->digest);
    if (fchmod(fd, 0644) < 0 || fsync(fd) < 0 || rename(file, path) < 0)
        return cunik_error_errno(err, errno, "storing '%s'", path);
    _cleanup_close_ int at = open(blobs, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    if (at < 0 || fsync(at) < 0)
        return cunik_error_errno(err, errno, "storing '%s'", path);
    return 0;
}
