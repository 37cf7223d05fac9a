/* What is said of images. Files are read here, by who asks, and sent. */
#include <errno.h>
#include <string.h>
#include <sys/stat.h>

#include "base/file.h"
#include "base/json.h"
#include "base/memory.h"
#include "engine/client_internal.h"

int cunik_client_images(struct client *c, bool brief, json_t **ret, struct error **err)
{
    const char *path = brief ? "/v1/images?brief=1" : "/v1/images";

    return cunik_client_json(c, &(struct call){.method = "GET", .path = path}, ret, err);
}

/* A route with the name of an image, and perhaps one thing more. */
static void make_path(struct buffer *ret, const char *route, const char *name, const char *key,
                      const char *value)
{
    cunik_buffer_text_append(ret, route);
    if (name)
        cunik_client_add_query(ret, "name", name);
    if (key)
        cunik_client_add_query(ret, key, value);
}

int cunik_client_image(struct client *c, const char *name, json_t **ret, struct error **err)
{
    _cleanup_buffer_ struct buffer path = {0};

    make_path(&path, "/v1/image", name, NULL, NULL);
    return cunik_client_json(c, &(struct call){.method = "GET", .path = path.data}, ret, err);
}

int cunik_client_image_tag(struct client *c, const char *name, const char *to, struct error **err)
{
    _cleanup_buffer_ struct buffer path = {0};

    make_path(&path, "/v1/images/tag", name, "to", to);
    return cunik_client_json(c, &(struct call){.method = "POST", .path = path.data}, NULL, err);
}

int cunik_client_image_remove(struct client *c, const char *name, bool force, struct error **err)
{
    _cleanup_buffer_ struct buffer path = {0};

    make_path(&path, "/v1/images", name, force ? "force" : NULL, "1");
    return cunik_client_json(c, &(struct call){.method = "DELETE", .path = path.data, .once = true},
                             NULL, err);
}

int cunik_client_images_prune(struct client *c, bool all, json_t **ret, struct error **err)
{
    const char *path = all ? "/v1/images/prune?all=1" : "/v1/images/prune";

    return cunik_client_json(c, &(struct call){.method = "POST", .path = path, .once = true}, ret,
                             err);
}

static int write_answer(void *ctx, const char *data, size_t size, struct error **err)
{
    int r = cunik_write_all(*(const int *)ctx, data, size);

    return r < 0 ? cunik_error_errno(err, r, "writing the archive") : 0;
}

int cunik_client_image_get(struct client *c, const char *name, cunik_client_take *take, void *ctx,
                           struct error **err)
{
    _cleanup_buffer_ struct buffer path = {0};

    make_path(&path, "/v1/images/archive", name, NULL, NULL);
    struct call call = {.method = "GET", .path = path.data, .once = true, .take = take, .ctx = ctx};
    return cunik_client_call(c, &call, err);
}

int cunik_client_image_save(struct client *c, const char *name, int fd, struct error **err)
{
    return cunik_client_image_get(c, name, write_answer, &fd, err);
}

/* Sends a body whose answer is the digest of the image that came of it. */
static int send_body(struct client *c, const char *route, const char *name,
                     const struct body_source *source, char **ret_digest, struct error **err)
{
    _cleanup_buffer_ struct buffer path = {0};
    _cleanup_json_ json_t *answer = NULL;

    make_path(&path, route, name, NULL, NULL);
    int r = cunik_client_json(
        c, &(struct call){.method = "POST", .path = path.data, .source = source, .once = true},
        &answer, err);
    return r < 0 ? r : cunik_json_get_string(answer, "digest", ret_digest, err);
}

static ssize_t read_file(void *ctx, void *to, size_t max, struct error **err)
{
    ssize_t n;

    do
        n = read(*(const int *)ctx, to, max);
    while (n < 0 && errno == EINTR);
    return n < 0 ? cunik_error_errno(err, errno, "reading the archive") : n;
}

int cunik_client_image_load(struct client *c, int fd, const char *name, char **ret_digest,
                            struct error **err)
{
    struct body_source source = {.size = -1, .read = read_file, .ctx = &fd};
    struct stat st;

    if (fstat(fd, &st) == 0 && S_ISREG(st.st_mode))
        source.size = st.st_size - lseek(fd, 0, SEEK_CUR);
    return send_body(c, "/v1/images", name, &source, ret_digest, err);
}

static ssize_t read_tar(void *ctx, void *to, size_t max, struct error **err)
{
    return cunik_tar_read(ctx, to, max, err);
}

static void rewind_tar(void *ctx)
{
    cunik_tar_rewind(ctx);
}

int cunik_client_tar(struct client *c, const char *route, const char *name, struct tar *t,
                     char **ret_digest, struct error **err)
{
    const struct body_source source = {cunik_tar_size(t), read_tar, rewind_tar, t};

    return send_body(c, route, name, &source, ret_digest, err);
}

int cunik_client_image_build(struct client *c, const struct image_build *b, const char *name,
                             char **ret_digest, struct error **err)
{
    _cleanup_tar_ struct tar t = {0};
    int r = cunik_image_build_pack(b, &t, err);

    return r < 0 ? r : cunik_client_tar(c, "/v1/images/build", name, &t, ret_digest, err);
}
