/* pause, unpause, stats, top: verbs of `cunik` on the cuniks of services. */
#include <stdio.h>
#include <string.h>

#include "base/memory.h"
#include "compose/command.h"
#include "engine/verb.h"

int cunik_command_check_there(const struct world *w, const struct strv *services,
                              struct error **err)
{
    for (size_t i = 0; i < services->n; i++) {
        bool found = false;
        for (size_t k = 0; k < w->n_cuniks && !found; k++)
            found = strcmp(w->cuniks[k].service, services->items[i]) == 0 ||
                    strcmp(w->cuniks[k].name, services->items[i]) == 0;
        if (!found)
            return cunik_error_set(err, ERROR_NOT_FOUND, "no such service: %s", services->items[i]);
    }
    return 0;
}

static bool is_asked_for(const struct world_cunik *c, const void *services)
{
    return cunik_strv_has(services, c->service) || cunik_strv_has(services, c->name);
}

int cunik_command_cuniks(struct command *c, char **ret_stack, struct world *ret, struct error **err)
{
    const struct strv *services = cunik_arguments_positional(c->arguments);
    _cleanup_world_ struct world w = {0};
    _cleanup_free_ char *stack = NULL;
    int r = cunik_command_world(c, &stack, &w, err);

    if (r == 0)
        r = cunik_command_check_there(&w, services, err);
    if (r < 0)
        return r;
    if (services->n)
        cunik_world_keep(&w, is_asked_for, services);
    *ret = w;
    w = (struct world){0};
    if (ret_stack)
        *ret_stack = TAKE_PTR(stack);
    return 0;
}

/* Names of those in a state. */
static int find(struct command *c, enum cunik_state state, struct client **ret_client,
                struct strv *ret, struct error **err)
{
    _cleanup_world_ struct world w = {0};
    int r = cunik_command_cuniks(c, NULL, &w, err);

    for (size_t i = 0; i < w.n_cuniks; i++)
        if (w.cuniks[i].status.state == state)
            cunik_strv_add(ret, w.cuniks[i].name);
    return r < 0 ? r : cunik_command_client(c, ret_client, err);
}

static int pause_those(struct command *c, enum cunik_state state, bool pause, struct error **err)
{
    _cleanup_strv_ struct strv names = {0};
    struct client *client;
    int r = find(c, state, &client, &names, err);

    return r < 0 ? r : cunik_verb_pause_each(client, &names, pause, err);
}

int cunik_command_pause(void *context, const struct arguments *a _unused_, int *status _unused_,
                        struct error **err)
{
    return pause_those(context, CUNIK_RUNNING, true, err);
}

int cunik_command_unpause(void *context, const struct arguments *a _unused_, int *status _unused_,
                          struct error **err)
{
    return pause_those(context, CUNIK_PAUSED, false, err);
}

int cunik_command_stats(void *context, const struct arguments *a, int *status _unused_,
                        struct error **err)
{
    _cleanup_strv_ struct strv names = {0};
    struct client *client;
    int r = find(context, CUNIK_RUNNING, &client, &names, err);

    if (r == 0 && !names.n)
        r = cunik_error_set(err, ERROR_CONFLICT, "nothing of the stack runs");
    return r < 0 ? r
                 : cunik_verb_print_stats(client, &names, !cunik_arguments_flag(a, "no-stream"),
                                          cunik_verb_wants_json(a), err);
}

int cunik_command_top(void *context, const struct arguments *a _unused_, int *status _unused_,
                      struct error **err)
{
    _cleanup_strv_ struct strv names = {0};
    struct client *client;
    int r = find(context, CUNIK_RUNNING, &client, &names, err);

    for (size_t i = 0; i < names.n && r == 0; i++) {
        printf("%s%s\n", i ? "\n" : "", names.items[i]);
        r = cunik_verb_print_top(client, names.items[i], err);
    }
    return r;
}
