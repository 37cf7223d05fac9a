#include "base/completion.h"

#include <string.h>

#include "base/buffer.h"
#include "base/memory.h"

/* A function's name: "cunik-compose" becomes "_cunik_compose". */
static char *function_name(const struct program *p)
{
    char *name = cunik_asprintf("_%s", p->name);

    for (char *c = name; *c; c++)
        if (*c == '-')
            *c = '_';
    return name;
}

/* In single quotes, for any shell. */
static void quote(struct buffer *b, const char *s)
{
    cunik_buffer_char(b, '\'');
    for (; *s; s++)
        if (*s == '\'')
            cunik_buffer_text_append(b, "'\\''");
        else
            cunik_buffer_char(b, *s);
    cunik_buffer_char(b, '\'');
}

static void option_words(struct buffer *b, const struct option_row *rows, size_t n)
{
    for (size_t i = 0; i < n; i++) {
        cunik_buffer_printf(b, " --%s", rows[i].name);
        if (rows[i].letter)
            cunik_buffer_printf(b, " -%c", rows[i].letter);
    }
}

/* Patterns of the options that take a value: "--file|-f|…". */
static void valued_options(struct buffer *b, const struct option_row *rows, size_t n,
                           const char *before)
{
    for (size_t i = 0; i < n; i++) {
        if (!rows[i].argument)
            continue;
        cunik_buffer_printf(b, "%s%s--%s", b->size ? "|" : "", before, rows[i].name);
        if (rows[i].letter)
            cunik_buffer_printf(b, "|%s-%c", before, rows[i].letter);
    }
}

static size_t first_word(const struct verb_row *verb)
{
    return strcspn(verb->name, " ");
}

/* Whether a row before this one begins with the same word. */
static bool is_repeated(const struct program *p, size_t i)
{
    size_t size = first_word(&p->verbs[i]);

    for (size_t k = 0; k < i; k++)
        if (first_word(&p->verbs[k]) == size &&
            memcmp(p->verbs[k].name, p->verbs[i].name, size) == 0)
            return true;
    return false;
}

static bool is_group(const struct verb_row *verb)
{
    return verb->name[first_word(verb)] != '\0';
}

/* bash */

/* "a|b" as "a b"; the caller frees it. */
static char *spaced(const char *choices)
{
    char *text = cunik_strdup(choices);

    for (char *c = text; *c; c++)
        if (*c == '|')
            *c = ' ';
    return text;
}

/* The values of the option before the cursor; the verb's own options come first. */
static void bash_choices(struct buffer *b, const char *verb, const struct option_row *rows,
                         size_t n)
{
    for (size_t i = 0; i < n; i++) {
        if (!rows[i].choices)
            continue;
        _cleanup_free_ char *choices = spaced(rows[i].choices);
        cunik_buffer_printf(b, "    '%s'%s' --%s') choices='%s' ;;\n", verb ? verb : "",
                            verb ? "" : "*", rows[i].name, choices);
    }
}

/* What may follow the words so far: the first words, a group's second ones, a verb's options. */
static void bash_words(struct buffer *b, const struct program *p)
{
    cunik_buffer_text_append(b, "    '') words='");
    for (size_t i = 0; i < p->n_verbs; i++)
        if (!is_repeated(p, i))
            cunik_buffer_printf(b, "%.*s ", (int)first_word(&p->verbs[i]), p->verbs[i].name);
    cunik_buffer_text_append(b, "help'; options='");
    option_words(b, p->options, p->n_options);
    cunik_buffer_text_append(b, "' ;;\n");
    for (size_t i = 0; i < p->n_verbs; i++) {
        if (!is_group(&p->verbs[i]) || is_repeated(p, i))
            continue;
        size_t size = first_word(&p->verbs[i]);
        cunik_buffer_printf(b, "    '%.*s') words='", (int)size, p->verbs[i].name);
        for (size_t k = i; k < p->n_verbs; k++)
            if (is_group(&p->verbs[k]) && memcmp(p->verbs[k].name, p->verbs[i].name, size + 1) == 0)
                cunik_buffer_printf(b, "%s ", p->verbs[k].name + size + 1);
        cunik_buffer_text_append(b, "' ;;\n");
    }
}

static void bash_verb(struct buffer *b, const struct verb_row *verb, completion_names *names)
{
    const char *command = verb->synopsis ? names(verb) : NULL;

    cunik_buffer_printf(b, "    '%s') options='", verb->name);
    option_words(b, verb->options, verb->n_options);
    cunik_buffer_text_append(b, " --help'");
    if (command)
        cunik_buffer_printf(b, "; names='%s'", command);
    cunik_buffer_text_append(b, " ;;\n");
}

static void bash_choice_cases(struct buffer *b, const struct program *p)
{
    cunik_buffer_text_append(b, "    case \"$verb $prev\" in\n");
    for (size_t i = 0; i < p->n_verbs; i++)
        bash_choices(b, p->verbs[i].name, p->verbs[i].options, p->verbs[i].n_options);
    bash_choices(b, NULL, p->options, p->n_options);
    cunik_buffer_text_append(b, "    esac\n");
}

