#include "engine/server.h"

#include <errno.h>
#include <grp.h>
#include <stdio.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>

#include "base/file.h"
#include "base/json.h"
#include "base/log.h"
#include "base/memory.h"
#include "base/process.h"
#include "base/text.h"
#include "engine/clock.h"
#include "engine/server_internal.h"
#include "engine/terminal.h"
#include "images/image.h"

enum {
    BODY_MAX = 64 << 20,
    BODIES_MAX = 256 << 20, /* of all requests that are being received */
    CONNECTIONS_MAX = 512,
    CONNECTIONS_MANY = 128, /* from then on whoever says nothing is soon let go */
    STREAMS_MAX = 128,      /* of events and logs: the rest is for requests that end */
    BACKLOG = 128,
    CROWDED_SECONDS = 1,
    CONNECTION_MEMORY = 64 << 10,
};

static const char group_name[] = "cunik";

int cunik_server_listen(const char *path, int *ret_fd, struct error **err)
{
    struct sockaddr_un a = {.sun_family = AF_UNIX};
    _cleanup_close_ int fd = -1;

    if (strlen(path) >= sizeof(a.sun_path))
        return cunik_error_set(err, ERROR_INVALID,
                               "the socket's path '%s' is longer than %zu bytes", path,
                               sizeof(a.sun_path) - 1);
    memcpy(a.sun_path, path, strlen(path) + 1);
    fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
    if (fd < 0)
        return cunik_error_errno(err, errno, "making a socket");
    if (unlink(path) < 0 && errno != ENOENT)
        return cunik_error_errno(err, errno, "removing the old socket '%s'", path);
    /* Nobody gets in before the mode is set: it is not listening yet. */
    if (bind(fd, (struct sockaddr *)&a, sizeof(a)) < 0)
        return cunik_error_errno(err, errno, "binding the socket '%s'", path);
    /* An ordinary user's engine is that user's alone. */
    bool alone = geteuid() != 0 || cunik_process_keeps_groups();
    const struct group *group = alone ? NULL : getgrnam(group_name);
    if (group && chown(path, (uid_t)-1, group->gr_gid) < 0)
        return cunik_error_errno(err, errno, "giving the socket '%s' to group '%s'", path,
                                 group_name);
    if (chmod(path, alone ? 0600 : 0660) < 0)
        return cunik_error_errno(err, errno, "setting the mode of the socket '%s'", path);
    if (listen(fd, BACKLOG) < 0)
        return cunik_error_errno(err, errno, "listening on '%s'", path);
    *ret_fd = TAKE_FD(fd);
    return 0;
}

/* Takes the text. */
static enum MHD_Result answer(struct MHD_Connection *connection, unsigned status, const char *allow,
                              char *text)
{
    struct MHD_Response *response =
        MHD_create_response_from_buffer(strlen(text), text, MHD_RESPMEM_MUST_FREE);

    if (!response) {
        free(text);
        return MHD_NO;
    }
    MHD_add_response_header(response, MHD_HTTP_HEADER_CONTENT_TYPE, "application/json");
    if (allow)
        MHD_add_response_header(response, MHD_HTTP_HEADER_ALLOW, allow);
    enum MHD_Result result = MHD_queue_response(connection, status, response);
    MHD_destroy_response(response);
    return result;
}

static char *error_text(const struct error *err)
{
    _cleanup_json_ json_t *json = json_object();
    _cleanup_free_ char *message = cunik_error_text(err);
    json_t *inner = json_object();

    cunik_json_set_string(inner, "code", cunik_error_name(err->code));
    cunik_json_set_string(inner, "message", message);
    cunik_json_set(json, "error", inner);
    return cunik_json_text(json, JSON_COMPACT);
}

enum MHD_Result cunik_server_refuse(struct MHD_Connection *connection, const struct error *err)
{
    return answer(connection, cunik_error_http_status(err->code), NULL, error_text(err));
}

int cunik_server_read_request(const struct buffer *body, struct request *ret, struct error **err)
{
    _cleanup_json_ json_t *json = NULL;
    int r = cunik_json_parse(cunik_buffer_text(body), body->size, "the request", &json, err);

    return r < 0 ? r : cunik_request_from_json(json, ret, err);
}

