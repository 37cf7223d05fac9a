/* The parts of cunik_assign(), which share what they know and the list of mistakes. */
#pragma once

#include "base/map.h"
#include "engine/assign.h"
#include "network/address.h"
#include "network/address6.h"

/* One IPv4 subnet of a network. */
struct assign_pool {
    struct cidr subnet, range;
    uint32_t gateway;
};

/* What has been worked out of one desired network. */
struct assign_network {
    struct world_network *n;
    struct assign_pool *pools; /* its first subnet, and the others */
    size_t n_pools;
    bool known; /* all of them are good */
    struct cidr6 range6;
    struct in6_addr gateway6;
    bool known6; /* these are good */
};

struct assignment {
    struct world *desired;
    const struct world *actual;
    const struct host_facts *facts;
    struct map actual_networks; /* by name */
    struct map actual_cuniks;   /* by stack, service and index */
    struct map desired_names;   /* of cuniks */
    struct map networks;        /* by name: struct assign_network */
    struct assign_network *parts;
    size_t *order;         /* desired cuniks sorted by name: nothing depends on the file's order */
    size_t *network_order; /* desired networks, likewise */
    struct strv mistakes;
    size_t more; /* mistakes not listed */
    bool invalid, conflict;
};

void cunik_assign_subnets(struct assignment *a);
void cunik_assign_subnets6(struct assignment *a);
void cunik_assign_addresses(struct assignment *a);
/* After the IPv4 addresses, which the automatic ones are made of. */
void cunik_assign_addresses6(struct assignment *a);
void cunik_assign_ports(struct assignment *a);
void cunik_assign_bridges(struct assignment *a);

/* Notes a mistake of the file, or a conflict with what is there already. */
void cunik_assign_invalid(struct assignment *a, const char *format, ...) _printf_(2, 3);
void cunik_assign_conflict(struct assignment *a, const char *format, ...) _printf_(2, 3);

/* The actual cunik that a desired one continues, NULL for a new one. */
const struct world_cunik *cunik_assign_old(const struct assignment *a, const struct world_cunik *c);
/* Whether an actual cunik is still there beside the desired ones. */
bool cunik_assign_stays(const struct assignment *a, const struct world_cunik *actual);
/* Whether what is there (NULL = nothing) is a network of another stack that has the name of ours:
 * that is said once, by cunik_assign_subnets(). */
bool cunik_assign_is_foreign(const struct world_network *n, const struct world_network *old);
/* A number derived from a text, spread over 64 bits. */
uint64_t cunik_assign_hash(const char *text);
