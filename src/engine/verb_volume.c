/* volume create, inspect, ls, prune, rm. */
#include <stdio.h>
#include <string.h>
#include <time.h>

#include "base/filter.h"
#include "base/json.h"
#include "base/memory.h"
#include "base/table.h"
#include "base/text.h"
#include "engine/verb.h"
#include "engine/volume.h"

static bool is_used(const json_t *volume)
{
    return json_array_size(json_object_get(volume, "used_by")) > 0;
}

static int get_volumes(const struct arguments *a, struct client **ret_client, json_t **ret,
                       struct error **err)
{
    int r = cunik_verb_reach(a, ret_client, err);

    return r < 0 ? r : cunik_client_volumes(*ret_client, ret, err);
}

static bool by_name(const json_t *volume, const char *value)
{
    return strstr(cunik_json_string_at(volume, "name"), value) != NULL;
}

static bool by_stack(const json_t *volume, const char *value)
{
    return strcmp(cunik_json_string_at(volume, "stack"), value) == 0;
}

static bool by_dangling(const json_t *volume, const char *value)
{
    return is_used(volume) == (strcmp(value, "false") == 0);
}

/* "KEY" or "KEY=VALUE". */
static bool by_label(const json_t *volume, const char *value)
{
    _cleanup_free_ char *key = cunik_strndup(value, strcspn(value, "="));
    const char *label = json_string_value(json_object_get(json_object_get(volume, "labels"), key));
    const char *wanted = strchr(value, '=');

    return label && (!wanted || strcmp(label, wanted + 1) == 0);
}

static const struct {
    const char *name;
    bool (*matches)(const json_t *volume, const char *value);
} keys[] = {{"name", by_name}, {"label", by_label}, {"stack", by_stack}, {"dangling", by_dangling}};

static const char *name_of_key(size_t key)
{
    return keys[key].name;
}

static bool matches(const void *thing, size_t key, const char *value)
{
    return keys[key].matches(thing, value);
}

static const struct filter_kind volumes = {
    .things = "volumes", .n = ARRAY_SIZE(keys), .name = name_of_key, .matches = matches};

static char *size_text(const json_t *volume, const char *key)
{
    json_int_t bytes = json_integer_value(json_object_get(volume, key));

    return bytes ? cunik_text_from_bytes(bytes) : cunik_strdup("");
}

static void print_table(const json_t *list)
{
    static const char *const headings[] = {"NAME", "STACK", "FORMAT", "FILESYSTEM",
                                           "SIZE", "USED",  "USED BY"};
    _cleanup_table_ struct table t = {0};
    json_t *volume;
    size_t i;

    cunik_table_init(&t, headings, ARRAY_SIZE(headings));
    json_array_foreach (list, i, volume) {
        _cleanup_free_ char *size = size_text(volume, "size"), *used = size_text(volume, "used");
        _cleanup_strv_ struct strv users = {0};
        cunik_json_get_strv(volume, "used_by", &users, NULL);
        _cleanup_free_ char *names = cunik_strv_join(&users, ", ");
        cunik_table_cell(&t, cunik_json_string_at(volume, "name"));
        cunik_table_cell(&t, cunik_json_string_at(volume, "stack"));
        cunik_table_cell(&t, *cunik_json_string_at(volume, "damage")
                                 ? "damaged"
                                 : cunik_json_string_at(volume, "format"));
        cunik_table_cell(&t, cunik_json_string_at(volume, "filesystem"));
        cunik_table_cell(&t, size);
        cunik_table_cell(&t, used);
        cunik_table_cell(&t, names);
    }
    _cleanup_free_ char *text = cunik_table_text(&t);
    fputs(text, stdout);
}

void cunik_verb_print_volumes(const json_t *list, bool quiet, bool json)
{
    json_t *volume;
    size_t i;

    if (!quiet && !json) {
        print_table(list);
        return;
    }
    json_array_foreach (list, i, volume)
        if (quiet)
            puts(cunik_json_string_at(volume, "name"));
        else
            cunik_verb_print_json(volume, JSON_COMPACT);
}

int cunik_verb_volume_ls(void *context _unused_, const struct arguments *a,
                         int *ret_status _unused_, struct error **err)
{
    _cleanup_(cunik_client_destroyp) struct client *client = NULL;
    _cleanup_filter_ struct filter filter = {.kind = &volumes};
    _cleanup_json_ json_t *all = NULL, *list = json_array();
    json_t *volume;
    size_t i;
    int r = cunik_filter_add_all(&filter, cunik_arguments_values(a, "filter"), err);

    if (r == 0)
        r = get_volumes(a, &client, &all, err);
    if (r < 0)
        return r;
    json_array_foreach (all, i, volume)
        if (cunik_filter_matches(&filter, volume))
            json_array_append(list, volume);
    cunik_verb_print_volumes(list, cunik_arguments_flag(a, "quiet"), cunik_verb_wants_json(a));
    return 0;
}

static const json_t *find(const json_t *list, const char *name)
{
    const json_t *volume;
    size_t i;

    json_array_foreach (list, i, volume)
        if (strcmp(cunik_json_string_at(volume, "name"), name) == 0)
            return volume;
    return NULL;
}

