/* rm: what has ended, or with --stop whatever it does; the rest of the stack stays. */
#include <stdio.h>

#include "base/memory.h"
#include "compose/command.h"
#include "engine/verb.h"

int cunik_command_rm(void *context, const struct arguments *a, int *status _unused_,
                     struct error **err)
{
    struct command *c = context;
    _cleanup_request_ struct request request;
    _cleanup_free_ char *stack = NULL;
    _cleanup_world_ struct world w = {0};
    bool stop = cunik_arguments_flag(a, "stop");

    cunik_request_init(&request);
    request.action = ACTION_DOWN;
    request.spare = stop ? SPARE_NOTHING : SPARE_RUNNING;
    if (cunik_arguments_flag(a, "volumes"))
        request.volumes = PLAN_VOLUMES_OWN;
    int r = cunik_command_cuniks(c, &stack, &w, err);
    if (r < 0)
        return r;
    cunik_replace(&request.stack, stack);
    for (size_t i = 0; i < w.n_cuniks; i++) {
        if (!stop && cunik_state_is_active(w.cuniks[i].status.state))
            continue;
        cunik_strv_add(&request.cuniks, w.cuniks[i].name);
        if (!cunik_strv_has(&request.services, w.cuniks[i].service))
            cunik_strv_add(&request.services, w.cuniks[i].service);
    }
    if (!request.cuniks.n) {
        fputs("Nothing has ended; --stop also removes what runs\n", stderr);
        return 0;
    }
    _cleanup_free_ char *names = cunik_strv_join(&request.cuniks, ", ");
    _cleanup_free_ char *question = cunik_asprintf("Remove %s?", names);
    if (!cunik_verb_agrees(a, question))
        return cunik_error_set(err, ERROR_CANCELLED, "cancelled");
    return cunik_command_apply(c, &request, err);
}
