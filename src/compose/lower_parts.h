/* What the parts of cunik_lower() share; nothing here is for others. */
#pragma once

#include "base/map.h"
#include "compose/lower.h"

/* What the engine would refuse, said with its place in the file. */
int cunik_lower_refused(struct error **err, const struct error *cause, const struct place *place,
                        const char *kind, const char *name);

/* lower_network.c: a network, and one attachment to it (NULL: an undefined one). */
int cunik_lower_network(struct world *w, const char *stack, const struct stack_network *from,
                        struct error **err);
void cunik_lower_interface(struct world_cunik *c, const struct stack_attachment *from,
                           const struct stack_network *network);
/* The name server of a service that has name servers or hosts of its own: on the first of its
 * networks that is the stack's. */
int cunik_lower_resolver(struct world *w, const struct stack_service *s, const struct map *networks,
                         struct error **err);
