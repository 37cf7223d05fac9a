/* Worlds of the stack "demo", as tests make them: cuniks "demo-SERVICE-INDEX", networks "demo_KEY".
 */
#pragma once

#include "engine/world.h"

struct world_network *demo_add_network(struct world *w, const char *key);
struct world_cunik *demo_add_cunik(struct world *w, const char *service, int64_t index,
                                   const char *network);
struct world_depend *demo_add_depend(struct world_cunik *c, const char *service,
                                     enum depend_condition condition);
void demo_add_port(struct world_cunik *c, uint16_t host_port, uint16_t port);
void demo_add_health(struct world_cunik *c);
