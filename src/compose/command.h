/* What every command of cunik-compose shares: the global options, the stack file, the engine.
 *
 * A command is a row of cunik_compose_program (program.c) and a function in command_NAME.c, or in
 * the file of its like. It decides through pure modules and acts through the client; it prints its
 * result on standard output, progress and warnings on standard error.
 */
#pragma once

#include <stdbool.h>

#include "base/error.h"
#include "base/verbs.h"
#include "compose/load.h"
#include "compose/progress.h"
#include "compose/stack.h"
#include "engine/client.h"

/* How `config` loads; see struct load_options. */
struct command_load {
    bool only_services, no_interpolate, no_normalise, no_paths, no_consistency;
    bool no_warnings; /* nothing is made of the file here, or they are what is printed */
    /* Whose profiles are enabled: the arguments, unless these say something else; NULL = nobody's.
     */
    const struct strv *services;
};

/* What is done about images of services (command_images.h). */
enum image_action {
    IMAGES_NONE,
    IMAGES_NEED, /* as pull_policy says */
    IMAGES_ANEW, /* the same, but what is built is built anew */
    IMAGES_BUILD,
    IMAGES_PULL,
    IMAGES_PUSH,
};

struct command {
    const struct arguments *arguments;
    enum progress_mode progress;
    bool color; /* standard error, or what --ansi says */
    int64_t parallel;
    bool quiet_pull; /* how far fetching images is, is not shown */
    size_t n_steps;  /* begun by what was applied last */
    struct command_load load;
    struct client *client;     /* made by cunik_command_client() */
    struct timeline *timeline; /* gets the events of what is applied; NULL = none */
};

/* From the global options; ERROR_INVALID for values that cannot be. */
int cunik_command_init(struct command *c, const struct arguments *a, struct error **err);
void cunik_command_done(struct command *c);

/* Loads the stack file as the global options say and prints its warnings, unless it was asked not
 * to: what looks at a stack that was made already, or ends it, does not repeat them. All mistakes
 * are in *err.
 */
int cunik_command_load(struct command *c, struct stack *ret, struct error **err);
/* The same and the tree behind it, for `config`; ret_loaded may be NULL. */
int cunik_command_load_all(struct command *c, struct loaded *ret_loaded, struct stack *ret,
                           struct error **err);
/* The stack's name: of -p or COMPOSE_PROJECT_NAME alone, else of the stack file. The caller frees
 * it. */
int cunik_command_stack_name(struct command *c, char **ret, struct error **err);
/* How the engine is reached; the strings are borrowed. */
struct client_settings cunik_command_client_settings(const struct command *c);
/* Connects to the engine, starting it when needed, once. */
int cunik_command_client(struct command *c, struct client **ret, struct error **err);
/* The stack's name, which the caller frees, and what of it is there. */
int cunik_command_world(struct command *c, char **ret_stack, struct world *ret, struct error **err);

/* command_cuniks.c: ERROR_NOT_FOUND for a service that has no cunik. */
int cunik_command_check_there(const struct world *w, const struct strv *services,
                              struct error **err);
/* What is there of the stack, with only the cuniks of the services that are the command's arguments
 * (none = of all). ret_stack, its name, may be NULL. */
int cunik_command_cuniks(struct command *c, char **ret_stack, struct world *ret,
                         struct error **err);

/* command_request.c: what of the stack is brought up. */
struct command_up {
    const struct strv *services; /* empty = all */
    const struct strv *scale;    /* "SERVICE=NUM"; NULL = as the file says */
    enum image_action images;    /* what is done about those of the stack first */
    const char *pull;            /* in place of what the file says, or NULL */
    bool no_build, quiet_pull;
    enum plan_recreate recreate;
    bool remove_orphans, no_dependencies;
};
/* As COMMAND_UP_OPTIONS and the arguments say, but for the images. */
int cunik_command_read_up(const struct arguments *a, struct command_up *ret, struct error **err);
/* --build, --no-build and --pull: images are built and fetched. */
int cunik_command_read_images(const struct arguments *a, struct command_up *u, struct error **err);
/* Loads what the request is made of, and checks what is asked for. */
int cunik_command_up_stack(struct command *c, const struct command_up *u, struct stack *ret,
                           struct error **err);
/* Lowers it, sees to its images, sends the engine what files hold, and fills the request. */
int cunik_command_up_request(struct command *c, const struct command_up *u, const struct stack *s,
                             struct request *ret, struct error **err);
