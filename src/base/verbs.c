#include "base/verbs.h"

#include <string.h>

#include "base/memory.h"
#include "base/text.h"
#include "base/time.h"

struct given {
    const struct option_row *row;
    struct strv values;
    bool on; /* a flag's last value */
};

struct arguments {
    const struct program *program;
    const struct verb_row *verb;
    const char *group; /* the first word of a verb of two, until the second has come */
    struct given *given;
    size_t n_given;
    struct strv positional;
    bool help;
};

static const struct option_row help_row = {"help", 'h',  NULL, "Show this help and exit",
                                           NULL,   false};

static const struct option_row *row_by_name(const struct option_row *rows, size_t n,
                                            const char *name, size_t size)
{
    for (size_t i = 0; i < n; i++)
        if (strlen(rows[i].name) == size && memcmp(rows[i].name, name, size) == 0)
            return &rows[i];
    return NULL;
}

static const struct option_row *row_by_letter(const struct option_row *rows, size_t n, char letter)
{
    for (size_t i = 0; i < n; i++)
        if (rows[i].letter == letter)
            return &rows[i];
    return NULL;
}

/* The verb's own options come first, so that "-f" may mean one thing before the verb and another
 * after it, as in Docker Compose's "-f FILE logs -f". */
static const struct option_row *find_row(const struct arguments *a, const char *name, size_t size)
{
    const struct option_row *row = NULL;

    if (a->verb)
        row = row_by_name(a->verb->options, a->verb->n_options, name, size);
    if (!row)
        row = row_by_name(a->program->options, a->program->n_options, name, size);
    if (!row)
        row = row_by_name(&help_row, 1, name, size);
    return row;
}

static const struct option_row *find_letter(const struct arguments *a, char letter)
{
    const struct option_row *row = NULL;

    if (a->verb)
        row = row_by_letter(a->verb->options, a->verb->n_options, letter);
    if (!row)
        row = row_by_letter(a->program->options, a->program->n_options, letter);
    if (!row)
        row = row_by_letter(&help_row, 1, letter);
    return row;
}

/* What is to be said of an option (by its name or its letter), or (is_verb) of a verb; NULL. */
static const char *answer_of(const struct arguments *a, bool is_verb, const char *name, char letter)
{
    const struct program *p = a->program;

    for (size_t i = 0; i < p->n_elsewhere; i++) {
        const struct elsewhere_row *row = &p->elsewhere[i];
        if (is_verb != !row->verb ||
            (!is_verb && *row->verb && (!a->verb || strcmp(a->verb->name, row->verb) != 0)))
            continue;
        if (name ? strcmp(row->name, name) == 0 : letter && row->letter == letter)
            return row->answer;
    }
    return NULL;
}

static int unknown_option(const struct arguments *a, const char *name, size_t size,
                          struct error **err)
{
    _cleanup_free_ char *wanted = cunik_strndup(name, size);
    _cleanup_free_ const char **names = NULL;
    const char *answer = answer_of(a, false, wanted, 0);
    size_t n = 0;

    if (answer)
        return cunik_error_set(err, ERROR_INVALID, "there is no option '--%s': %s", wanted, answer);
    for (size_t i = 0; a->verb && i < a->verb->n_options; i++)
        *ARRAY_APPEND(names, n) = a->verb->options[i].name;
    for (size_t i = 0; i < a->program->n_options; i++)
        *ARRAY_APPEND(names, n) = a->program->options[i].name;
    const char *near = cunik_text_nearest(wanted, names, n);
    return cunik_error_set(err, ERROR_INVALID, "unknown option '--%s'%s%s%s", wanted,
                           near ? "; did you mean '--" : "", near ? near : "", near ? "'?" : "");
}

static int unknown_letter(const struct arguments *a, char letter, struct error **err)
{
    const char *answer = answer_of(a, false, NULL, letter);

    if (answer)
        return cunik_error_set(err, ERROR_INVALID, "there is no option '-%c': %s", letter, answer);
    return cunik_error_set(err, ERROR_INVALID, "unknown option '-%c'", letter);
}

static bool allowed(const char *choices, const char *value)
{
    size_t size = strlen(value);

    for (const char *p = choices; p; p = strchr(p, '|')) {
        p += *p == '|';
        if (strncmp(p, value, size) == 0 && (p[size] == '|' || p[size] == '\0'))
            return true;
    }
    return false;
}

