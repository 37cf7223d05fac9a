#include "network/link.h"

#include <arpa/inet.h>
#include <errno.h>
#include <linux/if_link.h>
#include <linux/rtnetlink.h>
#include <net/if.h>
#include <netlink/attr.h>
#include <netlink/route/link.h>
#include <stdio.h>
#include <string.h>

#include "base/memory.h"
#include "base/process.h"
#include "base/text.h"
#include "network/names.h"
#include "network/netlink.h"
#include "network/sysctl.h"
#include "network/tap.h"

/* A link of some name as the kernel has it; alias NULL when it has none. */
struct seen {
    bool there;
    unsigned index;
    uint32_t group;
    char *alias;
};

static void seen_done(struct seen *l)
{
    free(l->alias);
}
#define _cleanup_seen_ _cleanup_(seen_done)

static int look(struct nl_sock *s, const char *name, struct seen *ret, struct error **err)
{
    struct rtnl_link *link = NULL;
    int r = rtnl_link_get_kernel(s, 0, name, &link);

    if (r == -NLE_NODEV || r == -NLE_OBJ_NOTFOUND)
        return 0;
    if (r < 0)
        return cunik_error_set(err, ERROR_FAILED, "looking for link '%s': %s", name,
                               nl_geterror(r));
    *ret = (struct seen){.there = true,
                         .index = (unsigned)rtnl_link_get_ifindex(link),
                         .group = rtnl_link_get_group(link),
                         .alias = cunik_strdup(rtnl_link_get_ifalias(link))};
    rtnl_link_put(link);
    return 0;
}

static int not_ours(const char *name, struct error **err)
{
    return cunik_error_set(err, ERROR_CONFLICT,
                           "there is a link '%s' already that this engine has not made", name);
}

static int set_for_link(const char *family, const char *name, const char *key, int value,
                        struct error **err)
{
    _cleanup_free_ char *path = cunik_asprintf("net/%s/conf/%s/%s", family, name, key);

    return cunik_sysctl_set(path, value, err);
}

/* A host without IPv6 has no switch to turn it off. */
static int no_ipv6(const char *name, struct error **err)
{
    _cleanup_error_ struct error *e = NULL;
    int r = set_for_link("ipv6", name, "disable_ipv6", 1, &e);

    return r == -ENOENT ? 0 : cunik_error_pass(err, r, &e);
}

int cunik_link_forwards(const char *name, bool *ret, struct error **err)
{
    _cleanup_free_ char *path = name ? cunik_asprintf("net/ipv4/conf/%s/forwarding", name)
                                     : cunik_strdup("net/ipv4/ip_forward");
    int value, r = cunik_sysctl_get(path, &value, err);

    if (r == 0)
        *ret = value != 0;
    return r;
}

int cunik_link_forward(const char *name, bool on, struct error **err)
{
    _cleanup_error_ struct error *e = NULL;
    int r = set_for_link("ipv4", name, "forwarding", on, &e);

    return r == -ENOENT ? 0 : cunik_error_pass(err, r, &e);
}

static int check_name(const char *name, struct error **err)
{
    return cunik_link_is_name(name)
               ? 0
               : cunik_error_set(err, ERROR_INVALID, "'%s' cannot be the name of a link", name);
}

static int make_bridge(struct nl_sock *s, const struct bridge_settings *b, struct error **err)
{
    _cleanup_free_ char *mac = cunik_network_mac("", "bridge", 0, b->name);
    struct ifinfomsg header = {.ifi_family = AF_UNSPEC};
    unsigned char raw[6];
    struct nl_msg *m = cunik_netlink_message(RTM_NEWLINK, NLM_F_CREATE | NLM_F_EXCL);

    if (sscanf(mac, "%hhx:%hhx:%hhx:%hhx:%hhx:%hhx", &raw[0], &raw[1], &raw[2], &raw[3], &raw[4],
               &raw[5]) != 6)
        abort();
    cunik_netlink_append(m, &header, sizeof(header));
    cunik_netlink_string(m, IFLA_IFNAME, b->name);
    cunik_netlink_bytes(m, IFLA_ADDRESS, raw, sizeof(raw));
    cunik_netlink_u32(m, IFLA_GROUP, b->group);
    struct nlattr *info = cunik_netlink_nest(m, IFLA_LINKINFO);
    cunik_netlink_string(m, IFLA_INFO_KIND, "bridge");
    struct nlattr *data = cunik_netlink_nest(m, IFLA_INFO_DATA);
    cunik_netlink_u32(m, IFLA_BR_STP_STATE, 0);
    cunik_netlink_u32(m, IFLA_BR_FORWARD_DELAY, 0);
    nla_nest_end(m, data);
    nla_nest_end(m, info);
    return cunik_netlink_send(s, m, err, "creating bridge '%s'", b->name);
}

