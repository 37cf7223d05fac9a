/* update: other memory, processors or restart policy for cuniks that are there. What needs a new
 * guest makes one; addresses stay. A stack file says its own again at the next `up`. And rename. */
#include <stdio.h>
#include <string.h>

#include "base/memory.h"
#include "engine/run_options.h"
#include "engine/verb.h"

static int change(const struct arguments *a, const struct world *all _unused_,
                  struct world_cunik *c, struct error **err)
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

typedef int changer(const struct arguments *a, const struct world *all, struct world_cunik *c,
                    struct error **err);

/* The networks of other stacks that its cuniks are on. */
static void add_external(struct world *w, const struct world *all)
{
    for (size_t i = 0; i < w->n_cuniks; i++)
        for (size_t k = 0; k < w->cuniks[i].n_interfaces; k++) {
            const char *name = w->cuniks[i].interfaces[k].network;
            const struct world_network *there = cunik_world_network(all, name);
            if (!there || cunik_world_network(w, name))
                continue;
            struct world_network *n = cunik_world_add_network(w);
            cunik_replace(&n->name, name);
            cunik_replace(&n->key, there->key);
            n->external = true;
        }
}

/* All of its stack as it is, with this one changed. */
static int update(const struct arguments *a, struct client *client, const char *name,
                  changer *change_it, struct error **err)
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
    if (r < 0)
        return r;
    const char *same = c->name;
    c = cunik_world_cunik(&stack, same);
    r = c ? change_it(a, &all, c, err)
          : cunik_error_set(err, ERROR_NOT_FOUND, "no such cunik: %s", name);
    if (r < 0)
        return r;
    request.action = ACTION_UP;
    request.no_dependencies = true;
    request.atomic = true; /* one that could not be changed must not be lost */
    request.only_there = true;
    cunik_replace(&request.stack, c->stack);
    cunik_strv_add(&request.services, c->service);
    cunik_world_copy(&request.desired, &stack);
    add_external(&request.desired, &all);
    r = cunik_verb_apply(client, &request, err);
    if (r == 0)
        puts(cunik_world_called(c));
    return r;
}

int cunik_verb_update(void *context _unused_, const struct arguments *a, int *ret_status _unused_,
                      struct error **err)
{
    const struct strv *names = cunik_arguments_positional(a);
    _cleanup_(cunik_client_destroyp) struct client *client = NULL;
    int r = cunik_verb_reach(a, &client, err);

    for (size_t i = 0; i < names->n && r == 0; i++)
        r = update(a, client, names->items[i], change, err);
    return r;
}

/* A cunik keeps its name in all that it has on the host; rename is what people call it, in lists,
 * by every verb and in DNS. One who is called otherwise has given its name free: *ret_kept says
 * that it is still the name of such a one's things. */
int cunik_verb_check_name(const struct world *w, const char *name, bool *ret_kept,
                          struct error **err)
{
    *ret_kept = false;
    for (size_t i = 0; i < w->n_cuniks; i++) {
        const struct world_cunik *c = &w->cuniks[i];
        if (strcmp(cunik_world_called(c), name) == 0)
            return cunik_error_set(err, ERROR_CONFLICT, "the name '%s' is taken by cunik '%s'",
                                   name, name);
        if (strcmp(c->stack, name) != 0 && strcmp(c->name, name) != 0)
            continue;
        if (!*c->called)
            return cunik_error_set(err, ERROR_CONFLICT,
                                   "the name '%s' is taken by a cunik of stack '%s'", name, name);
        *ret_kept = true;
    }
    return 0;
}

static int rename_it(const struct arguments *a, const struct world *all, struct world_cunik *c,
                     struct error **err)
{
    const char *name = cunik_arguments_positional(a)->items[1];
    bool kept;

    if (!*name)
        return cunik_error_set(err, ERROR_INVALID, "the new name of '%s' is empty",
                               cunik_world_called(c));
    if (strcmp(c->stack, c->name) != 0)
        return cunik_error_set(err, ERROR_CONFLICT,
                               "'%s' has its name from the stack '%s': say container_name there",
                               c->name, c->stack);
    int r = cunik_verb_check_name(all, name, &kept, err);
    if (r < 0)
        return r;
    cunik_replace(&c->called, strcmp(name, c->name) == 0 ? "" : name);
    return 0;
}

int cunik_verb_rename(void *context _unused_, const struct arguments *a, int *ret_status _unused_,
                      struct error **err)
{
    _cleanup_(cunik_client_destroyp) struct client *client = NULL;
    int r = cunik_verb_reach(a, &client, err);

    return r < 0 ? r : update(a, client, cunik_arguments_positional(a)->items[0], rename_it, err);
}
