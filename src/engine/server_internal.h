/* What the parts of the API server share: server.c (connections), server_exchange.c (a request on
 * its way in), server_routes.c (where it goes), server_answer.c (answers), server_stream.c (those
 * that come line by line, or byte by byte), and a file for each group of routes. */
#pragma once

#include <microhttpd.h>
#include <pthread.h>
#include <stdatomic.h>

#include "base/buffer.h"
#include "engine/server.h"

enum { SERVER_IDLE_SECONDS = 60 }; /* for a client to say something, or to take what it is sent */

struct server {
    struct engine *engine;
    struct consoles *consoles;
    struct terminals *terminals; /* NULL: none can be opened */
    struct event_log *log;
    char *images;
    struct image_cache *image_cache;
    struct image_listings *image_listings;
    char *version;
    struct MHD_Daemon *daemon;
    _Atomic size_t body_bytes; /* of all requests that are being received */

    pthread_mutex_t lock; /* of all below */
    pthread_cond_t fewer; /* when one of the applies or their streams ends */
    size_t connections, n_streams;
    int64_t since; /* see cunik_server_busy() */
    bool stopping;
    struct apply **applies; /* under way, whether or not somebody listens */
    size_t n_applies;
    size_t n_apply_streams; /* that somebody still reads */
};

/* server_exchange.c: what libmicrohttpd calls with each part of a request, and when it is over. */
struct exchange;
enum MHD_Result cunik_server_exchange(void *ctx, struct MHD_Connection *connection,
                                      const char *path, const char *method, const char *version,
                                      const char *data, size_t *size, void **exchange);
void cunik_server_exchange_done(struct server *s, struct exchange *e);

/* server_routes.c */
struct route {
    const char *method, *path;
    enum MHD_Result (*answer)(struct server *s, struct MHD_Connection *connection,
                              const struct buffer *body);
    /* In its place: the body is no text and of any size, and comes in a file. */
    enum MHD_Result (*take)(struct server *s, struct MHD_Connection *connection, int fd);
};
/* NULL: there is none. */
const struct route *cunik_server_find_route(const char *method, const char *path);
/* A method that the path takes; NULL: there is no such path. */
const char *cunik_server_allowed(const char *path);

/* server_answer.c */
/* JSON; takes the text. allow: the method that would do, or NULL. */
enum MHD_Result cunik_server_answer(struct MHD_Connection *connection, unsigned status,
                                    const char *allow, char *text);
/* An error with an HTTP status of its own. */
enum MHD_Result cunik_server_refuse_with(struct MHD_Connection *connection, unsigned status,
                                         enum error_code code, const char *allow,
                                         const char *format, ...) _printf_(5, 6);
/* What a route made, which is taken over, or its error, as r says. */
enum MHD_Result cunik_server_finish(struct MHD_Connection *connection, int r, json_t *value,
                                    struct error *err);
/* The error, with the HTTP status of its code. */
enum MHD_Result cunik_server_refuse(struct MHD_Connection *connection, const struct error *err);
/* The request that a body is. */
int cunik_server_read_request(const struct buffer *body, struct request *ret, struct error **err);
/* A member of the query, NULL when absent. */
const char *cunik_server_query(struct MHD_Connection *connection, const char *key);
bool cunik_server_query_flag(struct MHD_Connection *connection, const char *key);

/* A stream: whoever has something to say appends lines, the connection's thread sends them and
 * sleeps in between until there are more or the client has gone. */
struct stream {
    int client; /* its socket: only looked at for whether the other side is still there */
    int wake;   /* eventfd */
    bool bytes; /* not lines of JSON */
    int also;   /* another descriptor that wakes; -1 = none */
    /* When woken and nothing is to be sent: makes more lines, or ends the stream. */
    void (*fill)(struct stream *s, void *ctx);
    /* The last call: sent whole, or the client has gone. Frees ctx and what it has of the stream.
     */
    void (*close)(struct stream *s, void *ctx);
    void *ctx;

