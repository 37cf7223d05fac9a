/* events: what happens, and what happened. */
#include <stdio.h>

#include "base/json.h"
#include "base/output.h"
#include "engine/event_text.h"
#include "engine/verb.h"

static void print_json_line(void *ctx _unused_, const struct event *e)
{
    _cleanup_json_ json_t *json = cunik_event_to_json(e);

    cunik_verb_print_json(json, JSON_COMPACT);
    cunik_output_flush();
}

static void print_text(void *ctx _unused_, const struct event *e)
{
    _cleanup_free_ char *text = cunik_event_text(e);

    puts(text);
    cunik_output_flush();
}

struct event_sink cunik_verb_event_printer(bool json)
{
    return (struct event_sink){json ? print_json_line : print_text, NULL};
}

int cunik_verb_events(void *context _unused_, const struct arguments *a, int *ret_status _unused_,
                      struct error **err)
{
    _cleanup_(cunik_client_destroyp) struct client *client = NULL;
    const struct event_sink sink = cunik_verb_event_printer(cunik_verb_wants_json(a));
    struct event_query q = {.stack = "",
                            .since_ms = -1,
                            .until_ms = -1,
                            .filters = *cunik_arguments_values(a, "filter")};
    int r = cunik_verb_time(a, "since", &q.since_ms, err);

    if (r == 0)
        r = cunik_verb_time(a, "until", &q.until_ms, err);
    if (r == 0)
        r = cunik_verb_reach(a, &client, err);
    return r < 0 ? r : cunik_client_events(client, &q, &sink, err);
}
