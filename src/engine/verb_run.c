/* run and create: one cunik without a stack file. It is a stack of its own name. */
#include <errno.h>
#include <inttypes.h>
#include <stdio.h>
#include <string.h>

#include "base/file.h"
#include "base/interrupt.h"
#include "base/memory.h"
#include "base/output.h"
#include "base/text.h"
#include "engine/attach.h"
#include "engine/run_options.h"
#include "engine/run_volumes.h"

static char *absolute(const char *folder, const char *path)
{
    return path ? cunik_path_join(folder, path) : NULL;
}

/* Paths of disks are made absolute as well: "PATH[:…]". */
static void absolute_disks(const char *folder, const struct strv *disks, struct strv *ret)
{
    for (size_t i = 0; i < disks->n; i++) {
        size_t size = strcspn(disks->items[i], ":");
        _cleanup_free_ char *path = cunik_strndup(disks->items[i], size);
        _cleanup_free_ char *whole = cunik_path_join(folder, path);
        cunik_strv_addf(ret, "%s%s", whole, disks->items[i] + size);
    }
}

/* How it is called, and the name of it and its stack: another one when somebody who was renamed has
 * that still. */
struct given {
    char *called, *name;
};

static void given_done(struct given *g)
{
    free(g->called);
    free(g->name);
}

/* What it boots: a kernel, which --kernel or a path as the first argument names, or an image. */
struct bootable {
    const char *kernel, *image; /* one of them; the other is NULL */
    size_t words;               /* how many arguments it took */
};

/* Names of images may have slashes as well: "registry:5000/team/redis". */
static bool is_path(const char *word)
{
    return *word == '/' || cunik_text_starts(word, "./") || cunik_text_starts(word, "../") ||
           (strchr(word, '/') && cunik_file_exists(word));
}

static int find_bootable(const struct arguments *a, struct bootable *ret, struct error **err)
{
    const struct strv *words = cunik_arguments_positional(a);
    const char *kernel = cunik_arguments_value(a, "kernel");

    if (kernel)
        *ret = (struct bootable){.kernel = kernel};
    else if (!words->n)
        return cunik_error_set(err, ERROR_INVALID,
                               "a kernel or an image is needed: ./FILE, --kernel FILE or NAME");
    else if (is_path(words->items[0]))
        *ret = (struct bootable){.kernel = words->items[0], .words = 1};
    else
        *ret = (struct bootable){.image = words->items[0], .words = 1};
    return 0;
}

static int describe(const struct arguments *a, const struct given *g, struct world *ret,
                    struct error **err)
{
    const struct strv *words = cunik_arguments_positional(a);
    _cleanup_free_ char *folder = get_current_dir_name();
    _cleanup_strv_ struct strv disks = {0}, command = {0};
    struct bootable what = {0};

    if (!folder)
        return cunik_error_errno(err, errno, "finding the working directory");
    int r = find_bootable(a, &what, err);
    if (r < 0)
        return r;
    _cleanup_free_ char *kernel_path = absolute(folder, what.kernel);
    _cleanup_free_ char *initrd_path = absolute(folder, cunik_arguments_value(a, "initrd"));
    absolute_disks(folder, cunik_arguments_values(a, "disk"), &disks);
    for (size_t i = what.words; i < words->n; i++)
        cunik_strv_add(&command, words->items[i]);
    const struct run_options o = {
        .name = g->name,
        .called = g->called,
        .kernel = kernel_path,
        .image = what.image,
        .initrd = initrd_path,
        .backend = cunik_arguments_value(a, "backend"),
        .cmdline = cunik_arguments_value(a, "cmdline"),
        .hostname = cunik_arguments_value(a, "hostname"),
        .memory = cunik_arguments_value(a, "memory"),
        .cpus = cunik_arguments_value(a, "cpus"),
        .restart = cunik_arguments_value(a, "restart"),
        .network = cunik_arguments_value(a, "network"),
        .stop_timeout = cunik_arguments_value(a, "stop-timeout"),
        .health = {.command = cunik_arguments_value(a, "health-cmd"),
                   .interval = cunik_arguments_value(a, "health-interval"),
                   .timeout = cunik_arguments_value(a, "health-timeout"),
                   .start_period = cunik_arguments_value(a, "health-start-period"),
                   .start_interval = cunik_arguments_value(a, "health-start-interval"),
                   .retries = cunik_arguments_value(a, "health-retries"),
                   .none = cunik_arguments_flag(a, "no-healthcheck")},
        .environment = cunik_arguments_values(a, "env"),
        .labels = cunik_arguments_values(a, "label"),
        .ports = cunik_arguments_values(a, "publish"),
        .disks = &disks,
        .volumes = cunik_arguments_values(a, "volume"),
        .params = cunik_arguments_values(a, "param"),
        .command = &command,
        .folder = folder,
        .environ = environ,
    };
    return cunik_run_world(&o, ret, err);
}

