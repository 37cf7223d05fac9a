/* Volumes and mounts of a stack as those of a world. */
#pragma once

#include "compose/stack.h"

int cunik_lower_volumes(const struct stack *s, struct world *w, struct error **err);
/* Adds a service's mounts to one of its copies, whose stack, service and index are set. */
void cunik_lower_mounts(const struct stack *s, const struct stack_service *service, struct world *w,
                        struct world_cunik *c);
