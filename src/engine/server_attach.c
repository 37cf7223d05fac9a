/* GET and POST /v1/attach: a console both ways. What the guest writes is read from the console's
 * file, so that many can be attached and none takes from another; what is typed goes into its
 * terminal, which is open for as long as somebody is attached. */
#include <stdatomic.h>
#include <string.h>

#include "base/json.h"
#include "base/log.h"
#include "base/memory.h"
#include "base/text.h"
#include "engine/server_internal.h"
#include "engine/terminal.h"

enum {
    CHUNK = 32 << 10,
    AT_ONCE = 256 << 10, /* bytes made before they are sent */
    TYPED_WAIT_MS = 1000,
};

struct attached {
    struct server *server;
    struct stream stream;
    char *name;
    struct guest_run run;
    uint64_t offset;
    struct terminal *terminal; /* NULL: it has ended already */
    size_t id;                 /* of the subscription */
    bool subscribed, entered;
    _Atomic bool changed;
    bool over;      /* this run has ended */
    uint64_t until; /* then: where its output ends; UINT64_MAX = at the end of the file */
};

/* Whether this run has ended; what another one writes is not for us. */
static void refresh(struct attached *a)
{
    struct guest_run now = {0};
    int r = cunik_engine_run(a->server->engine, a->name, &now, NULL);

    if (a->over || (r == 0 && now.active && now.run == a->run.run))
        return;
    a->over = true;
    a->until = UINT64_MAX;
    /* A console that holds less than was read is another one, of a cunik that was made anew. */
    if (r == 0 && now.run != a->run.run)
        a->until = now.from > a->offset ? now.from : a->offset;
}

/* False when there is no more at the moment. */
static bool read_on(struct attached *a)
{
    _cleanup_free_ char *chunk = cunik_malloc(CHUNK);
    _cleanup_error_ struct error *err = NULL;
    size_t size = 0;

    while (cunik_stream_pending(&a->stream) < AT_ONCE) {
        uint64_t left = a->over ? a->until - a->offset : CHUNK;
        if (a->over && a->offset >= a->until)
            return false;
        int r = cunik_console_bytes(a->server->consoles, a->name, &a->offset, chunk,
                                    left < CHUNK ? left : CHUNK, &size, &err);
        if (r < 0)
            cunik_log(LOG_LEVEL_WARNING, "the console of '%s' is read no further: %s", a->name,
                      err->message);
        if (r < 0 || !size)
            return false;
        cunik_stream_put_bytes(&a->stream, chunk, size);
    }
    return true;
}

/* The end is looked for first, so that nothing is written between the last read and it. */
static void fill(struct stream *s, void *ctx)
{
    struct attached *a = ctx;

    if (atomic_exchange(&a->changed, false))
        refresh(a);
    if (read_on(a))
        cunik_stream_wake(s);
    else if (a->over)
        cunik_stream_end(s);
}

/* Called from the engine's threads. */
static void note_event(void *ctx, const struct event *e)
{
    struct attached *a = ctx;

    if (e->type != EVENT_STATE && e->type != EVENT_STEP && e->type != EVENT_DONE)
        return;
    a->changed = true;
    cunik_stream_wake(&a->stream);
}

static void close_attached(struct stream *s, void *ctx)
{
    struct attached *a = ctx;

    if (a->subscribed)
        cunik_engine_unsubscribe(a->server->engine, a->id);
    if (s->also >= 0)
        cunik_consoles_unwatch(a->server->consoles, s->also);
    cunik_terminal_close(a->server->terminals, a->terminal);
    if (a->entered)
        cunik_server_leave_stream(a->server);
    free(a->name);
    cunik_stream_done(s);
    free(a);
}

static int open_terminal(struct attached *a, struct error **err)
{
    _cleanup_free_ char *path = NULL;
    int r = cunik_engine_terminal(a->server->engine, a->name, &path, err);

    return r < 0 ? r : cunik_terminal_open(a->server->terminals, a->name, path, &a->terminal, err);
}

/* From the subscription on no end is missed, so it comes before the first look. */
static int begin(struct attached *a, bool from_start, struct error **err)
{
    struct server *s = a->server;

    if (!s->consoles || !s->terminals)
        return cunik_error_set(err, ERROR_UNAVAILABLE, "this engine keeps no consoles");
    int r = cunik_server_enter_stream(s, err);
    if (r < 0)
        return r;
    a->entered = true;
    a->id = cunik_engine_subscribe(s->engine, &(struct event_sink){note_event, a});
    a->subscribed = true;
    a->stream.also = cunik_consoles_watch(s->consoles);
    if (a->stream.also < 0)
        return cunik_error_errno(err, a->stream.also, "waiting for bytes of consoles");
    if ((r = cunik_engine_run(s->engine, a->name, &a->run, err)) < 0)
        return r;
    a->offset = from_start ? a->run.from : cunik_console_size(s->consoles, a->name);
    if (!a->run.active && from_start)
        return 0;
    _cleanup_error_ struct error *why = NULL;
    r = open_terminal(a, &why);
    /* Its end may not have been noticed yet: what it wrote is there all the same. */
    if (r == 0 || (from_start && why->code == ERROR_CONFLICT))
        return 0;
    return cunik_error_pass(err, r, &why);
}

enum MHD_Result cunik_server_attach(struct server *s, struct MHD_Connection *connection,
                                    const struct buffer *body _unused_)
{
    const char *name = cunik_server_query(connection, "cunik");
    _cleanup_error_ struct error *err = NULL;
    struct attached *a = cunik_calloc(1, sizeof(*a));
    int r = cunik_stream_init(&a->stream, connection);

    if (r < 0) {
        free(a);
        cunik_error_errno(&err, r, "beginning a stream");
        return cunik_server_refuse(connection, err);
    }
    a->server = s;
    a->name = cunik_strdup(name ? name : "");
    a->stream.bytes = true;
    a->stream.fill = fill;
    a->stream.close = close_attached;
    a->stream.ctx = a;
    a->changed = true;
    r = begin(a, cunik_text_equal(cunik_server_query(connection, "from"), "start"), &err);
    if (r < 0) {
        close_attached(&a->stream, a);
        return cunik_server_refuse(connection, err);
    }
    cunik_stream_wake(&a->stream);
    return cunik_stream_answer(&a->stream, connection);
}

/* POST: the body is typed. */
enum MHD_Result cunik_server_type(struct server *s, struct MHD_Connection *connection,
                                  const struct buffer *body)
{
    const char *name = cunik_server_query(connection, "cunik");
    struct error *err = NULL;
    size_t taken = 0;
    int r;

    if (!s->terminals)
        r = cunik_error_set(&err, ERROR_UNAVAILABLE, "this engine keeps no consoles");
    else if (body->size > TERMINAL_TYPED_MAX)
        r = cunik_error_set(&err, ERROR_INVALID, "at most %d bytes are typed at once",
                            TERMINAL_TYPED_MAX);
    else
        r = cunik_terminal_type(s->terminals, name ? name : "", cunik_buffer_text(body), body->size,
                                TYPED_WAIT_MS, &taken, &err);
    json_t *answer = json_object();
    cunik_json_set_int(answer, "taken", (int64_t)taken);
    return cunik_server_finish(connection, r, answer, err);
}
