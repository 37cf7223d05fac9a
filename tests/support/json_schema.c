#include "tests/support/json_schema.h"

#include <string.h>

#include "base/memory.h"
#include "base/text.h"
#include "tests/support/test.h"

static const json_t *resolve(const json_t *document, const json_t *schema)
{
    static const char prefix[] = "#/components/schemas/";
    const char *ref = json_string_value(json_object_get(schema, "$ref"));

    if (!ref)
        return schema;
    assert_true(cunik_text_starts(ref, prefix));
    const json_t *all = json_object_get(json_object_get(document, "components"), "schemas");
    const json_t *found = json_object_get(all, ref + strlen(prefix));
    if (!found)
        fail_msg("the document has no '%s'", ref);
    return found;
}

static bool is_type(const char *type, const json_t *value)
{
    return strcmp(type, "object") == 0    ? json_is_object(value)
           : strcmp(type, "array") == 0   ? json_is_array(value)
           : strcmp(type, "string") == 0  ? json_is_string(value)
           : strcmp(type, "integer") == 0 ? json_is_integer(value)
           : strcmp(type, "number") == 0  ? json_is_number(value)
                                          : json_is_boolean(value);
}

static bool is_one_of(const json_t *list, const json_t *value)
{
    json_t *one;
    size_t i;

    json_array_foreach (list, i, one)
        if (json_equal(one, (json_t *)value))
            return true;
    return !list;
}

/* Takes the mismatch further in; NULL stays NULL. */
static char *within(const char *key, char *mismatch)
{
    char *text = mismatch ? cunik_asprintf("%s: %s", key, mismatch) : NULL;

    free(mismatch);
    return text;
}

static char *check_members(const json_t *document, const json_t *schema, const json_t *value)
{
    const json_t *known = json_object_get(schema, "properties");
    const json_t *others = json_object_get(schema, "additionalProperties");
    const char *key;
    json_t *one;
    size_t i;

    json_array_foreach (json_object_get(schema, "required"), i, one)
        if (!json_object_get(value, json_string_value(one)))
            return cunik_asprintf("'%s' is missing", json_string_value(one));
    json_object_foreach ((json_t *)value, key, one) {
        const json_t *of = json_object_get(known, key);
        if (!of && json_is_false(others))
            return cunik_asprintf("'%s' is not documented", key);
        of = of ? of : others;
        char *mismatch = of && json_is_object(of) ? test_schema_mismatch(document, of, one) : NULL;
        if (mismatch)
            return within(key, mismatch);
    }
    return NULL;
}

char *test_schema_mismatch(const json_t *document, const json_t *schema, const json_t *value)
{
    json_t *one;
    size_t i;

    schema = resolve(document, schema);
    const char *type = json_string_value(json_object_get(schema, "type"));
    if (type && !is_type(type, value))
        return cunik_asprintf("it is no %s", type);
    if (!is_one_of(json_object_get(schema, "enum"), value))
        return cunik_asprintf("it is none of the documented values");
    if (json_is_object(value))
        return check_members(document, schema, value);
    const json_t *items = json_object_get(schema, "items");
    json_array_foreach (value, i, one) {
        char *mismatch = items ? test_schema_mismatch(document, items, one) : NULL;
        if (mismatch)
            return within("an item", mismatch);
    }
    return NULL;
}
