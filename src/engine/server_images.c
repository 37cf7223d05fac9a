/* The routes of images. */
#include <string.h>

#include "base/json.h"
#include "base/memory.h"
#include "engine/server_internal.h"
#include "images/image.h"

enum { BLOCK = 256 << 10 };

/* What is damaged has "damage" and no more than its names and digest. */
static json_t *image_json(const struct image *i)
{
    const struct image_config *c = &i->config;
    json_t *json = json_object();

    cunik_json_set_string(json, "digest", i->digest);
    cunik_json_set_strv(json, "names", &i->names);
    cunik_json_set_string(json, "damage", i->damage);
    if (i->damage)
        return json;
    cunik_json_set_string(json, "created", i->created);
    cunik_json_set_int(json, "size", i->size);
    cunik_json_set_string(json, "backend", c->backend);
    cunik_json_set_string(json, "cmdline", c->cmdline);
    cunik_json_set_strv(json, "command", &c->command);
    cunik_json_set_strv(json, "environment", &c->environment);
    if (c->memory)
        cunik_json_set_int(json, "memory", c->memory);
    cunik_json_set_strv(json, "ports", &c->ports);
    cunik_json_set_strv(json, "volumes", &c->volumes);
    cunik_json_set_strv(json, "healthcheck", &c->health);
    cunik_json_set_strv(json, "labels", &c->labels);
    return json;
}

/* The members by which people choose; the rest is most of an answer's size and of the work with it.
 */
static json_t *brief_json(const struct image *i)
{
    json_t *json = json_object();

    cunik_json_set_string(json, "digest", i->digest);
    cunik_json_set_strv(json, "names", &i->names);
    cunik_json_set_string(json, "damage", i->damage);
    if (i->damage)
        return json;
    cunik_json_set_int(json, "size", i->size);
    cunik_json_set_string(json, "backend", i->config.backend);
    return json;
}

static char *describe(const struct image *list, size_t n, json_t *(*one)(const struct image *))
{
    _cleanup_json_ json_t *all = json_array();

    for (size_t i = 0; i < n; i++)
        cunik_json_append(all, one(&list[i]));
    return cunik_json_text(all, JSON_COMPACT);
}

static char *describe_fully(const struct image *list, size_t n)
{
    return describe(list, n, image_json);
}

static char *describe_briefly(const struct image *list, size_t n)
{
    return describe(list, n, brief_json);
}

static json_t *digest_json(int r, const char *digest)
{
    json_t *json = r < 0 ? NULL : json_object();

    if (json)
        cunik_json_set_string(json, "digest", digest);
    return json;
}

/* A member of the query that there has to be. */
static int need(struct MHD_Connection *connection, const char *key, const char **ret,
                struct error **err)
{
    *ret = cunik_server_query(connection, key);
    return *ret && **ret ? 0 : cunik_error_set(err, ERROR_INVALID, "the query has no '%s'", key);
}

enum MHD_Result cunik_server_images(struct server *s, struct MHD_Connection *connection,
                                    const struct buffer *body _unused_)
{
    bool brief = cunik_server_query_flag(connection, "brief");
    struct error *err = NULL;
    char *text = NULL;
    int r = cunik_image_listing(s->images, s->image_cache, s->image_listings,
                                brief ? IMAGE_LISTING_BRIEF : IMAGE_LISTING_FULL,
                                brief ? describe_briefly : describe_fully, &text, &err);

    return r < 0 ? cunik_server_finish(connection, r, NULL, err)
                 : cunik_server_answer(connection, MHD_HTTP_OK, NULL, text);
}

enum MHD_Result cunik_server_image(struct server *s, struct MHD_Connection *connection,
                                   const struct buffer *body _unused_)
{
    _cleanup_image_ struct image image = {0};
    struct error *err = NULL;
    const char *name;
    int r = need(connection, "name", &name, &err);

    if (r == 0)
        r = cunik_image_find(s->images, name, &image, &err);
    return cunik_server_finish(connection, r, r < 0 ? NULL : image_json(&image), err);
}

enum MHD_Result cunik_server_image_tag(struct server *s, struct MHD_Connection *connection,
                                       const struct buffer *body _unused_)
{
    struct error *err = NULL;
    const char *name, *to;
    int r = need(connection, "name", &name, &err);

    if (r == 0)
        r = need(connection, "to", &to, &err);
    if (r == 0)
        r = cunik_image_tag(s->images, name, to, &err);
    return cunik_server_finish(connection, r, r < 0 ? NULL : json_object(), err);
}

/* The last name of an image that a cunik boots stays, for the cunik's sake. */
static int check_unused(struct server *s, const char *name, const struct strv *digests,
                        const struct strv *cuniks, struct error **err)
{
    _cleanup_free_ char *digest = NULL;
    _cleanup_strv_ struct strv names = {0};
    int r = cunik_image_resolve(s->images, name, &digest, &names, err);

    for (size_t i = 0; r == 0 && names.n < 2 && i < digests->n; i++)
        if (strcmp(digests->items[i], digest) == 0)
            r = cunik_error_set(err, ERROR_CONFLICT,
                                "the image %s is used by '%s'; --force removes its name", name,
                                cuniks->items[i]);
    return r;
}

