#include "engine/client.h"

#include <errno.h>
#include <string.h>

#include "base/json.h"
#include "base/memory.h"
#include "base/text.h"
#include "engine/client_internal.h"
#include "engine/clock.h"
#include "engine/paths.h"

static pthread_once_t library_once = PTHREAD_ONCE_INIT;

static void library_init(void)
{
    curl_global_init(CURL_GLOBAL_NOTHING);
}

static int check_version(struct client *c, const json_t *version, struct error **err)
{
    _cleanup_free_ char *connect = cunik_strdup(""), *netns = cunik_strdup("");
    _cleanup_free_ char *ours = cunik_calloc(1, 64);
    int64_t api = 0;
    int r;

    r = cunik_json_get_int(version, "api", &api, err);
    if (r == 0)
        r = cunik_json_get_string(version, "connect", &connect, err);
    if (r == 0)
        r = cunik_json_get_string(version, "netns", &netns, err);
    if (r < 0)
        return cunik_error_prefix(err, r, "the engine's version");
    if (api != CLIENT_API)
        return cunik_error_set(
            err, ERROR_CONFLICT,
            "the engine speaks version %lld of the API, this program %d: end the "
            "one that runs",
            (long long)api, CLIENT_API);
    if (*c->connect && strcmp(c->connect, connect) != 0)
        return cunik_error_set(err, ERROR_CONFLICT,
                               "the engine that runs is connected to '%s', not to '%s'; end it, or "
                               "use another CUNIK_ROOT",
                               connect, c->connect);
    c->foreign_netns =
        *netns && readlink("/proc/self/ns/net", ours, 63) > 0 && strcmp(netns, ours) != 0;
    return 0;
}

int cunik_client_create(const struct client_settings *settings, struct client **ret,
                        struct error **err)
{
    struct client *c = cunik_calloc(1, sizeof(*c));
    _cleanup_json_ json_t *version = NULL;
    int r;

    pthread_once(&library_once, library_init);
    pthread_mutex_init(&c->lock, NULL);
    c->state = cunik_paths_state();
    c->socket = cunik_paths_socket();
    c->connect = cunik_strdup(settings->connect ? settings->connect : "");
    c->accel = cunik_strdup(settings->accel ? settings->accel : "");
    c->cancel_fd = settings->cancel_fd;
    r = cunik_paths_check_socket(c->socket, err);
    if (r == 0)
        r = cunik_client_version(c, &version, err);
    if (r == 0)
        r = check_version(c, version, err);
    if (r < 0) {
        cunik_client_destroy(c);
        return r;
    }
    *ret = c;
    return 0;
}

void cunik_client_destroy(struct client *c)
{
    if (!c)
        return;
    for (size_t i = 0; i < c->n_idle; i++)
        cunik_client_close_channel(&c->idle[i]);
    free(c->idle);
    free(c->state);
    free(c->socket);
    free(c->connect);
    free(c->accel);
    pthread_mutex_destroy(&c->lock);
    free(c);
}

bool cunik_client_foreign_netns(const struct client *c)
{
    return c->foreign_netns;
}

void cunik_client_add_query(struct buffer *path, const char *key, const char *value)
{
    char *escaped = curl_easy_escape(NULL, value, (int)strlen(value));

    cunik_buffer_printf(path, "%c%s=%s", strchr(path->data, '?') ? '&' : '?', key, escaped);
    curl_free(escaped);
}

int cunik_client_version(struct client *c, json_t **ret, struct error **err)
{
    return cunik_client_json(c, &(struct call){.method = "GET", .path = "/v1/version"}, ret, err);
}

int cunik_client_world(struct client *c, const char *stack, struct world *ret, struct error **err)
{
    _cleanup_buffer_ struct buffer path = {0};
    _cleanup_json_ json_t *json = NULL;
    int r;

    cunik_buffer_text_append(&path, "/v1/world");
    if (stack && *stack)
        cunik_client_add_query(&path, "stack", stack);
    r = cunik_client_json(c, &(struct call){.method = "GET", .path = path.data}, &json, err);
    return r < 0 ? r : cunik_world_from_json(json, ret, err);
}