/* As --pull says; what it does goes to standard error. */
static int fetch(const struct arguments *a, struct client *client, const char *image,
                 struct error **err)
{
    static const char *const policies[] = {"missing", "always", "never"};
    const char *policy = cunik_arguments_value(a, "pull");
    struct image_transfer t;
    bool known = !policy;

    for (size_t i = 0; i < ARRAY_SIZE(policies); i++)
        known = known || strcmp(policy, policies[i]) == 0;
    if (!known)
        return cunik_error_set(err, ERROR_INVALID,
                               "option '--pull' takes missing, always or never, not '%s'", policy);
    int r = cunik_image_transfer_init(&t, false, err);
    return r < 0 ? r
                 : cunik_client_image_need(client, image, policy ? policy : policies[0], &t, err);
}

static int send_files(struct client *client, struct world_cunik *c, struct error **err)
{
    const char *writable = NULL;
    int r = cunik_run_volume_files(client, c, &writable, err);

    if (r == 0 && writable)
        fprintf(stderr, "the guest gets a copy of the %s, which it cannot write to\n", writable);
    return r;
}

static int make(const struct arguments *a, struct client *client, struct given *g, bool start,
                struct error **err)
{
    _cleanup_request_ struct request r;
    _cleanup_world_ struct world w = {0};
    bool kept = false;
    int e;

    cunik_request_init(&r);
    e = cunik_client_world(client, "", &w, err);
    if (e == 0)
        e = cunik_verb_check_name(&w, g->called, &kept, err);
    if (e < 0)
        return e;
    g->name = kept ? cunik_verb_any_name("cunik") : cunik_strdup(g->called);
    cunik_replace(&r.stack, g->name);
    r.action = ACTION_UP;
    r.no_start = !start;
    r.only_new = true; /* also when another has come since we looked */
    r.atomic = true;   /* one that fails leaves nothing */
    e = describe(a, g, &r.desired, err);
    struct world_cunik *c = r.desired.cuniks;
    if (e == 0)
        e = send_files(client, c, err);
    if (e == 0 && *c->image && !*c->boot.kernel)
        e = fetch(a, client, c->image, err);
    return e < 0 ? e : cunik_verb_apply(client, &r, err);
}

static void print_line(void *ctx _unused_, const struct log_line *line)
{
    cunik_verb_print_text(line->text);
    cunik_output_flush();
}

/* Shows what it writes until it has ended; an interrupt stops it, a second one kills it. */
static int follow(struct client *client, const char *name, struct error **err)
{
    static const enum request_action harder[] = {ACTION_STOP, ACTION_KILL};
    _cleanup_strv_ struct strv names = {0};
    int r;

    cunik_strv_add(&names, name);
    const struct log_query q = {.stack = name, .services = names, .follow = true, .tail = -1};
    r = cunik_client_logs(client, &q, print_line, NULL, err);
    cunik_client_leave_at_once(client); /* who interrupts again does not wait */
    for (size_t i = 0; i < ARRAY_SIZE(harder) && r < 0 && (*err)->code == ERROR_CANCELLED; i++) {
        cunik_error_forget(err);
        cunik_interrupt_clear();
        r = cunik_verb_apply_stack(client, name, harder[i], err);
    }
    return r;
}

