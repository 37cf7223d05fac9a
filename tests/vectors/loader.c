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
#include "compose/load.h"
#include "tests/vectors/model.h"
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
        _cleanup_json_ json_t *model = vector_model(&l, l.root);
        size_t before = complaint->size;
        vector_check(vector, model, complaint);
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
    _cleanup_json_ json_t *whole = vector_model(&l, pruned ? cunik_canonical(&l) : l.root);
    _cleanup_json_ json_t *model = relative_model(vector, whole, l.working_dir);
    if (strcmp(vector_text(vector, "stage"), "yaml_model") == 0)
        without_extras(model);
    vector_check(vector, model, complaint);
    if (complaint->size || !json_is_true(json_object_get(vector, "roundtrip")))
        return;
    reload(vector, o, yaml, "YAML", complaint);
    reload(vector, o, json, "JSON", complaint);
}

static bool is_remote(void *context _unused_, const char *name)
{
    return cunik_text_starts(name, "remote:");
}

/* They lie in a folder of the test data. */
static int fetch(void *context, const char *name, char **ret, struct error **err)
{
    const struct folders *w = context;
    _cleanup_free_ char *path =
        cunik_asprintf("%s/testdata/remote/%s", w->wd, name + strlen("remote:"));

    if (!cunik_file_exists(path))
        return cunik_error_set(err, ERROR_NOT_FOUND, "%s: not found", name);
    *ret = TAKE_PTR(path);
    return 0;
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
    const struct load_remote remote = {is_remote, fetch, &w};
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
        .remote = json_object_get(options, "resource_loaders") ? &remote : NULL,
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
    json_t *model = vector_model(&l, l.root);
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
    if (got && expected && !vector_equal(got, expected)) {
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
