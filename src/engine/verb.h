/* The verbs of `cunik`: what they share, and their list. Each stands in a file of its group,
 * verb_*.c, and its row, which parses it and makes its help, in verb_program.c.
 *
 * A verb asks the engine through the client, decides through pure modules, and prints its result on
 * standard output. Names of cuniks are those of `list`; a beginning of the UUID will do as well.
 */
#pragma once

#include <jansson.h>
#include <stdbool.h>

#include "base/verbs.h"
#include "engine/client.h"

extern const struct program cunik_program;

typedef int cunik_verb(void *context, const struct arguments *a, int *ret_status,
                       struct error **err);

cunik_verb cunik_verb_attach, cunik_verb_create, cunik_verb_doctor, cunik_verb_events,
    cunik_verb_info, cunik_verb_inspect, cunik_verb_kill, cunik_verb_list, cunik_verb_logs,
    cunik_verb_network_inspect, cunik_verb_network_ls, cunik_verb_network_prune,
    cunik_verb_network_rm, cunik_verb_pause, cunik_verb_port, cunik_verb_unpause, cunik_verb_prune,
    cunik_verb_remove, cunik_verb_rename, cunik_verb_restart, cunik_verb_run, cunik_verb_start,
    cunik_verb_stats, cunik_verb_top, cunik_verb_stop, cunik_verb_system_df, cunik_verb_update,
    cunik_verb_version, cunik_verb_wait;
/* verb_image.c; the first in compose/verb_build.c, for it reads YAML. */
cunik_verb cunik_verb_build, cunik_verb_image_import, cunik_verb_image_inspect,
    cunik_verb_image_load, cunik_verb_image_ls, cunik_verb_image_prune, cunik_verb_image_pull,
    cunik_verb_image_push, cunik_verb_image_rm, cunik_verb_image_save, cunik_verb_image_tag;
/* verb_volume.c, verb_volume_copy.c */
cunik_verb cunik_verb_volume_create, cunik_verb_volume_export, cunik_verb_volume_import,
    cunik_verb_volume_inspect, cunik_verb_volume_ls, cunik_verb_volume_prune, cunik_verb_volume_rm;

/* Reaches the engine as --connect and the environment say, starting it when needed. */
int cunik_verb_reach(const struct arguments *a, struct client **ret, struct error **err);
/* How it is reached, by any of our commands; the strings are borrowed. */
struct client_settings cunik_verb_client_settings(const struct arguments *a, int cancel_fd);
/* The same, with a descriptor that ends calls when it becomes readable; see client.h. */
int cunik_verb_reach_with(const struct arguments *a, int cancel_fd, struct client **ret,
                          struct error **err);
/* What there is of all stacks; ret_client may be NULL. */
int cunik_verb_world(const struct arguments *a, struct client **ret_client, struct world *ret,
                     struct error **err);
/* The cunik that a name or the beginning of a UUID means; ERROR_NOT_FOUND names the nearest. */
int cunik_verb_find(const struct world *w, const char *name, struct world_cunik **ret,
                    struct error **err);

/* The same of several, and only their names, as the engine has them. */
int cunik_verb_find_all(struct client *client, const struct strv *given, struct strv *ret,
                        struct error **err);

/* What verbs do with what is known by name, and show of it; commands of a stack do as well. */

/* Of all when there are no names; with `stream` again and again, until it is interrupted. */
int cunik_verb_print_stats(struct client *client, const struct strv *names, bool stream, bool json,
                           struct error **err);
int cunik_verb_print_top(struct client *client, const char *name, struct error **err);
/* Prints the names. */
int cunik_verb_pause_each(struct client *client, const struct strv *names, bool pause,
                          struct error **err);
/* Until a cunik has ended, and what with. cancel_fd: an eventfd, the client's. */
int cunik_verb_await(struct client *client, int cancel_fd, const char *name, int64_t *ret_code,
                     struct error **err);
/* As much of an image's digest as tables show; the caller frees it. */
char *cunik_verb_short_digest(const char *digest);
/* A table; names alone; or JSON, a line each. */
void cunik_verb_print_volumes(const json_t *list, bool quiet, bool json);

/* For what nobody names: "PREFIX-3f9a2c", of six random digits; the caller frees it. */
char *cunik_verb_any_name(const char *prefix);
/* Whether a name is free; *ret_kept: but for the things of one who was renamed (verb_update.c). */
int cunik_verb_check_name(const struct world *w, const char *name, bool *ret_kept,
                          struct error **err);

/* Carries a request out; its warnings go to standard error. */
int cunik_verb_apply(struct client *client, const struct request *r, struct error **err);
/* The same for all of a stack, with nothing else to be said. */
int cunik_verb_apply_stack(struct client *client, const char *stack, enum request_action action,
                           struct error **err);
/* --time of a command in nanoseconds; *ret stays as it is when it was not given. */
int cunik_verb_grace(const struct arguments *a, int64_t *ret_ns, struct error **err);
/* Whether a person agrees, asked at the terminal; --force is a yes. */
bool cunik_verb_agrees(const struct arguments *a, const char *question);

/* Removes networks that no cunik is on, and prints them; names NULL: all. */
int cunik_verb_remove_networks(struct client *client, const struct strv *names, struct error **err);

/* --format json. */
bool cunik_verb_wants_json(const struct arguments *a);
void cunik_verb_print_json(const json_t *value, size_t flags);
/* Prints events, a line each: as JSON or as text. */
struct event_sink cunik_verb_event_printer(bool json);
/* --since and --until; *ret stays as it is when the option was not given. */
int cunik_verb_time(const struct arguments *a, const char *option, int64_t *ret,
                    struct error **err);
/* The same for a query of logs. */
int cunik_verb_log_times(const struct arguments *a, struct log_query *q, struct error **err);
/* A line that a guest wrote: it is not to move the cursor or change the terminal. */
void cunik_verb_print_text(const char *text);
/* A point in time as docker prints it in times of logs and events; nothing when it is 0. */
void cunik_verb_print_time(int64_t ms);
