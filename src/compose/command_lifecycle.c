/* start, stop, restart, kill: what is there, without the file's say. */
#include <string.h>

#include "base/memory.h"
#include "compose/command.h"

static int lifecycle(struct command *c, const struct arguments *a, enum request_action action,
                     bool has_timeout, struct error **err)
{
    _cleanup_request_ struct request request;
    int r;

    cunik_request_init(&request);
    request.action = action;
    cunik_strv_copy(&request.services, cunik_arguments_positional(a));
    r = cunik_command_stack_name(c, &request.stack, err);
    if (r == 0 && has_timeout)
        r = cunik_command_timeout(c, "timeout", &request.stop_grace_ns, err);
    if (r == 0 && action == ACTION_RESTART)
        request.no_dependencies = cunik_arguments_flag(a, "no-deps");
    if (r == 0)
        r = cunik_command_apply(c, &request, err);
    return r < 0 ? r : cunik_command_say_nothing(c, request.stack, err);
}

int cunik_command_start(void *context, const struct arguments *a, int *status _unused_,
                        struct error **err)
{
    return lifecycle(context, a, ACTION_START, false, err);
}

int cunik_command_stop(void *context, const struct arguments *a, int *status _unused_,
                       struct error **err)
{
    return lifecycle(context, a, ACTION_STOP, true, err);
}

int cunik_command_restart(void *context, const struct arguments *a, int *status _unused_,
                          struct error **err)
{
    return lifecycle(context, a, ACTION_RESTART, true, err);
}

static bool is_kill(const char *signal)
{
    static const char *const names[] = {"SIGKILL", "KILL", "9"};

    for (size_t i = 0; i < ARRAY_SIZE(names); i++)
        if (strcmp(signal, names[i]) == 0)
            return true;
    return false;
}

int cunik_command_kill(void *context, const struct arguments *a, int *status _unused_,
                       struct error **err)
{
    const char *signal = cunik_arguments_value(a, "signal");

    if (signal && !is_kill(signal))
        return cunik_error_set(err, ERROR_INVALID,
                               "option '--signal' takes SIGKILL, not '%s': guests know no signals; "
                               "'stop' has them shut down",
                               signal);
    return lifecycle(context, a, ACTION_KILL, false, err);
}
