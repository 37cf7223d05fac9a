#include "compose/interpolate.h"

#include <errno.h>
#include <string.h>
#include <strings.h>

#include "base/buffer.h"
#include "base/memory.h"
#include "base/text.h"
#include "compose/secrecy.h"
#include "compose/template.h"

enum {
    DEPTH_MAX = 100,        /* words within words */
    RESULT_MAX = 16 << 20,  /* bytes of one string */
    RESULTS_MAX = 64 << 20, /* bytes of all strings of a tree that were changed */
};

struct substitution {
    const struct lookup *lookup;
    struct map *missing;
    struct buffer result;
    size_t depth;
    bool secret;    /* nothing that was substituted is to be shown */
    bool in_reason; /* what is substituted is to be shown */
};

static int substitute(struct substitution *s, const char *text, size_t size, struct error **err);

static int append(struct substitution *s, const char *text, size_t size, struct error **err)
{
    if (size > RESULT_MAX - s->result.size) {
        cunik_error_set(err, ERROR_INVALID, "the result is longer than %d bytes", RESULT_MAX);
        return -E2BIG;
    }
    cunik_buffer_append(&s->result, text, size);
    return 0;
}

static int invalid_template(const char *text, size_t size, struct error **err)
{
    cunik_error_set(err, ERROR_INVALID, "Invalid template: \"%.*s\"", (int)size, text);
    return -EINVAL;
}

/* The word is the reason; that the result holds what it expands to does not matter any more. */
static int missing_required(struct substitution *s, const struct template_part *part,
                            const char *name, struct error **err)
{
    size_t start = s->result.size;

    s->in_reason = true;
    int r = substitute(s, part->word, part->word_size, err);
    if (r < 0)
        return r;
    bool hidden = s->secret && memchr(part->word, '$', part->word_size);
    const char *reason = s->result.size > start && !hidden ? s->result.data + start : "";
    cunik_error_set(err, ERROR_INVALID, "required variable %s is missing a value%s%s", name,
                    *reason ? ": " : "", reason);
    return -ENODATA;
}

static int substitute_named(struct substitution *s, const char *name, const char *value,
                            struct error **err)
{
    if (value)
        return append(s, value, strlen(value), err);
    if (s->missing)
        cunik_map_add(s->missing, name, NULL);
    return 0;
}

static int substitute_word(struct substitution *s, const struct template_part *part,
                           const char *name, const char *value, struct error **err)
{
    bool usable = value && (part->operator[0] != ':' || * value);
    char kind = part->operator[strlen(part->operator) - 1];

    if (kind == '?' && !usable)
        return missing_required(s, part, name, err);
    if ((kind == '-' && !usable) || (kind == '+' && usable))
        return substitute(s, part->word, part->word_size, err);
    /* ":+" of an empty and "+" of an unset variable give nothing, as does an empty value here. */
    return value && kind != '+' ? append(s, value, strlen(value), err) : 0;
}

static int substitute_part(struct substitution *s, const struct template_part *part,
                           struct error **err)
{
    _cleanup_free_ char *name = NULL;

    if (part->form == FORM_NONE || part->form == FORM_ESCAPED)
        return append(s, "$", 1, err);
    name = cunik_strndup(part->name, part->name_size);
    const char *value = cunik_lookup(s->lookup, name);
    s->secret = s->secret || (s->in_reason && cunik_is_secret_name(name));
    return part->form == FORM_NAMED ? substitute_named(s, name, value, err)
                                    : substitute_word(s, part, name, value, err);
}

static int substitute_all(struct substitution *s, const char *text, size_t size, struct error **err)
{
    for (const char *at = text, *end = text + size; at < end;) {
        const char *dollar = memchr(at, '$', (size_t)(end - at));
        int r = append(s, at, (size_t)((dollar ? dollar : end) - at), err);
        if (r < 0 || !dollar)
            return r;
        struct template_part part = cunik_template_part(dollar, (size_t)(end - dollar));
        if (part.form == FORM_INVALID)
            return invalid_template(text, size, err);
        r = substitute_part(s, &part, err);
        if (r < 0)
            return r;
        at = dollar + part.size;
    }
    return 0;
}

static int substitute(struct substitution *s, const char *text, size_t size, struct error **err)
{
    if (s->depth == DEPTH_MAX) {
        cunik_error_set(err, ERROR_INVALID, "variables are nested deeper than %d levels",
                        DEPTH_MAX);
        return -E2BIG;
    }
    s->depth++;
    int r = substitute_all(s, text, size, err);
    s->depth--;
    return r;
}

int cunik_substitute(const char *template, const struct lookup *lookup, bool secret,
                     struct map *missing, char **ret, struct error **err)
{
    struct substitution s = {.lookup = lookup, .missing = missing, .secret = secret};