int cunik_client_pause(struct client *c, const char *name, bool pause, struct error **err)
{
    _cleanup_buffer_ struct buffer path = {0};
    _cleanup_json_ json_t *answer = NULL;

    cunik_buffer_text_append(&path, "/v1/pause");
    cunik_client_add_query(&path, "cunik", name);
    if (!pause)
        cunik_client_add_query(&path, "resume", "1");
    return cunik_client_json(
        c, &(struct call){.method = "POST", .path = path.data, .body = "", .once = true}, &answer,
        err);
}

int cunik_client_stats(struct client *c, bool threads, json_t **ret, struct error **err)
{
    const char *path = threads ? "/v1/stats?threads=1" : "/v1/stats";

    return cunik_client_json(c, &(struct call){.method = "GET", .path = path}, ret, err);
}

static char *request_text(const struct request *r)
{
    _cleanup_json_ json_t *json = cunik_request_to_json(r);

    return cunik_json_text(json, JSON_COMPACT);
}

int cunik_client_plan(struct client *c, const struct request *request, struct plan *ret,
                      struct error **err)
{
    _cleanup_free_ char *body = request_text(request);
    _cleanup_json_ json_t *json = NULL;
    struct call call = {
        .method = "POST", .path = "/v1/plan", .body = body, .body_size = strlen(body)};
    int r = cunik_client_json(c, &call, &json, err);

    return r < 0 ? r : cunik_plan_from_json(json, ret, err);
}

/* Events on their way to a sink. */
struct listening {
    struct client *client;
    const struct event_sink *sink;
    char *id;   /* of the request */
    bool ended; /* "done" or "error" has come */
    int result;
    struct error *err;
};

/* Version 1 may gain types of events: those we do not know are not for us. */
static bool known_event(const json_t *json)
{
    const char *type = json_string_value(json_object_get(json, "type"));

    for (enum event_type t = 0; type && t < EVENT_TYPE_MAX_; t++)
        if (strcmp(cunik_event_type_name(t), type) == 0)
            return true;
    return !type; /* let it be refused */
}

static int take_event(void *ctx, const char *text, size_t size, struct error **err)
{
    struct listening *l = ctx;
    _cleanup_json_ json_t *json = NULL;
    struct event e;
    int r;

    r = cunik_json_parse(text, size, "an event of the engine", &json, err);
    if (r < 0 || !known_event(json))
        return r;
    r = cunik_event_from_json(json, &e, err);
    if (r < 0)
        return cunik_error_prefix(err, r, "an event of the engine");
    if (l->sink)
        l->sink->put(l->sink->ctx, &e);
    if (e.type == EVENT_ERROR && !l->ended)
        l->result = cunik_error_set(&l->err, cunik_error_from_name(e.code), "%s",
                                    e.message ? e.message : "the request failed");
    l->ended = l->ended || e.type == EVENT_DONE || e.type == EVENT_ERROR;
    return 0;
}

void cunik_client_leave_at_once(struct client *c)
{
    c->impatient = true;
}

/* A request that has been heard of and is not there has ended, and says so. */
static int call_off(void *ctx, bool heard)
{
    const struct listening *l = ctx;
    _cleanup_error_ struct error *err = NULL;
    _cleanup_free_ char *path = cunik_asprintf("/v1/cancel?id=%s", l->id);
    struct call call = {.method = "POST", .path = path, .body = "", .once = true};
    int r = cunik_client_json(l->client, &call, NULL, &err);

    return r < 0 && err && err->code == ERROR_NOT_FOUND && heard ? 0 : r;
}

/* Names that no two requests have. */
static char *new_id(void)
{
    return cunik_asprintf("%ld-%lld", (long)getpid(), (long long)cunik_clock_real.now(NULL));
}

