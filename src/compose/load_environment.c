/* env_file and label_file: what the files say becomes part of `environment` and of `labels`, which
 * win over them. */
#include <errno.h>
#include <string.h>

#include "base/file.h"
#include "base/memory.h"
#include "base/text.h"
#include "compose/dotenv.h"
#include "compose/load_context.h"

/* A file that several services name is read once. */
struct env_text {
    char *text;
    size_t size;
};

struct env_files {
    struct load_context *c;
    struct map texts; /* path → struct env_text */
};

/* The stack's variables first, then the service's own. */
struct env_lookup {
    const struct lookup *stack;
    const struct node *environment;
};

static const char *look_up(const void *context, const char *name)
{
    const struct env_lookup *l = context;
    const char *value = cunik_lookup(l->stack, name);
    const struct node *own = value ? NULL : cunik_node_get(l->environment, name);

    return own && own->kind == NODE_STRING ? own->text : value;
}

static const struct env_text *text_of(struct env_files *f, const char *path, struct error **err)
{
    struct env_text *text = cunik_map_get(&f->texts, path);
    char *data;
    size_t size;

    if (text)
        return text;
    if (cunik_load_file(f->c, path, &data, &size, err) < 0)
        return NULL;
    text = cunik_calloc(1, sizeof(*text));
    *text = (struct env_text){data, size};
    cunik_map_add(&f->texts, path, text);
    return text;
}

/* format: raw. Lines of NAME=VALUE, the value as it stands. */
static int parse_raw(const char *path, const struct env_text *file, struct variables *v,
                     struct error **err)
{
    const char *text = file->text;
    unsigned line = 0;
    int r = cunik_dotenv_check(path, text, file->size, err);

    if (r < 0)
        return r;

    while (*text) {
        size_t length = strcspn(text, "\n");
        _cleanup_free_ char *statement = cunik_strndup(text, length);
        char *equals = strchr(statement, '=');
        line++;
        text += length + (text[length] == '\n');
        if (length && statement[length - 1] == '\r')
            statement[length - 1] = '\0';
        if (cunik_text_blank(statement) || statement[0] == '#')
            continue;
        if (!equals || equals == statement) {
            struct place place = {.file = path, .line = line, .column = 1};
            return cunik_error_at(err, ERROR_INVALID, &place, "the line is no NAME=VALUE");
        }
        *equals++ = '\0';
        cunik_variables_set(v, statement, equals);
    }
    return 0;
}

static int read_entry(struct env_files *f, const struct node *entry, const struct lookup *lookup,
                      struct variables *v, struct error **err)
{
    const struct node *path = cunik_node_get(entry, "path");
    const struct node *format = cunik_node_get(entry, "format");
    const struct node *required = cunik_node_get(entry, "required");
    _cleanup_map_ struct map missing = {0};
    int r;

    if (!path)
        return 0; /* said already */
    /* It is relative still when paths are to stay so. */
    _cleanup_free_ char *at = cunik_path_join(f->c->l->working_dir, path->text);
    if (!cunik_load_exists(f->c, at)) {
        if (required && required->kind == NODE_BOOL && !required->boolean)
            return 0;
        return cunik_error_at(err, ERROR_INVALID, &path->place, "env file %s not found", at);
    }
    _cleanup_error_ struct error *why = NULL;
    const struct env_text *text = text_of(f, at, &why);
    if (!text)
        return cunik_error_at(err, ERROR_INVALID, &path->place, "env file: %s", why->message);
    if (!format)
        r = cunik_dotenv_parse(at, text->text, text->size, lookup, v, &missing, err);
    else if (strcmp(format->text, "raw") == 0)
        r = parse_raw(at, text, v, err);
    else
        return cunik_error_at(err, ERROR_INVALID, &format->place,
                              "unsupported env_file format \"%s\": only raw is", format->text);
    if (r == 0)
        cunik_load_warn_missing(f->c->d, at, &missing);
    return r;
}

