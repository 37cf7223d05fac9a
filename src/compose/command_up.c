/* up: makes the stack what the file says; without -d it follows the logs and stops the stack at the
 * first interrupt, kills it at the second. */
#include <inttypes.h>
#include <stdio.h>
#include <string.h>

#include "base/file.h"
#include "base/interrupt.h"
#include "base/json.h"
#include "base/memory.h"
#include "compose/command.h"
#include "compose/log_printer.h"
#include "compose/timeline.h"
#include "engine/clock.h"

static int wait_options(const struct arguments *a, struct request *r, struct error **err)
{
    r->atomic = cunik_arguments_flag(a, "atomic");
    r->wait = r->atomic || cunik_arguments_flag(a, "wait");
    r->no_start = cunik_arguments_flag(a, "no-start");
    return cunik_arguments_seconds(a, "wait-timeout", 1, &r->wait_timeout_ns, err);
}

static int end_stack(struct command *c, const char *stack, enum request_action action,
                     struct error **err)
{
    _cleanup_request_ struct request r;
    struct client *client;

    cunik_request_init(&r);
    r.action = action;
    cunik_replace(&r.stack, stack);
    int failed = cunik_command_client(c, &client, err);
    if (failed < 0)
        return failed;
    cunik_client_leave_at_once(client); /* one who forces does not wait */
    return cunik_command_apply(c, &r, err);
}

static int stop_after_interrupt(struct command *c, const char *stack, struct error **err)
{
    int r;

    fputs("Gracefully stopping... (interrupt again to force)\n", stderr);
    cunik_interrupt_clear();
    r = end_stack(c, stack, ACTION_STOP, err);
    if (r == 0 || (*err)->code != ERROR_CANCELLED)
        return r;
    cunik_error_forget(err);
    cunik_interrupt_clear();
    return end_stack(c, stack, ACTION_KILL, err);
}

/* Prints what comes until every guest has ended, or the user interrupts. */
static int follow(struct command *c, const struct request *r, int *status, struct error **err)
{
    _cleanup_(cunik_log_printer_done) struct log_printer printer = {
        .stack = r->stack,
        .prefix = !cunik_arguments_flag(c->arguments, "no-log-prefix"),
        .color = c->color && !cunik_arguments_flag(c->arguments, "no-color"),
    };
    _cleanup_strv_ struct strv services = {0};
    struct client *client;
    int failed;

    cunik_log_printer_expect(&printer, &r->desired);
    /* Of the stack's own services: others were made beside them. */
    cunik_strv_copy(&services, &r->services);
    for (size_t i = 0; !r->services.n && i < r->desired.n_cuniks; i++)
        if (!cunik_strv_has(&services, r->desired.cuniks[i].service))
            cunik_strv_add(&services, r->desired.cuniks[i].service);
    bool abort = cunik_command_aborts(c->arguments);
    const struct log_query query = {
        .stack = r->stack, .services = services, .follow = true, .until_end = abort, .tail = -1};
    failed = cunik_command_client(c, &client, err);
    if (failed == 0)
        failed = cunik_client_logs(client, &query, cunik_log_printer_put, &printer, err);
    if (failed == 0 && abort)
        return cunik_command_abort(c, r->stack, &services, status, err);
    if (failed == 0 || (*err)->code != ERROR_CANCELLED)
        return failed;
    cunik_error_forget(err);
    *status = 130;
    return stop_after_interrupt(c, r->stack, err);
}

/* Carries the request out, and shows where the time went, also of one that failed. */
static int apply_timed(struct command *c, const struct request *r, struct error **err)
{
    const struct arguments *a = c->arguments;
    const char *path = cunik_arguments_value(a, "trace");
    _cleanup_timeline_ struct timeline timeline;
    _cleanup_error_ struct error *why = NULL;

    cunik_timeline_init(&timeline, cunik_clock_real.wall_ms(NULL), r->wait);
    c->timeline = &timeline;
    int failed = cunik_command_apply(c, r, err);
    c->timeline = NULL;
    if (cunik_arguments_flag(a, "timings")) {
        _cleanup_free_ char *text = cunik_timeline_text(&timeline);
        fputs(text, stderr);
    }
    if (!path)
        return failed;
    _cleanup_json_ json_t *trace = cunik_timeline_trace(&timeline);
    _cleanup_free_ char *text = cunik_json_text(trace, JSON_COMPACT);
    int written = cunik_file_write_output(path, text, strlen(text), 0644, &why);
    if (failed == 0)
        return cunik_error_pass(err, written, &why);
    if (written < 0)
        fprintf(stderr, "%s\n", why->message);
    return failed;
}

static int from_file(struct command *c, struct request *ret, struct error **err)
{
    _cleanup_stack_ struct stack s = {0};
    struct command_up u;
    int r = cunik_command_read_up(c->arguments, &u, err);

    if (r == 0)
        r = cunik_command_read_images(c->arguments, &u, err);
    if (r == 0)
        r = cunik_command_up_stack(c, &u, &s, err);
    return r < 0 ? r : cunik_command_up_request(c, &u, &s, ret, err);
}

int cunik_command_up(void *context, const struct arguments *a, int *status, struct error **err)
{
    struct command *c = context;
    _cleanup_request_ struct request request;
    int r;

    cunik_request_init(&request);
    r = cunik_arguments_given(a, "plan") ? cunik_command_kept_plan(c, &request, err)
                                         : from_file(c, &request, err);
    if (r == 0)
        r = cunik_command_check_abort(a, &request, err);
    if (r == 0)
        r = wait_options(a, &request, err);
    if (r == 0)
        r = cunik_command_timeout(c, "timeout", &request.stop_grace_ns, err);
    if (r == 0)
        r = apply_timed(c, &request, err);
    if (r < 0 || request.wait || request.no_start || cunik_arguments_flag(a, "detach"))
        return r;
    return follow(c, &request, status, err);
}

int cunik_command_create(void *context, const struct arguments *a _unused_, int *status _unused_,
                         struct error **err)
{
    struct command *c = context;
    _cleanup_request_ struct request request;

    cunik_request_init(&request);
    int r = from_file(c, &request, err);
    request.no_start = true;
    return r < 0 ? r : cunik_command_apply(c, &request, err);
}
