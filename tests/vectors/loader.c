/* loader.json: whole loads in a folder of their own, with assertions on the model.
 *
 * What the loaded tree writes otherwise than the vectors' model (durations, hosts, modes) is
 * brought into the model's notation first. `extends_events` is not looked at: nobody listens here.
 */
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/file.h"
#include "base/json.h"
#include "base/memory.h"
#include "base/strv.h"
#include "base/text.h"
#include "compose/canonical.h"
#include "compose/emit.h"
#include "compose/fields.h"
#include "compose/load.h"
#include "tests/vectors/vector.h"

#define FILES "../shared/vectors/compose/files"

/* The two folders of a vector, "@WD@" and "@TMP@" in its texts. */
struct folders {
    char *wd, *tmp;
};

static void folders_done(struct folders *w)
{
    if (w->wd)
        cunik_file_remove_tree(w->wd, NULL);
    if (w->tmp)
        cunik_file_remove_tree(w->tmp, NULL);
    free(w->wd);
    free(w->tmp);
}

static char *make_folder(void)
{
    char *path = cunik_strdup("/tmp/cunik-vector-XXXXXX");

    if (!mkdtemp(path))
        perror("mkdtemp");
    return path;
}

static void folders_init(struct folders *w)
{
    static const char *const linked[][2] = {
        {"loader-testdata", "testdata"},
        {"loader-wd/example1.env", "example1.env"},
        {"loader-wd/example2.env", "example2.env"},
        {"loader-wd/example1.label", "example1.label"},
        {"loader-wd/example2.label", "example2.label"},
    };
    _cleanup_free_ char *here = get_current_dir_name();

    w->wd = make_folder();
    w->tmp = make_folder();
    for (size_t i = 0; i < ARRAY_SIZE(linked); i++) {
        _cleanup_free_ char *to = cunik_asprintf("%s/%s/%s", here, FILES, linked[i][0]);
        _cleanup_free_ char *at = cunik_path_join(w->wd, linked[i][1]);
        if (symlink(to, at) < 0)
            perror(at);
    }
}

static char *replaced(const char *text, const char *token, const char *by)
{
    _cleanup_strv_ struct strv parts = {0};
    struct buffer b = {0};

    for (const char *next; (next = strstr(text, token)); text = next + strlen(token))
        cunik_buffer_printf(&b, "%.*s%s", (int)(next - text), text, by);
    cunik_buffer_text_append(&b, text);
    return cunik_buffer_take(&b);
}

static json_t *in_folders(const json_t *vector, const struct folders *w)
{
    _cleanup_free_ char *text = cunik_json_text(vector, 0);
    _cleanup_free_ char *with_wd = replaced(text, "@WD@", w->wd);
    _cleanup_free_ char *with_both = replaced(with_wd, "@TMP@", w->tmp);

    return json_loads(with_both, 0, NULL);
}

static void write_file(const struct folders *w, const char *name, const char *text,
                       struct buffer *complaint)
{
    _cleanup_free_ char *path = cunik_path_join(w->wd, name), *folder = cunik_path_folder(path);
    _cleanup_error_ struct error *err = NULL;

    if (cunik_file_exists(path))
        return; /* the same text as one of testdata */
    if (cunik_file_make_folders(folder, 0755, &err) < 0 ||
        cunik_file_write(path, text, strlen(text), 0644, false, &err) < 0)
        cunik_buffer_printf(complaint, "%s; ", err->message);
}

/* Large texts as segments to be repeated, "{i}" and "{j}" being the counts. */
static void generate(const json_t *segments, const char *mark, struct buffer *b)
{
    json_t *segment;
    size_t i;

    json_array_foreach (segments, i, segment) {
        json_t *repeat = json_object_get(segment, "repeat"), *inner;
        json_int_t times = repeat ? json_integer_value(repeat) : 1;
        for (json_int_t k = 0; k < times; k++) {
            _cleanup_free_ char *number = cunik_asprintf("%lld", (long long)k);
            _cleanup_free_ char *text = replaced(vector_text(segment, "text"), mark, number);
            cunik_buffer_text_append(b, text);
            inner = json_object_get(segment, "inner");
            if (inner) {
                _cleanup_json_ json_t *list = json_pack("[O]", inner);
                generate(list, "{j}", b);
            }
        }
    }
}

