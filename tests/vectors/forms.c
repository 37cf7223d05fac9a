/* merge.json, ports.json, volumes.json and misc.json: merging, unicity, short forms and checks of
 * single values. The vectors are about one attribute; it is put where it stands in a stack file.
 * Merging works on long forms here, so that what is expected is compared in its long form. */
#include <string.h>

#include "base/json.h"
#include "base/memory.h"
#include "base/strv.h"
#include "base/text.h"
#include "compose/check_values.h"
#include "compose/emit.h"
#include "compose/long_form.h"
#include "compose/merge.h"
#include "compose/normalise.h"
#include "compose/short_forms.h"
#include "compose/validate.h"
#include "compose/yaml.h"
#include "tests/vectors/vector.h"

#define _cleanup_tree_ _cleanup_(cunik_tree_destroyp)

/* The first document of a text; NULL with a complaint. */
static struct node *parse(struct tree *t, const char *text, struct buffer *complaint)
{
    _cleanup_error_ struct error *err = NULL;
    struct node **documents;
    size_t n;

    if (cunik_yaml_parse(t, "vector", text, strlen(text), NULL, &documents, &n, &err) < 0 || !n) {
        cunik_buffer_printf(complaint, "is no YAML: %s", err ? err->message : "nothing there");
        return NULL;
    }
    return documents[0];
}

/* A document in its long form. */
static struct node *long_document(struct tree *t, const char *text, struct diagnostics *d,
                                  struct buffer *complaint)
{
    struct node *root = parse(t, text, complaint);

    if (!root)
        return NULL;
    cunik_validate(t, root, d);
    cunik_long_form(t, root, d);
    return root;
}

static void compare(const struct node *got, const struct node *expected, struct buffer *complaint)
{
    if (got && expected && cunik_node_equal(got, expected))
        return;
    _cleanup_free_ char *a = got ? cunik_emit_json(got) : cunik_strdup("nothing");
    _cleanup_free_ char *b = expected ? cunik_emit_json(expected) : cunik_strdup("nothing");
    cunik_buffer_printf(complaint, "gives %s\nnot %s", a, b);
}

/* The first mistake, or NULL; the caller frees it. */
static char *first_mistake(const struct diagnostics *d, bool with_path)
{
    for (size_t i = 0; i < d->n; i++)
        if (d->items[i].is_error)
            return with_path && d->items[i].path
                       ? cunik_asprintf("%s: %s", d->items[i].path, d->items[i].message)
                       : cunik_strdup(d->items[i].message);
    return NULL;
}

static void merge(const json_t *vector, struct buffer *complaint)
{
    _cleanup_tree_ struct tree *t = cunik_tree_create();
    _cleanup_diagnostics_ struct diagnostics d = {0};
    struct node *base = long_document(t, vector_text(vector, "base"), &d, complaint);
    struct node *got = cunik_merge(t, NULL, base, &d);

    if (json_object_get(vector, "override")) {
        struct node *over = long_document(t, vector_text(vector, "override"), &d, complaint);
        got = cunik_merge(t, got, over, &d);
    }
    if (json_is_true(json_object_get(vector, "enforce_unicity")))
        cunik_merge_unique(got);
    struct node *expected = long_document(t, vector_text(vector, "expected"), &d, complaint);
    _cleanup_free_ char *error = first_mistake(&d, true);
    if (error)
        cunik_buffer_printf(complaint, "fails: %s\n", error);
    compare(got, cunik_merge(t, NULL, expected, &d), complaint);
}

static void port(const json_t *vector, struct buffer *complaint)
{
    _cleanup_tree_ struct tree *t = cunik_tree_create();
    _cleanup_error_ struct error *err = NULL;
    struct node *list = cunik_node_list(t, NULL);

    cunik_short_port(t, NULL, vector_text(vector, "input"), list, &err);
    if (vector_outcome(vector, err ? err->message : NULL, complaint))
        compare(list, cunik_node_from_json(t, json_object_get(vector, "expected")), complaint);
}

/* Members that are empty mappings or false say nothing. */
static struct node *without_empty(struct node *map)
{
    for (size_t i = map->n; i-- > 0;)
        if ((map->items[i]->kind == NODE_MAP && !map->items[i]->n) ||
            (map->items[i]->kind == NODE_BOOL && !map->items[i]->boolean))
            cunik_node_remove(map, map->items[i]->key);
    return map;
}

static void volume(const json_t *vector, struct buffer *complaint)
{
    _cleanup_tree_ struct tree *t = cunik_tree_create();
    _cleanup_error_ struct error *err = NULL;
    struct node *got = NULL;
    json_t *expected = json_object_get(vector, "expected"),
           *source = json_object_get(vector, "has_source");

    cunik_short_volume(t, NULL, vector_text(vector, "input"), &got, &err);
    if (source) {
        if ((got && cunik_node_get(got, "source")) != json_is_true(source))
            cunik_buffer_printf(complaint, "%s a source", got ? "has" : "has no");
        return;
    }
    if (vector_outcome(vector, err ? err->message : NULL, complaint) && expected)
        compare(without_empty(got), without_empty(cunik_node_from_json(t, expected)), complaint);
}

