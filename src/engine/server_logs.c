/* GET /v1/logs: lines of consoles, of the past and as they come. */
#include <stdatomic.h>
#include <string.h>

#include "base/json.h"
#include "base/log.h"
#include "base/memory.h"
#include "base/text.h"
#include "engine/server_internal.h"

enum { AT_ONCE = 256 << 10 }; /* bytes made before they are sent */

/* One cunik that is read. */
struct follower {
    char *cunik;
    char *service;
    uint64_t offset;
    bool alive;      /* may write more */
    bool unreadable; /* that has been logged */
};

struct logs {
    struct server *server;
    struct stream stream;
    char *stack;          /* "" = all */
    struct strv services; /* or names of cuniks; empty = all */
    bool follow, entered;
    bool until_end;             /* goes no further than the first end */
    bool ended;                 /* one has ended */
    int64_t tail;               /* -1 = all */
    int64_t since_ms, until_ms; /* lines of that time alone; -1 = all */
    size_t id;                  /* of the subscription, when following */
    _Atomic bool changed;       /* cuniks came or went */
    struct follower *items;
    size_t n;
};

static bool wanted(const struct logs *l, const struct world_cunik *c)
{
    return !l->services.n || cunik_strv_has(&l->services, c->service) ||
           cunik_strv_has(&l->services, c->name);
}

static struct follower *follower(struct logs *l, const char *cunik)
{
    for (size_t i = 0; i < l->n; i++)
        if (strcmp(l->items[i].cunik, cunik) == 0)
            return &l->items[i];
    return NULL;
}

/* Whether it has come to an end that ends the whole: one that others wait to see complete, and that
 * has, does not. */
static bool has_ended(const struct world *w, const struct world_cunik *c)
{
    const struct world_status *s = &c->status;

    if (s->state != CUNIK_EXITED)
        return false;
    for (size_t i = 0; s->exit_code == 0 && i < w->n_cuniks; i++)
        for (size_t k = 0; k < w->cuniks[i].n_depends; k++)
            if (w->cuniks[i].depends[k].condition == DEPEND_COMPLETED &&
                strcmp(w->cuniks[i].depends[k].service, c->service) == 0 &&
                strcmp(w->cuniks[i].stack, c->stack) == 0)
                return false;
    return true;
}

/* Looks which cuniks there are. One that is new while following is read from its beginning. */
static int refresh(struct logs *l, bool first, struct error **err)
{
    _cleanup_world_ struct world w = {0};
    int r = cunik_engine_world(l->server->engine, l->stack, &w, err);

    if (r < 0)
        return r;
    for (size_t i = 0; i < l->n; i++)
        l->items[i].alive = false;
    for (size_t i = 0; i < w.n_cuniks; i++) {
        const struct world_cunik *c = &w.cuniks[i];
        struct follower *f = follower(l, c->name);
        if (!wanted(l, c))
            continue;
        if (!f) {
            f = ARRAY_APPEND(l->items, l->n);
            f->cunik = cunik_strdup(c->name);
            f->service = cunik_strdup(c->service);
            if (first && l->tail >= 0)
                f->offset = cunik_console_tail(l->server->consoles, c->name, (uint64_t)l->tail);
        }
        f->alive = cunik_state_is_active(c->status.state);
        l->ended = l->ended || has_ended(&w, c);
    }
    /* One that is being restarted or recreated goes on in a moment. */
    for (size_t i = 0; i < l->n; i++)
        if (!l->items[i].alive)
            l->items[i].alive = cunik_engine_deals_with(l->server->engine, l->items[i].cunik);
    return 0;
}

struct putting {
    struct logs *logs;
    const struct follower *follower;
};

/* Of a line whose time is not known nobody can say that it is of the time asked for. */
static bool is_timely(const struct logs *l, int64_t time_ms)
{
    if (l->since_ms >= 0 && time_ms < l->since_ms)
        return false;
    return l->until_ms < 0 || (time_ms && time_ms <= l->until_ms);
}

static int put_line(void *ctx, const struct console_line *line)
{
    const struct putting *p = ctx;
    struct stream *stream = &p->logs->stream;
    _cleanup_buffer_ struct buffer clean = {0};
    const char *text = line->text;
    size_t size = line->size;

    if (!is_timely(p->logs, line->time_ms))
        return 0;
    json_t *json = json_object();

    /* A NUL ends strings elsewhere: it becomes what other bytes that are no text become. */
    if (memchr(text, '\0', size)) {
        for (size_t i = 0; i < size; i++)
            if (text[i])
                cunik_buffer_char(&clean, text[i]);
            else
                cunik_buffer_text_append(&clean, "\xef\xbf\xbd");
        text = clean.data;
        size = clean.size;
    }
    cunik_json_set_string(json, "cunik", p->follower->cunik);
    cunik_json_set_string(json, "service", p->follower->service);
    cunik_json_set(json, "text", cunik_json_string(text, size));
    if (line->time_ms)
        cunik_json_set_int(json, "time", line->time_ms);
    cunik_stream_put_json(stream, json);
    return cunik_stream_pending(stream) >= AT_ONCE;
}

/* Reads on. True when there may be more at once, for enough waits to be sent. */
static bool read_followers(struct logs *l)
{
    for (size_t i = 0; i < l->n; i++) {
        struct follower *f = &l->items[i];
        struct putting p = {l, f};
        _cleanup_error_ struct error *err = NULL;
        if (f->unreadable)
            continue;
        int r = cunik_console_read(l->server->consoles, f->cunik, !l->follow || !f->alive,
                                   &f->offset, put_line, &p, &err);
        if (r > 0)
            return true;
        f->unreadable = r < 0;
        if (r < 0)
            cunik_log(LOG_LEVEL_WARNING, "the console of '%s' is read no further: %s", f->cunik,
                      err->message);
    }
    return false;
}

