/* Links of our own: bridges and taps, through rtnetlink and /dev/net/tun.
 *
 * Each carries its owner in its alias, "cunik ENGINE STACK KIND NAME", KIND being "network" (a
 * bridge) or "cunik" (a tap; NAME is the cunik's). A link without such an alias of this engine is
 * never changed and never removed: ERROR_CONFLICT names it. All links of a stack are in one group,
 * so that one message removes them all, at a hundredth of the time that one by one takes.
 *
 * All functions may be called from several threads at once, and all need CAP_NET_ADMIN.
 */
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/types.h>

#include "base/error.h"
#include "base/strv.h"
#include "network/address.h"
#include "network/address6.h"

enum { LINK_NAME_MAX = 15, LINK_ALIAS_MAX = 255 }; /* IFNAMSIZ, IFALIASZ: without the NUL */

/* Whether a link of ours may be called so: letters, digits and _ . - behind a letter or digit, and
 * neither "lo" nor what stands for links in general under /proc/sys/net ("all", "default"). Pure.
 */
bool cunik_link_is_name(const char *name);

/* Whom a link belongs to. No part holds a space. */
struct link_label {
    char *engine;
    char *stack;
    char *kind; /* "network" or "cunik" */
    char *name;
};

/* The alias; pure. ERROR_INVALID when it has a space in a part or does not fit. */
int cunik_link_label_text(const struct link_label *l, char **ret, struct error **err);
/* False, and nothing stored, for an alias that is no label (NULL too). */
bool cunik_link_label_parse(const char *alias, struct link_label *ret);
void cunik_link_label_done(struct link_label *l);

struct bridge_settings {
    const char *name;
    struct link_label label;
    uint32_t group;          /* cunik_network_group() */
    struct cidr address;     /* the bridge's own, with the subnet's length */
    const struct cidr *more; /* in further subnets; /32: of name servers for single guests */
    size_t n_more;
    const struct cidr6 *address6; /* NULL = no IPv6 on it */
    unsigned mtu;                 /* 0 = the usual */
};

/* A bridge that forwards at once (no spanning tree), with a MAC address of its own (derived from
 * its name: else it takes the lowest of its ports' and changes with them), label, group and
 * addresses; up. IPv6 is off on it unless it has such an address. A /32 has the label "ck-names"
 * and not the bridge's name, so that who listens on the bridge's addresses leaves it alone; others
 * of that length are taken away. Packets for 127.0.0.0/8 may be sent through it, which published
 * ports need (rules.h keeps guests from using that), and those from it may be forwarded. An
 * existing one of the same label is brought to this. A bridge that another engine or person made is
 * ERROR_CONFLICT. */
int cunik_link_create_bridge(const struct bridge_settings *s, struct error **err);

struct tap_settings {
    const char *name;
    struct link_label label;
    uint32_t group;
    const char *bridge;
    unsigned mtu; /* 0 = the usual */
    uid_t uid;    /* may open it besides root; with -1 in both anyone may */
    gid_t gid;
};

/* A tap on its bridge and up. It becomes persistent as the last step, so whoever dies on the way
 * leaves none behind. An existing one of the same label is put on its bridge and up again. */
int cunik_link_create_tap(const struct tap_settings *s, struct error **err);

/* A missing one is no error. One without alias is ours when it is in `group`, see
 * cunik_link_create_bridge(); 0 = never. */
int cunik_link_remove(const char *name, const char *engine, uint32_t group, struct error **err);
/* All links of a stack, bridges and taps, in one message when nobody else's link is in the group,
 * else one by one. */
int cunik_link_remove_stack(const char *engine, const char *stack, uint32_t group,
                            struct error **err);

/* A link as found. */
struct link {
    char *name;
    unsigned index, master; /* master 0 = on no bridge */
    uint32_t group;
    bool up;
    bool carrier; /* of one that is up: of a tap, somebody has it open */
    bool bridge;
    bool aliased;  /* has an alias, ours or not */
    bool labelled; /* by any engine of ours */
    struct link_label label;
    struct cidr *addresses; /* IPv4 */
    size_t n_addresses;
    struct cidr6 *addresses6; /* without the link's own (fe80::/10) */
    size_t n_addresses6;
};

struct links {
    struct link *items; /* sorted by name */
    size_t n;
};

/* Every link with its addresses, in two dumps. */
int cunik_link_list(struct links *ret, struct error **err);
void cunik_links_done(struct links *l);
#define _cleanup_links_ _cleanup_(cunik_links_done)
/* By name, NULL when absent. */
const struct link *cunik_links_find(const struct links *l, const char *name);

/* A route of any table that leaves through a link (or none: blackholes), IPv4, without the default
 * route and without the kernel's own for local and broadcast addresses. */
struct route {
    struct cidr destination;
    unsigned link; /* index, 0 = none */
};

struct routes {
    struct route *items;
    size_t n;
};

int cunik_link_routes(struct routes *ret, struct error **err);
void cunik_routes_done(struct routes *r);
#define _cleanup_routes_ _cleanup_(cunik_routes_done)

/* Whether IPv4 packets that come in through a link are forwarded; of the host as a whole when name
 * is NULL. */
int cunik_link_forwards(const char *name, bool *ret, struct error **err);
/* Switches that for a link, which may be gone by now. Used on links that are not ours only for the
 * way in and out of guests. */
int cunik_link_forward(const char *name, bool on, struct error **err);

/* The links that default routes of the main table leave through, by index; the caller frees them.
 */
int cunik_link_ways_out(unsigned **ret, size_t *ret_n, struct error **err);