static void read_service(struct env_files *f, struct node *service)
{
    struct tree *t = f->c->l->tree;
    const struct node *files = cunik_node_get(service, "env_file");
    const struct node *own = cunik_node_get(service, "environment");
    struct env_lookup both = {&f->c->lookup, own};
    struct lookup lookup = {look_up, &both};
    _cleanup_variables_ struct variables v = {0};

    if (!files)
        return;
    for (size_t i = 0; i < files->n && cunik_load_has_room(f->c, files->items[i]); i++) {
        _cleanup_error_ struct error *err = NULL;
        if (read_entry(f, files->items[i], &lookup, &v, &err) < 0)
            cunik_diagnostics_take(f->c->d, &err);
    }
    struct node *environment = cunik_node_map(t, own ? &own->place : &files->place);
    environment->key_place = own ? own->key_place : files->key_place;
    for (size_t i = 0; i < cunik_variables_count(&v); i++) {
        struct node *value = cunik_node_string(t, &files->place, cunik_variables_value(&v, i));
        value->key_place = files->key_place;
        cunik_node_set(t, environment, cunik_variables_name(&v, i), value);
    }
    /* A variable that nothing gives a value does not hide the file's. */
    for (size_t i = 0; own && i < own->n; i++)
        if (own->items[i]->kind != NODE_NULL || !cunik_node_get(environment, own->items[i]->key))
            cunik_node_set(t, environment, own->items[i]->key, own->items[i]);
    if (environment->n)
        cunik_node_set(t, service, "environment", environment);
}

/* One file of labels, in the form of .env files. */
static int read_label_file(struct env_files *f, const struct node *path, struct variables *v,
                           struct error **err)
{
    _cleanup_free_ char *at = cunik_path_join(f->c->l->working_dir, path->text);
    _cleanup_map_ struct map missing = {0};

    if (!cunik_load_exists(f->c, at))
        return cunik_error_at(err, ERROR_INVALID, &path->place, "label file %s not found", at);
    _cleanup_error_ struct error *why = NULL;
    const struct env_text *text = text_of(f, at, &why);
    if (!text)
        return cunik_error_at(err, ERROR_INVALID, &path->place, "env file: %s", why->message);
    int r = cunik_dotenv_parse(at, text->text, text->size, &f->c->lookup, v, &missing, err);
    if (r == 0)
        cunik_load_warn_missing(f->c->d, at, &missing);
    return r;
}

static void read_labels(struct env_files *f, struct node *service)
{
    struct tree *t = f->c->l->tree;
    const struct node *files = cunik_node_get(service, "label_file");
    struct node *labels = cunik_node_get(service, "labels");
    _cleanup_variables_ struct variables v = {0};

    for (size_t i = 0; files && i < files->n && cunik_load_has_room(f->c, files->items[i]); i++) {
        _cleanup_error_ struct error *err = NULL;
        if (read_label_file(f, files->items[i], &v, &err) < 0)
            cunik_diagnostics_take(f->c->d, &err);
    }
    if (!cunik_variables_count(&v))
        return;
    if (!labels) {
        labels = cunik_node_map(t, &files->place);
        labels->key_place = files->key_place;
        cunik_node_set(t, service, "labels", labels);
    }
    for (size_t i = 0; i < cunik_variables_count(&v); i++) {
        if (cunik_node_get(labels, cunik_variables_name(&v, i)))
            continue;
        struct node *value = cunik_node_string(t, &files->place, cunik_variables_value(&v, i));
        value->key_place = files->key_place;
        cunik_node_set(t, labels, cunik_variables_name(&v, i), value);
    }
}

void cunik_load_environment(struct load_context *c)
{
    struct env_files f = {.c = c};
    const struct node *services = cunik_node_get(c->l->root, "services");

    for (size_t i = 0; i < c->l->enabled.n; i++) {
        struct node *service = cunik_node_get(services, c->l->enabled.items[i]);
        read_service(&f, service);
        read_labels(&f, service);
    }
    for (size_t i = 0; i < f.texts.n; i++) {
        struct env_text *text = f.texts.entries[i].value;
        free(text->text);
        free(text);
    }
    cunik_map_done(&f.texts);
}
