/* Why not libyaml's writer: it puts the items of a list within a mapping at the mapping's own
 * indentation, where Docker Compose indents them, and nothing of its interface (indent, width,
 * canonical, styles of events) changes that. It decides so when it writes the first item, by two of
 * its internal fields, and since it reads up to three events ahead it writes that item in the same
 * call as the start of the list: nobody who only hands in events comes in between to set them. One
 * would have to work its queue and its states by hand, or to move the finished lines, which takes
 * knowing where literal blocks are. The notation of scalars would be chosen here in any case, for
 * libyaml leaves it to its callers which texts read as something else. */
#include "compose/emit.h"

#include <string.h>

#include "base/memory.h"
#include "compose/emit_scalar.h"

enum {
    INDENT = 2,
    SIMPLE_KEY_MAX = 128, /* longer keys are announced by "?"; readers give up at 1024 */
};

static void emit(struct buffer *b, const struct node *n, size_t indent);

static void new_line(struct buffer *b, size_t indent)
{
    static const char blanks[] = "                                                                ";

    cunik_buffer_char(b, '\n');
    for (size_t n; indent; indent -= n) {
        n = indent < strlen(blanks) ? indent : strlen(blanks);
        cunik_buffer_append(b, blanks, n);
    }
}

/* A value behind "key:" or at the start of the text: on the same line, or below and indented. */
static void emit_value(struct buffer *b, const struct node *n, size_t indent)
{
    if (n->n)
        new_line(b, indent);
    else
        cunik_buffer_char(b, ' ');
    emit(b, n, indent);
}

/* A key that stands at `start` already is announced. */
static void announce(struct buffer *b, size_t start, size_t indent)
{
    _cleanup_free_ char *key = cunik_strdup(b->data + start);

    b->size = start;
    cunik_buffer_printf(b, "? %s", key);
    new_line(b, indent);
}

static void emit_member(struct buffer *b, const struct node *n, size_t indent)
{
    size_t start = b->size;

    cunik_emit_key(b, n->key);
    if (b->size - start > SIMPLE_KEY_MAX)
        announce(b, start, indent);
    cunik_buffer_char(b, ':');
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
            new_line(b, indent);
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
