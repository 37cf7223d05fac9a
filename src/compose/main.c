/* cunik-compose: parses, runs a command, reports its error. */
#include <signal.h>
#include <stdio.h>
#include <string.h>

#include "base/memory.h"
#include "base/output.h"
#include "compose/command.h"
#include "compose/program.h"

/* With --detailed-exitcode 2 means changes, so that every error must be 1, also one that was found
 * before the options were understood. */
static bool detailed_exitcode(int argc, char **argv)
{
    for (int i = 1; i < argc; i++)
        if (strcmp(argv[i], "--detailed-exitcode") == 0)
            return true;
    return false;
}

static int report(const struct error *err, int argc, char **argv)
{
    _cleanup_free_ char *text = cunik_error_text(err);

    fprintf(stderr, "%s\n", text);
    return detailed_exitcode(argc, argv) ? 1 : cunik_error_exit_status(err->code);
}

int main(int argc, char **argv)
{
    _cleanup_error_ struct error *err = NULL;
    _cleanup_(cunik_arguments_destroyp) struct arguments *a = NULL;
    _cleanup_free_ char *help = NULL;
    struct command c = {0};
    int status = 0, r;

    signal(SIGPIPE, SIG_IGN);
    cunik_memory_init();
    r = cunik_verbs_parse(&cunik_compose_program, argc, argv, &a, &help, &err);
    if (r < 0)
        return report(err, argc, argv);
    if (cunik_arguments_flag(a, "version")) {
        puts("cunik-compose version " CUNIK_VERSION);
        return cunik_output_end(0);
    }
    if (help) {
        fputs(help, stdout);
        return cunik_output_end(0);
    }
    r = cunik_command_init(&c, a, &err);
    if (r == 0)
        r = cunik_arguments_verb(a)->run(&c, a, &status, &err);
    cunik_command_done(&c);
    if (r < 0)
        return report(err, argc, argv);
    return cunik_output_end(status);
}
