/* Prints a shell's completion of a program's command line.
 *
 *     completion bash|zsh|fish cunik|cunik-compose
 */
#include <stdio.h>
#include <string.h>

#include "base/completion.h"
#include "base/memory.h"
#include "base/text.h"
#include "compose/program.h"
#include "engine/verb.h"

static const char *cunik_names(const struct verb_row *verb)
{
    if (!strstr(verb->synopsis, "NAME"))
        return NULL;
    return cunik_text_starts(verb->name, "network ")  ? "cunik network ls -q"
           : cunik_text_starts(verb->name, "volume ") ? "cunik volume ls -q"
           : strchr(verb->name, ' ')                  ? NULL
                                                      : "cunik list -a -q";
}

static const char *compose_names(const struct verb_row *verb)
{
    return strstr(verb->synopsis, "SERVICE") ? "cunik-compose config --services" : NULL;
}

int main(int argc, char **argv)
{
    static const char *const shells[] = {"bash", "zsh", "fish"};

    for (size_t i = 0; argc == 3 && i < ARRAY_SIZE(shells); i++) {
        if (strcmp(argv[1], shells[i]) != 0)
            continue;
        bool compose = strcmp(argv[2], "cunik-compose") == 0;
        _cleanup_free_ char *text =
            cunik_completion(compose ? &cunik_compose_program : &cunik_program,
                             (enum completion_shell)i, compose ? compose_names : cunik_names);
        fputs(text, stdout);
        return ferror(stdout) ? 1 : 0;
    }
    fputs("usage: completion bash|zsh|fish PROGRAM\n", stderr);
    return 2;
}
