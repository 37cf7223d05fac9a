/* image import, inspect, load, ls, prune, pull, push, rm, save, tag. The engine has the store; what
 * is read or written here is read or written by who asks. */
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>

#include "backends/backend.h"
#include "base/json.h"
#include "base/memory.h"
#include "base/table.h"
#include "base/text.h"
#include "engine/verb.h"

enum { SHORT = 7 + 12 /* "sha256:" and the first digits */ };

char *cunik_verb_short_digest(const char *digest)
{
    return cunik_strndup(digest, SHORT);
}

static void add_row(struct table *t, const json_t *image, const char *name)
{
    _cleanup_free_ char *digest = cunik_verb_short_digest(cunik_json_string_at(image, "digest"));
    _cleanup_free_ char *words =
        cunik_text_from_bytes(json_integer_value(json_object_get(image, "size")));

    cunik_table_cell(t, name);
    cunik_table_cell(t, *digest ? digest : "-");
    cunik_table_cell(t, cunik_json_string_at(image, "backend"));
    cunik_table_cell(t, *cunik_json_string_at(image, "damage") ? "damaged" : words);
}

/* Of the image's names, or the one that it goes by. */
static const char *name_of(const json_t *image)
{
    const json_t *names = json_object_get(image, "names");

    return json_array_size(names) ? json_string_value(json_array_get(names, 0))
                                  : cunik_json_string_at(image, "digest");
}

static void add_rows(struct table *t, const json_t *image)
{
    json_t *name;
    size_t i;

    json_array_foreach (json_object_get(image, "names"), i, name)
        add_row(t, image, json_string_value(name));
    if (!json_array_size(json_object_get(image, "names")))
        add_row(t, image, "<none>");
    if (*cunik_json_string_at(image, "damage"))
        fprintf(stderr, "the image %s is damaged: %s\n", name_of(image),
                cunik_json_string_at(image, "damage"));
}

int cunik_verb_image_ls(void *context _unused_, const struct arguments *a, int *ret_status _unused_,
                        struct error **err)
{
    static const char *const headings[] = {"NAME", "DIGEST", "BACKEND", "SIZE"};
    _cleanup_(cunik_client_destroyp) struct client *client = NULL;
    bool quiet = cunik_arguments_flag(a, "quiet"), lines = quiet || cunik_verb_wants_json(a);
    _cleanup_json_ json_t *list = NULL;
    _cleanup_table_ struct table t = {0};
    json_t *image;
    size_t i;
    int r;

    if ((r = cunik_verb_reach(a, &client, err)) < 0 ||
        (r = cunik_client_images(client, !cunik_verb_wants_json(a), &list, err)) < 0)
        return r;
    cunik_table_init(&t, headings, ARRAY_SIZE(headings));
    json_array_foreach (list, i, image) {
        if (quiet)
            puts(cunik_json_string_at(image, "digest"));
        else if (lines)
            cunik_verb_print_json(image, JSON_COMPACT);
        else
            add_rows(&t, image);
    }
    _cleanup_free_ char *text = lines ? NULL : cunik_table_text(&t);
    if (text)
        fputs(text, stdout);
    return 0;
}

int cunik_verb_image_inspect(void *context _unused_, const struct arguments *a,
                             int *ret_status _unused_, struct error **err)
{
    const struct strv *names = cunik_arguments_positional(a);
    _cleanup_(cunik_client_destroyp) struct client *client = NULL;
    _cleanup_json_ json_t *all = json_array();
    int r = cunik_verb_reach(a, &client, err);

    for (size_t i = 0; i < names->n && r == 0; i++) {
        json_t *image = NULL;
        r = cunik_client_image(client, names->items[i], &image, err);
        if (r == 0)
            cunik_json_append(all, image);
    }
    if (r == 0)
        cunik_verb_print_json(all, JSON_INDENT(2));
    return r;
}

int cunik_verb_image_rm(void *context _unused_, const struct arguments *a, int *ret_status _unused_,
                        struct error **err)
{
    const struct strv *names = cunik_arguments_positional(a);
    _cleanup_(cunik_client_destroyp) struct client *client = NULL;
    int r = cunik_verb_reach(a, &client, err);

    for (size_t i = 0; i < names->n && r == 0; i++) {
        r = cunik_client_image_remove(client, names->items[i], cunik_arguments_flag(a, "force"),
                                      err);
        if (r == 0)
            puts(names->items[i]);
    }
    return r;
}

int cunik_verb_image_prune(void *context _unused_, const struct arguments *a,
                           int *ret_status _unused_, struct error **err)
{
    _cleanup_(cunik_client_destroyp) struct client *client = NULL;
    _cleanup_json_ json_t *answer = NULL;
    json_t *name;
    size_t i;
    int r;

    if ((r = cunik_verb_reach(a, &client, err)) < 0 ||
        (r = cunik_client_images_prune(client, cunik_arguments_flag(a, "all"), &answer, err)) < 0)
        return r;
    json_array_foreach (json_object_get(answer, "removed"), i, name)
        puts(json_string_value(name));
    _cleanup_free_ char *freed =
        cunik_text_from_bytes(json_integer_value(json_object_get(answer, "freed")));
    fprintf(stderr, "freed %s\n", freed);
    return 0;
}