/* Alias, group, bridge, MTU and up in one change; 0 leaves bridge and MTU as they are. */
static int label_and_up(struct nl_sock *s, const char *name, const char *alias, uint32_t group,
                        unsigned master, unsigned mtu, struct error **err)
{
    struct ifinfomsg header = {.ifi_family = AF_UNSPEC, .ifi_flags = IFF_UP, .ifi_change = IFF_UP};
    struct nl_msg *m = cunik_netlink_message(RTM_NEWLINK, 0);

    cunik_netlink_append(m, &header, sizeof(header));
    cunik_netlink_string(m, IFLA_IFNAME, name);
    cunik_netlink_bytes(m, IFLA_IFALIAS, alias, strlen(alias));
    cunik_netlink_u32(m, IFLA_GROUP, group);
    if (master)
        cunik_netlink_u32(m, IFLA_MASTER, master);
    if (mtu)
        cunik_netlink_u32(m, IFLA_MTU, mtu);
    return cunik_netlink_send(s, m, err, "setting up link '%s'", name);
}

/* Not the bridge's name: see link.h. */
static const char names_label[] = "ck-names";

static int add_address(struct nl_sock *s, const char *name, const struct cidr *c,
                       struct error **err)
{
    struct ifaddrmsg header = {.ifa_family = AF_INET,
                               .ifa_prefixlen = (unsigned char)c->length,
                               .ifa_scope = RT_SCOPE_UNIVERSE,
                               .ifa_index = if_nametoindex(name)};
    uint32_t local = htonl(c->address), broadcast = htonl(cunik_cidr_last(c));
    struct nl_msg *m = cunik_netlink_message(RTM_NEWADDR, NLM_F_CREATE | NLM_F_REPLACE);
    _cleanup_free_ char *text = cunik_cidr_text(c);

    cunik_netlink_append(m, &header, sizeof(header));
    cunik_netlink_bytes(m, IFA_LOCAL, &local, sizeof(local));
    cunik_netlink_bytes(m, IFA_ADDRESS, &local, sizeof(local));
    if (c->length < 31)
        cunik_netlink_bytes(m, IFA_BROADCAST, &broadcast, sizeof(broadcast));
    if (c->length == 32)
        cunik_netlink_string(m, IFA_LABEL, names_label);
    return cunik_netlink_send(s, m, err, "giving bridge '%s' the address %s", name, text);
}

/* At once: nobody else can have it, and a check would take a second. */
static int add_address6(struct nl_sock *s, const char *name, const struct cidr6 *c,
                        struct error **err)
{
    struct ifaddrmsg header = {.ifa_family = AF_INET6,
                               .ifa_prefixlen = (unsigned char)c->length,
                               .ifa_flags = IFA_F_NODAD,
                               .ifa_scope = RT_SCOPE_UNIVERSE,
                               .ifa_index = if_nametoindex(name)};
    struct nl_msg *m = cunik_netlink_message(RTM_NEWADDR, NLM_F_CREATE | NLM_F_REPLACE);
    _cleanup_free_ char *text = cunik_cidr6_text(c);

    cunik_netlink_append(m, &header, sizeof(header));
    cunik_netlink_bytes(m, IFA_LOCAL, &c->address, sizeof(c->address));
    cunik_netlink_bytes(m, IFA_ADDRESS, &c->address, sizeof(c->address));
    return cunik_netlink_send(s, m, err, "giving bridge '%s' the address %s", name, text);
}

static int remove_address(struct nl_sock *s, const char *name, const struct cidr *c,
                          struct error **err)
{
    struct ifaddrmsg header = {.ifa_family = AF_INET,
                               .ifa_prefixlen = (unsigned char)c->length,
                               .ifa_index = if_nametoindex(name)};
    uint32_t local = htonl(c->address);
    struct nl_msg *m = cunik_netlink_message(RTM_DELADDR, 0);
    _cleanup_error_ struct error *e = NULL;

    cunik_netlink_append(m, &header, sizeof(header));
    cunik_netlink_bytes(m, IFA_LOCAL, &local, sizeof(local));
    int r = cunik_netlink_send(s, m, &e, "taking an address from bridge '%s'", name);
    if (r == -EADDRNOTAVAIL) /* gone since it was looked up */
        return 0;
    return cunik_error_pass(err, r, &e);
}

static bool is_wanted(const struct bridge_settings *b, const struct cidr *c)
{
    for (size_t i = 0; i < b->n_more; i++)
        if (b->more[i].address == c->address && b->more[i].length == c->length)
            return true;
    return false;
}

