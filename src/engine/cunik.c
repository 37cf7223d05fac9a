/* cunik: a look at what the engine has, across stacks. It never starts guests. */
#include <stdio.h>
#include <string.h>
#include <time.h>

#include "base/json.h"
#include "base/memory.h"
#include "base/output.h"
#include "base/table.h"
#include "base/text.h"
#include "base/verbs.h"
#include "engine/client.h"

static const char *first_set(const char *a, const char *b)
{
    if (!cunik_text_blank(a))
        return a;
    return cunik_text_blank(b) ? "" : b;
}

static int reach(const struct arguments *a, struct client **ret, struct error **err)
{
    const struct client_settings settings = {
        .connect = first_set(cunik_arguments_value(a, "connect"), getenv("CUNIK_CONNECT")),
        .accel = first_set(getenv("CUNIK_ACCEL"), NULL),
        .cancel_fd = -1, /* an interrupt ends the process, which is all there is to cancel */
    };

    return cunik_client_create(&settings, ret, err);
}

static int get_world(const struct arguments *a, struct world *ret, struct error **err)
{
    _cleanup_(cunik_client_destroyp) struct client *client = NULL;
    int r = reach(a, &client, err);

    return r < 0 ? r : cunik_client_world(client, "", ret, err);
}

static bool wants_json(const struct arguments *a)
{
    return cunik_text_equal(cunik_arguments_value(a, "format"), "json");
}

static void print_json(const json_t *value, size_t flags)
{
    _cleanup_free_ char *text = cunik_json_text(value, flags);

    puts(text);
}

static char *addresses(const struct world_cunik *c)
{
    _cleanup_strv_ struct strv list = {0};

    for (size_t i = 0; i < c->n_interfaces; i++)
        cunik_strv_add(&list, c->interfaces[i].address);
    return cunik_strv_join(&list, ", ");
}

static char *ports(const struct world_cunik *c)
{
    _cleanup_strv_ struct strv list = {0};

    for (size_t i = 0; i < c->n_ports; i++) {
        const struct world_port *p = &c->ports[i];
        cunik_strv_addf(&list, "%s:%u->%u/%s", *p->host_ip ? p->host_ip : "0.0.0.0", p->host_port,
                        p->port, p->protocol);
    }
    return cunik_strv_join(&list, ", ");
}

static char *state_text(const struct world_cunik *c)
{
    const struct world_status *s = &c->status;

    if (s->state == CUNIK_EXITED)
        return cunik_asprintf("exited (%lld)", (long long)s->exit_code);
    if (s->health == HEALTH_NONE)
        return cunik_strdup(cunik_state_name(s->state));
    return cunik_asprintf("%s (%s)", cunik_state_name(s->state), cunik_health_name(s->health));
}

static int list(void *context _unused_, const struct arguments *a, int *ret_status _unused_,
                struct error **err)
{
    static const char *const headings[] = {"NAME", "STACK", "SERVICE", "STATE", "ADDRESS", "PORTS"};
    _cleanup_world_ struct world w = {0};
    int r = get_world(a, &w, err);

    if (r < 0)
        return r;
    if (wants_json(a)) {
        for (size_t i = 0; i < w.n_cuniks; i++) {
            _cleanup_json_ json_t *one = cunik_world_cunik_to_json(&w.cuniks[i]);
            print_json(one, JSON_COMPACT);
        }
        return 0;
    }
    _cleanup_table_ struct table t = {0};
    cunik_table_init(&t, headings, ARRAY_SIZE(headings));
    for (size_t i = 0; i < w.n_cuniks; i++) {
        const struct world_cunik *c = &w.cuniks[i];
        _cleanup_free_ char *state = state_text(c), *where = addresses(c), *published = ports(c);
        cunik_table_cell(&t, c->name);
        cunik_table_cell(&t, c->stack);
        cunik_table_cell(&t, c->service);
        cunik_table_cell(&t, state);
        cunik_table_cell(&t, where);
        cunik_table_cell(&t, published);
    }
    _cleanup_free_ char *text = cunik_table_text(&t);
    fputs(text, stdout);
    return 0;
}

static int find_cunik(const struct world *w, const char *name, struct world_cunik **ret,
                      struct error **err)
{
    _cleanup_free_ const char **names = NULL;
    size_t n = 0;

