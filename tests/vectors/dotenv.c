/* dotenv.json: .env files. */
#include <string.h>

#include "base/json.h"
#include "base/memory.h"
#include "compose/dotenv.h"
#include "compose/interpolate.h"
#include "tests/vectors/vector.h"

/* Compares variables with "expected", "exact" and "absent". */
static void compare(const json_t *vector, const struct variables *v, struct buffer *complaint)
{
    json_t *expected = json_object_get(vector, "expected"), *value;
    const char *name;
    size_t i;

    json_object_foreach (expected, name, value) {
        const char *got = cunik_variables_get(v, name);
        if (!got || strcmp(got, json_string_value(value)) != 0)
            cunik_buffer_printf(complaint, "%s is %s; ", name, got ? got : "unset");
    }
    for (i = 0; json_is_true(json_object_get(vector, "exact")) && i < cunik_variables_count(v); i++)
        if (!json_object_get(expected, cunik_variables_name(v, i)))
            cunik_buffer_printf(complaint, "%s is set; ", cunik_variables_name(v, i));
    json_array_foreach (json_object_get(vector, "absent"), i, value)
        if (cunik_variables_get(v, json_string_value(value)))
            cunik_buffer_printf(complaint, "%s is set; ", json_string_value(value));
}

static void parse(const json_t *vector, struct buffer *complaint)
{
    _cleanup_variables_ struct variables env = {0}, v = {0};
    _cleanup_error_ struct error *err = NULL;
    const json_t *text = json_object_get(vector, "text");

    vector_variables(json_object_get(vector, "env"), &env);
    struct lookup lookup = cunik_variables_lookup(&env);
    cunik_dotenv_parse("vector", json_string_value(text), json_string_length(text), &lookup, &v,
                       NULL, &err);
    if (vector_outcome(vector, err ? err->message : NULL, complaint))
        compare(vector, &v, complaint);
}

/* What the process environment is after a file was loaded into it. */
static void load(const json_t *vector, struct buffer *complaint)
{
    _cleanup_variables_ struct variables env = {0}, v = {0};
    _cleanup_error_ struct error *err = NULL;
    const json_t *text = json_object_get(vector, "text");

    vector_variables(json_object_get(vector, "env"), &env);
    cunik_dotenv_parse("vector", json_string_value(text), json_string_length(text), NULL, &v, NULL,
                       &err);
    if (!vector_outcome(vector, err ? err->message : NULL, complaint))
        return;
    cunik_variables_add(&env, &v, false);
    compare(vector, &env, complaint);
}

static void files(const json_t *vector, struct buffer *complaint)
{
    _cleanup_variables_ struct variables env = {0}, v = {0};
    json_t *file;
    size_t i;

    vector_variables(json_object_get(vector, "env"), &env);
    struct lookup lookup = cunik_variables_lookup(&env);
    json_array_foreach (json_object_get(vector, "files"), i, file) {
        _cleanup_error_ struct error *err = NULL;
        const json_t *text = json_object_get(file, "text");
        cunik_dotenv_parse(vector_text(file, "filename"), json_string_value(text),
                           json_string_length(text), &lookup, &v, NULL, &err);
        if (!vector_outcome(vector, err ? err->message : NULL, complaint))
            return;
    }
    compare(vector, &v, complaint);
}

static void expand(const json_t *vector, struct buffer *complaint)
{
    _cleanup_variables_ struct variables env = {0};
    _cleanup_error_ struct error *err = NULL;
    _cleanup_free_ char *result = NULL;

    vector_variables(json_object_get(vector, "env"), &env);
    struct lookup lookup = cunik_variables_lookup(&env);
    cunik_substitute(vector_text(vector, "text"), &lookup, false, NULL, &result, &err);
    if (vector_outcome(vector, err ? err->message : NULL, complaint) &&
        strcmp(result, vector_text(vector, "expected")) != 0)
        cunik_buffer_printf(complaint, "gives \"%s\"", result);
}

static void statement_start(const json_t *vector, struct buffer *complaint)
{
    const char *text = vector_text(vector, "text");
    const char *start = cunik_dotenv_statement(text, text + strlen(text));

    if (strcmp(start, vector_text(vector, "expected")) != 0)
        cunik_buffer_printf(complaint, "gives \"%s\"", start);
}

const struct vector_kind vectors_dotenv[] = {
    {"dotenv.json", "parse", parse},
    {"dotenv.json", "load", load},
    {"dotenv.json", "files", files},
    {"dotenv.json", "expand", expand},
    {"dotenv.json", "statement_start", statement_start},
};
const size_t n_vectors_dotenv = ARRAY_SIZE(vectors_dotenv);