static void write_files(const struct folders *w, const json_t *vector, struct buffer *complaint)
{
    const char *name;
    json_t *value;

    json_object_foreach (json_object_get(vector, "files"), name, value)
        write_file(w, name, json_string_value(value), complaint);
    json_object_foreach (json_object_get(vector, "generated_files"), name, value) {
        _cleanup_buffer_ struct buffer b = {0};
        generate(value, "{i}", &b);
        write_file(w, name, cunik_buffer_text(&b), complaint);
    }
}

/* Durations as the model has them, hosts as a mapping, modes in octal, all devices as -1. */
static bool to_model(void *context, const struct field *field, struct node *n,
                     const struct field_path *path)
{
    struct tree *t = context;
    int64_t ns;

    if (field->type == FIELD_DURATION && n->kind == NODE_STRING &&
        cunik_text_to_duration(n->text, &ns) == 0) {
        _cleanup_free_ char *text = cunik_text_from_duration(ns);
        n->text = cunik_tree_text(t, text, strlen(text));
    } else if (strcmp(field->name, "mode") == 0 && n->kind == NODE_INT) {
        _cleanup_free_ char *text = cunik_asprintf("%04llo", (unsigned long long)n->integer);
        n->text = cunik_tree_text(t, text, strlen(text));
        n->kind = NODE_STRING;
    } else if (strcmp(field->name, "count") == 0 && n->kind == NODE_STRING &&
               strcmp(n->text, "all") == 0) {
        n->kind = NODE_INT;
        n->integer = -1;
    } else if (field->type == FIELD_HOSTS && n->kind == NODE_LIST) {
        struct node *map = cunik_node_map(t, &n->place);
        for (size_t i = 0; i < n->n; i++) {
            const char *text = n->items[i]->text, *equals = strchr(text, '=');
            const char *host = cunik_tree_text(t, text, (size_t)(equals - text));
            if (!cunik_node_get(map, host))
                cunik_node_set(t, map, host, cunik_node_list(t, &n->place));
            cunik_node_append(t, cunik_node_get(map, host),
                              cunik_node_string(t, &n->place, equals + 1));
        }
        n->kind = NODE_MAP;
        n->items = map->items;
        n->n = map->n;
        n->index = map->index;
    }
    (void)path;
    return true;
}

/* The model with its special roots. */
static json_t *model_of(struct loaded *l, struct node *root)
{
    json_t *services, *off = json_object(), *environment = json_object(), *value;
    const char *name;
    void *next;

    cunik_fields_walk(&cunik_fields, root, NULL,
                      &(struct field_visitor){.value = to_model, .context = l->tree});
    json_t *model = cunik_node_to_json(root);
    services = json_object_get(model, "services");
    json_object_foreach_safe (services, next, name, value)
        if (!cunik_strv_has(&l->enabled, name)) {
            json_object_set(off, name, value);
            json_object_del(services, name);
        }
    for (size_t i = 0; i < cunik_variables_count(&l->environment); i++)
        cunik_json_set_string(environment, cunik_variables_name(&l->environment, i),
                              cunik_variables_value(&l->environment, i));
    json_object_set_new(model, "$disabled_services", off);
    json_object_set_new(model, "$environment", environment);
    json_object_set_new(model, "$working_dir", json_string(l->working_dir));
    return model;
}

static bool is_empty(const json_t *value)
{
    const char *key;
    json_t *member;

    /* So is a mapping of nothing but that. */
    json_object_foreach ((json_t *)value, key, member)
        if (!is_empty(member))
            return false;
    return !value || json_is_null(value) || json_is_false(value) ||
           (json_is_string(value) && !json_string_length(value)) ||
           (json_is_number(value) && json_number_value(value) == 0) ||
           (json_is_array(value) && !json_array_size(value)) || json_is_object(value);
}

static bool is_equal(const json_t *got, const json_t *expected, bool strict);

static bool is_equal_map(const json_t *got, const json_t *expected, bool strict)
{
    const char *key;
    json_t *value;

    json_object_foreach ((json_t *)expected, key, value)
        if (!is_equal(json_object_get(got, key), value,
                      strict || strcmp(key, "environment") == 0 || strcmp(key, "labels") == 0))
            return false;
    json_object_foreach ((json_t *)got, key, value)
        if (!json_object_get(expected, key) && (strict || !is_empty(value)))
            return false;
    return true;
}