static struct given *given_of(struct arguments *a, const struct option_row *row)
{
    for (size_t i = 0; i < a->n_given; i++)
        if (a->given[i].row == row)
            return &a->given[i];
    struct given *g = ARRAY_APPEND(a->given, a->n_given);
    g->row = row;
    return g;
}

static int store(struct arguments *a, const struct option_row *row, const char *value,
                 struct error **err)
{
    struct given *g = given_of(a, row);

    if (!row->argument) {
        if (value && strcmp(value, "true") != 0 && strcmp(value, "false") != 0)
            return cunik_error_set(err, ERROR_INVALID,
                                   "option '--%s' takes true or false, not '%s'", row->name, value);
        g->on = !value || strcmp(value, "true") == 0;
        if (row == &help_row)
            a->help = g->on;
        return 0;
    }
    if (row->choices && !allowed(row->choices, value))
        return cunik_error_set(err, ERROR_INVALID, "option '--%s' takes %s, not '%s'", row->name,
                               row->choices, value);
    if (!row->repeats)
        cunik_strv_done(&g->values);
    cunik_strv_add(&g->values, value);
    return 0;
}

static int needs_value(const struct option_row *row, struct error **err)
{
    return cunik_error_set(err, ERROR_INVALID, "option '--%s' needs a value (%s)", row->name,
                           row->argument);
}

static int parse_long(struct arguments *a, const char *text, const char *next, bool *ret_used,
                      struct error **err)
{
    size_t size = strcspn(text, "=");
    const struct option_row *row = find_row(a, text, size);
    const char *value = text[size] ? text + size + 1 : NULL;

    *ret_used = false;
    if (!row)
        return unknown_option(a, text, size, err);
    if (row->argument && !value) {
        if (!next)
            return needs_value(row, err);
        value = next;
        *ret_used = true;
    }
    return store(a, row, value, err);
}

static int parse_short(struct arguments *a, const char *letters, const char *next, bool *ret_used,
                       struct error **err)
{
    int r;

    *ret_used = false;
    for (; *letters; letters++) {
        const struct option_row *row = find_letter(a, *letters);
        if (!row)
            return unknown_letter(a, *letters, err);
        if (row->argument) {
            if (letters[1])
                return store(a, row, letters + 1 + (letters[1] == '='), err);
            if (!next)
                return needs_value(row, err);
            *ret_used = true;
            return store(a, row, next, err);
        }
        r = store(a, row, NULL, err);
        if (r < 0)
            return r;
    }
    return 0;
}

static int find_verb(struct arguments *a, const char *name, struct error **err)
{
    const struct program *p = a->program;
    _cleanup_free_ const char **names = NULL;
    size_t n = 0;

    for (size_t i = 0; i < p->n_verbs; i++) {
        if (strcmp(p->verbs[i].name, name) == 0) {
            a->verb = &p->verbs[i];
            return 0;
        }
        *ARRAY_APPEND(names, n) = p->verbs[i].name;
    }
    const char *answer = answer_of(a, true, name, 0);
    if (answer)
        return cunik_error_set(err, ERROR_INVALID, "there is no command '%s': %s", name, answer);
    const char *near = cunik_text_nearest(name, names, n);
    if (near)
        return cunik_error_set(err, ERROR_INVALID, "unknown command '%s'; did you mean '%s'?", name,
                               near);
    return cunik_error_set(err, ERROR_INVALID, "unknown command '%s'; see '%s --help'", name,
                           p->name);
}

static bool is_group(const struct program *p, const char *name)
{
    for (size_t i = 0; i < p->n_verbs; i++)
        if (cunik_verbs_is_of_group(&p->verbs[i], name))
            return true;
    return false;
}

static bool passes_on(const struct verb_row *verb)
{
    return verb && verb->synopsis && cunik_text_ends(verb->synopsis, "[ARG...]");
}

static int take_positional(struct arguments *a, const char *text, struct error **err)
{
    if (a->verb || !a->program->n_verbs) {
        cunik_strv_add(&a->positional, text);
        return 0;
    }
    if (strcmp(text, "help") == 0) {
        a->help = true;
        return 0;
    }
    if (!a->group && is_group(a->program, text)) {
        a->group = text;
        return 0;
    }
    if (!a->group)
        return find_verb(a, text, err);
    _cleanup_free_ char *name = cunik_asprintf("%s %s", a->group, text);
    return find_verb(a, name, err);
}

