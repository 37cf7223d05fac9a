#include "network/loopback.h"

#include <arpa/inet.h>
#include <linux/if.h>
#include <linux/rtnetlink.h>
#include <string.h>

#include "base/memory.h"
#include "network/link.h"
#include "network/netlink.h"

static const char loopback[] = "lo";

static int set_up(struct nl_sock *s, struct error **err)
{
    struct ifinfomsg header = {.ifi_family = AF_UNSPEC, .ifi_flags = IFF_UP, .ifi_change = IFF_UP};
    struct nl_msg *m = cunik_netlink_message(RTM_NEWLINK, 0);

    cunik_netlink_append(m, &header, sizeof(header));
    cunik_netlink_string(m, IFLA_IFNAME, loopback);
    return cunik_netlink_send(s, m, err, "setting up link '%s'", loopback);
}

/* type: RTM_NEWADDR or RTM_DELADDR. */
static int change(struct nl_sock *s, int type, unsigned index, uint32_t address, struct error **err)
{
    struct ifaddrmsg header = {
        .ifa_family = AF_INET, .ifa_prefixlen = 32, .ifa_scope = RT_SCOPE_HOST, .ifa_index = index};
    uint32_t local = htonl(address);
    struct nl_msg *m =
        cunik_netlink_message(type, type == RTM_NEWADDR ? NLM_F_CREATE | NLM_F_REPLACE : 0);
    _cleanup_free_ char *text = cunik_address_text(address);

    cunik_netlink_append(m, &header, sizeof(header));
    cunik_netlink_bytes(m, IFA_LOCAL, &local, sizeof(local));
    cunik_netlink_bytes(m, IFA_ADDRESS, &local, sizeof(local));
    return cunik_netlink_send(s, m, err, "address %s of link 'lo'", text);
}

static bool is_loopback(uint32_t address)
{
    return address >> 24 == 127;
}

static bool has(const struct link *l, uint32_t address)
{
    for (size_t i = 0; i < l->n_addresses; i++)
        if (l->addresses[i].address == address)
            return true;
    return false;
}

int cunik_loopback_set(const struct strv *addresses, struct error **err)
{
    _cleanup_nl_socket_ struct nl_sock *s = NULL;
    _cleanup_links_ struct links links = {0};
    uint32_t address;
    int r;

    if ((r = cunik_netlink_open(NETLINK_ROUTE, &s, err)) < 0 ||
        (r = cunik_link_list(&links, err)) < 0)
        return r;
    const struct link *lo = cunik_links_find(&links, loopback);
    if (!lo)
        return cunik_error_set(err, ERROR_NOT_FOUND, "there is no link '%s'", loopback);
    if (!lo->up && (r = set_up(s, err)) < 0)
        return r;
    for (size_t i = 0; r == 0 && i < addresses->n; i++)
        if (cunik_address_parse(addresses->items[i], &address, NULL) == 0 &&
            !is_loopback(address) && !has(lo, address))
            r = change(s, RTM_NEWADDR, lo->index, address, err);
    for (size_t i = 0; r == 0 && i < lo->n_addresses; i++) {
        _cleanup_free_ char *text = cunik_address_text(lo->addresses[i].address);
        if (!is_loopback(lo->addresses[i].address) && !cunik_strv_has(addresses, text))
            r = change(s, RTM_DELADDR, lo->index, lo->addresses[i].address, err);
    }
    return r;
}
