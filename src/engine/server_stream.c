#include <errno.h>
#include <poll.h>
#include <string.h>
#include <sys/eventfd.h>

#include "base/json.h"
#include "base/memory.h"
#include "engine/server_internal.h"

enum {
    BLOCK = 32 << 10,         /* sent at once */
    PENDING_LIMIT = 64 << 20, /* a client that is this far behind is let go */
};

int cunik_stream_init(struct stream *s, struct MHD_Connection *connection)
{
    const union MHD_ConnectionInfo *info =
        MHD_get_connection_info(connection, MHD_CONNECTION_INFO_CONNECTION_FD);

    *s = (struct stream){.client = info ? info->connect_fd : -1, .also = -1};
    s->wake = eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK);
    if (s->wake < 0)
        return -errno;
    pthread_mutex_init(&s->lock, NULL);
    return 0;
}

void cunik_stream_done(struct stream *s)
{
    close(s->wake);
    cunik_buffer_done(&s->data);
    pthread_mutex_destroy(&s->lock);
}

void cunik_stream_wake(struct stream *s)
{
    const uint64_t one = 1;

    (void)!write(s->wake, &one, sizeof(one));
}

void cunik_stream_put_bytes(struct stream *s, const void *data, size_t size)
{
    pthread_mutex_lock(&s->lock);
    if (s->data.size + size > PENDING_LIMIT)
        s->closed = true;
    if (!s->closed)
        cunik_buffer_append(&s->data, data, size);
    pthread_mutex_unlock(&s->lock);
    cunik_stream_wake(s);
}

void cunik_stream_put_json(struct stream *s, json_t *value)
{
    _cleanup_json_ json_t *owned = value;
    _cleanup_free_ char *text = cunik_json_text(owned, JSON_COMPACT);
    size_t size = strlen(text);

    text[size] = '\n'; /* in place of the NUL */
    cunik_stream_put_bytes(s, text, size + 1);
}

void cunik_stream_end(struct stream *s)
{
    pthread_mutex_lock(&s->lock);
    s->ended = true;
    pthread_mutex_unlock(&s->lock);
    cunik_stream_wake(s);
}

size_t cunik_stream_pending(struct stream *s)
{
    pthread_mutex_lock(&s->lock);
    size_t size = s->data.size;
    pthread_mutex_unlock(&s->lock);
    return size;
}

static bool is_ready(struct stream *s, bool *ret_closed)
{
    pthread_mutex_lock(&s->lock);
    bool ready = s->data.size || s->ended;
    *ret_closed = s->closed;
    pthread_mutex_unlock(&s->lock);
    return ready;
}

bool cunik_stream_wait(struct stream *s)
{
    /* Only a closed connection is POLLHUP: one that is half closed still wants its answer. */
    struct pollfd fds[] = {
        {.fd = s->client}, {.fd = s->wake, .events = POLLIN}, {.fd = s->also, .events = POLLIN}};
    bool closed;

    while (!is_ready(s, &closed)) {
        if (closed)
            return false;
        if (poll(fds, ARRAY_SIZE(fds), -1) < 0 && errno != EINTR)
            return false;
        if (fds[0].revents)
            return false;
        uint64_t count;
        (void)!read(s->wake, &count, sizeof(count));
        if (s->also >= 0)
            (void)!read(s->also, &count, sizeof(count));
        if (s->fill)
            s->fill(s, s->ctx);
    }
    return !closed;
}

static ssize_t send_more(void *ctx, uint64_t at _unused_, char *to, size_t max)
{
    struct stream *s = ctx;
    ssize_t size = MHD_CONTENT_READER_END_OF_STREAM;

    if (!cunik_stream_wait(s))
        return MHD_CONTENT_READER_END_WITH_ERROR;
    pthread_mutex_lock(&s->lock);
    if (s->data.size) {
        size_t part = s->data.size < max ? s->data.size : max;
        memcpy(to, s->data.data, part);
        cunik_buffer_consume(&s->data, part);
        size = (ssize_t)part;
    }
    pthread_mutex_unlock(&s->lock);
    return size;
}

static void close_stream(void *ctx)
{
    struct stream *s = ctx;

    pthread_mutex_lock(&s->lock);
    s->closed = true;
    pthread_mutex_unlock(&s->lock);
    s->close(s, s->ctx);
}

enum MHD_Result cunik_stream_answer(struct stream *s, struct MHD_Connection *connection)
{
    struct MHD_Response *response =
        MHD_create_response_from_callback(MHD_SIZE_UNKNOWN, BLOCK, send_more, s, close_stream);

    if (!response) {
        close_stream(s);
        return MHD_NO;
    }
    /* A stream may be silent for as long as it likes. */
    MHD_set_connection_option(connection, MHD_CONNECTION_OPTION_TIMEOUT, 0u);
    MHD_add_response_header(response, MHD_HTTP_HEADER_CONTENT_TYPE,
                            s->bytes ? "application/octet-stream" : "application/x-ndjson");
    enum MHD_Result result = MHD_queue_response(connection, MHD_HTTP_OK, response);
    MHD_destroy_response(response);
    return result;
}