/* Where strict, null and "" are not the same. */
static bool is_equal(const json_t *got, const json_t *expected, bool strict)
{
    json_t *item;
    size_t i;

    if (!strict && is_empty(expected))
        return is_empty(got);
    if (json_is_number(expected))
        return (json_is_number(got) && json_number_value(got) == json_number_value(expected)) ||
               (json_is_string(got) &&
                strtod(json_string_value(got), NULL) == json_number_value(expected));
    if (json_is_object(expected))
        return json_is_object(got) && is_equal_map(got, expected, strict);
    if (!json_is_array(expected))
        return json_equal(got, expected);
    if (!json_is_array(got) || json_array_size(got) != json_array_size(expected))
        return false;
    json_array_foreach (expected, i, item)
        if (!is_equal(json_array_get(got, i), item, strict))
            return false;
    return true;
}

static size_t length_of(const json_t *value)
{
    return json_is_array(value) ? json_array_size(value) : json_object_size(value);
}

static bool has_extensions(const json_t *map, const json_t *expected)
{
    _cleanup_json_ json_t *extensions = json_object();
    const char *key;
    json_t *value;

    json_object_foreach ((json_t *)map, key, value)
        if (strncmp(key, "x-", 2) == 0)
            json_object_set(extensions, key, value);
    return is_equal(extensions, expected, false);
}

static bool has_keys(const json_t *map, const json_t *expected)
{
    json_t *key;
    size_t i;

    if (json_object_size(map) != json_array_size(expected))
        return false;
    json_array_foreach (expected, i, key)
        if (!json_object_get(map, json_string_value(key)))
            return false;
    return true;
}

static bool holds(const json_t *assert, const json_t *got, bool strict)
{
    const char *op = vector_text(assert, "op"), *type = vector_text(assert, "type");
    const json_t *value = json_object_get(assert, "value");

    if (strcmp(op, "len") == 0)
        return length_of(got) == (size_t)json_integer_value(value);
    if (strcmp(op, "has") == 0)
        return got != NULL;
    if (strcmp(op, "absent") == 0)
        return got == NULL;
    if (strcmp(op, "null") == 0)
        return !got || json_is_null(got);
    if (strcmp(op, "not_null") == 0)
        return got && !json_is_null(got);
    if (strcmp(op, "keys") == 0)
        return has_keys(got, value);
    if (strcmp(op, "extensions") == 0)
        return has_extensions(got, value);
    if (strcmp(op, "is_abs") == 0)
        return json_is_string(got) && json_string_value(got)[0] == '/';
    if (strcmp(op, "pull_policy") == 0)
        return json_equal(got, value);
    if (*op)
        return false;
    if (strcmp(type, "Duration") == 0 && json_is_string(value)) {
        int64_t a, b;
        return json_is_string(got) && cunik_text_to_duration(json_string_value(got), &a) == 0 &&
               cunik_text_to_duration(json_string_value(value), &b) == 0 && a == b;
    }
    return is_equal(got, value, strict);
}

static void check(const json_t *assert, const json_t *path, size_t at, const json_t *got,
                  bool strict, struct buffer *complaint)
{
    const json_t *step = json_array_get(path, at);
    const char *key = json_string_value(step), *name;
    json_t *member;
    size_t i;

    if (!step) {
        if (!holds(assert, got, strict)) {
            _cleanup_free_ char *a = cunik_json_text(assert, JSON_ENCODE_ANY);
            _cleanup_free_ char *b =
                got ? cunik_json_text(got, JSON_ENCODE_ANY) : cunik_strdup("nothing");
            cunik_buffer_printf(complaint, "is %s where %s\n", b, a);
        }
    } else if (json_is_integer(step)) {
        check(assert, path, at + 1, json_array_get(got, (size_t)json_integer_value(step)), strict,
              complaint);
    } else if (strcmp(key, "*") == 0 && json_is_array(got)) {
        json_array_foreach (got, i, member)
            check(assert, path, at + 1, member, strict, complaint);
    } else if (strcmp(key, "*") == 0) {
        json_object_foreach ((json_t *)got, name, member)
            check(assert, path, at + 1, member, strict, complaint);
    } else {
        check(assert, path, at + 1, json_object_get(got, key),
              strict || strcmp(key, "environment") == 0, complaint);
    }
}

