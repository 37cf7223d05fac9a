/* A network of a world as numbers. Pure. */
#pragma once

#include "engine/world.h"
#include "network/address.h"

/* Its subnet, and its gateway: the one it names, else the subnet's first address. */
int cunik_world_network_addresses(const struct world_network *n, struct cidr *ret_subnet,
                                  uint32_t *ret_gateway, struct error **err);
