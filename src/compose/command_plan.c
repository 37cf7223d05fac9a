/* plan: what `up` would do, and why. */
#include <stdio.h>

#include "base/json.h"
#include "base/memory.h"
#include "base/text.h"
#include "compose/command.h"

int cunik_command_plan(void *context, const struct arguments *a, int *status, struct error **err)
{
    struct command *c = context;
    _cleanup_request_ struct request request;
    _cleanup_plan_ struct plan plan = {0};
    _cleanup_stack_ struct stack s = {0};
    struct command_up u;
    struct client *client;
    int r = cunik_command_read_up(a, &u, err);

    cunik_request_init(&request);
    if (r == 0)
        r = cunik_command_up_stack(c, &u, &s, err);
    if (r == 0)
        r = cunik_command_up_request(c, &u, &s, &request, err);
    if (r == 0)
        r = cunik_command_client(c, &client, err);
    if (r == 0)
        r = cunik_client_plan(client, &request, &plan, err);
    if (r == 0 && cunik_arguments_given(a, "out"))
        r = cunik_command_keep_plan(cunik_arguments_value(a, "out"), &request, &plan, err);
    if (r < 0)
        return r;
    if (cunik_text_equal(cunik_arguments_value(a, "format"), "json")) {
        _cleanup_json_ json_t *json = cunik_plan_to_json(&plan);
        _cleanup_free_ char *text = cunik_json_text(json, JSON_INDENT(2));
        puts(text);
    } else {
        _cleanup_free_ char *text = cunik_plan_text(&plan);
        fputs(text, stdout);
        for (size_t i = 0; i < plan.warnings.n; i++)
            fprintf(stderr, "warning: %s\n", plan.warnings.items[i]);
    }
    if (cunik_arguments_flag(a, "detailed-exitcode") && plan.n)
        *status = 2;
    return 0;
}
