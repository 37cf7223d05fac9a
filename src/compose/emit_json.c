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

enum { INDENT = 2 };

/* The character at s, which is not at its end: its length in bytes and its code point; a byte that
 * is no UTF-8 counts as U+FFFD (RFC 3629). */
static size_t decode(const char *s, uint32_t *ret)
{
    const unsigned char *u = (const unsigned char *)s;
    static const uint32_t least[] = {0, 0, 0x80, 0x800, 0x10000};
    size_t length = u[0] < 0x80 ? 1 : u[0] >= 0xf0 ? 4 : u[0] >= 0xe0 ? 3 : 2;
    uint32_t code = length == 1 ? u[0] : u[0] & (0xffu >> (length + 1));

    for (size_t i = 1; i < length; i++) {
        if ((u[i] & 0xc0) != 0x80)
            length = 0;
        else
            code = code << 6 | (u[i] & 0x3f);
    }
    if (!length || (length > 1 && code < least[length]) || code > 0x10ffff ||
        (code >= 0xd800 && code < 0xe000) || (u[0] >= 0x80 && u[0] < 0xc0)) {
        *ret = 0xfffd;
        return 1;
    }
    *ret = code;
    return length;
}

/* Whether a character may stand in quotes without an escape, for readers of YAML 1.1 too. */
static bool is_printable(uint32_t code)
{
    return (code >= 0x20 && code < 0x7f) ||
           (code >= 0xa0 && code != 0x2028 && code != 0x2029 && code != 0xfeff && code < 0xfffe) ||
           code >= 0x10000;
}

static char escape_of(uint32_t code)
{
    static const char letters[] = "\bb\ff\nn\rr\tt\"\"\\\\";

    for (const char *s = letters; *s; s += 2)
        if ((uint32_t)*s == code)
            return s[1];
    return '\0';
}

/* What readers of YAML would stumble over is escaped too: the text is YAML as well. */
static void write_string(struct buffer *b, const char *s)
{
    cunik_buffer_char(b, '"');
    for (uint32_t code; *s;) {
        const char *at = s;
        s += decode(s, &code);
        if (escape_of(code))
            cunik_buffer_printf(b, "\\%c", escape_of(code));
        else if (is_printable(code) && (code != 0xfffd || *at == '\xef'))
            cunik_buffer_append(b, at, (size_t)(s - at));
        else
            cunik_buffer_printf(b, "\\u%04x", code);
    }
    cunik_buffer_char(b, '"');
}

static void write_scalar(struct buffer *b, const struct node *n)
{
    _cleanup_free_ char *number = NULL;

    switch (n->kind) {
    case NODE_BOOL:
        cunik_buffer_text_append(b, n->boolean ? "true" : "false");
        break;
    case NODE_INT:
        cunik_buffer_printf(b, "%lld", (long long)n->integer);
        break;
    case NODE_FLOAT:
        if (!isfinite(n->number)) {
            write_string(b, n->text);
            break;
        }
        number = cunik_float_text(n->number);
        cunik_buffer_text_append(b, number);
        break;
    case NODE_STRING:
        write_string(b, n->text);
        break;
    default:
        cunik_buffer_text_append(b, "null");
    }
}

static void write_node(struct buffer *b, const struct node *n, size_t indent)
{
    bool map = n->kind == NODE_MAP;

    if (!map && n->kind != NODE_LIST) {
        write_scalar(b, n);
        return;
    }
    cunik_buffer_char(b, map ? '{' : '[');
    for (size_t i = 0; i < n->n; i++) {
        cunik_buffer_printf(b, "%s\n%*s", i ? "," : "", (int)(indent + INDENT), "");
        if (map) {
            write_string(b, n->items[i]->key);
            cunik_buffer_text_append(b, ": ");
        }
        write_node(b, n->items[i], indent + INDENT);
    }
    if (n->n)
        cunik_buffer_printf(b, "\n%*s", (int)indent, "");
    cunik_buffer_char(b, map ? '}' : ']');
}

/* Written from the tree itself: a second one of jansson's values would take more than it. */
char *cunik_emit_json(const struct node *root)
{
    _cleanup_buffer_ struct buffer b = {0};

    write_node(&b, root, 0);
    cunik_buffer_char(&b, '\n');
    return cunik_buffer_take(&b);
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
