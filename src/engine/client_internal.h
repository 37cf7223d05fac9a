/* What the parts of the client share: client.c (what is said), client_http.c (how it is carried),
 * client_start.c (an engine to say it to). */
#pragma once

#include <curl/curl.h>
#include <pthread.h>

#include "base/buffer.h"
#include "engine/client.h"

/* What carries calls, one after the other: the connection is kept by the multi handle. */
struct channel {
    CURLM *multi;
    CURL *easy;
};

struct client {
    char *state, *socket, *connect, *accel;
    int cancel_fd;
    bool impatient; /* requests are left at the first interrupt */
    bool foreign_netns;
    pthread_mutex_t lock; /* of all below */
    struct channel *idle; /* for the next calls */
    size_t n_idle;
};

/* A body that is not kept in memory. */
struct body_source {
    int64_t size;                                                         /* -1 = not known */
    ssize_t (*read)(void *ctx, void *to, size_t max, struct error **err); /* 0 = its end */
    void (*rewind)(void *ctx); /* NULL = it can be read once */
    void *ctx;
};

/* Bytes of an answer, as they come. */
typedef int cunik_client_take(void *ctx, const char *data, size_t size, struct error **err);

/* A request. */
struct call {
    const char *method;
    const char *path; /* with its query, escaped */
    const char *body; /* NULL = none */
    size_t body_size;
    const struct body_source *source; /* in its place; NULL = none */
    bool once; /* not to be sent again when nobody knows whether it was heard */
    /* An answer that comes line by line: called for each, without its newline; a negative return
     * ends the call and is its result. NULL: the answer is kept whole in `answer`. */
    int (*line)(void *ctx, const char *text, size_t size, struct error **err);
    /* The same for an answer of any bytes, as they come. */
    cunik_client_take *take;
    /* When not NULL: the answer has begun, which may be long before its first byte. */
    void (*begun)(void *ctx);
    /* When not NULL: what the first interrupt leads to, in place of leaving. A negative return
     * leaves after all. heard: something of the answer has come. */
    int (*interrupt)(void *ctx, bool heard);
    bool interrupted; /* it was called */
    void *ctx;
    struct buffer answer; /* the caller releases it */
};

void cunik_client_close_channel(struct channel *ch);

/* Carries a call out; starts the engine when there is none. An answer that is an error becomes one.
 */
int cunik_client_call(struct client *c, struct call *call, struct error **err);

/* The same for one whose answer is one JSON value; ret may be NULL. */
int cunik_client_json(struct client *c, struct call *call, json_t **ret, struct error **err);
/* "KEY=VALUE" with the value escaped, behind '?' or '&'. */
void cunik_client_add_query(struct buffer *path, const char *key, const char *value);

/* An image as an OCI archive. */
int cunik_client_image_get(struct client *c, const char *name, cunik_client_take *take, void *ctx,
                           struct error **err);
/* Sends an archive; the answer is the digest of the image that came of it. */
int cunik_client_tar(struct client *c, const char *route, const char *name, struct tar *t,
                     char **ret_digest, struct error **err);

/* Starts an engine for the client's root and returns when one (this or another that was quicker)
 * answers at the socket. */
int cunik_client_start(const struct client *c, struct error **err);
