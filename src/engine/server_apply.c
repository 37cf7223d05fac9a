/* POST /v1/apply: events of a request, as they come. */
#include <errno.h>
#include <stdatomic.h>
#include <string.h>

#include "base/json.h"
#include "base/memory.h"
#include "base/time.h"
#include "engine/clock.h"
#include "engine/server_internal.h"

enum { APPLIES_MAX = 64 /* at once */ };

/* For clients to read how their request ended, when the server ends. */
static const int64_t last_words_ns = NS_PER_SECOND;

/* A request that is carried out by a thread of its own: who asked may leave before it has ended. */
struct apply {
    struct server *server;
    struct stream stream;
    struct request request;
    char *id; /* what its client calls it, "" = nothing */
    bool cancel_on_close;
    _Atomic bool cancel;
    bool spoke;        /* an event has been sent (worker only, until the stream has ended) */
    bool told_end;     /* the engine has said "done" or "error" itself */
    struct error *err; /* of a request that failed before it had anything to say */
    _Atomic int users; /* the worker, and the stream */
};

static void unref(struct apply *a)
{
    if (atomic_fetch_sub(&a->users, 1) > 1)
        return;
    cunik_stream_done(&a->stream);
    cunik_request_done(&a->request);
    cunik_error_destroy(a->err);
    free(a->id);
    free(a);
}

static void put_event(void *ctx, const struct event *e)
{
    struct apply *a = ctx;

    a->spoke = true;
    a->told_end = a->told_end || e->type == EVENT_DONE || e->type == EVENT_ERROR;
    cunik_stream_put_json(&a->stream, cunik_event_to_json(e));
}

static void put_end(struct apply *a, int r, const struct error *err)
{
    struct event e = {
        .time_ms = cunik_clock_real.wall_ms(NULL), .stack = a->request.stack, .exit_code = -1};
    _cleanup_free_ char *text = NULL;

    e.type = r < 0 ? EVENT_ERROR : EVENT_DONE;
    if (r < 0) {
        text = err ? cunik_error_text(err) : cunik_strdup(strerror(-r));
        e.message = text;
        e.code = cunik_error_name(err ? err->code : ERROR_FAILED);
    }
    put_event(a, &e);
}

static void leave(struct apply *a)
{
    struct server *s = a->server;

    pthread_mutex_lock(&s->lock);
    for (size_t i = 0; i < s->n_applies; i++)
        if (s->applies[i] == a) {
            s->applies[i] = s->applies[--s->n_applies];
            break;
        }
    s->since = cunik_clock_real.now(NULL);
    pthread_cond_broadcast(&s->fewer);
    pthread_mutex_unlock(&s->lock);
}

static void *work(void *arg)
{
    struct apply *a = arg;
    const struct event_sink sink = {put_event, a};
    struct error *err = NULL;

    int r = cunik_engine_apply(a->server->engine, &a->request, &sink, &a->cancel, &err);
    if (r < 0 && !a->spoke) {
        if (!err)
            cunik_error_errno(&err, r, "carrying out the request");
        a->err = TAKE_PTR(err);
    } else if (!a->told_end) {
        put_end(a, r, err);
    }
    cunik_error_destroy(err);
    cunik_stream_end(&a->stream);
    leave(a);
    unref(a);
    return NULL;
}

static void cancel(struct apply *a)
{
    a->cancel = true;
    cunik_engine_interrupt(a->server->engine);
}

static void close_apply(struct stream *s, void *ctx)
{
    struct apply *a = ctx;

    pthread_mutex_lock(&s->lock);
    bool ended = s->ended;
    pthread_mutex_unlock(&s->lock);
    if (a->cancel_on_close && !ended)
        cancel(a);
    pthread_mutex_lock(&a->server->lock);
    a->server->n_apply_streams--;
    pthread_cond_broadcast(&a->server->fewer);
    pthread_mutex_unlock(&a->server->lock);
    unref(a);
}

