/* pause and unpause. */
#include <stdio.h>

#include "base/memory.h"
#include "engine/verb.h"

int cunik_verb_pause_each(struct client *client, const struct strv *names, bool pause,
                          struct error **err)
{
    int r = 0;

    for (size_t i = 0; i < names->n && r == 0; i++) {
        r = cunik_client_pause(client, names->items[i], pause, err);
        if (r == 0)
            puts(names->items[i]);
    }
    return r;
}

static int change(const struct arguments *a, bool pause, struct error **err)
{
    _cleanup_(cunik_client_destroyp) struct client *client = NULL;
    _cleanup_strv_ struct strv names = {0};
    int r = cunik_verb_reach(a, &client, err);

    if (r == 0)
        r = cunik_verb_find_all(client, cunik_arguments_positional(a), &names, err);
    return r < 0 ? r : cunik_verb_pause_each(client, &names, pause, err);
}

int cunik_verb_pause(void *context _unused_, const struct arguments *a, int *ret_status _unused_,
                     struct error **err)
{
    return change(a, true, err);
}

int cunik_verb_unpause(void *context _unused_, const struct arguments *a, int *ret_status _unused_,
                       struct error **err)
{
    return change(a, false, err);
}
