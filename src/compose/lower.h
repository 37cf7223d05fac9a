/* Lowering: from the typed stack to the world it wants. Pure.
 *
 * Each copy of a service becomes a cunik STACK-SERVICE-N (N from 1), or container_name; networks
 * keep their names. MAC addresses and UUIDs that the file does not give are derived from stack,
 * service, index and network; a host name that it does not give is the cunik's name. A range of
 * published ports is spread over the copies: the first gets the first. What only the host can say
 * (link names, subnets, addresses, free ports) is left open.
 */
#pragma once

#include "base/error.h"
#include "compose/stack.h"
#include "engine/world.h"

/* ret is empty and is filled on success only. Errors are ERROR_INVALID with a place: a name that is
 * too long or given twice, a range with fewer ports than there are copies, and what an engine would
 * not read (texts with characters that a field does not allow, lists that are too long). */
int cunik_lower(const struct stack *s, struct world *ret, struct error **err);