static bool any_alive(const struct logs *l)
{
    for (size_t i = 0; i < l->n; i++)
        if (l->items[i].alive)
            return true;
    return false;
}

static void fill(struct stream *s, void *ctx)
{
    struct logs *l = ctx;
    _cleanup_error_ struct error *err = NULL;

    /* When that fails, who is there already is read on. */
    if (atomic_exchange(&l->changed, false) && refresh(l, false, &err) < 0)
        cunik_log(LOG_LEVEL_WARNING, "logs may miss new cuniks: %s", err->message);
    if (read_followers(l))
        cunik_stream_wake(s);
    else if (!l->follow || !any_alive(l) || (l->until_end && l->ended))
        cunik_stream_end(s);
}

/* Called from the engine's threads: what happened is looked at by the connection's own. */
static void note_event(void *ctx, const struct event *e)
{
    struct logs *l = ctx;

    if (e->type != EVENT_STATE && e->type != EVENT_STEP && e->type != EVENT_DONE)
        return;
    l->changed = true;
    cunik_stream_wake(&l->stream);
}

static void close_logs(struct stream *s, void *ctx)
{
    struct logs *l = ctx;

    if (l->follow) {
        cunik_engine_unsubscribe(l->server->engine, l->id);
        if (s->also >= 0)
            cunik_consoles_unwatch(l->server->consoles, s->also);
    }
    for (size_t i = 0; i < l->n; i++) {
        free(l->items[i].cunik);
        free(l->items[i].service);
    }
    free(l->items);
    if (l->entered)
        cunik_server_leave_stream(l->server);
    free(l->stack);
    cunik_strv_done(&l->services);
    cunik_stream_done(s);
    free(l);
}

static enum MHD_Result add_service(void *ctx, enum MHD_ValueKind kind _unused_, const char *key,
                                   const char *value)
{
    struct logs *l = ctx;

    if (strcmp(key, "service") == 0 && value && *value)
        cunik_strv_add(&l->services, value);
    return MHD_YES;
}

static int read_time(struct MHD_Connection *connection, const char *key, int64_t *ret,
                     struct error **err)
{
    const char *text = cunik_server_query(connection, key);
    uint64_t ms;

    *ret = -1;
    if (!text || (strcmp(key, "until") == 0 && strcmp(text, "end") == 0))
        return 0;
    if (cunik_text_to_uint(text, 0, INT64_MAX, &ms) < 0)
        return cunik_error_set(err, ERROR_INVALID,
                               "'%s' must be a time in milliseconds since 1970, not '%s'", key,
                               text);
    *ret = (int64_t)ms;
    return 0;
}

static int read_query(struct logs *l, struct MHD_Connection *connection, struct error **err)
{
    const char *stack = cunik_server_query(connection, "stack");
    const char *tail = cunik_server_query(connection, "tail");
    uint64_t lines;

    l->stack = cunik_strdup(stack ? stack : "");
    l->follow = cunik_server_query_flag(connection, "follow");
    l->until_end = cunik_text_equal(cunik_server_query(connection, "until"), "end");
    l->tail = -1;
    MHD_get_connection_values(connection, MHD_GET_ARGUMENT_KIND, add_service, l);
    int r = read_time(connection, "since", &l->since_ms, err);
    if (r == 0)
        r = read_time(connection, "until", &l->until_ms, err);
    if (r < 0)
        return r;
    if (l->follow && l->until_ms >= 0)
        return cunik_error_set(err, ERROR_INVALID, "'follow' and 'until' exclude each other");
    if (!tail || strcmp(tail, "all") == 0)
        return 0;
    if (cunik_text_to_uint(tail, 0, INT64_MAX, &lines) < 0)
        return cunik_error_set(err, ERROR_INVALID, "'tail' must be a number or \"all\", not '%s'",
                               tail);
    l->tail = (int64_t)lines;
    return 0;
}

/* From the subscription on no change is missed, so it comes before the first look. */
static int watch(struct logs *l, struct error **err)
{
    if (!l->follow)
        return 0;
    l->id = cunik_engine_subscribe(l->server->engine, &(struct event_sink){note_event, l});
    l->stream.also = cunik_consoles_watch(l->server->consoles);
    return l->stream.also < 0
               ? cunik_error_errno(err, l->stream.also, "waiting for lines of consoles")
               : 0;
}

enum MHD_Result cunik_server_logs(struct server *s, struct MHD_Connection *connection,
                                  const struct buffer *body _unused_)
{
    _cleanup_error_ struct error *err = NULL;
    struct logs *l = cunik_calloc(1, sizeof(*l));
    int r = cunik_stream_init(&l->stream, connection);

    if (r < 0) {
        free(l);
        cunik_error_errno(&err, r, "beginning a stream");
        return cunik_server_refuse(connection, err);
    }
    l->server = s;
    l->stream.fill = fill;
    l->stream.close = close_logs;
    l->stream.ctx = l;
    r = read_query(l, connection, &err);
    if (r == 0)
        r = cunik_server_enter_stream(s, &err);
    l->entered = r == 0;
    if (r == 0 && !s->consoles)
        r = cunik_error_set(&err, ERROR_UNAVAILABLE, "this engine keeps no consoles");
    if (r < 0)
        l->follow = false; /* nothing has been subscribed to */
    if (r == 0)
        r = watch(l, &err);
    if (r == 0)
        r = refresh(l, true, &err);
    if (r < 0) {
        close_logs(&l->stream, l);
        return cunik_server_refuse(connection, err);
    }
    cunik_stream_wake(&l->stream);
    return cunik_stream_answer(&l->stream, connection);
}
