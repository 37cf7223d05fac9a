/* run: a service's program once more, for one purpose, beside the stack. */
#include <stdio.h>
#include <unistd.h>

#include "base/memory.h"
#include "compose/command.h"
#include "compose/one_off.h"
#include "engine/attach.h"
#include "engine/verb.h"

static int describe(struct command *c, const char *service, const char *as, struct request *ret,
                    struct error **err)
{
    const struct arguments *a = c->arguments;
    const struct strv *words = cunik_arguments_positional(a);
    _cleanup_strv_ struct strv services = {0}, command = {0};
    _cleanup_stack_ struct stack s = {0};
    struct command_up u = {
        .services = &services,
        .no_dependencies = cunik_arguments_flag(a, "no-deps"),
        .remove_orphans = cunik_arguments_flag(a, "remove-orphans"),
    };

    cunik_strv_add(&services, service);
    for (size_t i = 1; i < words->n; i++)
        cunik_strv_add(&command, words->items[i]);
    int r = cunik_command_read_images(a, &u, err);
    if (r == 0)
        r = cunik_command_up_stack(c, &u, &s, err);
    if (r == 0)
        r = cunik_command_up_request(c, &u, &s, ret, err);
    if (r < 0)
        return r;
    const struct one_off o = {
        .of = service,
        .as = as,
        .name = cunik_arguments_value(a, "name"),
        .entrypoint = cunik_arguments_value(a, "entrypoint"),
        .command = &command,
        .environment = cunik_arguments_values(a, "env"),
        .labels = cunik_arguments_values(a, "label"),
        .publish = cunik_arguments_values(a, "publish"),
        .service_ports = cunik_arguments_flag(a, "service-ports"),
        .environ = environ,
    };
    /* The service's own copies are nothing to it. */
    cunik_strv_done(&ret->services);
    cunik_strv_add(&ret->services, as);
    return cunik_one_off_add(&s, &o, &ret->desired, err);
}

static int remove_it(struct command *c, const struct request *made, struct error **err)
{
    _cleanup_request_ struct request r;

    cunik_request_init_removal(&r, made->stack);
    cunik_strv_copy(&r.services, &made->services);
    return cunik_command_apply(c, &r, err);
}

static int take_part(struct command *c, const char *name, int *status, bool *ret_ended,
                     struct error **err)
{
    const struct client_settings how = cunik_command_client_settings(c);
    const struct attach_options o = {
        .input = true,
        .raw = !cunik_arguments_flag(c->arguments, "no-TTY"),
        .proxy = true,
        .from_start = true,
        .ret_ended = ret_ended,
    };

    return cunik_attach(&how, name, &o, status, err);
}

int cunik_command_run(void *context, const struct arguments *a, int *status, struct error **err)
{
    struct command *c = context;
    const char *service = cunik_arguments_positional(a)->items[0];
    bool detach = cunik_arguments_flag(a, "detach"), rm = cunik_arguments_flag(a, "rm");
    _cleanup_free_ char *beside = cunik_asprintf("%s-run", service);
    _cleanup_free_ char *as = cunik_verb_any_name(beside);
    _cleanup_request_ struct request request;
    bool ended = true;

    cunik_request_init(&request);
    if (detach && rm)
        return cunik_error_set(err, ERROR_INVALID,
                               "options '--detach' and '--rm' exclude each other: nobody would be "
                               "there when it ends; leave '--rm' out, and use 'cunik-compose rm' "
                               "then");
    int r = describe(c, service, as, &request, err);
    if (r < 0)
        return r;
    const char *name = request.desired.cuniks[request.desired.n_cuniks - 1].name;
    r = cunik_command_apply(c, &request, err);
    if (r == 0 && detach)
        puts(name);
    if (r == 0 && !detach)
        r = take_part(c, name, status, &ended, err);
    if (!rm)
        return r;
    if (!ended) {
        fprintf(stderr, "'%s' is not removed when it ends: see cunik-compose rm\n", name);
        return r;
    }
    _cleanup_error_ struct error *why = NULL;
    int gone = remove_it(c, &request, &why);
    return r < 0 ? r : cunik_error_pass(err, gone, &why);
}
