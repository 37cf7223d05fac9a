#include "engine/world_network.h"

int cunik_world_network_addresses(const struct world_network *n, struct cidr *ret_subnet,
                                  uint32_t *ret_gateway, struct error **err)
{
    int r = cunik_cidr_parse_subnet(n->subnet, ret_subnet, err);

    if (r == 0 && *n->gateway)
        r = cunik_address_parse(n->gateway, ret_gateway, err);
    else if (r == 0)
        *ret_gateway = cunik_cidr_first(ret_subnet) + (ret_subnet->length < 31);
    return cunik_error_prefix(err, r, "network '%s'", n->name);
}
