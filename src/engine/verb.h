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

cunik_verb cunik_verb_doctor, cunik_verb_events, cunik_verb_info, cunik_verb_inspect,
    cunik_verb_list, cunik_verb_logs, cunik_verb_version;
/* verb_volume.c, verb_volume_copy.c */
cunik_verb cunik_verb_volume_create, cunik_verb_volume_export, cunik_verb_volume_import,
    cunik_verb_volume_inspect, cunik_verb_volume_ls, cunik_verb_volume_prune, cunik_verb_volume_rm;

/* Reaches the engine as --connect and the environment say, starting it when needed. */
int cunik_verb_reach(const struct arguments *a, struct client **ret, struct error **err);
/* What there is of all stacks; ret_client may be NULL. */
int cunik_verb_world(const struct arguments *a, struct client **ret_client, struct world *ret,
                     struct error **err);
/* The cunik that a name or the beginning of a UUID means; ERROR_NOT_FOUND names the nearest. */
int cunik_verb_find(const struct world *w, const char *name, struct world_cunik **ret,
                    struct error **err);

/* --format json. */
bool cunik_verb_wants_json(const struct arguments *a);
void cunik_verb_print_json(const json_t *value, size_t flags);
/* --since and --until; *ret stays as it is when the option was not given. */
int cunik_verb_time(const struct arguments *a, const char *option, int64_t *ret,
                    struct error **err);
/* A point in time as docker prints it in times of logs and events; nothing when it is 0. */
void cunik_verb_print_time(int64_t ms);
