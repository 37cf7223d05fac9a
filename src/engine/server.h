/* The engine's API: HTTP and JSON over a UNIX socket, through libmicrohttpd.
 *
 *     GET  /v1/version                     the version object (client.h)
 *     GET  /v1/world[?stack=S]             a world; without a stack all of them
 *     POST /v1/plan                        body: a request (request.h); answer: a plan
 *     POST /v1/apply[?cancel=1][&id=X]     body: a request; answer: events
 *     POST /v1/cancel?id=X                 calls that request off; answer: {}
 *     GET  /v1/logs?stack=S                lines {"cunik","service","text","time"}
 *              [&service=X]…[&follow=1]     (since, until: those that came then, ms since the
 *              [&tail=N][&since=MS]         epoch)
 *              [&until=MS]
 *     GET  /v1/attach?cunik=NAME           what its guest writes, as bytes, until this run ends;
 *              [&from=start]                also what it wrote since its start
 *     POST /v1/attach?cunik=NAME           body: what is typed, 64 KiB at most, for one that
 *                                           somebody is attached to; answer: {"taken": BYTES},
 *                                           less when the guest is slow to take it
 *     GET  /v1/events?stack=S              every event from now on, or
 *              [&since=MS][&until=MS]       those of a time (ms since the epoch; since: what is
 *              [&filter=KEY=VALUE]…         kept of the past first), see event_filter.h
 *     GET  /v1/volumes                     an array of volumes (volume.h) with "used_by"
 *     POST /v1/volumes                     body: a volume; answer: it
 *     DELETE /v1/volumes?name=N            answer: {}
 *     POST /v1/files                       body: what a file for guests holds; answer: {}
 *
 *     GET  /v1/images                      an array of images (server_images.c)
 *     POST /v1/images?name=N               body: an OCI archive, a tar file; answer: {"digest"}
 *     DELETE /v1/images?name=N[&force=1]   answer: {}
 *     GET  /v1/image?name=N                one image, checked
 *     GET  /v1/images/archive?name=N       an OCI archive
 *     POST /v1/images/build?name=N         body: a tar file of config.json and files (image.h);
 *                                           answer: {"digest"}
 *     POST /v1/images/tag?name=N&to=M      answer: {}
 *     POST /v1/images/prune[?all=1]        answer: {"removed","freed"}
 *
 *     POST /v1/pause?cunik=NAME[&resume=1]  holds a guest still, or lets it go on
 *     GET  /v1/stats[?stack=S][&threads=1]  what the guests that run use, see stats.h
 *
 * The last event of an apply is "done" or "error".
 *
 * Streams are chunked application/x-ndjson, each line sent as it comes. What fails before the first
 * line is answered with the status of base/error.h's table and {"error":{"code","message"}}.
 *
 * A client that closes its connection in the middle of an apply only stops listening: what it asked
 * for is a level to be reached, and the engine goes on. With cancel=1 closing means stop: steps
 * under way are finished and no others begin. So does calling it off by the name that it was given,
 * and then the events go on to the end, which says what was done.
 *
 * Archives are of any size: on their way in they are written to a file of the store. The engine
 * fetches and sends nothing itself, so that registries see the logins of the user who asks and the
 * engine opens no file for anybody: the client brings what it has fetched.
 *
 * docs/openapi.json is the same in full, held against this server by a test.
 *
 * A thread for each connection (512 at most) and one that accepts; nothing is polled, so that an
 * idle server uses no CPU. Who says nothing for a minute is let go, and after a second while there
 * are more than 128 connections; events, logs and consoles are followed by 128 at most. So there is
 * always room for a request.
 */
#pragma once

#include <jansson.h>

#include "engine/console.h"
#include "engine/engine.h"
#include "engine/event_log.h"

struct server;

struct server_settings {
    struct engine *engine;
    struct consoles *consoles; /* NULL = no logs */
    struct event_log *log;     /* NULL = nothing is known of the past */
    const char *images;        /* the root of the store of images (images/image.h) */
    const json_t *version;     /* what /v1/version answers */
    int listen_fd;             /* a listening stream socket; taken over, also on failure */
};

/* A listening socket at `path`, whoever left one there before: the caller holds the engine's lock.
 * Mode 0660, owned by root and the group "cunik" where there is one; 0600 of an ordinary user. */
int cunik_server_listen(const char *path, int *ret_fd, struct error **err);

int cunik_server_create(const struct server_settings *settings, struct server **ret,
                        struct error **err);
/* The i-th route, false behind the last: for tests of the document. */
bool cunik_server_route(size_t i, const char **ret_method, const char **ret_path);
/* Closes all connections, cancels what is being applied and waits for it. */
void cunik_server_destroy(struct server *s);
DEFINE_CLEANUP(struct server *, cunik_server_destroy)

/* Whether a connection is open or a request still carried out; else *ret_since is when the last one
 * ended (CLOCK_MONOTONIC, ns; at first when the server began). */
bool cunik_server_busy(struct server *s, int64_t *ret_since);