/* The place of one attribute, "%s" being the value as JSON, and the way to it. */
struct setting {
    const char *function; /* or the check */
    const char *document;
    const char *path[5];
    bool normalised;
};

static const struct setting settings[] = {
    {"transformBuild", "{services: {test: {build: %s}}}", {"services", "test", "build"}, false},
    {"transformEnvFile",
     "{services: {test: {env_file: %s}}}",
     {"services", "test", "env_file"},
     true},
    {"transformMaybeExternal", "{networks: {test: %s}}", {"networks", "test"}, false},
    {"transformSSH",
     "{services: {test: {build: {ssh: %s}}}}",
     {"services", "test", "build", "ssh"},
     false},
    {"transformPorts", "{services: {test: {ports: %s}}}", {"services", "test", "ports"}, false},
    {"portDefaults", "{services: {test: {ports: [%s]}}}", {"services", "test", "ports"}, true},
    {"mapping", "{services: {test: {labels: %s}}}", {"services", "test", "labels"}, true},
    {"extra_hosts",
     "{services: {test: {extra_hosts: %s}}}",
     {"services", "test", "extra_hosts"},
     false},
    {"UnitBytes", "{services: {test: {shm_size: %s}}}", {"services", "test", "shm_size"}, false},
    {"configs.*", "{configs: {test: %s}}", {"configs", "test"}, true},
    {"secrets.*", "{secrets: {test: %s}}", {"secrets", "test"}, true},
    {"volumes.*", "{volumes: {test: %s}}", {"volumes", "test"}, true},
    {"services.*.ports.*",
     "{services: {test: {ports: [%s]}}}",
     {"services", "test", "ports"},
     true},
    {"services.*.deploy.resources.reservations.devices.*",
     "{services: {test: {deploy: {resources: {reservations: {devices: [%s]}}}}}}",
     {"services", "test", "deploy"},
     true},
    {"services.*.gpus.*", "{services: {test: {gpus: [%s]}}}", {"services", "test", "gpus"}, true},
};

static const struct setting *find_setting(const char *function)
{
    for (size_t i = 0; i < ARRAY_SIZE(settings); i++)
        if (strcmp(settings[i].function, function) == 0)
            return &settings[i];
    return NULL;
}

/* The value as flow text: JSON, or the vector's own YAML read first. */
static char *value_text(struct tree *t, const json_t *vector, struct buffer *complaint)
{
    const json_t *input = json_object_get(vector, "input");
    const json_t *yaml = json_object_get(vector, "input_yaml");

    if (input)
        return cunik_json_text(input, JSON_ENCODE_ANY);
    if (!yaml)
        return cunik_strdup(vector_text(vector, "text"));
    struct node *root = parse(t, json_string_value(yaml), complaint);
    return root ? cunik_emit_json(root) : NULL;
}

/* The attribute after the phases of one document; NULL with a complaint or a mistake in d. */
static struct node *attribute(struct tree *t, const struct setting *s, const json_t *vector,
                              struct diagnostics *d, struct buffer *complaint)
{
    _cleanup_free_ char *value = value_text(t, vector, complaint);
    _cleanup_free_ char *text = value ? cunik_strdup(s->document) : NULL;
    _cleanup_buffer_ struct buffer b = {0};

    if (!text)
        return NULL;
    const char *mark = strstr(text, "%s");
    cunik_buffer_printf(&b, "%.*s%s%s", (int)(mark - text), text, value, mark + 2);
    struct node *root = long_document(t, cunik_buffer_text(&b), d, complaint);
    if (!root)
        return NULL;
    if (s->normalised)
        cunik_normalise_little(t, root, "vector", "/", NULL, d);
    if (s->normalised)
        cunik_check_values(root, d);
    if (s->normalised)
        cunik_validate_merged(root, d);
    for (size_t i = 0; i < ARRAY_SIZE(s->path) && s->path[i]; i++)
        root = cunik_node_get(root, s->path[i]);
    return root;
}

