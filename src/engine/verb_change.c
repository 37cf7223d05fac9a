/* start, stop, restart, kill, remove and prune: cuniks by name. Those of one stack go in one
 * request, so that they are dealt with at once and in the order of their dependencies. */
#include <stdio.h>
#include <string.h>

#include "base/map.h"
#include "base/memory.h"
#include "base/text.h"
#include "engine/attach.h"

struct change {
    struct client *client;
    struct world world;
    enum request_action action;
    enum plan_volumes volumes;
    int64_t grace_ns;   /* -1 = each one's own */
    struct strv chosen; /* names, each once */
    enum request_spare spare;
};

static void change_done(struct change *c)
{
    cunik_client_destroy(c->client);
    cunik_world_done(&c->world);
    cunik_strv_done(&c->chosen);
}

static int choose(struct change *c, const struct strv *names, struct error **err)
{
    struct world_cunik *found;
    int r = 0;

    for (size_t i = 0; i < names->n && r == 0; i++) {
        r = cunik_verb_find(&c->world, names->items[i], &found, err);
        if (r == 0 && !cunik_strv_has(&c->chosen, found->name))
            cunik_strv_add(&c->chosen, found->name);
    }
    return r;
}

/* Whether a stack has nothing but what is chosen. */
static bool is_whole(const struct change *c, const char *stack)
{
    for (size_t i = 0; i < c->world.n_cuniks; i++)
        if (strcmp(c->world.cuniks[i].stack, stack) == 0 &&
            !cunik_strv_has(&c->chosen, c->world.cuniks[i].name))
            return false;
    return true;
}

/* What `run` made has no file that could bring it back: it goes with its network. */
static bool goes_whole(const struct change *c, const char *stack)
{
    const struct world_cunik *namesake = cunik_world_cunik(&c->world, stack);

    return c->action == ACTION_DOWN && namesake && strcmp(namesake->stack, stack) == 0 &&
           is_whole(c, stack);
}

static int change_stack(const struct change *c, const char *stack, struct error **err)
{
    _cleanup_request_ struct request r;

    cunik_request_init(&r);
    r.action = c->action;
    r.volumes = c->volumes;
    r.stop_grace_ns = c->grace_ns;
    r.no_dependencies = true;
    r.spare = c->spare;
    cunik_replace(&r.stack, stack);
    for (size_t i = 0; i < c->world.n_cuniks && !goes_whole(c, stack); i++) {
        const struct world_cunik *one = &c->world.cuniks[i];
        if (strcmp(one->stack, stack) != 0 || !cunik_strv_has(&c->chosen, one->name))
            continue;
        cunik_strv_add(&r.cuniks, one->name);
        if (!cunik_strv_has(&r.services, one->service))
            cunik_strv_add(&r.services, one->service);
    }
    return cunik_verb_apply(c->client, &r, err);
}

static void called_of(const struct change *c, const char *stack, struct strv *ret)
{
    for (size_t i = 0; i < c->chosen.n; i++) {
        const struct world_cunik *one = cunik_world_cunik(&c->world, c->chosen.items[i]);
        if (strcmp(one->stack, stack) == 0)
            cunik_strv_add(ret, cunik_world_called(one));
    }
}

/* Prints what was asked for; of what may have been left alone only what is gone. */
static int say_done(const struct change *c, const char *stack, struct error **err)
{
    _cleanup_world_ struct world now = {0};
    int r = c->spare == SPARE_RUNNING ? cunik_client_world(c->client, stack, &now, err) : 0;

    for (size_t i = 0; i < c->chosen.n && r == 0; i++) {
        const struct world_cunik *one = cunik_world_cunik(&c->world, c->chosen.items[i]);
        if (strcmp(one->stack, stack) == 0 && !cunik_world_cunik(&now, one->name))
            puts(cunik_world_called(one));
    }
    return r;
}

static int change_all_of(const struct change *c, const char *stack, struct error **err)
{
    _cleanup_error_ struct error *why = NULL;
    int r = change_stack(c, stack, &why);

    if (r == 0)
        return say_done(c, stack, err);
    if (why->code != ERROR_NOT_FOUND)
        return cunik_error_pass(err, r, &why);
    if (c->spare == SPARE_RUNNING)
        return 0; /* somebody was quicker */
    _cleanup_strv_ struct strv names = {0};
    called_of(c, stack, &names);
    _cleanup_free_ char *list = cunik_strv_join(&names, ", ");
    return cunik_error_set(err, ERROR_NOT_FOUND, "gone in the meantime: %s", list);
}

/* Stack by stack; a failure does not keep the others from being tried. */
static int carry_out(const struct change *c, struct error **err)
{
    _cleanup_map_ struct map stacks = {0};
    int result = 0;

    for (size_t i = 0; i < c->chosen.n; i++)
        cunik_map_add(&stacks, cunik_world_cunik(&c->world, c->chosen.items[i])->stack, NULL);
    for (size_t i = 0; i < stacks.n; i++) {
        const char *stack = stacks.entries[i].key;
        _cleanup_error_ struct error *why = NULL;
        int r = change_all_of(c, stack, &why);
        if (r < 0 && result == 0)
            result = cunik_error_pass(err, r, &why);
        else if (r < 0)
            fprintf(stderr, "%s\n", why->message);
    }
    return result;
}