/* Those of name servers that are no more. */
static int remove_stale(struct nl_sock *s, const struct bridge_settings *b, struct error **err)
{
    _cleanup_links_ struct links links = {0};
    int r = cunik_link_list(&links, err);
    const struct link *l = r == 0 ? cunik_links_find(&links, b->name) : NULL;

    for (size_t i = 0; r == 0 && l && i < l->n_addresses; i++)
        if (l->addresses[i].length == 32 && !is_wanted(b, &l->addresses[i]))
            r = remove_address(s, b->name, &l->addresses[i], err);
    return r;
}

/* An older kernel has no such switch for a link. */
static int forward_ipv6(const char *name, struct error **err)
{
    _cleanup_error_ struct error *e = NULL;
    int r = set_for_link("ipv6", name, "force_forwarding", 1, &e);

    return r == -ENOENT ? 0 : cunik_error_pass(err, r, &e);
}

/* The host of a network with IPv6 neither learns routes from its guests nor makes up addresses. */
static int set_up_ipv6(struct nl_sock *s, const struct bridge_settings *b, struct error **err)
{
    int r;

    if (!b->address6)
        return no_ipv6(b->name, err);
    if ((r = set_for_link("ipv6", b->name, "accept_ra", 0, err)) < 0 ||
        (r = set_for_link("ipv6", b->name, "accept_dad", 0, err)) < 0 ||
        (r = set_for_link("ipv6", b->name, "disable_ipv6", 0, err)) < 0 ||
        (r = forward_ipv6(b->name, err)) < 0)
        return cunik_error_prefix(err, r, "IPv6 on bridge '%s'", b->name);
    return add_address6(s, b->name, b->address6, err);
}

static int set_addresses(struct nl_sock *s, const struct bridge_settings *b, bool old,
                         struct error **err)
{
    int r = add_address(s, b->name, &b->address, err);

    for (size_t i = 0; r == 0 && i < b->n_more; i++)
        r = add_address(s, b->name, &b->more[i], err);
    if (r == 0 && old)
        r = remove_stale(s, b, err);
    return r == 0 ? set_up_ipv6(s, b, err) : r;
}

/* A bridge gets its group when it is made and its alias a message later: who died between the two
 * left one in our group, under the name derived for it, without alias. */
static bool is_this_bridge(const struct seen *l, const char *alias, uint32_t group)
{
    return l->alias ? strcmp(l->alias, alias) == 0 : group && l->group == group;
}

int cunik_link_create_bridge(const struct bridge_settings *b, struct error **err)
{
    _cleanup_nl_socket_ struct nl_sock *s = NULL;
    _cleanup_free_ char *alias = NULL;
    _cleanup_seen_ struct seen old = {0};
    int r;

    if ((r = check_name(b->name, err)) < 0 ||
        (r = cunik_link_label_text(&b->label, &alias, err)) < 0 ||
        (r = cunik_netlink_open(NETLINK_ROUTE, &s, err)) < 0 ||
        (r = look(s, b->name, &old, err)) < 0)
        return r;
    if (old.there && !is_this_bridge(&old, alias, b->group))
        return not_ours(b->name, err);
    if (!old.there && (r = make_bridge(s, b, err)) < 0)
        return r;
    if ((r = set_for_link("ipv4", b->name, "route_localnet", 1, err)) < 0 ||
        (r = cunik_link_forward(b->name, true, err)) < 0 ||
        (r = set_addresses(s, b, old.there, err)) < 0)
        return r;
    return label_and_up(s, b->name, alias, b->group, 0, b->mtu, err);
}

static int attach(struct nl_sock *s, const struct tap_settings *t, const char *alias,
                  struct error **err)
{
    unsigned master = if_nametoindex(t->bridge);
    int r;

    if (!master)
        return cunik_error_set(err, ERROR_NOT_FOUND, "there is no bridge '%s'", t->bridge);
    if ((r = no_ipv6(t->name, err)) < 0)
        return r;
    r = label_and_up(s, t->name, alias, t->group, master, t->mtu, err);
    if (r == -EXFULL)
        return cunik_error_set(err, ERROR_FAILED,
                               "bridge '%s' is full: the kernel gives a bridge 1023 ports",
                               t->bridge);
    return r;
}

/* *ret_made: whether there was none yet. */
static int make_tap(struct nl_sock *s, const struct tap_settings *t, const char *alias,
                    bool *ret_made, struct error **err)
{
    _cleanup_close_ int fd = -1;
    int r = cunik_tap_open(t->name, t->uid, t->gid, &fd, err);

    *ret_made = r == 0;
    if (r == 0)
        r = attach(s, t, alias, err);
    return r < 0 ? r : cunik_tap_keep(fd, err);
}