    pthread_mutex_t lock; /* of all below */
    struct buffer data;
    bool ended;
    bool closed; /* nobody listens any more: what is put is dropped */
};

/* 0 or negative errno. */
int cunik_stream_init(struct stream *s, struct MHD_Connection *connection);
void cunik_stream_done(struct stream *s);
void cunik_stream_put_bytes(struct stream *s, const void *data, size_t size);
/* One line; takes the reference. */
void cunik_stream_put_json(struct stream *s, json_t *value);
void cunik_stream_end(struct stream *s);
void cunik_stream_wake(struct stream *s);
/* How much waits to be sent. */
size_t cunik_stream_pending(struct stream *s);
/* Sleeps until there is something to send or the stream has ended; false when the client has gone.
 */
bool cunik_stream_wait(struct stream *s);
/* Answers with it. On failure close has been called as well. */
enum MHD_Result cunik_stream_answer(struct stream *s, struct MHD_Connection *connection);

/* A place for a stream that may last for ever: of these there are fewer than connections, so that
 * other requests have room. */
int cunik_server_enter_stream(struct server *s, struct error **err);
void cunik_server_leave_stream(struct server *s);

/* The routes that take more than a few lines. */
enum MHD_Result cunik_server_cancel(struct server *s, struct MHD_Connection *connection,
                                    const struct buffer *body);
enum MHD_Result cunik_server_pause(struct server *s, struct MHD_Connection *connection,
                                   const struct buffer *body);
enum MHD_Result cunik_server_attach(struct server *s, struct MHD_Connection *connection,
                                    const struct buffer *body);
enum MHD_Result cunik_server_type(struct server *s, struct MHD_Connection *connection,
                                  const struct buffer *body);
enum MHD_Result cunik_server_stats(struct server *s, struct MHD_Connection *connection,
                                   const struct buffer *body);
enum MHD_Result cunik_server_apply(struct server *s, struct MHD_Connection *connection,
                                   const struct buffer *body);
enum MHD_Result cunik_server_volumes(struct server *s, struct MHD_Connection *connection,
                                     const struct buffer *body);
enum MHD_Result cunik_server_volume_create(struct server *s, struct MHD_Connection *connection,
                                           const struct buffer *body);
enum MHD_Result cunik_server_volume_remove(struct server *s, struct MHD_Connection *connection,
                                           const struct buffer *body);
enum MHD_Result cunik_server_file_put(struct server *s, struct MHD_Connection *connection,
                                      const struct buffer *body);
/* server_images.c. */
enum MHD_Result cunik_server_images(struct server *s, struct MHD_Connection *connection,
                                    const struct buffer *body);
enum MHD_Result cunik_server_image(struct server *s, struct MHD_Connection *connection,
                                   const struct buffer *body);
enum MHD_Result cunik_server_image_archive(struct server *s, struct MHD_Connection *connection,
                                           const struct buffer *body);
enum MHD_Result cunik_server_image_tag(struct server *s, struct MHD_Connection *connection,
                                       const struct buffer *body);
enum MHD_Result cunik_server_image_remove(struct server *s, struct MHD_Connection *connection,
                                          const struct buffer *body);
enum MHD_Result cunik_server_images_prune(struct server *s, struct MHD_Connection *connection,
                                          const struct buffer *body);
/* What came is in a file. */
enum MHD_Result cunik_server_image_load(struct server *s, struct MHD_Connection *connection,
                                        int fd);
enum MHD_Result cunik_server_image_build(struct server *s, struct MHD_Connection *connection,
                                         int fd);
/* Waits for them, and a moment for their last words to be read. */
void cunik_server_cancel_all(struct server *s);
enum MHD_Result cunik_server_events(struct server *s, struct MHD_Connection *connection,
                                    const struct buffer *body);
enum MHD_Result cunik_server_logs(struct server *s, struct MHD_Connection *connection,
                                  const struct buffer *body);