int cunik_verb_image_tag(void *context _unused_, const struct arguments *a,
                         int *ret_status _unused_, struct error **err)
{
    const struct strv *names = cunik_arguments_positional(a);
    _cleanup_(cunik_client_destroyp) struct client *client = NULL;
    int r = cunik_verb_reach(a, &client, err);

    return r < 0 ? r : cunik_client_image_tag(client, names->items[0], names->items[1], err);
}

int cunik_verb_image_pull(void *context _unused_, const struct arguments *a,
                          int *ret_status _unused_, struct error **err)
{
    const char *name = cunik_arguments_positional(a)->items[0];
    _cleanup_(cunik_client_destroyp) struct client *client = NULL;
    _cleanup_free_ char *digest = NULL;
    struct image_transfer t;
    int r;

    if ((r = cunik_image_transfer_init(&t, cunik_arguments_flag(a, "insecure"), err)) == 0 &&
        (r = cunik_verb_reach(a, &client, err)) == 0 &&
        (r = cunik_client_image_pull(client, name, &t, &digest, err)) == 0)
        puts(digest);
    return r;
}

int cunik_verb_image_push(void *context _unused_, const struct arguments *a,
                          int *ret_status _unused_, struct error **err)
{
    const char *name = cunik_arguments_positional(a)->items[0];
    _cleanup_(cunik_client_destroyp) struct client *client = NULL;
    struct image_transfer t;
    int r;

    if ((r = cunik_image_transfer_init(&t, cunik_arguments_flag(a, "insecure"), err)) == 0 &&
        (r = cunik_verb_reach(a, &client, err)) == 0)
        r = cunik_client_image_push(client, name, &t, err);
    return r;
}

/* "-" is the standard stream. A file appears when it is whole. */
int cunik_verb_image_save(void *context _unused_, const struct arguments *a,
                          int *ret_status _unused_, struct error **err)
{
    const char *name = cunik_arguments_positional(a)->items[0];
    const char *file = cunik_arguments_positional(a)->items[1];
    _cleanup_(cunik_client_destroyp) struct client *client = NULL;
    _cleanup_free_ char *part = cunik_asprintf("%s.part", file);
    int r = cunik_verb_reach(a, &client, err);

    if (r < 0)
        return r;
    if (strcmp(file, "-") == 0)
        return cunik_client_image_save(client, name, STDOUT_FILENO, err);
    _cleanup_close_ int fd = open(part, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0666);
    if (fd < 0)
        return cunik_error_errno(err, errno, "making '%s'", part);
    r = cunik_client_image_save(client, name, fd, err);
    if (r == 0 && rename(part, file) < 0)
        r = cunik_error_errno(err, errno, "making '%s'", file);
    if (r < 0)
        unlink(part);
    return r;
}

int cunik_verb_image_load(void *context _unused_, const struct arguments *a,
                          int *ret_status _unused_, struct error **err)
{
    const char *file = cunik_arguments_positional(a)->items[0];
    const char *name = cunik_arguments_positional(a)->items[1];
    _cleanup_(cunik_client_destroyp) struct client *client = NULL;
    _cleanup_close_ int fd = strcmp(file, "-") == 0 ? fcntl(STDIN_FILENO, F_DUPFD_CLOEXEC, 3)
                                                    : open(file, O_RDONLY | O_CLOEXEC);
    _cleanup_free_ char *digest = NULL;
    int r;

    if (fd < 0)
        return cunik_error_errno(err, errno, "opening '%s'", file);
    if ((r = cunik_verb_reach(a, &client, err)) == 0 &&
        (r = cunik_client_image_load(client, fd, name, &digest, err)) == 0)
        puts(digest);
    return r;
}

int cunik_verb_image_import(void *context _unused_, const struct arguments *a,
                            int *ret_status _unused_, struct error **err)
{
    const struct strv *words = cunik_arguments_positional(a);
    _cleanup_(cunik_client_destroyp) struct client *client = NULL;
    _cleanup_free_ char *digest = NULL;
    struct image_build b = {0};
    const struct backend *backend;
    int r = cunik_image_import_read(words->items[0], &b, err);

    if (r == 0)
        r = cunik_error_prefix(err, cunik_backend_find(b.config.backend, NULL, &backend, err),
                               "'%s/metadata.json'", words->items[0]);
    if (r == 0 && (r = cunik_verb_reach(a, &client, err)) == 0 &&
        (r = cunik_client_image_build(client, &b, words->items[1], &digest, err)) == 0)
        puts(digest);
    cunik_image_build_done(&b);
    return r;
}