static char *bash(const struct program *p, completion_names *names)
{
    _cleanup_free_ char *function = function_name(p);
    _cleanup_buffer_ struct buffer valued = {0}, global = {0};
    struct buffer b = {0};

    valued_options(&global, p->options, p->n_options, ":");
    valued_options(&valued, p->options, p->n_options, "");
    for (size_t i = 0; i < p->n_verbs; i++)
        valued_options(&valued, p->verbs[i].options, p->verbs[i].n_options, "");
    cunik_buffer_printf(&b,
                        "%s() {\n"
                        "    local cur=${COMP_WORDS[COMP_CWORD]} prev=${COMP_WORDS[COMP_CWORD-1]}\n"
                        "    local verb= words= options= names= choices= i\n"
                        "    local -a given=()\n"
                        "    for ((i = 1; i < COMP_CWORD; i++)); do\n"
                        "        case $verb:${COMP_WORDS[i]} in\n"
                        "        %s)\n"
                        "            given+=(\"${COMP_WORDS[i]}\")\n"
                        "            [ \"${COMP_WORDS[i+1]}\" != = ] || ((i++))\n"
                        "            given+=(\"${COMP_WORDS[++i]-}\")\n"
                        "            continue ;;\n"
                        "        esac\n"
                        "        case ${COMP_WORDS[i]} in\n"
                        "        %s) ((i++)) ;;\n"
                        "        -*) ;;\n"
                        "        *) case $verb in\n"
                        "            '') verb=${COMP_WORDS[i]} ;;\n",
                        function, cunik_buffer_text(&global), cunik_buffer_text(&valued));
    for (size_t i = 0; i < p->n_verbs; i++)
        if (is_group(&p->verbs[i]) && !is_repeated(p, i))
            cunik_buffer_printf(&b, "            '%.*s') verb+=\" ${COMP_WORDS[i]}\" ;;\n",
                                (int)first_word(&p->verbs[i]), p->verbs[i].name);
    cunik_buffer_text_append(&b, "            esac ;;\n"
                                 "        esac\n"
                                 "    done\n"
                                 "    case $verb in\n");
    bash_words(&b, p);
    for (size_t i = 0; i < p->n_verbs; i++)
        bash_verb(&b, &p->verbs[i], names);
    cunik_buffer_text_append(&b, "    esac\n");
    bash_choice_cases(&b, p);
    cunik_buffer_printf(&b,
                        "    if [ -n \"$choices\" ]; then words=$choices\n"
                        "    elif [[ $cur == -* ]]; then words=$options\n"
                        "    elif [ -n \"$names\" ]; then words=$(${names%%%% *} \"${given[@]}\" "
                        "${names#* } 2>/dev/null)\n"
                        "    fi\n"
                        "    COMPREPLY=($(compgen -W \"$words\" -- \"$cur\"))\n"
                        "}\n"
                        "complete -o default -F %s %s\n",
                        function, p->name);
    return cunik_buffer_take(&b);
}

static char *zsh(const struct program *p, completion_names *names)
{
    _cleanup_free_ char *script = bash(p, names);

    return cunik_asprintf("#compdef %s\nautoload -U +X bashcompinit && bashcompinit\n%s", p->name,
                          script);
}

/* fish */

static void fish_options(struct buffer *b, const struct program *p, const struct option_row *rows,
                         size_t n, const char *condition)
{
    for (size_t i = 0; i < n; i++) {
        cunik_buffer_printf(b, "complete -c %s", p->name);
        if (condition)
            cunik_buffer_printf(b, " -n %s", condition);
        cunik_buffer_printf(b, " -l %s", rows[i].name);
        if (rows[i].letter)
            cunik_buffer_printf(b, " -s %c", rows[i].letter);
        if (rows[i].argument)
            cunik_buffer_text_append(b, " -r");
        if (rows[i].choices) {
            _cleanup_free_ char *choices = spaced(rows[i].choices);
            cunik_buffer_printf(b, " -f -a '%s'", choices);
        }
        cunik_buffer_text_append(b, " -d ");
        quote(b, rows[i].help);
        cunik_buffer_char(b, '\n');
    }
}

/* The condition under which a verb's completions hold: all of its words have been said. */
static char *fish_condition(const struct verb_row *verb)
{
    size_t size = first_word(verb);

    if (!is_group(verb))
        return cunik_asprintf("'__fish_seen_subcommand_from %s'", verb->name);
    return cunik_asprintf("'__fish_seen_subcommand_from %.*s; and __fish_seen_subcommand_from %s'",
                          (int)size, verb->name, verb->name + size + 1);
}

static void fish_verb(struct buffer *b, const struct program *p, size_t i, completion_names *names)
{
    const struct verb_row *verb = &p->verbs[i];
    const char *command = verb->synopsis ? names(verb) : NULL;
    _cleanup_free_ char *condition = fish_condition(verb);
    size_t size = first_word(verb);

    if (!is_repeated(p, i)) {
        cunik_buffer_printf(b, "complete -c %s -n __fish_use_subcommand -f -a %.*s -d ", p->name,
                            (int)size, verb->name);
        quote(b, is_group(verb) ? "A group of commands" : verb->help);
        cunik_buffer_char(b, '\n');
    }
    if (is_group(verb)) {
        cunik_buffer_printf(b, "complete -c %s -n '__fish_seen_subcommand_from %.*s' -f -a %s -d ",
                            p->name, (int)size, verb->name, verb->name + size + 1);
        quote(b, verb->help);
        cunik_buffer_char(b, '\n');
    }
    fish_options(b, p, verb->options, verb->n_options, condition);
    if (command)
        cunik_buffer_printf(b, "complete -c %s -n %s -f -a '(%s 2>/dev/null)'\n", p->name,
                            condition, command);
}

static char *fish(const struct program *p, completion_names *names)
{
    struct buffer b = {0};

    fish_options(&b, p, p->options, p->n_options, NULL);
    for (size_t i = 0; i < p->n_verbs; i++)
        fish_verb(&b, p, i, names);
    return cunik_buffer_take(&b);
}

char *cunik_completion(const struct program *program, enum completion_shell shell,
                       completion_names *names)
{
    return shell == COMPLETION_BASH  ? bash(program, names)
           : shell == COMPLETION_ZSH ? zsh(program, names)
                                     : fish(program, names);
}