static int create_tap(struct nl_sock *s, const struct tap_settings *t, struct error **err)
{
    _cleanup_error_ struct error *busy = NULL;
    _cleanup_free_ char *alias = NULL;
    _cleanup_seen_ struct seen old = {0};
    bool made;
    int r, tap;

    if ((r = check_name(t->name, err)) < 0 ||
        (r = cunik_link_label_text(&t->label, &alias, err)) < 0)
        return r;
    cunik_process_hold();
    tap = make_tap(s, t, alias, &made, &busy);
    cunik_process_release();
    if (made)
        return cunik_error_pass(err, tap, &busy);
    if ((r = look(s, t->name, &old, err)) < 0)
        return r;
    if (!old.there)
        return cunik_error_pass(err, tap, &busy);
    /* One without alias is not ours half-made: a tap is kept only when it has its label. */
    if (!old.alias || strcmp(old.alias, alias) != 0)
        return not_ours(t->name, err);
    return attach(s, t, alias, err);
}

int cunik_link_create_tap(const struct tap_settings *t, struct error **err)
{
    _cleanup_nl_socket_ struct nl_sock *s = NULL;
    int r = cunik_netlink_open(NETLINK_ROUTE, &s, err);

    if (r == 0)
        r = create_tap(s, t, err);
    return r < 0 ? cunik_error_prefix(err, r, "creating tap '%s'", t->name) : 0;
}

/* By index, or by group when index is 0. */
static int delete (struct nl_sock *s, unsigned index, uint32_t group, const char *name,
                   struct error **err)
{
    struct ifinfomsg header = {.ifi_family = AF_UNSPEC, .ifi_index = (int)index};
    struct nl_msg *m = cunik_netlink_message(RTM_DELLINK, 0);
    _cleanup_error_ struct error *e = NULL;

    cunik_netlink_append(m, &header, sizeof(header));
    if (!index)
        cunik_netlink_u32(m, IFLA_GROUP, group);
    int r = cunik_netlink_send(s, m, &e, "removing %s", name);
    if (r == -ENODEV) /* gone since it was looked up */
        return 0;
    return cunik_error_pass(err, r, &e);
}

int cunik_link_remove(const char *name, const char *engine, uint32_t group, struct error **err)
{
    _cleanup_nl_socket_ struct nl_sock *s = NULL;
    _cleanup_seen_ struct seen old = {0};
    struct link_label label = {0};
    int r;

    if ((r = cunik_netlink_open(NETLINK_ROUTE, &s, err)) < 0 || (r = look(s, name, &old, err)) < 0)
        return r;
    if (!old.there)
        return 0;
    bool ours = old.alias
                    ? cunik_link_label_parse(old.alias, &label) && strcmp(label.engine, engine) == 0
                    : group && old.group == group;
    cunik_link_label_done(&label);
    if (!ours)
        return not_ours(name, err);
    _cleanup_free_ char *what = cunik_asprintf("link '%s'", name);
    return delete (s, old.index, 0, what, err);
}

/* Labelled so, or a bridge half-made (see is_this_bridge). */
static bool is_of_stack(const struct link *l, const char *engine, const char *stack, uint32_t group)
{
    if (l->labelled)
        return strcmp(l->label.engine, engine) == 0 && strcmp(l->label.stack, stack) == 0;
    return !l->aliased && l->bridge && l->group == group && cunik_text_starts(l->name, "ckb");
}

int cunik_link_remove_stack(const char *engine, const char *stack, uint32_t group,
                            struct error **err)
{
    _cleanup_nl_socket_ struct nl_sock *s = NULL;
    _cleanup_links_ struct links links = {0};
    bool at_once = true; /* the group is the stack's links, and nothing else */
    size_t ours = 0;
    int r;

    if ((r = cunik_link_list(&links, err)) < 0 ||
        (r = cunik_netlink_open(NETLINK_ROUTE, &s, err)) < 0)
        return r;
    for (size_t i = 0; i < links.n; i++) {
        bool mine = is_of_stack(&links.items[i], engine, stack, group);
        ours += mine;
        at_once = at_once && mine == (links.items[i].group == group);
    }
    if (!ours)
        return 0;
    if (at_once) {
        _cleanup_free_ char *what = cunik_asprintf("the links of stack '%s'", stack);
        return delete (s, 0, group, what, err);
    }
    for (size_t i = 0; i < links.n; i++) {
        const struct link *l = &links.items[i];
        _cleanup_free_ char *what = cunik_asprintf("link '%s'", l->name);
        if (is_of_stack(l, engine, stack, group) && (r = delete (s, l->index, 0, what, err)) < 0)
            return r;
    }
    return 0;
}
