/* wait: until services have ended; the status is that of the first that failed. */
#include <inttypes.h>
#include <stdio.h>
#include <sys/eventfd.h>

#include "base/memory.h"
#include "compose/command.h"
#include "engine/verb.h"

int cunik_command_wait(void *context, const struct arguments *a, int *status, struct error **err)
{
    _cleanup_close_ int cancel = eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK);
    _cleanup_(cunik_client_destroyp) struct client *waiting = NULL;
    _cleanup_world_ struct world w = {0};
    int64_t code;
    int r = cunik_command_cuniks(context, NULL, &w, err);

    if (r == 0)
        r = cunik_verb_reach_with(a, cancel, &waiting, err);
    for (size_t i = 0; i < w.n_cuniks && r == 0; i++) {
        r = cunik_verb_await(waiting, cancel, w.cuniks[i].name, &code, err);
        if (r < 0)
            break;
        printf("%s exited with code %" PRId64 "\n", w.cuniks[i].name, code);
        if (*status == 0)
            *status = (int)(code & 0xff);
    }
    return r;
}
