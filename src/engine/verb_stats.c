/* stats and top: what guests use. */
#include <inttypes.h>
#include <stdio.h>
#include <string.h>
#include <time.h>

#include "base/json.h"
#include "base/memory.h"
#include "base/output.h"
#include "base/table.h"
#include "base/text.h"
#include "base/time.h"
#include "engine/verb.h"

static int64_t number(const json_t *object, const char *key)
{
    return json_integer_value(json_object_get(object, key));
}

static const char *name_of(const json_t *object)
{
    return cunik_json_string_at(object, "cunik");
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

static void print(bool lines, const json_t *before, const json_t *now, const struct strv *names)
{
    json_t *one;
    size_t i;

    if (!lines) {
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

int cunik_verb_print_stats(struct client *client, const struct strv *names, bool stream, bool json,
                           struct error **err)
{
    static const struct timespec pause = {.tv_sec = 1};
    bool clear = stream && !json && isatty(STDOUT_FILENO);
    _cleanup_json_ json_t *before = NULL;
    int r = cunik_client_stats(client, false, &before, err);

    while (r == 0) {
        json_t *now = NULL;
        nanosleep(&pause, NULL);
        r = cunik_client_stats(client, false, &now, err);
        if (r < 0)
            break;
        if (clear)
            fputs("\033[H\033[2J", stdout);
        print(json, before, now, names);
        json_decref(before);
        before = now;
        if (!stream)
            break;
    }
    return r;
}

int cunik_verb_stats(void *context _unused_, const struct arguments *a, int *ret_status _unused_,
                     struct error **err)
{
    _cleanup_(cunik_client_destroyp) struct client *client = NULL;
    _cleanup_strv_ struct strv names = {0};
    int r = cunik_verb_reach(a, &client, err);

    if (r == 0)
        r = cunik_verb_find_all(client, cunik_arguments_positional(a), &names, err);
    return r < 0 ? r
                 : cunik_verb_print_stats(client, &names, !cunik_arguments_flag(a, "no-stream"),
                                          cunik_verb_wants_json(a), err);
}

int cunik_verb_print_top(struct client *client, const char *name, struct error **err)
{
    static const char *const headings[] = {"TID", "TIME", "THREAD"};
    _cleanup_table_ struct table t = {0};
    _cleanup_json_ json_t *list = NULL;
    json_t *one;
    size_t i;
    int r = cunik_client_stats(client, true, &list, err);

    if (r < 0)
        return r;
    const json_t *cunik = find(list, name);
    if (!cunik)
        return cunik_error_set(err, ERROR_CONFLICT, "'%s' does not run", name);
    cunik_table_init(&t, headings, ARRAY_SIZE(headings));
    json_array_foreach (json_object_get(cunik, "tasks"), i, one) {
        cunik_table_cellf(&t, "%" PRId64, number(one, "tid"));
        cunik_table_cellf(&t, "%.2f s", (double)number(one, "cpu_ns") / NS_PER_SECOND);
        cunik_table_cell(&t, cunik_json_string_at(one, "name"));
    }
    _cleanup_free_ char *text = cunik_table_text(&t);
    fputs(text, stdout);
    return 0;
}

int cunik_verb_top(void *context _unused_, const struct arguments *a, int *ret_status _unused_,
                   struct error **err)
{
    _cleanup_(cunik_client_destroyp) struct client *client = NULL;
    _cleanup_strv_ struct strv names = {0};
    int r = cunik_verb_reach(a, &client, err);

    if (r == 0)
        r = cunik_verb_find_all(client, cunik_arguments_positional(a), &names, err);
    return r < 0 ? r : cunik_verb_print_top(client, names.items[0], err);
}