static int check_count(const struct arguments *a, struct error **err)
{
    size_t n = a->positional.n;

    if (a->verb && n < a->verb->min_arguments)
        return cunik_error_set(err, ERROR_INVALID, "'%s %s' needs %s", a->program->name,
                               a->verb->name, a->verb->synopsis);
    if (n > (a->verb ? a->verb->max_arguments : 0))
        return cunik_error_set(err, ERROR_INVALID, "unexpected argument '%s'",
                               a->positional.items[a->verb ? a->verb->max_arguments : 0]);
    return 0;
}

int cunik_verbs_parse(const struct program *program, int argc, char **argv, struct arguments **ret,
                      char **ret_help, struct error **err)
{
    _cleanup_(cunik_arguments_destroyp) struct arguments *a = cunik_calloc(1, sizeof(*a));
    bool only_positional = false;
    int r = 0;

    a->program = program;
    for (int i = 1; i < argc && r == 0; i++) {
        const char *text = argv[i], *next = i + 1 < argc ? argv[i + 1] : NULL;
        bool used = false;
        if (only_positional || text[0] != '-' || !text[1])
            r = take_positional(a, text, err);
        else if (strcmp(text, "--") == 0)
            only_positional = true;
        else if (text[1] == '-')
            r = parse_long(a, text + 2, next, &used, err);
        else
            r = parse_short(a, text + 1, next, &used, err);
        i += used;
        only_positional = only_positional || (a->positional.n && passes_on(a->verb));
    }
    if (r < 0)
        return r;
    if (a->help || (program->n_verbs && !a->verb)) {
        *ret_help = cunik_verbs_help(program, a->verb, a->group);
        *ret = TAKE_PTR(a);
        return 0;
    }
    r = check_count(a, err);
    if (r < 0)
        return r;
    *ret_help = NULL;
    *ret = TAKE_PTR(a);
    return 0;
}

static const struct given *lookup(const struct arguments *a, const char *name)
{
    const struct option_row *row = find_row(a, name, strlen(name));

    if (!row)
        abort();
    for (size_t i = 0; i < a->n_given; i++)
        if (a->given[i].row == row)
            return &a->given[i];
    return NULL;
}

bool cunik_arguments_flag(const struct arguments *a, const char *name)
{
    const struct given *g = lookup(a, name);

    return g && g->on;
}

bool cunik_arguments_given(const struct arguments *a, const char *name)
{
    return lookup(a, name) != NULL;
}

const char *cunik_arguments_value(const struct arguments *a, const char *name)
{
    const struct given *g = lookup(a, name);

    return g && g->values.n ? g->values.items[g->values.n - 1] : NULL;
}

int cunik_arguments_seconds(const struct arguments *a, const char *name, uint64_t least,
                            int64_t *ret_ns, struct error **err)
{
    enum { SECONDS_MOST = 1000000 };
    const char *text = cunik_arguments_value(a, name);
    uint64_t seconds;

    if (!text)
        return 0;
    if (cunik_text_to_uint(text, least, SECONDS_MOST, &seconds) < 0)
        return cunik_error_set(err, ERROR_INVALID, "option '--%s' takes seconds%s, not '%s'", name,
                               least ? " from 1 on" : "", text);
    *ret_ns = (int64_t)seconds * NS_PER_SECOND;
    return 0;
}

const struct strv *cunik_arguments_values(const struct arguments *a, const char *name)
{
    static const struct strv none;
    const struct given *g = lookup(a, name);

    return g ? &g->values : &none;
}

const struct strv *cunik_arguments_positional(const struct arguments *a)
{
    return &a->positional;
}

const struct verb_row *cunik_arguments_verb(const struct arguments *a)
{
    return a->verb;
}

void cunik_arguments_destroy(struct arguments *a)
{
    if (!a)
        return;
    for (size_t i = 0; i < a->n_given; i++)
        cunik_strv_done(&a->given[i].values);
    free(a->given);
    cunik_strv_done(&a->positional);
    free(a);
}