int cunik_verb_volume_inspect(void *context _unused_, const struct arguments *a,
                              int *ret_status _unused_, struct error **err)
{
    _cleanup_(cunik_client_destroyp) struct client *client = NULL;
    const struct strv *names = cunik_arguments_positional(a);
    _cleanup_json_ json_t *all = NULL, *list = json_array();
    int r = get_volumes(a, &client, &all, err);

    for (size_t i = 0; i < names->n && r == 0; i++) {
        const json_t *volume = find(all, names->items[i]);
        if (!volume)
            r = cunik_error_set(err, ERROR_NOT_FOUND, "no such volume: %s", names->items[i]);
        else
            cunik_json_append(list, json_deep_copy(volume));
    }
    if (r == 0)
        cunik_verb_print_json(list, JSON_INDENT(2));
    return r;
}

/* A name that nobody has: of the clock, as that of nothing else is needed. */
static char *some_name(void)
{
    struct timespec t;

    clock_gettime(CLOCK_REALTIME, &t);
    return cunik_asprintf("volume-%llx%08lx", (unsigned long long)t.tv_sec,
                          (unsigned long)t.tv_nsec);
}

static int read_create(const struct arguments *a, struct world_volume *v, struct error **err)
{
    const struct strv *labels = cunik_arguments_values(a, "label");
    const struct strv *names = cunik_arguments_positional(a);
    const char *format = cunik_arguments_value(a, "format");
    const char *filesystem = cunik_arguments_value(a, "filesystem");
    const char *size = cunik_arguments_value(a, "size");

    free(v->name);
    v->name = names->n ? cunik_strdup(names->items[0]) : some_name();
    cunik_replace(&v->format, format ? format : "raw");
    cunik_replace(&v->filesystem, filesystem ? filesystem : "");
    if (size && (cunik_text_to_bytes(size, &v->size) < 0 || v->size == 0))
        return cunik_error_set(err, ERROR_INVALID, "option '--size' takes a size, not '%s'", size);
    for (size_t i = 0; i < labels->n; i++) {
        _cleanup_free_ char *key = cunik_strndup(labels->items[i], strcspn(labels->items[i], "="));
        const char *value = strchr(labels->items[i], '=');
        cunik_world_pair_add(&v->labels, key, value ? value + 1 : "");
    }
    return cunik_volume_check(v, err);
}

int cunik_verb_volume_create(void *context _unused_, const struct arguments *a,
                             int *ret_status _unused_, struct error **err)
{
    _cleanup_(cunik_client_destroyp) struct client *client = NULL;
    _cleanup_world_ struct world w = {0};
    struct world_volume *v = cunik_world_add_volume(&w);
    int r = read_create(a, v, err);

    if (r == 0)
        r = cunik_verb_reach(a, &client, err);
    if (r == 0)
        r = cunik_client_volume_create(client, v, NULL, err);
    if (r == 0)
        puts(v->name);
    return r;
}

int cunik_verb_volume_rm(void *context _unused_, const struct arguments *a,
                         int *ret_status _unused_, struct error **err)
{
    _cleanup_(cunik_client_destroyp) struct client *client = NULL;
    const struct strv *names = cunik_arguments_positional(a);
    int r = cunik_verb_reach(a, &client, err);

    for (size_t i = 0; i < names->n && r == 0; i++) {
        _cleanup_error_ struct error *why = NULL;
        r = cunik_client_volume_remove(client, names->items[i], &why);
        if (r == 0)
            puts(names->items[i]);
        else if (cunik_arguments_flag(a, "force") && why->code == ERROR_NOT_FOUND)
            r = 0;
        else
            cunik_error_pass(err, r, &why);
    }
    return r;
}

/* Names that the engine made: of a service's own volumes (lower_mounts.c) and of `create`. */
static bool is_nameless(const json_t *volume)
{
    return !*cunik_json_string_at(volume, "key") &&
           (*cunik_json_string_at(volume, "stack") ||
            cunik_text_starts(cunik_json_string_at(volume, "name"), "volume-"));
}

int cunik_verb_volume_prune(void *context _unused_, const struct arguments *a,
                            int *ret_status _unused_, struct error **err)
{
    _cleanup_(cunik_client_destroyp) struct client *client = NULL;
    bool all = cunik_arguments_flag(a, "all");
    _cleanup_json_ json_t *list = NULL;
    json_t *volume;
    size_t i;
    int r = get_volumes(a, &client, &list, err);

    if (r < 0)
        return r;
    if (!cunik_verb_agrees(a, "Remove all volumes that nothing uses, with what they hold?"))
        return cunik_error_set(err, ERROR_CANCELLED, "cancelled");
    json_array_foreach (list, i, volume) {
        _cleanup_error_ struct error *why = NULL;
        /* What a damaged one holds may be saved yet. */
        if (is_used(volume) || *cunik_json_string_at(volume, "damage") ||
            !(all || is_nameless(volume)))
            continue;
        r = cunik_client_volume_remove(client, cunik_json_string_at(volume, "name"), &why);
        /* Else somebody was quicker. */
        if (r < 0 && why->code != ERROR_CONFLICT && why->code != ERROR_NOT_FOUND)
            return cunik_error_pass(err, r, &why);
        if (r == 0)
            puts(cunik_json_string_at(volume, "name"));
    }
    return 0;
}
