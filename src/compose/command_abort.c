/* up --abort-on-exit, --exit-code-from: for tests and the like, whose status is what one wants. */
#include <stdio.h>
#include <string.h>

#include "base/memory.h"
#include "compose/command.h"

bool cunik_command_aborts(const struct arguments *a)
{
    return cunik_arguments_flag(a, "abort-on-exit") ||
           cunik_arguments_flag(a, "abort-on-container-exit") ||
           cunik_arguments_given(a, "exit-code-from");
}

int cunik_command_check_abort(const struct arguments *a, const struct request *r,
                              struct error **err)
{
    static const char *const others[] = {"detach", "wait", "no-start", "atomic"};
    const char *service = cunik_arguments_value(a, "exit-code-from");
    bool found = !service;

    for (size_t i = 0; cunik_command_aborts(a) && i < ARRAY_SIZE(others); i++)
        if (cunik_arguments_flag(a, others[i]))
            return cunik_error_set(err, ERROR_INVALID,
                                   "options '--%s' and '--%s' exclude each other",
                                   service ? "exit-code-from" : "abort-on-exit", others[i]);
    for (size_t i = 0; !found && i < r->desired.n_cuniks; i++)
        found = strcmp(r->desired.cuniks[i].service, service) == 0;
    return found ? 0 : cunik_error_set(err, ERROR_INVALID, "no such service: %s", service);
}

/* The one that counts among those of the services that have ended: the first that failed, and if
 * none has, the first that ended. NULL for none. */
static const struct world_cunik *choose(const struct world *w, const struct strv *services)
{
    const struct world_cunik *first = NULL;

    for (size_t i = 0; i < w->n_cuniks; i++) {
        const struct world_cunik *c = &w->cuniks[i];
        if (c->status.state != CUNIK_EXITED || !cunik_strv_has(services, c->service))
            continue;
        if (!first || (!first->status.exit_code && c->status.exit_code) ||
            (!first->status.exit_code == !c->status.exit_code &&
             c->status.ended_ms < first->status.ended_ms))
            first = c;
    }
    return first;
}

static int stop(struct command *c, const char *stack, struct error **err)
{
    _cleanup_request_ struct request r;

    cunik_request_init(&r);
    r.action = ACTION_STOP;
    cunik_replace(&r.stack, stack);
    int failed = cunik_command_timeout(c, "timeout", &r.stop_grace_ns, err);
    return failed < 0 ? failed : cunik_command_apply(c, &r, err);
}

int cunik_command_abort(struct command *c, const char *stack, const struct strv *services,
                        int *status, struct error **err)
{
    const char *service = cunik_arguments_value(c->arguments, "exit-code-from");
    _cleanup_strv_ struct strv asked = {0};
    _cleanup_world_ struct world before = {0}, after = {0};
    struct client *client;

    int r = cunik_command_client(c, &client, err);
    if (r == 0)
        r = cunik_client_world(client, stack, &before, err);
    if (r == 0)
        r = stop(c, stack, err);
    if (r == 0)
        r = cunik_client_world(client, stack, &after, err);
    if (r < 0)
        return r;
    if (service)
        cunik_strv_add(&asked, service);
    else
        cunik_strv_copy(&asked, services);
    /* Who was stopped with the others has a status only then. */
    const struct world_cunik *ended = choose(&before, &asked);
    if (!ended)
        ended = choose(&after, &asked);
    if (ended) {
        fprintf(stderr, "%s has ended with status %lld\n", ended->name,
                (long long)ended->status.exit_code);
        *status = (int)(ended->status.exit_code & 0xff);
    }
    return 0;
}
