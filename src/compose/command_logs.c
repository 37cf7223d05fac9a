/* logs: what guests wrote to their consoles. */
#include <stdio.h>

#include "base/memory.h"
#include "base/text.h"
#include "compose/command.h"
#include "compose/log_printer.h"
#include "engine/verb.h"

static int tail_option(const struct arguments *a, int64_t *ret, struct error **err)
{
    const char *text = cunik_arguments_value(a, "tail");
    uint64_t lines;

    *ret = -1;
    if (!text || cunik_text_equal(text, "all"))
        return 0;
    if (cunik_text_to_uint(text, 0, INT64_MAX, &lines) < 0)
        return cunik_error_set(err, ERROR_INVALID,
                               "option '--tail' takes a number or \"all\", not '%s'", text);
    *ret = (int64_t)lines;
    return 0;
}

int cunik_command_logs(void *context, const struct arguments *a, int *status _unused_,
                       struct error **err)
{
    struct command *c = context;
    _cleanup_free_ char *stack = NULL;
    _cleanup_world_ struct world w = {0};
    struct log_query query = {.services = *cunik_arguments_positional(a)};
    int r;

    query.follow = cunik_arguments_flag(a, "follow");
    r = tail_option(a, &query.tail, err);
    if (r == 0)
        r = cunik_verb_log_times(a, &query, err);
    if (r == 0)
        r = cunik_command_world(c, &stack, &w, err);
    if (r < 0)
        return r;
    _cleanup_(cunik_log_printer_done) struct log_printer printer = {
        .stack = stack,
        .prefix = !cunik_arguments_flag(a, "no-log-prefix"),
        .timestamps = cunik_arguments_flag(a, "timestamps"),
        .color = c->color && !cunik_arguments_flag(a, "no-color"),
    };
    cunik_log_printer_expect(&printer, &w);
    query.stack = stack;
    return cunik_client_logs(c->client, &query, cunik_log_printer_put, &printer, err);
}
