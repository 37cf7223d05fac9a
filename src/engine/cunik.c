/* cunik: unikernels across stacks. Parses, runs a verb, reports its error. */
#include <stdio.h>

#include "base/memory.h"
#include "base/output.h"
#include "engine/verb.h"

int main(int argc, char **argv)
{
    _cleanup_(cunik_arguments_destroyp) struct arguments *a = NULL;
    _cleanup_error_ struct error *err = NULL;
    _cleanup_free_ char *help = NULL;
    int status = 0;
    int r = cunik_verbs_parse(&cunik_program, argc, argv, &a, &help, &err);

    if (r == 0 && help) {
        fputs(help, stdout);
        return cunik_output_end(0);
    }
    if (r == 0)
        r = cunik_arguments_verb(a)->run(NULL, a, &status, &err);
    if (r == 0)
        return cunik_output_end(status);
    _cleanup_free_ char *text = cunik_error_text(err);
    fprintf(stderr, "%s\n", text);
    return cunik_error_exit_status(err->code);
}