enum MHD_Result cunik_server_image_remove(struct server *s, struct MHD_Connection *connection,
                                          const struct buffer *body _unused_)
{
    _cleanup_strv_ struct strv digests = {0}, cuniks = {0}, removed = {0};
    struct error *err = NULL;
    int64_t freed = 0;
    const char *name;
    int r;

    cunik_engine_images_hold(s->engine);
    if ((r = need(connection, "name", &name, &err)) == 0 &&
        (r = cunik_engine_image_users(s->engine, &digests, &cuniks, &err)) == 0 &&
        !cunik_server_query_flag(connection, "force"))
        r = check_unused(s, name, &digests, &cuniks, &err);
    if (r == 0 && (r = cunik_image_remove(s->images, name, &err)) == 0)
        r = cunik_image_prune(s->images, PRUNE_NONE, &digests, &removed, &freed, &err);
    cunik_engine_images_release(s->engine);
    return cunik_server_finish(connection, r, r < 0 ? NULL : json_object(), err);
}

enum MHD_Result cunik_server_images_prune(struct server *s, struct MHD_Connection *connection,
                                          const struct buffer *body _unused_)
{
    enum image_prune which = cunik_server_query_flag(connection, "all") ? PRUNE_ALL : PRUNE_UNNAMED;
    _cleanup_strv_ struct strv digests = {0}, cuniks = {0}, removed = {0};
    struct error *err = NULL;
    json_t *json = NULL;
    int64_t freed = 0;
    int r;

    cunik_engine_images_hold(s->engine);
    if ((r = cunik_engine_image_users(s->engine, &digests, &cuniks, &err)) == 0)
        r = cunik_image_prune(s->images, which, &digests, &removed, &freed, &err);
    cunik_engine_images_release(s->engine);
    if (r == 0) {
        json = json_pack("{s:[]}", "removed");
        for (size_t i = 0; i < removed.n; i++)
            cunik_json_append(json_object_get(json, "removed"), json_string(removed.items[i]));
        cunik_json_set_int(json, "freed", freed);
    }
    return cunik_server_finish(connection, r, json, err);
}

enum MHD_Result cunik_server_image_load(struct server *s, struct MHD_Connection *connection, int fd)
{
    _cleanup_free_ char *digest = NULL;
    struct error *err = NULL;
    const char *name;
    int r = need(connection, "name", &name, &err);

    if (r == 0)
        r = cunik_image_load(s->images, fd, name, &digest, &err);
    return cunik_server_finish(connection, r, digest_json(r, digest), err);
}

enum MHD_Result cunik_server_image_build(struct server *s, struct MHD_Connection *connection,
                                         int fd)
{
    _cleanup_free_ char *digest = NULL;
    struct error *err = NULL;
    const char *name;
    int r = need(connection, "name", &name, &err);

    if (r == 0)
        r = cunik_image_build_packed(s->images, fd, name, &digest, &err);
    return cunik_server_finish(connection, r, digest_json(r, digest), err);
}

/* An archive on its way out; its blobs were opened, and checked, before it began. */

static ssize_t send_archive(void *ctx, uint64_t at _unused_, char *to, size_t max)
{
    ssize_t n = cunik_tar_read(ctx, to, max, NULL);

    if (n < 0)
        return MHD_CONTENT_READER_END_WITH_ERROR;
    return n ? n : MHD_CONTENT_READER_END_OF_STREAM;
}

static void close_archive(void *ctx)
{
    cunik_tar_done(ctx);
    free(ctx);
}

enum MHD_Result cunik_server_image_archive(struct server *s, struct MHD_Connection *connection,
                                           const struct buffer *body _unused_)
{
    struct tar *t = cunik_calloc(1, sizeof(*t));
    struct error *err = NULL;
    const char *name;
    int r = need(connection, "name", &name, &err);

    /* Looking at all of a large image takes longer than anybody is silent otherwise. */
    MHD_set_connection_option(connection, MHD_CONNECTION_OPTION_TIMEOUT, 0u);
    if (r == 0)
        r = cunik_image_save(s->images, name, t, &err);
    if (r < 0) {
        close_archive(t);
        return cunik_server_finish(connection, r, NULL, err);
    }
    struct MHD_Response *response = MHD_create_response_from_callback(
        (uint64_t)cunik_tar_size(t), BLOCK, send_archive, t, close_archive);
    if (!response) {
        close_archive(t);
        return MHD_NO;
    }
    MHD_add_response_header(response, MHD_HTTP_HEADER_CONTENT_TYPE, "application/x-tar");
    MHD_set_connection_option(connection, MHD_CONNECTION_OPTION_TIMEOUT,
                              (unsigned)SERVER_IDLE_SECONDS);
    enum MHD_Result result = MHD_queue_response(connection, MHD_HTTP_OK, response);
    MHD_destroy_response(response);
    return result;
}
