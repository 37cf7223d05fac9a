/* template.json: substitution, interpolation of trees, variables, operators. */
#include <fnmatch.h>
#include <string.h>

#include "base/json.h"
#include "base/memory.h"
#include "base/text.h"
#include "compose/emit.h"
#include "compose/interpolate.h"
#include "compose/template.h"
#include "tests/vectors/vector.h"

#define _cleanup_tree_ _cleanup_(cunik_tree_destroyp)

static void substitute(const json_t *vector, struct buffer *complaint)
{
    _cleanup_variables_ struct variables env = {0};
    _cleanup_map_ struct map missing = {0};
    _cleanup_error_ struct error *err = NULL;
    _cleanup_free_ char *result = NULL;
    const json_t *warnings = json_object_get(vector, "warnings");

    vector_variables(json_object_get(vector, "env"), &env);
    struct lookup lookup = cunik_variables_lookup(&env);
    cunik_substitute(vector_text(vector, "template"), &lookup, false, &missing, &result, &err);
    if (!vector_outcome(vector, err ? err->message : NULL, complaint))
        return;
    if (strcmp(result, vector_text(vector, "expected")) != 0)
        cunik_buffer_printf(complaint, "gives \"%s\"", result);
    if (warnings && (size_t)json_integer_value(warnings) != missing.n)
        cunik_buffer_printf(complaint, "gives %zu warnings", missing.n);
}

static void operator(const json_t *vector, struct buffer *complaint)
{
    /* What stands within the braces. */
    const char *inner = vector_text(vector, "template"), *result = NULL;
    size_t size = strlen(inner), name = cunik_template_name(inner, size);

    if (name)
        result = name == size ? "" : cunik_template_operator(inner + name, size - name);

    if (!cunik_text_equal(result, vector_text(vector, "expected")))
        cunik_buffer_printf(complaint, "gives %s", result ? result : "none");
}

static const struct {
    const char *name;
    enum cast cast;
} casts[] = {{"int", CAST_INT}, {"bool", CAST_BOOL}, {"float", CAST_FLOAT}};

/* Casts the members of every member of root whose path fits a pattern such as "*.replicas". */
static void cast(struct node *root, const char *pattern, const char *type, struct buffer *complaint)
{
    for (size_t i = 0; i < root->n; i++) {
        for (size_t j = 0; j < root->items[i]->n; j++) {
            struct node *n = root->items[i]->items[j];
            _cleanup_free_ char *path = cunik_asprintf("%s.%s", root->items[i]->key, n->key);
            _cleanup_error_ struct error *err = NULL;
            for (size_t k = 0; fnmatch(pattern, path, 0) == 0 && k < ARRAY_SIZE(casts); k++)
                if (strcmp(casts[k].name, type) == 0 &&
                    cunik_cast(n, casts[k].cast, NULL, &err) < 0)
                    cunik_buffer_text_append(complaint, err->message);
        }
    }
}

static void interpolate(const json_t *vector, struct buffer *complaint)
{
    _cleanup_tree_ struct tree *t = cunik_tree_create();
    struct node *root = cunik_node_from_json(t, json_object_get(vector, "input"));
    _cleanup_variables_ struct variables env = {0};
    _cleanup_diagnostics_ struct diagnostics d = {0};
    _cleanup_map_ struct map warned = {0};
    const char *error = NULL, *pattern;
    json_t *type;

    vector_variables(json_object_get(vector, "env"), &env);
    struct lookup lookup = cunik_variables_lookup(&env);
    cunik_interpolate(t, root, "", &lookup, &warned, &d);
    for (size_t i = 0; i < d.n && !error; i++)
        error = d.items[i].is_error ? d.items[i].message : NULL;
    if (!vector_outcome(vector, error, complaint))
        return;
    json_object_foreach (json_object_get(vector, "casts"), pattern, type)
        cast(root, pattern, json_string_value(type), complaint);
    if (!cunik_node_equal(root, cunik_node_from_json(t, json_object_get(vector, "expected")))) {
        _cleanup_free_ char *text = cunik_emit_json(root);
        cunik_buffer_printf(complaint, "gives %s", text);
    }
}

static bool has_variable(const struct template_variables *v, const char *name,
                         const json_t *expected)
{
    for (size_t i = 0; i < v->n; i++)
        if (strcmp(v->items[i].name, name) == 0)
            return strcmp(v->items[i].default_value, vector_text(expected, "default_value")) == 0 &&
                   strcmp(v->items[i].presence_value, vector_text(expected, "presence_value")) ==
                       0 &&
                   v->items[i].required == json_is_true(json_object_get(expected, "required"));
    return false;
}

static void extract(const json_t *vector, struct buffer *complaint)
{
    _cleanup_tree_ struct tree *t = cunik_tree_create();
    _cleanup_template_variables_ struct template_variables v = {0};
    json_t *expected = json_object_get(vector, "expected"), *variable;
    const char *name;

    cunik_template_variables(cunik_node_from_json(t, json_object_get(vector, "input")), &v);
    if (v.n != json_object_size(expected))
        cunik_buffer_printf(complaint, "gives %zu variables", v.n);
    json_object_foreach (expected, name, variable)
        if (!has_variable(&v, name, variable))
            cunik_buffer_printf(complaint, "%s differs or is missing; ", name);
}

const struct vector_kind vectors_template[] = {{"template.json", "substitute", substitute},
                                               {
                                                   "template.json",
                                                   "operator",
                                                   operator},
                                                   {"template.json", "interpolate", interpolate},
                                                   {"template.json", "extract_variables", extract},
};
const size_t n_vectors_template = ARRAY_SIZE(vectors_template);