static int change(const struct arguments *a, enum request_action action, bool with_grace,
                  struct error **err)
{
    _cleanup_(change_done) struct change c = {.action = action, .grace_ns = -1};
    int r = with_grace ? cunik_verb_grace(a, &c.grace_ns, err) : 0;

    if (r == 0)
        r = cunik_verb_world(a, &c.client, &c.world, err);
    if (r == 0)
        r = choose(&c, cunik_arguments_positional(a), err);
    return r < 0 ? r : carry_out(&c, err);
}

/* With its console: of one alone. */
static int start_attached(const struct arguments *a, int *ret_status, struct error **err)
{
    const struct strv *names = cunik_arguments_positional(a);
    const struct client_settings how = cunik_verb_client_settings(a, -1);
    const struct attach_options o = {.detach_keys = cunik_arguments_value(a, "detach-keys"),
                                     .input = cunik_arguments_flag(a, "interactive"),
                                     .raw = true,
                                     .proxy = true,
                                     .from_start = true};
    _cleanup_(change_done) struct change c = {.action = ACTION_START, .grace_ns = -1};

    if (names->n > 1)
        return cunik_error_set(err, ERROR_INVALID, "only one can be started with its console");
    int r = cunik_verb_world(a, &c.client, &c.world, err);
    if (r == 0)
        r = choose(&c, names, err);
    if (r == 0)
        r = change_stack(&c, cunik_world_cunik(&c.world, c.chosen.items[0])->stack, err);
    return r < 0 ? r : cunik_attach(&how, names->items[0], &o, ret_status, err);
}

int cunik_verb_start(void *context _unused_, const struct arguments *a, int *ret_status,
                     struct error **err)
{
    if (cunik_arguments_flag(a, "attach") || cunik_arguments_flag(a, "interactive"))
        return start_attached(a, ret_status, err);
    return change(a, ACTION_START, false, err);
}

int cunik_verb_stop(void *context _unused_, const struct arguments *a, int *ret_status _unused_,
                    struct error **err)
{
    return change(a, ACTION_STOP, true, err);
}

int cunik_verb_restart(void *context _unused_, const struct arguments *a, int *ret_status _unused_,
                       struct error **err)
{
    return change(a, ACTION_RESTART, true, err);
}

int cunik_verb_kill(void *context _unused_, const struct arguments *a, int *ret_status _unused_,
                    struct error **err)
{
    return change(a, ACTION_KILL, false, err);
}

static int refuse_running(const struct change *c, struct error **err)
{
    for (size_t i = 0; i < c->chosen.n; i++) {
        const struct world_cunik *one = cunik_world_cunik(&c->world, c->chosen.items[i]);
        if (cunik_state_is_active(one->status.state))
            return cunik_error_set(err, ERROR_CONFLICT, "'%s' is %s: stop it first, or use --force",
                                   cunik_world_called(one), cunik_state_name(one->status.state));
    }
    return 0;
}

int cunik_verb_remove(void *context _unused_, const struct arguments *a, int *ret_status _unused_,
                      struct error **err)
{
    bool force = cunik_arguments_flag(a, "force");
    _cleanup_(change_done) struct change c = {.action = ACTION_DOWN,
                                              .grace_ns = force ? 0 : -1,
                                              .spare = force ? SPARE_NOTHING : SPARE_REFUSE};
    int r = cunik_verb_world(a, &c.client, &c.world, err);

    if (cunik_arguments_flag(a, "volumes"))
        c.volumes = PLAN_VOLUMES_OWN;
    if (r == 0)
        r = choose(&c, cunik_arguments_positional(a), err);
    if (r == 0 && !force)
        r = refuse_running(&c, err);
    return r < 0 ? r : carry_out(&c, err);
}

/* system prune: what does not run. */
int cunik_verb_prune(void *context _unused_, const struct arguments *a, int *ret_status _unused_,
                     struct error **err)
{
    _cleanup_(change_done) struct change c = {
        .action = ACTION_DOWN, .grace_ns = -1, .spare = SPARE_RUNNING};

    if (!cunik_verb_agrees(a, "Remove all cuniks that do not run, and networks without cuniks?"))
        return cunik_error_set(err, ERROR_CANCELLED, "cancelled");
    int r = cunik_verb_world(a, &c.client, &c.world, err);
    for (size_t i = 0; i < c.world.n_cuniks && r == 0; i++)
        if (!cunik_state_is_active(c.world.cuniks[i].status.state))
            cunik_strv_add(&c.chosen, c.world.cuniks[i].name);
    if (r == 0)
        r = carry_out(&c, err);
    return r < 0 ? r : cunik_verb_remove_networks(c.client, NULL, err);
}