    *ret = cunik_world_cunik(w, name);
    if (*ret)
        return 0;
    for (size_t i = 0; i < w->n_cuniks; i++)
        *ARRAY_APPEND(names, n) = w->cuniks[i].name;
    const char *near = cunik_text_nearest(name, names, n);
    return cunik_error_set(err, ERROR_NOT_FOUND, "no such cunik: %s%s%s%s", name,
                           near ? "; did you mean '" : "", near ? near : "", near ? "'?" : "");
}

static int inspect(void *context _unused_, const struct arguments *a, int *ret_status _unused_,
                   struct error **err)
{
    const struct strv *names = cunik_arguments_positional(a);
    _cleanup_json_ json_t *all = json_array();
    _cleanup_world_ struct world w = {0};
    struct world_cunik *c;
    int r = get_world(a, &w, err);

    for (size_t i = 0; i < names->n && r == 0; i++) {
        r = find_cunik(&w, names->items[i], &c, err);
        if (r == 0)
            cunik_json_append(all, cunik_world_cunik_to_json(c));
    }
    if (r == 0)
        print_json(all, JSON_INDENT(2));
    return r;
}

/* Local time with milliseconds; nothing when it is not known. */
static void print_time(int64_t ms)
{
    time_t seconds = (time_t)(ms / 1000);
    char stamp[32];
    struct tm tm;

    if (!ms)
        return;
    localtime_r(&seconds, &tm);
    strftime(stamp, sizeof(stamp), "%Y-%m-%dT%H:%M:%S", &tm);
    printf("%s.%03d ", stamp, (int)(ms % 1000));
}

/* What a guest writes is not to move the cursor or change the terminal. */
static void print_line(void *ctx, const struct log_line *line)
{
    const bool *with_times = ctx;

    if (*with_times)
        print_time(line->time_ms);
    for (const char *p = line->text; *p; p++)
        putchar(((unsigned char)*p < ' ' && *p != '\t') || *p == 0x7f ? '?' : *p);
    putchar('\n');
    cunik_output_flush();
}

static int logs(void *context _unused_, const struct arguments *a, int *ret_status _unused_,
                struct error **err)
{
    _cleanup_(cunik_client_destroyp) struct client *client = NULL;
    const char *tail = cunik_arguments_value(a, "tail");
    bool with_times = cunik_arguments_flag(a, "timestamps");
    struct log_query q = {.stack = "",
                          .services = *cunik_arguments_positional(a),
                          .follow = cunik_arguments_flag(a, "follow"),
                          .tail = -1};
    _cleanup_world_ struct world w = {0};
    struct world_cunik *c;
    uint64_t lines = 0;
    int r;

    if (tail && strcmp(tail, "all") != 0) {
        if (cunik_text_to_uint(tail, 0, INT64_MAX, &lines) < 0)
            return cunik_error_set(err, ERROR_INVALID,
                                   "option '--tail' takes a number or \"all\", not '%s'", tail);
        q.tail = (int64_t)lines;
    }
    r = reach(a, &client, err);
    if (r == 0)
        r = cunik_client_world(client, "", &w, err);
    if (r == 0)
        r = find_cunik(&w, q.services.items[0], &c, err);
    return r < 0 ? r : cunik_client_logs(client, &q, print_line, &with_times, err);
}

static void print_event_json(void *ctx _unused_, const struct event *e)
{
    _cleanup_json_ json_t *json = cunik_event_to_json(e);

    print_json(json, JSON_COMPACT);
    cunik_output_flush();
}

static void print_event(void *ctx _unused_, const struct event *e)
{
    const char *const words[] = {e->stack, e->kind, e->name, e->verb, e->state};

    print_time(e->time_ms);
    fputs(cunik_event_type_name(e->type), stdout);
    for (size_t i = 0; i < ARRAY_SIZE(words); i++)
        if (words[i] && *words[i])
            printf(" %s", words[i]);
    if (e->phase != PHASE_NONE)
        printf(" %s", cunik_event_phase_name(e->phase));
    if (e->exit_code >= 0)
        printf(" (%lld)", (long long)e->exit_code);
    printf("%s%s\n", e->message ? ": " : "", e->message ? e->message : "");
    cunik_output_flush();
}

static int events(void *context _unused_, const struct arguments *a, int *ret_status _unused_,
                  struct error **err)
{
    _cleanup_(cunik_client_destroyp) struct client *client = NULL;
    const struct event_sink sink = {wants_json(a) ? print_event_json : print_event, NULL};
    int r = reach(a, &client, err);

    return r < 0 ? r : cunik_client_events(client, &sink, err);
}