const char *cunik_server_query(struct MHD_Connection *connection, const char *key)
{
    return MHD_lookup_connection_value(connection, MHD_GET_ARGUMENT_KIND, key);
}

bool cunik_server_query_flag(struct MHD_Connection *connection, const char *key)
{
    const char *value = cunik_server_query(connection, key);

    return cunik_text_equal(value, "1") || cunik_text_equal(value, "true");
}

/* Ends a route: what it made, or its error. */
enum MHD_Result cunik_server_finish(struct MHD_Connection *connection, int r, json_t *value,
                                    struct error *err)
{
    _cleanup_json_ json_t *owned_value = value;
    _cleanup_error_ struct error *owned = err;

    if (r == 0)
        return answer(connection, MHD_HTTP_OK, NULL, cunik_json_text(owned_value, JSON_COMPACT));
    if (!owned)
        cunik_error_errno(&owned, r, "carrying out the request");
    return cunik_server_refuse(connection, owned);
}

static enum MHD_Result get_version(struct server *s, struct MHD_Connection *connection,
                                   const struct buffer *body _unused_)
{
    return answer(connection, MHD_HTTP_OK, NULL, cunik_strdup(s->version));
}

static enum MHD_Result get_world(struct server *s, struct MHD_Connection *connection,
                                 const struct buffer *body _unused_)
{
    _cleanup_world_ struct world w = {0};
    struct error *err = NULL;
    int r = cunik_engine_world(s->engine, cunik_server_query(connection, "stack"), &w, &err);

    return cunik_server_finish(connection, r, r < 0 ? NULL : cunik_world_to_json(&w), err);
}

static enum MHD_Result post_plan(struct server *s, struct MHD_Connection *connection,
                                 const struct buffer *body)
{
    _cleanup_request_ struct request request = {0};
    _cleanup_plan_ struct plan plan = {0};
    struct error *err = NULL;
    int r = cunik_server_read_request(body, &request, &err);

    if (r == 0)
        r = cunik_engine_plan(s->engine, &request, &plan, &err);
    return cunik_server_finish(connection, r, r < 0 ? NULL : cunik_plan_to_json(&plan), err);
}

static enum MHD_Result get_logs(struct server *s, struct MHD_Connection *connection,
                                const struct buffer *body _unused_)
{
    return cunik_server_logs(s, connection);
}

static enum MHD_Result get_events(struct server *s, struct MHD_Connection *connection,
                                  const struct buffer *body _unused_)
{
    return cunik_server_events(s, connection);
}

static const struct route {
    const char *method, *path;
    enum MHD_Result (*answer)(struct server *s, struct MHD_Connection *connection,
                              const struct buffer *body);
    /* In its place: the body is no text and of any size, and comes in a file. */
    enum MHD_Result (*take)(struct server *s, struct MHD_Connection *connection, int fd);
} routes[] = {
    {"GET", "/v1/version", get_version, NULL},
    {"GET", "/v1/world", get_world, NULL},
    {"POST", "/v1/plan", post_plan, NULL},
    {"POST", "/v1/apply", cunik_server_apply, NULL},
    {"POST", "/v1/cancel", cunik_server_cancel, NULL},
    {"GET", "/v1/logs", get_logs, NULL},
    {"GET", "/v1/attach", cunik_server_attach, NULL},
    {"POST", "/v1/attach", cunik_server_type, NULL},
    {"GET", "/v1/events", get_events, NULL},
    {"GET", "/v1/stats", cunik_server_stats, NULL},
    {"POST", "/v1/pause", cunik_server_pause, NULL},
    {"GET", "/v1/volumes", cunik_server_volumes, NULL},
    {"POST", "/v1/volumes", cunik_server_volume_create, NULL},
    {"DELETE", "/v1/volumes", cunik_server_volume_remove, NULL},
    {"POST", "/v1/files", cunik_server_file_put, NULL},
    {"GET", "/v1/images", cunik_server_images, NULL},
    {"POST", "/v1/images", NULL, cunik_server_image_load},
    {"DELETE", "/v1/images", cunik_server_image_remove, NULL},
    {"GET", "/v1/image", cunik_server_image, NULL},
    {"GET", "/v1/images/archive", cunik_server_image_archive, NULL},
    {"POST", "/v1/images/build", NULL, cunik_server_image_build},
    {"POST", "/v1/images/tag", cunik_server_image_tag, NULL},
    {"POST", "/v1/images/prune", cunik_server_images_prune, NULL},
};