    int r = substitute(&s, template, strlen(template), err);
    if (r == 0)
        *ret = s.result.size ? cunik_buffer_take(&s.result) : cunik_strdup("");
    cunik_buffer_done(&s.result);
    return r;
}

/* Where the walk through a tree is; the path is only written down when it is needed. */
struct step {
    const struct step *outer;
    const char *key; /* else the index counts */
    size_t index;
};

struct walk {
    struct tree *tree;
    const char *path; /* of the root */
    const struct lookup *lookup;
    struct map *warned;
    struct diagnostics *diagnostics;
    size_t changed; /* bytes of results */
};

static void write_path(struct buffer *b, const struct step *step, const char *root)
{
    if (!step) {
        cunik_buffer_text_append(b, root);
        return;
    }
    write_path(b, step->outer, root);
    if (step->key)
        cunik_buffer_printf(b, "%s%s", b->size ? "." : "", step->key);
    else
        cunik_buffer_printf(b, "[%zu]", step->index);
}

/* The same mistake as it may be shown. */
static void hide(struct walk *w, const struct node *n, struct error **err)
{
    _cleanup_free_ char *text = NULL;

    cunik_error_forget(err);
    cunik_substitute(n->text, w->lookup, true, NULL, &text, err);
}

static void report(struct walk *w, const struct node *n, const struct step *step, int r,
                   struct error **err)
{
    _cleanup_buffer_ struct buffer path = {0};

    write_path(&path, step, w->path);
    _cleanup_free_ char *name = cunik_strndup(n->text, strcspn(n->text, "="));
    bool secret = cunik_is_secret_path(cunik_buffer_text(&path)) ||
                  (name[0] && n->text[strlen(name)] && cunik_is_secret_name(name));
    if (secret && r == -ENODATA)
        hide(w, n, err);
    if (r == -EINVAL)
        cunik_diagnostics_error(w->diagnostics, &n->place, NULL,
                                "invalid interpolation format for %s. You may need to escape any $ "
                                "with another $%s%s",
                                cunik_buffer_text(&path), secret ? "" : ": ",
                                secret ? "" : n->text);
    else
        cunik_diagnostics_error(w->diagnostics, &n->place, NULL, "error while interpolating %s: %s",
                                cunik_buffer_text(&path), (*err)->message);
    if (secret)
        cunik_diagnostics_hide(w->diagnostics);
}

static void warn(struct walk *w, const struct node *n, const struct map *missing)
{
    for (size_t i = 0; i < missing->n; i++)
        if (cunik_map_add(w->warned, missing->entries[i].key, NULL))
            cunik_diagnostics_warn(w->diagnostics, &n->place, NULL,
                                   "The \"%s\" variable is not set. Defaulting to a blank string.",
                                   missing->entries[i].key);
}

static void interpolate_string(struct walk *w, struct node *n, const struct step *step)
{
    _cleanup_error_ struct error *err = NULL;
    _cleanup_map_ struct map missing = {0};
    _cleanup_free_ char *text = NULL;

    if (!strchr(n->text, '$'))
        return;
    int r = cunik_substitute(n->text, w->lookup, false, &missing, &text, &err);
    warn(w, n, &missing);
    if (r == 0 && strlen(text) > RESULTS_MAX - w->changed) {
        cunik_error_set(&err, ERROR_INVALID, "values are longer than %d bytes in all", RESULTS_MAX);
        r = -E2BIG;
    }
    if (r == 0 && cunik_text_not_utf8(text, strlen(text))) {
        cunik_error_set(&err, ERROR_INVALID, "the value is not UTF-8");
        r = -EILSEQ;
    }
    if (r < 0) {
        report(w, n, step, r, &err);
        return;
    }
    w->changed += strlen(text);
    n->template = n->text;
    n->text = cunik_tree_text(w->tree, text, strlen(text));
}

static void interpolate(struct walk *w, struct node *n, const struct step *outer)
{
    if (n->tag == NODE_RESET)
        return;
    if (n->kind == NODE_STRING)
        interpolate_string(w, n, outer);
    for (size_t i = 0; i < n->n; i++) {
        struct step step = {
            .outer = outer, .key = n->kind == NODE_MAP ? n->items[i]->key : NULL, .index = i};
        interpolate(w, n->items[i], &step);
    }
}

void cunik_interpolate(struct tree *t, struct node *root, const char *path,
                       const struct lookup *lookup, struct map *warned, struct diagnostics *d)
{
    struct walk w = {.tree = t, .path = path, .lookup = lookup, .warned = warned, .diagnostics = d};

    interpolate(&w, root, NULL);
}
