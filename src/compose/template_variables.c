/* The variables that a tree mentions; see interpolate.h. */
#include <string.h>

#include "base/map.h"
#include "base/memory.h"
#include "compose/interpolate.h"
#include "compose/template.h"

enum { DEPTH_MAX = 100 }; /* as for substitution, which refuses what goes deeper */

struct extraction {
    struct template_variables *variables;
    struct map by_name; /* position + 1 */
};

static struct template_variable *variable_of(struct extraction *e, const struct template_part *part)
{
    char *name = cunik_strndup(part->name, part->name_size);
    size_t position = (size_t)(uintptr_t)cunik_map_get(&e->by_name, name);
    struct template_variable *v;

    if (position) {
        v = &e->variables->items[position - 1];
        free(v->name);
        free(v->default_value);
        free(v->presence_value);
    } else {
        v = ARRAY_APPEND(e->variables->items, e->variables->n);
        cunik_map_add(&e->by_name, name, (void *)(uintptr_t)e->variables->n);
    }
    *v = (struct template_variable){.name = name};
    return v;
}

static void extract(struct extraction *e, const char *text, size_t size, size_t depth)
{
    if (depth == DEPTH_MAX)
        return;
    for (const char *at = text, *end = text + size; at < end;) {
        const char *dollar = memchr(at, '$', (size_t)(end - at));
        if (!dollar)
            return;
        struct template_part part = cunik_template_part(dollar, (size_t)(end - dollar));
        at = dollar + part.size;
        if (part.form != FORM_NAMED && part.form != FORM_WORD)
            continue;
        struct template_variable *v = variable_of(e, &part);
        char kind = part.form == FORM_WORD ? part.operator[strlen(part.operator) - 1] : '\0';
        v->default_value = cunik_strndup(kind == '-' ? part.word : "", part.word_size);
        v->presence_value = cunik_strndup(kind == '+' ? part.word : "", part.word_size);
        v->required = kind == '?';
        if (kind == '-' || kind == '+')
            extract(e, part.word, part.word_size, depth + 1);
    }
}

static void walk(struct extraction *e, const struct node *n)
{
    const char *text = n->template ? n->template : n->text;

    if (n->kind == NODE_STRING)
        extract(e, text, strlen(text), 0);
    for (size_t i = 0; i < n->n; i++)
        walk(e, n->items[i]);
}

void cunik_template_variables(const struct node *root, struct template_variables *ret)
{
    struct extraction e = {.variables = ret};

    walk(&e, root);
    cunik_map_done(&e.by_name);
}

void cunik_template_variables_done(struct template_variables *v)
{
    for (size_t i = 0; i < v->n; i++) {
        free(v->items[i].name);
        free(v->items[i].default_value);
        free(v->items[i].presence_value);
    }
    free(v->items);
    *v = (struct template_variables){0};
}
