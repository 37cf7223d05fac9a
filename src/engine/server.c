/* The API server: its connections, and how many there may be of what. */
#include "engine/server.h"

#include <errno.h>
#include <string.h>
#include <unistd.h>

#include "base/json.h"
#include "base/log.h"
#include "base/memory.h"
#include "engine/clock.h"
#include "engine/server_internal.h"
#include "engine/terminal.h"
#include "images/image.h"

enum {
    CONNECTIONS_MAX = 512,
    CONNECTIONS_MANY = 128, /* from then on whoever says nothing is soon let go */
    STREAMS_MAX = 128,      /* of events and logs: the rest is for requests that end */
    CROWDED_SECONDS = 1,
    CONNECTION_MEMORY = 64 << 10,
};

static void set_patience(struct MHD_Connection *connection, bool crowded)
{
    unsigned seconds = crowded ? CROWDED_SECONDS : SERVER_IDLE_SECONDS;

    MHD_set_connection_option(connection, MHD_CONNECTION_OPTION_TIMEOUT, seconds);
}

static void completed(void *ctx, struct MHD_Connection *connection, void **exchange,
                      enum MHD_RequestTerminationCode why _unused_)
{
    struct server *s = ctx;

    if (!*exchange)
        return;
    pthread_mutex_lock(&s->lock);
    bool crowded = s->connections > CONNECTIONS_MANY;
    pthread_mutex_unlock(&s->lock);
    /* Also after a stream, which had all the time it liked. */
    set_patience(connection, crowded);
    cunik_server_exchange_done(s, *exchange);
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
    s->image_listings = cunik_image_listings_create(IMAGE_SETTLE);
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
        NULL, cunik_server_exchange, s, MHD_OPTION_EXTERNAL_LOGGER, log_words, NULL,
        MHD_OPTION_LISTEN_SOCKET, fd, MHD_OPTION_CONNECTION_LIMIT, (unsigned)CONNECTIONS_MAX,
        MHD_OPTION_CONNECTION_TIMEOUT, (unsigned)SERVER_IDLE_SECONDS,
        MHD_OPTION_CONNECTION_MEMORY_LIMIT, (size_t)CONNECTION_MEMORY, MHD_OPTION_NOTIFY_COMPLETED,
        completed, s, MHD_OPTION_NOTIFY_CONNECTION, connected, s, MHD_OPTION_END);
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
    cunik_image_listings_destroy(s->image_listings);
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
