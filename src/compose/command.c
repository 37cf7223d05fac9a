#include "compose/command.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "base/interrupt.h"
#include "base/memory.h"
#include "base/text.h"
#include "compose/command_images.h"
#include "compose/load.h"
#include "compose/lower.h"
#include "compose/timeline.h"
#include "engine/health.h"
#include "engine/verb.h"

static int choose_display(struct command *c, const struct arguments *a, struct error **err)
{
    const char *ansi = cunik_arguments_value(a, "ansi");
    const char *progress = cunik_arguments_value(a, "progress");
    bool terminal = isatty(STDERR_FILENO);

    if (!ansi)
        ansi = getenv("COMPOSE_ANSI");
    if (!progress)
        progress = getenv("COMPOSE_PROGRESS");
    c->color = cunik_text_equal(ansi, "always") ||
               (!cunik_text_equal(ansi, "never") && isatty(STDOUT_FILENO) && !getenv("NO_COLOR"));
    if (cunik_text_blank(progress) || strcmp(progress, "auto") == 0)
        c->progress = terminal && !cunik_text_equal(ansi, "never") ? PROGRESS_TTY : PROGRESS_PLAIN;
    else if (strcmp(progress, "tty") == 0)
        c->progress = PROGRESS_TTY;
    else if (strcmp(progress, "plain") == 0)
        c->progress = PROGRESS_PLAIN;
    else if (strcmp(progress, "json") == 0)
        c->progress = PROGRESS_JSON;
    else if (strcmp(progress, "quiet") == 0)
        c->progress = PROGRESS_QUIET;
    else
        return cunik_error_set(err, ERROR_INVALID,
                               "COMPOSE_PROGRESS takes auto, tty, plain, json or quiet, not '%s'",
                               progress);
    return 0;
}

static int choose_parallel(struct command *c, const struct arguments *a, struct error **err)
{
    const char *text = cunik_arguments_value(a, "parallel");
    const char *source = text ? "option '--parallel'" : "COMPOSE_PARALLEL_LIMIT";

    if (!text)
        text = getenv("COMPOSE_PARALLEL_LIMIT");
    if (cunik_text_blank(text) || strcmp(text, "-1") == 0)
        return 0;
    if (cunik_text_to_int(text, 1, 1024, &c->parallel) < 0)
        return cunik_error_set(err, ERROR_INVALID, "%s takes -1 or 1 to 1024, not '%s'", source,
                               text);
    return 0;
}

int cunik_command_init(struct command *c, const struct arguments *a, struct error **err)
{
    int r;

    *c = (struct command){.arguments = a};
    r = choose_display(c, a, err);
    if (r == 0)
        r = choose_parallel(c, a, err);
    return r;
}

void cunik_command_done(struct command *c)
{
    cunik_client_destroy(c->client);
    *c = (struct command){0};
}

/* The working directory as the shell names it, where that is the same folder: places in messages
 * then read as the user typed them. */
static int load_options(struct command *c, const struct strv *services, struct load_options *ret,
                        char **ret_folder, struct error **err)
{
    const struct arguments *a = c->arguments;
    char *folder = get_current_dir_name();

    if (!folder)
        return cunik_error_errno(err, errno, "finding the working directory");
    *ret_folder = folder;
    *ret = (struct load_options){
        .working_dir = folder,
        .environment = environ,
        .files = cunik_arguments_values(a, "file"),
        .env_files = cunik_arguments_values(a, "env-file"),
        .profiles = cunik_arguments_values(a, "profile"),
        .services = services,
        .project_name = cunik_arguments_value(a, "project-name"),
        .project_directory = cunik_arguments_value(a, "project-directory"),
        .only_services = c->load.only_services,
        .no_interpolate = c->load.no_interpolate,
        .no_normalise = c->load.no_normalise,
        .no_paths = c->load.no_paths,
        .no_consistency = c->load.no_consistency,
    };
    return 0;
}

/* A healthcheck that cannot work is a mistake like any other of the file. */
static void check_health(const struct stack *s, struct diagnostics *d)
{
    for (size_t i = 0; i < s->n_services; i++) {
        const struct stack_service *service = &s->services[i];
        _cleanup_error_ struct error *err = NULL;
        if (!service->health.test.n || cunik_health_check_test(&service->health.test, &err) == 0)
            continue;
        _cleanup_free_ char *path = cunik_asprintf("services.%s.healthcheck.test", service->name);
        cunik_diagnostics_error(d, &service->health.place, path, "%s", err->message);
    }
}

