/* YAML texts in tests of the stack language's phases: a document in, a document out. */
#pragma once

#include <string.h>

#include "base/memory.h"
#include "compose/diagnostics.h"
#include "compose/emit.h"
#include "compose/long_form.h"
#include "compose/validate.h"
#include "compose/yaml.h"
#include "tests/support/test.h"

static inline struct node *parse_text(struct tree *t, const char *text)
{
    _cleanup_error_ struct error *err = NULL;
    struct node **documents;
    size_t n;

    test_ok(cunik_yaml_parse(t, "f", text, strlen(text), NULL, &documents, &n, &err), err);
    assert_int_equal(n, 1);
    return documents[0];
}

/* Validated and in long form. */
static inline struct node *long_text(struct tree *t, const char *text, struct diagnostics *d)
{
    struct node *root = parse_text(t, text);

    cunik_validate(t, root, d);
    cunik_long_form(t, root, d);
    return root;
}

/* Compares trees; shows both as YAML when they differ. */
static inline void assert_tree(struct tree *t, const struct node *got, const char *expected)
{
    const struct node *other = parse_text(t, expected);

    if (cunik_node_equal(got, other))
        return;
    _cleanup_free_ char *text = cunik_emit_yaml(got);
    fail_msg("expected\n%s\ngot\n%s", expected, text);
}

static inline void assert_messages(const struct diagnostics *d, const char *const *parts, size_t n)
{
    for (size_t i = 0; i < d->n && i < n; i++) {
        _cleanup_free_ char *text = cunik_diagnostic_text(&d->items[i]);
        if (!strstr(text, parts[i]))
            fail_msg("'%s' is not in '%s'", parts[i], text);
    }
    assert_int_equal(d->n, n);
}
