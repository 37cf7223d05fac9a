/* What an engine without rights keeps outside. It works in a user and network namespace of its own
 * (rootless.h), from where there is no way back; one process of the same user stays in the host's:
 *
 *  - it runs slirp4netns, the namespace's way to the world (network/slirp.h), starts it again when
 *    it ends, and ends it with the engine's last network;
 *  - it tells what the host has: addresses, routes, ports that are taken;
 *  - it keeps the namespaces from one engine to the next, for as long as there is a network.
 *
 * It listens at ROOT/outside.sock for the next engine, and ends when its engine has gone and there
 * is no network. Requests and answers are lines of JSON, one answer to each:
 *
 *     {"do":"keep"}                   with two descriptors: the user and the network namespace
 *     {"do":"namespaces"}             the answer comes with them, when there are any
 *     {"do":"set","subnet":"10.0.2.0/24","forwards":["tcp 0.0.0.0 8080"…]}
 *                                     slirp4netns runs, with these; without a subnet it ends
 *     {"do":"state"}                  {"subnet":…,"forwards":[…]}; "subnet" only while it runs
 *     {"do":"facts"}                  {"addresses":[…],"routes":[…],"sockets":[…],"least_port":N},
 *                                     sockets without those of its forwards
 *
 * A failure is {"error":"…","code":"…"}.
 */
#pragma once

#include <stdbool.h>
#include <stdint.h>

#include "base/error.h"
#include "base/json.h"
#include "base/strv.h"
#include "network/address.h"

/* Descriptors of namespaces; -1 = none. */
struct namespaces {
    int user, net;
};
void cunik_namespaces_done(struct namespaces *n);

/* The engine's end. */
struct outside;

/* Asks the process of an earlier engine. *ret is NULL when there is none, which is no error. */
int cunik_outside_find(const char *root, struct outside **ret, struct namespaces *ret_namespaces,
                       struct error **err);
/* Starts it: before any thread, and before any namespace is entered. */
int cunik_outside_start(const char *root, struct outside **ret, struct error **err);
int cunik_outside_keep(struct outside *o, const struct namespaces *n, struct error **err);
/* It may end now, if it keeps nothing. Takes NULL. */
void cunik_outside_leave(struct outside *o);
/* What becomes readable, or hangs up, when it has ended. */
int cunik_outside_fd(const struct outside *o);

/* All of these from any thread. */

/* The subnet that is or will be the way out's. */
struct cidr cunik_outside_subnet(const struct outside *o);
/* open: the way out is there, with the forwards given and no other; else it is taken away. */
int cunik_outside_set(struct outside *o, bool open, const struct strv *forwards,
                      struct error **err);
/* Whether it is there, with (at least) these. */
int cunik_outside_check(struct outside *o, const struct strv *forwards, bool *ret,
                        struct error **err);

struct outside_facts {
    struct strv addresses, routes, sockets; /* as in struct host_facts */
    int64_t least_port;                     /* the first that a user may publish */
};
int cunik_outside_facts(struct outside *o, struct outside_facts *ret, struct error **err);
void cunik_outside_facts_done(struct outside_facts *f);

/* outside_serve.c: the process itself. Takes the descriptors; returns when there is nothing more to
 * do. `engine` is the connection of the one that started it. */
void cunik_outside_serve(const char *root, int listening, int engine);

/* outside_line.c: a line with descriptors, on either end. */
struct buffer;
int cunik_outside_send(int fd, const json_t *what, const struct namespaces *n);
/* Reads more into the buffer; 0 at the end, negative errno. Descriptors that come along replace
 * *n's. */
ssize_t cunik_outside_receive(int fd, struct buffer *b, struct namespaces *n);
