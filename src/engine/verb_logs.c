/* logs: what a cunik wrote to its console. */
#include <stdio.h>
#include <string.h>

#include "base/json.h"
#include "base/memory.h"
#include "base/output.h"
#include "base/table.h"
#include "base/text.h"
#include "engine/verb.h"

static void print_line(void *ctx, const struct log_line *line)
{
    const bool *with_times = ctx;

    if (*with_times)
        cunik_verb_print_time(line->time_ms);
    cunik_verb_print_text(line->text);
    cunik_output_flush();
}

int cunik_verb_log_times(const struct arguments *a, struct log_query *q, struct error **err)
{
    int r = cunik_verb_time(a, "since", &q->since_ms, err);

    if (r == 0)
        r = cunik_verb_time(a, "until", &q->until_ms, err);
    if (r == 0 && q->follow && q->until_ms)
        return cunik_error_set(err, ERROR_INVALID,
                               "options '--follow' and '--until' exclude each other");
    return r;
}

int cunik_verb_logs(void *context _unused_, const struct arguments *a, int *ret_status _unused_,
                    struct error **err)
{
    _cleanup_(cunik_client_destroyp) struct client *client = NULL;
    const char *tail = cunik_arguments_value(a, "tail");
    bool with_times = cunik_arguments_flag(a, "timestamps");
    struct log_query q = {.stack = "", .follow = cunik_arguments_flag(a, "follow"), .tail = -1};
    _cleanup_world_ struct world w = {0};
    struct world_cunik *c;
    uint64_t lines = 0;
    int r;

    if (tail && strcmp(tail, "all") != 0) {
        if (cunik_text_to_uint(tail, 0, INT64_MAX, &lines) < 0)
            return cunik_error_set(err, ERROR_INVALID,
                                   "option '--tail' takes a number or \"all\", not '%s'", tail);
        q.tail = (int64_t)lines;
    }
    r = cunik_verb_log_times(a, &q, err);
    if (r == 0)
        r = cunik_verb_reach(a, &client, err);
    if (r == 0)
        r = cunik_client_world(client, "", &w, err);
    if (r == 0)
        r = cunik_verb_find(&w, cunik_arguments_positional(a)->items[0], &c, err);
    if (r < 0)
        return r;
    _cleanup_strv_ struct strv one = {0};
    cunik_strv_add(&one, c->name);
    q.services = one;
    return cunik_client_logs(client, &q, print_line, &with_times, err);
}
