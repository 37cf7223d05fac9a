/* A network of a world as numbers. Pure. */
#pragma once

#include "engine/world.h"
#include "network/address.h"

/* Its subnet, and its gateway: the one it names, else the subnet's first address. */
int cunik_world_network_addresses(const struct world_network *n, struct cidr *ret_subnet,
                                  uint32_t *ret_gateway, struct error **err);
/* Of its subnets the one that an address is in. ERROR_INVALID when it is in none. */
int cunik_world_network_around(const struct world_network *n, const char *address,
                               struct cidr *ret_subnet, uint32_t *ret_gateway, struct error **err);
/* What its bridge has beside its first gateway: the gateways of further subnets, with their
 * lengths, and as /32 the addresses of single services' name servers. The caller frees *ret. */
int cunik_world_network_more(const struct world_network *n, struct cidr **ret, size_t *ret_n,
                             struct error **err);

/* Whether a cunik has an interface on a network. */
bool cunik_world_is_on(const struct world_cunik *c, const char *network);
/* The name server that a service has on a network for itself; NULL when it has none. */
const struct world_resolver *cunik_world_resolver(const struct world_network *n,
                                                  const char *service);
/* Whose gateway is the guest's: of its networks with a way out the one of the greatest gw_priority,
 * and of those the first; without any, that of the first network with several subnets, to reach
 * them. Its index; SIZE_MAX = none. */
size_t cunik_world_way_out(const struct world_cunik *c, const struct world *w);
/* The same by IPv6, without the latter. */
size_t cunik_world_way_out6(const struct world_cunik *c, const struct world *w);
/* Whether a cunik asks for names on that interface: at its service's own name server, else at the
 * gateway of its first network, unless that is someone else's. */
bool cunik_world_name_server(const struct world_cunik *c, size_t index,
                             const struct world_network *n);

/* Where a port is published, "0.0.0.0:8080", "[::]:8080"; the caller frees it. */
char *cunik_world_port_text(const struct world_port *p);
/* Whether a packet could be meant for both of two host addresses that ports are published at: "" is
 * every address, "0.0.0.0" every one of IPv4 and "::" of IPv6. */
bool cunik_world_ports_overlap(const char *a, const char *b);
