/* Completion: what bash makes of the script, asked as bash asks it; and the script of fish. */
#include "tests/support/test.h"

#include <stdio.h>
#include <string.h>

#include "base/buffer.h"
#include "base/completion.h"
#include "base/file.h"
#include "base/memory.h"

static int nothing(void *context _unused_, const struct arguments *a _unused_, int *status _unused_,
                   struct error **err _unused_)
{
    return 0;
}

static const struct option_row globals[] = {
    {"file", 'f', "FILE", "Stack file", NULL, true},
    {"progress", 0, "TYPE", "How it's shown", "auto|plain", false},
};

static const struct option_row options[] = {
    {"follow", 'f', NULL, "Go on", NULL, false},
    {"format", 0, "FORMAT", "Form", "table|json", false},
};

static const struct verb_row verbs[] = {
    {"logs", "[NAME...]", "Show output", options, ARRAY_SIZE(options), 0, 9, nothing},
    {"ls", NULL, "List", NULL, 0, 0, 0, nothing},
    {"network ls", NULL, "List networks", options, ARRAY_SIZE(options), 0, 0, nothing},
    {"network rm", "NAME", "Remove a network", NULL, 0, 1, 1, nothing},
};

static const struct program program = {
    .name = "my-prog",
    .help = "Test program",
    .options = globals,
    .n_options = ARRAY_SIZE(globals),
    .verbs = verbs,
    .n_verbs = ARRAY_SIZE(verbs),
};

static const char *names(const struct verb_row *verb)
{
    return strcmp(verb->name, "logs") == 0         ? "printf one\\ntwo\\nother\\n"
           : strcmp(verb->name, "network rm") == 0 ? "echo of all"
                                                   : NULL;
}

/* What bash offers for the words, the last one being completed. */
static char *offers(const char *words)
{
    _cleanup_free_ char *script = cunik_completion(&program, COMPLETION_BASH, names);
    _cleanup_free_ char *folder = test_temporary_folder(), *path = cunik_path_join(folder, "c");
    _cleanup_free_ char *command = cunik_asprintf(
        "bash -c 'set -u; . %s; COMP_WORDS=(my-prog %s); COMP_CWORD=$((${#COMP_WORDS[@]} - 1)); "
        "_my_prog; echo ${COMPREPLY[*]-}'",
        path, words);
    char line[1024] = "";

    test_ok(cunik_file_write(path, script, strlen(script), 0600, false, NULL), NULL);
    FILE *f = popen(command, "r");
    assert_non_null(f);
    assert_non_null(fgets(line, sizeof(line), f));
    assert_int_equal(pclose(f), 0);
    line[strcspn(line, "\n")] = '\0';
    test_ok(cunik_file_remove_tree(folder, NULL), NULL);
    return cunik_strdup(line);
}

static void in_bash(void **state _unused_)
{
    static const struct {
        const char *words, *offers;
    } cases[] = {
        {"\"\"", "logs ls network help"},
        {"l", "logs ls"},
        {"-f web.yaml net", "network"},
        {"--", "--file --progress"},
        {"--progress \"\"", "auto plain"},
        {"network \"\"", "ls rm"},
        {"network ls --f", "--follow --format"},
        {"network ls --format j", "json"},
        {"--file logs logs --format \"\"", "table json"},
        {"logs o", "one other"},
        {"logs one t", "two"},
        {"network rm \"\"", "of all"},
        {"--file a.yaml --progress plain network rm \"\"", "--file a.yaml --progress plain of all"},
        {"-f = a.yaml network rm a", "a.yaml all"},
        {"network rm --file a.yaml o", "of"},
        {"logs -", "--follow -f --format --help"},
    };

    for (size_t i = 0; i < ARRAY_SIZE(cases); i++) {
        _cleanup_free_ char *got = offers(cases[i].words);
        if (strcmp(got, cases[i].offers) != 0)
            fail_msg("'%s' is offered '%s', not '%s'", cases[i].words, got, cases[i].offers);
    }
}

static void in_others(void **state _unused_)
{
    _cleanup_free_ char *zsh = cunik_completion(&program, COMPLETION_ZSH, names);
    _cleanup_free_ char *fish = cunik_completion(&program, COMPLETION_FISH, names);

    assert_int_equal(strncmp(zsh, "#compdef my-prog\n", 17), 0);
    assert_non_null(strstr(zsh, "bashcompinit"));
    test_golden("tests/golden/completion/prog.fish", fish);
}

int main(void)
{
    const struct CMUnitTest tests[] = {cmocka_unit_test(in_bash), cmocka_unit_test(in_others)};

    return cmocka_run_group_tests(tests, NULL, NULL);
}