static void check_all(const json_t *vector, const json_t *model, struct buffer *complaint)
{
    json_t *assert;
    size_t i;

    json_array_foreach (json_object_get(vector, "asserts"), i, assert)
        check(assert, json_object_get(assert, "path"), 0, model, false, complaint);
}

static bool option(const json_t *vector, const char *name)
{
    return json_is_true(json_object_get(json_object_get(vector, "options"), name));
}

/* What a unikernel needs beyond what a container does is no matter of these vectors. */
static bool is_ours(const struct diagnostic *d)
{
    return strstr(d->message, "images are not supported yet") != NULL;
}

/* The mistakes in every way that Docker Compose puts them; one that fits is enough. */
static bool any_fits(const json_t *vector, const struct diagnostics *d, const char *other)
{
    if (other && vector_message_fits(vector, other))
        return true;
    for (size_t i = 0; i < d->n; i++) {
        const struct diagnostic *m = &d->items[i];
        if (!m->is_error || is_ours(m))
            continue;
        _cleanup_free_ char *whole = cunik_asprintf("%s: %s", m->path ? m->path : "", m->message);
        _cleanup_free_ char *plain = cunik_asprintf("%s %s", m->path ? m->path : "", m->message);
        _cleanup_free_ char *placed = cunik_diagnostic_text(m);
        _cleanup_free_ char *brackets = replaced(plain, "[", ".");
        _cleanup_free_ char *dotted = replaced(brackets, "]", "");
        const char *texts[] = {m->message, whole, plain, placed, dotted};
        for (size_t k = 0; k < ARRAY_SIZE(texts); k++) {
            /* The reference ends many of its messages so. */
            _cleanup_free_ char *project = cunik_asprintf("%s: invalid compose project", texts[k]);
            if (vector_message_fits(vector, texts[k]) || vector_message_fits(vector, project))
                return true;
        }
    }
    return false;
}

static void outcome(const json_t *vector, const struct diagnostics *d, const char *other,
                    struct buffer *complaint)
{
    bool wants_error = json_object_get(vector, "error") != NULL;
    _cleanup_buffer_ struct buffer b = {0};

    for (size_t i = 0; i < d->n; i++)
        if (d->items[i].is_error && !is_ours(&d->items[i])) {
            _cleanup_free_ char *text = cunik_diagnostic_text(&d->items[i]);
            cunik_buffer_printf(&b, "%s\n", text);
        }
    if (other && !d->n_errors)
        cunik_buffer_printf(&b, "%s\n", other);
    if (wants_error && !b.size)
        cunik_buffer_printf(complaint, "succeeds\n");
    else if (wants_error && !any_fits(vector, d, other))
        cunik_buffer_printf(complaint, "fails otherwise: %s", cunik_buffer_text(&b));
    else if (!wants_error && b.size)
        cunik_buffer_printf(complaint, "fails: %s", cunik_buffer_text(&b));
}

static void check_warnings(const json_t *vector, const struct diagnostics *d,
                           struct buffer *complaint)
{
    json_t *list = json_object_get(vector, "warnings_contain"), *one;
    size_t i;

    json_array_foreach (list, i, one) {
        bool found = false;
        for (size_t k = 0; k < d->n; k++) {
            _cleanup_free_ char *text = cunik_diagnostic_text(&d->items[k]);
            found |= strstr(text, json_string_value(one)) != NULL;
        }
        if (!found)
            cunik_buffer_printf(complaint, "no warning says %s; ", json_string_value(one));
    }
}

/* Paths from the working directory on, when the vector names none or a relative one. */
static json_t *relative_model(const json_t *vector, const json_t *model, const char *folder)
{
    _cleanup_free_ char *text = cunik_json_text(model, 0);
    _cleanup_free_ char *above =
        strstr(folder, "/testdata")
            ? cunik_strndup(folder, (size_t)(strstr(folder, "/testdata") - folder))
            : cunik_strdup(folder);
    _cleanup_free_ char *prefix = cunik_asprintf("\"%s/", above);
    _cleanup_free_ char *relative = replaced(text, prefix, "\"");

    if (vector_text(vector, "working_dir")[0] == '/')
        return json_deep_copy(model);
    return json_loads(relative, 0, NULL);
}

/* What loading adds to a bare model: the special roots and a name that the file has not. */
static void without_extras(json_t *model)
{
    static const char *const names[] = {"name", "$environment", "$working_dir",
                                        "$disabled_services"};

    for (size_t i = 0; i < ARRAY_SIZE(names); i++)
        json_object_del(model, names[i]);
}