static void print_warnings(const struct diagnostics *d)
{
    for (size_t i = 0; i < d->n; i++) {
        if (d->items[i].is_error)
            continue;
        _cleanup_free_ char *text = cunik_diagnostics_text(d, &d->items[i]);
        fprintf(stderr, "%s\n", text);
    }
}

int cunik_command_load_all(struct command *c, struct loaded *ret_loaded, struct stack *ret,
                           struct error **err)
{
    const struct arguments *a = c->arguments;
    _cleanup_diagnostics_ struct diagnostics d = {
        .strict = cunik_arguments_flag(a, "strict"),
        .excerpts = isatty(STDERR_FILENO),
    };
    _cleanup_free_ char *folder = NULL;
    struct load_options o;
    int r;

    r = load_options(c, c->load.no_services ? NULL : cunik_arguments_positional(a), &o, &folder,
                     err);
    if (r < 0)
        return r;
    r = cunik_load_stack(&o, ret_loaded, ret, &d, err);
    if (!c->load.no_warnings)
        print_warnings(&d);
    if (r < 0)
        return r;
    check_health(ret, &d);
    return cunik_diagnostics_fail(&d, err);
}

int cunik_command_load(struct command *c, struct stack *ret, struct error **err)
{
    return cunik_command_load_all(c, NULL, ret, err);
}

int cunik_command_stack_name(struct command *c, char **ret, struct error **err)
{
    _cleanup_stack_ struct stack s = {0};
    _cleanup_free_ char *folder = NULL;
    struct load_options o;
    int r;

    r = load_options(c, NULL, &o, &folder, err);
    if (r < 0)
        return r;
    if (!o.files->n) {
        char *name = NULL;
        r = cunik_load_project_name(&o, &name, err);
        if (r < 0 || name) {
            free(*ret);
            *ret = name;
            return r;
        }
    }
    r = cunik_command_load(c, &s, err);
    if (r < 0)
        return r;
    cunik_replace(ret, s.name);
    return 0;
}

/* A guest's published ports are reached from the engine's network namespace, which need not be
 * ours. */
static void warn_of_namespace(struct client *client)
{
    if (cunik_client_foreign_netns(client))
        fprintf(stderr, "warning: the engine runs in another network namespace; published ports "
                        "are reached from there\n");
}

struct client_settings cunik_command_client_settings(const struct command *c)
{
    return cunik_verb_client_settings(c->arguments, cunik_interrupt_fd());
}

int cunik_command_client(struct command *c, struct client **ret, struct error **err)
{
    int r = 0;

    if (!c->client) {
        const struct client_settings settings = cunik_command_client_settings(c);
        r = cunik_client_create(&settings, &c->client, err);
        if (r == 0)
            warn_of_namespace(c->client);
    }
    if (r == 0)
        *ret = c->client;
    return r;
}

int cunik_command_world(struct command *c, char **ret_stack, struct world *ret, struct error **err)
{
    _cleanup_free_ char *stack = NULL;
    struct client *client;
    int r = cunik_command_stack_name(c, &stack, err);

    if (r == 0)
        r = cunik_command_client(c, &client, err);
    if (r == 0)
        r = cunik_client_world(client, stack, ret, err);
    if (r == 0)
        *ret_stack = TAKE_PTR(stack);
    return r;
}

static int apply_scale(struct stack *s, const struct strv *values, struct error **err)
{
    for (size_t i = 0; i < values->n; i++) {
        const char *text = values->items[i], *equals = strrchr(text, '=');
        uint64_t scale;
        if (!equals || equals == text || cunik_text_to_uint(equals + 1, 0, 100000, &scale) < 0)
            return cunik_error_set(err, ERROR_INVALID,
                                   "option '--scale' takes SERVICE=NUM, not '%s'", text);
        _cleanup_free_ char *service = cunik_strndup(text, (size_t)(equals - text));
        int r = cunik_stack_set_scale(s, service, (int64_t)scale, err);
        if (r < 0)
            return r;
    }
    return 0;
}

