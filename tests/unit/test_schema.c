/* The JSON schema: what loads is accepted by it, and what is wrong by itself is not.
 *
 * A small validator of the keywords that the schema uses stands here; an unknown keyword fails. */
#include "tests/support/test.h"

#include <jansson.h>
#include <regex.h>
#include <string.h>

#include "base/buffer.h"
#include "base/file.h"
#include "base/json.h"
#include "base/memory.h"
#include "compose/emit.h"
#include "compose/fields.h"
#include "compose/yaml.h"

static json_t *root;

static bool accepts(const json_t *schema, const json_t *value);

static bool is_type(const char *type, const json_t *value)
{
    return (strcmp(type, "null") == 0 && json_is_null(value)) ||
           (strcmp(type, "string") == 0 && json_is_string(value)) ||
           (strcmp(type, "integer") == 0 && json_is_integer(value)) ||
           (strcmp(type, "number") == 0 && json_is_number(value)) ||
           (strcmp(type, "boolean") == 0 && json_is_boolean(value)) ||
           (strcmp(type, "array") == 0 && json_is_array(value)) ||
           (strcmp(type, "object") == 0 && json_is_object(value));
}

static bool matches(const char *pattern, const char *text)
{
    regex_t regex;

    assert_int_equal(regcomp(&regex, pattern, REG_EXTENDED | REG_NOSUB), 0);
    bool result = regexec(&regex, text, 0, NULL, 0) == 0;
    regfree(&regex);
    return result;
}

static bool any_type(const json_t *type, const json_t *value)
{
    json_t *one;
    size_t i;

    if (json_is_string(type))
        return is_type(json_string_value(type), value);
    json_array_foreach (type, i, one)
        if (is_type(json_string_value(one), value))
            return true;
    return false;
}

static size_t count_accepting(const json_t *schemas, const json_t *value)
{
    json_t *one;
    size_t i, n = 0;

    json_array_foreach (schemas, i, one)
        n += accepts(one, value);
    return n;
}

static bool accepts_members(const json_t *schema, const json_t *value)
{
    json_t *properties = json_object_get(schema, "properties"), *member, *inner;
    json_t *patterns = json_object_get(schema, "patternProperties");
    json_t *others = json_object_get(schema, "additionalProperties");
    const char *key, *pattern;

    if (!json_is_object(value))
        return true;
    json_object_foreach ((json_t *)value, key, member) {
        bool found = false;
        inner = json_object_get(properties, key);
        if (inner) {
            found = true;
            if (!accepts(inner, member))
                return false;
        }
        json_object_foreach (patterns, pattern, inner) {
            if (!matches(pattern, key))
                continue;
            found = true;
            if (!accepts(inner, member))
                return false;
        }
        if (!found && others && !accepts(others, member))
            return false;
    }
    return true;
}

static bool accepts_items(const json_t *schema, const json_t *value)
{
    json_t *items = json_object_get(schema, "items"), *item;
    size_t i;

    if (!items || !json_is_array(value))
        return true;
    json_array_foreach (value, i, item)
        if (!accepts(items, item))
            return false;
    return true;
}

static bool is_among(const json_t *list, const json_t *value)
{
    json_t *one;
    size_t i;

    json_array_foreach (list, i, one)
        if (json_equal(one, value))
            return true;
    return false;
}

static bool are_distinct(const json_t *value)
{
    for (size_t i = 0; json_is_array(value) && i < json_array_size(value); i++)
        for (size_t k = 0; k < i; k++)
            if (json_equal(json_array_get(value, i), json_array_get(value, k)))
                return false;
    return true;
}

static void check_keywords(const json_t *schema)
{
    static const char known[] = " $schema title description definitions type properties "
                                "patternProperties additionalProperties items allOf anyOf not "
                                "enum pattern minimum maximum uniqueItems $ref ";
    const char *key;
    json_t *value;

    json_object_foreach ((json_t *)schema, key, value) {
        _cleanup_free_ char *word = cunik_asprintf(" %s ", key);
        if (!strstr(known, word))
            fail_msg("keyword %s is not known to this test", key);
    }
}

static bool accepts(const json_t *schema, const json_t *value)
{
    json_t *keyword;

    if (json_is_boolean(schema))
        return json_is_true(schema);
    check_keywords(schema);
    keyword = json_object_get(schema, "$ref");
    if (keyword) {
        const char *name = json_string_value(keyword) + strlen("#/definitions/");
        json_t *definition = json_object_get(json_object_get(root, "definitions"), name);
        assert_non_null(definition);
        return accepts(definition, value);
    }
    keyword = json_object_get(schema, "type");
    if (keyword && !any_type(keyword, value))
        return false;
    keyword = json_object_get(schema, "enum");
    if (keyword && !is_among(keyword, value))
        return false;
    keyword = json_object_get(schema, "pattern");
    if (keyword && json_is_string(value) &&
        !matches(json_string_value(keyword), json_string_value(value)))
        return false;
    keyword = json_object_get(schema, "minimum");
    if (keyword && json_is_number(value) && json_number_value(value) < json_number_value(keyword))
        return false;
    keyword = json_object_get(schema, "maximum");
    if (keyword && json_is_number(value) && json_number_value(value) > json_number_value(keyword))
        return false;
    if (json_is_true(json_object_get(schema, "uniqueItems")) && !are_distinct(value))
        return false;
    keyword = json_object_get(schema, "not");
    if (keyword && accepts(keyword, value))
        return false;
    keyword = json_object_get(schema, "allOf");
    if (keyword && count_accepting(keyword, value) != json_array_size(keyword))
        return false;
    keyword = json_object_get(schema, "anyOf");
    if (keyword && !count_accepting(keyword, value))
        return false;
    return accepts_members(schema, value) && accepts_items(schema, value);
}

