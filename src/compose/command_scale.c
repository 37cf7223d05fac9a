/* scale: as many copies of services as is said, and nothing else. */
#include <string.h>

#include "base/memory.h"
#include "compose/command.h"

int cunik_command_scale(void *context, const struct arguments *a, int *status _unused_,
                        struct error **err)
{
    struct command *c = context;
    const struct strv *pairs = cunik_arguments_positional(a);
    _cleanup_request_ struct request request;
    _cleanup_strv_ struct strv services = {0};
    _cleanup_stack_ struct stack s = {0};
    const struct command_up u = {.services = &services,
                                 .scale = pairs,
                                 .images = IMAGES_NEED,
                                 .no_dependencies = cunik_arguments_flag(a, "no-deps")};

    for (size_t i = 0; i < pairs->n; i++) {
        _cleanup_free_ char *service =
            cunik_strndup(pairs->items[i], strcspn(pairs->items[i], "="));
        cunik_strv_add(&services, service);
    }
    cunik_request_init(&request);
    int r = cunik_command_up_stack(c, &u, &s, err);
    if (r == 0)
        r = cunik_command_up_request(c, &u, &s, &request, err);
    return r < 0 ? r : cunik_command_apply(c, &request, err);
}