/* Writes the model, loads it again, and looks at it again. */
static void reload(const json_t *vector, const struct load_options *first, const char *text,
                   const char *what, struct buffer *complaint)
{
    _cleanup_free_ char *folder = make_folder(), *path = cunik_path_join(folder, "again.yaml");
    _cleanup_strv_ struct strv files = {0};
    _cleanup_loaded_ struct loaded l = {0};
    _cleanup_diagnostics_ struct diagnostics d = {0};
    _cleanup_error_ struct error *err = NULL;
    struct load_options o = *first;

    o.files = &files;
    o.no_interpolate = true;
    cunik_strv_add(&files, path);
    if (cunik_file_write(path, text, strlen(text), 0644, false, &err) < 0 ||
        cunik_load(&o, &l, &d, &err) < 0 || cunik_diagnostics_fail(&d, &err) < 0) {
        cunik_buffer_printf(complaint, "%s does not load again: %s", what, err->message);
    } else {
        _cleanup_json_ json_t *model = model_of(&l, l.root);
        size_t before = complaint->size;
        check_all(vector, model, complaint);
        if (complaint->size > before)
            cunik_buffer_printf(complaint, "... after loading its %s again\n", what);
    }
    cunik_file_remove_tree(folder, NULL);
}

static void run_load(const json_t *vector, const struct load_options *o, struct buffer *complaint)
{
    _cleanup_loaded_ struct loaded l = {0};
    _cleanup_stack_ struct stack s = {0};
    _cleanup_diagnostics_ struct diagnostics d = {0};
    _cleanup_error_ struct error *err = NULL;
    int r = cunik_load(o, &l, &d, &err);

    if (r == 0 && !o->no_consistency)
        cunik_stack_from_tree(l.root, l.name, l.working_dir, &l.enabled, &s, &d);
    outcome(vector, &d, err ? err->message : NULL, complaint);
    check_warnings(vector, &d, complaint);
    if (r < 0 || !json_object_get(vector, "asserts") || complaint->size)
        return;
    _cleanup_free_ char *yaml = cunik_emit_yaml(l.root), *json = cunik_emit_json(l.root);
    bool pruned =
        option(vector, "prune_unnecessary_resources") || option(vector, "discard_env_files");
    _cleanup_json_ json_t *whole = model_of(&l, pruned ? cunik_canonical(&l) : l.root);
    _cleanup_json_ json_t *model = relative_model(vector, whole, l.working_dir);
    if (strcmp(vector_text(vector, "stage"), "yaml_model") == 0)
        without_extras(model);
    check_all(vector, model, complaint);
    if (complaint->size || !json_is_true(json_object_get(vector, "roundtrip")))
        return;
    reload(vector, o, yaml, "YAML", complaint);
    reload(vector, o, json, "JSON", complaint);
}

static void load(const json_t *original, struct buffer *complaint)
{
    _cleanup_(folders_done) struct folders w = {0};
    _cleanup_strv_ struct strv files = {0}, services = {0}, environment = {0};
    json_t *item;
    const char *name;
    size_t i;

    folders_init(&w);
    _cleanup_json_ json_t *vector = in_folders(original, &w);
    json_t *options = json_object_get(vector, "options");
    write_files(&w, vector, complaint);
    json_array_foreach (json_object_get(vector, "config_files"), i, item) {
        const char *key = vector_text(item, "file_key");
        cunik_strv_take(&files, cunik_path_join(w.wd, *key ? key : vector_text(item, "filename")));
    }
    json_array_foreach (json_object_get(options, "selected_services"), i, item)
        cunik_strv_add(&services, json_string_value(item));
    json_object_foreach (json_object_get(vector, "env"), name, item)
        cunik_strv_take(&environment, cunik_asprintf("%s=%s", name, json_string_value(item)));
    _cleanup_free_ char **environ_ = cunik_strv_argv(&environment);
    /* A name that may be overruled is what a folder's name is here. */
    const char *fallback = vector_text(options, "project_name");
    _cleanup_free_ char *named = NULL;
    if (*fallback && !option(vector, "project_name_imperatively_set"))
        named = cunik_path_join(w.wd, fallback);
    bool model = strcmp(vector_text(vector, "stage"), "yaml_model") == 0;
    struct load_options o = {
        .working_dir = w.wd,
        .files = &files,
        .services = &services,
        .environment = environ_,
        .project_directory = named ? named
                             : *vector_text(vector, "working_dir")
                                 ? vector_text(vector, "working_dir")
                                 : w.wd,
        .project_name = option(vector, "project_name_imperatively_set")
                            ? vector_text(options, "project_name")
                            : NULL,
        .only_services = true,
        .no_normalise = model || option(vector, "skip_normalization"),
        .no_consistency = model || option(vector, "skip_consistency_check"),
        .no_paths = model || json_is_false(json_object_get(options, "resolve_paths")),
    };
    run_load(vector, &o, complaint);
}

