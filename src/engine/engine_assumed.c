/* What a request takes for granted: its client has looked at the stack, and others have had their
 * turn since. So it says what it has seen, and is held to that in its own turn. */
#include <string.h>

#include "base/memory.h"
#include "engine/engine_internal.h"

int cunik_engine_find_spared(const struct slot *s, const struct request *r,
                             const struct world *observed, struct strv *ret, struct error **err)
{
    for (size_t i = 0; i < observed->n_cuniks; i++) {
        const struct world_cunik *c = &observed->cuniks[i];
        bool active = cunik_state_is_active(c->status.state);
        if (strcmp(c->stack, s->stack) != 0 || !cunik_request_names(r, c))
            continue;
        if (r->spare == SPARE_REFUSE && active)
            return cunik_error_set(err, ERROR_CONFLICT, "'%s' is %s", cunik_world_called(c),
                                   cunik_state_name(c->status.state));
        if (r->spare == SPARE_CUNIKS || (r->spare == SPARE_RUNNING && active))
            cunik_strv_add(ret, c->name);
    }
    return 0;
}

int cunik_engine_keep_states(const struct request *r, const struct world *observed,
                             struct world *desired, struct error **err)
{
    _cleanup_map_ struct map there = {0};

    for (size_t i = 0; i < observed->n_cuniks; i++)
        cunik_map_add(&there, observed->cuniks[i].name, &observed->cuniks[i]);
    for (size_t i = 0; i < desired->n_cuniks; i++) {
        struct world_cunik *c = &desired->cuniks[i];
        const struct world_cunik *is = cunik_map_get(&there, c->name);
        if (!cunik_request_names(r, c))
            continue;
        if (!is)
            return cunik_error_set(err, ERROR_NOT_FOUND, "no such cunik: %s",
                                   cunik_world_called(c));
        c->status.state = cunik_state_is_active(is->status.state) ? CUNIK_RUNNING : CUNIK_CREATED;
    }
    return 0;
}