int cunik_client_apply(struct client *c, const struct request *request,
                       const struct event_sink *sink, struct error **err)
{
    const uint64_t one = 1;
    _cleanup_free_ char *body = request_text(request), *id = new_id();
    _cleanup_free_ char *path = cunik_asprintf("/v1/apply?cancel=1&id=%s", id);
    struct listening l = {.client = c, .sink = sink, .id = id};
    struct call call = {.method = "POST",
                        .path = c->cancel_fd >= 0 ? path : "/v1/apply",
                        .interrupt = call_off,
                        .body = body,
                        .body_size = strlen(body),
                        .once = true,
                        .line = take_event,
                        .ctx = &l};
    int r = cunik_client_call(c, &call, err);

    if (l.ended && (r == 0 || l.result < 0)) {
        /* What the engine said of it counts more than how the connection ended. */
        r = cunik_error_pass(err, l.result, &l.err);
    } else if (r == 0) {
        r = cunik_error_set(err, ERROR_UNAVAILABLE,
                            "the engine ended in the middle of the request");
    }
    cunik_error_destroy(l.err);
    if (r == 0 && call.interrupted)
        (void)!write(c->cancel_fd, &one, sizeof(one));
    return r;
}

static void add_number(struct buffer *path, const char *key, int64_t value)
{
    _cleanup_free_ char *text = cunik_asprintf("%lld", (long long)value);

    cunik_client_add_query(path, key, text);
}

static bool is_past(int64_t ms)
{
    return ms >= 0 && cunik_clock_real.wall_ms(NULL) >= ms;
}

int cunik_client_events(struct client *c, const struct event_query *q,
                        const struct event_sink *sink, struct error **err)
{
    _cleanup_buffer_ struct buffer path = {0};
    struct listening l = {.sink = sink};

    cunik_buffer_text_append(&path, "/v1/events");
    if (q->stack && *q->stack)
        cunik_client_add_query(&path, "stack", q->stack);
    if (q->since_ms >= 0)
        add_number(&path, "since", q->since_ms);
    if (q->until_ms >= 0)
        add_number(&path, "until", q->until_ms);
    for (size_t i = 0; i < q->filters.n; i++)
        cunik_client_add_query(&path, "filter", q->filters.items[i]);
    struct call call = {.method = "GET", .path = path.data, .line = take_event, .ctx = &l};
    int r = cunik_client_call(c, &call, err);

    cunik_error_destroy(l.err);
    if (r < 0 || is_past(q->until_ms))
        return r;
    return cunik_error_set(err, ERROR_UNAVAILABLE, "the engine has ended");
}

struct reading {
    cunik_log_put *put;
    void *ctx;
};

static int take_log_line(void *ctx, const char *text, size_t size, struct error **err)
{
    const struct reading *reading = ctx;
    _cleanup_json_ json_t *json = NULL;
    struct log_line line = {0};
    int r = cunik_json_parse(text, size, "a line of the engine's logs", &json, err);

    if (r < 0)
        return r;
    line.cunik = json_string_value(json_object_get(json, "cunik"));
    line.service = json_string_value(json_object_get(json, "service"));
    line.text = json_string_value(json_object_get(json, "text"));
    line.time_ms = json_integer_value(json_object_get(json, "time"));
    if (!line.cunik || !line.service || !line.text)
        return cunik_error_set(err, ERROR_INVALID, "a line of the engine's logs is incomplete");
    reading->put(reading->ctx, &line);
    return 0;
}

int cunik_client_logs(struct client *c, const struct log_query *q, cunik_log_put *put, void *ctx,
                      struct error **err)
{
    _cleanup_buffer_ struct buffer path = {0};
    struct reading reading = {put, ctx};
    _cleanup_free_ char *tail = cunik_asprintf("%lld", (long long)q->tail);

    cunik_buffer_text_append(&path, "/v1/logs");
    if (q->stack && *q->stack)
        cunik_client_add_query(&path, "stack", q->stack);
    for (size_t i = 0; i < q->services.n; i++)
        cunik_client_add_query(&path, "service", q->services.items[i]);
    if (q->follow)
        cunik_client_add_query(&path, "follow", "1");
    if (q->until_end)
        cunik_client_add_query(&path, "until", "end");
    if (q->tail >= 0)
        cunik_client_add_query(&path, "tail", tail);
    if (q->since_ms > 0)
        add_number(&path, "since", q->since_ms);
    if (q->until_ms > 0)
        add_number(&path, "until", q->until_ms);
    return cunik_client_call(
        c,
        &(struct call){.method = "GET", .path = path.data, .line = take_log_line, .ctx = &reading},
        err);
}