static int version(void *context _unused_, const struct arguments *a, int *ret_status _unused_,
                   struct error **err _unused_)
{
    if (wants_json(a))
        puts("{\"version\":\"" CUNIK_VERSION "\"}");
    else
        puts("cunik " CUNIK_VERSION);
    return 0;
}

/* The engine's version object, and what it has. */
static int info(void *context _unused_, const struct arguments *a, int *ret_status _unused_,
                struct error **err)
{
    _cleanup_(cunik_client_destroyp) struct client *client = NULL;
    _cleanup_json_ json_t *v = NULL;
    _cleanup_world_ struct world w = {0};
    size_t running = 0;
    const char *key;
    json_t *value;
    int r = reach(a, &client, err);

    if (r == 0)
        r = cunik_client_version(client, &v, err);
    if (r == 0)
        r = cunik_client_world(client, "", &w, err);
    if (r < 0)
        return r;
    for (size_t i = 0; i < w.n_cuniks; i++)
        running += w.cuniks[i].status.state == CUNIK_RUNNING;
    cunik_json_set_int(v, "cuniks", (int64_t)w.n_cuniks);
    cunik_json_set_int(v, "running", (int64_t)running);
    cunik_json_set_int(v, "networks", (int64_t)w.n_networks);
    if (wants_json(a)) {
        print_json(v, JSON_COMPACT);
        return 0;
    }
    json_object_foreach (v, key, value) {
        _cleanup_free_ char *text = json_is_string(value) ? cunik_strdup(json_string_value(value))
                                                          : cunik_json_text(value, JSON_COMPACT);
        printf("%s: %s\n", key, text);
    }
    if (cunik_client_foreign_netns(client))
        puts("note: it runs in another network namespace than this command");
    return 0;
}

static const struct option_row global_options[] = {
    {"connect", 0, "URI", "The engine's connection to libvirt", NULL, false},
};

#define FORMAT(choices, help)                                                                      \
    {                                                                                              \
        "format", 0, "FORMAT", help, choices, false                                                \
    }

static const struct option_row list_options[] = {FORMAT("table|json", "How to print")};
static const struct option_row text_options[] = {FORMAT("text|json", "How to print")};
static const struct option_row logs_options[] = {
    {"follow", 'f', NULL, "Go on until it has ended", NULL, false},
    {"tail", 'n', "LINES", "How many lines of the past, or \"all\"", NULL, false},
    {"timestamps", 't', NULL, "Show when each line came", NULL, false},
};

static const struct verb_row verbs[] = {
    {"list", NULL, "List the cuniks of all stacks", list_options, ARRAY_SIZE(list_options), 0, 0,
     list},
    {"ps", NULL, "The same as list", list_options, ARRAY_SIZE(list_options), 0, 0, list},
    {"inspect", "NAME...", "Show all that is known of cuniks, as JSON", NULL, 0, 1, SIZE_MAX,
     inspect},
    {"logs", "NAME", "Show what a cunik wrote to its console", logs_options,
     ARRAY_SIZE(logs_options), 1, 1, logs},
    {"events", NULL, "Show what happens, as it happens", text_options, ARRAY_SIZE(text_options), 0,
     0, events},
    {"info", NULL, "Show what the engine is and has", text_options, ARRAY_SIZE(text_options), 0, 0,
     info},
    {"version", NULL, "Show the version of this program", text_options, ARRAY_SIZE(text_options), 0,
     0, version},
};

static const struct program program = {
    .name = "cunik",
    .help = "Looks at unikernels across stacks",
    .options = global_options,
    .n_options = ARRAY_SIZE(global_options),
    .verbs = verbs,
    .n_verbs = ARRAY_SIZE(verbs),
};

int main(int argc, char **argv)
{
    _cleanup_(cunik_arguments_destroyp) struct arguments *a = NULL;
    _cleanup_error_ struct error *err = NULL;
    _cleanup_free_ char *help = NULL;
    int status = 0;
    int r = cunik_verbs_parse(&program, argc, argv, &a, &help, &err);

    if (r == 0 && help) {
        fputs(help, stdout);
        return cunik_output_end(0);
    }
    if (r == 0)
        r = cunik_arguments_verb(a)->run(NULL, a, &status, &err);
    if (r == 0)
        return cunik_output_end(status);
    _cleanup_free_ char *text = cunik_error_text(err);
    fprintf(stderr, "%s\n", text);
    return cunik_error_exit_status(err->code);
}
