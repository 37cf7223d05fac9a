/* One request on its way in, and to its route. */
#include <errno.h>
#include <string.h>

#include "base/file.h"
#include "base/log.h"
#include "base/memory.h"
#include "base/text.h"
#include "engine/server_internal.h"
#include "images/image.h"

enum {
    BODY_MAX = 64 << 20,
    BODIES_MAX = 256 << 20, /* of all requests that are being received */
};

/* One request on its way in. */
struct exchange {
    struct buffer body;
    size_t counted; /* of it in server.body_bytes */
    bool refused;   /* answered already */
    int fd;         /* where a body goes that a route takes as a file; -1 = into `body` */
    int64_t size;   /* of what is in there */
    struct error *failed;
};

static enum MHD_Result too_large(struct MHD_Connection *connection)
{
    return cunik_server_refuse_with(connection, MHD_HTTP_CONTENT_TOO_LARGE, ERROR_INVALID, NULL,
                                    "the request is larger than %d bytes", BODY_MAX);
}

/* At the headers: what can be refused without its body is. */
static enum MHD_Result begin(struct server *s, struct MHD_Connection *connection,
                             const char *method, const char *path, void **exchange)
{
    const struct route *route = cunik_server_find_route(method, path);
    const char *length =
        MHD_lookup_connection_value(connection, MHD_HEADER_KIND, MHD_HTTP_HEADER_CONTENT_LENGTH);
    struct exchange *e = cunik_calloc(1, sizeof(*e));
    uint64_t size;

    *exchange = e;
    e->fd = -1;
    if (route && route->take) {
        cunik_image_scratch(s->images, &e->fd, &e->failed);
        return MHD_YES;
    }
    if (length && cunik_text_to_uint(length, 0, BODY_MAX, &size) < 0) {
        e->refused = true;
        return too_large(connection);
    }
    return MHD_YES;
}

/* What cannot be kept is read to its end, so that the answer is heard. */
static void take_file(struct exchange *e, const char *data, size_t size)
{
    int r = (e->size += (int64_t)size) > IMAGE_UNPACKED_MAX ? -EFBIG
                                                            : cunik_write_all(e->fd, data, size);

    if (r < 0)
        cunik_error_errno(&e->failed, r, "taking the request's body");
}

/* libmicrohttpd takes no answer in the middle of a body: one that was not announced and is too
 * large has its connection closed. */
static enum MHD_Result take_body(struct server *s, struct exchange *e, const char *data,
                                 size_t *size)
{
    if (e->refused) {
        *size = 0;
        return MHD_YES;
    }
    if (e->fd >= 0 || e->failed) {
        if (!e->failed)
            take_file(e, data, *size);
        *size = 0;
        return MHD_YES;
    }
    if (e->body.size + *size > BODY_MAX)
        return MHD_NO;
    e->counted += *size;
    if (atomic_fetch_add(&s->body_bytes, *size) + *size > BODIES_MAX)
        return MHD_NO;
    cunik_buffer_append(&e->body, data, *size);
    *size = 0;
    return MHD_YES;
}

static enum MHD_Result find_nul(void *found, enum MHD_ValueKind kind _unused_, const char *key,
                                size_t key_size, const char *value, size_t size)
{
    bool *nul = found;

    *nul = *nul || memchr(key, '\0', key_size) || (value && memchr(value, '\0', size));
    return MHD_YES;
}

/* What is behind a NUL byte would be passed over, and something else meant. */
static bool query_has_nul(struct MHD_Connection *connection)
{
    bool found = false;

    MHD_get_connection_values_n(connection, MHD_GET_ARGUMENT_KIND, find_nul, &found);
    return found;
}

static enum MHD_Result route(struct server *s, struct MHD_Connection *connection, const char *path,
                             const char *method, struct exchange *e)
{
    const struct route *found = cunik_server_find_route(method, path);
    const char *allowed = cunik_server_allowed(path);

    if (e->failed)
        return cunik_server_refuse(connection, e->failed);
    if (query_has_nul(connection))
        return cunik_server_refuse_with(connection, MHD_HTTP_BAD_REQUEST, ERROR_INVALID, NULL,
                                        "the query has a NUL byte");
    if (found && found->take) {
        /* It may take longer than anybody is silent otherwise. */
        MHD_set_connection_option(connection, MHD_CONNECTION_OPTION_TIMEOUT, 0u);
        enum MHD_Result result = found->take(s, connection, e->fd);
        MHD_set_connection_option(connection, MHD_CONNECTION_OPTION_TIMEOUT,
                                  (unsigned)SERVER_IDLE_SECONDS);
        return result;
    }
    if (found)
        return found->answer(s, connection, &e->body);
    if (allowed)
        return cunik_server_refuse_with(connection, MHD_HTTP_METHOD_NOT_ALLOWED, ERROR_INVALID,
                                        allowed, "'%s' takes %s, not %s", path, allowed, method);
    return cunik_server_refuse_with(connection, MHD_HTTP_NOT_FOUND, ERROR_NOT_FOUND, NULL,
                                    "there is no '%s'", path);
}

enum MHD_Result cunik_server_exchange(void *ctx, struct MHD_Connection *connection,
                                      const char *path, const char *method,
                                      const char *version _unused_, const char *data, size_t *size,
                                      void **exchange)
{
    struct server *s = ctx;
    struct exchange *e = *exchange;

    if (!e)
        return begin(s, connection, method, path, exchange);
    if (*size)
        return take_body(s, e, data, size);
    if (e->refused)
        return MHD_YES;
    cunik_log(LOG_LEVEL_DEBUG, "%s %s", method, path);
    return route(s, connection, path, method, e);
}

void cunik_server_exchange_done(struct server *s, struct exchange *e)
{
    if (!e)
        return;
    atomic_fetch_sub(&s->body_bytes, e->counted);
    cunik_buffer_done(&e->body);
    cunik_closep(&e->fd);
    cunik_error_destroy(e->failed);
    free(e);
}
