/* images, volumes: what the stack's cuniks boot from and keep their data in. */
#include <jansson.h>
#include <stdio.h>
#include <string.h>

#include "base/json.h"
#include "base/memory.h"
#include "base/table.h"
#include "base/text.h"
#include "compose/command.h"
#include "engine/verb.h"

static int64_t size_of(const json_t *images, const char *digest)
{
    json_t *image;
    size_t i;

    json_array_foreach (images, i, image)
        if (strcmp(cunik_json_string_at(image, "digest"), digest) == 0)
            return json_integer_value(json_object_get(image, "size"));
    return 0;
}

static json_t *image_json(const struct world_cunik *c, const json_t *images)
{
    json_t *json = json_object();

    cunik_json_set_string(json, "cunik", c->name);
    cunik_json_set_string(json, "image", c->image);
    cunik_json_set_string(json, "digest", c->image_digest);
    cunik_json_set_int(json, "size", size_of(images, c->image_digest));
    return json;
}

static void add_row(struct table *t, const json_t *image)
{
    _cleanup_free_ char *digest = cunik_verb_short_digest(cunik_json_string_at(image, "digest"));
    _cleanup_free_ char *size =
        cunik_text_from_bytes(json_integer_value(json_object_get(image, "size")));

    cunik_table_cell(t, cunik_json_string_at(image, "cunik"));
    cunik_table_cell(t, cunik_json_string_at(image, "image"));
    cunik_table_cell(t, digest);
    cunik_table_cell(t, size);
}

static void print_images(const struct arguments *a, const json_t *list)
{
    static const char *const headings[] = {"CUNIK", "IMAGE", "DIGEST", "SIZE"};
    bool quiet = cunik_arguments_flag(a, "quiet"), lines = cunik_verb_wants_json(a);
    _cleanup_table_ struct table t = {0};
    _cleanup_strv_ struct strv digests = {0};
    json_t *image;
    size_t i;

    cunik_table_init(&t, headings, ARRAY_SIZE(headings));
    json_array_foreach (list, i, image) {
        if (lines && !quiet)
            cunik_verb_print_json(image, JSON_COMPACT);
        else if (!cunik_strv_has(&digests, cunik_json_string_at(image, "digest")))
            cunik_strv_add(&digests, cunik_json_string_at(image, "digest"));
        add_row(&t, image);
    }
    _cleanup_free_ char *table = cunik_table_text(&t);
    if (!quiet && !lines)
        fputs(table, stdout);
    for (i = 0; quiet && i < digests.n; i++)
        puts(digests.items[i]);
}

int cunik_command_list_images(void *context, const struct arguments *a, int *status _unused_,
                              struct error **err)
{
    _cleanup_json_ json_t *images = NULL, *list = json_array();
    _cleanup_world_ struct world w = {0};
    struct client *client;
    int r = cunik_command_cuniks(context, NULL, &w, err);

    if (r == 0)
        r = cunik_command_client(context, &client, err);
    if (r == 0)
        r = cunik_client_images(client, true, &images, err);
    for (size_t i = 0; i < w.n_cuniks && r == 0; i++)
        if (*w.cuniks[i].image_digest)
            cunik_json_append(list, image_json(&w.cuniks[i], images));
    if (r == 0)
        print_images(a, list);
    return r;
}

static bool is_used_by(const json_t *volume, const struct world *w)
{
    json_t *user;
    size_t i;

    json_array_foreach (json_object_get(volume, "used_by"), i, user)
        if (cunik_world_cunik(w, json_string_value(user)))
            return true;
    return false;
}

int cunik_command_volumes(void *context, const struct arguments *a, int *status _unused_,
                          struct error **err)
{
    struct command *c = context;
    bool named = cunik_arguments_positional(a)->n > 0;
    _cleanup_json_ json_t *all = NULL, *list = json_array();
    _cleanup_world_ struct world w = {0};
    _cleanup_free_ char *stack = NULL;
    struct client *client;
    json_t *volume;
    size_t i;
    int r = cunik_command_cuniks(c, &stack, &w, err);

    if (r == 0)
        r = cunik_command_client(c, &client, err);
    if (r == 0)
        r = cunik_client_volumes(client, &all, err);
    if (r < 0)
        return r;
    json_array_foreach (all, i, volume)
        if (is_used_by(volume, &w) ||
            (!named && strcmp(cunik_json_string_at(volume, "stack"), stack) == 0))
            json_array_append(list, volume);
    cunik_verb_print_volumes(list, cunik_arguments_flag(a, "quiet"), cunik_verb_wants_json(a));
    return 0;
}
