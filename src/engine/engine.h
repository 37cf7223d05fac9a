/* The engine: observes, plans, applies and supervises, for any number of stacks.
 *
 * One per process. It knows no HTTP, no YAML and no libvirt: the host comes in as a table of
 * operations, health probes as a prober (health.h). All functions may be called from any thread;
 * two requests for one stack are carried out one after the other, different stacks at once.
 */
#pragma once

#include "engine/event.h"
#include "engine/host.h"
#include "engine/plan.h"
#include "engine/request.h"

struct engine;

/* Takes over what it finds on the host: guests that run are supervised again. `log` gets every
 * event from the first on. */
int cunik_engine_create(const struct host *host, const struct event_sink *log, struct engine **ret,
                        struct error **err);
/* Ends supervision; guests run on. */
void cunik_engine_destroy(struct engine *e);

/* The actual world, of one stack or (stack NULL or "") of all, with health and restart counts. */
int cunik_engine_world(struct engine *e, const char *stack, struct world *ret, struct error **err);

int cunik_engine_plan(struct engine *e, const struct request *r, struct plan *ret,
                      struct error **err);

/* Carries a request out; events of its steps go to the sink (and to subscribers). Returns when all
 * is done, failed, or *cancel became true (ERROR_CANCELLED; steps under way are finished first). */
int cunik_engine_apply(struct engine *e, const struct request *r, const struct event_sink *sink,
                       const _Atomic bool *cancel, struct error **err);

/* All volumes, as an array of JSON objects (volume.h) that each have "used_by", the names of the
 * cuniks that have it, when there are any. */
int cunik_engine_volumes(struct engine *e, json_t **ret, struct error **err);
int cunik_engine_volume_create(struct engine *e, const struct world_volume *v, json_t **ret,
                               struct error **err);
/* ERROR_CONFLICT while a cunik has it, running or not, or a request is about to make one. */
int cunik_engine_volume_remove(struct engine *e, const char *name, struct error **err);
/* What cuniks boot, running or not, and those that requests are about to make: the digests of their
 * images, and beside each the cunik's name. Between hold and release, which go around it and what
 * is removed for what it says, no request takes another. */
void cunik_engine_images_hold(struct engine *e);
void cunik_engine_images_release(struct engine *e);
int cunik_engine_image_users(struct engine *e, struct strv *ret_digests, struct strv *ret_names,
                             struct error **err);
/* What a file for guests holds; see file_store.h. */
int cunik_engine_file_put(struct engine *e, const void *data, size_t size, struct error **err);

/* Holds a guest still, or lets it go on. ERROR_CONFLICT while a request deals with it. */
int cunik_engine_pause(struct engine *e, const char *name, bool pause, struct error **err);

/* One run of a guest, for those who are attached to its console. */
struct guest_run {
    bool active;   /* it goes on */
    uint64_t run;  /* no other has this number */
    uint64_t from; /* how much its console held before this run */
};

/* ERROR_NOT_FOUND. */
int cunik_engine_run(struct engine *e, const char *name, struct guest_run *ret, struct error **err);
/* The terminal of one that runs (host.h); ERROR_CONFLICT otherwise. The caller frees it. */
int cunik_engine_terminal(struct engine *e, const char *name, char **ret_path, struct error **err);

/* Lets requests that wait look at their *cancel at once; call it after setting one. */
void cunik_engine_interrupt(struct engine *e);

/* Every event of every stack, until unsubscribed. */
size_t cunik_engine_subscribe(struct engine *e, const struct event_sink *sink);
void cunik_engine_unsubscribe(struct engine *e, size_t id);

/* Told by the host's side: a domain's state changed, by whomever. Only wakes the supervisor; what
 * it does follows from observing. `name` NULL: look at everything. */
void cunik_engine_wake(struct engine *e, const char *name);

/* Told by the consoles' side: a cunik's console has grown to so many bytes. */
void cunik_engine_console(struct engine *e, const char *name, uint64_t size);

/* Whether anything is there to look after (for leaving when idle). */
bool cunik_engine_idle(struct engine *e);

/* Whether a request deals with this cunik now, so that what it is may change at once. */
bool cunik_engine_deals_with(struct engine *e, const char *name);
