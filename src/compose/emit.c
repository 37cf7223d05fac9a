/* libyaml's writer puts the items of a list within a mapping at the mapping's own indentation,
 * where Docker Compose indents them, and no option of its interface (indent, width, canonical,
 * styles of events) changes that: the choice is made by fields that its header declares internal. A
 * handler that moved the lines afterwards would have to know the same structure again, so the block
 * style is written here. */
#include "compose/emit.h"

#include <string.h>

#include "base/memory.h"
#include "compose/emit_scalar.h"

enum {
    INDENT = 2,
    SIMPLE_KEY_MAX = 128, /* longer keys are announced by "?"; readers give up at 1024 */
};

static void emit(struct buffer *b, const struct node *n, size_t indent);

/* A value behind "key:" or at the start of the text: on the same line, or below and indented. */
static void emit_value(struct buffer *b, const struct node *n, size_t indent)
{
    if (n->n) {
        cunik_buffer_printf(b, "\n%*s", (int)indent, "");
        emit(b, n, indent);
    } else {
        cunik_buffer_char(b, ' ');
        emit(b, n, indent);
    }
}

static void emit_member(struct buffer *b, const struct node *n, size_t indent)
{
    _cleanup_buffer_ struct buffer key = {0};

    cunik_emit_key(&key, n->key);
    if (key.size <= SIMPLE_KEY_MAX)
        cunik_buffer_printf(b, "%s:", key.data);
    else
        cunik_buffer_printf(b, "? %s\n%*s:", key.data, (int)indent, "");
    emit_value(b, n, indent + INDENT);
}

/* Writes a node whose first line begins at column `indent`, where the text stands already. */
static void emit(struct buffer *b, const struct node *n, size_t indent)
{
    if (n->kind != NODE_LIST && n->kind != NODE_MAP) {
        cunik_emit_scalar(b, n, indent ? indent : INDENT);
        return;
    }
    if (!n->n)
        cunik_buffer_text_append(b, n->kind == NODE_MAP ? "{}" : "[]");
    for (size_t i = 0; i < n->n; i++) {
        if (i)
            cunik_buffer_printf(b, "\n%*s", (int)indent, "");
        if (n->kind == NODE_MAP) {
            emit_member(b, n->items[i], indent);
        } else {
            cunik_buffer_text_append(b, "- ");
            emit(b, n->items[i], indent + INDENT);
        }
    }
}

char *cunik_emit_yaml(const struct node *root)
{
    _cleanup_buffer_ struct buffer b = {0};

    emit(&b, root, 0);
    cunik_buffer_char(&b, '\n');
    return cunik_buffer_take(&b);
}
