/* update: other memory, processors or restart policy for cuniks that are there. What needs a new
 * guest makes one; addresses stay. A stack file says its own again at the next `up`. */
#include <stdio.h>
#include <string.h>

#include "base/memory.h"
#include "engine/run_options.h"
#include "engine/verb.h"

static int change(const struct arguments *a, struct world_cunik *c, struct error **err)
{
    const char *memory = cunik_arguments_value(a, "memory"),
               *cpus = cunik_arguments_value(a, "cpus");
    const char *restart = cunik_arguments_value(a, "restart");
    int r = 0;

    if (!memory && !cpus && !restart)
        return cunik_error_set(err, ERROR_INVALID,
                               "nothing to update: give --memory, --cpus or --restart");
    if (memory)
        r = cunik_run_memory(memory, &c->memory, err);
    if (r == 0 && cpus)
        r = cunik_run_cpus(cpus, &c->cpus, err);
    if (r == 0 && restart)
        r = cunik_run_restart(restart, &c->restart, &c->restart_max, err);
    return r;
}

/* All of its stack as it is, with this one changed. */
static int update(const struct arguments *a, struct client *client, const char *name,
                  struct error **err)
{
    _cleanup_request_ struct request request;
    _cleanup_world_ struct world all = {0}, stack = {0};
    struct world_cunik *c;

    cunik_request_init(&request);
    int r = cunik_client_world(client, "", &all, err);
    if (r == 0)
        r = cunik_verb_find(&all, name, &c, err);
    if (r == 0)
        r = cunik_client_world(client, c->stack, &stack, err);
    if (r == 0)
        r = cunik_verb_find(&stack, c->name, &c, err);
    if (r == 0)
        r = change(a, c, err);
    if (r < 0)
        return r;
    request.action = ACTION_UP;
    request.no_dependencies = true;
    request.atomic = true; /* one that could not be changed must not be lost */
    request.no_start = !cunik_state_is_active(c->status.state);
    cunik_replace(&request.stack, c->stack);
    cunik_strv_add(&request.services, c->service);
    cunik_world_copy(&request.desired, &stack);
    r = cunik_verb_apply(client, &request, err);
    if (r == 0)
        puts(c->name);
    return r;
}

int cunik_verb_update(void *context _unused_, const struct arguments *a, int *ret_status _unused_,
                      struct error **err)
{
    const struct strv *names = cunik_arguments_positional(a);
    _cleanup_(cunik_client_destroyp) struct client *client = NULL;
    int r = cunik_verb_reach(a, &client, err);

    for (size_t i = 0; i < names->n && r == 0; i++)
        r = update(a, client, names->items[i], err);
    return r;
}