/* Line by line, as `logs` does. */
static int watch(struct client *client, const struct given *g, int *ret_status, struct error **err)
{
    _cleanup_world_ struct world w = {0};
    int r = follow(client, g->name, err);

    if (r == 0)
        r = cunik_client_world(client, g->name, &w, err);
    const struct world_cunik *c = cunik_world_cunik(&w, g->name);
    if (r == 0 && !c)
        r = cunik_error_set(err, ERROR_NOT_FOUND, "'%s' has been removed", g->called);
    if (r == 0)
        *ret_status = (int)c->status.exit_code;
    return r;
}

static bool is_attached(const struct arguments *a)
{
    return cunik_arguments_flag(a, "interactive") || cunik_arguments_flag(a, "tty");
}

/* Byte by byte, and both ways. *ret_ended: it has, and was not left. */
static int take_part(const struct arguments *a, const char *name, int *ret_status, bool *ret_ended,
                     struct error **err)
{
    const struct client_settings how = cunik_verb_client_settings(a, -1);
    const struct attach_options o = {
        .detach_keys = cunik_arguments_value(a, "detach-keys"),
        .input = cunik_arguments_flag(a, "interactive"),
        .raw = cunik_arguments_flag(a, "tty"),
        .proxy = !cunik_text_equal(cunik_arguments_value(a, "sig-proxy"), "false"),
        .from_start = true,
        .ret_ended = ret_ended,
    };

    return cunik_attach(&how, name, &o, ret_status, err);
}

static int take_away(struct client *client, const char *stack, struct error **err)
{
    _cleanup_request_ struct request r;

    cunik_request_init_removal(&r, stack);
    return cunik_verb_apply(client, &r, err);
}

static int attached(const struct arguments *a, struct client *client, const struct given *g,
                    int *ret_status, struct error **err)
{
    bool ended = true;
    int r = is_attached(a) ? take_part(a, g->called, ret_status, &ended, err)
                           : watch(client, g, ret_status, err);

    if (!ended && cunik_arguments_flag(a, "rm"))
        fprintf(stderr, "'%s' is not removed when it ends: see cunik rm\n", g->called);
    if (ended && cunik_arguments_flag(a, "rm")) {
        _cleanup_error_ struct error *why = NULL;
        int gone = take_away(client, g->name, &why);
        if (r == 0)
            r = cunik_error_pass(err, gone, &why);
    }
    return r;
}

int cunik_verb_run(void *context _unused_, const struct arguments *a, int *ret_status,
                   struct error **err)
{
    const char *given = cunik_arguments_value(a, "name");
    _cleanup_(given_done) struct given g = {.called = given ? cunik_strdup(given)
                                                            : cunik_verb_any_name("cunik")};
    bool detach = cunik_arguments_flag(a, "detach");
    _cleanup_(cunik_client_destroyp) struct client *client = NULL;

    if (detach && cunik_arguments_flag(a, "rm"))
        return cunik_error_set(err, ERROR_INVALID,
                               "options '--detach' and '--rm' exclude each other: nobody would be "
                               "there when it ends; leave '--rm' out, and use 'cunik rm' then");
    int r = cunik_verb_reach_with(a, detach ? -1 : cunik_interrupt_fd(), &client, err);
    if (r == 0)
        r = make(a, client, &g, true, err);
    if (r < 0)
        return r;
    if (!detach)
        return attached(a, client, &g, ret_status, err);
    puts(g.called);
    return 0;
}

int cunik_verb_create(void *context _unused_, const struct arguments *a, int *ret_status _unused_,
                      struct error **err)
{
    const char *given = cunik_arguments_value(a, "name");
    _cleanup_(given_done) struct given g = {.called = given ? cunik_strdup(given)
                                                            : cunik_verb_any_name("cunik")};
    _cleanup_(cunik_client_destroyp) struct client *client = NULL;
    int r = cunik_verb_reach(a, &client, err);

    if (r == 0)
        r = make(a, client, &g, false, err);
    if (r == 0)
        puts(g.called);
    return r;
}