static enum MHD_Result refuse(struct MHD_Connection *connection, unsigned status,
                              enum error_code code, const char *allow, const char *format, ...)
    _printf_(5, 6);

static enum MHD_Result refuse(struct MHD_Connection *connection, unsigned status,
                              enum error_code code, const char *allow, const char *format, ...)
{
    _cleanup_error_ struct error *err = NULL;
    va_list args;

    va_start(args, format);
    _cleanup_free_ char *message = cunik_vasprintf(format, args);
    va_end(args);
    cunik_error_set(&err, code, "%s", message);
    return answer(connection, status, allow, error_text(err));
}

/* One request on its way in. */
struct exchange {
    struct buffer body;
    size_t counted; /* of it in server.body_bytes */
    bool refused;   /* answered already */
    int fd;         /* where a body goes that a route takes as a file; -1 = into `body` */
    int64_t size;   /* of what is in there */
    struct error *failed;
};

static const struct route *find_route(const char *method, const char *path)
{
    for (size_t i = 0; i < ARRAY_SIZE(routes); i++)
        if (strcmp(routes[i].path, path) == 0 && strcmp(routes[i].method, method) == 0)
            return &routes[i];
    return NULL;
}

static enum MHD_Result too_large(struct MHD_Connection *connection)
{
    return refuse(connection, MHD_HTTP_CONTENT_TOO_LARGE, ERROR_INVALID, NULL,
                  "the request is larger than %d bytes", BODY_MAX);
}

