/* down: stops and removes the stack; also without its file, by -p NAME. */
#include <stdio.h>
#include <string.h>

#include "base/json.h"
#include "base/map.h"
#include "base/memory.h"
#include "compose/command.h"

/* Without --remove-orphans only what the file defines goes: *ret_services are then the services to
 * remove, empty when there are no others. *ret_nothing: there are only others. */
static int keep_orphans(struct command *c, const struct stack *s, struct strv *ret_services,
                        bool *ret_nothing, struct error **err)
{
    _cleanup_map_ struct map known = {0}, present = {0}, orphans = {0};
    _cleanup_world_ struct world w = {0};
    struct client *client;
    int r;

    for (size_t i = 0; i < s->n_services; i++)
        cunik_map_add(&known, s->services[i].name, NULL);
    for (size_t i = 0; i < s->n_disabled; i++)
        cunik_map_add(&known, s->disabled[i].name, NULL);
    r = cunik_command_client(c, &client, err);
    if (r == 0)
        r = cunik_client_world(client, s->name, &w, err);
    if (r < 0)
        return r;
    for (size_t i = 0; i < w.n_cuniks; i++)
        cunik_map_add(*w.cuniks[i].one_off || cunik_map_has(&known, w.cuniks[i].service) ? &present
                                                                                         : &orphans,
                      w.cuniks[i].service, NULL);
    if (!orphans.n)
        return 0;
    for (size_t i = 0; i < orphans.n; i++)
        fprintf(stderr,
                "warning: service '%s' of stack '%s' is not in the file and is left alone; "
                "--remove-orphans removes it, and the networks that it keeps\n",
                orphans.entries[i].key, s->name);
    for (size_t i = 0; i < present.n; i++)
        cunik_strv_add(ret_services, present.entries[i].key);
    *ret_nothing = present.n == 0;
    return 0;
}

static int select_services(struct command *c, const struct arguments *a, struct request *request,
                           bool *ret_nothing, struct error **err)
{
    _cleanup_stack_ struct stack s = {0};
    int r;

    if (cunik_arguments_positional(a)->n) {
        cunik_strv_copy(&request->services, cunik_arguments_positional(a));
        return cunik_command_stack_name(c, &request->stack, err);
    }
    if (cunik_arguments_given(a, "project-name") && !cunik_arguments_given(a, "file"))
        return cunik_command_stack_name(c, &request->stack, err);
    c->load.no_warnings = true;
    r = cunik_command_load(c, &s, err);
    if (r < 0)
        return r;
    cunik_replace(&request->stack, s.name);
    if (request->remove_orphans)
        return 0;
    return keep_orphans(c, &s, &request->services, ret_nothing, err);
}

/* Where no cunik is to go, and so nothing is asked of the engine: volumes that the stack has made.
 * One that somebody has stays, and that is said. */
static int remove_volumes(struct command *c, const char *stack, struct error **err)
{
    _cleanup_json_ json_t *list = NULL;
    struct client *client;
    json_t *volume;
    size_t i;
    int r = cunik_command_client(c, &client, err);

    if (r == 0)
        r = cunik_client_volumes(client, &list, err);
    if (r < 0)
        return r;
    json_array_foreach (list, i, volume) {
        const char *owner = json_string_value(json_object_get(volume, "stack"));
        const char *name = json_string_value(json_object_get(volume, "name"));
        _cleanup_error_ struct error *why = NULL;
        if (!owner || strcmp(owner, stack) != 0)
            continue;
        r = cunik_client_volume_remove(client, name, &why);
        if (r < 0 && why->code == ERROR_CONFLICT)
            fprintf(stderr, "warning: %s; it is left alone\n", why->message);
        else if (r < 0 && why->code != ERROR_NOT_FOUND)
            return cunik_error_pass(err, r, &why);
    }
    return 0;
}

int cunik_command_down(void *context, const struct arguments *a, int *status _unused_,
                       struct error **err)
{
    struct command *c = context;
    _cleanup_request_ struct request request;
    bool nothing = false;
    int r;

    cunik_request_init(&request);
    request.action = ACTION_DOWN;
    request.remove_orphans = cunik_arguments_flag(a, "remove-orphans");
    if (cunik_arguments_flag(a, "volumes"))
        request.volumes = PLAN_VOLUMES_ALL;
    r = select_services(c, a, &request, &nothing, err);
    if (r == 0)
        r = cunik_command_timeout(c, "timeout", &request.stop_grace_ns, err);
    if (r == 0 && !nothing) {
        r = cunik_command_apply(c, &request, err);
        if (r == 0)
            r = cunik_command_say_nothing(c, request.stack, err);
    }
    if (r == 0 && nothing && cunik_arguments_flag(a, "volumes"))
        r = remove_volumes(c, request.stack, err);
    return r;
}
