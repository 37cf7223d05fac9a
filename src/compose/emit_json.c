/* Trees as JSON; see emit.h. */
#include <math.h>
#include <string.h>

#include "base/buffer.h"
#include "base/json.h"
#include "base/memory.h"
#include "compose/emit.h"

static json_t *float_to_json(const struct node *n)
{
    if (isfinite(n->number))
        return json_real(n->number);
    return cunik_json_string(n->text, strlen(n->text));
}

static json_t *members_to_json(const struct node *n)
{
    json_t *value = n->kind == NODE_MAP ? json_object() : json_array();

    for (size_t i = 0; i < n->n; i++) {
        if (n->kind == NODE_MAP)
            cunik_json_set(value, n->items[i]->key, cunik_node_to_json(n->items[i]));
        else
            cunik_json_append(value, cunik_node_to_json(n->items[i]));
    }
    return value;
}

json_t *cunik_node_to_json(const struct node *root)
{
    switch (root->kind) {
    case NODE_BOOL:
        return json_boolean(root->boolean);
    case NODE_INT:
        return json_integer(root->integer);
    case NODE_FLOAT:
        return float_to_json(root);
    case NODE_STRING:
        return cunik_json_string(root->text, strlen(root->text));
    case NODE_LIST:
    case NODE_MAP:
        return members_to_json(root);
    default:
        return json_null();
    }
}

char *cunik_emit_json(const struct node *root)
{
    _cleanup_json_ json_t *value = cunik_node_to_json(root);
    _cleanup_free_ char *text = cunik_json_text(value, JSON_INDENT(2) | JSON_REAL_PRECISION(15));

    return cunik_asprintf("%s\n", text);
}

static struct node *members_from_json(struct tree *t, const json_t *value)
{
    struct node *n = json_is_object(value) ? cunik_node_map(t, NULL) : cunik_node_list(t, NULL);
    const char *key;
    json_t *item;
    size_t i;

    json_array_foreach (value, i, item)
        cunik_node_append(t, n, cunik_node_from_json(t, item));
    json_object_foreach ((json_t *)value, key, item)
        cunik_node_set(t, n, key, cunik_node_from_json(t, item));
    return n;
}

struct node *cunik_node_from_json(struct tree *t, const json_t *value)
{
    switch (json_typeof(value)) {
    case JSON_TRUE:
    case JSON_FALSE:
        return cunik_node_bool(t, NULL, json_is_true(value));
    case JSON_INTEGER:
        return cunik_node_int(t, NULL, json_integer_value(value));
    case JSON_REAL:
        return cunik_node_float(t, NULL, json_real_value(value));
    case JSON_STRING:
        return cunik_node_string(t, NULL, json_string_value(value));
    case JSON_ARRAY:
    case JSON_OBJECT:
        return members_from_json(t, value);
    default:
        return cunik_node_null(t, NULL);
    }
}
