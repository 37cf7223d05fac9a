#include <errno.h>
#include <fcntl.h>
#include <openssl/evp.h>
#include <string.h>
#include <sys/stat.h>

#include "base/digest.h"
#include "base/file.h"
#include "base/json.h"
#include "base/memory.h"
#include "base/text.h"
#include "images/store.h"

enum { CHUNK = 1 << 18 };

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
    const char *type = json_string_value(json_object_get(json, "mediaType"));
    const char *digest = json_string_value(json_object_get(json, "digest"));
    const json_t *size = json_object_get(json, "size");

    if (!digest || !cunik_image_is_digest(digest) || !json_is_integer(size) ||
        json_integer_value(size) < 0)
        return cunik_error_set(err, ERROR_INVALID, "%s has no valid digest and size", what);
    *ret = (struct image_descriptor){.media_type = cunik_strdup(type ? type : ""),
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

static void write_hex(char *to, const unsigned char *hash)
{
    static const char digits[] = "0123456789abcdef";

    memcpy(to, prefix, sizeof(prefix) - 1);
    to += sizeof(prefix) - 1;
    for (size_t i = 0; i < IMAGE_DIGITS / 2; i++) {
        *to++ = digits[hash[i] >> 4];
        *to++ = digits[hash[i] & 15];
    }
    *to = '\0';
}

int cunik_image_digest_fd(int fd, const char *name, struct image_descriptor *ret,
                          struct error **err)
{
    _cleanup_free_ char *chunk = cunik_malloc(CHUNK);
    EVP_MD_CTX *hash = EVP_MD_CTX_new();
    unsigned char result[EVP_MAX_MD_SIZE];
    off_t at = 0;
    ssize_t n;

    if (!hash || !EVP_DigestInit_ex(hash, EVP_sha256(), NULL))
        abort();
    while ((n = pread(fd, chunk, CHUNK, at)) > 0 || (n < 0 && errno == EINTR)) {
        if (n > 0 && !EVP_DigestUpdate(hash, chunk, (size_t)n))
            abort();
        at += n > 0 ? n : 0;
    }
    int number = errno;
    if (!EVP_DigestFinal_ex(hash, result, NULL))
        abort();
    EVP_MD_CTX_free(hash);
    if (n < 0)
        return cunik_error_errno(err, number, "reading '%s'", name);
    *ret = (struct image_descriptor){.size = at};
    write_hex(ret->digest, result);
    return 0;
}

int cunik_image_blob_open(const char *folder, const struct image_descriptor *d, int *ret_fd,
                          struct error **err)
{
    _cleanup_free_ char *path = cunik_image_blob_path(folder, d->digest);
    _cleanup_close_ int fd = open(path, O_RDONLY | O_CLOEXEC | O_NOFOLLOW);
    struct image_descriptor found = {0};
    int r;

    if (fd < 0)
        return cunik_error_set(err, errno == ENOENT ? ERROR_NOT_FOUND : ERROR_FAILED,
                               "the blob %s: %s", d->digest, strerror(errno));
    r = cunik_image_digest_fd(fd, path, &found, err);
    if (r < 0)
        return r;
    if (found.size != d->size)
        return cunik_error_set(err, ERROR_INVALID, "the blob %s has %lld bytes and not %lld",
                               d->digest, (long long)found.size, (long long)d->size);
    if (strcmp(found.digest, d->digest) != 0)
        return cunik_error_set(err, ERROR_INVALID, "the blob %s is corrupt: its digest is %s",
                               d->digest, found.digest);
    *ret_fd = TAKE_FD(fd);
    return 0;
}

int cunik_image_blob_json(const char *folder, const struct image_descriptor *d, json_t **ret,
                          struct error **err)
{
    _cleanup_close_ int fd = -1;
    _cleanup_free_ char *text = NULL;
    size_t size = 0;
    int r;

    if (d->size > IMAGE_JSON_MAX)
        return cunik_error_set(err, ERROR_INVALID, "the blob %s is larger than %d bytes", d->digest,
                               IMAGE_JSON_MAX);
    if ((r = cunik_image_blob_open(folder, d, &fd, err)) < 0 ||
        (r = cunik_file_read_fd(fd, d->digest, IMAGE_JSON_MAX, &text, &size, err)) < 0)
        return r;
    return cunik_json_parse(text, size, d->digest, ret, err);
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
    memcpy(ret->digest, prefix, sizeof(prefix));
    memcpy(ret->digest + sizeof(prefix) - 1, hex, IMAGE_DIGITS + 1);
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
