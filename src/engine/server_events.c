/* GET /v1/events: what happened, from the log, and what happens, as it comes. */
#include <errno.h>
#include <string.h>
#include <sys/timerfd.h>

#include "base/memory.h"
#include "base/text.h"
#include "base/time.h"
#include "engine/clock.h"
#include "engine/event_filter.h"
#include "engine/server_internal.h"

struct listener {
    struct server *server;
    struct stream stream;
    char *stack; /* "" = all */
    struct filter filter;
    struct error *complaint; /* about a filter */
    int64_t since_ms;        /* -1 = from now on */
    int64_t until_ms;        /* -1 = until the client goes */
    size_t id;
    bool subscribed, entered;

    pthread_mutex_t lock; /* of all below */
    bool replaying;       /* what comes waits behind what was */
    json_t *late;
    int64_t newest; /* the id of the last event of the past */
};

static bool wanted(const struct listener *l, const struct event *e)
{
    if (*l->stack && (!e->stack || strcmp(l->stack, e->stack) != 0))
        return false;
    if (l->until_ms >= 0 && e->time_ms > l->until_ms)
        return false;
    return cunik_filter_matches(&l->filter, e);
}

static void put_present(void *ctx, const struct event *e)
{
    struct listener *l = ctx;

    if (!wanted(l, e))
        return;
    pthread_mutex_lock(&l->lock);
    if (l->replaying)
        json_array_append_new(l->late, cunik_event_to_json(e));
    else
        cunik_stream_put_json(&l->stream, cunik_event_to_json(e));
    pthread_mutex_unlock(&l->lock);
}

static void put_past(void *ctx, const struct event *e, json_t *json)
{
    struct listener *l = ctx;

    l->newest = e->id > l->newest ? e->id : l->newest;
    if (wanted(l, e))
        cunik_stream_put_json(&l->stream, json_incref(json));
}

/* The subscription came first: what happened while the log was read is in both. */
static int replay(struct listener *l, struct error **err)
{
    json_t *one;
    size_t i;
    int r = 0;

    if (l->since_ms >= 0)
        r = cunik_event_log_read(l->server->log, l->since_ms, put_past, l, err);
    pthread_mutex_lock(&l->lock);
    json_array_foreach (l->late, i, one)
        if (l->since_ms < 0 || json_integer_value(json_object_get(one, "id")) > l->newest)
            cunik_stream_put_json(&l->stream, json_incref(one));
    json_array_clear(l->late);
    l->replaying = false;
    pthread_mutex_unlock(&l->lock);
    return r;
}

static bool is_over(const struct listener *l)
{
    return l->until_ms >= 0 && cunik_clock_real.wall_ms(NULL) >= l->until_ms;
}

static void fill(struct stream *s, void *ctx)
{
    if (is_over(ctx))
        cunik_stream_end(s);
}

static void close_listener(struct stream *s, void *ctx)
{
    struct listener *l = ctx;

    if (l->subscribed)
        cunik_engine_unsubscribe(l->server->engine, l->id);
    if (l->entered)
        cunik_server_leave_stream(l->server);
    cunik_closep(&s->also);
    cunik_stream_done(s);
    cunik_filter_done(&l->filter);
    cunik_error_destroy(l->complaint);
    pthread_mutex_destroy(&l->lock);
    json_decref(l->late);
    free(l->stack);
    free(l);
}

static enum MHD_Result add_filter(void *ctx, enum MHD_ValueKind kind _unused_, const char *key,
                                  const char *value)
{
    struct listener *l = ctx;

    if (strcmp(key, "filter") == 0 && !l->complaint)
        cunik_filter_add(&l->filter, value ? value : "", &l->complaint);
    return MHD_YES;
}

static int read_time(struct MHD_Connection *connection, const char *key, int64_t *ret,
                     struct error **err)
{
    const char *text = cunik_server_query(connection, key);

    *ret = -1;
    if (text && cunik_text_to_int(text, 0, INT64_MAX / NS_PER_MS, ret) < 0)
        return cunik_error_set(err, ERROR_INVALID,
                               "'%s' must be milliseconds since the epoch, not '%s'", key, text);
    return 0;
}

static int read_query(struct listener *l, struct MHD_Connection *connection, struct error **err)
{
    const char *stack = cunik_server_query(connection, "stack");
    int r;

    l->stack = cunik_strdup(stack ? stack : "");
    MHD_get_connection_values(connection, MHD_GET_ARGUMENT_KIND, add_filter, l);
    r = read_time(connection, "since", &l->since_ms, err);
    if (r == 0)
        r = read_time(connection, "until", &l->until_ms, err);
    if (r == 0 && l->complaint)
        r = cunik_error_pass(err, -EINVAL, &l->complaint);
    if (r == 0 && l->since_ms >= 0 && !l->server->log)
        r = cunik_error_set(err, ERROR_UNAVAILABLE, "this engine keeps no events");
    return r;
}

/* Wakes the stream when the time is over. */
static int set_timer(struct listener *l, struct error **err)
{
    const struct itimerspec end = {.it_value = cunik_time_spec(l->until_ms * NS_PER_MS)};

    if (l->until_ms < 0 || is_over(l))
        return 0;
    l->stream.also = timerfd_create(CLOCK_REALTIME, TFD_CLOEXEC | TFD_NONBLOCK);
    if (l->stream.also < 0 || timerfd_settime(l->stream.also, TFD_TIMER_ABSTIME, &end, NULL) < 0)
        return cunik_error_errno(err, errno, "setting a timer");
    return 0;
}

static int begin(struct listener *l, struct error **err)
{
    int r = set_timer(l, err);

    if (r < 0)
        return r;
    if (!is_over(l)) {
        l->id = cunik_engine_subscribe(l->server->engine, &(struct event_sink){put_present, l});
        l->subscribed = true;
    }
    r = replay(l, err);
    cunik_stream_wake(&l->stream); /* it may be over */
    return r;
}

enum MHD_Result cunik_server_events(struct server *s, struct MHD_Connection *connection,
                                    const struct buffer *body _unused_)
{
    _cleanup_error_ struct error *err = NULL;
    struct listener *l = cunik_calloc(1, sizeof(*l));
    int r = cunik_stream_init(&l->stream, connection);

    if (r < 0) {
        free(l);
        cunik_error_errno(&err, r, "beginning a stream");
        return cunik_server_refuse(connection, err);
    }
    l->server = s;
    l->filter.kind = &cunik_filter_events;
    l->stream.fill = fill;
    l->stream.close = close_listener;
    l->stream.ctx = l;
    l->late = json_array();
    l->replaying = true;
    pthread_mutex_init(&l->lock, NULL);
    r = cunik_server_enter_stream(s, &err);
    l->entered = r == 0;
    if (r == 0)
        r = read_query(l, connection, &err);
    if (r == 0)
        r = begin(l, &err);
    if (r < 0) {
        close_listener(&l->stream, l);
        return cunik_server_refuse(connection, err);
    }
    return cunik_stream_answer(&l->stream, connection);
}
