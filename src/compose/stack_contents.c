/* What configs, secrets and single files of the host hold. */
#include <string.h>

#include "base/digest.h"
#include "base/file.h"
#include "base/memory.h"
#include "compose/secrecy.h"
#include "compose/stack_maker.h"
#include "compose/variables.h"
#include "engine/file_store.h"

struct stack_content *cunik_stack_add_content(struct stack *s, char *name,
                                              const struct place *place)
{
    struct stack_content *c = ARRAY_APPEND(s->contents, s->n_contents);

    c->name = name;
    c->path = cunik_strdup("");
    c->variable = cunik_strdup("");
    c->template = cunik_strdup("");
    c->digest = cunik_strdup("");
    c->place = *place;
    return c;
}

/* Not even where a secret comes from is told when a variable says it. */
static void hide_origin(struct stack_content *c, const struct node *defined)
{
    const struct node *origin = cunik_node_get(defined, *c->path ? "file" : "environment");

    if (origin && origin->template)
        cunik_replace(&c->template, origin->template);
}

size_t cunik_stack_find_content(struct stack_maker *m, const struct node *defined, const char *what)
{
    _cleanup_free_ char *name = cunik_asprintf("%s '%s'", what, defined->key);
    struct place place = cunik_stack_place(m, &defined->key_place);
    const struct node *content = cunik_node_get(defined, "content");
    struct stack *s = m->stack;

    for (size_t i = 0; i < s->n_contents; i++)
        if (strcmp(s->contents[i].name, name) == 0)
            return i;
    struct stack_content *c = cunik_stack_add_content(s, TAKE_PTR(name), &place);
    cunik_replace(&c->path, cunik_stack_text(defined, "file"));
    cunik_replace(&c->variable, cunik_stack_text(defined, "environment"));
    if (cunik_is_secret_name(what))
        hide_origin(c, defined);
    if (content && content->kind == NODE_STRING) {
        c->data = cunik_strdup(content->text);
        c->size = strlen(content->text);
    }
    return s->n_contents - 1;
}

static int fill(struct stack_content *c, const struct lookup *variables, struct error **err)
{
    int r = 0;

    if (*c->path) {
        r = cunik_file_read(c->path, FILE_STORE_MAX, &c->data, &c->size, err);
    } else if (*c->variable) {
        const char *value = cunik_lookup(variables, c->variable);
        if (!value)
            return cunik_error_set(err, ERROR_INVALID, "the variable %s is not set", c->variable);
        c->data = cunik_strdup(value);
        c->size = strlen(value);
    } else if (!c->data) {
        c->data = cunik_strdup("");
    }
    if (r == 0) {
        free(c->digest);
        c->digest = cunik_digest_hex(c->data, c->size, 2 * DIGEST_SIZE);
    }
    return r;
}

void cunik_stack_read_contents(struct stack *s, const struct lookup *variables,
                               struct diagnostics *d)
{
    for (size_t i = 0; i < s->n_contents; i++) {
        _cleanup_error_ struct error *err = NULL;
        const struct stack_content *c = &s->contents[i];
        int r = fill(&s->contents[i], variables, &err);
        if (r < 0 && *c->template)
            cunik_diagnostics_error(d, &c->place, c->name, "'%s': %s", c->template,
                                    *c->path ? strerror(-r) : "the variable is not set");
        else if (r < 0)
            cunik_diagnostics_error(d, &c->place, c->name, "%s", err->message);
    }
}

void cunik_stack_contents_done(struct stack *s)
{
    for (size_t i = 0; i < s->n_contents; i++) {
        struct stack_content *c = &s->contents[i];
        free(c->name);
        free(c->path);
        free(c->variable);
        free(c->template);
        free(c->digest);
        if (c->data)
            explicit_bzero(c->data, c->size);
        free(c->data);
    }
    free(s->contents);
}
