/* version: of this program; the engine's is asked for by `cunik version`. */
#include <stdio.h>

#include "base/text.h"
#include "compose/command.h"

int cunik_command_version(void *context _unused_, const struct arguments *a, int *status _unused_,
                          struct error **err _unused_)
{
    if (cunik_arguments_flag(a, "short"))
        puts(CUNIK_VERSION);
    else if (cunik_text_equal(cunik_arguments_value(a, "format"), "json"))
        puts("{\"version\":\"" CUNIK_VERSION "\"}");
    else
        puts("cunik-compose version " CUNIK_VERSION);
    return 0;
}
