/* stats and top: what guests use; pause and unpause. */
#include <inttypes.h>
#include <stdio.h>
#include <string.h>
#include <time.h>

#include "base/json.h"
#include "base/memory.h"
#include "base/output.h"
#include "base/table.h"
#include "base/text.h"
#include "engine/verb.h"

static int64_t number(const json_t *object, const char *key)
{
    return json_integer_value(json_object_get(object, key));
}

static const char *name_of(const json_t *object)
{
    const char *name = json_string_value(json_object_get(object, "cunik"));

    return name ? name : "";
}

static const json_t *find(const json_t *list, const char *name)
{
    json_t *one;
    size_t i;

    json_array_foreach (list, i, one)
        if (strcmp(name_of(one), name) == 0)
            return one;
    return NULL;
}

/* Of one processor, between two looks; 0 for one that was not there at the first. */
static double cpu_percent(const json_t *before, const json_t *now)
{
    int64_t time = before ? number(now, "time_ns") - number(before, "time_ns") : 0;

    return time > 0
               ? 100.0 * (double)(number(now, "cpu_ns") - number(before, "cpu_ns")) / (double)time
               : 0;
}

static void add_pair(struct table *t, int64_t a, int64_t b)
{
    _cleanup_free_ char *first = cunik_text_from_bytes(a), *second = cunik_text_from_bytes(b);

    cunik_table_cellf(t, "%s / %s", first, second);
}

static bool wanted(const json_t *one, const struct strv *names)
{
    return !names->n || cunik_strv_has(names, name_of(one));
}

static char *table_text(const json_t *before, const json_t *now, const struct strv *names)
{
    static const char *const headings[] = {"NAME",    "CPU %",     "MEM USAGE / LIMIT",
                                           "NET I/O", "BLOCK I/O", "THREADS"};
    _cleanup_table_ struct table t = {0};
    json_t *one;
    size_t i;

    cunik_table_init(&t, headings, ARRAY_SIZE(headings));
    json_array_foreach (now, i, one) {
        if (!wanted(one, names))
            continue;
        const char *called = json_string_value(json_object_get(one, "called"));
        cunik_table_cell(&t, called ? called : name_of(one));
        cunik_table_cellf(&t, "%.2f%%", cpu_percent(find(before, name_of(one)), one));
        add_pair(&t, number(one, "memory"), number(one, "memory_limit"));
        add_pair(&t, number(one, "rx"), number(one, "tx"));
        add_pair(&t, number(one, "read"), number(one, "written"));
        cunik_table_cellf(&t, "%" PRId64, number(one, "threads"));
    }
    return cunik_table_text(&t);
}

static void print(const struct arguments *a, const json_t *before, const json_t *now,
                  const struct strv *names)
{
    json_t *one;
    size_t i;

    if (!cunik_verb_wants_json(a)) {
        _cleanup_free_ char *text = table_text(before, now, names);
        fputs(text, stdout);
        cunik_output_flush();
        return;
    }
    json_array_foreach (now, i, one) {
        if (!wanted(one, names))
            continue;
        json_object_set_new(one, "cpu_percent",
                            json_real(cpu_percent(find(before, name_of(one)), one)));
        cunik_verb_print_json(one, JSON_COMPACT);
    }
    cunik_output_flush();
}

/* Names as the engine has them. */
static int resolve(struct client *client, const struct strv *given, struct strv *ret,
                   struct error **err)
{
    _cleanup_world_ struct world w = {0};
    struct world_cunik *c;
    int r = cunik_client_world(client, "", &w, err);

    for (size_t i = 0; r == 0 && i < given->n; i++) {
        r = cunik_verb_find(&w, given->items[i], &c, err);
        if (r == 0)
            cunik_strv_add(ret, c->name);
    }
    return r;
}

int cunik_verb_stats(void *context _unused_, const struct arguments *a, int *ret_status _unused_,
                     struct error **err)
{
    static const struct timespec pause = {.tv_sec = 1};
    bool stream = !cunik_arguments_flag(a, "no-stream");
    bool clear = stream && !cunik_verb_wants_json(a) && isatty(STDOUT_FILENO);
    _cleanup_(cunik_client_destroyp) struct client *client = NULL;
    _cleanup_json_ json_t *before = NULL;
    _cleanup_strv_ struct strv names = {0};
    int r = cunik_verb_reach(a, &client, err);

    if (r == 0)
        r = resolve(client, cunik_arguments_positional(a), &names, err);
    if (r == 0)
        r = cunik_client_stats(client, false, &before, err);
    while (r == 0) {
        json_t *now = NULL;
        nanosleep(&pause, NULL);
        r = cunik_client_stats(client, false, &now, err);
        if (r < 0)
            break;
        if (clear)
            fputs("\033[H\033[2J", stdout);
        print(a, before, now, &names);
        json_decref(before);
        before = now;
        if (!stream)
            break;
    }
    return r;
}

int cunik_verb_top(void *context _unused_, const struct arguments *a, int *ret_status _unused_,
                   struct error **err)
{
    static const char *const headings[] = {"TID", "TIME", "THREAD"};
    _cleanup_(cunik_client_destroyp) struct client *client = NULL;
    _cleanup_table_ struct table t = {0};
    _cleanup_json_ json_t *list = NULL;
    _cleanup_strv_ struct strv names = {0};
    json_t *one;
    size_t i;
    int r = cunik_verb_reach(a, &client, err);

    if (r == 0)
        r = resolve(client, cunik_arguments_positional(a), &names, err);
    if (r == 0)
        r = cunik_client_stats(client, true, &list, err);
    if (r < 0)
        return r;
    const json_t *cunik = find(list, names.items[0]);
    if (!cunik)
        return cunik_error_set(err, ERROR_CONFLICT, "'%s' does not run", names.items[0]);
    cunik_table_init(&t, headings, ARRAY_SIZE(headings));
    json_array_foreach (json_object_get(cunik, "tasks"), i, one) {
        const char *name = json_string_value(json_object_get(one, "name"));
        cunik_table_cellf(&t, "%" PRId64, number(one, "tid"));
        cunik_table_cellf(&t, "%.2f s", (double)number(one, "cpu_ns") / 1e9);
        cunik_table_cell(&t, name ? name : "");
    }
    _cleanup_free_ char *text = cunik_table_text(&t);
    fputs(text, stdout);
    return 0;
}

static int pause_all(const struct arguments *a, bool pause, struct error **err)
{
    _cleanup_(cunik_client_destroyp) struct client *client = NULL;
    _cleanup_strv_ struct strv names = {0};
    int r = cunik_verb_reach(a, &client, err);

    if (r == 0)
        r = resolve(client, cunik_arguments_positional(a), &names, err);
    for (size_t i = 0; i < names.n && r == 0; i++) {
        r = cunik_client_pause(client, names.items[i], pause, err);
        if (r == 0)
            puts(names.items[i]);
    }
    return r;
}

int cunik_verb_pause(void *context _unused_, const struct arguments *a, int *ret_status _unused_,
                     struct error **err)
{
    return pause_all(a, true, err);
}

int cunik_verb_unpause(void *context _unused_, const struct arguments *a, int *ret_status _unused_,
                       struct error **err)
{
    return pause_all(a, false, err);
}
