/* image import, inspect, load, ls, prune, pull, push, rm, save, tag. They work on the store itself;
 * only what is in use is asked of the engine. */
#include <stdio.h>
#include <string.h>

#include "base/json.h"
#include "base/memory.h"
#include "base/table.h"
#include "base/text.h"
#include "engine/paths.h"
#include "engine/verb.h"
#include "images/image.h"

enum { SHORT = 7 + 12 };

static struct image_transfer transfer(const struct arguments *a)
{
    return (struct image_transfer){.insecure = cunik_arguments_flag(a, "insecure")};
}

static json_t *image_json(const struct image *i)
{
    const struct image_config *c = &i->config;
    json_t *json = json_object();

    cunik_json_set_string(json, "digest", i->digest);
    cunik_json_set_strv(json, "names", &i->names);
    cunik_json_set_string(json, "created", i->created);
    cunik_json_set_int(json, "size", i->size);
    cunik_json_set_string(json, "backend", c->backend);
    cunik_json_set_string(json, "cmdline", c->cmdline);
    cunik_json_set_strv(json, "command", &c->command);
    cunik_json_set_strv(json, "environment", &c->environment);
    if (c->memory)
        cunik_json_set_int(json, "memory", c->memory);
    cunik_json_set_strv(json, "ports", &c->ports);
    cunik_json_set_strv(json, "volumes", &c->volumes);
    cunik_json_set_strv(json, "healthcheck", &c->health);
    cunik_json_set_strv(json, "labels", &c->labels);
    return json;
}

static void print_row(struct table *t, const struct image *i, const char *name)
{
    _cleanup_free_ char *digest = cunik_strndup(i->digest, SHORT);
    _cleanup_free_ char *size = cunik_asprintf("%.1f MiB", (double)i->size / (1 << 20));

    cunik_table_cell(t, name);
    cunik_table_cell(t, digest);
    cunik_table_cell(t, i->config.backend);
    cunik_table_cell(t, size);
}

static void print_images(const struct arguments *a, const struct image *list, size_t n)
{
    static const char *const headings[] = {"NAME", "DIGEST", "BACKEND", "SIZE"};
    _cleanup_table_ struct table t = {0};

    cunik_table_init(&t, headings, ARRAY_SIZE(headings));
    for (size_t i = 0; i < n; i++) {
        if (cunik_arguments_flag(a, "quiet")) {
            puts(list[i].digest);
        } else if (cunik_verb_wants_json(a)) {
            _cleanup_json_ json_t *json = image_json(&list[i]);
            cunik_verb_print_json(json, JSON_COMPACT);
        }
        for (size_t k = 0; k < list[i].names.n; k++)
            print_row(&t, &list[i], list[i].names.items[k]);
        if (!list[i].names.n)
            print_row(&t, &list[i], "<none>");
    }
    if (cunik_arguments_flag(a, "quiet") || cunik_verb_wants_json(a))
        return;
    _cleanup_free_ char *text = cunik_table_text(&t);
    fputs(text, stdout);
}

int cunik_verb_image_ls(void *context _unused_, const struct arguments *a, int *ret_status _unused_,
                        struct error **err)
{
    _cleanup_free_ char *root = cunik_paths_state();
    _cleanup_free_ struct image *list = NULL;
    size_t n = 0;
    int r = cunik_image_list(root, &list, &n, err);

    if (r == 0)
        print_images(a, list, n);
    for (size_t i = 0; r == 0 && i < n; i++)
        cunik_image_done(&list[i]);
    return r;
}

int cunik_verb_image_inspect(void *context _unused_, const struct arguments *a,
                             int *ret_status _unused_, struct error **err)
{
    const struct strv *names = cunik_arguments_positional(a);
    _cleanup_free_ char *root = cunik_paths_state();
    _cleanup_json_ json_t *all = json_array();
    int r = 0;

    for (size_t i = 0; i < names->n && r == 0; i++) {
        _cleanup_image_ struct image image = {0};
        r = cunik_image_find(root, names->items[i], &image, err);
        if (r == 0)
            cunik_json_append(all, image_json(&image));
    }
    if (r == 0)
        cunik_verb_print_json(all, JSON_INDENT(2));
    return r;
}

/* The digests of what cuniks boot, whether they run or not. */
static int used_digests(const struct arguments *a, struct world *w, struct strv *ret,
                        struct error **err)
{
    int r = cunik_verb_world(a, NULL, w, err);

    for (size_t i = 0; r == 0 && i < w->n_cuniks; i++)
        if (*w->cuniks[i].image_digest)
            cunik_strv_add(ret, w->cuniks[i].image_digest);
    return r;
}

