/* What the tables of command lines say to people: help and manual pages. */
#include <string.h>

#include "base/memory.h"
#include "base/verbs.h"

bool cunik_verbs_is_of_group(const struct verb_row *verb, const char *group)
{
    size_t n = strlen(group);

    return strncmp(verb->name, group, n) == 0 && verb->name[n] == ' ';
}

/* Help */

static char *option_heading(const struct option_row *row)
{
    _cleanup_buffer_ struct buffer b = {0};

    if (row->letter)
        cunik_buffer_printf(&b, "-%c, --%s", row->letter, row->name);
    else
        cunik_buffer_printf(&b, "    --%s", row->name);
    if (row->argument)
        cunik_buffer_printf(&b, " %s", row->choices ? row->choices : row->argument);
    return cunik_buffer_take(&b);
}

static void help_options(struct buffer *b, const char *title, const struct option_row *rows,
                         size_t n)
{
    cunik_buffer_printf(b, "\n%s:\n", title);
    for (size_t i = 0; i < n; i++) {
        _cleanup_free_ char *heading = option_heading(&rows[i]);
        cunik_buffer_printf(b, "  %-32s %s\n", heading, rows[i].help);
    }
}

char *cunik_verbs_help(const struct program *program, const struct verb_row *verb,
                       const char *group)
{
    _cleanup_buffer_ struct buffer b = {0};

    if (verb) {
        cunik_buffer_printf(&b, "Usage: %s [OPTIONS] %s [OPTIONS]%s%s\n\n%s\n", program->name,
                            verb->name, verb->synopsis ? " " : "",
                            verb->synopsis ? verb->synopsis : "", verb->help);
        if (verb->n_options)
            help_options(&b, "Options", verb->options, verb->n_options);
    } else {
        cunik_buffer_printf(&b, "Usage: %s [OPTIONS]%s%s%s\n\n%s\n", program->name,
                            group ? " " : "", group ? group : "",
                            program->n_verbs ? " COMMAND" : "", program->help);
        const char *title = "\nCommands:\n";
        for (size_t i = 0; i < program->n_verbs; i++) {
            if (group && !cunik_verbs_is_of_group(&program->verbs[i], group))
                continue;
            cunik_buffer_printf(&b, "%s  %-16s %s\n", title, program->verbs[i].name,
                                program->verbs[i].help);
            title = "";
        }
    }
    help_options(&b, verb ? "Global options" : "Options", program->options, program->n_options);
    return cunik_buffer_take(&b);
}

/* Manual pages */

/* scdoc: *bold*, _underlined_; underscores and asterisks of the text itself are escaped. */
static void manual_text(struct buffer *b, const char *s)
{
    for (; *s; s++) {
        if (*s == '_' || *s == '*' || *s == '\\' || *s == '~' || *s == '`')
            cunik_buffer_char(b, '\\');
        cunik_buffer_char(b, *s);
    }
}

static void manual_options(struct buffer *b, const struct option_row *rows, size_t n)
{
    for (size_t i = 0; i < n; i++) {
        if (rows[i].letter)
            cunik_buffer_printf(b, "*-%c*, ", rows[i].letter);
        cunik_buffer_printf(b, "*--%s*", rows[i].name);
        if (rows[i].argument) {
            cunik_buffer_text_append(b, " _");
            manual_text(b, rows[i].choices ? rows[i].choices : rows[i].argument);
            cunik_buffer_char(b, '_');
        }
        cunik_buffer_text_append(b, "\n\t");
        manual_text(b, rows[i].help);
        cunik_buffer_text_append(b, "\n\n");
    }
}

char *cunik_verbs_manual(const struct program *program)
{
    _cleanup_buffer_ struct buffer b = {0};

    cunik_buffer_text_append(&b, "# OPTIONS\n\n");
    manual_options(&b, program->options, program->n_options);
    if (program->n_verbs)
        cunik_buffer_text_append(&b, "# COMMANDS\n\n");
    for (size_t i = 0; i < program->n_verbs; i++) {
        const struct verb_row *verb = &program->verbs[i];
        cunik_buffer_printf(&b, "## %s", verb->name);
        if (verb->synopsis) {
            cunik_buffer_char(&b, ' ');
            manual_text(&b, verb->synopsis);
        }
        cunik_buffer_text_append(&b, "\n\n");
        manual_text(&b, verb->help);
        cunik_buffer_text_append(&b, ".\n\n");
        manual_options(&b, verb->options, verb->n_options);
    }
    return cunik_buffer_take(&b);
}
