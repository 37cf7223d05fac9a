/* From the stack file to a request that brings services up: what `up`, `plan`, `create`, `scale`
 * and `run` share. */
#include <string.h>
#include <unistd.h>

#include "base/memory.h"
#include "base/text.h"
#include "compose/command_images.h"
#include "compose/lower.h"

static int apply_scale(struct stack *s, const struct strv *values, struct error **err)
{
    for (size_t i = 0; i < values->n; i++) {
        const char *text = values->items[i], *equals = strrchr(text, '=');
        uint64_t scale;
        if (!equals || equals == text || cunik_text_to_uint(equals + 1, 0, 100000, &scale) < 0)
            return cunik_error_set(err, ERROR_INVALID, "a scale is SERVICE=NUM, not '%s'", text);
        _cleanup_free_ char *service = cunik_strndup(text, (size_t)(equals - text));
        int r = cunik_stack_set_scale(s, service, (int64_t)scale, err);
        if (r < 0)
            return r;
    }
    return 0;
}

static int read_contents(const struct loaded *l, struct stack *s, struct error **err)
{
    _cleanup_diagnostics_ struct diagnostics d = {.excerpts = isatty(STDERR_FILENO)};
    const struct lookup variables = cunik_variables_lookup(&l->environment);

    cunik_stack_read_contents(s, &variables, &d);
    return cunik_diagnostics_fail(&d, err);
}

/* The engine has them before it hears of a cunik that wants them. */
static int send_contents(struct command *c, const struct stack *s, struct error **err)
{
    struct client *client;
    int r = s->n_contents ? cunik_command_client(c, &client, err) : 0;

    for (size_t i = 0; r == 0 && i < s->n_contents; i++)
        r = cunik_error_prefix(
            err, cunik_client_file_put(client, s->contents[i].data, s->contents[i].size, err), "%s",
            s->contents[i].name);
    return r;
}

/* The services asked for, and, unless they are to come alone, what they depend on. */
static void find_scope(const struct stack *s, const struct command_up *u, struct strv *ret)
{
    cunik_strv_copy(ret, u->services);
    for (size_t i = 0; i < ret->n && !u->no_dependencies; i++) {
        const struct stack_service *service = cunik_stack_service(s, ret->items[i]);
        for (size_t k = 0; service && k < service->n_depends; k++)
            if (!cunik_strv_has(ret, service->depends[k].service))
                cunik_strv_add(ret, service->depends[k].service);
    }
}

int cunik_command_read_up(const struct arguments *a, struct command_up *ret, struct error **err)
{
    bool always = cunik_arguments_flag(a, "force-recreate");
    bool never = cunik_arguments_flag(a, "no-recreate");

    if (always && never)
        return cunik_error_set(err, ERROR_INVALID,
                               "options '--force-recreate' and '--no-recreate' exclude each other");
    *ret = (struct command_up){
        .services = cunik_arguments_positional(a),
        .scale = cunik_arguments_values(a, "scale"),
        .recreate = always  ? RECREATE_ALWAYS
                    : never ? RECREATE_NEVER
                            : RECREATE_CHANGED,
        .remove_orphans = cunik_arguments_flag(a, "remove-orphans"),
        .no_dependencies = cunik_arguments_flag(a, "no-deps"),
    };
    return 0;
}

int cunik_command_read_images(const struct arguments *a, struct command_up *u, struct error **err)
{
    bool anew = cunik_arguments_flag(a, "build");

    u->images = anew ? IMAGES_ANEW : IMAGES_NEED;
    u->no_build = cunik_arguments_flag(a, "no-build");
    u->quiet_pull = cunik_arguments_flag(a, "quiet-pull");
    u->pull = cunik_arguments_value(a, "pull");
    return anew && u->no_build
               ? cunik_error_set(err, ERROR_INVALID,
                                 "options '--build' and '--no-build' exclude each other")
               : 0;
}

static void apply_policies(struct stack *s, const struct command_up *u)
{
    for (size_t i = 0; i < s->n_services; i++) {
        struct stack_service *service = &s->services[i];
        if (*service->build && u->no_build)
            cunik_replace(&service->pull_policy, "never");
        else if (!*service->build && u->pull)
            cunik_replace(&service->pull_policy, u->pull);
    }
}

int cunik_command_up_stack(struct command *c, const struct command_up *u, struct stack *ret,
                           struct error **err)
{
    _cleanup_loaded_ struct loaded l = {0};
    _cleanup_stack_ struct stack s = {0};
    int r;

    c->load.services = u->services;
    r = cunik_command_load_all(c, &l, &s, err);
    if (r == 0)
        r = read_contents(&l, &s, err);
    if (r == 0 && u->scale)
        r = apply_scale(&s, u->scale, err);
    if (r < 0)
        return r;
    apply_policies(&s, u);
    *ret = s;
    s = (struct stack){0};
    return 0;
}

int cunik_command_up_request(struct command *c, const struct command_up *u, const struct stack *s,
                             struct request *ret, struct error **err)
{
    _cleanup_strv_ struct strv scope = {0};
    int r = cunik_lower(s, &ret->desired, err);

    c->quiet_pull = u->quiet_pull;
    find_scope(s, u, &scope);
    if (r == 0 && u->images != IMAGES_NONE)
        r = cunik_command_images(c, s, &scope, u->images, err);
    if (r == 0)
        r = send_contents(c, s, err);
    if (r < 0)
        return r;
    ret->action = ACTION_UP;
    cunik_replace(&ret->stack, s->name);
    cunik_strv_copy(&ret->services, u->services);
    ret->recreate = u->recreate;
    ret->remove_orphans = u->remove_orphans;
    ret->no_dependencies = u->no_dependencies;
    return 0;
}