/* At the headers: what can be refused without its body is. */
static enum MHD_Result begin(struct server *s, struct MHD_Connection *connection,
                             const char *method, const char *path, void **exchange)
{
    const struct route *route = find_route(method, path);
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
    const struct route *found = find_route(method, path);
    const char *allowed = NULL;

    if (e->failed)
        return cunik_server_refuse(connection, e->failed);
    if (query_has_nul(connection))
        return refuse(connection, MHD_HTTP_BAD_REQUEST, ERROR_INVALID, NULL,
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
    for (size_t i = 0; i < ARRAY_SIZE(routes); i++)
        if (strcmp(routes[i].path, path) == 0)
            allowed = routes[i].method;
    if (allowed)
        return refuse(connection, MHD_HTTP_METHOD_NOT_ALLOWED, ERROR_INVALID, allowed,
                      "'%s' takes %s, not %s", path, allowed, method);
    return refuse(connection, MHD_HTTP_NOT_FOUND, ERROR_NOT_FOUND, NULL, "there is no '%s'", path);
}

static enum MHD_Result handle(void *ctx, struct MHD_Connection *connection, const char *path,
                              const char *method, const char *version _unused_, const char *data,
                              size_t *size, void **exchange)
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

static void set_patience(struct MHD_Connection *connection, bool crowded)
{
    unsigned seconds = crowded ? CROWDED_SECONDS : SERVER_IDLE_SECONDS;

    MHD_set_connection_option(connection, MHD_CONNECTION_OPTION_TIMEOUT, seconds);
}

static void completed(void *ctx, struct MHD_Connection *connection, void **exchange,
                      enum MHD_RequestTerminationCode why _unused_)
{
    struct server *s = ctx;
    struct exchange *e = *exchange;

    if (!e)
        return;
    pthread_mutex_lock(&s->lock);
    bool crowded = s->connections > CONNECTIONS_MANY;
    pthread_mutex_unlock(&s->lock);
    /* Also after a stream, which had all the time it liked. */
    set_patience(connection, crowded);
    atomic_fetch_sub(&s->body_bytes, e->counted);
    cunik_buffer_done(&e->body);
    cunik_closep(&e->fd);
    cunik_error_destroy(e->failed);
    free(e);
    *exchange = NULL;
}

static void connected(void *ctx, struct MHD_Connection *connection, void **socket_context _unused_,
                      enum MHD_ConnectionNotificationCode what)
{
    struct server *s = ctx;

    pthread_mutex_lock(&s->lock);
    s->connections += what == MHD_CONNECTION_NOTIFY_STARTED ? 1 : (size_t)-1;
    s->since = cunik_clock_real.now(NULL);
    bool crowded = s->connections > CONNECTIONS_MANY;
    pthread_mutex_unlock(&s->lock);
    if (what == MHD_CONNECTION_NOTIFY_STARTED && crowded)
        set_patience(connection, true);
}

int cunik_server_enter_stream(struct server *s, struct error **err)
{
    pthread_mutex_lock(&s->lock);
    bool room = s->n_streams < STREAMS_MAX;
    s->n_streams += room;
    pthread_mutex_unlock(&s->lock);
    return room ? 0
                : cunik_error_set(err, ERROR_UNAVAILABLE,
                                  "too many follow events, logs and consoles already: %d at most",
                                  STREAMS_MAX);
}

void cunik_server_leave_stream(struct server *s)
{
    pthread_mutex_lock(&s->lock);
    s->n_streams--;
    pthread_mutex_unlock(&s->lock);
}

bool cunik_server_route(size_t i, const char **ret_method, const char **ret_path)
{
    if (i >= ARRAY_SIZE(routes))
        return false;
    *ret_method = routes[i].method;
    *ret_path = routes[i].path;
    return true;
}

_printf_(2, 0) static void log_words(void *ctx _unused_, const char *format, va_list args)
{
    _cleanup_free_ char *text = cunik_vasprintf(format, args);

    text[strcspn(text, "\n")] = '\0';
    cunik_log(LOG_LEVEL_DEBUG, "%s", text);
}

int cunik_server_create(const struct server_settings *settings, struct server **ret,
                        struct error **err)
{
    struct server *s = cunik_calloc(1, sizeof(*s));
    int fd = settings->listen_fd;

    s->engine = settings->engine;
    s->consoles = settings->consoles;
    s->log = settings->log;
    s->images = cunik_strdup(settings->images);
    s->image_cache = cunik_image_cache_create();
    s->version = cunik_json_text(settings->version, JSON_COMPACT);
    s->since = cunik_clock_real.now(NULL);
    pthread_mutex_init(&s->lock, NULL);
    cunik_clock_cond_init(&s->fewer);
    int r = cunik_terminals_create(&s->terminals, err);
    if (r < 0) {
        close(fd);
        cunik_server_destroy(s);
        return r;
    }
    s->daemon = MHD_start_daemon(
        MHD_USE_POLL_INTERNAL_THREAD | MHD_USE_THREAD_PER_CONNECTION | MHD_USE_ERROR_LOG, 0, NULL,
        NULL, handle, s, MHD_OPTION_EXTERNAL_LOGGER, log_words, NULL, MHD_OPTION_LISTEN_SOCKET, fd,
        MHD_OPTION_CONNECTION_LIMIT, (unsigned)CONNECTIONS_MAX, MHD_OPTION_CONNECTION_TIMEOUT,
        (unsigned)SERVER_IDLE_SECONDS, MHD_OPTION_CONNECTION_MEMORY_LIMIT,
        (size_t)CONNECTION_MEMORY, MHD_OPTION_NOTIFY_COMPLETED, completed, s,
        MHD_OPTION_NOTIFY_CONNECTION, connected, s, MHD_OPTION_END);
    if (!s->daemon) {
        int number = errno;
        close(fd);
        cunik_server_destroy(s);
        return cunik_error_errno(err, number, "starting the API server");
    }
    *ret = s;
    return 0;
}

void cunik_server_destroy(struct server *s)
{
    if (!s)
        return;
    if (s->daemon) {
        cunik_server_cancel_all(s);
        MHD_stop_daemon(s->daemon);
    }
    cunik_terminals_destroy(s->terminals);
    pthread_mutex_destroy(&s->lock);
    pthread_cond_destroy(&s->fewer);
    free(s->applies);
    free(s->images);
    cunik_image_cache_destroy(s->image_cache);
    free(s->version);
    free(s);
}

bool cunik_server_busy(struct server *s, int64_t *ret_since)
{
    pthread_mutex_lock(&s->lock);
    bool busy = s->connections || s->n_applies;
    *ret_since = s->since;
    pthread_mutex_unlock(&s->lock);
    return busy;
}