/* The last name of an image that a cunik boots stays, for the cunik's sake. */
static int check_unused(const struct image *image, const struct world *w, struct error **err)
{
    for (size_t i = 0; image->names.n < 2 && i < w->n_cuniks; i++)
        if (strcmp(w->cuniks[i].image_digest, image->digest) == 0)
            return cunik_error_set(err, ERROR_CONFLICT,
                                   "the image %s is used by '%s'; --force removes its name",
                                   image->digest, w->cuniks[i].name);
    return 0;
}

int cunik_verb_image_rm(void *context _unused_, const struct arguments *a, int *ret_status _unused_,
                        struct error **err)
{
    const struct strv *names = cunik_arguments_positional(a);
    _cleanup_free_ char *root = cunik_paths_state();
    _cleanup_world_ struct world w = {0};
    _cleanup_strv_ struct strv used = {0}, removed = {0};
    int64_t freed = 0;
    int r = used_digests(a, &w, &used, err);

    for (size_t i = 0; i < names->n && r == 0; i++) {
        _cleanup_image_ struct image image = {0};
        r = cunik_image_find(root, names->items[i], &image, err);
        if (r == 0 && !cunik_arguments_flag(a, "force"))
            r = check_unused(&image, &w, err);
        if (r == 0)
            r = cunik_image_remove(root, names->items[i], err);
        if (r == 0)
            puts(names->items[i]);
    }
    return r < 0 ? r : cunik_image_prune(root, PRUNE_NONE, &used, &removed, &freed, err);
}

int cunik_verb_image_prune(void *context _unused_, const struct arguments *a,
                           int *ret_status _unused_, struct error **err)
{
    _cleanup_free_ char *root = cunik_paths_state();
    _cleanup_world_ struct world w = {0};
    _cleanup_strv_ struct strv used = {0}, removed = {0};
    int64_t freed = 0;
    int r = used_digests(a, &w, &used, err);

    if (r == 0)
        r = cunik_image_prune(root, cunik_arguments_flag(a, "all") ? PRUNE_ALL : PRUNE_UNNAMED,
                              &used, &removed, &freed, err);
    for (size_t i = 0; r == 0 && i < removed.n; i++)
        puts(removed.items[i]);
    if (r == 0)
        fprintf(stderr, "freed %.1f MiB\n", (double)freed / (1 << 20));
    return r;
}

int cunik_verb_image_tag(void *context _unused_, const struct arguments *a,
                         int *ret_status _unused_, struct error **err)
{
    const struct strv *names = cunik_arguments_positional(a);
    _cleanup_free_ char *root = cunik_paths_state();

    return cunik_image_tag(root, names->items[0], names->items[1], err);
}

int cunik_verb_image_pull(void *context _unused_, const struct arguments *a,
                          int *ret_status _unused_, struct error **err)
{
    _cleanup_free_ char *root = cunik_paths_state(), *digest = NULL;
    const struct image_transfer t = transfer(a);
    const char *name = cunik_arguments_positional(a)->items[0];

    int r = cunik_image_pull(root, name, &t, &digest, err);

    if (r == 0)
        puts(digest);
    return r;
}

int cunik_verb_image_push(void *context _unused_, const struct arguments *a,
                          int *ret_status _unused_, struct error **err)
{
    _cleanup_free_ char *root = cunik_paths_state();
    const struct image_transfer t = transfer(a);

    return cunik_image_push(root, cunik_arguments_positional(a)->items[0], &t, err);
}

int cunik_verb_image_save(void *context _unused_, const struct arguments *a,
                          int *ret_status _unused_, struct error **err)
{
    const struct strv *words = cunik_arguments_positional(a);
    _cleanup_free_ char *root = cunik_paths_state();

    return cunik_image_save(root, words->items[0], words->items[1], err);
}

int cunik_verb_image_load(void *context _unused_, const struct arguments *a,
                          int *ret_status _unused_, struct error **err)
{
    const struct strv *words = cunik_arguments_positional(a);
    _cleanup_free_ char *root = cunik_paths_state(), *digest = NULL;

    int r = cunik_image_load(root, words->items[0], words->items[1], &digest, err);

    if (r == 0)
        puts(digest);
    return r;
}

int cunik_verb_image_import(void *context _unused_, const struct arguments *a,
                            int *ret_status _unused_, struct error **err)
{
    const struct strv *words = cunik_arguments_positional(a);
    _cleanup_free_ char *root = cunik_paths_state(), *digest = NULL;

    int r = cunik_image_import(root, words->items[0], words->items[1], &digest, err);

    if (r == 0)
        puts(digest);
    return r;
}