static int setup(void **state _unused_)
{
    _cleanup_free_ char *text = cunik_fields_schema();

    root = json_loads(text, 0, NULL);
    return root ? 0 : -1;
}

static int teardown(void **state _unused_)
{
    json_decref(root);
    return 0;
}

/* Whether all documents of a text are accepted; what is tagged !reset is not looked at here. */
static bool accepts_text(const char *text)
{
    struct tree *t = cunik_tree_create();
    _cleanup_error_ struct error *err = NULL;
    struct node **documents;
    size_t n;
    bool result = true;

    test_ok(cunik_yaml_parse(t, "f", text, strlen(text), NULL, &documents, &n, &err), err);
    for (size_t i = 0; i < n; i++) {
        _cleanup_json_ json_t *value = cunik_node_to_json(documents[i]);
        result &= documents[i]->kind == NODE_NULL || accepts(root, value);
    }
    cunik_tree_destroy(t);
    return result;
}

/* The stack files of golden folders that load, and their canonical forms. */
static void golden_files(void **state _unused_)
{
    static const char *const names[] = {"compose.yaml", "config.yaml"};
    _cleanup_strv_ struct strv cases = {0};
    size_t n = 0;

    test_folders("tests/golden/compose", &cases);
    for (size_t c = 0; c < cases.n; c++) {
        _cleanup_free_ char *config =
            cunik_asprintf("tests/golden/compose/%s/config.yaml", cases.items[c]);
        if (!cunik_file_exists(config))
            continue;
        for (size_t i = 0; i < ARRAY_SIZE(names); i++) {
            _cleanup_free_ char *path =
                cunik_asprintf("tests/golden/compose/%s/%s", cases.items[c], names[i]);
            if (!cunik_file_exists(path))
                continue;
            _cleanup_free_ char *text = test_read(path);
            /* "@" is the folder there, and no YAML. */
            for (char *at = text; (at = strchr(at, '@')); at++)
                *at = '/';
            if (!accepts_text(text))
                fail_msg("%s is not accepted", path);
            n++;
        }
    }
    assert_true(n > 60);
}

static void rejected(void **state _unused_)
{
    static const char *const texts[] = {
        "servces: {}",
        "services: []",
        "services: {'a b': {image: x}}",
        "services: {a: {imgae: x}}",
        "services: {a: {image: [x]}}",
        "services: {a: {image: 5}}",
        "services: {a: {unikernel: {kernal: k}}}",
        "services: {a: {x-unikernel: {kernal: k}}}",
        "services: {a: {unikernel: {accel: xen}}}",
        "services: {a: {ports: [{traget: 80}]}}",
        "services: {a: {ports: 80}}",
        "services: {a: {depends_on: {b: {condition: soon}}}}",
        "services: {a: {deploy: {replicas: -1}}}",
        "services: {a: {cpu_percent: 101}}",
        "services: {a: {security_opt: [a, b, a]}}",
        "services: {a: {environment: [A=1, A=1]}}",
        "services: {a: {pull_policy: sometimes}}",
        "services: {a: {gpus: some}}",
        "services: {a: {extra_hosts: {h: [[x]]}}}",
        "networks: {n: {driver_opts: {a: [x]}}}",
        "services: {a: {environment: [[x]]}}",
        "networks: {n: {ipam: {config: [{subnett: x}]}}}",
    };

    for (size_t i = 0; i < ARRAY_SIZE(texts); i++)
        if (accepts_text(texts[i]))
            fail_msg("'%s' is accepted", texts[i]);
}

static void accepted(void **state _unused_)
{
    static const char *const texts[] = {
        "services: {a: }",
        "services: {a: {unikernel: {accel: '${ACCEL}'}, x-own: [1, {b: c}]}}",
        "services: {a: {ports: [80, '80:80', {target: 80}], scale: '${N}'}}",
        "services: {a: {depends_on: [b]}, b: {depends_on: {a: {condition: service_started}}}}",
        "services: {a: {pull_policy: every_3d, gpus: all, group_add: [1, '1']}}",
        "services: {a: {provider: {type: t, options: {o: [x, 1, true]}}}}",
        "networks: {n: , m: {external: true}}\nx-top: 1",
    };

    for (size_t i = 0; i < ARRAY_SIZE(texts); i++)
        if (!accepts_text(texts[i]))
            fail_msg("'%s' is not accepted", texts[i]);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(golden_files),
        cmocka_unit_test(rejected),
        cmocka_unit_test(accepted),
    };

    return cmocka_run_group_tests_name("schema", tests, setup, teardown);
}
