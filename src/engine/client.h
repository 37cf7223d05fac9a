/* The client's side of the engine's API: HTTP and JSON over its UNIX socket, through libcurl.
 * Starts the engine when its socket does not answer. */
#pragma once

#include "engine/event.h"
#include "engine/plan.h"
#include "engine/request.h"
#include "images/image.h"

struct client;

/* What /v1/version says in "api": a client talks to no other. */
enum { CLIENT_API = 1 };

struct client_settings {
    const char *connect; /* libvirt URI for the engine, "" = its default; a running engine with
                            another one is ERROR_CONFLICT */
    const char *accel;   /* for an engine that has to be started; "" = its choice */
    int cancel_fd;       /* an eventfd, readable when the user wants to stop: calls end with
                            ERROR_CANCELLED; -1 = none */
};

/* Reaches the engine, or starts it and waits until it answers: `cunikd` beside the running program,
 * else in PATH; it goes on in a session of its own and logs to ROOT/cunikd.log, whose last line is
 * in the error when it does not come up. The settings' strings are copied. A client may be used by
 * several threads at once. */
int cunik_client_create(const struct client_settings *settings, struct client **ret,
                        struct error **err);
void cunik_client_destroy(struct client *c);
DEFINE_CLEANUP(struct client *, cunik_client_destroy)

/* Whether the engine runs in another network namespace than this process: then guests' addresses
 * and published ports are not reached from here. */
bool cunik_client_foreign_netns(const struct client *c);

/* The engine's version object: version, api, libvirt, connect, accel, accel_reason, pid, netns. */
int cunik_client_version(struct client *c, json_t **ret, struct error **err);
/* stack "" = all. */
int cunik_client_world(struct client *c, const char *stack, struct world *ret, struct error **err);
int cunik_client_plan(struct client *c, const struct request *r, struct plan *ret,
                      struct error **err);
/* Events go to the sink as they come, "done" and "error" too. Returns the request's own result.
 * When the client has a cancel_fd and it becomes readable, the engine finishes the steps under way
 * and begins no others, and events go on until it has said what was done; the second time this
 * returns at once. The engine does the same when this process ends before the request. An interrupt
 * that came too late for the request is left for the next call. */
int cunik_client_apply(struct client *c, const struct request *r, const struct event_sink *sink,
                       struct error **err);

/* From now on the first interrupt is enough to return. */
void cunik_client_leave_at_once(struct client *c);

/* As engine.h has them; the arrays and objects are JSON. */
int cunik_client_volumes(struct client *c, json_t **ret, struct error **err);
int cunik_client_volume_create(struct client *c, const struct world_volume *v, json_t **ret,
                               struct error **err);
int cunik_client_volume_remove(struct client *c, const char *name, struct error **err);
int cunik_client_file_put(struct client *c, const void *data, size_t size, struct error **err);

/* Images. client_images.c; the arrays and objects are as docs/openapi.json has them. */
/* `brief`: of each only its digest, names, damage, size and backend. */
int cunik_client_images(struct client *c, bool brief, json_t **ret, struct error **err);
/* One, checked: ERROR_NOT_FOUND. */
int cunik_client_image(struct client *c, const char *name, json_t **ret, struct error **err);
int cunik_client_image_tag(struct client *c, const char *name, const char *to, struct error **err);
/* ERROR_CONFLICT for the last name of an image that a cunik boots, unless by force. */
int cunik_client_image_remove(struct client *c, const char *name, bool force, struct error **err);
int cunik_client_images_prune(struct client *c, bool all, json_t **ret, struct error **err);
/* An OCI archive, to or from a descriptor. The digest is the caller's. */
int cunik_client_image_save(struct client *c, const char *name, int fd, struct error **err);
int cunik_client_image_load(struct client *c, int fd, const char *name, char **ret_digest,
                            struct error **err);
int cunik_client_image_build(struct client *c, const struct image_build *b, const char *name,
                             char **ret_digest, struct error **err);
/* client_registry.c: through skopeo, run here, by way of a folder of $TMPDIR or /var/tmp. */
int cunik_client_image_pull(struct client *c, const char *name, const struct image_transfer *t,
                            char **ret_digest, struct error **err);
/* As a policy says: "missing" fetches what is not there, "always" all, "never" nothing. Says on
 * standard error when it fetches. */
int cunik_client_image_need(struct client *c, const char *name, const char *policy,
                            const struct image_transfer *t, struct error **err);
/* ret: whether it is there. */
int cunik_client_image_there(struct client *c, const char *name, bool *ret, struct error **err);
int cunik_client_image_push(struct client *c, const char *name, const struct image_transfer *t,
                            struct error **err);

struct log_query {
    const char *stack;
    struct strv services; /* names of services or of cuniks; empty = all */
    bool follow;          /* go on until all of them are gone or the user cancels */
    bool until_end;       /* with follow: only until the first of them has ended */
    int64_t tail;         /* last lines of each, -1 = all */
    int64_t since_ms;     /* and of them those that came then; 0 = all */
    int64_t until_ms;     /* not with follow */
};

struct log_line {
    const char *cunik, *service;
    const char *text; /* without newline */
    int64_t time_ms;  /* 0 = not known */
};

typedef void cunik_log_put(void *ctx, const struct log_line *line);
int cunik_client_logs(struct client *c, const struct log_query *q, cunik_log_put *put, void *ctx,
                      struct error **err);
/* A console both ways. `put` gets what the guest writes, as bytes, until this run of it ends (0) or
 * the user cancels; a negative return ends it. from_start: also what it wrote since its start, and
 * one that has ended is no error then. `begun` (may be NULL) is called once when typing is
 * possible. Typing goes from another thread, and gives how much of it was taken: the guest may be
 * slow. */
struct attach_sink {
    int (*put)(void *ctx, const char *data, size_t size, struct error **err);
    void (*begun)(void *ctx);
    void *ctx;
};
int cunik_client_attach(struct client *c, const char *name, bool from_start,
                        const struct attach_sink *sink, struct error **err);
int cunik_client_type(struct client *c, const char *name, const void *data, size_t size,
                      size_t *ret_taken, struct error **err);
/* What the guests that run use, see stats.h; with the threads of each as "tasks". */
int cunik_client_stats(struct client *c, bool threads, json_t **ret, struct error **err);
/* Holds a guest still, or lets it go on. */
int cunik_client_pause(struct client *c, const char *name, bool pause, struct error **err);

struct event_query {
    const char *stack;   /* "" = all */
    int64_t since_ms;    /* -1 = from now on; else what is kept of the past comes first */
    int64_t until_ms;    /* -1 = without end */
    struct strv filters; /* KEY=VALUE, see event_filter.h */
};

/* Events until `until_ms` (0), cancelled (ERROR_CANCELLED), or the engine ends (ERROR_UNAVAILABLE).
 */
int cunik_client_events(struct client *c, const struct event_query *q,
                        const struct event_sink *sink, struct error **err);