static void transform(const json_t *vector, struct buffer *complaint)
{
    const struct setting *s = find_setting(vector_text(vector, "function"));
    _cleanup_tree_ struct tree *t = cunik_tree_create();
    _cleanup_diagnostics_ struct diagnostics d = {
        .templates = json_is_true(json_object_get(vector, "ignore_parse_error"))};

    if (!s) {
        cunik_buffer_printf(complaint, "has no setting");
        return;
    }
    struct node *got = attribute(t, s, vector, &d, complaint);
    _cleanup_free_ char *error = first_mistake(&d, false);
    if (!vector_outcome(vector, error, complaint))
        return;
    struct node *expected = cunik_node_from_json(t, json_object_get(vector, "expected"));
    if (strcmp(s->function, "portDefaults") == 0)
        got = got && got->n ? got->items[0] : NULL;
    /* A published port is a string here, as in every model that was read. */
    struct node *published = cunik_node_get(expected, "published");
    if (published && published->kind == NODE_INT)
        cunik_node_set(t, expected, "published",
                       cunik_node_string(t, NULL, cunik_node_as_text(t, published)));
    compare(got, expected, complaint);
}

static void extra_hosts(const json_t *vector, struct buffer *complaint)
{
    _cleanup_tree_ struct tree *t = cunik_tree_create();
    _cleanup_diagnostics_ struct diagnostics d = {0};
    _cleanup_strv_ struct strv hosts = {0};
    struct node *got = attribute(t, find_setting("extra_hosts"), vector, &d, complaint);
    _cleanup_free_ char *error = first_mistake(&d, false);

    if (!vector_outcome(vector, error, complaint))
        return;
    for (size_t i = 0; got && i < got->n; i++) {
        char *text = cunik_strdup(got->items[i]->text);
        text[strcspn(text, "=")] = ':';
        cunik_strv_take(&hosts, text);
    }
    cunik_strv_sort(&hosts);
    _cleanup_free_ char *joined = cunik_strv_join(&hosts, " ");
    if (strcmp(joined, vector_text(vector, "expected_sorted_joined")) != 0)
        cunik_buffer_printf(complaint, "gives %s", joined);
}

static void mapping(const json_t *vector, struct buffer *complaint)
{
    _cleanup_tree_ struct tree *t = cunik_tree_create();
    _cleanup_diagnostics_ struct diagnostics d = {0};
    struct node *got = attribute(t, find_setting("mapping"), vector, &d, complaint);
    json_t *assert;
    size_t i;

    json_array_foreach (json_object_get(vector, "asserts"), i, assert) {
        const char *key = json_string_value(json_array_get(json_object_get(assert, "path"), 0));
        const struct node *n = cunik_node_get(got, key);
        if (!n || n->kind != NODE_STRING || strcmp(n->text, vector_text(assert, "value")) != 0)
            cunik_buffer_printf(complaint, "%s differs; ", key);
    }
}

static void decode(const json_t *vector, struct buffer *complaint)
{
    const struct setting *s = find_setting(vector_text(vector, "type"));
    _cleanup_tree_ struct tree *t = cunik_tree_create();
    _cleanup_diagnostics_ struct diagnostics d = {0};

    if (!s) {
        cunik_buffer_printf(complaint, "has no setting");
        return;
    }
    struct node *got = attribute(t, s, vector, &d, complaint);
    _cleanup_free_ char *error = first_mistake(&d, false);
    if (vector_outcome(vector, error, complaint))
        compare(got, cunik_node_from_json(t, json_object_get(vector, "expected")), complaint);
}

static void validate(const json_t *vector, struct buffer *complaint)
{
    const struct setting *s = find_setting(vector_text(vector, "check"));
    _cleanup_tree_ struct tree *t = cunik_tree_create();
    _cleanup_diagnostics_ struct diagnostics d = {0};

    if (!s) {
        cunik_buffer_printf(complaint, "has no setting");
        return;
    }
    attribute(t, s, vector, &d, complaint);
    /* The path is the vector's own, such as configs.test.ports[0]. */
    _cleanup_free_ char *message = first_mistake(&d, false);
    _cleanup_free_ char *error =
        message ? cunik_asprintf("%s: %s", vector_text(vector, "path"), message) : NULL;
    vector_outcome(vector, error, complaint);
}

/* A whole document, before interpolation. */
static void schema(const json_t *vector, struct buffer *complaint)
{
    _cleanup_tree_ struct tree *t = cunik_tree_create();
    _cleanup_diagnostics_ struct diagnostics d = {.templates = true};
    _cleanup_free_ char *text = value_text(t, vector, complaint);

    if (!text)
        return;
    long_document(t, text, &d, complaint);
    _cleanup_free_ char *error = first_mistake(&d, true);
    vector_outcome(vector, error, complaint);
}

const struct vector_kind vectors_forms[] = {
    {"merge.json", "merge", merge},
    {"merge.json", "unicity", merge},
    {"ports.json", "port", port},
    {"ports.json", "transform", transform},
    {"volumes.json", "", volume},
    {"misc.json", "decode", decode},
    {"misc.json", "extra_hosts", extra_hosts},
    {"misc.json", "mapping", mapping},
    {"misc.json", "transform", transform},
    {"misc.json", "validate", validate},
    {"misc.json", "schema", schema},
};
const size_t n_vectors_forms = ARRAY_SIZE(vectors_forms);
