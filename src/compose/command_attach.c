/* attach: the console of a service's copy, both ways. */
#include <string.h>

#include "base/memory.h"
#include "compose/command.h"
#include "engine/attach.h"

/* The copy asked for, or the first that is there. */
static const struct world_cunik *find(const struct world *w, const char *service, uint64_t index)
{
    const struct world_cunik *first = NULL;

    for (size_t i = 0; i < w->n_cuniks; i++) {
        const struct world_cunik *c = &w->cuniks[i];
        if (strcmp(c->service, service) != 0 || (index && (uint64_t)c->index != index))
            continue;
        if (!first || c->index < first->index)
            first = c;
    }
    return first;
}

int cunik_command_attach(void *context, const struct arguments *a, int *status, struct error **err)
{
    const char *service = cunik_arguments_positional(a)->items[0];
    _cleanup_world_ struct world w = {0};
    _cleanup_free_ char *stack = NULL;
    struct attach_options o;
    uint64_t index = 0;
    int r = cunik_command_index(a, &index, err);

    if (r == 0)
        r = cunik_command_world(context, &stack, &w, err);
    if (r < 0)
        return r;
    const struct world_cunik *c = find(&w, service, index);
    if (!c)
        return cunik_error_set(err, ERROR_NOT_FOUND, "service '%s' has no copy that is there",
                               service);
    const struct client_settings how = cunik_command_client_settings(context);
    cunik_attach_read_options(a, &o);
    return cunik_attach(&how, c->name, &o, status, err);
}