/* A ready model as a file of its own. */
static void run_model(const json_t *vector, const char *key, bool no_consistency,
                      struct buffer *complaint)
{
    _cleanup_(folders_done) struct folders w = {0};
    _cleanup_strv_ struct strv files = {0};
    _cleanup_free_ char *text = cunik_json_text(json_object_get(vector, key), 0);
    struct load_options o = {.files = &files};

    folders_init(&w);
    write_file(&w, "compose.yaml", text, complaint);
    cunik_strv_add(&files, "compose.yaml");
    o.working_dir = w.wd;
    o.project_name = "vector";
    o.no_normalise = true;
    o.no_consistency = no_consistency;
    run_load(vector, &o, complaint);
}

static void consistency(const json_t *vector, struct buffer *complaint)
{
    run_model(vector, "project", false, complaint);
}

/* Which empty values stay is seen in what was loaded. */
static void omit_empty(const json_t *vector, struct buffer *complaint)
{
    run_model(vector, "input", true, complaint);
}

static json_t *loaded_model(const struct folders *w, const char *name, const struct load_options *o,
                            struct buffer *complaint)
{
    _cleanup_strv_ struct strv files = {0};
    _cleanup_loaded_ struct loaded l = {0};
    _cleanup_diagnostics_ struct diagnostics d = {0};
    _cleanup_error_ struct error *err = NULL;
    struct load_options all = *o;

    cunik_strv_add(&files, name);
    all.files = &files;
    all.working_dir = w->wd;
    if (cunik_load(&all, &l, &d, &err) < 0 || cunik_diagnostics_fail(&d, &err) < 0) {
        cunik_buffer_printf(complaint, "fails: %s", err->message);
        return NULL;
    }
    json_t *model = model_of(&l, l.root);
    json_object_del(model, "$environment");
    return model;
}

/* Normalising a text gives what the expected text is, read as it stands. */
static void normalize(const json_t *vector, struct buffer *complaint)
{
    _cleanup_(folders_done) struct folders w = {0};
    _cleanup_strv_ struct strv environment = {0};
    const char *name;
    json_t *item;

    json_object_foreach (json_object_get(vector, "env"), name, item)
        cunik_strv_take(&environment, cunik_asprintf("%s=%s", name, json_string_value(item)));
    _cleanup_free_ char **environ_ = cunik_strv_argv(&environment);
    folders_init(&w);
    /* A name that was normalised already, as the reference's loader does before. */
    _cleanup_free_ char *input = replaced(vector_text(vector, "input"), "myProject", "myproject");
    _cleanup_free_ char *after =
        replaced(vector_text(vector, "expected"), "myProject", "myproject");
    write_file(&w, "input.yaml", input, complaint);
    write_file(&w, "expected.yaml", after, complaint);
    struct load_options o = {.project_name = "myproject", .environment = environ_};
    _cleanup_json_ json_t *got = loaded_model(&w, "input.yaml", &o, complaint);
    o.no_normalise = true;
    o.environment = NULL;
    _cleanup_json_ json_t *expected = loaded_model(&w, "expected.yaml", &o, complaint);
    if (got && expected && !is_equal(got, expected, false)) {
        _cleanup_free_ char *a = cunik_json_text(got, 0), *b = cunik_json_text(expected, 0);
        cunik_buffer_printf(complaint, "gives %s\nnot %s", a, b);
    }
}

const struct vector_kind vectors_loader[] = {
    {"loader.json", "load", load},
    {"loader.json", "consistency", consistency},
    {"loader.json", "container_name_unicity", consistency},
    {"loader.json", "normalize", normalize},
    {"loader.json", "omit_empty", omit_empty},
};
const size_t n_vectors_loader = ARRAY_SIZE(vectors_loader);
