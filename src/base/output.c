#include "base/output.h"

#include <errno.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>

static int last_error;

void cunik_output_flush(void)
{
    if (fflush(stdout) == 0)
        return;
    last_error = errno;
    if (last_error != EPIPE)
        return;
    signal(SIGPIPE, SIG_DFL);
    raise(SIGPIPE);
}

int cunik_output_end(int status)
{
    cunik_output_flush();
    if (!ferror(stdout))
        return status;
    fprintf(stderr, "writing standard output: %s\n",
            last_error ? strerror(last_error) : "not all was written");
    return 1;
}
