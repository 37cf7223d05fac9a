/* events: what happens to the stack, and what happened. */
#include "base/memory.h"
#include "base/text.h"
#include "compose/command.h"
#include "engine/verb.h"

int cunik_command_events(void *context, const struct arguments *a, int *status _unused_,
                         struct error **err)
{
    struct command *c = context;
    const struct strv *services = cunik_arguments_positional(a);
    bool json = cunik_arguments_flag(a, "json") || cunik_verb_wants_json(a);
    const struct event_sink sink = cunik_verb_event_printer(json);
    struct event_query q = {.since_ms = -1, .until_ms = -1};
    _cleanup_strv_ struct strv filters = {0};
    _cleanup_free_ char *stack = NULL;
    struct client *client;
    int r = cunik_verb_time(a, "since", &q.since_ms, err);

    if (r == 0)
        r = cunik_verb_time(a, "until", &q.until_ms, err);
    if (r == 0)
        r = cunik_command_stack_name(c, &stack, err);
    if (r == 0)
        r = cunik_command_client(c, &client, err);
    if (r < 0)
        return r;
    cunik_strv_copy(&filters, cunik_arguments_values(a, "filter"));
    for (size_t i = 0; i < services->n; i++)
        cunik_strv_addf(&filters, "service=%s", services->items[i]);
    q.stack = stack;
    q.filters = filters;
    return cunik_client_events(client, &q, &sink, err);
}