/* Puts it among those under way and starts its thread. */
static int start(struct apply *a, struct error **err)
{
    struct server *s = a->server;
    pthread_attr_t detached;
    pthread_t thread;
    int r = 0;

    pthread_attr_init(&detached);
    pthread_attr_setdetachstate(&detached, PTHREAD_CREATE_DETACHED);
    pthread_mutex_lock(&s->lock);
    if (s->stopping)
        r = cunik_error_set(err, ERROR_UNAVAILABLE, "the engine is ending");
    else if (s->n_applies >= APPLIES_MAX)
        r = cunik_error_set(err, ERROR_UNAVAILABLE, "%zu requests are being carried out already",
                            s->n_applies);
    if (r == 0) {
        atomic_fetch_add(&a->users, 1);
        r = -pthread_create(&thread, &detached, work, a);
        if (r < 0) {
            atomic_fetch_sub(&a->users, 1);
            cunik_error_errno(err, r, "starting a thread");
        } else {
            *ARRAY_APPEND(s->applies, s->n_applies) = a;
            s->n_apply_streams++;
        }
    }
    pthread_mutex_unlock(&s->lock);
    pthread_attr_destroy(&detached);
    return r;
}

enum MHD_Result cunik_server_cancel(struct server *s, struct MHD_Connection *connection,
                                    const struct buffer *body _unused_)
{
    const char *id = cunik_server_query(connection, "id");
    struct error *err = NULL;
    bool found = false;

    pthread_mutex_lock(&s->lock);
    for (size_t i = 0; id && *id && i < s->n_applies; i++)
        if (strcmp(s->applies[i]->id, id) == 0)
            s->applies[i]->cancel = found = true;
    pthread_mutex_unlock(&s->lock);
    if (found)
        cunik_engine_interrupt(s->engine);
    int r = found ? 0
                  : cunik_error_set(&err, ERROR_NOT_FOUND, "no request '%s' is being carried out",
                                    id ? id : "");
    return cunik_server_finish(connection, r, r == 0 ? json_object() : NULL, err);
}

void cunik_server_cancel_all(struct server *s)
{
    pthread_mutex_lock(&s->lock);
    s->stopping = true;
    for (size_t i = 0; i < s->n_applies; i++)
        s->applies[i]->cancel = true;
    if (s->n_applies)
        cunik_engine_interrupt(s->engine);
    while (s->n_applies)
        pthread_cond_wait(&s->fewer, &s->lock);
    int64_t end = cunik_clock_real.now(NULL) + last_words_ns;
    while (s->n_apply_streams && cunik_clock_real.now(NULL) < end)
        cunik_clock_real.wait(NULL, &s->fewer, &s->lock, end);
    pthread_mutex_unlock(&s->lock);
}

enum MHD_Result cunik_server_apply(struct server *s, struct MHD_Connection *connection,
                                   const struct buffer *body)
{
    _cleanup_error_ struct error *err = NULL;
    struct apply *a = cunik_calloc(1, sizeof(*a));
    int r;

    r = cunik_stream_init(&a->stream, connection);
    if (r < 0) {
        free(a);
        cunik_error_errno(&err, r, "beginning a stream");
        return cunik_server_refuse(connection, err);
    }
    a->server = s;
    a->users = 1;
    a->stream.close = close_apply;
    a->stream.ctx = a;
    const char *id = cunik_server_query(connection, "id");
    a->id = cunik_strdup(id ? id : "");
    a->cancel_on_close = cunik_server_query_flag(connection, "cancel");
    r = cunik_server_read_request(body, &a->request, &err);
    if (r == 0)
        r = start(a, &err);
    if (r < 0) {
        unref(a);
        return cunik_server_refuse(connection, err);
    }
    /* What goes wrong before anything is done is an answer of its own, not a stream. */
    if (cunik_stream_wait(&a->stream) && a->err) {
        enum MHD_Result result = cunik_server_refuse(connection, a->err);
        close_apply(&a->stream, a);
        return result;
    }
    return cunik_stream_answer(&a->stream, connection);
}