static int check_services(const struct stack *s, const struct strv *services, struct error **err)
{
    _cleanup_free_ const char **names = NULL;
    size_t n = 0;

    for (size_t i = 0; i < s->n_services; i++)
        *ARRAY_APPEND(names, n) = s->services[i].name;
    for (size_t i = 0; i < services->n; i++) {
        if (cunik_stack_service(s, services->items[i]))
            continue;
        const char *near = cunik_text_nearest(services->items[i], names, n);
        return cunik_error_set(err, ERROR_INVALID, "no such service: %s%s%s%s", services->items[i],
                               near ? "; did you mean '" : "", near ? near : "", near ? "'?" : "");
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

int cunik_command_up_request(struct command *c, struct request *ret, struct error **err)
{
    const struct arguments *a = c->arguments;
    _cleanup_loaded_ struct loaded l = {0};
    _cleanup_stack_ struct stack s = {0};
    int r;

    if (cunik_arguments_flag(a, "force-recreate") && cunik_arguments_flag(a, "no-recreate"))
        return cunik_error_set(err, ERROR_INVALID,
                               "options '--force-recreate' and '--no-recreate' exclude each other");
    r = cunik_command_load_all(c, &l, &s, err);
    if (r == 0)
        r = read_contents(&l, &s, err);
    if (r == 0)
        r = apply_scale(&s, cunik_arguments_values(a, "scale"), err);
    if (r == 0)
        r = check_services(&s, cunik_arguments_positional(a), err);
    if (r == 0)
        r = cunik_lower(&s, &ret->desired, err);
    if (r == 0 && c->fetch_images)
        r = cunik_command_images(
            c, &s, cunik_arguments_flag(a, "build") ? IMAGES_BUILD : IMAGES_NEED, err);
    if (r == 0)
        r = send_contents(c, &s, err);
    if (r < 0)
        return r;
    ret->action = ACTION_UP;
    cunik_replace(&ret->stack, s.name);
    cunik_strv_copy(&ret->services, cunik_arguments_positional(a));
    ret->recreate = cunik_arguments_flag(a, "force-recreate") ? RECREATE_ALWAYS
                    : cunik_arguments_flag(a, "no-recreate")  ? RECREATE_NEVER
                                                              : RECREATE_CHANGED;
    ret->remove_orphans = cunik_arguments_flag(a, "remove-orphans");
    ret->no_dependencies = cunik_arguments_flag(a, "no-deps");
    return 0;
}

/* The display, and who keeps the times. */
struct both {
    struct event_sink display;
    struct timeline *timeline;
};

static void put_both(void *ctx, const struct event *e)
{
    const struct both *b = ctx;

    if (b->timeline)
        cunik_timeline_event(b->timeline, e);
    b->display.put(b->display.ctx, e);
}

/* For others who have to wait for us. */
static char *whoami(void)
{
    const char *user = getenv("SUDO_USER");

    if (cunik_text_blank(user))
        user = getenv("USER");
    if (cunik_text_blank(user))
        return cunik_asprintf("cunik-compose (pid %ld, uid %ld)", (long)getpid(), (long)getuid());
    return cunik_asprintf("cunik-compose (pid %ld, user %s)", (long)getpid(), user);
}

int cunik_command_apply(struct command *c, const struct request *r, struct error **err)
{
    _cleanup_(cunik_progress_display_destroyp) struct progress_display *display = NULL;
    _cleanup_free_ char *self = whoami();
    struct request request = *r;
    struct client *client;
    int failed;

    request.parallel = c->parallel;
    request.client = self;
    failed = cunik_command_timeout(c, "lock-timeout", &request.lock_timeout_ns, err);
    if (failed == 0)
        failed = cunik_command_client(c, &client, err);
    if (failed < 0)
        return failed;
    display = cunik_progress_display_create(c->progress, STDERR_FILENO,
                                            c->color || c->progress == PROGRESS_TTY);
    struct both both = {cunik_progress_display_sink(display), c->timeline};
    return cunik_client_apply(client, &request, &(struct event_sink){put_both, &both}, err);
}

int cunik_command_timeout(struct command *c, const char *option, int64_t *ret_ns,
                          struct error **err)
{
    const char *text = cunik_arguments_value(c->arguments, option);
    uint64_t seconds;

    if (!text)
        return 0;
    if (cunik_text_to_uint(text, 0, 1000000, &seconds) < 0)
        return cunik_error_set(err, ERROR_INVALID, "option '--%s' takes seconds, not '%s'", option,
                               text);
    *ret_ns = (int64_t)seconds * 1000000000;
    return 0;
}

int cunik_command_index(const struct arguments *a, uint64_t *ret, struct error **err)
{
    const char *text = cunik_arguments_value(a, "index");

    if (text && cunik_text_to_uint(text, 1, INT32_MAX, ret) < 0)
        return cunik_error_set(err, ERROR_INVALID,
                               "option '--index' takes a number from 1 on, not '%s'", text);
    return 0;
}
