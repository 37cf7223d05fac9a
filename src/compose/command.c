#include "compose/command.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "base/interrupt.h"
#include "base/memory.h"
#include "base/text.h"
#include "compose/load.h"
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

    *c = (struct command){.arguments = a, .load.services = cunik_arguments_positional(a)};
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

    r = load_options(c, c->load.services, &o, &folder, err);
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
    c->load.no_warnings = true;
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

/* The display, and who keeps the times. */
struct both {
    struct event_sink display;
    size_t *n_steps;
    struct timeline *timeline;
};

static void put_both(void *ctx, const struct event *e)
{
    const struct both *b = ctx;

    *b->n_steps += e->type == EVENT_STEP && e->phase == PHASE_BEGIN;
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
    c->n_steps = 0;
    struct both both = {cunik_progress_display_sink(display), &c->n_steps, c->timeline};
    return cunik_client_apply(client, &request, &(struct event_sink){put_both, &both}, err);
}

int cunik_command_say_nothing(struct command *c, const char *stack, struct error **err)
{
    _cleanup_world_ struct world w = {0};
    int r;

    if (c->n_steps || c->progress == PROGRESS_QUIET || c->progress == PROGRESS_JSON)
        return 0;
    r = cunik_client_world(c->client, stack, &w, err);
    if (r == 0 && !w.n_cuniks)
        fprintf(stderr, "Nothing is there of stack '%s'\n", stack);
    else if (r == 0)
        fprintf(stderr, "Nothing to do for stack '%s'\n", stack);
    return r;
}

int cunik_command_timeout(struct command *c, const char *option, int64_t *ret_ns,
                          struct error **err)
{
    return cunik_arguments_seconds(c->arguments, option, 0, ret_ns, err);
}

int cunik_command_index(const struct arguments *a, uint64_t *ret, struct error **err)
{
    const char *text = cunik_arguments_value(a, "index");

    if (text && cunik_text_to_uint(text, 1, INT32_MAX, ret) < 0)
        return cunik_error_set(err, ERROR_INVALID,
                               "option '--index' takes a number from 1 on, not '%s'", text);
    return 0;
}