/* The options that cunik_command_read_up() reads, for tables of commands. */
#define COMMAND_UP_OPTIONS                                                                         \
    {"scale", 0, "SERVICE=NUM", "Run that many copies of a service", NULL, true},                  \
        {"force-recreate", 0, NULL, "Recreate all, changed or not", NULL, false},                  \
        {"no-recreate", 0, NULL, "Leave what is there as it is, changed or not", NULL, false},     \
        {"no-deps", 0, NULL, "Without the services that the named ones depend on", NULL, false},   \
    {                                                                                              \
        "remove-orphans", 0, NULL, "Remove cuniks of services that the file does not define",      \
            NULL, false                                                                            \
    }

/* command_kept.c: a plan in a file, with the request that it is for; the file has `version`,
 * `request` and `plan`. Reading takes the place of the stack file. */
int cunik_command_keep_plan(const char *path, const struct request *r, const struct plan *plan,
                            struct error **err);
int cunik_command_kept_plan(struct command *c, struct request *ret, struct error **err);

/* command_abort.c: --abort-on-exit and --exit-code-from of `up`. */
bool cunik_command_aborts(const struct arguments *a);
int cunik_command_check_abort(const struct arguments *a, const struct request *r,
                              struct error **err);
/* A cunik has ended: stops the stack; *status becomes that of the one asked for, or of the first
 * that has ended badly, or else 0. */
int cunik_command_abort(struct command *c, const char *stack, const struct strv *services,
                        int *status, struct error **err);

/* Sends the request and shows its progress. */
int cunik_command_apply(struct command *c, const struct request *r, struct error **err);
/* Says so on standard error when what was applied last had nothing to do, unless progress is quiet
 * or JSON. */
int cunik_command_say_nothing(struct command *c, const char *stack, struct error **err);

/* --timeout of a command in nanoseconds, -1 when it was not given. */
int cunik_command_timeout(struct command *c, const char *option, int64_t *ret_ns,
                          struct error **err);

/* --index of a command; *ret stays as it is when it was not given. */
int cunik_command_index(const struct arguments *a, uint64_t *ret, struct error **err);

int cunik_command_create(void *context, const struct arguments *a, int *status, struct error **err);
int cunik_command_run(void *context, const struct arguments *a, int *status, struct error **err);
int cunik_command_scale(void *context, const struct arguments *a, int *status, struct error **err);
int cunik_command_pause(void *context, const struct arguments *a, int *status, struct error **err);
int cunik_command_unpause(void *context, const struct arguments *a, int *status,
                          struct error **err);
int cunik_command_stats(void *context, const struct arguments *a, int *status, struct error **err);
int cunik_command_top(void *context, const struct arguments *a, int *status, struct error **err);
int cunik_command_wait(void *context, const struct arguments *a, int *status, struct error **err);
int cunik_command_rm(void *context, const struct arguments *a, int *status, struct error **err);
int cunik_command_list_images(void *context, const struct arguments *a, int *status,
                              struct error **err);
int cunik_command_volumes(void *context, const struct arguments *a, int *status,
                          struct error **err);
int cunik_command_up(void *context, const struct arguments *a, int *status, struct error **err);
int cunik_command_events(void *context, const struct arguments *a, int *status, struct error **err);
int cunik_command_graph(void *context, const struct arguments *a, int *status, struct error **err);
int cunik_command_port(void *context, const struct arguments *a, int *status, struct error **err);
int cunik_command_down(void *context, const struct arguments *a, int *status, struct error **err);
int cunik_command_ps(void *context, const struct arguments *a, int *status, struct error **err);
int cunik_command_logs(void *context, const struct arguments *a, int *status, struct error **err);
int cunik_command_attach(void *context, const struct arguments *a, int *status, struct error **err);
int cunik_command_config(void *context, const struct arguments *a, int *status, struct error **err);
int cunik_command_plan(void *context, const struct arguments *a, int *status, struct error **err);
int cunik_command_start(void *context, const struct arguments *a, int *status, struct error **err);
int cunik_command_stop(void *context, const struct arguments *a, int *status, struct error **err);
int cunik_command_restart(void *context, const struct arguments *a, int *status,
                          struct error **err);
int cunik_command_kill(void *context, const struct arguments *a, int *status, struct error **err);
int cunik_command_ls(void *context, const struct arguments *a, int *status, struct error **err);
int cunik_command_version(void *context, const struct arguments *a, int *status,
                          struct error **err);
